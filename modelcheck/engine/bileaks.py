"""Values of sessions that leak in a comparison of two systems, and what the attacker sees in them.

The attacker is given the same value of the same session on both sides. A name that differs may stand in it, as in a
message: so what leaks is looked at like what roles send, by tests of its own.

Whose values leak is said as for trace claims: a session is the judged one's *partner* if the judged session got its first
value of the role from it. Such a session has a class of its own. No run is lost: fresh values are equal on both sides, so
it is one session on both, and whichever it is, is called the partner; the judged session then never holds that value of
another session of these names. Only names that are equal on both sides have to be the judged session's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from modelcheck.engine.agreement import states_with
from modelcheck.engine.clauses import ClauseSet, Condition, Literal
from modelcheck.engine.judged import STAR, Forbids
from modelcheck.engine.leaks import Given, given_by, taken_apart, terms_of
from modelcheck.engine.observations import Test, given_tests
from modelcheck.engine.scene import Scene, Session, leaf_name, partners, summaries
from modelcheck.engine.script import Leaked
from modelcheck.engine.spotlight import literals, restriction
from modelcheck.engine.steps import session_variable, state_literal
from modelcheck.machines.held import Held, Stance
from modelcheck.machines.machine import RoleMachine
from modelcheck.protocol.model import Claim, Datum, Leak, Point, Weak
from modelcheck.protocol.terms import Var, renamed

JUDGED = "judged "
"""What variables of the judged session are called in rules about other sessions."""


class SessionLeaks:
    """What a claim's leaks give of sessions, as rules of the attacker, as tests, and for a run that is executed."""

    def __init__(
        self, clauses: ClauseSet, held: Held, claim: Claim, names: Mapping[Var, str], subject: str, machine: RoleMachine,
        honest: tuple[str, ...],
    ) -> None:  # fmt: skip
        """``names`` are the judged session's, ``subject`` the one that differs; ``honest`` those of other sessions."""
        self.clauses, self.held, self.machine = clauses, held, machine
        self.powers: list[tuple[int, Leak]] = []
        self.weak = [(n, p) for n, p in enumerate(claim.powers) if isinstance(p, Weak) and p.when is not None]
        for number, power in enumerate(claim.powers):
            data = tuple(d for d in power.data if d.kind != "key") if isinstance(power, Leak) else ()
            if data and isinstance(power, Leak):
                self.powers.append((number, replace(power, data=data)))
        self.partners = tuple[Session, ...]()
        self._shared: list[tuple[Var, tuple[str, ...]]] = []
        self.roles = tuple(dict.fromkeys(held.partner_roles(claim, machine))) if self.powers else ()
        for role in self.roles:
            self._add_partners(held.machines[role], {v: n for v, n in names.items() if n != subject}, honest)
        self.own = (STAR, *(session.label for session in self.partners))
        self.everyone = (*(session.label for session in summaries(clauses, honest)), *self.own)

    def _add_partners(self, other: RoleMachine, same: Mapping[Var, str], honest: tuple[str, ...]) -> None:
        """Put the session from which the judged one got its first value of a role under the spotlight."""
        ends = [
            Stance(self.machine, s.index, s.views) for s in self.machine.states if not self.machine.children[s.index]
        ]
        chosen = self.held.first_shared(self.machine, ends, other)
        if chosen is None:
            return
        found = partners(other.role, same, honest)
        labels = [f"others {other.role.name}({','.join(session.names)})" for session in found]
        self.partners = (*self.partners, *found)
        self._shared.append((chosen, tuple(leaf_name(chosen, label) for label in labels)))

    def forbidden(self, scene: Scene) -> Forbids:
        """Return what is forbidden without loss: values that were renamed to a partner's."""
        forbids = Forbids()
        for variable, leaves in self._shared:
            for predicate in states_with(scene, self.machine.role.name, variable):
                forbids.add(predicate, restriction(scene, predicate, {variable: leaves}, [STAR]))
        return forbids

    def sharing(self) -> Iterator[tuple[Literal, tuple[Condition, ...]]]:
        """Yield the ways to say that the judged session has a partner by now; none if none of a partner leaks."""
        mine = tuple(session.label for session in self.partners)
        for variable, _ in self._shared if any(power.owner == "own" for _, power in self.powers) else ():
            made = tuple(leaf_name(variable, label) for label in mine)
            conditions = (
                Condition("among", session_variable(JUDGED), None, (STAR,)),
                Condition("among", renamed(variable, JUDGED), None, made),
            )
            for state in self._first_with(variable):
                yield state_literal(self.clauses, self.machine, state, JUDGED), conditions

    def _first_with(self, variable: Var) -> Iterator[int]:
        """Yield the cut states in which the judged role first has a variable."""
        cuts = {state for role, state in self.clauses.state_of if role == self.machine.role.name}
        having = {state for state in cuts if variable in self.machine.states[state].bound}
        for state in sorted(having):
            if not any(one.index in having for one in self.machine.lineage(state) if one.index != state):
                yield state

    def given(self, after: Point | None) -> Iterator[Given]:
        """Yield what leaks of sessions, from the start or when the judged session has reached a point."""
        here = Condition("among", session_variable(JUDGED), None, (STAR,))
        for _, power in self.powers:
            if power.after != after:
                continue
            for one in given_by(
                self.clauses, self.held, power, {}, self.own, self.everyone, self.machine.protocol
            ):  # fmt: skip
                if after is None:
                    yield one
                for stance in () if after is None else self.held.stances(after):
                    body = (*one.body, *literals(self.clauses, stance, JUDGED))
                    yield Given(one.term, body, (*one.conditions, here), one.description)

    def tests(self) -> Iterator[Test]:
        """Yield what the attacker sees in all that leaks, sooner or later."""
        for after in dict.fromkeys(power.after for _, power in self.powers):
            for whole in self.given(after):
                for part, needs in taken_apart(self.clauses, whole):
                    yield from given_tests(self.clauses, part, needs)

    def of(self, sessions: Iterable[tuple[str, Session]]) -> Iterator[Leaked]:
        """Yield what leaks of sessions of given classes, and what primitives give away that are weak in some sessions."""
        for label, session in sessions:
            yield from self._given_up(label, session.role)
            machine = self.held.machines[session.role]
            for number, power in self.powers:
                for datum in power.data:
                    if self._leaks(power, datum, session, machine):
                        terms = terms_of(self.held, machine, datum)
                        places = tuple((0 if stance is None else stance.state, term) for stance, term in terms)
                        owner = "all" if datum.owner else power.owner
                        yield Leaked(label, number, places, owner, power.after is not None)

    def _given_up(self, label: str, role: str) -> Iterator[Leaked]:
        for number, power in self.weak:
            for exposure in self.clauses.exposures:
                if (
                    exposure.form == power.form
                    and self.clauses.state_of.get((role, exposure.state)) == exposure.predicate
                ):
                    when = tuple((condition.left, condition.values) for condition in exposure.conditions)
                    places = ((exposure.state, exposure.term),)
                    yield Leaked(label, number, places, "all", when=when, collides=exposure.any_message)

    def _leaks(self, power: Leak, datum: Datum, session: Session, machine: RoleMachine) -> bool:
        if not self.held.concerns(datum, machine.protocol, self.machine.protocol):
            return False
        everybody = power.owner == "all" or bool(datum.owner)
        return everybody or (session.label in self.own) == (power.owner == "own")
