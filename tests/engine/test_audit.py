from __future__ import annotations

import dataclasses
from unittest.mock import ANY

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelcheck.engine.audit import (
    AuditReport,
    BudgetSpent,
    Failure,
    GoalReached,
    Malformed,
    NotClosed,
    NotIncluded,
    Stage,
    audit,
)
from modelcheck.engine.boxes import Budget, solve
from modelcheck.engine.horn import Atom, Box, Clause, Differ, Goal, Program, Relations
from tests.engine.small_programs import consequences, corruptions, is_evidence, points, programs, solutions

Drawn = tuple[Program, dict[int, tuple[Box, ...]]]

A, B, C = 0b001, 0b010, 0b100
ALL = A | B | C
PLENTY = 10**8


def assert_true(stage: Stage, report: AuditReport) -> None:
    """Nothing; every failure is a counterexample."""
    model = points(stage.relations)
    for failure in report.failures:
        match failure:
            case NotClosed(_, index, values):
                clause = stage.program.clauses[index]
                body = {(atom.predicate, tuple(values[slot] for slot in atom.slots)) for atom in clause.body}
                assert body <= model
                assert values in set(solutions(clause.body, clause.masks, clause.differ, body))
                assert any(fact not in model for fact in consequences(stage.program, clause, body))
            case NotIncluded(_, predicate, values):
                assert (predicate, values) in points(stage.start) - model
            case GoalReached(_, index, values):
                goal = stage.program.goals[index]
                assert values in set(solutions(goal.body, goal.masks, goal.differ, model))
            case Malformed() | BudgetSpent():
                pytest.fail(f"unexpected {failure}")


@settings(deadline=None, max_examples=100)
@given(programs(), st.booleans())
def test_fixpoints_are_closed(drawn: Drawn, exact: bool) -> None:
    """audit(solve(p)) accepts, unless a goal is reached."""
    program, start = drawn
    fixpoint = solve(program, start=start, exact=exact, budget=Budget(10**6))
    stage = Stage(program, fixpoint.relations, start)
    report = audit([stage], PLENTY)
    assert [type(failure) for failure in report.failures] == [GoalReached] * bool(fixpoint.reached)
    assert_true(stage, report)


@settings(deadline=None, max_examples=150)
@given(programs(), st.data())
def test_corrupted_evidence_is_rejected_exactly_if_it_proves_nothing(drawn: Drawn, data: st.DataObject) -> None:
    """audit(corrupted) accepts iff it is still closed, includes the start and excludes the goals."""
    program, start = drawn
    relations = solve(program, start=start, budget=Budget(10**6)).relations
    stage = Stage(program, data.draw(corruptions(program.columns, relations)), start)
    report = audit([stage], PLENTY)
    assert report.accepted == is_evidence(program, start, stage.relations)
    assert_true(stage, report)


@settings(deadline=None, max_examples=100)
@given(programs(), st.data())
def test_evidence_for_another_program_is_rejected_exactly_if_it_proves_nothing(
    drawn: Drawn, data: st.DataObject
) -> None:
    """Without its forbidden boxes, or with a clause more, evidence is accepted iff it still is some."""
    program, start = drawn
    kept = data.draw(st.integers(0, len(program.clauses)))
    weaker = dataclasses.replace(program, clauses=program.clauses[:kept])
    relations = solve(weaker, start=start, budget=Budget(10**6)).relations
    changed = dataclasses.replace(program, forbidden={}) if data.draw(st.booleans()) else program
    stage = Stage(changed, relations, start)
    report = audit([stage], PLENTY)
    assert report.accepted == is_evidence(changed, start, relations)
    assert_true(stage, report)


STEP = Clause(Atom(1, (0, 1)), (Atom(0, (0,)),), (ALL, A | B))
PROGRAM = Program(
    ((ALL,), (ALL, ALL)),
    (Clause(Atom(0, (0,)), (), (A | B,)), STEP),
    (Goal((Atom(1, (0, 1)),), (C, ALL)),),
)
RELATIONS: Relations = {0: ((A | B,),), 1: ((A | B, A | B),)}


def failures(relations: Relations, program: Program = PROGRAM) -> list[tuple[type, int]]:
    """For each failure on one stage its kind and the clause, goal or predicate; its values are checked."""
    stage = Stage(program, relations)
    report = audit([stage], PLENTY)
    assert_true(stage, report)
    found: list[tuple[type, int]] = []
    for failure in report.failures:
        match failure:
            case NotClosed(_, index, _) | GoalReached(_, index, _) | NotIncluded(_, index, _):
                found.append((type(failure), index))
            case Malformed() | BudgetSpent():
                pytest.fail(f"unexpected {failure}")
    return found


