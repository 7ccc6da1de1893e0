"""What an attacker can do with ground messages: take them apart, put others together, and how it did it.

This is the attacker of replays. It reads the table of primitives and nothing of the clauses, the fixpoint or the solver.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from modelcheck.machines.machine import Keep, Recall, Receive, RoleMachine, Send, simple
from modelcheck.protocol.model import Family
from modelcheck.protocol.terms import NAME, STORED, App, Const, Key, Term, Var, rebuild, replace, subterms
from modelcheck.protocol.theory import (
    DISHONEST,
    FRESH_SORTS,
    SCHEMATIC,
    is_data,
    match,
    openings,
    product,
    recipes,
)

ATTACKER_VALUES = ("e1", "e2")
"""What the attacker makes itself: two values of each sort."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The families of long-term keys, and at which positions of their index the holders stand."""

    families: Mapping[str, Family]
    holders: Mapping[str, tuple[int, ...]]
    _spelled: dict[Term, Term] = field(default_factory=dict, compare=False, repr=False)
    """The spellings that were asked for before."""

    def is_dishonest(self, key: Key) -> bool:
        """Return whether the attacker holds a key because a dishonest party does."""
        return any(key.arguments[p] is Const(DISHONEST, NAME) for p in self.holders[key.family])

    def indices(self, key: Key) -> Iterator[tuple[Term, ...]]:
        """Yield the spellings of a key's index: all orders if the family is unordered."""
        if self.families[key.family].kind == "unordered":
            yield from permutations(key.arguments)
        else:
            yield key.arguments

    def normal(self, term: Term) -> Term:
        """Return the one spelling of a ground term: exponents and indices whose order is irrelevant are sorted."""
        done = self._spelled

        def go(part: Term) -> Term:
            if part not in done:
                new = rebuild(part, go)
                if isinstance(new, App) and new.function == "dh":
                    new = product(*new.arguments)
                elif isinstance(new, Key):
                    new = Key(new.family, new.sort, min(self.indices(new), key=repr))
                done[part] = new
            return done[part]

        return go(term)


def key_ring(families: Mapping[str, Family], machines: Sequence[RoleMachine]) -> KeyRing:
    """Return the families with the positions of holders: all, unless the family says which roles hold the keys."""
    return KeyRing(families, {name: _positions(family, machines) for name, family in families.items()})


def _positions(family: Family, machines: Sequence[RoleMachine]) -> tuple[int, ...]:
    found = {
        position
        for machine in machines if simple(machine.role.name) in family.holders
        for term in _terms(machine) for part in subterms(term)
        if isinstance(part, Key) and part.family == family.name
        for position, name in enumerate(part.arguments) if name in machine.role.own
    }  # fmt: skip
    return tuple(sorted(found)) or tuple(range(family.arity))


def _terms(machine: RoleMachine) -> Iterator[Term]:
    for state in machine.states:
        match state.step:
            case Send(term=term) | Receive(pattern=term):
                yield term
            case Keep(items) | Recall(items):
                yield from (term for _, term in items)
            case _:
                pass
        for view in state.views.values():
            yield from (own for own in view.known.values() if own.variables)


@dataclass(frozen=True, slots=True)
class Seen:
    """The attacker read the term in a step of the run, or was given it there; ``step`` is its number."""

    step: int


@dataclass(frozen=True, slots=True)
class Opened:
    """The attacker took the term out of another with the keys ``needs``."""

    source: Term
    needs: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Built:
    """The attacker made the term from ``parts``."""

    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Had:
    """The attacker has the term anyway: it is public, its own, or a dishonest party's."""


Way = Seen | Opened | Built | Had


