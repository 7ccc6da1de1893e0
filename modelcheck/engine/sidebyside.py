"""An attack on indistinguishability as a person reads it: what happens on the left beside what happens on the right.

The script that the replayer of two systems executed is cut down to what the difference needs. Each side of it is then a
run like any other, told in the spec's words; the last line is what only one side shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from modelcheck.engine.deduction import ATTACKER_VALUES
from modelcheck.engine.possession import untied
from modelcheck.engine.prover import System
from modelcheck.engine.replay import NotReplayed, World
from modelcheck.engine.script import Delivery, Move, NotExecuted, Script
from modelcheck.engine.seen import ATTACKER, spelled
from modelcheck.engine.tell import Teller
from modelcheck.engine.trace import Advance, Reveal, SessionStart, Trace, TraceStep
from modelcheck.engine.twosides import Executed, Lost, Taken, execute
from modelcheck.engine.violation import Judge, Replayed, Violation
from modelcheck.protocol.model import Claim, Leak, Observational, UncheckedPossession, Weak
from modelcheck.protocol.terms import App, Const, Key, Term, Var, rebuild
from modelcheck.verdict import Attack, AttackSession, AttackStep


def told(system: System, claim: Claim, wanted: Observational, executed: Executed, reaction: str) -> Attack | None:
    """Return an executed difference in words, None if one of its sides is no run of the roles as the claim has them.

    ``reaction`` is the conclusion if the difference is what a role does with a last message.
    """
    loose = tuple(power.family for power in claim.powers if isinstance(power, UncheckedPossession))
    machines = {machine.role.name: untied(machine, loose)[0] for machine in system.machines}
    families = system.protocol.key_families()

    def works(script: Script) -> Executed | None:
        try:
            return execute(machines, families, script)
        except NotExecuted:
            return None

    found = works(_numbered(_smallest(executed.script, works)))
    if found is None:
        return None
    try:
        tellers = [_teller(system, claim, found, side) for side in (0, 1)]
        columns = [(*teller.steps(), *_opened(teller, found, side)) for side, teller in enumerate(tellers)]
    except NotReplayed:
        return None
    sessions = tuple(AttackSession(s.label, s.role, s.names, tellers[0].party(s)) for s in tellers[0].trace.sessions)
    last = found.script.last
    steps = [*_beside(*columns), *([] if last is None else [_delivered(tellers, last)])]
    seen = [
        spelled(tuple(part if isinstance(part, str) else _own(part) for part in saying), teller.noted)
        for saying, teller in zip(found.seen, tellers, strict=True)
    ]
    steps.append(AttackStep("attacker", "", seen[0], (), (), (), right=seen[1]))
    if last is not None:
        return Attack(sessions, tuple(steps), reaction, wanted.headings)
    conclusion = (
        f"A second session with the same `{wanted.subject}` looks different from one with another."
        if wanted.word == "unlinkable"
        else f"The two sides of `{wanted.subject}` look different."
    )
    return Attack(sessions, tuple(steps), conclusion, wanted.headings)


# ------------------------------------------------------------------------------------------------ the smallest script


def _smallest(script: Script, works: Callable[[Script], Executed | None]) -> Script:
    """Return a script from which no session, last move or leak can be left out."""
    smaller: Script | None = script
    while smaller is not None:
        script = smaller
        smaller = next((one for one in _smaller(script) if works(one) is not None), None)
    return script


def _smaller(script: Script) -> Iterator[Script]:
    needed = "" if script.last is None else script.last.session
    for start in script.starts:
        if start.session != needed:
            yield replace(
                script, starts=tuple(one for one in script.starts if one is not start),
                moves=tuple(move for move in script.moves if move.session != start.session),
                values=tuple(leak for leak in script.values if leak.session != start.session),
            )  # fmt: skip
    for start in script.starts:
        at = max((n for n, move in enumerate(script.moves) if move.session == start.session), default=-1)
        if at >= 0:
            yield replace(script, moves=script.moves[:at] + script.moves[at + 1 :])
    for key in (*script.leaked, *script.later):
        yield replace(
            script, leaked=tuple(one for one in script.leaked if one is not key),
            later=tuple(one for one in script.later if one is not key),
        )  # fmt: skip
    for leak in script.values:
        yield replace(script, values=tuple(one for one in script.values if one is not leak))


def _numbered(script: Script) -> Script:
    """Return the script with the sessions of each role numbered in the order in which they first act."""
    roles = {start.session: start.role for start in script.starts}
    labels: dict[str, str] = {}
    for session in dict.fromkeys((*(move.session for move in script.moves), *roles)):
        count = sum(roles[other] == roles[session] for other in labels) + 1
        labels[session] = f"{roles[session]} #{count}"

    def changed(values: Mapping[Var, Term]) -> dict[Var, Term]:
        return {variable: relabelled(value, labels) for variable, value in values.items()}

    last = script.last
    return replace(
        script,
        starts=tuple(replace(start, session=labels[start.session]) for start in script.starts),
        moves=tuple(Move(labels[move.session], move.state, changed(move.values)) for move in script.moves),
        last=None if last is None else Delivery(
            labels[last.session], last.state, last.supplied, changed(last.values)),
        values=tuple(replace(leak, session=labels[leak.session]) for leak in script.values),
        judged=labels.get(script.judged, ""),
    )  # fmt: skip


def relabelled(term: Term, labels: Mapping[str, str]) -> Term:
    """Return a term with the makers of its values called by other labels."""
    if isinstance(term, Const):
        name, at, label = term.value.partition("@")
        return Const(f"{name}@{labels.get(label, label)}", term.sort) if at else term
    return rebuild(term, lambda part: relabelled(part, labels))


# ------------------------------------------------------------------------------------------------ each side as a run


def _teller(system: System, claim: Claim, executed: Executed, side: int) -> Teller:
    """Return the teller of one side; raise NotReplayed if that is no run."""
    script = executed.script
    now, later = (tuple(_reveals(claim, keys)) for keys in (script.leaked, script.later))
    early = [lost for lost in executed.taken if not (isinstance(lost, Lost) and lost.leak.later)]
    late = [lost for lost in executed.taken if isinstance(lost, Lost) and lost.leak.later]
    steps: tuple[TraceStep, ...] = (
        *now, *(_step(one, side) for one in early), *later, *(_step(one, side) for one in late))  # fmt: skip
    trace = Trace(
        tuple(SessionStart(s.session, s.role, tuple(names[side] for names in s.names)) for s in script.starts), steps
    )
    world = World(system.protocol, system.machines, claim)
    for start in trace.sessions:
        world.start(start)
    sent: list[tuple[Term, ...]] = []
    for number, step in enumerate(steps, 1):
        world.step = number
        match step:
            case Advance():
                sent.append(tuple(world.advance(step)))
            case Reveal():
                if isinstance(claim.powers[step.power], Weak):
                    Judge(world, step.session).allow(step)
                world.knowledge.learn(step.term, number)
                sent.append(())
    replayed = Replayed(world, tuple(sent), Violation((), ()))
    return Teller(system.protocol, system.machines, claim, trace, replayed)


def _reveals(claim: Claim, keys: Sequence[Term]) -> Iterator[Reveal]:
    for key in keys:
        for number, power in enumerate(claim.powers):
            if isinstance(power, Leak) and isinstance(key, Key) and any(d.name == key.family for d in power.data):
                yield Reveal(number, key)
                break


def _step(taken: Taken | Lost, side: int) -> TraceStep:
    if isinstance(taken, Lost):
        return Reveal(taken.leak.power, _own(taken.value[side]), taken.leak.session)
    received = None if taken.received is None else _own(taken.received[side])
    values = taken.values[side].items()
    decided = tuple((variable.name, value.value) for variable, value in values if isinstance(value, Const))
    certified = tuple((variable.name, value) for variable, value in values if isinstance(value, Key))
    return Advance(taken.move.session, taken.move.state, received, decided, certified)


def _own(term: Term) -> Term:
    """Return a term with the attacker's values called as the replayer of one system calls them."""
    if isinstance(term, Const):
        return Const(ATTACKER_VALUES[0], term.sort) if term.value == ATTACKER else term
    return rebuild(term, _own) if isinstance(term, App | Key) else term


