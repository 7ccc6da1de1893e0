"""The replayer: it executes a trace on the role machines and says whether the claim is violated at its end.

It shares the role machines, the table of primitives and the meaning of claims with the rest of the program, and nothing
of the clauses, the fixpoint, the encoding or the solver (import-linter holds it to that). Only what it accepts is an
attack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from modelcheck.engine.deduction import Bindings, KeyRing, Knowledge, key_ring, matches
from modelcheck.engine.possession import untied
from modelcheck.engine.trace import Advance, SessionStart, fresh_leaf
from modelcheck.machines.held import Held
from modelcheck.machines.machine import (
    Create,
    Guard,
    Keep,
    Pick,
    Recall,
    Receive,
    RoleMachine,
    Send,
    State,
    Step,
    simple,
)
from modelcheck.protocol.model import Claim, Protocol, UncheckedPossession, Weak, set_members
from modelcheck.protocol.terms import NAME, App, Const, Key, Term, Var, replace
from modelcheck.protocol.theory import DISHONEST


class NotReplayed(Exception):
    """A trace is no run, or no violation of the claim; the argument says where and why."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message on a protected channel: between which roles, the names of its ends as the sender knows them, the content."""

    channel: str
    sender: str
    receiver: str
    names: tuple[Term | None, ...]
    term: Term
    step: int


@dataclass(frozen=True, slots=True)
class Record:
    """What a role stored: under whose name, what, in which step."""

    role: str
    own: tuple[Term, ...]
    """The names under which the party acted, as far as its role says."""
    values: tuple[tuple[str, Term], ...]
    step: int


@dataclass(slots=True, eq=False)
class Session:
    """A running session."""

    start: SessionStart
    machine: RoleMachine
    state: int = 0
    values: Bindings = field(default_factory=dict)

    def has_passed(self, state: int) -> bool:
        """Return whether the session is in a state or beyond it."""
        return any(one.index == state for one in self.machine.lineage(self.state))

    @property
    def own(self) -> tuple[Term, ...]:
        """The names under which the session acts."""
        return tuple(self.values[v] for v in (*self.machine.role.own, *self.machine.role.hosts) if v in self.values)


@dataclass(slots=True)
class _Attempt:
    """A block under execution: the session's values, and what it gives away or stores."""

    values: Bindings
    seen: list[Term] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    new: list[tuple[object, ...]] = field(default_factory=list)

    def copy(self, values: Bindings) -> _Attempt:
        return _Attempt(values, list(self.seen), list(self.envelopes), list(self.records), list(self.new))


