from __future__ import annotations

import itertools
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given, settings

from modelcheck.engine import boxes
from modelcheck.engine.boxes import START, Budget, BudgetExceeded, Record, matches, solve
from modelcheck.engine.horn import Atom, Box, Clause, Differ, Goal, Program
from modelcheck.engine.relation import REGROUPED
from tests.engine.small_programs import least_model, points, programs, solutions, values

Drawn = tuple[Program, dict[int, tuple[Box, ...]]]

A, B, C = 0b001, 0b010, 0b100
ALL = A | B | C


def facts(*boxes: Box, predicate: int = 0) -> tuple[Clause, ...]:
    """Clauses that add these boxes."""
    return tuple(Clause(Atom(predicate, tuple(range(len(box)))), (), box) for box in boxes)


@settings(deadline=None, max_examples=150)
@given(programs())
def test_exact_mode_computes_the_least_model(drawn: Drawn) -> None:
    """solve(exact) = least model."""
    program, start = drawn
    fixpoint = solve(program, start=start, exact=True, budget=Budget(10**6))
    assert points(fixpoint.relations) == least_model(program, start)


@settings(deadline=None, max_examples=150)
@given(programs())
def test_cheap_mode_is_a_model_that_includes_the_least(drawn: Drawn) -> None:
    """least model <= solve(cheap), and solve(cheap) is closed under the clauses."""
    program, start = drawn
    found = solve(program, start=start, budget=Budget(10**6)).relations
    assert points(found) >= least_model(program, start)
    assert points(found) == least_model(program, found)


@settings(deadline=None, max_examples=150)
@given(programs())
def test_a_goal_is_reached_exactly_if_it_has_a_solution_in_the_boxes(drawn: Drawn) -> None:
    """reached = satisfiable in the model; matches = its solutions."""
    program, start = drawn
    fixpoint = solve(program, start=start, budget=Budget(10**6))
    model = points(fixpoint.relations)
    for index, goal in enumerate(program.goals):
        expected = set(solutions(goal.body, goal.masks, goal.differ, model))
        found = [
            point for masks in matches(fixpoint.relations, goal) for point in itertools.product(*map(values, masks))
        ]
        assert set(found) == expected
        assert (index in fixpoint.reached) == bool(expected)


@settings(deadline=None, max_examples=150)
@given(programs())
def test_an_eager_computation_reaches_a_goal_exactly_if_a_complete_one_does(drawn: Drawn) -> None:
    """reached(eager) <= reached, one is empty exactly if the other is, and an incomplete model reaches something."""
    program, start = drawn
    whole = solve(program, start=start, budget=Budget(10**6))
    with patch.object(boxes, "FIRST_LOOK", 1):
        early = solve(program, start=start, budget=Budget(10**6), eager=True)
    assert whole.complete
    assert early.complete or early.reached
    assert set(early.reached) <= set(whole.reached)
    assert bool(early.reached) == bool(whole.reached)
    assert points(early.relations) <= points(whole.relations)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("columns", "values_each"), [(3, 8), (5, 4)])
def test_many_boxes_are_as_few_as_few(seed: int, columns: int, values_each: int) -> None:
    """A relation that is grouped anew, by one column or several, holds the points that were added, and no box inside another."""
    random = Random(seed)
    full = ((1 << values_each) - 1,) * columns
    added = [
        tuple(1 << random.randrange(values_each) | 1 << random.randrange(values_each) for _ in full) for _ in range(200)
    ]
    found = solve(Program((full,), facts(*added)), budget=Budget(10**6)).relations[0]
    assert points({0: found}) == points({0: tuple(added)})
    assert len(found) > REGROUPED
    for one, other in itertools.permutations(found, 2):
        assert any(mine & ~theirs for mine, theirs in zip(one, other, strict=True))


@settings(deadline=None, max_examples=60)
@given(programs())
def test_the_same_program_gives_the_same_boxes_for_the_same_work(drawn: Drawn) -> None:
    """solve is a function: equal relations, records and units."""
    program, start = drawn
    first, second = (solve(program, start=start, budget=Budget(10**6)) for _ in range(2))
    assert first == second
    assert list(first.records()) == list(second.records())


