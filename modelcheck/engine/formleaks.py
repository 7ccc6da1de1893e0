"""What leaks, and what is weak, where messages change their form from one system to another.

A value that leaks has to be the same in both systems. What is weak in some sessions only is taken to be weak in all, for an
attacker who can do more sees all that one sees who can do less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from modelcheck.engine.clauses import ClauseSet, Condition
from modelcheck.engine.judged import STAR, Stretch, Unsupported
from modelcheck.engine.leaks import PREFIX, Given, given_keys, leak_rules, taken_apart, terms_of
from modelcheck.engine.prover import System
from modelcheck.engine.scene import Session, partners
from modelcheck.engine.steps import session_literal, session_variable, state_literal
from modelcheck.machines.held import Held, Stance
from modelcheck.machines.machine import RoleMachine
from modelcheck.machines.paired import Paired
from modelcheck.protocol.biterms import differs, two
from modelcheck.protocol.model import Claim, Datum, Leak, Point, Weak
from modelcheck.protocol.terms import Term, Var, renamed
from modelcheck.protocol.terms import replace as put

JUDGED = "judged "
"""What variables of the judged session are called in rules about what leaks when it is past a point."""


def weak_everywhere(system: System, claim: Claim) -> tuple[Weak, ...]:
    """Return what is weak in any session, as weak in all.

    Who can move signatures to other messages is taken to make them. Raises :class:`Unsupported` if that takes more than the
    keys that everybody knows.
    """
    forms = dict.fromkeys(power.form for power in claim.powers if isinstance(power, Weak))
    if "hash" in forms:
        forms["sign"] = None
        for family in system.protocol.key_families().values():
            if family.sort in ("SigningKey", "RsaKey") and not family.public:
                raise Unsupported(
                    f"a weak hash, where messages change their form and the public halves of `{family.name}` are secret,"
                )
    return tuple(Weak(form, None) for form in forms)


@dataclass(frozen=True, slots=True)
class Partners:
    """The sessions of a role from which the judged session gets its first value of that role."""

    sessions: tuple[Session, ...]
    first: Var
    """That value; the judged session has it on both sides before it picks."""


def partners_of(held: Held, pairs: Paired, names: Mapping[Var, str], honest: Sequence[str]) -> dict[str, Partners]:
    """Return the judged session's partners by role, but of roles of whom it may have another one on either side."""
    machine = pairs.originals[pairs.role]
    ends = [Stance(machine, s.index, s.views) for s in machine.states if not machine.children[s.index]]
    found = {}
    for role, other in held.machines.items():
        first = held.first_shared(machine, ends, other) if other.protocol == machine.protocol else None
        if first is None:
            continue
        if all(first in machine.states[state].bound for state in pairs.picking):
            found[role] = Partners(partners(other.role, names, honest), first)
    return found


