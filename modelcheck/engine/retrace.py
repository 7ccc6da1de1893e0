"""From the derivation of a test to a trace that the replayer can execute, with everything that leaks on the way.

A summary class stands for any number of sessions: each chain of its states in the derivation becomes a session of its own.
Which of several such sessions made a value is tried out; the replayer says which choice is a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice, product

from modelcheck.engine.confirm import confirmed
from modelcheck.engine.deduction import ATTACKER_VALUES, matches
from modelcheck.engine.derivation import Derivation
from modelcheck.engine.enact import MOST_CHOICES, Leaf, Staged, choices, staging
from modelcheck.engine.judged import STAR
from modelcheck.engine.prover import System
from modelcheck.engine.replay import NotReplayed, Session, World
from modelcheck.engine.scene import Scene, attacker_leaf
from modelcheck.engine.solver import Solved
from modelcheck.engine.trace import Advance, Reveal, SessionStart, Trace, TraceStep
from modelcheck.engine.violation import Judge
from modelcheck.machines.held import Stance
from modelcheck.machines.machine import Recall, Receive, fresh_values
from modelcheck.protocol.model import Claim, Datum, Leak
from modelcheck.protocol.terms import NAME, App, Const, Key, Term, Var
from modelcheck.protocol.terms import replace as put
from modelcheck.verdict import Attack


def executed(system: System, claim: Claim, solved: Solved, derivation: Derivation) -> Attack | None:
    """Return a derivation as an attack, replayed, shortened and told; None if no choice of sessions makes it a run."""
    scene = solved.case.scene
    steps = staging(scene, derivation)
    ways = product(_judged(scene, steps.starts), choices(steps))
    for first, chosen in islice(ways, MOST_CHOICES):
        trace = _trace(system, claim, scene, replace(steps, starts=first), chosen)
        if trace is not None:
            with suppress(NotReplayed):
                return confirmed(system, claim, trace)
    return None


def _trace(
    system: System, claim: Claim, scene: Scene, steps: Staged, chosen: Mapping[str, str]
) -> Trace | None:  # fmt: skip
    """Return the steps as a trace with all that may leak, as early as it may; None if they are no run."""
    sessions = tuple(
        SessionStart(session, scene.by_label[label].role, scene.by_label[label].names)
        for session, label in steps.starts.items()
    )
    world = World(system.protocol, system.machines, claim)
    for start in sessions:
        world.start(start)
    judge = Judge(world, *[start.label for start in sessions[:2]])
    names = {name for start in sessions for name in start.names}
    found: list[TraceStep] = []
    try:
        _reveal(judge, names, found)
        for label, state, leaves in steps.moves:
            values = {variable: _ground(leaf, chosen) for variable, leaf in leaves.items()}
            found.append(_advanced(world, world.sessions[label], state, values))
            _reveal(judge, names, found)
    except NotReplayed:
        return None
    return Trace(sessions, tuple(found))


def _judged(scene: Scene, starts: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the sessions with their classes, first the judged one: it acts itself, or it is one of its role and names."""
    judged = scene.by_label[STAR]
    if STAR not in starts:
        for session, label in starts.items():
            if (scene.by_label[label].role, scene.by_label[label].names) == (judged.role, judged.names):
                yield {session: label, **starts}
    yield {STAR: STAR, **starts}


def _advanced(world: World, session: Session, state: int, leaves: Mapping[Var, Term]) -> Advance:
    """Return the step that takes a session to a state, taken; raise NotReplayed if there is none."""
    label, machine = session.start.label, session.machine
    values: dict[Var, Term] = {v: Const(f"{v.name}@{label}", v.sort) for v in fresh_values(machine)}
    values |= {**session.values, **leaves}
    decided = tuple((v.name, value.value) for v, value in values.items() if isinstance(value, Const))
    for taken in _taken(world, session, state, values):
        step = Advance(label, state, taken, decided)
        try:
            world.advance(step)
        except NotReplayed:
            continue
        return step
    raise NotReplayed(f"{label} does not get to state {state}")


def _taken(world: World, session: Session, end: int, values: Mapping[Var, Term]) -> Iterator[Term | None]:
    """Yield what a session may take on its way to a state: a message, a record, nothing if it needs none."""
    for state in session.machine.lineage(end):
        if state.index == session.state:
            break
        match state.step:
            case Receive(pattern=term):
                terms: tuple[Term, ...] = (*(one.term for one in world.envelopes), *world.knowledge.learned)
                yield from _instances(world, term, values, terms)
                return
            case Recall(items):
                names = tuple(name for name, _ in items)
                kept = [dict(record.values) for record in world.records if {*names} <= {*dict(record.values)}]
                records = [App("record", tuple(stored[name] for name in names)) for stored in kept]
                yield from _instances(world, App("record", tuple(term for _, term in items)), values, records)
                return
            case _:
                pass
    yield None


def _instances(world: World, pattern: Term, values: Mapping[Var, Term], terms: Iterable[Term]) -> Iterator[Term]:
    """Yield the pattern with its values, or, if some are stored values, the terms that have its shape."""
    if all(variable in values for variable in pattern.variables):
        yield put(pattern, values)
        return
    bound = {variable: values[variable] for variable in pattern.variables if variable in values}
    for term in terms:
        if next(matches(pattern, term, bound, world.ring), None) is not None:
            yield term


def _ground(leaf: Leaf, chosen: Mapping[str, str]) -> Term:
    sort, value = leaf
    name, at, label = value.partition("@")
    if at:
        return Const(f"{name}@{chosen.get(label, label)}", sort)
    if value == attacker_leaf(sort):
        return Const(ATTACKER_VALUES[0], sort)
    family, is_key, rest = value.partition("(")
    if sort != NAME and is_key and rest.endswith(")"):
        return Key(family, sort, tuple(Const(n, NAME) for n in rest[:-1].split(",")))
    return Const(value, sort)


# ------------------------------------------------------------------------------------------------ leaks


def _reveal(judge: Judge, names: set[str], found: list[TraceStep]) -> None:
    """Add what may leak by now and has not yet."""
    for reveal in _possible(judge, sorted(names)):
        if reveal in found:
            continue
        try:
            judge.allow(reveal)
        except NotReplayed:
            continue
        judge.world.knowledge.learn(reveal.term, len(found))
        found.append(reveal)


def _possible(judge: Judge, names: Sequence[str]) -> Iterator[Reveal]:
    """Yield what the claim's leaks may give of the sessions of a world, whether it is allowed yet or not."""
    for number, power in enumerate(judge.claim.powers):
        for datum in power.data if isinstance(power, Leak) else ():
            if datum.kind == "key":
                family = judge.world.ring.families[datum.name]
                for index in product(names, repeat=family.arity):
                    key = Key(family.name, family.sort, tuple(Const(name, NAME) for name in index))
                    yield Reveal(number, judge.world.ring.normal(key))
                continue
            for session in judge.world.sessions.values():
                yield from (Reveal(number, term, session.start.label) for term in _values(judge, session, datum))


def _values(judge: Judge, session: Session, datum: Datum) -> Iterator[Term]:
    local = Datum(datum.kind, datum.name, datum.arguments)
    here = Stance(session.machine, session.state, session.machine.states[session.state].views)
    for own in judge.held.at(here, local):
        if all(variable in session.values for variable in own.variables):
            yield judge.world.ground(own, session.values)
