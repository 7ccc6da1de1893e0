"""An explicit search for attacks with a few sessions, on ground terms: independent of clauses, boxes and scenes.

It executes the role machines step by step; a message is received if the attacker can build it from what it has seen.
Whatever it finds is an attack, so no engine may call that claim true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from modelcheck.machines.machine import Create, Guard, Reach, Receive, RoleMachine, Send
from modelcheck.protocol.terms import NAME, App, Const, Key, Term, Var, exchange, replace
from modelcheck.protocol.theory import FRESH_SORTS, is_data, openings, recipes

ATTACKER = "e"
NAMES = ("A", "B", "i")


class Knowledge:
    """What the attacker has seen, taken apart as far as its keys allow."""

    def __init__(self, terms: frozenset[Term], published: frozenset[str]) -> None:
        self.terms = set(terms)
        self.published = published
        self.answers: dict[Term, bool] = {}
        changed = True
        while changed:
            changed = False
            for term in list(self.terms):
                for part in self.parts(term):
                    if part not in self.terms:
                        self.terms.add(part)
                        self.answers.clear()
                        changed = True

    def parts(self, term: Term) -> Iterator[Term]:
        if isinstance(term, App) and is_data(term.function):
            yield from term.arguments
        for needs, content, _ in openings(term):
            if all(self.has(need) for need in needs):
                yield content

    def has(self, term: Term) -> bool:
        if term not in self.answers:
            self.answers[term] = self._has(term)
        return self.answers[term]

    def _has(self, term: Term) -> bool:
        match term:
            case Const(value, sort):
                return sort not in FRESH_SORTS or value == ATTACKER or term in self.terms
            case Key(_, _, arguments):
                return Const("i", NAME) in arguments or term in self.terms
            case App("pk" | "g", (Key(family, _, _),)) if family in self.published:
                return True
        if term in self.terms:
            return True
        return any(all(self.has(need) for need in needs) for needs, _ in recipes(term))


@dataclass(frozen=True)
class Session:
    """One running session: its place, the values of its variables, and the keys that certificates say others have."""

    label: str
    machine: RoleMachine
    state: int
    values: tuple[tuple[Var, Term], ...] = field(default=())
    certified: tuple[tuple[Term, Term], ...] = field(default=())
    """The role's terms for keys that are not what the names in them say."""

    def ground(self, term: Term) -> Term:
        return replace(exchange(term, dict(self.certified)), dict(self.values))


@dataclass(frozen=True)
class World:
    """All sessions and what the attacker has seen."""

    sessions: tuple[Session, ...]
    seen: frozenset[Term]


class Search:
    """Depth-first search over the worlds that a few sessions can reach."""

    def __init__(self, published: frozenset[str], most: int, cache: dict[frozenset[Term], Knowledge]) -> None:
        self.published = published
        self.left = most
        self.cache = cache

    def knows(self, seen: frozenset[Term]) -> Knowledge:
        """What follows from what was seen; computed once."""
        if seen not in self.cache:
            self.cache[seen] = Knowledge(seen, self.published)
        return self.cache[seen]

    def worlds(self, world: World, visited: set[World]) -> Iterator[World]:
        if world in visited or self.left <= 0:
            return
        visited.add(world)
        self.left -= 1
        yield world
        for index, session in enumerate(world.sessions):
            for moved, sent in self.moves(session, world):
                sessions = (*world.sessions[:index], moved, *world.sessions[index + 1 :])
                yield from self.worlds(World(sessions, world.seen | sent), visited)

    def moves(self, session: Session, world: World) -> Iterator[tuple[Session, frozenset[Term]]]:
        for child in session.machine.children[session.state]:
            step = session.machine.states[child].step
            match step:
                case Receive(pattern=pattern):
                    yield from self.received(session, child, pattern, world)
                case Send(term=term):
                    yield self.at(session, child), frozenset([session.ground(term)])
                case Create(variable):
                    leaf = Const(f"{variable.name}@{session.label}", variable.sort)
                    yield self.at(session, child, ((variable, leaf),)), frozenset()
                case Guard("equal", left, right):
                    if right is not None and session.ground(left) is session.ground(right):
                        yield self.at(session, child), frozenset()
                case Guard():
                    raise NotImplementedError(step.test)
                case _:
                    yield self.at(session, child), frozenset()

    @staticmethod
    def at(session: Session, state: int, more: tuple[tuple[Var, Term], ...] = ()) -> Session:
        return Session(session.label, session.machine, state, (*session.values, *more))

    def received(
        self, session: Session, child: int, pattern: Term, world: World
    ) -> Iterator[tuple[Session, frozenset[Term]]]:
        known = self.knows(world.seen)
        bound = {variable for variable, _ in session.values}
        free = [variable for variable in pattern.variables if variable not in bound]
        for chosen in product(*(self.leaves(variable.sort, world) for variable in free)):
            more = tuple(zip(free, chosen, strict=True))
            moved = self.at(session, child, more)
            if known.has(moved.ground(pattern)):
                yield moved, frozenset()

    @staticmethod
    def leaves(sort: str, world: World) -> list[Term]:
        if sort == NAME:
            return [Const(name, NAME) for name in NAMES]
        made = [
            value for s in world.sessions for _, value in s.values if isinstance(value, Const) and value.sort == sort
        ]
        return list(dict.fromkeys([Const(ATTACKER, sort), *made]))


def settled(session: Session) -> int:
    """The state of a session after everything that it does at once: points are reached with the step before."""
    state = session.state
    while len(following := session.machine.children[state]) == 1:
        if not isinstance(session.machine.states[following[0]].step, Reach):
            break
        state = following[0]
    return state


def start(label: str, machine: RoleMachine, names: tuple[str, ...]) -> Session:
    """A session of a role at its beginning."""
    values = tuple((v, Const(n, NAME)) for v, n in zip(machine.role.parameters, names, strict=True))
    return Session(label, machine, 0, values)
