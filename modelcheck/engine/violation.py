"""Whether what the attacker was given was allowed, and whether a claim is violated in a world that a trace led to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from modelcheck.engine.offline import Guesser, OfflineTest
from modelcheck.engine.replay import NotReplayed, Session, World
from modelcheck.engine.trace import Advance, Reveal, Trace
from modelcheck.machines.held import Held, Stance, judged_names, tagged
from modelcheck.machines.machine import Receive, RoleMachine, Send, fresh_values
from modelcheck.protocol.model import (
    Agreement,
    Aliveness,
    Claim,
    Datum,
    Dishonest,
    Fact,
    Identifies,
    Leak,
    Observational,
    Point,
    Protocol,
    Secrecy,
    Weak,
)
from modelcheck.protocol.terms import NAME, App, Const, Key, Term, Var, sort_of, subterms
from modelcheck.protocol.theory import DISHONEST


@dataclass(frozen=True, slots=True)
class Replayed:
    """A trace that is an attack: the world at its end, what each step sent, and what is violated."""

    world: World
    sent: tuple[tuple[Term, ...], ...]
    violation: Violation


@dataclass(frozen=True, slots=True)
class Violation:
    """What is broken: the data concerned with their values, and the sessions that show it."""

    data: tuple[tuple[str, Term], ...]
    sessions: tuple[str, ...]
    test: OfflineTest | None = None
    """What tells whether a guess is right, for a claim about guessing."""


def replay(protocol: Protocol, machines: Sequence[RoleMachine], claim: Claim, trace: Trace) -> Replayed:
    """Return the executed trace; raise NotReplayed if it is no run, or the claim is not violated at its end."""
    world = World(protocol, machines, claim)
    for start in trace.sessions:
        world.start(start)
    if not trace.sessions:
        raise NotReplayed("there is no session")
    judge = Judge(world, *[start.label for start in trace.sessions[:2]])
    sent: list[tuple[Term, ...]] = []
    for number, step in enumerate(trace.steps, 1):
        world.step = number
        match step:
            case Advance():
                sent.append(tuple(world.advance(step)))
            case Reveal():
                judge.allow(step)
                world.knowledge.learn(step.term, number)
                sent.append(())
    violation = judge.violation()
    if violation is None:
        raise NotReplayed("the claim is not violated")
    return Replayed(world, tuple(sent), violation)


class Judge:
    """Looks at a world with a claim's eyes: at the judged session, and a second one if the claim speaks of two."""

    def __init__(self, world: World, judged: str, second: str = "") -> None:
        """``judged`` and ``second`` are labels of sessions of the world."""
        self.world, self.claim, self.held = world, world.claim, world.held
        self.judged = world.sessions[judged]
        self.second = world.sessions.get(second)

    # -------------------------------------------------------------------------------- values of claims

    def tuples(self, session: Session, stance: Stance, data: tuple[Datum, ...]) -> list[tuple[Term, ...]]:
        """Return the ground values of some data for a session at a stance that it has passed."""
        found = self.held.tuples(stance, data)
        return [tuple(self.world.ground(term, session.values) for term in terms) for terms in found]

    def passed(self, session: Session, stances: Sequence[Stance]) -> list[Stance]:
        """Return the stances that a session has reached or passed."""
        mine = [s for s in stances if s.machine.role.name == session.start.role]
        return [stance for stance in mine if session.has_passed(stance.state)]

    def _names_fit(self, stance: Stance) -> bool:
        """Return whether the judged session's names are honest and different, but for those the claim makes dishonest."""
        bad = {power.name for power in self.claim.powers if isinstance(power, Dishonest)}
        seen: set[Term] = set()
        for variable in judged_names(stance):
            value = self.judged.values[variable]
            dishonest = value is Const(DISHONEST, NAME)
            if dishonest != (variable.name in bad) or (not dishonest and value in seen):
                return False
            seen.add(value)
        return True

    def _premise_holds(self, stance: Stance) -> bool:
        premise = self.claim.premise
        if premise is None or (isinstance(premise, Fact) and premise.subject.kind == "label"):
            return True
        if isinstance(premise, Fact):
            values = [self.world.ground(term, self.judged.values) for term in self.held.at(stance, premise.subject)]
            return bool(values) and all(isinstance(v, Const) and v.value in premise.values for v in values)
        mine = self.tuples(self.judged, stance, premise.data)
        machine = self.held.machines[premise.role]
        first = self.held.first_held(machine, premise.data)
        return any(
            value in self.tuples(session, other, premise.data)
            for session in self.world.sessions.values() if session is not self.judged
            for other in self.passed(session, first) for value in mine
        )  # fmt: skip

    def judged_stances(self, stances: Sequence[Stance]) -> Iterator[Stance]:
        """Yield the stances that the judged session passed with names and premise as the claim wants them."""
        for stance in self.passed(self.judged, stances):
            if self._names_fit(stance) and self._premise_holds(stance):
                yield stance

    # -------------------------------------------------------------------------------- powers

    def allow(self, reveal: Reveal) -> None:
        """Nothing if the claim's attacker is given this term now; raise NotReplayed if it is not."""
        if not 0 <= reveal.power < len(self.claim.powers):
            raise NotReplayed(f"the claim has no power {reveal.power}")
        power = self.claim.powers[reveal.power]
        session = self.world.sessions.get(reveal.session)
        term = self.world.ring.normal(reveal.term)
        match power:
            case Leak(data, _, after):
                if after is not None and not self._is_after(after):
                    raise NotReplayed(f"nothing leaks before {after}")
                allowed = any(self._leaks(power, datum, session, term) for datum in data)
            case Weak("hash", when) if when is not None and session is not None:
                allowed = self._has_fact(session, when) and self._collides(session, term)
            case Weak(form, when) if when is not None and session is not None:
                allowed = self._has_fact(session, when) and term in self._weak_parts(session, form)
            case _:
                allowed = False
        if not allowed:
            raise NotReplayed(f"power {reveal.power} does not give away this term")

    def _is_after(self, point: Point) -> bool:
        states = self.judged.machine.at(point.kind, point.name)
        return point.role == self.judged.start.role and any(map(self.judged.has_passed, states))

    def _leaks(self, power: Leak, datum: Datum, session: Session | None, term: Term) -> bool:
        if datum.kind == "key":
            return isinstance(term, Key) and term.family == datum.name and self._index_fits(datum, term)
        if session is None or not self._owned(power, datum, session):
            return False
        local = Datum(datum.kind, datum.name, datum.arguments)
        paths = self.held.paths[session.machine.protocol]
        honest = {self.held.honest(path, local) for path in paths}
        created = [v for v in fresh_values(session.machine) if v in honest]
        if created:
            return any(session.values.get(variable) is term for variable in created)
        here = Stance(session.machine, session.state, session.machine.states[session.state].views)
        return term in [self.world.ground(own, session.values) for own in self.held.at(here, local)]

    def _index_fits(self, datum: Datum, key: Key) -> bool:
        if not datum.arguments:
            return True
        by_name = {variable.name: value for variable, value in self.judged.values.items() if variable.sort == NAME}
        return any(
            all(name not in by_name or by_name[name] is value for name, value in zip(datum.arguments, index, strict=True))
            for index in self.world.ring.indices(key)
        )  # fmt: skip

    def _owned(self, power: Leak, datum: Datum, session: Session) -> bool:
        if not self.held.concerns(datum, session.machine.protocol, self.judged.machine.protocol):
            return False
        if power.owner == "all" or datum.owner:
            return True
        return (session is self.judged or self._is_partner(session)) == (power.owner == "own")

    def _is_partner(self, session: Session) -> bool:
        """Return whether the judged session got its first value of the role from this session."""
        roles = set(self.held.partner_roles(self.claim, self.judged.machine))
        if isinstance(self.claim.property, Agreement):
            roles.add(self.claim.property.right.role)
        if session.start.role not in roles:
            return False
        here = Stance(self.judged.machine, self.judged.state, {})
        shared = self.held.first_shared(self.judged.machine, [here], session.machine)
        names = [v for v in session.machine.role.parameters if v in self.judged.values]
        return (
            shared is not None
            and session.values.get(shared) is not None
            and self.judged.values.get(shared) is session.values[shared]
            and all(self.judged.values[v] is session.values[v] for v in names)
        )

    def _has_fact(self, session: Session, fact: Fact) -> bool:
        views = session.machine.states[session.state].views
        here = Stance(session.machine, session.state, views)
        values = [self.world.ground(term, session.values) for term in self.held.at(here, fact.subject)]
        return bool(values) and all(isinstance(v, Const) and v.value in fact.values for v in values)

    def _collides(self, session: Session, term: Term) -> bool:
        """Return whether a signature that a session sent, and the attacker has, fits another message that it knows."""
        can = self.world.knowledge.can
        if not isinstance(term, App) or term.function != "sign" or not can(term.arguments[1]):
            return False
        steps = (state.step for state in session.machine.lineage(session.state))
        sent = [self.world.ground(step.term, session.values) for step in steps if isinstance(step, Send)]
        signatures = [p for one in sent for p in subterms(one) if isinstance(p, App) and p.function == "sign"]
        return any(signature.arguments[0] is term.arguments[0] and can(signature) for signature in signatures)

    def _weak_parts(self, session: Session, form: str) -> set[Term]:
        """Return what a weak primitive gives away of what a session sent, received and can compute."""
        terms: list[Term] = []
        for state in session.machine.lineage(session.state):
            if isinstance(state.step, Send):
                terms.append(state.step.term)
            elif isinstance(state.step, Receive):
                terms.append(state.step.pattern)
        for index, view in session.machine.states[session.state].views.items():
            path = self.held.paths[session.machine.protocol][index]
            terms += [own for value in path.values.values() if (own := view.of(value)) is not None]
        ground = {self.world.ground(term, session.values) for term in terms}
        return {weak for term in ground for part in subterms(term) for weak in given_up(part, form)}

    # -------------------------------------------------------------------------------- violations

    def violation(self) -> Violation | None:
        """Return how the claim is violated now, None if it is not."""
        match self.claim.property:
            case Secrecy() as wanted:
                return self._not_secret(wanted)
            case Agreement() as wanted:
                return self._no_agreement(wanted) or (self._served_twice(wanted) if wanted.injective else None)
            case Aliveness() as wanted:
                return self._not_alive(wanted)
            case Identifies() as wanted:
                return self._ambiguous(wanted)
            case Observational("resists guessing", subject):
                return self._guessed(subject)
            case _:
                return None

    def _guessed(self, subject: Datum) -> Violation | None:
        """Return a test that only the right guess for the judged session's secret passes."""
        session = self.judged
        bad = {power.name for power in self.claim.powers if isinstance(power, Dishonest)}
        honest = [session.values[v] for v in session.machine.role.parameters if v.name not in bad]
        if len(set(honest)) < len(honest) or Const(DISHONEST, NAME) in honest:
            return None
        by_name = {variable.name: value for variable, value in session.values.items()}
        if subject.kind == "key":
            sort = self.world.ring.families[subject.name].sort
            secret: Term | None = Key(subject.name, sort, tuple(by_name[name] for name in subject.arguments))
        else:
            secret = by_name.get(subject.name)
        test = None if secret is None else Guesser(self.world.knowledge, secret).best()
        if secret is None or test is None:
            return None
        return Violation(((str(subject), self.world.ring.normal(secret)),), (session.start.label,), test)

    def _not_secret(self, wanted: Secrecy) -> Violation | None:
        for point in wanted.points:
            if point.role != self.judged.start.role:
                continue
            for stance in self.judged_stances(self.held.holding(point, wanted.data, self.claim.premise)):
                for datum in wanted.data:
                    for term in self.held.at(stance, datum):
                        value = self.world.ground(term, self.judged.values)
                        if self.world.knowledge.can(value):
                            return Violation(((str(datum), value),), (self.judged.start.label,))
        return None

    def _shared_names(self, wanted: Agreement, stance: Stance) -> tuple[Datum, ...]:
        mine = {variable.name for variable in judged_names(stance)}
        other = self.held.machines[wanted.right.role].role
        return tuple(Datum("value", v.name) for v in other.parameters if v.name in mine)

    def _commits(self, wanted: Agreement) -> Iterator[tuple[Stance, tuple[Datum, ...], tuple[Term, ...]]]:
        for stance in self.judged_stances(self.held.where(self.held.stances(wanted.left), self.claim.premise)):
            data = tuple(dict.fromkeys((*self._shared_names(wanted, stance), *wanted.data)))
            for values in self.tuples(self.judged, stance, data):
                yield stance, data, values

    def _running(self, wanted: Agreement, data: tuple[Datum, ...], values: tuple[Term, ...]) -> list[Session]:
        """Return the sessions that run with these values."""
        stances = self.held.runs(wanted)
        return [
            session for session in self.world.sessions.values() if session is not self.judged
            if any(values in self.tuples(session, s, data) for s in self.passed(session, stances))
        ]  # fmt: skip

    def _no_agreement(self, wanted: Agreement) -> Violation | None:
        for _, data, values in self._commits(wanted):
            if not self._running(wanted, data, values):
                return self._disagreement(data, values, (self.judged.start.label,))
        return None

    @staticmethod
    def _disagreement(data: tuple[Datum, ...], values: tuple[Term, ...], labels: tuple[str, ...]) -> Violation:
        return Violation(tuple((str(d), v) for d, v in zip(data, values, strict=True)), labels)

    def _served_twice(self, wanted: Agreement) -> Violation | None:
        """Return whether two sessions commit to the same values with one session between them that runs with these."""
        if self.second is None or self.second.start.role != self.judged.start.role:
            return None
        for _, data, values in self._commits(wanted):
            others = self.passed(self.second, self.held.stances(wanted.left))
            if any(values in self.tuples(self.second, s, data) for s in others):
                running = self._running(wanted, data, values)
                if len(running) < 2:
                    labels = (self.judged.start.label, self.second.start.label, *(r.start.label for r in running))
                    return self._disagreement(data, values, labels)
        return None

    def _not_alive(self, wanted: Aliveness) -> Violation | None:
        other = self.held.machines[wanted.role]
        for stance in self.judged_stances(self.held.stances(wanted.left)):
            names = {v: self.judged.values[v] for v in judged_names(stance)}
            same = [v for v in other.role.own if v in names]
            if not any(
                session.start.role == wanted.role and session.state and session is not self.judged
                and all(session.values[v] is names[v] for v in same)
                for session in self.world.sessions.values()
            ):  # fmt: skip
                return Violation(tuple((v.name, value) for v, value in names.items()), (self.judged.start.label,))
        return None

    def _ambiguous(self, wanted: Identifies) -> Violation | None:
        one, two = self.judged, self.second
        if two is None or any(len(set(s.start.names)) < len(s.start.names) for s in (one, two)):
            return None
        stances = self.held.where(tagged(self.held, one.machine, wanted.tag), self.claim.premise)
        for mine in filter(self._premise_holds, self.passed(one, stances)):
            for theirs in self.passed(two, tagged(self.held, two.machine, wanted.tag)):
                others = self.tuples(two, theirs, (wanted.tag,))
                tags = [tag for tag in self.tuples(one, mine, (wanted.tag,)) if tag in others]
                if not tags:
                    continue
                labels = (one.start.label, two.start.label)
                if wanted.channel and one.machine is two.machine:
                    return Violation(((str(wanted.tag), tags[0][0]),), labels)
                for name, left, right in compared(self.held, wanted, mine, theirs):
                    a, b = self.world.ground(left, one.values), self.world.ground(right, two.values)
                    if a is not b:
                        return Violation(((str(wanted.tag), tags[0][0]), (name, a), (name, b)), labels)
        return None


