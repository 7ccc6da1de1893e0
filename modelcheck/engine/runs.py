"""Runs of a flow, all messages of which go where they are sent: what an observer reads of them, and what parties hold.

A role whose comparison fails stops, and so does who waits for it. A dishonest party either follows the flow, telling the
observer all that it creates and reads, or it does nothing at all, as befits an attacker who only reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from modelcheck.engine.judged import Unsupported
from modelcheck.machines.machine import Receive, RoleMachine, Send, simple
from modelcheck.machines.view import View
from modelcheck.protocol.model import Checked, Created, Path, Picked, Protocol, Reached, Role, Sent, set_choices
from modelcheck.protocol.terms import NAME, Const, Term, Var, sort_of
from modelcheck.protocol.terms import replace as put
from modelcheck.protocol.theory import DISHONEST

GIVEN = "the observer is given"
"""The sender of what leaks; the receiver is its name."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something that the observer reads, or is given; ``names`` is what the flow calls it."""

    sender: str
    receiver: str
    names: tuple[str, ...]
    term: Term


@dataclass(frozen=True, slots=True)
class Party:
    """An honest party of a run: what it knows in the end, and the messages that it sent or received on any channel.

    One that stops at a comparison is where it was before it received what it compares, as in runs of trace claims.
    """

    view: View
    messages: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a flow: what the observer sees of it; it is ``sure`` if honest picks can really lead along that path."""

    path: Path
    assigned: Mapping[Var, Const]
    messages: tuple[Message, ...]
    created: tuple[Const, ...]
    """The fresh values of its honest parties."""
    dishonest: tuple[Const, ...]
    """The fresh values of its dishonest parties."""
    sure: bool
    reached: frozenset[tuple[str, str]]
    """The points that roles reach."""
    parties: tuple[Party, ...]
    honest: bool
    """Whether all parties are honest."""
    given: tuple[Message, ...] = ()
    """What primitives give away that are weak in its sessions."""
    weak: frozenset[Term] = frozenset()
    """The terms in which a primitive surely is weak: what it was applied to in such a session, or the key."""

    @property
    def terms(self) -> tuple[Term, ...]:
        """What the observer reads, in order, and what it knows of dishonest parties."""
        return (*(message.term for message in self.messages), *self.dishonest)

    @property
    def gifts(self) -> tuple[Term, ...]:
        """What weak primitives give away."""
        return tuple(message.term for message in self.given)

    @property
    def shape(self) -> tuple[tuple[str, str], ...]:
        """Who sends to whom, in order."""
        return tuple((message.sender, message.receiver) for message in self.messages)

    def value(self, name: str) -> Term | None:
        """Return what a name denotes in the run, None if it denotes nothing."""
        term = self.path.values.get(name)
        return None if term is None else put(term, self.assigned)

    def held(self, term: Term | None) -> Term | None:
        """Return what a term of the path is if some party comes to have it: a fresh value as soon as there are sessions."""
        if term is None:
            return None
        value = put(term, self.assigned)
        if value in self.created or any(party.view.of(term) is not None for party in self.parties):
            return value
        return None


@dataclass(slots=True)
class _Walk:
    """A run as it goes on along its path."""

    values: Mapping[Var, Const]
    bad: frozenset[str]
    stopped: set[str]
    sure: bool
    messages: list[Message] = field(default_factory=list)
    dishonest: list[Const] = field(default_factory=list)
    reached: set[tuple[str, str]] = field(default_factory=set)
    handled: dict[str, list[Term]] = field(default_factory=dict)
    """What each role has sent or received."""
    failed: set[str] = field(default_factory=set)
    """The roles that stop at a comparison."""

    def sends(self, event: Sent) -> None:
        """Take a message to its receiver, unless its sender has stopped."""
        if event.sender in self.stopped:
            self.stopped.add(event.receiver)
            return
        self.sure = self.sure and not event.sealed
        term = _ground(event.term, self.values)
        ends = (event.sender, event.receiver)
        for role in ends:
            self.handled.setdefault(role, []).append(term)
        if event.channel in ("public", "authentic") or not self.bad.isdisjoint(ends):
            self.messages.append(Message(*ends, event.names, term))

    def all(self, path: Path) -> None:
        """Take all steps of a path."""
        for event in path.events:
            match event:
                case Sent():
                    self.sends(event)
                case Checked(role) if role not in self.stopped and not _passes(event, self.values):
                    self.stopped.add(role)
                    self.failed.add(role)
                case Created(role, variable) if role in self.bad and role not in self.stopped:
                    self.dishonest.append(self.values[variable])
                case Reached(role, point) if role not in self.stopped:
                    self.reached.add((role, point))
                case _:
                    pass


class Flow:
    """The runs of one protocol."""

    def __init__(self, protocol: Protocol, machines: Sequence[RoleMachine], *, silent: bool = False) -> None:
        """``machines`` are all those of the system; ``silent`` dishonest parties do nothing, others follow the flow."""
        self.protocol, self.silent = protocol, silent
        self.machines = tuple(machine for machine in machines if machine.protocol == protocol.name)
        self.names = tuple(dict.fromkeys(v for role in protocol.roles for v in (*role.parameters, *role.hosts)))
        self._sorts = protocol.finite_sorts()

    def runs(self, names: Mapping[Var, Const], labels: Iterator[str]) -> Iterator[Run]:
        """Yield the runs under some names, one for each path and choice of what is picked on it.

        The next of the ``labels`` says whose the fresh values of a run are.
        """
        bad = frozenset(role.name for role in self.protocol.roles if is_dishonest(role, names))
        for index, path in enumerate(self.protocol.paths):
            created = [event for event in path.events if isinstance(event, Created)]
            picked = [event for event in path.events if isinstance(event, Picked)]
            for picks in _picks(picked, path, self._sorts, {}):
                label = next(labels)
                fresh = {e.variable: Const(f"{e.variable.name}@{label}", e.variable.sort) for e in created}
                honest = tuple(fresh[event.variable] for event in created if event.role not in bad)
                yield self._run(index, {**names, **fresh, **picks}, honest, bad)

    def _run(
        self, index: int, values: Mapping[Var, Const], created: tuple[Const, ...], bad: frozenset[str]
    ) -> Run:  # fmt: skip
        """Return what is seen along a path; ``bad`` are the dishonest roles."""
        path = self.protocol.paths[index]
        walk = _Walk(values, bad, set(bad) if self.silent else set(), path.possible)
        walk.all(path)
        parties = tuple(
            _party(machine, index, walk.handled.get(role, []), failed=role in walk.failed)
            for machine in self.machines if (role := simple(machine.role.name)) not in bad
        )  # fmt: skip
        return Run(
            path, values, tuple(walk.messages), created, tuple(walk.dishonest), walk.sure,
            frozenset(walk.reached), parties, not bad,
        )  # fmt: skip


def is_dishonest(role: Role, values: Mapping[Var, Term]) -> bool:
    """Return whether a party acts under a dishonest name."""
    return any(values.get(name) is Const(DISHONEST, NAME) for name in (*role.own, *role.hosts))


def _party(machine: RoleMachine, path: int, handled: Sequence[Term], *, failed: bool) -> Party:
    """Return what a role knows on a path when it has sent and received these messages, and gets no further one."""
    states = [state for state in machine.states if path in state.views]
    moves = [place for place, state in enumerate(states) if isinstance(state.step, Send | Receive)]
    last, done = len(states) - 1, len(handled)
    if failed and done <= len(moves):
        last = moves[done - 1] if done else 0
        if isinstance(states[last].step, Receive):
            last, done = last - 1, done - 1
    elif done < len(moves):
        last = moves[done] - 1
    return Party(states[last].views[path], tuple(handled[:done]))


def _picks(
    picked: Sequence[Picked], path: Path, sorts: Mapping[str, tuple[str, ...]], chosen: dict[Var, Const]
) -> Iterator[dict[Var, Const]]:
    """Yield the values of what roles pick on a path, one after the other."""
    if not picked:
        yield chosen
        return
    pick, *rest = picked
    order = sorts[str(sort_of(pick.variable))]
    sets = [put(source, chosen) for source in pick.sources]
    options = set_choices(order, tuple(s.value for s in sets if isinstance(s, Const)), pick.rule) if sets else order
    for value in options:
        match pick.variable:
            case Const(fixed, _) if fixed == value:
                yield from _picks(rest, path, sorts, chosen)
            case Var(_, sort) as variable if value in path.domains.get(variable, order):
                yield from _picks(rest, path, sorts, {**chosen, variable: Const(value, sort)})
            case _:
                pass


def _passes(check: Checked, values: Mapping[Var, Const]) -> bool:
    left = _ground(check.left, values)
    if check.test == "new":
        return True
    assert check.right is not None
    if check.test == "member":
        raise Unsupported("the test `member` in the eyes of an observer")
    if any(variable.sort == NAME for variable in (*check.left.variables, *check.right.variables)):
        raise Unsupported("a comparison of names in the eyes of an observer")
    return (left is _ground(check.right, values)) == (check.test == "equal")


def _ground(term: Term, values: Mapping[Var, Const]) -> Term:
    found = put(term, values)
    if found.variables:
        raise Unsupported(f"a message with `{found.variables[0]}`, which no run of the flow determines")
    return found
