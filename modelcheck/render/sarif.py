"""Results as SARIF 2.1.0, the format in which code scanning takes findings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from modelcheck import __version__
from modelcheck.verdict import (
    Attack,
    ClaimResult,
    NotSupported,
    Vacuous,
    account,
    exit_code,
    headline,
    left_open,
    step_text,
)

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
KINDS = {
    "secrecy": "The attacker never learns a value.",
    "agreement": "When a role gets to its point, a partner holds the same values.",
    "weak agreement": "When a role gets to its point, a partner runs the protocol with it.",
    "injective agreement": "When a role gets to its point, a partner that serves no other session holds the same values.",
    "aliveness": "When a role gets to its point, its partner has run.",
    "key uniqueness": "Two sessions that share a value agree on what it identifies.",
    "channel binding": "Two sessions that share a value are the two ends of one channel.",
    "reachability": "Some honest run gets to a point.",
    "indistinguishability": "The attacker cannot tell values apart.",
    "indistinguishability by length": "The attacker cannot tell values apart by their length.",
    "unlinkability": "The attacker cannot tell that two sessions belong to one party.",
    "guessing resistance": "The attacker cannot test guesses of a value.",
}
"""What claims of each kind say; each kind is a rule."""
OUTCOMES = {
    "vacuous": ("A claim says nothing", "Its premise is never true, or a role cannot finish."),
    "undecided": ("A claim is undecided", "It is neither proven nor attacked within the limits of the run."),
    "not-supported": ("A claim is not supported", "It is of a kind that this version does not decide."),
}
"""Rules for claims of any kind that have no verdict of their own: title and description."""
UNEXPECTED = {kind.replace(" ", "-"): (f"Unexpected verdict on {kind}", text) for kind, text in KINDS.items()}
RULES = {**UNEXPECTED, **OUTCOMES}
WARNINGS = ("undecided", "not-supported")


def document(results: Sequence[ClaimResult], mistake: str = "") -> dict[str, Any]:
    """Return the report as JSON values.

    Claims that come out as expected are left out: code scanning shows results of the kind `pass` as alerts.
    ``mistake`` is what ended the run before all claims were checked, if something did.
    """
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "modelcheck", "version": __version__, "rules": _rules()}},
                "columnKind": "unicodeCodePoints",
                "invocations": [_invocation(results, mistake)],
                "results": [_result(one) for one in results if not one.ok],
            }
        ],
    }


def render(results: Sequence[ClaimResult], mistake: str = "") -> str:
    """Return the report as JSON text."""
    return json.dumps(document(results, mistake), indent=2)


def rule_of(result: ClaimResult) -> str:
    """Return the identifier of the rule that an unexpected result falls under."""
    if isinstance(result.verdict, Vacuous):
        return "vacuous"
    if isinstance(result.verdict, NotSupported):
        return "not-supported"
    return "undecided" if left_open(result.verdict) else result.kind.replace(" ", "-")


def _rules() -> list[dict[str, Any]]:
    return [
        {
            "id": rule,
            "name": "".join(word.capitalize() for word in rule.split("-")),
            "shortDescription": {"text": title},
            "fullDescription": {"text": text},
            "defaultConfiguration": {"level": "warning" if rule in WARNINGS else "error"},
        }
        for rule, (title, text) in RULES.items()
    ]


def _invocation(results: Sequence[ClaimResult], mistake: str) -> dict[str, Any]:
    if mistake:
        said = [{"level": "error", "message": _message(mistake)}]
        return {"executionSuccessful": False, "toolExecutionNotifications": said}
    return {"executionSuccessful": True, "exitCode": exit_code(results)}


def _result(result: ClaimResult) -> dict[str, Any]:
    rule = rule_of(result)
    place = _place(result)
    found: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": list(RULES).index(rule),
        "level": "warning" if rule in WARNINGS else "error",
        "message": _message("\n".join((headline(result), *account(result)))),
        "locations": [{**place, "logicalLocations": [{"fullyQualifiedName": result.name, "kind": "claim"}]}],
        # Neither verdict nor line is part of it, so that a finding stays the same while its spec is edited.
        "partialFingerprints": {"claim/v1": sha256(result.name.encode()).hexdigest()},
    }
    if isinstance(result.verdict, Attack):
        found["codeFlows"] = [_flow(result.verdict, place)]
    return found


def _flow(attack: Attack, place: dict[str, Any]) -> dict[str, Any]:
    """Return an attack as a flow; its steps are the attacker's run and stand nowhere in the spec but at the claim."""
    texts = [*map(step_text, attack.steps), attack.conclusion]
    steps = [
        {"executionOrder": number, "importance": "essential", "location": {**place, "message": _message(text)}}
        for number, text in enumerate(texts, 1)
    ]
    return {"message": _message(attack.conclusion), "threadFlows": [{"locations": steps}]}


def _place(result: ClaimResult) -> dict[str, Any]:
    region = {"startLine": result.line, "startColumn": result.column}
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(Path(result.file))}, "region": region}}


def _uri(path: Path) -> str:
    root = "file://" if path.is_absolute() else ""
    return root + quote(path.as_posix(), errors="surrogateescape")


def _message(text: str) -> dict[str, str]:
    """Return a message; in SARIF, braces stand for arguments unless they are doubled."""
    return {"text": text.replace("{", "{{").replace("}", "}}")}
