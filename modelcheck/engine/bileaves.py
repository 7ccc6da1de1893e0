"""Leaves of two systems side by side: finite domains of pairs (left, right), and which leaves are equal on which side.

The two systems of a claim of indistinguishability differ in one name of the judged session. Every other leaf is the
same on both sides, so a sort's domain is that of a scene and, for names, one pair more; a long-term key of a pair is the
pair of the keys. A value is one pair, hence one variable for two places of a rule says that they are equal on both
sides. Summary leaves are bijective: they stand for pairs (n, n), so two members are equal on the left exactly if they
are equal on the right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal as OneOf

from modelcheck.engine.clauses import ClauseSet, Literal, Predicate
from modelcheck.engine.horn import Box
from modelcheck.engine.scene import Scene
from modelcheck.protocol.terms import NAME, Term, sort_of
from modelcheck.protocol.theory import DISHONEST

Side = OneOf["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")

BETWEEN = "|"
"""What separates the sides of a leaf that differs."""


def pair(left: str, right: str) -> str:
    """Return the leaf that is ``left`` in one system and ``right`` in the other."""
    return left if left == right else f"{left}{BETWEEN}{right}"


def on_side(leaf: str, side: Side) -> str:
    """Return what a leaf is in one of the two systems."""
    left, separated, right = leaf.partition(BETWEEN)
    return right if separated and side == "right" else left


def same(clauses: ClauseSet, side: Side, one: Term, other: Term) -> Literal:
    """Return the literal "two leaves are equal on this side"."""
    return _related(clauses, f"same {side}", one, other)


def same_only(clauses: ClauseSet, side: Side, one: Term, other: Term) -> Literal:
    """Return the literal "two leaves are equal on this side and differ on the other"."""
    return _related(clauses, f"only {side}", one, other)


def _related(clauses: ClauseSet, name: str, one: Term, other: Term) -> Literal:
    sort = str(sort_of(one))
    return Literal(clauses.predicate(Predicate("side", name, (sort, sort))), (one, other))


def passed(clauses: ClauseSet, number: int, side: Side, sorts: Sequence[str]) -> int:
    """Return the predicate "this test succeeds on this side, with these leaves supplied and expected"."""
    return clauses.predicate(Predicate("tested", f"test {number} {side}", tuple(sorts)))


def test_number(predicate: Predicate) -> int:
    """Return the number of the test that a predicate speaks of."""
    return int(predicate.name.split()[1])


@dataclass(frozen=True)
class BiScene(Scene):
    """A scene whose names include one that differs from side to side."""

    sides: tuple[str, str] = ("", "")
    """What the subject of the claim is on the left and on the right; both are honest names."""

    @property
    def subject(self) -> str:
        """The name that differs."""
        return pair(*self.sides)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the one that differs last."""
        return (*self.honest, DISHONEST, self.subject)

    @property
    def honest_names(self) -> tuple[str, ...]:
        """The names that are honest on both sides."""
        return (*self.honest, self.subject)

    def made_by_attacker(self, sort: str) -> tuple[str, ...]:
        """Return the leaves the attacker has from the start: of names those that are equal on both sides."""
        return (*self.honest, DISHONEST) if sort == NAME else super().made_by_attacker(sort)

    def key_leaf(self, family: str, names: Sequence[str]) -> str:
        """Return the pair of the keys that the names have on either side."""
        left, right = (Scene.key_leaf(self, family, [on_side(name, side) for name in names]) for side in SIDES)
        return pair(left, right)

    def relation(self, index: int, predicate: Predicate) -> Iterator[Box]:
        """Yield the boxes of a predicate that is data, those that compare sides included."""
        if predicate.kind != "side":
            yield from super().relation(index, predicate)
            return
        word, _, side = predicate.name.partition(" ")
        sort = predicate.columns[0]
        for group in self._groups(sort, "right" if side == "right" else "left"):
            if word != "only":
                yield self.mask(sort, group), self.mask(sort, group)
            elif len(group) > 1:
                # Distinct pairs that agree on one side differ on the other.
                for leaf in group:
                    yield self.mask(sort, [leaf]), self.mask(sort, [other for other in group if other != leaf])

    def _groups(self, sort: str, side: Side) -> list[list[str]]:
        """Return the leaves of a sort in groups: those that are equal on the side are together."""
        groups: dict[str, list[str]] = {}
        for leaf in self.domain(sort):
            groups.setdefault(on_side(leaf, side), []).append(leaf)
        return list(groups.values())
