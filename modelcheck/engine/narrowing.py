"""Goals without the slots that stand in one place only: enough to know whether a goal is reached."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from operator import or_

from modelcheck.engine.horn import Atom, Box, Goal, Relations


class Narrowing:
    """Makes goals about the same relations smaller; a goal is reached exactly if the smaller one is."""

    def __init__(self, relations: Relations) -> None:
        """Take the relations that the goals are about."""
        self.relations = relations
        self._unions: dict[int, Box] = {}

    def of(self, goal: Goal) -> tuple[Relations, Goal]:
        """Return relations and a goal of which nothing is left but what several atoms or a condition read."""
        uses = Counter(slot for atom in goal.body for slot in atom.slots)
        uses.update(slot for differ in goal.differ for slot in (differ.left, differ.right))
        relations, body = {}, []
        for index, atom in enumerate(goal.body):
            relations[index], slots = self._kept(goal, atom, uses)
            body.append(Atom(index, slots))
        return relations, Goal(tuple(body), goal.masks, goal.differ)

    def _kept(self, goal: Goal, atom: Atom, uses: Counter[int]) -> tuple[tuple[Box, ...], tuple[int, ...]]:
        union = self._union(atom.predicate)
        if not union:
            return self.relations.get(atom.predicate, ()), atom.slots
        # A column may be left out if it lets every box through.
        kept = [column for column, slot in enumerate(atom.slots) if uses[slot] > 1 or union[column] & ~goal.masks[slot]]
        boxes = dict.fromkeys(tuple([box[column] for column in kept]) for box in self.relations[atom.predicate])
        return tuple(boxes), tuple(atom.slots[column] for column in kept)

    def _union(self, predicate: int) -> Box:
        """Return everything that stands in some box, column by column."""
        if predicate not in self._unions:
            columns = zip(*self.relations.get(predicate, ()), strict=True)
            self._unions[predicate] = tuple(reduce(or_, column) for column in columns)
        return self._unions[predicate]
