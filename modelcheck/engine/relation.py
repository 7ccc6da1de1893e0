"""The boxes of one predicate of a Horn program, kept so that none is inside another.

A box is one integer (see :mod:`modelcheck.engine.layout`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from modelcheck.engine.horn import Mask
from modelcheck.engine.layout import Layout

REGROUPED = 64
"""Boxes of a predicate after which they are grouped by the columns that tell most of them apart."""


@dataclass(slots=True, eq=False)
class Relation:
    """The boxes of one predicate: none inside another, no two that differ in one column only."""

    number: int
    layout: Layout
    without: tuple[int, ...]
    forbidden: tuple[int, ...]
    tables: list[dict[int, int]] = field(default_factory=list)
    """What the places that use the relation have made of its boxes."""
    live: dict[int, None] = field(default_factory=dict)
    grouped: Mask = field(init=False)
    """Where the columns lie by which boxes are grouped."""
    groups: dict[int, dict[int, None]] = field(default_factory=dict)
    """The live boxes by those columns: only boxes that meet there can cover each other."""
    regroup: int = REGROUPED
    """How many boxes there are when the columns are chosen anew."""
    neighbours: dict[int, int] = field(default_factory=dict)
    """Each box under each of its columns taken away: where a box to merge with is found."""

    def __post_init__(self) -> None:
        self.grouped = self.layout.fields[0] if self.layout.fields else 0

    def group(self) -> None:
        """Nothing; the boxes are grouped by the columns in which they differ most.

        A box is held against all groups, and against the boxes of those that it meets: there should be neither few groups
        nor large ones.
        """
        self.regroup *= 2
        columns = [full << offset for offset, full in zip(self.layout.offsets, self.layout.fields, strict=True)]
        kinds = {column: len({packed & column for packed in self.live}) for column in columns}
        self.grouped, groups = 0, 1
        for column in sorted(columns, key=kinds.__getitem__, reverse=True):
            if 4 * groups * groups >= len(self.live):
                break
            self.grouped |= column
            groups = len({packed & self.grouped for packed in self.live})
        self.groups = {}
        for packed in self.live:
            self.groups.setdefault(packed & self.grouped, {})[packed] = None

    def remove(self, packed: int) -> None:
        """Nothing; the box is gone from the relation and from every place that uses it."""
        del self.live[packed]
        del self.groups[packed & self.grouped][packed]
        for keep in self.without:
            del self.neighbours[packed & keep]
        for table in self.tables:
            table.pop(packed, None)

    def absorb(self, packed: int) -> int | None:
        """The box that now covers ``packed``, merged as far as it goes; None if an older one did."""
        if packed in self.live:
            return None
        inside = self._inside(packed)
        if inside is None:
            return None
        merged = self._merge(packed)
        if merged != packed:
            inside = self._inside(merged) or []
        for other in inside:
            if other in self.live:
                self.remove(other)
        self.live[merged] = None
        self.groups.setdefault(merged & self.grouped, {})[merged] = None
        for keep in self.without:
            self.neighbours[merged & keep] = merged
        if len(self.live) > self.regroup:
            self.group()
        return merged

    def _inside(self, packed: int) -> list[int] | None:
        """The boxes inside ``packed``, or None if it is inside one."""
        found = []
        mine = packed & self.grouped
        for theirs, group in self.groups.items():
            common = mine & theirs
            if common == mine:
                for other in group:
                    meet = packed & other
                    if meet == packed:
                        return None
                    if meet == other:
                        found.append(other)
            elif common == theirs:
                found += [other for other in group if packed & other == other]
        return found

    def _merge(self, packed: int) -> int:
        neighbours, again = self.neighbours, True
        while again:
            again = False
            for keep in self.without:
                other = neighbours.get(packed & keep)
                if other is not None:
                    self.remove(other)
                    packed |= other
                    again = True
                    break
        return packed
