"""A trace with nothing in it that the attack does not need, found by leaving things out and replaying."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from modelcheck.engine.deduction import ATTACKER_VALUES
from modelcheck.engine.trace import Advance, Reveal, SessionStart, Trace
from modelcheck.protocol.terms import App, Const, Key, Term, rebuild

Replays = Callable[[Trace], bool]


def shrink(trace: Trace, replays: Replays) -> Trace:
    """Return a trace that still replays and from which no step can be left out; labels are numbered anew."""
    smaller: Trace | None = trace
    while smaller is not None:
        trace = smaller
        smaller = next((one for one in _smaller(trace) if replays(one)), None)
    return _renumbered(trace)


def _smaller(trace: Trace) -> Iterator[Trace]:
    """Yield the trace without a session, then without the last step of a session, then without a reveal.

    Where a session is left out, values that it made may still occur: they are then tried as the attacker's own.
    """
    for start in trace.sessions[1:]:
        sessions = tuple(one for one in trace.sessions if one is not start)
        smaller = Trace(sessions, tuple(step for step in trace.steps if step.session != start.label))
        yield smaller
        yield _changed(smaller, lambda label, gone=start.label: None if label == gone else label)  # type: ignore[misc]
    for start in trace.sessions:
        last = max(
            (n for n, s in enumerate(trace.steps) if isinstance(s, Advance) and s.session == start.label), default=-1
        )
        if last >= 0:
            yield _without(trace, last)
    for number, step in enumerate(trace.steps):
        if isinstance(step, Reveal):
            yield _without(trace, number)


def _without(trace: Trace, number: int) -> Trace:
    return replace(trace, steps=trace.steps[:number] + trace.steps[number + 1 :])


def _renumbered(trace: Trace) -> Trace:
    """Return the trace with the sessions of each role numbered in the order in which they first act."""
    acting = dict.fromkeys(step.session for step in trace.steps if step.session)
    roles = {start.label: start.role for start in trace.sessions}
    labels: dict[str, str] = {}
    for label in (*acting, *roles):
        if label not in labels:
            number = sum(roles[other] == roles[label] for other in labels) + 1
            labels[label] = f"{roles[label]} #{number}"
    changed = _changed(trace, lambda label: labels.get(label, label))
    steps = tuple(replace(step, session=labels.get(step.session, "")) for step in changed.steps)
    return Trace(tuple(SessionStart(labels[s.label], s.role, s.names) for s in trace.sessions), steps)


def _changed(trace: Trace, relabel: Callable[[str], str | None]) -> Trace:
    """Return the trace with the makers of values relabelled; values whose maker has no label are the attacker's."""
    done: dict[Term, Term] = {}

    def go(term: Term) -> Term:
        if term not in done:
            match term:
                case Const(value, sort) if "@" in value:
                    name, _, maker = value.partition("@")
                    label = relabel(maker)
                    done[term] = Const(ATTACKER_VALUES[0] if label is None else f"{name}@{label}", sort)
                case App() | Key():
                    done[term] = rebuild(term, go)
                case _:
                    done[term] = term
        return done[term]

    steps = tuple(
        replace(step, received=None if step.received is None else go(step.received))
        if isinstance(step, Advance)
        else replace(step, term=go(step.term))
        for step in trace.steps
    )
    return replace(trace, steps=steps)