def test_an_inductive_invariant_is_accepted() -> None:
    report = audit([Stage(PROGRAM, RELATIONS)], PLENTY)
    assert report.accepted
    assert report.checks == 3


def test_a_dropped_box_is_found() -> None:
    assert failures({0: RELATIONS[0]}) == [(NotClosed, 1)]


def test_a_missing_fact_is_found() -> None:
    assert failures({**RELATIONS, 0: ((A,),)}) == [(NotClosed, 0)]


def test_a_narrowed_mask_is_found() -> None:
    assert failures({**RELATIONS, 1: ((A | B, A),)}) == [(NotClosed, 1)]


def test_an_enlarged_box_that_meets_the_goal_is_found() -> None:
    assert failures({**RELATIONS, 1: ((ALL, A | B),)}) == [(GoalReached, 0)]


def test_a_stale_forbidden_box_is_found() -> None:
    relations: Relations = {0: ((A,),), 1: ((A, A | B),)}
    filtered = dataclasses.replace(PROGRAM, forbidden={0: ((B,),)})
    assert failures(relations, filtered) == []
    assert failures(relations) == [(NotClosed, 0)]


def test_a_forbidden_box_excuses_only_its_own_points() -> None:
    filtered = dataclasses.replace(PROGRAM, forbidden={1: ((A, ALL),)})
    assert failures({**RELATIONS, 1: ((B, A),)}, filtered) == [(NotClosed, 1)]


def test_a_repeated_head_slot_asks_for_equal_columns_only() -> None:
    program = Program(((ALL, ALL),), (Clause(Atom(0, (0, 0)), (), (A | B,)),))
    assert failures({0: ((A, A), (B, B))}, program) == []
    assert failures({0: ((A, A), (B, A))}, program) == [(NotClosed, 0)]


def test_a_slot_outside_of_the_head_is_free_of_its_columns() -> None:
    """The head repeats slot 1; slot 2 of the body is none of its columns and may have another value."""
    clause = Clause(Atom(0, (0, 1, 1)), (Atom(0, (0, 0, 0)), Atom(0, (2, 0, 0))), (A | B, A | B, A | B))
    program = Program(((ALL, ALL, ALL),), (clause,))
    assert failures({0: ((B, B, B),)}, program) == [(NotClosed, 0)]
    assert failures({0: ((B, A, A), (B, B, B))}, program) == []


@pytest.mark.parametrize(("unique", "accepted"), [(ALL, True), (B | C, False)])
def test_only_unique_values_cannot_differ_from_themselves(unique: int, accepted: bool) -> None:
    goal = Goal((Atom(0, (0,)), Atom(0, (1,))), (ALL, ALL), (Differ(0, 1, unique),))
    program = Program(((ALL,),), (Clause(Atom(0, (0,)), (), (A,)),), (goal,))
    assert (failures({0: ((A,),)}, program) == []) == accepted


def test_two_values_are_too_few_for_three_slots_that_differ() -> None:
    body = (Atom(0, (0,)), Atom(0, (1,)), Atom(0, (2,)))
    apart = (Differ(0, 1, ALL), Differ(1, 2, ALL), Differ(0, 2, ALL))
    program = Program(((ALL,),), (), (Goal(body, (ALL, ALL, ALL), apart),))
    assert failures({0: ((A | B,),)}, program) == []
    assert failures({0: ((ALL,),)}, program) == [(GoalReached, 0)]


def test_many_classes_still_have_one_value_at_a_time() -> None:
    size = 40
    full = (1 << size) - 1
    program = Program(
        ((full,), (full,)),
        tuple(Clause(Atom(1, (0,)), (Atom(0, (0,)),), (1 << value,)) for value in range(3)),
        (Goal((Atom(0, (0,)), Atom(1, (0,))), (full,)),),
    )
    evens = sum(1 << value for value in range(0, size, 2))
    odds = full & ~evens
    assert failures({0: ((evens,),), 1: ((full,),)}, dataclasses.replace(program, goals=())) == []
    assert failures({0: ((evens,),), 1: ((odds | 1,),)}, program) == [(NotClosed, 2), (GoalReached, 0)]
    assert failures({0: ((evens,),), 1: ((odds,),)}, dataclasses.replace(program, clauses=())) == []


def test_a_later_stage_has_to_include_the_earlier() -> None:
    later = dataclasses.replace(PROGRAM, clauses=(STEP,), goals=())
    stages = [Stage(PROGRAM, RELATIONS), Stage(later, {**RELATIONS, 0: ((A,),)})]
    assert audit(stages, PLENTY).failures == (NotIncluded(1, 0, (1,)),)
    assert audit([stages[0], Stage(later, RELATIONS)], PLENTY).accepted


