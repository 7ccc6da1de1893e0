"""The JSON report: the whole document, and the words of each verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelcheck import __version__
from modelcheck.render.json import document, render
from modelcheck.verdict import ClaimResult
from tests.render import results
from tests.render.golden_files import golden


def test_the_whole_document() -> None:
    assert json.loads(render([results.HOLDS])) == {
        "schema": 1,
        "tool": {"name": "modelcheck", "version": __version__},
        "results": [
            {
                "file": "a.flow",
                "line": 12,
                "column": 3,
                "protocol": "p",
                "claim": "server_auth",
                "kind": "agreement",
                "text": "Client agrees with Server on k",
                "verdict": "holds",
                "expected": "holds",
                "reason": "",
                "ok": True,
                "cached": False,
                "seconds": 0.0124,
                "audit_seconds": 0.25,
                "assumptions": ["messages keep their format"],
                "sources": ["T13-06", "T13-10"],
                "evidence": {"invariant": {"audited": True, "questions": 29}},
            }
        ],
    }


def test_the_whole_document_of_a_run() -> None:
    assert render([*results.NAMED, results.REACHED]) + "\n" == golden("report.json")


@pytest.mark.parametrize(
    ("result", "verdict", "evidence"),
    [
        (results.NOT_AUDITED, "holds", {"invariant": {"audited": False, "questions": 0}}),
        (results.REACHED, "holds", {"honest_run": {"path": "2"}}),
        (
            results.UNEXPECTED,
            "attack",
            {"attack": {
                "sessions": [{"label": "Client #1", "role": "Client", "names": ["A", "B"],
                              "description": "Client #1 of A with B"}],
                "steps": [
                    {"number": 1, "kind": "session", "session": "Client #1", "receives": [], "sends": ["Hello"],
                     "text": "Client #1 of A with B sends Hello", "terms": ["Hello { g^x }"]},
                    {"number": 2, "kind": "reveal", "session": "Client #1", "receives": [], "sends": [],
                     "text": "leak of `x`: the attacker gets `x`", "terms": ["x"]},
                ],
                "conclusion": "The attacker knows `k` of Client #1 of A with B."}},
        ),
        (results.BOUNDED, "bounded", {"sessions": 4, "derivation": {
            "steps": ["some Client sends Hello"], "conclusion": "so the attacker knows `k`"}}),
        (results.UNDECIDED, "undecided", {"reason": "the budget of 5 work units ran out"}),
        (results.VACUOUS, "vacuous", {"reason": "no session gets to the point that the claim judges"}),
        (results.NOT_SUPPORTED, "not supported yet", {"reason": "unlinkability is not supported yet"}),
    ],
)  # fmt: skip
def test_every_verdict_has_its_word_and_its_evidence(
    result: ClaimResult, verdict: str, evidence: dict[str, Any]
) -> None:
    (entry,) = document([result])["results"]
    assert (entry["verdict"], entry["evidence"]) == (verdict, evidence)


def test_the_example_of_the_reference_has_every_field() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"
    example = json.loads(page.read_text(encoding="utf-8").partition("```json\n")[2].partition("```")[0])
    real = document([results.HOLDS])
    assert list(example) == list(real)
    assert list(example["results"][0]) == list(real["results"][0])


def test_no_claims_are_an_empty_list() -> None:
    assert document([])["results"] == []
