"""Leaves of two systems side by side: finite domains of pairs (left, right), and which leaves are equal on which side.

The two systems of a claim of indistinguishability differ in one name or pick of the judged session. Every other leaf is
the same on both sides, so a sort's domain is that of a scene and, for the sort of the subject, one pair more; a long-term
key of a pair of names is the pair of the keys. A value is one pair, hence one variable for two places of a rule says that they are equal on both
sides. Summary leaves are bijective: they stand for pairs (n, n), so two members are equal on the left exactly if they
are equal on the right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal as OneOf

from modelcheck.engine.clauses import SESSION, ClauseSet, Condition, Literal, Predicate
from modelcheck.engine.horn import Box, Mask
from modelcheck.engine.scene import Scene
from modelcheck.protocol.terms import NAME, Term, Var, sort_of
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
    """A scene in which a name, or a value that the judged session picks, differs from side to side."""

    sides: tuple[str, str] = ("", "")
    """What the subject of the claim is on the left and on the right; of names both are honest."""
    picked: Var | None = None
    """The variable of the judged role that differs; None if it is a name."""
    judged: str = ""
    """The label of the judged session."""

    @property
    def sort(self) -> str:
        """The sort of what differs."""
        return NAME if self.picked is None else self.picked.sort

    @property
    def subject(self) -> str:
        """The leaf that differs."""
        return pair(*self.sides)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, one that differs last."""
        return (*self.honest, DISHONEST, *self._differing_name)

    @property
    def honest_names(self) -> tuple[str, ...]:
        """The names that are honest on both sides."""
        return (*self.honest, *self._differing_name)

    @property
    def _differing_name(self) -> tuple[str, ...]:
        return (self.subject,) if self.picked is None else ()

    def enumerated(self, sort: str) -> tuple[str, ...]:
        """Return the values of a sort that the flow declares, one that differs last."""
        values = super().enumerated(sort)
        return (*values, self.subject) if sort == self.sort else values

    def made_by_attacker(self, sort: str) -> tuple[str, ...]:
        """Return the leaves the attacker has from the start: of the subject's sort those that are equal on both sides."""
        if sort != self.sort:
            return super().made_by_attacker(sort)
        return (*self.honest, DISHONEST) if sort == NAME else self.clauses.enumerations[sort]

    def allowed(self, condition: Condition, sort: str) -> Mask:
        """Return the mask of the leaves for which a condition on one leaf holds, on both sides where sides may differ."""
        if condition.test == "alike":
            return self.alike(sort)
        if sort != self.sort or condition.test not in ("among", "straddles"):
            return super().allowed(condition, sort)
        passing = {leaf: [on_side(leaf, side) in condition.values for side in SIDES] for leaf in self.domain(sort)}
        if condition.test == "among":
            return self.mask(sort, [leaf for leaf, sides in passing.items() if all(sides)])
        return self.mask(sort, [leaf for leaf, sides in passing.items() if any(sides) and not all(sides)])

    def key_leaf(self, family: str, names: Sequence[str]) -> str:
        """Return the pair of the keys that the names have on either side."""
        left, right = (Scene.key_leaf(self, family, [on_side(name, side) for name in names]) for side in SIDES)
        return pair(left, right)

    def certifiable(self, sort: str) -> Mask:
        """Return the mask of the keys for which a dishonest name may have a certificate: the same one on both sides.

        Whoever has the public half that differs from side to side can tell it from those of all names by itself.
        """
        return self.alike(sort)

    def alike(self, sort: str) -> Mask:
        """Return the mask of the leaves that are the same on both sides."""
        return self.mask(sort, [leaf for leaf in self.domain(sort) if BETWEEN not in leaf])

    def relation(self, index: int, predicate: Predicate) -> Iterator[Box]:
        """Yield the boxes of a predicate that is data, those that compare sides included."""
        if predicate.kind == "picked":
            yield from self._picked(predicate)
            return
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

    def picks(self, label: str) -> tuple[tuple[Var, tuple[str, str]], ...]:
        """Return what a session class picks differently on the left and on the right."""
        return ((self.picked, self.sides),) if self.picked is not None and label == self.judged else ()

    def _picked(self, predicate: Predicate) -> Iterator[Box]:
        """Yield what sessions pick: the judged one the leaf that differs, in the place of it, all others any other."""
        star = self.mask(SESSION, [self.judged])
        role = self.by_label[self.judged].role
        plain = self.mask(self.sort, self.clauses.enumerations[self.sort])
        if self.picked is not None and predicate.name == f"{role} {self.picked.name}":
            yield star, self.mask(self.sort, [self.subject])
            yield self.full(SESSION) & ~star, plain
        else:
            yield self.full(SESSION), plain

    def _groups(self, sort: str, side: Side) -> list[list[str]]:
        """Return the leaves of a sort in groups: those that are equal on the side are together."""
        groups: dict[str, list[str]] = {}
        for leaf in self.domain(sort):
            groups.setdefault(on_side(leaf, side), []).append(leaf)
        return list(groups.values())