def test_forbidden_boxes_do_not_excuse_a_missing_start_fact() -> None:
    program = Program(((ALL,),), (), forbidden={0: ((ALL,),)})
    report = audit([Stage(program, {0: ((A,),)}, start={0: ((B,),)})], PLENTY)
    assert report.failures == (NotIncluded(0, 0, (1,)),)


def test_a_spent_budget_is_a_failure_and_reproduces() -> None:
    reports = [audit([Stage(PROGRAM, RELATIONS)], 10) for _ in range(2)]
    assert reports[0] == reports[1]
    assert reports[0].failures == (BudgetSpent(0),)


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        (
            Stage(PROGRAM, {7: ((A,),)}),
            "the relations have a predicate 7 that does not exist",
        ),
        (
            Stage(PROGRAM, {0: ((A, A),)}),
            "the relations have a box of predicate 0 that does not fit its columns",
        ),
        (
            Stage(PROGRAM, {0: ((ALL + 1,),)}),
            "the relations have a box of predicate 0 that does not fit its columns",
        ),
        (
            Stage(PROGRAM, RELATIONS, start={0: ((-1,),)}),
            "the start relations have a box of predicate 0 that does not fit its columns",
        ),
        (
            Stage(dataclasses.replace(PROGRAM, forbidden={1: ((A,),)}), RELATIONS),
            "the forbidden boxes have a box of predicate 1 that does not fit its columns",
        ),
        (
            Stage(dataclasses.replace(PROGRAM, clauses=(Clause(Atom(0, (1,)), (), (A,)),)), RELATIONS),
            "clause 0 uses a slot or a predicate that does not exist",
        ),
        (
            Stage(dataclasses.replace(PROGRAM, goals=(Goal((Atom(2, ()),), ()),)), RELATIONS),
            "goal 0 uses a slot or a predicate that does not exist",
        ),
    ],
)
def test_malformed_evidence_is_refused(stage: Stage, reason: str) -> None:
    assert audit([stage], PLENTY) == AuditReport(0, (Malformed(0, reason),), 0)


def test_stages_of_different_predicates_are_refused() -> None:
    other = Stage(Program(((ALL,),), ()), {})
    report = audit([Stage(PROGRAM, RELATIONS), other], PLENTY)
    assert report.failures == (Malformed(1, "its predicates are not those of the stage before"),)


def test_every_box_of_a_body_is_looked_at() -> None:
    program = Program(((ALL, ALL), (ALL,)), (Clause(Atom(1, (0,)), (Atom(0, (0, 1)),), (ALL, ALL)),))
    boxes = ((A, A), (B, B), (C, C))
    assert failures({0: boxes, 1: ((ALL,),)}, program) == []
    for missing in (A, B, C):
        assert failures({0: boxes, 1: ((ALL & ~missing,),)}, program) == [(NotClosed, 0)]


def test_every_start_box_and_every_earlier_box_is_looked_at() -> None:
    program = Program(((ALL, ALL),), ())
    boxes = ((A, A), (B, B), (C, C))
    for missing in range(3):
        kept = Stage(program, {0: boxes[:missing] + boxes[missing + 1 :]})
        started = dataclasses.replace(kept, start={0: boxes})
        assert audit([started], PLENTY).failures == (NotIncluded(0, 0, (missing, missing)),)
        assert audit([Stage(program, {0: boxes}), kept], PLENTY).failures == (NotIncluded(1, 0, (missing, missing)),)


def test_every_box_of_a_goal_is_looked_at() -> None:
    boxes = ((A, A), (B, B), (C, C))
    for value in (A, B, C):
        program = Program(((ALL, ALL),), (), (Goal((Atom(0, (0, 1)),), (value, ALL)),))
        assert failures({0: boxes}, program) == [(GoalReached, 0)]


@pytest.mark.parametrize("blank", [(0,), (ALL, 0), (0, 0)])
def test_a_predicate_that_cannot_hold_excuses_no_other(blank: tuple[int, ...]) -> None:
    """A column without values has no point; what the other predicates miss is found all the same."""
    impossible = Clause(Atom(0, tuple(range(len(blank)))), (), (A,) * len(blank))
    fact, goal = Clause(Atom(1, (0,)), (), (A | B,)), Goal((Atom(1, (0,)),), (B,))
    program = Program((blank, (ALL,)), (impossible, fact))
    assert failures({1: ((A | B,),)}, program) == []
    assert failures({1: ((A,),)}, program) == [(NotClosed, 1)]
    assert failures({1: ((A | B,),)}, dataclasses.replace(program, goals=(goal,))) == [(GoalReached, 0)]
    started = Stage(program, {1: ((A | B,),)}, start={1: ((C,),)})
    assert audit([started], PLENTY).failures == (NotIncluded(0, 1, (2,)),)


