"""The replayer of two systems: it executes a script on the role machines of both sides until something differs.

The attacker does the same on both sides: a message of the left system is built from what it has seen, and what the same
way of building gives in the right system is delivered there. The replayer knows role machines and the table of
primitives, nothing of clauses, boxes and scenes. Only what it sees differ is an attack on indistinguishability.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from modelcheck.engine.script import Delivery, Leaked, Move, NotExecuted, Script, Start
from modelcheck.engine.seen import Different, Opening, Pair, Saying, Seen, brief, fillings, fit, ground
from modelcheck.machines.held import Held, Stance
from modelcheck.machines.machine import Create, Guard, Pick, Receive, RoleMachine, Send, Step, fixed_values
from modelcheck.machines.reading import Part, beginnings
from modelcheck.protocol.model import Family
from modelcheck.protocol.terms import MESSAGE, NAME, App, Const, Key, Term, Var, subterms
from modelcheck.protocol.terms import replace as put
from modelcheck.protocol.theory import DISHONEST


@dataclass(slots=True)
class _Session:
    machine: RoleMachine
    state: int
    left: dict[Var, Term]
    right: dict[Var, Term]
    picks: Mapping[Var, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Taken:
    """A move as it was made: the message that was received, if any, and all values of the session by then, on both sides."""

    move: Move
    received: Pair | None
    values: tuple[Mapping[Var, Term], Mapping[Var, Term]]


@dataclass(frozen=True, slots=True)
class Lost:
    """Something of a session that leaked, on both sides."""

    leak: Leaked
    value: Pair


@dataclass(frozen=True, slots=True)
class Executed:
    """A script up to its first difference, and what is then seen on the left and on the right."""

    script: Script
    taken: tuple[Taken | Lost, ...]
    seen: tuple[Saying, Saying]
    trail: tuple[Opening, ...]
    """What the attacker opens in the end to see it."""


def execute(machines: Mapping[str, RoleMachine], families: Mapping[str, Family], script: Script) -> Executed:
    """Return an executed script; raise :class:`NotExecuted` if it is no run, or nothing differs in the end."""
    run = _Run(machines, families, script)
    try:
        run.all()
    except Different as different:
        run.check_owners()
        left, right = different.args
        return Executed(script, tuple(run.taken), (left, right), different.trail)
    raise NotExecuted("nothing differs")


@dataclass(slots=True)
class _Run:
    machines: Mapping[str, RoleMachine]
    families: Mapping[str, Family]
    script: Script
    sessions: dict[str, _Session] = field(default_factory=dict)
    sent: list[Pair] = field(default_factory=list)
    signed: list[tuple[_Session, str, Pair]] = field(default_factory=list)
    """What was sent by which session, and to which role."""
    seen: Seen | None = None
    taken: list[Taken | Lost] = field(default_factory=list)
    received: Pair | None = None
    """What the session that moves has received on its way."""

    def all(self) -> None:
        self.sent += [(key, key) for key in self.script.leaked]
        for start in self.script.starts:
            self._start(start)
        self._leak()
        for number, move in enumerate(self.script.moves):
            try:
                self._move(self.sessions[move.session], move.session, move.state, move.values)
            except NotExecuted as problem:
                raise NotExecuted(str(problem), number) from None
            self._leak()
        if all(self._is_past(self.script.judged, states) for states in self.script.after):
            self.sent += [(key, key) for key in self.script.later]
            self._leak(later=True)
        self.seen = None
        for left, _ in list(self._look().pairs):
            self._collide(left)
            self._look()
        if self.script.last is not None:
            self._deliver(self.script.last)

    def _is_past(self, label: str, states: frozenset[int]) -> bool:
        """Return whether a session has passed one of some states."""
        session = self.sessions.get(label)
        return session is not None and any(s.index in states for s in session.machine.lineage(session.state))

    def _leak(self, *, later: bool = False) -> None:
        """Give away what sessions hold by now of that which leaks, each thing once."""
        for leak in self.script.values:
            if not leak.collides and (later or not leak.later):
                for value in self._held(leak):
                    self._lose(leak, value)

    def _held(self, leak: Leaked) -> Iterator[Pair]:
        """Yield what a session holds by now of that which leaks."""
        session = self.sessions[leak.session]
        for state, term in leak.terms:
            if self._is_past(leak.session, frozenset((state,))) and self._applies(leak):
                yield self._ground(term, session.left), self._ground(term, session.right)

    def _lose(self, leak: Leaked, value: Pair) -> None:
        lost = Lost(leak, value)
        if lost not in self.taken:
            self.taken.append(lost)
            self.sent.append(value)
            self.seen = None

    def _collide(self, wanted: Term) -> None:
        """Move signatures that the attacker has to where they stand in a term of the left, where a colliding hash lets it."""
        for leak in self.script.values:
            for left, right in self._held(leak) if leak.collides else ():
                assert isinstance(left, App) and isinstance(right, App)
                for part in reversed([*subterms(wanted)]):
                    if isinstance(part, App) and part.function == "sign" and part.arguments[0] is left.arguments[0]:
                        seen = self._look()
                        for covered in seen.beside(part.arguments[1]) if right in seen.beside(left) else ():
                            moved = App("sign", (right.arguments[0], covered))
                            if moved not in seen.beside(part):
                                self._lose(leak, (part, moved))

    def _beside(self, message: Term) -> Iterable[Term]:
        """Return what the attacker has in the right system where it has a message in the left one, if need be by collisions."""
        if not self._look().beside(message):
            self._collide(message)
        return self._look().beside(message)

    def _applies(self, leak: Leaked) -> bool:
        """Return whether the values of a session are such that something leaks, on both sides."""
        session = self.sessions[leak.session]
        found = [(self._ground(t, side), values) for t, values in leak.when for side in (session.left, session.right)]
        return all(isinstance(value, Const) and value.value in values for value, values in found)

    def check_owners(self) -> None:
        """Nothing if only sessions of which the claim says so leak; raise :class:`NotExecuted` otherwise."""
        for lost in self.taken:
            if isinstance(lost, Lost) and lost.leak.owner != "all":
                own = self._is_partner(self.sessions[lost.leak.session])
                if own != (lost.leak.owner == "own"):
                    raise NotExecuted(f"{lost.leak.session} does not leak")

    def _is_partner(self, session: _Session) -> bool:
        """Return whether a session is the judged one, or the judged one got its first value of the role from it."""
        judged = self.sessions.get(self.script.judged)
        if judged is None or session is judged or session.machine.role.name not in self.script.partners:
            return session is judged
        shared = Held.first_shared(judged.machine, [Stance(judged.machine, judged.state, {})], session.machine)
        names = [v for v in session.machine.role.parameters if judged.left.get(v, v) is judged.right.get(v)]
        return (
            shared is not None
            and judged.left[shared] is session.left[shared]
            and all(judged.left[name] is session.left[name] for name in names)
        )

    def _ground(self, term: Term, values: Mapping[Var, Term]) -> Term:
        """Return a term with values put in, the index of a key in one order if its order is irrelevant."""
        unordered = {name for name, family in self.families.items() if family.kind == "unordered"}
        return ground(term, values, unordered)

    def _start(self, start: Start) -> None:
        if start.session != self.script.judged and any(left != right for left, right in start.names):
            raise NotExecuted("two sessions differ from side to side")
        machine = self.machines[start.role]
        sides = [
            {v: Const(names[at], NAME) for v, names in zip(machine.role.parameters, start.names, strict=True)}
            for at in (0, 1)
        ]  # fmt: skip
        for variable in fixed_values(machine)[len(machine.role.parameters) :]:
            for side in sides:
                side[variable] = Const(f"{variable.name}@{start.session}", variable.sort)
        self.sessions[start.session] = _Session(machine, 0, dict(sides[0]), dict(sides[1]), dict(start.picks))

    def _look(self) -> Seen:
        if self.seen is None or len(self.seen.pairs) < len(self.sent):
            self.seen = Seen(self.sent, self.families, self.script.weak)
        return self.seen

    def _move(self, session: _Session, label: str, state: int, values: Mapping[Var, Term]) -> None:
        way = []
        for passed in session.machine.lineage(state):
            if passed.index == session.state:
                break
            assert passed.step is not None
            way.append(passed.step)
        else:
            raise NotExecuted(f"{label} is not on its way")
        self.received = None
        values = {**_compared(way), **values}
        for step in reversed(way):
            self._step(session, step, values)
        session.state = state
        both = (dict(session.left), dict(session.right))
        self.taken.append(Taken(Move(label, state, values), self.received, both))

    def _step(self, session: _Session, step: Step, values: Mapping[Var, Term]) -> None:
        match step:
            case Receive(pattern, _, "public", sender):
                self._receive(session, pattern, values)
                if self.script.passive:
                    self._relayed(session, pattern, sender)
            case Receive(pattern, _, "authentic", sender):
                self._receive(session, pattern, values)
                self._authentic(session, pattern, sender)
            case Send(term, _, "public" | "authentic", receiver):
                term = self._tied(session, term, values)
                message = (self._ground(term, session.left), self._ground(term, session.right))
                self.sent.append(message)
                self.signed.append((session, receiver, message))
                self.seen = None
            case Send():
                raise NotExecuted("a secret channel")
            case Guard():
                self._guard(session, step, values)
            case Pick(value=Var() as variable) if variable in session.picks:
                for side, value in zip((session.left, session.right), session.picks[variable], strict=True):
                    side[variable] = Const(value, variable.sort)
            case Pick(value=Var() as variable) if variable in values:
                session.left[variable] = session.right[variable] = values[variable]
            case Create() | Pick(value=Const(), rule="any"):
                pass
            case Receive() | Pick():
                raise NotExecuted("a protected channel, or a choice that the script does not make")
            case _:
                pass

    def _keys(self, term: Term, values: Mapping[Var, Term], chosen: Mapping[Var, Term]) -> dict[Var, Term]:
        """Return the keys in a role's term that it goes by certificates for, with the name on those of a dishonest name.

        An honest name has its own key there, a dishonest one what is ``chosen``, the same on both sides. A role that has no name
        looks at no certificate.
        """
        table: dict[Var, Term] = {}
        for variable, (family, name) in self.script.certified.items():
            if variable in term.variables and variable not in values and (name in values or name in term.variables):
                table[variable] = Key(family, variable.sort, (name,))
                if variable in chosen and values.get(name, chosen.get(name)) is Const(DISHONEST, NAME):
                    table |= {variable: chosen[variable], name: Const(DISHONEST, NAME)}
        return table

    def _tied(self, session: _Session, term: Term, chosen: Mapping[Var, Term]) -> Term:
        """Return a role's term with these keys, and give them to the session if it has the names."""
        table = self._keys(term, session.left, chosen)
        for side in (session.left, session.right):
            for variable, key in table.items():
                if not set(key.variables) - set(side):
                    side[variable] = put(key, side)
        return put(term, table)

    def _receive(self, session: _Session, pattern: Term, values: Mapping[Var, Term]) -> None:
        expected = self._tied(session, pattern, values)
        for variable in expected.variables:
            if variable not in session.left:
                if variable not in values:
                    raise NotExecuted(f"no value for {variable.name}")
                session.left[variable] = values[variable]
        message = self._ground(expected, session.left)
        for other in self._beside(message):
            bound = fit(self._ground(expected, session.right), other, {})
            if bound is None:
                raise Different((f"{session.machine.role.name} goes on with the message",), ("there it does not",))
            session.right |= bound
            self.received = (message, other)
            self._tied(session, pattern, {})
            return
        raise NotExecuted(f"the attacker does not have `{brief(message)}`")

    def _relayed(self, session: _Session, pattern: Term, sender: str) -> None:
        """Refuse a message that no session of this role sent to the receiver's role."""
        message = (self._ground(pattern, session.left), self._ground(pattern, session.right))
        ends = sender, session.machine.role.name
        if not any(((other.machine.role.name, to), sent) == (ends, message) for other, to, sent in self.signed):
            raise NotExecuted(f"{sender} did not send that")

    def _authentic(self, session: _Session, pattern: Term, sender: str) -> None:
        """Refuse a message on an authentic channel that its sender did not send there, unless the sender is dishonest."""
        message = (self._ground(pattern, session.left), self._ground(pattern, session.right))
        own = self.machines[sender].role.own
        if own and all(session.left.get(name) is Const(DISHONEST, NAME) for name in own):
            return
        for other, receiver, sent in self.signed:
            names = all(
                name not in mine or mine[name] is theirs[name]
                for mine, theirs in ((session.left, other.left), (session.right, other.right)) for name in own
            )  # fmt: skip
            if (
                other.machine.role.name == sender
                and receiver == session.machine.role.name
                and sent == message
                and names
            ):
                return
        raise NotExecuted(f"{sender} did not send that")

    def _guard(self, session: _Session, guard: Guard, values: Mapping[Var, Term]) -> None:
        outcomes = []
        one = self._tied(session, guard.left, values)
        another = None if guard.right is None else self._tied(session, guard.right, values)
        for side in (session.left, session.right):
            left = self._ground(one, side)
            if guard.test == "hosted":
                if isinstance(guard.left, Var) and guard.left not in side:
                    side[guard.left] = left = values[guard.left]
                outcomes.append(left is not Const(DISHONEST, NAME))
            elif guard.test in ("equal", "differ") and another is not None:
                outcomes.append((left is self._ground(another, side)) == (guard.test == "equal"))
            elif guard.test == "among":
                outcomes.append(isinstance(left, Const) and left.value in guard.values)
            else:
                raise NotExecuted(f"the test {guard.test}")
        if outcomes[0] != outcomes[1]:
            role = session.machine.role.name
            ours, theirs = (f"{role} {'goes on' if passed else 'stops'} after a comparison" for passed in outcomes)
            raise Different((ours,), (theirs,))
        if not outcomes[0]:
            raise NotExecuted("a comparison fails")

    def _deliver(self, last: Delivery) -> None:
        if self.script.passive:
            raise NotExecuted("the attacker sends nothing")
        session = self.sessions[last.session]
        target = session.machine.states[last.state]
        if session.state != target.parent or not isinstance(target.step, Receive):
            raise NotExecuted(f"{last.session} does not wait for that")
        supplied = self._ground(last.supplied, last.values)
        for message in fillings(supplied, self._look()):
            for other in self._beside(message):
                sides = ((session.left, message), (session.right, other))
                (ours, said), (theirs, other_said) = (
                    self._outcome(session.machine.role.name, target.step, *side, last.values) for side in sides
                )
                if ours != theirs:
                    raise Different(said, other_said)
        raise NotExecuted("the last message makes no difference")

    def _outcome(
        self, role: str, step: Receive, values: Mapping[Var, Term], message: Term, chosen: Mapping[Var, Term]
    ) -> tuple[int | str | None, Saying]:
        """Return what is seen of a session that gets a message, and how to say it.

        That is the number of the check that fails, or the statement by which it looks like others; None if none fails.
        """
        for number, (part, pattern) in enumerate(beginnings(step.pattern, values, step.readings)):
            keys = self._keys(pattern, values, chosen)
            if fit(self._ground(put(pattern, keys), values), message, {}) is None:
                expected = self._ground(put(part.term, keys), values)
                return part.alike or number, (f"{role} ", *_failure(part, expected))
        return None, (f"{role} finds what it checks",)


def _failure(part: Part, expected: Term) -> Saying:
    """Return what a role does when a check fails."""
    where = f" in {part.message}" if part.message else ""
    match expected:
        case App("aead" | "pk_encrypt", (key, *_)):
            return "cannot decrypt with ", key, f" what it finds{where}"
        case App("sign", (key, *_)):
            return "finds no signature that verifies with ", App("pk", (key,)), where
        case App(function) if function.startswith(MESSAGE):
            return (f"finds no {part.message}",)
        case _:
            return "finds another value than ", expected, where


def _compared(way: Sequence[Step]) -> dict[Var, Term]:
    """Return the constants with which a role compares values on its way: it can only have picked those."""
    guards = [step for step in way if isinstance(step, Guard) and step.test == "equal"]
    return {g.left: g.right for g in guards if isinstance(g.left, Var) and isinstance(g.right, Const)}