class Knowledge:
    """What the attacker knows; it only grows."""

    def __init__(self, ring: KeyRing, weak: frozenset[str] = frozenset()) -> None:
        """``weak`` are the primitives that are weak everywhere."""
        self.ring, self.weak = ring, weak
        self.learned: dict[Term, Seen | Opened] = {}
        self._ways: dict[Term, Way | None] = {}

    def learn(self, term: Term, step: int) -> None:
        """Take note of a ground term and of all that can be taken out of it, now or with what is known later."""
        if self.ring.normal(term) in self.learned:
            return
        self._add(self.ring.normal(term), Seen(step))
        changed = True
        while changed:
            changed = False
            for known in list(self.learned):
                for part, needs in self._parts(known):
                    if part not in self.learned and all(self.can(need) for need in needs):
                        self._add(part, Opened(known, needs))
                        changed = True

    def _add(self, term: Term, way: Seen | Opened) -> None:
        self.learned[term] = way
        self._ways.clear()

    def _parts(self, term: Term) -> Iterator[tuple[Term, tuple[Term, ...]]]:
        if isinstance(term, App) and is_data(term.function):
            yield from ((part, ()) for part in term.arguments)
        for needs, content, _ in openings(term, self.weak):
            yield self.ring.normal(content), tuple(map(self.ring.normal, needs))

    def can(self, term: Term) -> bool:
        """Return whether the attacker knows or can make a ground term."""
        return self.way(term) is not None

    def way(self, term: Term) -> Way | None:
        """Return how the attacker gets a ground term, None if it cannot."""
        term = self.ring.normal(term)
        if term not in self._ways:
            self._ways[term] = None  # a way that needs the term itself is none
            self._ways[term] = self._way(term)
        return self._ways[term]

    def _way(self, term: Term) -> Way | None:
        if self._is_had(term):
            return Had()
        if term in self.learned:
            return self.learned[term]
        if not isinstance(term, App):
            return None
        for parts in self._recipes(term):
            if all(self.can(part) for part in parts):
                return Built(parts)
        return None

    def _recipes(self, term: App) -> Iterator[tuple[Term, ...]]:
        for needs, _ in recipes(term, self.weak):
            for filled in self.filled(needs):
                yield tuple(map(self.ring.normal, filled))
        if "hash" in self.weak and term.function == "sign":
            # A colliding hash makes a signature fit every message.
            for known in self.learned:
                if isinstance(known, App) and known.function == "sign" and known.arguments[0] is term.arguments[0]:
                    yield known, term.arguments[1]

    def filled(self, needs: tuple[Term, ...]) -> Iterator[tuple[Term, ...]]:
        """Yield a recipe's needs, the blind that its result leaves open taken from something known."""
        if not any(SCHEMATIC in need.variables for need in needs):
            yield needs
            return
        for need in needs:
            for known in list(self.learned):
                bound: dict[Var, Term] = {}
                if isinstance(need, App) and match(need, known, bound) and SCHEMATIC in bound:
                    yield tuple(replace(one, bound) for one in needs)
        for value in ATTACKER_VALUES:
            yield tuple(replace(need, {SCHEMATIC: Const(value, SCHEMATIC.sort)}) for need in needs)

    def _is_had(self, term: Term) -> bool:
        match term:
            case Const(value, sort):
                return value in ATTACKER_VALUES or not (sort in FRESH_SORTS or sort.startswith(STORED))
            case Key():
                return self.ring.is_dishonest(term)
            case App("pk" | "g", (Key(family, _, _),)):
                return self.ring.families[family].public
            case App("hash"):
                return "hash" in self.weak
            case _:
                return False


Bindings = dict[Var, Term]


def matches(pattern: Term, term: Term, bound: Mapping[Var, Term], ring: KeyRing) -> Iterator[Bindings]:
    """Yield each way in which a ground term is an instance of a pattern, given what variables stand for already.

    A variable stands for a leaf of its sort: a value, a long-term key, a stored value.
    """
    yield from _matched([(pattern, term)], dict(bound), ring)


def _matched(pairs: list[tuple[Term, Term]], bound: Bindings, ring: KeyRing) -> Iterator[Bindings]:
    while pairs:
        pattern, term = pairs.pop()
        if isinstance(pattern, Var):
            if pattern in bound:
                if ring.normal(bound[pattern]) is not term:
                    return
            elif _sort(term) == pattern.sort:
                bound[pattern] = term
            else:
                return
        elif isinstance(pattern, Const):
            if pattern is not term:
                return
        elif type(pattern) is not type(term) or pattern.fields[0] != term.fields[0]:
            return
        else:
            yield from _arguments(pattern, term, pairs, bound, ring)
            return
    yield bound


def _arguments(
    pattern: App | Key, term: Term, pairs: list[tuple[Term, Term]], bound: Bindings, ring: KeyRing
) -> Iterator[Bindings]:
    assert isinstance(term, App | Key)
    if len(pattern.arguments) != len(term.arguments):
        return
    orders: Iterable[tuple[Term, ...]] = [pattern.arguments]
    if isinstance(pattern, App) and pattern.function == "dh":
        orders = [pattern.arguments, pattern.arguments[::-1]]
    elif isinstance(pattern, Key):
        orders = ring.indices(pattern)
    for order in orders:
        yield from _matched([*pairs, *zip(order[::-1], term.arguments[::-1], strict=True)], dict(bound), ring)


def _sort(term: Term) -> str | None:
    match term:
        case Const(_, sort) | Key(_, sort, _):
            return sort
        case App(function, _) if function.startswith(STORED):
            return function
        case _:
            return None
