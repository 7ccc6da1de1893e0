from __future__ import annotations

from hypothesis import given, settings

from modelcheck.engine.boxes import Budget, Fixpoint, solve
from modelcheck.engine.derivation import Derivation, Step, explain
from modelcheck.engine.horn import Atom, Box, Clause, Goal, Program
from tests.engine.small_programs import programs, solutions

Drawn = tuple[Program, dict[int, tuple[Box, ...]]]
Stages = list[tuple[Program, Fixpoint]]

A, B, C = 0b001, 0b010, 0b100
ALL = A | B | C


def budget() -> Budget:
    """More work units than any of these programs needs."""
    return Budget(10**6)


def assert_proves(stages: Stages, goal: int, derivation: Derivation) -> None:
    """Nothing; every step follows by its clause from earlier steps, and the goal from the steps it names."""
    known = [(step.predicate, step.values) for step in derivation.steps]
    assert len(set(known)) == len(known)
    for index, step in enumerate(derivation.steps):
        assert all(premise < index for premise in step.premises)
        if step.clause is None:
            assert step.premises == ()
            continue
        clause = stages[step.stage][0].clauses[step.clause]
        premises = {known[premise] for premise in step.premises}
        heads = [
            tuple(found[slot] for slot in clause.head.slots)
            for found in solutions(clause.body, clause.masks, clause.differ, premises)
        ]
        assert step.values in heads
    wanted = stages[-1][0].goals[goal]
    used = {known[premise] for premise in derivation.premises}
    assert derivation.values in set(solutions(wanted.body, wanted.masks, wanted.differ, used))


@settings(deadline=None, max_examples=150)
@given(programs())
def test_exact_fixpoints_always_explain_what_they_reach(drawn: Drawn) -> None:
    """reached and exact => there is a derivation, and it is one."""
    program, start = drawn
    fixpoint = solve(program, start=start, exact=True, budget=budget())
    for goal in fixpoint.reached:
        derivation = explain([(program, fixpoint)], goal, budget())
        assert derivation is not None
        assert_proves([(program, fixpoint)], goal, derivation)


@settings(deadline=None, max_examples=150)
@given(programs())
def test_a_derivation_from_a_cheap_fixpoint_holds_as_well(drawn: Drawn) -> None:
    """cheap and explained => the derivation is one."""
    program, start = drawn
    fixpoint = solve(program, start=start, budget=budget())
    for goal in fixpoint.reached:
        derivation = explain([(program, fixpoint)], goal, budget())
        if derivation is not None:
            assert_proves([(program, fixpoint)], goal, derivation)


@settings(deadline=None, max_examples=100)
@given(programs())
def test_a_later_stage_is_explained_through_the_earlier(drawn: Drawn) -> None:
    """Two stages, the second with more clauses: the steps of both are in the derivation."""
    program, start = drawn
    before = Program(program.columns, program.clauses[::2], (), program.forbidden)
    first = solve(before, start=start, exact=True, budget=budget())
    second = solve(program, start=first.relations, exact=True, budget=budget())
    stages = [(before, first), (program, second)]
    for goal in second.reached:
        derivation = explain(stages, goal, budget())
        assert derivation is not None
        assert_proves(stages, goal, derivation)


def test_steps_are_in_order_and_name_clause_and_premises() -> None:
    program = Program(
        ((ALL,), (ALL,)),
        (
            Clause(Atom(1, (0,)), (Atom(0, (0,)),), (ALL,)),
            Clause(Atom(0, (0,)), (Atom(0, (1,)),), (C, A)),
        ),
        (Goal((Atom(1, (0,)), Atom(0, (1,))), (C, A)),),
    )
    fixpoint = solve(program, start={0: ((A,),)}, budget=budget())
    assert explain([(program, fixpoint)], 0, budget()) == Derivation(
        steps=(Step(0, (0,), 0, None, ()), Step(0, (2,), 0, 1, (0,)), Step(1, (2,), 0, 0, (1,))),
        premises=(2, 0),
        values=(2, 0),
    )