def test_boxes_that_differ_in_one_column_are_merged() -> None:
    program = Program(((ALL, ALL),), facts((A, A), (B, A), (A, C), (B, C)))
    assert solve(program, budget=Budget(100)).relations == {0: ((A | B, A | C),)}


def test_a_box_inside_another_is_dropped() -> None:
    program = Program(((ALL, ALL),), facts((A, A), (A | B, A | B), (B, B)))
    assert solve(program, budget=Budget(100)).relations == {0: ((A | B, A | B),)}


def test_forbidden_boxes_are_taken_from_heads() -> None:
    program = Program(((ALL, ALL),), facts((ALL, ALL)), forbidden={0: ((A, B),)})
    fixpoint = solve(program, budget=Budget(100))
    assert points(fixpoint.relations) == points({0: ((ALL, ALL),)}) - {(0, (0, 1))}


def test_forbidden_boxes_are_not_taken_from_the_start_relations() -> None:
    program = Program(((ALL,),), (), forbidden={0: ((A,),)})
    assert solve(program, start={0: ((A | B,),)}, budget=Budget(100)).relations == {0: ((A | B,),)}


def test_a_repeated_head_slot_is_forgotten_or_split() -> None:
    program = Program(((ALL, ALL),), (Clause(Atom(0, (0, 0)), (), (A | B,)),))
    assert solve(program, budget=Budget(100)).relations == {0: ((A | B, A | B),)}
    assert solve(program, exact=True, budget=Budget(100)).relations == {0: ((A, A), (B, B))}


def test_a_repeated_body_slot_takes_equal_columns() -> None:
    clause = Clause(Atom(1, (0,)), (Atom(0, (0, 0)),), (ALL,))
    program = Program(((ALL, ALL), (ALL,)), (*facts((A | B, B | C)), clause))
    assert solve(program, budget=Budget(100)).relations[1] == ((B,),)


@pytest.mark.parametrize(("unique", "expected"), [(0, {(0, 0)}), (A, set()), (B, {(0, 0)})])
def test_only_a_unique_value_cannot_differ_from_itself(unique: int, expected: set[tuple[int, int]]) -> None:
    clause = Clause(Atom(1, (0, 1)), (Atom(0, (0, 1)),), (ALL, ALL), (Differ(0, 1, unique),))
    program = Program(((ALL, ALL), (ALL, ALL)), (*facts((A, A)), clause))
    found = points({1: solve(program, budget=Budget(100)).relations.get(1, ())})
    assert found == {(1, point) for point in expected}


def test_differ_splits_a_box_around_unique_values() -> None:
    clause = Clause(Atom(1, (0, 1)), (Atom(0, (0, 1)),), (ALL, ALL), (Differ(0, 1, A | B),))
    program = Program(((ALL, ALL), (ALL, ALL)), (*facts((ALL, ALL)), clause))
    found = points({1: solve(program, budget=Budget(100)).relations[1]})
    assert found == points({1: ((ALL, ALL),)}) - {(1, (0, 0)), (1, (1, 1))}


def test_a_slot_only_in_the_head_takes_every_value_of_its_mask() -> None:
    program = Program(((ALL,), (ALL,)), (*facts((A,)), Clause(Atom(1, (1,)), (Atom(0, (0,)),), (ALL, B | C))))
    assert solve(program, budget=Budget(100)).relations[1] == ((B | C,),)


def test_an_empty_mask_makes_a_clause_and_a_goal_impossible() -> None:
    program = Program(((ALL,),), (Clause(Atom(0, (0,)), (), (ALL, 0)),), (Goal((), (0,)),))
    fixpoint = solve(program, budget=Budget(100))
    assert (fixpoint.relations, fixpoint.reached) == ({}, ())


def test_a_goal_without_body_is_reached() -> None:
    assert solve(Program((), (), (Goal((), ()),)), budget=Budget(100)).reached == (0,)


