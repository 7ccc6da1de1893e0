"""What a comparison of two systems covers, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator

from modelcheck.engine.judged import Unsupported
from modelcheck.engine.prover import System
from modelcheck.machines.machine import Guard, Keep, Pick, Recall, Receive, RoleMachine, Send, State, simple
from modelcheck.machines.reading import messages_in
from modelcheck.protocol.model import (
    Claim,
    Dishonest,
    Fact,
    Leak,
    Observational,
    Picked,
    Protocol,
    Role,
    Sent,
    UncheckedPossession,
    Weak,
)
from modelcheck.protocol.terms import NAME, App, Const, Var, sort_of, subterms


def picked_alike(system: System, wanted: Observational) -> Var | None:
    """Return the variable that the judged role picks as the subject, if both sides of it lead to messages of one form.

    None if the subject is no pick of that role, if it is taken from a set, or if a side of it has a way of its own.
    """
    machine = next(machine for machine in system.machines if machine.role.name == wanted.role)
    having = [path for path in system.protocol.paths if wanted.subject.name in path.values]
    events = [
        event for path in having for event in path.events
        if isinstance(event, Picked) and event.role == simple(wanted.role)
        and event.variable is path.values[wanted.subject.name]
    ]  # fmt: skip
    if wanted.word != "indistinguishable" or wanted.subject.kind != "value" or not events or len(events) < len(having):
        return None
    subjects = {event.variable for event in events if isinstance(event.variable, Var)}
    fixed = {event.variable.value for event in events if isinstance(event.variable, Const)}
    steps = [s.step for s in machine.states if isinstance(s.step, Pick) and s.step.value in subjects]
    if len(subjects) != 1 or fixed & {*wanted.sides} or any(step.rule != "any" for step in steps):
        return None
    if any(step.allowed is not None and not {*wanted.sides} <= {*step.allowed} for step in steps):
        return None
    return subjects.pop()


def subject_sort(system: System, wanted: Observational) -> str:
    """Return the sort of what differs, "" if nothing has its name."""
    found = (path.values.get(wanted.subject.name) for path in system.protocol.paths)
    return next((sort_of(value) or "" for value in found if value is not None), "")


def dishonest_names(claim: Claim, role: Role, subject: str) -> frozenset[str]:
    """Return the names of a claim's dishonest parties.

    Raises :class:`Unsupported` if the judged role acts under one, if it is the subject, or if the role does not start from it.
    """
    dishonest = frozenset(power.name for power in claim.powers if isinstance(power, Dishonest))
    if subject in dishonest or any(v.name in dishonest for v in role.own):
        raise Unsupported("a judged name that is the attacker's")
    if not dishonest <= {v.name for v in role.parameters}:
        raise Unsupported("a dishonest party that the judged session does not name from the start")
    return dishonest


def refuse(system: System, claim: Claim, sort: str) -> None:
    """Raise :class:`Unsupported` for what the comparison of two systems that differ in a sort does not cover."""
    if claim.premise is not None:
        raise Unsupported("a premise of a claim of indistinguishability")
    for power in claim.powers:
        match power:
            case Weak(form, when):
                _refuse_weak(system, form, when, sort)
            case Leak() | Dishonest() | UncheckedPossession():
                pass
    for family in system.protocol.key_families().values():
        if sort == NAME and family.sort in ("OprfKey", "Blind") and family.arity:
            raise Unsupported(f"keys of sort {family.sort} that names select, where two systems are compared")
    refuse_readings(system)
    for machine in system.machines:
        for state in machine.states:
            match state.step:
                case Keep() | Recall():
                    raise Unsupported("values that roles keep for later sessions, where two systems are compared")
                case Receive(pattern=term) | Send(term=term) if _has_oprf(term):
                    raise Unsupported("oblivious evaluations where two systems are compared")
                case _:
                    pass


def refuse_readings(system: System) -> None:
    """Raise :class:`Unsupported` where what a flow says about reading a message is about more than that message."""
    for machine in system.machines:
        for state in machine.states:
            if not isinstance(state.step, Receive):
                continue
            kinds = {reading.kind for reading in state.step.readings}
            if any(r.kind == "alike" and not r.place for r in state.step.readings) and _compares(machine, state):
                raise Unsupported(
                    "a comparison after a message whose failures all look alike: name parts with `fails alike on`"
                )
            if kinds & {"first", "last"} and _repeats(machine, state, state.step):
                raise Unsupported("an order of checks for a message that has to equal an earlier one")


def _compares(machine: RoleMachine, state: State) -> bool:
    """Return whether a role compares values right after a step and stops if they are not as they should be."""
    steps = [machine.states[child].step for child in machine.children[state.index]]
    guards = [step for step in steps if isinstance(step, Guard)]
    return any(g.test != "hosted" and (g.test != "among" or len(steps) == 1) for g in guards)


def _repeats(machine: RoleMachine, state: State, step: Receive) -> bool:
    """Return whether a message that is received is one that the role has sent or received before."""
    before = [one.step for one in machine.lineage(state.parent)]
    terms = [s.pattern if isinstance(s, Receive) else s.term for s in before if isinstance(s, Receive | Send)]
    known = {message for term in terms for _, message in messages_in(term) if message.arguments}
    return any(message in known for _, message in messages_in(step.pattern))


def _refuse_weak(system: System, form: str, when: Fact | None, sort: str) -> None:
    """Raise :class:`Unsupported` for a primitive that is not weak in the same sessions, and in the same way, on both sides.

    What opens without a key opens on both sides, for terms have the same shape there; a secret that is computed from a
    public half or ciphertext is a function of it, and so is a signature that is forged for a public key, or moved to another
    message. A hash value that the attacker hits is one that it can name, hence the same on both sides.
    """
    if when is None:
        return
    for protocol in system.protocol.with_beside():
        found = {sort_of(path.values[when.subject.name]) for path in protocol.paths if when.subject.name in path.values}
        if when.subject.owner in ("", protocol.name) and sort in found:
            raise Unsupported(f"weak {form} when `{when.subject.name}` has a value, which may differ from side to side")


def _has_oprf(term: object) -> bool:
    return any(isinstance(part, App) and part.function.startswith("oprf") for part in subterms(term))  # type: ignore[arg-type]


def assumptions(protocol: Protocol) -> Iterator[str]:
    """Yield what every verdict on indistinguishability rests on; the first is what is seen of the checks of roles."""
    sent = (e for one in protocol.with_beside() for path in one.paths for e in path.events if isinstance(e, Sent))
    stated = dict.fromkeys(reading.words for event in sent for reading in event.readings)
    exceptions = f", except: {'; '.join(stated)}" if stated else ""
    yield f"which check of a role fails is seen; a role checks in the order in which a message is written{exceptions}"
    yield "lengths are compared only by claims `by length`, times are not"
