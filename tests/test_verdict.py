"""What verdicts meet, and the exit code they add up to."""

from __future__ import annotations

import pytest

from modelcheck.verdict import (
    ClaimResult,
    account,
    exit_code,
    expectation,
    explanation,
    headline,
    left_open,
    meets,
    verdict_word,
)
from tests.render import results


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], 5),
        ([results.HOLDS], 0),
        ([results.HOLDS, results.NOT_AUDITED, results.ATTACK], 0),
        ([results.HOLDS, results.UNEXPECTED], 1),
        ([results.SURPRISING_PROOF], 1),
        ([results.VACUOUS], 1),
        ([results.UNDECIDED], 3),
        ([results.NOT_SUPPORTED, results.HOLDS], 3),
        ([results.UNDECIDED, results.VACUOUS], 1),
        ([results.NOT_SUPPORTED, results.UNEXPECTED], 1),
    ],
)
def test_exit_codes(found: list[ClaimResult], code: int) -> None:
    assert exit_code(found) == code


def test_only_a_proof_meets_holds_and_only_a_derivation_meets_attack() -> None:
    every = [results.HOLDS, results.UNEXPECTED, results.UNDECIDED, results.VACUOUS, results.NOT_SUPPORTED]
    assert [meets(one.verdict, "holds") for one in every] == [True, False, False, False, False]
    assert [meets(one.verdict, "attack") for one in every] == [False, True, False, False, False]


def test_a_proof_that_was_not_audited_says_so() -> None:
    assert verdict_word(results.NOT_AUDITED.verdict) == "holds (not audited)"


@pytest.mark.parametrize(
    ("one", "lines"),
    [
        (results.HOLDS, ("the invariant was confirmed with 29 solver questions",)),
        (results.NOT_AUDITED, ()),
        (results.REACHED, ()),
        (
            results.UNEXPECTED,
            (
                "  1. Client #1 of A with B sends Hello",
                "  2. leak of `x`: the attacker gets `x`",
                "The attacker knows `k` of Client #1 of A with B.",
            ),
        ),
        (
            results.BOUNDED,
            (
                "no run with up to 4 sessions of each role violates it; not excluded for more:",
                "  1. some Client sends Hello",
                "so the attacker knows `k`",
            ),
        ),
        (results.UNDECIDED, ("the budget of 5 work units ran out",)),
        (results.VACUOUS, ("no session gets to the point that the claim judges",)),
        (results.NOT_SUPPORTED, ("unlinkability is accepted in specs and not decided by this version",)),
    ],
)
def test_every_verdict_is_explained(one: ClaimResult, lines: tuple[str, ...]) -> None:
    assert explanation(one.verdict) == lines
    assert account(one) == ("Client agrees with Server on k", *lines)


def test_an_account_has_the_reason_that_the_spec_gives() -> None:
    assert account(results.ATTACK)[:2] == ("Client agrees with Server on k", "expected: one exponent is enough")


def test_the_headline_says_what_came_out_and_what_was_expected() -> None:
    assert headline(results.UNEXPECTED) == "p.server_auth: attack (expected to hold)"
    assert headline(results.ATTACK) == "p.exponent_lost: attack (as expected)"
    assert expectation(results.SURPRISING_PROOF) == "expected an attack"


def test_open_are_the_verdicts_that_speak_neither_for_nor_against_the_claim() -> None:
    assert [one.claim for one in results.NAMED if left_open(one.verdict)] == ["keys", "ends", "unlinked"]
