"""From a claim to its verdict: what ends the work, and what contradicts itself."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from modelcheck import pipeline
from modelcheck.engine.evidence import certificate
from modelcheck.options import Options
from modelcheck.pipeline import InvariantRejected, audit_verdict, check_claim, result_of
from modelcheck.verdict import Holds, Undecided
from tests.support import FAST, SIGNED, tasks

SPEC = SIGNED + "  c: secret k at Client\n"


def test_a_deadline_ends_the_prover() -> None:
    (task,) = tasks(SIGNED + "  c: Client agrees with Server on k, injectively\n")
    verdict = check_claim(task, FAST, monotonic() - 1).verdict
    assert verdict == Undecided("the time ran out (raise it with --timeout)")


def test_a_budget_ends_the_prover_at_the_same_place() -> None:
    reasons = {str(check_claim(task, Options(budget=50)).verdict) for _ in range(2) for task in tasks(SPEC)}
    assert reasons == {"Undecided(reason='the budget of 50 work units ran out (raise it with --budget)')"}


def test_a_budget_ends_the_audit() -> None:
    (task,) = tasks(SPEC)
    verdict = check_claim(task, Options(audit_budget=1)).verdict
    assert isinstance(verdict, Undecided)
    assert verdict.reason.startswith("the audit's budget ran out")


def test_an_invariant_that_the_audit_refutes_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    (task,) = tasks(SPEC)

    def without_states(*arguments: Any) -> Any:
        found = certificate(*arguments)
        cases = [
            replace(case, stages=tuple((p, {k: b for k, b in r.items() if k != max(r)}) for p, r in case.stages))
            for case in found.cases
        ]
        return replace(found, cases=tuple(cases))

    assert isinstance(check_claim(task, Options()).verdict, Holds)
    monkeypatch.setattr(pipeline, "certificate", without_states)
    with pytest.raises(InvariantRejected, match="is refuted"):
        check_claim(task, Options())


def test_the_audit_verdict_counts_its_questions() -> None:
    (task,) = tasks(SPEC)
    verdict = check_claim(task, Options()).verdict
    assert isinstance(verdict, Holds)
    again = audit_verdict(verdict.evidence, Options().audit_budget)
    assert again == Holds(True, verdict.questions)


def test_a_result_has_the_place_of_its_claim() -> None:
    text = SIGNED + "  # one\n\n    c: secret k at Client\n  d: reachable Client\n     accepts\n"
    first, second = [check_claim(task, FAST) for task in tasks(text)]
    lines = text.split("\n")
    assert (lines[first.line - 1][first.column - 1 :], first.column) == ("c: secret k at Client", 5)
    assert (lines[second.line - 1][second.column - 1 :], second.column) == ("d: reachable Client", 3)


def test_a_claim_of_a_variant_stands_in_the_variant() -> None:
    text = (
        SIGNED
        + '  c: secret k at Client\nvariant v of p\n  replace Hello.name: client\nclaims\n  c: expect attack "why"\n'
    )
    _, variant = tasks(text)
    late = result_of(variant, Undecided("it was not started"))
    assert text.split("\n")[late.line - 1][late.column - 1 :] == 'c: expect attack "why"'
