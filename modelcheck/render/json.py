"""Results as JSON, schema 1."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from modelcheck import __version__
from modelcheck.verdict import (
    Attack,
    BoundedSearch,
    ClaimResult,
    Holds,
    InternalError,
    NotSupported,
    PossibleDifference,
    Undecided,
    Vacuous,
    Verdict,
    verdict_word,
)


def document(results: Sequence[ClaimResult]) -> dict[str, Any]:
    """Return the report as JSON values."""
    return {
        "schema": 1,
        "tool": {"name": "modelcheck", "version": __version__},
        "results": [_result(result) for result in results],
    }


def render(results: Sequence[ClaimResult]) -> str:
    """Return the report as JSON text."""
    return json.dumps(document(results), indent=2)


def _word(verdict: Verdict) -> str:
    match verdict:
        case Holds():
            return "holds"
        case BoundedSearch():
            return "bounded"
        case PossibleDifference():
            return "possible"
        case _:
            return verdict_word(verdict)


def _result(result: ClaimResult) -> dict[str, Any]:
    return {
        "file": result.file,
        "line": result.line,
        "column": result.column,
        "protocol": result.protocol,
        "claim": result.claim,
        "kind": result.kind,
        "text": result.text,
        "verdict": _word(result.verdict),
        "expected": result.expected,
        "reason": result.reason,
        "ok": result.ok,
        "cached": result.cached,
        "seconds": round(result.seconds, 6),
        "audit_seconds": round(result.audit_seconds, 6),
        "assumptions": list(result.assumptions),
        "sources": list(result.sources),
        "evidence": _evidence(result.verdict),
    }


def _attack(attack: Attack) -> dict[str, Any]:
    two_sides = bool(attack.sides[0])
    return {
        "sessions": [
            {"label": one.label, "role": one.role, "names": list(one.names), "description": one.description}
            for one in attack.sessions
        ],
        "steps": [
            {
                "number": number, "kind": step.kind, "session": step.session, "text": step.text,
                "receives": list(step.receives), "sends": list(step.sends), "terms": list(step.terms),
                **({"right": step.right or step.text} if two_sides else {}),
            }
            for number, step in enumerate(attack.steps, 1)
        ],
        **({"sides": list(attack.sides)} if two_sides else {}),
        "conclusion": attack.conclusion,
    }  # fmt: skip


def _evidence(verdict: Verdict) -> dict[str, Any]:
    match verdict:
        case Holds(evidence=tuple() as paths):
            return {"honest_run": {"path": paths[0]}}
        case Holds(audited, questions, turned=turned):
            return {
                "invariant": {"audited": audited, "questions": questions},
                **({"turned_by": turned} if turned else {}),
            }
        case Attack():
            return {"attack": _attack(verdict)}
        case BoundedSearch(sessions, steps, conclusion):
            return {"sessions": sessions, "derivation": {"steps": list(steps), "conclusion": conclusion}}
        case PossibleDifference(steps, conclusion):
            return {"derivation": {"steps": list(steps), "conclusion": conclusion}}
        case Undecided(reason) | Vacuous(reason) | InternalError(reason):
            return {"reason": reason}
        case NotSupported(construct):
            return {"reason": f"{construct} is not supported yet"}
