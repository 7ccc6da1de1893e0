"""Results as text: one line per claim, steps where something is unexpected, a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from modelcheck.verdict import (
    Attack,
    BoundedSearch,
    ClaimResult,
    Holds,
    InternalError,
    NotSupported,
    Undecided,
    Vacuous,
    verdict_word,
)


def claim_line(result: ClaimResult) -> str:
    """Return the line of one claim: mark, label, verdict, whether that was expected, time, citations."""
    mark = "ok  " if result.ok else "FAIL"
    word = verdict_word(result.verdict)
    expected = "as expected" if result.ok else f"expected {'an attack' if result.expected == 'attack' else 'to hold'}"
    cited = f"  {', '.join(result.sources)}" if result.sources else ""
    return f"  {mark}  {result.claim:<20} {word:<19} {expected:<19} {result.seconds * 1000:7.0f} ms{cited}"


def details(result: ClaimResult, *, verbose: bool) -> Iterator[str]:
    """Yield what a reader needs beyond the line: always if the verdict was not expected, else if asked for."""
    if result.ok and not verbose:
        return
    yield f"        {result.text}"
    match result.verdict:
        case Attack(_, steps, conclusion):
            if result.reason:
                yield f"        expected: {result.reason}"
            yield from (f"        {number:>3}. {step.text}" for number, step in enumerate(steps, 1))
            yield f"        {conclusion}"
        case BoundedSearch(sessions, derived, conclusion):
            yield f"        no run with up to {sessions} sessions of each role violates it; not excluded for more:"
            yield from (f"        {number:>3}. {step}" for number, step in enumerate(derived, 1))
            yield f"        {conclusion}"
        case Undecided(reason) | Vacuous(reason):
            yield f"        {reason}"
        case InternalError(reason, report):
            yield f"        a mistake in modelcheck, not in the spec: {reason}"
            yield f"        please report it with the spec and the file {report}"
        case NotSupported(construct):
            yield f"        {construct} is accepted in specs and not decided by this version"
        case Holds(audited, questions):
            if audited and questions:
                yield f"        the invariant was confirmed with {questions} solver questions in {result.audit_seconds:.2f} s"


def attack_lines(attack: Attack, *, messages: bool) -> Iterator[str]:
    """Yield an attack: its sessions, its steps, with ``messages`` the ground messages of each, and what is broken."""
    for session in attack.sessions:
        yield f"  {session.description}"
    for number, step in enumerate(attack.steps, 1):
        yield f"  {number:>3}. {step.text}"
        if messages:
            yield from (f"         {term}" for term in step.terms)
    yield f"  {attack.conclusion}"


def summary(results: Sequence[ClaimResult]) -> str:
    """Return the last line: how many claims came out how, and the time."""
    if not results:
        return "no claims found"
    words = Counter(verdict_word(result.verdict) for result in results)
    counts = ", ".join(f"{count} {word}" for word, count in sorted(words.items()))
    failed = sum(not result.ok for result in results)
    outcome = "all as expected" if not failed else f"{failed} not as expected"
    proving = sum(result.seconds for result in results)
    auditing = sum(result.audit_seconds for result in results)
    cached = sum(result.cached for result in results)
    earlier = f" ({cached} cached)" if cached else ""
    plural = "" if len(results) == 1 else "s"
    return f"{len(results)} claim{plural}{earlier}: {counts}; {outcome}; prover {proving:.2f} s, audit {auditing:.2f} s"
