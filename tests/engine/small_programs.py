"""Small Horn programs to draw, and their meaning computed point by point, without boxes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from hypothesis import strategies as st

from modelcheck.engine.horn import Atom, Box, Clause, Differ, Goal, Mask, Program, Relations

Fact = tuple[int, tuple[int, ...]]


def values(mask: Mask) -> list[int]:
    """The values in a mask."""
    return [value for value in range(mask.bit_length()) if mask >> value & 1]


def points(relations: Relations) -> set[Fact]:
    """Every fact in the boxes."""
    return {
        (predicate, point)
        for predicate, boxes in relations.items()
        for box in boxes
        for point in itertools.product(*map(values, box))
    }


def solutions(
    body: Sequence[Atom], masks: Sequence[Mask], differ: Sequence[Differ], facts: set[Fact]
) -> Iterator[tuple[int, ...]]:
    """The slot values for which the conjunction holds in the facts."""

    def extend(at: int, known: dict[int, int]) -> Iterator[tuple[int, ...]]:
        if at < len(body):
            for predicate, point in facts:
                if predicate == body[at].predicate:
                    bound = dict(known)
                    if all(
                        bound.setdefault(slot, value) == value
                        for slot, value in zip(body[at].slots, point, strict=True)
                    ):
                        yield from extend(at + 1, bound)
            return
        free = [[known[slot]] if slot in known else values(mask) for slot, mask in enumerate(masks)]
        for found in itertools.product(*free):
            inside = all(mask >> value & 1 for mask, value in zip(masks, found, strict=True))
            if inside and not any(
                found[one.left] == found[one.right] and one.unique >> found[one.left] & 1 for one in differ
            ):
                yield found

    return extend(0, {})


def consequences(program: Program, clause: Clause, facts: set[Fact]) -> Iterator[Fact]:
    """The facts that the clause may add."""
    forbidden = points({clause.head.predicate: program.forbidden.get(clause.head.predicate, ())})
    columns = program.columns[clause.head.predicate]
    for found in solutions(clause.body, clause.masks, clause.differ, facts):
        point = tuple(found[slot] for slot in clause.head.slots)
        fits = all(full >> value & 1 for full, value in zip(columns, point, strict=True))
        if fits and (clause.head.predicate, point) not in forbidden:
            yield clause.head.predicate, point


def least_model(program: Program, start: Relations) -> set[Fact]:
    """The least set of facts above ``start`` that the clauses do not leave."""
    facts = points(start)
    while True:
        added = {fact for clause in program.clauses for fact in consequences(program, clause, facts)} - facts
        if not added:
            return facts
        facts |= added


def is_evidence(program: Program, start: Relations, relations: Relations) -> bool:
    """Whether the relations include ``start``, are closed under the clauses and exclude every goal."""
    facts = points(relations)
    return (
        points(start) <= facts
        and all(fact in facts for clause in program.clauses for fact in consequences(program, clause, facts))
        and not any(True for goal in program.goals for _ in solutions(goal.body, goal.masks, goal.differ, facts))
    )


@st.composite
def conjunctions(
    draw: st.DrawFn, columns: tuple[tuple[Mask, ...], ...], atoms: int
) -> tuple[tuple[Atom, ...], tuple[Mask, ...], tuple[Differ, ...]]:
    """Atoms over shared slots, with masks and conditions."""
    fulls: list[Mask] = []

    def slot(full: Mask) -> int:
        same = [at for at, other in enumerate(fulls) if other == full]
        chosen = draw(st.sampled_from([*same, len(fulls)]))
        if chosen == len(fulls):
            fulls.append(full)
        return chosen

    body = tuple(
        Atom(predicate, tuple(slot(full) for full in columns[predicate]))
        for predicate in draw(st.lists(st.integers(0, len(columns) - 1), min_size=1, max_size=atoms))
    )
    masks = tuple(draw(st.one_of(st.just(full), st.integers(1, full))) for full in fulls)
    differ: list[Differ] = []
    if len(fulls) > 0 and draw(st.booleans()):
        left = draw(st.integers(0, len(fulls) - 1))
        right = draw(st.sampled_from([at for at, full in enumerate(fulls) if full == fulls[left]]))
        differ.append(Differ(left, right, draw(st.integers(0, fulls[left]))))
    return body, masks, tuple(differ)


@st.composite
def clauses(draw: st.DrawFn, columns: tuple[tuple[Mask, ...], ...]) -> Clause:
    """A clause with up to three atoms in its body."""
    atoms, masks, differ = draw(conjunctions(columns, 4))
    return Clause(atoms[0], atoms[1:], masks, differ)


@st.composite
def goals(draw: st.DrawFn, columns: tuple[tuple[Mask, ...], ...]) -> Goal:
    """A goal with one or two atoms."""
    return Goal(*draw(conjunctions(columns, 2)))


@st.composite
def relations(draw: st.DrawFn, columns: tuple[tuple[Mask, ...], ...]) -> dict[int, tuple[Box, ...]]:
    """Up to four boxes for each predicate; several are needed to see a box that is overlooked."""
    drawn = {
        predicate: draw(st.lists(st.tuples(*(st.integers(1, full) for full in fulls)), max_size=4))
        for predicate, fulls in enumerate(columns)
        if draw(st.booleans())
    }
    return {predicate: tuple(boxes) for predicate, boxes in drawn.items() if boxes}


@st.composite
def programs(draw: st.DrawFn) -> tuple[Program, dict[int, tuple[Box, ...]]]:
    """A program over two sorts of at most three values, and start relations for it."""
    column = st.sampled_from([(1 << draw(st.integers(1, 3))) - 1, (1 << draw(st.integers(1, 2))) - 1])
    columns = tuple(map(tuple, draw(st.lists(st.lists(column, max_size=3), min_size=1, max_size=4))))
    program = Program(
        columns,
        tuple(draw(st.lists(clauses(columns), min_size=1, max_size=7))),
        tuple(draw(st.lists(goals(columns), max_size=2))),
        draw(relations(columns)),
    )
    return program, draw(relations(columns))


@st.composite
def corruptions(draw: st.DrawFn, columns: tuple[tuple[Mask, ...], ...], boxes: Relations) -> dict[int, tuple[Box, ...]]:
    """The relations with boxes dropped and single values added to or taken from masks."""
    damaged = {predicate: list(some) for predicate, some in boxes.items()}
    for predicate in draw(st.lists(st.sampled_from(sorted(damaged)), min_size=1, max_size=3)) if damaged else ():
        if damaged[predicate]:
            at = draw(st.integers(0, len(damaged[predicate]) - 1))
            box = damaged[predicate].pop(at)
            if len(box) > 0 and draw(st.booleans()):
                column = draw(st.integers(0, len(box) - 1))
                flipped = box[column] ^ 1 << draw(st.sampled_from(values(columns[predicate][column])))
                damaged[predicate].insert(at, (*box[:column], flipped, *box[column + 1 :]))
    return {predicate: tuple(some) for predicate, some in damaged.items()}
