"""The text report: whole lines."""

from __future__ import annotations

import pytest

from modelcheck.render.text import claim_line, details, summary, tally
from modelcheck.verdict import ClaimResult
from tests.render import results
from tests.render.golden_files import golden


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (
            results.HOLDS,
            "  ok    server_auth          holds               as expected              12 ms  T13-06, T13-10",
        ),
        (results.NOT_AUDITED, "  ok    server_auth          holds (not audited) as expected              12 ms"),
        (results.ATTACK, "  ok    exponent_lost        attack              as expected              12 ms"),
        (results.UNEXPECTED, "  FAIL  server_auth          attack              expected to hold         12 ms"),
        (results.SURPRISING_PROOF, "  FAIL  server_auth          holds               expected an attack       12 ms"),
        (results.BOUNDED, "  FAIL  server_auth          no attack up to 4 sessions expected to hold         12 ms"),
        (results.UNDECIDED, "  FAIL  server_auth          undecided           expected to hold         12 ms"),
        (results.VACUOUS, "  FAIL  server_auth          vacuous             expected to hold         12 ms"),
        (results.NOT_SUPPORTED, "  FAIL  server_auth          not supported yet   expected to hold         12 ms"),
    ],
)
def test_one_line_per_claim(result: ClaimResult, line: str) -> None:
    assert claim_line(result) == line


def test_the_whole_report_of_a_run() -> None:
    run = [*results.NAMED, results.REACHED]
    lines = [line for result in run for line in (claim_line(result), *details(result, verbose=True))]
    assert "\n".join([*lines, summary(run), ""]) == golden("report.txt")


@pytest.mark.parametrize("result", [results.HOLDS, results.NOT_AUDITED, results.ATTACK])
def test_nothing_more_is_said_about_what_was_expected(result: ClaimResult) -> None:
    assert list(details(result, verbose=False)) == []


@pytest.mark.parametrize("verbose", [False, True])
def test_an_unexpected_attack_is_shown_with_its_steps(verbose: bool) -> None:
    assert list(details(results.UNEXPECTED, verbose=verbose)) == [
        "        Client agrees with Server on k",
        "          1. Client #1 of A with B sends Hello",
        "          2. leak of `x`: the attacker gets `x`",
        "        The attacker knows `k` of Client #1 of A with B.",
    ]


def test_a_bounded_search_is_told_with_the_derivation_that_it_does_not_confirm() -> None:
    assert list(details(results.BOUNDED, verbose=False)) == [
        "        Client agrees with Server on k",
        "        no run with up to 4 sessions of each role violates it; not excluded for more:",
        "          1. some Client sends Hello",
        "        so the attacker knows `k`",
    ]


def test_an_expected_attack_is_shown_with_its_steps_and_the_reason_when_asked_for() -> None:
    assert list(details(results.ATTACK, verbose=True)) == [
        "        Client agrees with Server on k",
        "        expected: one exponent is enough",
        "          1. Client #1 of A with B sends Hello",
        "          2. leak of `x`: the attacker gets `x`",
        "        The attacker knows `k` of Client #1 of A with B.",
    ]


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (results.UNDECIDED, "        the budget of 5 work units ran out"),
        (results.VACUOUS, "        no session gets to the point that the claim judges"),
        (results.NOT_SUPPORTED, "        unlinkability is accepted in specs and not decided by this version"),
    ],
)
def test_other_surprises_are_explained(result: ClaimResult, line: str) -> None:
    assert list(details(result, verbose=False)) == ["        Client agrees with Server on k", line]


def test_a_surprising_proof_is_shown_with_the_reason_for_the_attack_that_was_expected() -> None:
    assert list(details(results.SURPRISING_PROOF, verbose=False)) == [
        "        Client agrees with Server on k",
        "        expected: a replay",
        "        the invariant was confirmed with 29 solver questions in 0.25 s",
    ]


def test_a_proof_without_an_audit_has_no_audit_to_tell_of() -> None:
    assert list(details(results.NOT_AUDITED, verbose=True)) == ["        Client agrees with Server on k"]


def test_the_summary_counts_verdicts_and_keeps_the_times_of_prover_and_audit_apart() -> None:
    assert summary([results.HOLDS, results.HOLDS, results.ATTACK]) == (
        "3 claims: 1 attack, 2 holds; all as expected; prover 0.04 s, audit 0.50 s"
    )


def test_the_summary_counts_what_was_not_expected() -> None:
    assert summary([results.HOLDS, results.UNEXPECTED, results.UNDECIDED]) == (
        "3 claims: 1 attack, 1 holds, 1 undecided; 2 not as expected; prover 0.04 s, audit 0.25 s"
    )


def test_the_summary_of_one_claim_is_in_the_singular() -> None:
    assert summary([results.ATTACK]) == ("1 claim: 1 attack; all as expected; prover 0.01 s, audit 0.00 s")


def test_the_tally_has_no_times() -> None:
    assert tally([results.HOLDS, results.UNEXPECTED]) == "2 claims: 1 attack, 1 holds; 1 not as expected"
    assert tally([]) == "no claims found"


def test_the_summary_of_nothing_says_so() -> None:
    assert summary([]) == "no claims found"
