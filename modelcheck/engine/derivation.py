"""One ground derivation of a reached goal, read off the order in which the fixpoint found its boxes.

A record of the fixpoint is a box together with the clause that added it, and the boxes it came from are
covered by older records. So a derivation is built backwards: each fact is taken from the oldest record that
has it, its clause is made ground, and the facts of the body come from records that are older still. This
cannot go in circles and prefers short derivations, since the fixpoint works first-in first-out.

In the cheap mode a record forgets that two columns are equal. Only points with equal columns are used here,
but a body may turn out to have none; then there is no answer and the program has to be solved exactly.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from modelcheck.engine.boxes import START, Budget, Fixpoint
from modelcheck.engine.horn import Atom, Box, Clause, Differ, Mask, Program, Relations

Fact = tuple[int, tuple[int, ...]]
"""A predicate and one value per column."""


@dataclass(frozen=True, slots=True)
class Step:
    """One fact, by a clause of a stage from the facts of other steps; a start fact has no clause."""

    predicate: int
    values: tuple[int, ...]
    stage: int
    clause: int | None
    premises: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Derivation:
    """Steps, each after its premises and no fact twice, and how the goal follows from them.

    ``premises`` are the steps for the atoms of the goal's body, ``values`` the values of the goal's slots.
    """

    steps: tuple[Step, ...]
    premises: tuple[int, ...]
    values: tuple[int, ...]


def explain(stages: Sequence[tuple[Program, Fixpoint]], goal_index: int, budget: Budget) -> Derivation | None:
    """A derivation of the goal of the last program, or None if none is found.

    Every stage after the first has to have started from all relations of the stage before it. There is always
    an answer for a reached goal when every fixpoint is exact.
    """
    search = _Search(stages, budget)
    wanted = stages[-1][0].goals[goal_index]
    values = search.ground(wanted.body, wanted.masks, wanted.differ, search.size)
    if values is None:
        return None
    proved: dict[Fact, tuple[_Entry, tuple[Fact, ...]]] = {}
    goal_facts = tuple(_instances(wanted.body, values))
    if not search.prove(goal_facts, proved):
        return None
    order = sorted(proved, key=lambda fact: (proved[fact][0].order, fact))
    number = {fact: index for index, fact in enumerate(order)}
    steps = tuple(_step(fact, *proved[fact], number) for fact in order)
    return Derivation(steps, tuple(number[fact] for fact in goal_facts), values)


def _step(fact: Fact, entry: _Entry, premises: tuple[Fact, ...], number: dict[Fact, int]) -> Step:
    clause = None if entry.clause == START else entry.clause
    return Step(fact[0], fact[1], entry.stage, clause, tuple(number[premise] for premise in premises))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A record of one of the fixpoints; ``equal`` are the pairs of columns that its clause makes equal."""

    order: int
    stage: int
    clause: int
    box: Box
    equal: tuple[tuple[int, int], ...]

    def holds(self, values: tuple[int, ...]) -> bool:
        """Whether the point is in the box and on its equal columns."""
        for mask, value in zip(self.box, values, strict=True):
            if not mask >> value & 1:
                return False
        return all(values[left] == values[right] for left, right in self.equal)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A partly grounded body: masks per slot, pairs of equal slots, the entries that fit each open atom."""

    masks: tuple[Mask, ...]
    same: tuple[tuple[int, int], ...]
    open: tuple[tuple[Atom, tuple[_Entry, ...]], ...]


class _Search:
    """The records of all stages, one after the other."""

    def __init__(self, stages: Sequence[tuple[Program, Fixpoint]], budget: Budget) -> None:
        self.stages = stages
        self.budget = budget
        self.size = 0
        self.entries: dict[int, list[_Entry]] = {}
        for stage, (program, fixpoint) in enumerate(stages):
            equal = [_equal_columns(clause) for clause in program.clauses]
            for record in fixpoint.records():
                pairs = equal[record.clause] if record.clause != START else ()
                entry = _Entry(self.size, stage, record.clause, record.box, pairs)
                self.entries.setdefault(record.predicate, []).append(entry)
                self.size += 1

    def prove(self, goals: Iterable[Fact], proved: dict[Fact, tuple[_Entry, tuple[Fact, ...]]]) -> bool:
        """Whether every goal was traced back to start facts; ``proved`` gains each fact's entry and premises.

        The youngest fact is taken first, so a fact is complete before any fact it rests on is looked at.
        """
        queue: list[tuple[int, Fact]] = []
        waiting: dict[Fact, _Entry] = {}
        demanded = tuple(goals)
        while True:
            for fact in demanded:
                if fact not in waiting:
                    entry = self.oldest(fact)
                    if entry is None:
                        return False
                    waiting[fact] = entry
                    heapq.heappush(queue, (-entry.order, fact))
            if not queue:
                return True
            _, fact = heapq.heappop(queue)
            premises = self.premises(fact, waiting[fact])
            if premises is None:
                return False
            proved[fact] = waiting[fact], premises
            demanded = premises

    def oldest(self, fact: Fact) -> _Entry | None:
        """The oldest entry that has the fact."""
        return next((entry for entry in self.entries.get(fact[0], ()) if entry.holds(fact[1])), None)

    def premises(self, fact: Fact, entry: _Entry) -> tuple[Fact, ...] | None:
        """Facts older than the entry from which its clause gives the fact, or None."""
        program = self.stages[entry.stage][0]
        if entry.clause == START:
            inherited = entry.stage > 0 and _contains(self.stages[entry.stage - 1][1].relations, fact)
            return None if inherited else ()
        clause = program.clauses[entry.clause]
        masks = list(clause.masks)
        for slot, value in zip(clause.head.slots, fact[1], strict=True):
            masks[slot] &= 1 << value
        values = self.ground(clause.body, tuple(masks), clause.differ, entry.order)
        return None if values is None else tuple(_instances(clause.body, values))

    def ground(
        self, body: tuple[Atom, ...], masks: tuple[Mask, ...], differ: tuple[Differ, ...], limit: int
    ) -> tuple[int, ...] | None:
        """Slot values for which the body holds in entries before ``limit``, as early ones as can be found."""
        best = None
        while True:
            fitting = tuple((atom, self._before(atom, limit)) for atom in body)
            values = self._choose(_Choice(masks, (), fitting), differ) if all(masks) else None
            if values is None:
                return best
            best = values
            youngest = [self.oldest(fact) for fact in _instances(body, values)]
            limit = max((entry.order for entry in youngest if entry is not None), default=0)
            if not body:
                return best

    def _before(self, atom: Atom, limit: int) -> tuple[_Entry, ...]:
        return tuple(entry for entry in self.entries.get(atom.predicate, ()) if entry.order < limit)

    def _choose(self, choice: _Choice, differ: tuple[Differ, ...]) -> tuple[int, ...] | None:
        if not choice.open:
            return next(_points(choice.masks, choice.same, differ), None)
        narrowed = []
        for atom, entries in choice.open:
            self.budget.charge(len(entries))
            narrowed.append((atom, tuple(entry for entry in entries if _meets(choice.masks, atom, entry.box))))
        least = min(range(len(narrowed)), key=lambda at: len(narrowed[at][1]))
        atom, entries = narrowed.pop(least)
        for entry in entries:
            inside = _restrict(choice, atom, entry)
            if inside is not None:
                values = self._choose(_Choice(*inside, tuple(narrowed)), differ)
                if values is not None:
                    return values
        return None


def _equal_columns(clause: Clause) -> tuple[tuple[int, int], ...]:
    first: dict[int, int] = {}
    return tuple(
        (first[slot], column)
        for column, slot in enumerate(clause.head.slots)
        if first.setdefault(slot, column) != column
    )


def _instances(body: tuple[Atom, ...], values: tuple[int, ...]) -> Iterator[Fact]:
    for atom in body:
        yield atom.predicate, tuple(values[slot] for slot in atom.slots)


def _contains(relations: Relations, fact: Fact) -> bool:
    return any(
        all(mask >> value & 1 for mask, value in zip(box, fact[1], strict=True)) for box in relations.get(fact[0], ())
    )


def _meets(masks: tuple[Mask, ...], atom: Atom, box: Box) -> bool:
    return all(masks[slot] & mask for slot, mask in zip(atom.slots, box, strict=True))


def _restrict(
    choice: _Choice, atom: Atom, entry: _Entry
) -> tuple[tuple[Mask, ...], tuple[tuple[int, int], ...]] | None:
    """The masks inside the entry, and the pairs of equal slots with those of the entry."""
    masks = list(choice.masks)
    for slot, mask in zip(atom.slots, entry.box, strict=True):
        masks[slot] &= mask
    same = choice.same + tuple((atom.slots[left], atom.slots[right]) for left, right in entry.equal)
    for left, right in same:
        masks[left] = masks[right] = masks[left] & masks[right]
    return (tuple(masks), same) if all(masks) else None


def _points(
    masks: tuple[Mask, ...], same: tuple[tuple[int, int], ...], differ: tuple[Differ, ...]
) -> Iterator[tuple[int, ...]]:
    """The points inside the masks with the equalities and differences, least values first.

    Slots without condition take their least value only.
    """
    tied = {slot for pair in same for slot in pair} | {slot for one in differ for slot in (one.left, one.right)}
    fixed = [(mask & -mask).bit_length() - 1 for mask in masks]
    slots = sorted(tied)

    def extend(at: int) -> Iterator[tuple[int, ...]]:
        if at == len(slots):
            yield tuple(fixed)
            return
        known = set(slots[: at + 1])
        for value in _values(masks[slots[at]]):
            fixed[slots[at]] = value
            equal = all(fixed[x] == fixed[y] for x, y in same if x in known and y in known)
            if equal and all(_can_differ(fixed, one) for one in differ if {one.left, one.right} <= known):
                yield from extend(at + 1)

    return extend(0)


def _can_differ(values: Sequence[int], condition: Differ) -> bool:
    left = values[condition.left]
    return left != values[condition.right] or not condition.unique >> left & 1


def _values(mask: Mask) -> Iterator[int]:
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1