class FormLeaks:
    """What a claim says leaks, from the start or when the judged session is past a point."""

    def __init__(
        self, clauses: ClauseSet, held: Held, pairs: Paired, claim: Claim, names: Sequence[str],
        spotlights: Sequence[Session], others: Sequence[Session],
    ) -> None:  # fmt: skip
        """``names`` are the judged session's, ``spotlights`` it and its partners, ``others`` all other sessions.

        Where a partner is none of the spotlights, all sessions of its role lose what it loses.
        """
        self.clauses, self.held, self.pairs = clauses, held, pairs
        told = {session.role for session in spotlights}
        missing = {*held.partner_roles(claim, held.machines[pairs.role])} - told
        mine, rest = (tuple(session.label for session in sessions) for sessions in (spotlights, others))
        losing = tuple(session.label for session in others if session.role in missing)
        self.labels = {"own": (*mine, *losing), "other": rest, "all": (*mine, *rest)}
        self.machines: dict[str, RoleMachine] = {machine.role.name: machine for machine in clauses.machines}
        self.machine = self.machines[pairs.role]
        self.named = {v.name: (name,) for v, name in zip(self.machine.role.parameters, names, strict=True)}
        self.leaks = [power for power in claim.powers if isinstance(power, Leak)]

    def given(self, after: Point | None) -> Iterator[Given]:
        """Yield what leaks from the start, or when the judged session is past a point."""
        there = () if after is None else self._first_past(after)
        for power in self.leaks:
            for datum in power.data if power.after == after else ():
                for given in self._keys(datum) if datum.kind == "key" else self._values(power, datum):
                    yield from [given] if after is None else self._from(there, given)

    def seen(self) -> Iterator[tuple[Given, tuple[Term, ...]]]:
        """Yield all that leaks of sessions, sooner or later, and what can be taken out of it with which keys."""
        for after in dict.fromkeys(power.after for power in self.leaks):
            for given in self.given(after):
                if given.body:
                    yield from taken_apart(self.clauses, given)

    def _keys(self, datum: Datum) -> Iterator[Given]:
        family = self.clauses.families[datum.name]
        choices = [self.named.get(name, ()) for name in datum.arguments or ("",) * family.arity]
        yield from given_keys(self.clauses, family, choices, f"the key {datum}")

    def _values(self, power: Leak, datum: Datum) -> Iterator[Given]:
        """Yield a value of the sessions that a leak speaks of, in each state in which one first has it."""
        here = Condition("among", session_variable(PREFIX), None, self.labels["all" if datum.owner else power.owner])
        for role, original in self.held.machines.items():
            machine = self.machines[role]
            if not self.held.concerns(datum, machine.protocol, self.machine.protocol):
                continue
            session = session_literal(self.clauses, machine, PREFIX)
            for state, term in self._places(original, datum):
                body = () if state is None else (state_literal(self.clauses, machine, state, PREFIX),)
                yield Given(renamed(term, PREFIX), (*body, session), (here,), f"{datum} of {role}")

    def _places(self, original: RoleMachine, datum: Datum) -> Iterator[tuple[int | None, Term]]:
        """Yield where a role first has a value, None if from the start, and what it is there.

        Raises :class:`Unsupported` if that is not one thing on both sides.
        """
        found = [
            (None if stance is None else stance.state, term) for stance, term in terms_of(self.held, original, datum)
        ]
        yield from found
        role = original.role.name
        machine = self.machines[role]
        cuts = self.clauses.state_of
        pairs = {
            state: sides for (name, state), sides in self.pairs.ways.items() if name == role and (name, state) in cuts
        }
        had: set[int] = {state for state, _ in found if state is not None}
        for state, sides in sorted(pairs.items()) if had else ():
            if any(one.index in had for one in machine.lineage(state)):
                continue
            both = [
                {put(term, side.values) for at, term in found if any(one.index == at for one in original.lineage(side.state))}
                for side in sides
            ]  # fmt: skip
            if not any(both):
                continue
            ours, theirs = both
            if len(ours) != 1 or len(theirs) != 1 or differs(two(*ours, *theirs)):
                raise Unsupported(f"a leak of `{datum}`, which is not the same on both sides")
            had.add(state)
            yield from ((state, term) for term in ours)

    def later(self, tests: Sequence[tuple[int, tuple[str, int] | None]]) -> tuple[Stretch, ...]:
        """Return what leaks after points; ``tests`` are predicates of tests with the role and state that makes each.

        Up to its point the judged session makes its steps and tests: it makes none of them again.
        """
        result = []
        for point in dict.fromkeys(power.after for power in self.leaks if power.after is not None):
            there = self._first_past(point)
            rules = leak_rules(self.clauses, self.given(point))
            ways = [[state.index for state in self.machine.lineage(index)] for index in there]
            over = dict.fromkeys(state for way in ways for state in way)
            before = {state for way in ways for state in way[1:]}
            made = (n for n, place in tests if place is not None and place[0] == self.pairs.role and place[1] in before)
            steps = (self.clauses.state_of.get((self.pairs.role, state)) for state in over)
            result.append(Stretch(rules, tuple(sorted(s for s in steps if s is not None)), tuple(made)))
        return tuple(sorted(result, key=lambda stretch: len(stretch.over)))

    def _from(self, states: Sequence[int], given: Given) -> Iterator[Given]:
        here = Condition("among", session_variable(JUDGED), None, (STAR,))
        for state in states:
            body = (*given.body, state_literal(self.clauses, self.machine, state, JUDGED),
                    session_literal(self.clauses, self.machine, JUDGED))  # fmt: skip
            yield replace(given, body=body, conditions=(*given.conditions, here))

    def _first_past(self, point: Point) -> list[int]:
        """Return the states in which the judged session is first past a point, on both sides at once."""
        past = [state for role, state in self.clauses.state_of if role == self.pairs.role and self._past(state, point)]
        return [
            state for state in past
            if not any(one.index in past for one in self.machine.lineage(state) if one.index != state)
        ]  # fmt: skip

    def _past(self, state: int, point: Point) -> bool:
        """Return whether the judged session is past a point, or raise :class:`Unsupported` if it is so on one side only."""
        original = self.pairs.originals[self.pairs.role]
        if state in self.pairs.others_only:
            return False
        sides = self.pairs.ways.get((self.pairs.role, state))
        ways = (state, state) if sides is None else tuple(side.state for side in sides)
        if any(index >= len(original.states) for index in ways):
            return False
        there = {*original.at(point.kind, point.name)}
        past = {any(one.index in there for one in original.lineage(index)) for index in ways}
        if len(past) > 1:
            raise Unsupported(f"leaks after `{point}`, which the two sides are past at different moments")
        return past.pop()
