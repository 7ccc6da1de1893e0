"""What verdicts meet, and the exit code they add up to."""

from __future__ import annotations

import pytest

from modelcheck.verdict import ClaimResult, exit_code, meets, verdict_word
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
