"""An explicit search for what tells two systems apart in which a session takes a way of its own on either side.

Each session is in a state of its own on the left and on the right. It runs until it waits; who answers, stops or opens
more of a message on one side only is seen, and so is whatever :class:`tests.laws.two_worlds.Frames` sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from modelcheck.machines.machine import Create, Guard, Pick, Reach, Receive, Send
from modelcheck.machines.reading import beginnings
from modelcheck.protocol.model import Leak, Weak
from modelcheck.protocol.terms import ANYTHING, App, Const, Key, Term, Var, exchange, sort_of
from tests.laws.explicit import ATTACKER, Session
from tests.laws.two_worlds import Comparison, Different, Twins, at, ground, leaves, turned

FILLING = Const(ATTACKER, "Opaque")
Run = tuple[Session, tuple[Term, ...], tuple[Term, ...]]
"""Where a session gets to, what it sends, and what it picks by itself."""


@dataclass(slots=True)
class Ways:
    """Depth-first search over the worlds that a few sessions reach on both sides; ``sides`` is what `judged` picks."""

    published: frozenset[str]
    left: int
    values: Mapping[str, tuple[str, ...]]
    sides: tuple[str, str]
    powers: Sequence[Leak | Weak] = ()

    def start(self, sessions: tuple[Session, ...]) -> Iterator[Twins]:
        """The worlds in which all sessions wait."""
        worlds = [Twins(tuple((one, one) for one in sessions), frozenset())]
        for index in range(len(sessions)):
            worlds = [after for world in worlds for after in self.moved(world, index, (None, None))]
        yield from worlds

    def explore(self, world: Twins, visited: set[Twins]) -> None:
        """Nothing; raises :class:`Different` as soon as something differs."""
        if world in visited or self.left <= 0:
            return
        visited.add(world)
        self.left -= 1
        frames = Comparison(self.published, 0, powers=self.powers).frames(world)
        for index, (session, _) in enumerate(world.sessions):
            for message in dict.fromkeys(self.messages(session, world)):
                for other in sorted(frames.beside(message), key=repr):
                    for after in self.moved(world, index, (message, other)):
                        self.explore(after, visited)

    def messages(self, session: Session, world: Twins) -> Iterator[Term]:
        """What may be delivered: all that a branch expects, or expects first."""
        bound = dict(session.values)
        for step in receives(session):
            for _, term in beginnings(step.pattern, bound):
                free = [v for v in term.variables if v not in bound]
                for chosen in product(*(self.leaves(v.sort, world) for v in free)):
                    whole = ground(at(session, session.state, tuple(zip(free, chosen, strict=True))), term)
                    yield exchange(whole, {ANYTHING: FILLING})

    def leaves(self, sort: str, world: Twins) -> list[Term]:
        return [Const(value, sort) for value in self.values[sort]] if sort in self.values else leaves(sort, world)

    def moved(self, world: Twins, index: int, messages: tuple[Term | None, Term | None]) -> Iterator[Twins]:
        both = world.sessions[index]
        left, right = (list(self.runs(s, m, side)) for side, (s, m) in enumerate(zip(both, messages, strict=True)))
        name = both[0].machine.role.name
        if not left and not right:
            if messages[0] is not None and messages[1] is not None:
                opened = [self.opened(s, m) for s, m in zip(both, messages, strict=True) if m is not None]
                if opened[0] != opened[1]:
                    raise Different(f"{name} opens more of {messages}")
            return
        if not left or not right:
            raise Different(f"{name} goes on on one side only, {messages}")
        for one, sent, decided in left:
            for other, answer, chosen in right:
                if decided == chosen:
                    if len(sent) != len(answer):
                        raise Different(f"{name} answers on one side only")
                    sessions = (*world.sessions[:index], (one, other), *world.sessions[index + 1 :])
                    yield Twins(sessions, world.seen | frozenset(zip(sent, answer, strict=True)))

    def opened(self, session: Session, message: Term) -> frozenset[object]:
        """The places of a message that some branch opens or verifies before it fails."""
        found: set[object] = set()
        for step in receives(session):
            for part, term in beginnings(step.pattern, [variable for variable, _ in session.values]):
                if not fits_so_far(ground(session, term), message):
                    break
                if isinstance(part.term, App) and part.term.function in ("aead", "pk_encrypt", "sign"):
                    found.add(part.place)
        return frozenset(found)

    def runs(
        self,
        session: Session,
        message: Term | None,
        side: int,
        sent: tuple[Term, ...] = (),
        picked: tuple[Term, ...] = (),
    ) -> Iterator[Run]:
        """How a session goes on with a message until it waits; a message is taken by the first branch that it fits."""
        machine = session.machine
        following = machine.children[session.state]
        if message is None and (not following or next(receives(session), None)):
            yield session, sent, picked
            return
        for child in following:
            step = machine.states[child].step
            match step:
                case Receive(pattern=pattern):
                    if message is None:
                        continue
                    values = taken(ground(session, pattern), message)
                    if values is None:
                        continue
                    bound = {variable for variable, _ in session.values}
                    new = tuple((v, values[v]) for v in pattern.variables if v not in bound)
                    done = list(self.runs(at(session, child, new), None, side, sent, picked))
                    yield from done
                    if done:
                        return
                case Create(variable):
                    new = ((variable, Const(f"{variable.name}@{session.label}", variable.sort)),)
                    yield from self.runs(at(session, child, new), message, side, sent, picked)
                case Send(term=term):
                    yield from self.runs(at(session, child), message, side, (*sent, ground(session, term)), picked)
                case Pick(value=value, allowed=allowed):
                    yield from self.pick(session, child, value, allowed, side, sent, picked)
                case Guard("among", one, _, values):
                    if getattr(ground(session, one), "value", None) in values:
                        yield from self.runs(at(session, child), message, side, sent, picked)
                case Guard("equal" | "differ" as test, one, other):
                    assert other is not None
                    if (ground(session, one) is ground(session, other)) == (test == "equal"):
                        yield from self.runs(at(session, child), message, side, sent, picked)
                case Reach():
                    yield from self.runs(at(session, child), message, side, sent, picked)
                case _:
                    raise NotImplementedError(step)

    def pick(
        self, session: Session, child: int, value: Term, allowed: tuple[str, ...] | None, side: int, sent: tuple[Term, ...],
        picked: tuple[Term, ...],
    ) -> Iterator[Run]:  # fmt: skip
        judged = session.label == "judged"
        sort = value.sort if isinstance(value, Var | Const) else ""
        for one in (self.sides[side],) if judged else self.values[sort]:
            if (allowed is not None and one not in allowed) or (isinstance(value, Const) and value.value != one):
                continue
            new = ((value, Const(one, sort)),) if isinstance(value, Var) else ()
            more = picked if judged else (*picked, Const(one, sort))
            yield from self.runs(at(session, child, new), None, side, sent, more)


def receives(session: Session) -> Iterator[Receive]:
    """The messages that a session may take next."""
    for child in session.machine.children[session.state]:
        step = session.machine.states[child].step
        if isinstance(step, Receive):
            yield step


def taken(pattern: Term, message: Term) -> dict[Var, Term] | None:
    """What the variables of a pattern are in a message; opaque values are taken as they come."""
    for one in turned(pattern):
        values: dict[Var, Term] = {}
        if _takes(one, message, values):
            return values
    return None


def _takes(pattern: Term, message: Term, values: dict[Var, Term]) -> bool:
    if isinstance(pattern, Var):
        if pattern in values:
            return values[pattern] is message
        values[pattern] = message
        return pattern.sort in ("Opaque", sort_of(message))
    if pattern is message or pattern is ANYTHING:
        return True
    if not isinstance(pattern, App | Key) or type(pattern) is not type(message) or not pattern.variables:
        return False
    assert isinstance(message, App | Key)
    return (
        pattern.fields[0] == message.fields[0] and len(pattern.arguments) == len(message.arguments)
        and all(_takes(one, other, values) for one, other in zip(pattern.arguments, message.arguments, strict=True))
    )  # fmt: skip


def fits_so_far(pattern: Term, message: Term) -> bool:
    """Whether a message begins as expected: it may be anything where the pattern is."""
    if pattern is ANYTHING:
        return True
    if isinstance(pattern, App) and isinstance(message, App) and pattern.function != "dh":
        return pattern.function == message.function and len(pattern.arguments) == len(message.arguments) and all(
            map(fits_so_far, pattern.arguments, message.arguments))  # fmt: skip
    return taken(pattern, message) is not None