class World:
    """All sessions, what the attacker knows, and what was stored, as a trace goes on."""

    def __init__(self, protocol: Protocol, machines: Sequence[RoleMachine], claim: Claim) -> None:
        """Take the protocol with the machines of everything beside it, and the claim whose attacker is at work."""
        loose = tuple(power.family for power in claim.powers if isinstance(power, UncheckedPossession))
        pairs = [untied(machine, loose) for machine in machines]
        self.machines = {machine.role.name: machine for machine, _ in pairs}
        self.certified = {v: meaning for _, table in pairs for v, meaning in table.items()}
        self.protocol, self.claim = protocol, claim
        self.sorts = protocol.finite_sorts()
        self.ring: KeyRing = key_ring(protocol.key_families(), tuple(self.machines.values()))
        weak = frozenset(power.form for power in claim.powers if isinstance(power, Weak) and power.when is None)
        self.knowledge = Knowledge(self.ring, weak)
        self.held = Held(protocol, self.machines.values())
        self.sessions: dict[str, Session] = {}
        self.envelopes: list[Envelope] = []
        self.records: list[Record] = []
        self.accepted_new: set[tuple[object, ...]] = set()
        self.step = 0

    # -------------------------------------------------------------------------------- sessions

    def start(self, start: SessionStart) -> Session:
        """Return a new session; raise NotReplayed if there is no such role, or its party is not honest."""
        machine = self.machines.get(start.role)
        if machine is None or start.label in self.sessions:
            raise NotReplayed(f"{start.label}: no such role, or a label that is taken")
        values = {v: Const(n, NAME) for v, n in zip(machine.role.parameters, start.names, strict=True)}
        if any(values[v].value == DISHONEST for v in machine.role.own):
            raise NotReplayed(f"{start.label}: its party is not honest")
        session = Session(start, machine, 0, dict(values))
        self.sessions[start.label] = session
        return session

    def ground(self, term: Term, values: Bindings) -> Term:
        """Return a role's term with its values put in, in the one spelling."""
        missing = [v for v in term.variables if v not in values]
        if missing:
            raise NotReplayed(f"`{missing[0].name}` has no value yet")
        return self.ring.normal(replace(term, values))

    def advance(self, step: Advance) -> list[Term]:
        """Return what the session sends; raise NotReplayed if it does not go this way."""
        session = self.sessions[step.session]
        way = [state for state in session.machine.lineage(step.state) if not session.has_passed(state.index)][::-1]
        if not way or way[0].parent != session.state:
            raise NotReplayed(f"{step.session} cannot go from state {session.state} to {step.state}")
        attempt = next(self._walk(session, step, way, _Attempt(dict(session.values))), None)
        if attempt is None:
            raise NotReplayed(f"{step.session} does not get to state {step.state}")
        self._check_certificates(attempt.values)
        session.values, session.state = attempt.values, step.state
        for term in attempt.seen:
            self.knowledge.learn(term, self.step)
        self.envelopes += attempt.envelopes
        self.records += attempt.records
        self.accepted_new |= set(attempt.new)
        return [self.ground(s.step.term, attempt.values) for s in way if isinstance(s.step, Send)]

    def _walk(self, session: Session, step: Advance, way: Sequence[State], attempt: _Attempt) -> Iterator[_Attempt]:
        """Yield the outcomes of the states of ``way``; there are several if a message can be read in several ways."""
        if not way:
            yield attempt
            return
        for further in self._one(session, step, way[0], attempt):
            yield from self._walk(session, step, way[1:], further)

    def _one(self, session: Session, advance: Advance, state: State, attempt: _Attempt) -> Iterator[_Attempt]:
        if self.certified:
            attempt = attempt.copy(self._certified(advance, state.step, attempt.values))
        values = attempt.values
        match state.step:
            case Create(variable):
                leaf = fresh_leaf(variable.name, variable.sort, session.start.label)
                yield attempt.copy({**values, variable: leaf})
            case Pick() as pick:
                yield from self._picked(advance, pick, attempt)
            case Receive() as receive:
                yield from self._received(session, advance, receive, attempt)
            case Recall(items):
                yield from self._recalled(session, advance, items, attempt)
            case Send() as send:
                further = attempt.copy(values)
                self._sent(session, send, further)
                yield further
            case Keep(items):
                further = attempt.copy(values)
                stored = tuple((name, self.ground(term, values)) for name, term in items)
                further.records.append(
                    Record(simple(session.start.role), self._own(session, values), stored, self.step)
                )
                yield further
            case Guard() as guard:
                yield from self._guarded(session, advance, guard, attempt)
            case _:
                yield attempt

    @staticmethod
    def _own(session: Session, values: Bindings) -> tuple[Term, ...]:
        return tuple(values[v] for v in session.machine.role.own if v in values)

    # -------------------------------------------------------------------------------- steps of a session

    def _picked(self, advance: Advance, pick: Pick, attempt: _Attempt) -> Iterator[_Attempt]:
        values = attempt.values
        if isinstance(pick.value, Var):
            chosen = dict(advance.decided).get(pick.value.name)
            if chosen is None or chosen not in self.sorts.get(pick.value.sort, ()):
                raise NotReplayed(f"nothing says what `{pick.value.name}` is")
            value = Const(chosen, pick.value.sort)
            attempt = attempt.copy({**values, pick.value: value})
        else:
            assert isinstance(pick.value, Const)
            value = pick.value
        if pick.allowed is not None and value.value not in pick.allowed:
            return
        if pick.rule != "any":
            sets = [self.ground(source, values) for source in pick.sources]
            common = [v for v in self.sorts[value.sort] if all(v in _members(chosen) for chosen in sets)]
            if value.value not in (common[:1] if pick.rule == "best" else common):
                return
        yield attempt

    def _guarded(self, session: Session, advance: Advance, guard: Guard, attempt: _Attempt) -> Iterator[_Attempt]:
        values = attempt.values
        if guard.test == "hosted":
            assert isinstance(guard.left, Var)
            if guard.left not in values:
                chosen = dict(advance.decided).get(guard.left.name)
                if chosen is None:
                    raise NotReplayed(f"nothing says what `{guard.left.name}` is")
                attempt = attempt.copy({**values, guard.left: Const(chosen, NAME)})
            if attempt.values[guard.left] is not Const(DISHONEST, NAME):
                yield attempt
            return
        left = self.ground(guard.left, values)
        right = None if guard.right is None else self.ground(guard.right, values)
        if guard.test == "new":
            own = self._own(session, values)
            memory = (simple(session.start.role), own, guard.span.start, left)
            if memory in self.accepted_new and (own or session.machine.role.hosts):
                return
            further = attempt.copy(values)
            further.new.append(memory)
            yield further
            return
        holds = {
            "equal": left is right,
            "differ": left is not right,
            "among": isinstance(left, Const) and left.value in guard.values,
            "member": isinstance(left, Const) and right is not None and left.value in _members(right),
        }  # fmt: skip
        if holds[guard.test]:
            yield attempt

    def _received(self, session: Session, advance: Advance, step: Receive, attempt: _Attempt) -> Iterator[_Attempt]:
        if advance.received is None:
            raise NotReplayed(f"{advance.session} receives nothing")
        message = self.ring.normal(advance.received)
        for values in matches(step.pattern, message, attempt.values, self.ring):
            if self._arrives(session, step, message, values):
                yield attempt.copy(values)

    def _arrives(self, session: Session, step: Receive, message: Term, values: Bindings) -> bool:
        """Return whether a message can come over the channel: from a role, or from the attacker."""
        role = session.start.role
        if not self.claim.passive:
            if step.channel == "public":
                return self.knowledge.can(message)
            if self._injected(step, values) and self.knowledge.can(message):
                return True
        channel = "wire" if self.claim.passive else step.channel
        ends = self._ends(step.sender, role, values, channel)
        return any(
            one.channel == channel and one.sender == step.sender and one.receiver == role and one.term is message
            and all(a is None or b is None or a is b for a, b in zip(one.names, ends, strict=True))
            for one in self.envelopes
        )  # fmt: skip

    def _injected(self, step: Receive, values: Bindings) -> bool:
        """Return whether the attacker can be the sender on a protected channel."""
        if step.channel == "secret":
            return True
        sender = self.machines[step.sender].role
        if sender.hosts:
            return False
        return all(values.get(v, Const(DISHONEST, NAME)) is Const(DISHONEST, NAME) for v in sender.own)

    def _ends(self, sender: str, receiver: str, values: Bindings, channel: str) -> tuple[Term | None, ...]:
        tied = {"wire": (), "secret": (receiver,)}.get(channel, (sender, receiver))
        return tuple(values.get(v) for role in tied for v in self.machines[role].role.own)

    def _sent(self, session: Session, step: Send, attempt: _Attempt) -> None:
        term = self.ground(step.term, attempt.values)
        role = session.start.role
        if step.channel in ("public", "authentic") or self._may_be_attacker(step.receiver, attempt.values):
            attempt.seen.append(term)
        channel = "wire" if self.claim.passive else step.channel
        if channel != "public":
            ends = self._ends(role, step.receiver, attempt.values, channel)
            attempt.envelopes.append(Envelope(channel, role, step.receiver, ends, term, self.step))

    def _may_be_attacker(self, receiver: str, values: Bindings) -> bool:
        role = self.machines[receiver].role
        names = (*role.own, *role.hosts)
        return not names or any(values.get(v) is Const(DISHONEST, NAME) for v in names)

    def _recalled(
        self, session: Session, advance: Advance, items: tuple[tuple[str, Term], ...], attempt: _Attempt
    ) -> Iterator[_Attempt]:
        if advance.received is None:
            raise NotReplayed(f"{advance.session} recalls nothing")
        names = tuple(name for name, _ in items)
        wanted = self.ring.normal(advance.received)
        pattern = App("record", tuple(term for _, term in items))
        own = self._own(session, attempt.values)
        for record in self.records:
            stored = dict(record.values)
            if record.role != simple(session.start.role) or not set(names) <= set(stored):
                continue
            if any(mine is not theirs for mine, theirs in zip(own, record.own, strict=False)):
                continue
            if App("record", tuple(stored[name] for name in names)) is wanted:
                for values in matches(pattern, wanted, attempt.values, self.ring):
                    yield attempt.copy(values)
                return

    def _certified(self, advance: Advance, step: Step | None, values: Bindings) -> Bindings:
        """Return a session's values with the keys on certificates that it needs for a step of which no message says them."""
        match step:
            case Send(term=term):
                terms: tuple[Term | None, ...] = (term,)
            case Keep(items):
                terms = tuple(term for _, term in items)
            case Guard(left=left, right=right):
                terms = (left, right)
            case _:
                return values
        found = dict(values)
        for variable in {v for term in terms if term is not None for v in term.variables}:
            family, name = self.certified.get(variable, ("", variable))
            if family and variable not in found and name in found:
                own = Key(family, variable.sort, (found[name],))
                found[variable] = dict(advance.certified).get(variable.name, own)
        return found

    def _check_certificates(self, values: Bindings) -> None:
        """An honest name has certificates for its own key only."""
        for variable, (family, name) in self.certified.items():
            if variable not in values or name not in values or values[name] is Const(DISHONEST, NAME):
                continue
            if values[variable] is not Key(family, variable.sort, (values[name],)):
                raise NotReplayed(f"no certificate ties `{variable.name}` to this key")


def _members(chosen: Term) -> tuple[str, ...]:
    return set_members(chosen.value) if isinstance(chosen, Const) else ()
