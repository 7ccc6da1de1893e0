"""What an observer makes of messages that it only reads: frames, and whether two of them look alike.

Two sequences of messages are statically equivalent (Abadi and Cortier 2006) if no test of the observer comes out
differently: it opens what it has keys for, builds terms of its own and compares. Each message is written down as the
observer sees it: what it could have built itself as that construction, everything else by a number, the same number for
the same term. For terms whose only equations are those of the table of primitives, two frames are equivalent exactly if
they are written down alike.

Colliding hashes are no equation: whoever has a signature has all signatures with that key on messages that it can build, and
every hash value is known, as the same on both sides, also of secrets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from modelcheck.engine.deduction import KeyRing
from modelcheck.machines.view import fill
from modelcheck.protocol.terms import DH, App, Const, Key, Term, Var
from modelcheck.protocol.theory import FRESH_SORTS, OPENINGS, RECIPES, is_data, is_weak, match, openings, recipes

Sight: TypeAlias = int
"""How something looks to the observer: the place of its description in a table."""

Node: TypeAlias = tuple[object, ...]

MOVES = "signatures on other messages"
"""With colliding hashes: what whoever has a signature can make of it, whatever it signs."""


@dataclass(slots=True)
class Sights:
    """A table of descriptions; frames that share one can be compared."""

    nodes: dict[Node, Sight] = field(default_factory=dict)

    def of(self, node: Node) -> Sight:
        """Return the place of a description."""
        return self.nodes.setdefault(node, len(self.nodes))


class Frame:
    """Messages that an observer has read, taken apart as far as it can."""

    def __init__(
        self, messages: Sequence[Term], ring: KeyRing, sights: Sights, weak: frozenset[str | Term] = frozenset()
    ) -> None:
        """Take ground messages in the order in which they are read; ``weak`` are primitives, and terms in which one is weak."""
        self.weak = weak
        # Once exponents and indices of the messages are sorted, so are those of all that is taken out or put together.
        self.families, self.table = ring.families, sights
        self.messages = tuple(map(ring.normal, messages))
        self.known: dict[Term, None] = dict.fromkeys(self.messages)
        self._can: dict[Term, bool] = {}
        self._seen: dict[Term, Sight] = {}
        self._numbers: dict[Term, int] = {}
        self._take_apart()

    def _take_apart(self) -> None:
        """Add what can be taken out of the messages, until nothing more can."""
        waiting = list(self.known)
        while waiting:
            closed: list[Term] = []
            found: list[Term] = []
            for term in waiting:
                parts, more = self._opened(term)
                found += parts
                closed += [term] if more else []
            new = [part for part in dict.fromkeys(found) if part not in self.known]
            self.known |= dict.fromkeys(new)
            self._can.clear()
            waiting = [*closed, *new] if new else []

    def _opened(self, term: Term) -> tuple[list[Term], bool]:
        """Return what can be taken out of a term now, and whether more could be with further keys."""
        if isinstance(term, App) and is_data(term.function):
            return list(term.arguments), False
        parts, more = [], False
        for needs, content, _ in openings(term, self.weak):
            if all(map(self.can, needs)):
                parts.append(content)
            else:
                more = True
        if "hash" in self.weak and isinstance(term, App) and term.function == "sign":
            parts.append(App(MOVES, term.arguments[:1]))
        return parts, more

    # -------------------------------------------------------------------------------- what can be built

    def can(self, term: Term) -> bool:
        """Return whether the observer has a term or can build it."""
        if term not in self._can:
            self._can[term] = False  # a way that needs the term itself is none
            self._can[term] = term in self.known or self._is_public(term) or any(True for _ in self._ways(term))
        return self._can[term]

    def _ways(self, term: Term) -> Iterator[tuple[str, tuple[Term, ...]]]:
        """Yield each way to build a term from what the observer can build."""
        for parts, recipe in recipes(term, self.weak):
            if all(map(self.can, parts)):
                assert isinstance(term, App)
                # The two ways to raise a share to an exponent are one operation; others differ in what they are given.
                plain = recipe is None or term.function == DH
                yield term.function if plain else f"recipe {RECIPES.index(recipe)}", parts
        if isinstance(term, App) and term.function == "sign":
            moved = (App(MOVES, term.arguments[:1]), term.arguments[1])
            if moved[0] in self.known and self.can(moved[1]):
                yield "moved", moved

    def _is_public(self, term: Term) -> bool:
        match term:
            case Const(_, sort):
                return sort not in FRESH_SORTS
            case App("pk" | "g", (Key(family),)):
                return self.families[family].public
            case App("id", (Key(),)):
                return True
            case App("hash"):
                return "hash" in self.weak
            case _:
                return False

    # -------------------------------------------------------------------------------- how it looks

    def look(self) -> tuple[Sight, ...]:
        """Return how each message looks, in order."""
        return tuple(map(self.sight, self.messages))

    def sight(self, term: Term) -> Sight:
        """Return how a term that the observer has or can build looks to it."""
        if term not in self._seen:
            self._seen[term] = self.table.of(self._node(term))
        return self._seen[term]

    def _node(self, term: Term) -> Node:
        ways = {(function, *map(self.sight, parts)) for function, parts in self._ways(term)}
        if self._is_public(term):
            return "public", term, *sorted(ways)
        if ways:
            return "built", *sorted(ways)
        number = self._numbers.setdefault(term, len(self._numbers))
        return "number", number, *self._tests(term)

    def _tests(self, term: Term) -> Iterator[Node]:
        """Yield what fits a term that the observer cannot build: keys that verify or open it, and what it says."""
        if isinstance(term, App) and term.function == MOVES:
            public = App("pk", term.arguments)
            yield from [("verified with", self.sight(public))] if self.can(public) else []
        for index, opening in enumerate(OPENINGS):
            bound: dict[Var, Term] = {}
            if opening.weak and not is_weak(opening.weak, term, self.weak):
                continue
            if not match(opening.sealed, term, bound):
                continue
            needs = tuple(fill(need, bound) for need in opening.needs)
            if not all(map(self.can, needs)):
                continue
            content = () if opening.gives is None else (fill(opening.gives, bound),)
            further = [fill(need, bound) for need in opening.role_needs]
            fitting = tuple(self.sight(need) if self.can(need) else None for need in further)
            yield index, tuple(map(self.sight, (*needs, *content))), fitting