def _opened(teller: Teller, found: Executed, side: int) -> Iterator[AttackStep]:
    """Yield what the attacker opens in the end on one side, and how it has what it compares; a role has that by itself."""
    for opening in found.trail:
        keys = [_own(key[side]) for key in opening.keys]
        yield from teller.explained(keys)
        yield teller.opens(_own(opening.source[side]), keys, _own(opening.content[side]))
    if found.script.last is None:
        yield from teller.explained(_own(part) for part in found.seen[side] if not isinstance(part, str))


# ------------------------------------------------------------------------------------------------ both sides as one


def _beside(left: Sequence[AttackStep], right: Sequence[AttackStep]) -> Iterator[AttackStep]:
    """Yield the lines of both sides, those of sessions and leaks opposite each other."""
    for ours, theirs in zip_longest(_parts(left), _parts(right), fillvalue=()):
        for one, other in zip_longest(ours[:-1], theirs[:-1]):
            yield _line(one, other)
        yield _line(ours[-1] if ours else None, theirs[-1] if theirs else None)


def _parts(steps: Sequence[AttackStep]) -> Iterator[tuple[AttackStep, ...]]:
    """Yield the steps in groups that end with what a session does or what leaks."""
    group: list[AttackStep] = []
    for step in steps:
        group.append(step)
        if step.kind != "attacker":
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


def _line(one: AttackStep | None, other: AttackStep | None) -> AttackStep:
    if one is None:
        assert other is not None
        return replace(other, text="(nothing)", right=other.text)
    right = "(nothing)" if other is None else other.text
    return replace(one, right="" if right == one.text else right)


def _delivered(tellers: Sequence[Teller], last: Delivery) -> AttackStep:
    """Return the line of the message that a role takes on one side only."""
    left, right = (f"the attacker sends {teller.called(last.session)} a message" for teller in tellers)
    return AttackStep("attacker", last.session, left, (), (), (), right="" if left == right else right)
