"""Verdicts, each with its evidence, and what a run of claims adds up to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from textwrap import wrap
from typing import Any, Literal, TypeAlias, assert_never


@dataclass(frozen=True, slots=True)
class Holds:
    """The claim holds for any number of sessions; ``evidence`` is an invariant or, for reachability, an honest run."""

    audited: bool
    questions: int
    evidence: Any = field(default=None, compare=False, repr=False)
    turned: str = ""
    """What would have to leak as well for the claim to fail, as far as that was tried."""


@dataclass(frozen=True, slots=True)
class AttackSession:
    """An honest session of an attack: its label, role, the names it was started with, and how sentences call it."""

    label: str
    role: str
    names: tuple[str, ...]
    description: str


@dataclass(frozen=True, slots=True)
class AttackStep:
    """One thing that happens: ``kind`` is ``session``, ``attacker`` or ``reveal``; ``terms`` are ground messages."""

    kind: str
    session: str
    text: str
    receives: tuple[str, ...]
    sends: tuple[str, ...]
    terms: tuple[str, ...] = field(repr=False)
    right: str = ""
    """What happens on the right side, for an attack on indistinguishability; "" if it is what the text says."""


@dataclass(frozen=True, slots=True)
class Attack:
    """A concrete run that violates the claim, executed by the replayer, and the sentence that says what is broken.

    An attack on indistinguishability is a run of two systems side by side; its last step is what differs.
    """

    sessions: tuple[AttackSession, ...]
    steps: tuple[AttackStep, ...]
    conclusion: str
    sides: tuple[str, str] = ("", "")
    """What the left and the right system are, in words; "" for a run of one system."""


@dataclass(frozen=True, slots=True)
class BoundedSearch:
    """No attack with so many sessions of each role, and no proof: the abstraction has a derivation, in words."""

    sessions: int
    steps: tuple[str, ...]
    conclusion: str


@dataclass(frozen=True, slots=True)
class PossibleDifference:
    """The abstraction derives something that is seen on one side only: its steps in words, and what is seen.

    No run of both systems was executed, so it is neither an attack nor a proof.
    """

    steps: tuple[str, ...]
    conclusion: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """A budget, the time or the memory ran out, or the process that decided the claim was killed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Vacuous:
    """The claim says nothing: its premise is never true, or a role cannot finish."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotSupported:
    """The engines do not decide this kind of claim."""

    construct: str


@dataclass(frozen=True, slots=True)
class InternalError:
    """The program made a mistake on this claim; ``report`` is the file with what is needed to find it."""

    reason: str
    report: str


Verdict: TypeAlias = (
    Holds | Attack | BoundedSearch | PossibleDifference | Undecided | Vacuous | NotSupported | InternalError
)


def verdict_word(verdict: Verdict) -> str:
    """Return the verdict as reports write it."""
    match verdict:
        case Holds(audited=audited):
            return "holds" if audited else "holds (not audited)"
        case Attack():
            return "attack"
        case BoundedSearch(sessions):
            return f"no attack up to {sessions} sessions"
        case PossibleDifference():
            return "difference not executed"
        case Undecided():
            return "undecided"
        case Vacuous():
            return "vacuous"
        case NotSupported():
            return "not supported yet"
        case InternalError():
            return "internal error"
        case _:
            assert_never(verdict)


def left_open(verdict: Verdict) -> bool:
    """Return whether a verdict neither proves nor refutes the claim, and says nothing against it."""
    return isinstance(verdict, Undecided | NotSupported | BoundedSearch | PossibleDifference)


def explanation(verdict: Verdict) -> tuple[str, ...]:
    """Return the lines that say what a verdict rests on: steps with their conclusion, a reason, what the audit did."""
    match verdict:
        case Holds(audited, questions, turned=turned):
            confirmed = (
                f"the invariant was confirmed with {questions} solver questions" if audited and questions else ""
            )
            tried = f"it would fail if {turned} leaked, which was tried" if turned else ""
            return tuple(filter(None, (tried, confirmed)))
        case Attack(sides=("", _), steps=steps, conclusion=conclusion):
            return (*_numbered(step.text for step in steps), conclusion)
        case Attack() as attack:
            return (*side_by_side(attack), attack.conclusion)
        case BoundedSearch(sessions, derived, conclusion):
            searched = f"no run with up to {sessions} sessions of each role violates it; not excluded for more:"
            return (searched, *_numbered(derived), conclusion)
        case PossibleDifference(derived, conclusion):
            return ("derived for both systems side by side, not executed:", *_numbered(derived), conclusion)
        case Undecided(reason) | Vacuous(reason):
            return (reason,)
        case NotSupported(construct):
            return (f"{construct} is accepted in specs and not decided by this version",)
        case InternalError(reason, report):
            return (
                f"a mistake in modelcheck, not in the spec: {reason}",
                f"please report it with the spec and the file {report}",
            )
        case _:
            assert_never(verdict)


def step_text(step: AttackStep) -> str:
    """Return what happens in a step in one line, on both sides if they differ."""
    return f"{step.text}; on the right: {step.right}" if step.right else step.text


COLUMN = 56
"""Characters of each of two columns."""


def side_by_side(attack: Attack) -> Iterator[str]:
    """Yield the steps of an attack on indistinguishability in two columns, the last of which differs and is marked."""
    yield from _row("", *attack.sides)
    yield f"{'':5}{'-' * COLUMN}-+-{'-' * COLUMN}"
    for number, step in enumerate(attack.steps, 1):
        mark = "*" if number == len(attack.steps) else ""
        yield from _row(f"{mark}{number}.", step.text, step.right or step.text)


def _row(label: str, left: str, right: str) -> Iterator[str]:
    columns = [wrap(text, COLUMN, break_on_hyphens=False) for text in (left, right)]
    for line, (one, other) in enumerate(zip_longest(*columns, fillvalue="")):
        yield f"{label if line == 0 else '':>4} {one:<{COLUMN}} | {other}".rstrip()


def _numbered(steps: Iterable[str]) -> Iterator[str]:
    return (f"{number:>3}. {step}" for number, step in enumerate(steps, 1))


def meets(verdict: Verdict, expected: Literal["holds", "attack"]) -> bool:
    """Return whether a verdict is the one that the author expects."""
    return isinstance(verdict, Holds if expected == "holds" else Attack)


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """One checked claim."""

    file: str
    protocol: str
    claim: str
    kind: str
    text: str
    verdict: Verdict
    expected: Literal["holds", "attack"]
    reason: str
    seconds: float
    """Time of the prover."""
    audit_seconds: float
    assumptions: tuple[str, ...]
    sources: tuple[str, ...]
    line: int
    """Where the claim stands in the file, counted from 1."""
    column: int
    """Where the claim starts in its line, in characters counted from 1."""
    cached: bool = False
    """Whether an earlier run came to this; the times are those of that run."""

    @property
    def ok(self) -> bool:
        """Whether the verdict is as expected."""
        return meets(self.verdict, self.expected)

    @property
    def name(self) -> str:
        """The claim's label with its protocol, as `--claim` takes it."""
        return f"{self.protocol}.{self.claim}"


