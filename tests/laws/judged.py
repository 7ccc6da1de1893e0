"""Laws that hold for claims about two systems, whatever differs in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from modelcheck.options import Options
from modelcheck.pipeline import ClaimTask, check_claim
from modelcheck.protocol.model import Observational
from modelcheck.verdict import Attack, Holds, PossibleDifference

OPTIONS = Options(audit=False, vacuity=False)


def verdicts_beside(
    tasks: Iterable[ClaimTask | None], told_apart: Callable[[ClaimTask], bool], *, exact: bool = False
) -> Counter[tuple[str, bool]]:
    """How often each verdict came with each answer of an explicit search; `holds` is never contradicted by one.

    ``exact`` searches find every difference: an attack is then one that they see.
    """
    seen: Counter[tuple[str, bool]] = Counter()
    for task in tasks:
        if task is None:
            continue
        text = task.owner.span.source.text
        verdict = check_claim(task, OPTIONS).verdict
        assert isinstance(verdict, Attack | Holds | PossibleDifference), text
        apart = told_apart(task)
        assert not (isinstance(verdict, Holds) and apart), text
        assert not (isinstance(verdict, Attack) and exact and not apart), text
        seen[type(verdict).__name__, apart] += 1
    return seen


def swapping_the_sides_keeps_the_verdict(task: ClaimTask | None) -> None:
    """It does not matter which system is called left."""
    if task is None:
        pytest.skip("no protocol")
    assert isinstance(task.what.property, Observational)
    swapped = replace(task.what.property, sides=task.what.property.sides[::-1])
    other = replace(task.what, property=swapped)
    verdicts = [check_claim(replace(task, what=claim), OPTIONS).verdict for claim in (task.what, other)]
    assert type(verdicts[0]) is type(verdicts[1])


def an_attacker_who_sends_sees_what_an_observer_sees(task: ClaimTask | None) -> None:
    """A stronger attacker never turns a difference into none."""
    if task is None:
        pytest.skip("no protocol")
    passive = replace(task.what, passive=True)
    verdicts = [check_claim(replace(task, what=claim), OPTIONS).verdict for claim in (task.what, passive)]
    assert not (isinstance(verdicts[0], Holds) and not isinstance(verdicts[1], Holds))
