"""Results as text: one line per claim, steps where something is unexpected, a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from modelcheck.verdict import (
    Attack,
    ClaimResult,
    Holds,
    account,
    expectation,
    explanation,
    side_by_side,
    step_text,
    verdict_word,
)


def claim_line(result: ClaimResult) -> str:
    """Return the line of one claim: mark, label, verdict, whether that was expected, time, citations."""
    mark = "ok  " if result.ok else "FAIL"
    word = verdict_word(result.verdict)
    cited = f"  {', '.join(result.sources)}" if result.sources else ""
    return f"  {mark}  {result.claim:<20} {word:<19} {expectation(result):<19} {result.seconds * 1000:7.0f} ms{cited}"


def details(result: ClaimResult, *, verbose: bool) -> Iterator[str]:
    """Yield what a reader needs beyond the line: always if the verdict was not expected, else if asked for."""
    if result.ok and not verbose:
        return
    lines = list(account(result))
    if isinstance(result.verdict, Holds) and explanation(result.verdict):
        lines[-1] += f" in {result.audit_seconds:.2f} s"
    yield from (f"        {line}" for line in lines)


def attack_lines(attack: Attack, *, messages: bool) -> Iterator[str]:
    """Yield an attack: its sessions, its steps, with ``messages`` the ground messages of each, and what is broken."""
    for session in attack.sessions:
        yield f"  {session.description}"
    if attack.sides[0] and not messages:
        yield from (f"  {line}" for line in side_by_side(attack))
        yield f"  {attack.conclusion}"
        return
    for number, step in enumerate(attack.steps, 1):
        yield f"  {number:>3}. {step_text(step)}"
        if messages:
            yield from (f"         {term}" for term in step.terms)
    yield f"  {attack.conclusion}"


def summary(results: Sequence[ClaimResult]) -> str:
    """Return the last line: how many claims came out how, and the time."""
    if not results:
        return tally(results)
    proving = sum(result.seconds for result in results)
    auditing = sum(result.audit_seconds for result in results)
    return f"{tally(results)}; prover {proving:.2f} s, audit {auditing:.2f} s"


def tally(results: Sequence[ClaimResult]) -> str:
    """Return how many claims came out how, without times: the same for every run."""
    if not results:
        return "no claims found"
    words = Counter(verdict_word(result.verdict) for result in results)
    counts = ", ".join(f"{count} {word}" for word, count in sorted(words.items()))
    failed = sum(not result.ok for result in results)
    outcome = "all as expected" if not failed else f"{failed} not as expected"
    cached = sum(result.cached for result in results)
    earlier = f" ({cached} cached)" if cached else ""
    plural = "" if len(results) == 1 else "s"
    return f"{len(results)} claim{plural}{earlier}: {counts}; {outcome}"