def test_a_short_derivation_is_preferred() -> None:
    """The value is reached in one step by the last clause and in two by the others."""
    long = (
        Clause(Atom(0, (1,)), (Atom(0, (0,)),), (A, B)),
        Clause(Atom(0, (1,)), (Atom(0, (0,)),), (B, C)),
    )
    program = Program(
        ((ALL,),), (*long, Clause(Atom(0, (1,)), (Atom(0, (0,)),), (A, C))), (Goal((Atom(0, (0,)),), (C,)),)
    )
    fixpoint = solve(program, start={0: ((A,),)}, budget=budget())
    derivation = explain([(program, fixpoint)], 0, budget())
    assert derivation is not None
    assert [step.clause for step in derivation.steps] == [None, 2]


def test_an_equality_that_the_cheap_mode_forgot_has_no_derivation() -> None:
    program = Program(((ALL, ALL),), (Clause(Atom(0, (0, 0)), (), (A | B,)),), (Goal((Atom(0, (0, 1)),), (A, B)),))
    cheap = solve(program, budget=budget())
    assert cheap.reached == (0,)
    assert explain([(program, cheap)], 0, budget()) is None
    assert solve(program, exact=True, budget=budget()).reached == ()


def test_a_start_fact_that_the_earlier_stage_only_seems_to_have_has_no_derivation() -> None:
    before = Program(((ALL, ALL),), (Clause(Atom(0, (0, 0)), (), (A | B,)),))
    after = Program(before.columns, (), (Goal((Atom(0, (0, 1)),), (A, B)),))
    first = solve(before, budget=budget())
    second = solve(after, start=first.relations, budget=budget())
    assert second.reached == (0,)
    assert explain([(before, first), (after, second)], 0, budget()) is None


def test_a_fact_comes_from_a_record_that_really_has_it() -> None:
    """The oldest box with the point forgot an equality that excludes it; the next one is a fact."""
    program = Program(
        ((ALL, ALL),),
        (Clause(Atom(0, (0, 0)), (), (A | B,)), Clause(Atom(0, (0, 1)), (), (A | C, B))),
        (Goal((Atom(0, (0, 1)),), (A, B)),),
    )
    derivation = explain([(program, solve(program, budget=budget()))], 0, budget())
    assert derivation == Derivation((Step(0, (0, 1), 0, 1, ()),), (0,), (0, 1))


def test_the_values_of_a_goal_respect_an_equality_that_the_cheap_mode_forgot() -> None:
    program = Program(((ALL, ALL),), (Clause(Atom(0, (0, 0)), (), (A | B,)),), (Goal((Atom(0, (0, 1)),), (A | B, B)),))
    derivation = explain([(program, solve(program, budget=budget()))], 0, budget())
    assert derivation == Derivation((Step(0, (1, 1), 0, 0, ()),), (0,), (1, 1))


def test_the_values_of_a_goal_are_those_found_first() -> None:
    """What the first atom has from the start needs two steps for the second atom, the other value one."""
    program = Program(
        ((ALL,), (ALL,)),
        (
            Clause(Atom(0, (0,)), (Atom(0, (1,)),), (B, A)),
            Clause(Atom(1, (0,)), (Atom(1, (1,)),), (C, B)),
            Clause(Atom(1, (0,)), (Atom(1, (1,)),), (A, C)),
        ),
        (Goal((Atom(0, (0,)), Atom(1, (0,))), (ALL,)),),
    )
    fixpoint = solve(program, start={0: ((A,),), 1: ((B,),)}, budget=budget())
    assert explain([(program, fixpoint)], 0, budget()) == Derivation(
        steps=(Step(0, (0,), 0, None, ()), Step(1, (1,), 0, None, ()), Step(0, (1,), 0, 0, (0,))),
        premises=(2, 1),
        values=(1,),
    )