def test_a_predicate_without_columns_is_true_or_false() -> None:
    yes, no = Goal((Atom(0, ()),), ()), Goal((Atom(1, ()),), ())
    program = Program(((), ()), (Clause(Atom(0, ()), (), ()),), (no, yes))
    fixpoint = solve(program, budget=Budget(100))
    assert (fixpoint.relations, fixpoint.reached) == ({0: ((),)}, (1,))


def test_records_tell_which_clause_added_a_box_before_merging() -> None:
    program = Program(((ALL,),), facts((B,)))
    fixpoint = solve(program, start={0: ((A,),)}, budget=Budget(100))
    assert list(fixpoint.records()) == [Record(0, (A,), START), Record(0, (B,), 0)]


def counting(length: int) -> Program:
    """A clause that moves from each of ``length`` values to the next."""
    full = (1 << length) - 1
    steps = [Clause(Atom(0, (1,)), (Atom(0, (0,)),), (1 << at, 2 << at)) for at in range(length - 1)]
    return Program(((full,),), (*facts((1,)), *steps))


def test_work_stops_at_the_budget_and_always_at_the_same_place() -> None:
    needed = solve(counting(20), budget=Budget(10**6)).spent
    assert solve(counting(20), budget=Budget(needed)).spent == needed
    for _ in range(2):
        budget = Budget(needed - 1)
        with pytest.raises(BudgetExceeded, match=f"^{needed - 1} work units are spent$"):
            solve(counting(20), budget=budget)
        assert budget.spent == needed


def test_a_budget_is_shared_by_several_computations() -> None:
    budget = Budget(10**6)
    first = solve(counting(5), budget=budget)
    second = solve(counting(9), budget=budget)
    assert budget.spent == first.spent + second.spent


DIAGONAL = ((A, A), (B, B), (C, C))
"""Boxes that cannot be merged."""


def test_every_box_of_a_predicate_takes_part_in_a_join() -> None:
    clause = Clause(Atom(2, (0, 2)), (Atom(0, (0, 1)), Atom(1, (1, 2))), (ALL, ALL, ALL))
    program = Program(((ALL, ALL),) * 3, (clause,))
    for order in itertools.permutations(DIAGONAL):
        fixpoint = solve(program, start={0: order, 1: DIAGONAL}, budget=Budget(1000))
        assert points({2: fixpoint.relations[2]}) == {(2, (value, value)) for value in range(3)}


def test_a_slot_is_kept_until_the_last_atom_that_reads_it() -> None:
    body = (Atom(0, (0, 1)), Atom(1, (1, 2)), Atom(2, (2, 3)))
    clause = Clause(Atom(3, (0, 3)), body, (ALL,) * 4)
    program = Program(((ALL, ALL),) * 4, (clause,))
    fixpoint = solve(program, start=dict.fromkeys((0, 1, 2), DIAGONAL), budget=Budget(1000))
    assert points({3: fixpoint.relations[3]}) == {(3, (value, value)) for value in range(3)}


@pytest.mark.parametrize(("other", "expected"), [(A, {0: ((B,),)}), (A | B, {0: ((A | B,),)})])
def test_a_slot_read_only_by_a_condition_excludes_a_value_if_it_has_no_other(
    other: int, expected: dict[int, tuple[Box, ...]]
) -> None:
    clause = Clause(Atom(0, (0,)), (Atom(1, (1,)),), (A | B, ALL), (Differ(0, 1, ALL),))
    program = Program(((ALL,), (ALL,)), (clause,))
    found = solve(program, start={1: ((other,),)}, budget=Budget(100)).relations
    assert {0: found[0]} == expected


def test_what_a_forbidden_box_leaves_does_not_overlap() -> None:
    program = Program(((ALL, ALL),), facts((ALL, ALL)), forbidden={0: ((A, A),)})
    boxes = solve(program, budget=Budget(100)).relations[0]
    assert sum(first.bit_count() * second.bit_count() for first, second in boxes) == 8


def test_each_insertion_takes_a_unit() -> None:
    assert solve(Program(((ALL, ALL),), facts(*DIAGONAL)), budget=Budget(100)).spent == 3
