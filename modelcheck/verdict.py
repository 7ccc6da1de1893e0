"""Verdicts, each with its evidence, and what a run of claims adds up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, assert_never


@dataclass(frozen=True, slots=True)
class Holds:
    """The claim holds for any number of sessions; ``evidence`` is an invariant or, for reachability, an honest run."""

    audited: bool
    questions: int
    evidence: Any = field(default=None, compare=False, repr=False)


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


@dataclass(frozen=True, slots=True)
class Attack:
    """A concrete run that violates the claim, executed by the replayer, and the sentence that says what is broken."""

    sessions: tuple[AttackSession, ...]
    steps: tuple[AttackStep, ...]
    conclusion: str


@dataclass(frozen=True, slots=True)
class BoundedSearch:
    """No attack with so many sessions of each role, and no proof: the abstraction has a derivation, in words."""

    sessions: int
    steps: tuple[str, ...]
    conclusion: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """A budget ran out."""

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


Verdict: TypeAlias = Holds | Attack | BoundedSearch | Undecided | Vacuous | NotSupported | InternalError


def verdict_word(verdict: Verdict) -> str:
    """Return the verdict as reports write it."""
    match verdict:
        case Holds(audited=audited):
            return "holds" if audited else "holds (not audited)"
        case Attack():
            return "attack"
        case BoundedSearch(sessions):
            return f"no attack up to {sessions} sessions"
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
    cached: bool = False
    """Whether an earlier run came to this; the times are those of that run."""

    @property
    def ok(self) -> bool:
        """Whether the verdict is as expected."""
        return meets(self.verdict, self.expected)


INTERNAL_ERROR, NO_CLAIMS, UNDECIDED, UNEXPECTED, AS_EXPECTED = 101, 5, 3, 1, 0


def exit_code(results: Iterable[ClaimResult]) -> int:
    """Return the exit code of a run: 0 as expected, 1 some claim not, 3 only undecided ones, 5 no claims, 101 mistakes."""
    found = list(results)
    if not found:
        return NO_CLAIMS
    if any(isinstance(result.verdict, InternalError) for result in found):
        return INTERNAL_ERROR
    failed = [result for result in found if not result.ok]
    if any(not isinstance(result.verdict, Undecided | NotSupported | BoundedSearch) for result in failed):
        return UNEXPECTED
    return UNDECIDED if failed else AS_EXPECTED