def expectation(result: ClaimResult) -> str:
    """Return in two or three words whether the verdict is as expected, and what was expected if it is not."""
    return "as expected" if result.ok else f"expected {'an attack' if result.expected == 'attack' else 'to hold'}"


def headline(result: ClaimResult) -> str:
    """Return the claim, its verdict, and whether that is the expected one."""
    return f"{result.name}: {verdict_word(result.verdict)} ({expectation(result)})"


def account(result: ClaimResult) -> tuple[str, ...]:
    """Return the lines that tell of a claim: its sentence, the reason that the spec gives, and the explanation."""
    reason = (f"expected: {result.reason}",) if result.reason else ()
    return (result.text, *reason, *explanation(result.verdict))


INTERNAL_ERROR, NO_CLAIMS, UNDECIDED, UNEXPECTED, AS_EXPECTED = 101, 5, 3, 1, 0


def exit_code(results: Iterable[ClaimResult]) -> int:
    """Return the exit code of a run: 0 as expected, 1 some claim not, 3 only undecided ones, 5 no claims, 101 mistakes."""
    found = list(results)
    if not found:
        return NO_CLAIMS
    if any(isinstance(result.verdict, InternalError) for result in found):
        return INTERNAL_ERROR
    failed = [result for result in found if not result.ok]
    if any(not left_open(result.verdict) for result in failed):
        return UNEXPECTED
    return UNDECIDED if failed else AS_EXPECTED