def test_a_predicate_that_holds_everywhere_excuses_no_other() -> None:
    """Nothing is outside of a full predicate, or of one without columns that is true."""
    whole, true = Clause(Atom(0, (0,)), (), (ALL,)), Clause(Atom(1, ()), (), ())
    fact = Clause(Atom(2, (0,)), (Atom(1, ()),), (A | B,))
    program = Program(((ALL,), (), (ALL,)), (whole, true, fact))
    relations: Relations = {0: ((ALL,),), 1: ((),)}
    assert failures({**relations, 2: ((A | B,),)}, program) == []
    assert failures({**relations, 2: ((A,),)}, program) == [(NotClosed, 2)]


def test_long_evidence_is_asked_about_in_parts_and_every_part_counts() -> None:
    """A chain of predicates, too long for one question: what is wrong anywhere is found."""
    length, boxes = 60, ((A, A), (B, B), (C, C))
    steps = tuple(
        Clause(Atom(at + 1, (0, 1)), (Atom(at, (0, 1)), Atom(at, (1, 0))), (ALL, ALL)) for at in range(length)
    )
    goal = Goal((Atom(length, (0, 1)),), (A, B))
    program = Program(((ALL, ALL),) * (length + 1), steps, (goal,))
    good = dict.fromkeys(range(length + 1), boxes)
    assert audit([Stage(program, good)], PLENTY) == AuditReport(length + 1, (), ANY)
    for at in (1, length // 2, length):
        assert failures({**good, at: boxes[:2]}, program) == [(NotClosed, at - 1)]
    twice = {**good, 5: boxes[:2], 50: boxes[1:], length: (*boxes, (A, B))}
    assert failures(twice, program) == [(NotClosed, 4), (NotClosed, 49), (GoalReached, 0)]


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (NotClosed(0, 3, (1, 2)), "clause 3 leaves the boxes of stage 0 at (1, 2)"),
        (NotIncluded(1, 3, (1, 2)), "the boxes of stage 1 miss what predicate 3 starts with at (1, 2)"),
        (GoalReached(0, 3, (1, 2)), "goal 3 holds in the boxes of stage 0 at (1, 2)"),
        (Malformed(0, "it has no columns"), "stage 0 is malformed: it has no columns"),
        (BudgetSpent(1), "the budget of the audit ended in stage 1"),
    ],
)
def test_a_failure_reads_as_a_phrase(failure: Failure, text: str) -> None:
    assert str(failure) == text


def test_the_budget_bounds_the_solver_as_well() -> None:
    """Five pigeons in four holes: short to ask, long to refute."""
    holes, full = 4, 0b1111
    apart = tuple(Differ(left, right, full) for left in range(holes + 1) for right in range(left))
    body = tuple(Atom(0, (slot,)) for slot in range(holes + 1))
    program = Program(((full,),), (), (Goal(body, (full,) * (holes + 1), apart),))
    stage = Stage(program, {0: ((full,),)})
    enough = audit([stage], PLENTY)
    assert enough.accepted
    assert audit([stage], enough.spent + 1).accepted
    assert audit([stage], enough.spent // 2) == audit([stage], enough.spent // 2)
    assert audit([stage], enough.spent // 2).failures == (BudgetSpent(0),)


def test_a_slot_has_one_value_among_many_classes() -> None:
    """Each value is a class of its own; the two predicates have no value in common."""
    size = 40
    full = (1 << size) - 1
    evens = tuple((1 << value,) for value in range(0, size, 2))
    odds = tuple((1 << value,) for value in range(1, size, 2))
    goal = Goal((Atom(0, (0,)), Atom(1, (0,))), (full,))
    program = Program(((full,), (full,)), (), (goal,))
    assert failures({0: evens, 1: odds}, program) == []
    assert failures({0: evens, 1: (*odds, evens[-1])}, program) == [(GoalReached, 0)]


def test_a_slot_that_nothing_reads_is_given_a_value_of_its_mask() -> None:
    program = Program(((ALL,),), (), (Goal((Atom(0, (0,)),), (B, B | C)),))
    assert audit([Stage(program, {0: ((ALL,),)})], PLENTY).failures == (GoalReached(0, 0, (1, 1)),)


def test_start_boxes_are_not_taken_for_the_boxes_of_another_predicate() -> None:
    """The start of one predicate and the body of a clause are the same point of the question."""
    steps = (Clause(Atom(0, (0,)), (Atom(1, (0,)),), (ALL,)), Clause(Atom(1, (0,)), (Atom(0, (0,)),), (ALL,)))
    program = Program(((ALL,), (ALL,)), steps)
    stage = Stage(program, {0: ((A | B,),), 1: ((A | B | C,),)}, start={0: ((A,),), 1: ((A,),)})
    assert audit([stage], PLENTY).failures == (NotClosed(0, 0, (2,)),)