def compared(held: Held, wanted: Identifies, one: Stance, two: Stance) -> Iterator[tuple[str, Term, Term]]:
    """Yield what two sessions with one tag must agree on: the data, for a channel every leaf that both know."""
    if not wanted.channel:
        for datum in wanted.data:
            yield from ((str(datum), *pair) for pair in product(held.at(one, datum), held.at(two, datum)))
        return
    known = dict.fromkeys(h for view in one.views.values() for h in view.known if isinstance(h, Var))
    for honest in known:
        ours = {own for view in one.views.values() if (own := view.of(honest)) is not None}
        others = {own for view in two.views.values() if (own := view.of(honest)) is not None}
        yield from ((honest.name, *pair) for pair in product(sorted(ours, key=repr), sorted(others, key=repr)))


def given_up(part: Term, form: str) -> Iterator[Term]:
    """Yield what a weak primitive gives away of a term that a session handles."""
    match part:
        case App("dh") if form == "dh":
            yield part
        case App("kem_ss") if form == "kem":
            yield part
        case App("aead", (_, _, _, content)) if form == "aead":
            yield content
        case App("pk_encrypt", (_, content)) if form == "pk_encrypt":
            yield content
        case App("sign", (key, _)) if form == "sign" or (form == "rsa" and sort_of(key) == "RsaKey"):
            yield key
        case App("pk_encrypt", (App("pk", (Key(_, "RsaKey", _) as key,)), _)) if form == "rsa":
            yield key
        case _:
            pass
