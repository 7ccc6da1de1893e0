"""Refinements of a case that is derivable at first: its repeated columns kept, its inputs fixed one way at a time.

A split covers every run because it comes with a case which says that there are no other inputs; the audit checks that
one like all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod

from modelcheck.engine.agreement import TooMany, first_column, ground_values, only, outside, states_with
from modelcheck.engine.horn import Box, Goal
from modelcheck.engine.judged import STAR, Case, Forbids, other_branches
from modelcheck.engine.scene import Scene
from modelcheck.engine.solver import Derived, Solved, Solver
from modelcheck.engine.spotlight import literals
from modelcheck.engine.steps import session_variable
from modelcheck.machines.held import Stance
from modelcheck.protocol.terms import Var
from modelcheck.protocol.theory import FRESH_SORTS

MOST_INPUTS = 400
"""Ways to fix the judged session's inputs that a refinement tries."""

MOST_PARTNER_INPUTS = 64
"""Ways to fix the inputs of its partners that are tried for each of those."""

Value = tuple[str, ...]


def refined(case: Case, solver: Solver) -> list[Solved] | Derived:
    """Return the solved cases into which a derivable one is split, or a case that stays derivable.

    First repeated columns are kept; then the judged session's inputs are fixed, then those of its partners as well.
    """
    exact = solver.solve(case, exact=True)
    if exact.goal is None:
        return [exact]
    done: list[Solved] = []
    for smaller in _by_inputs(case, exact) if case.split else [case]:
        solved = _solved(smaller, solver)
        if solved.goal is None:
            done.append(solved)
            continue
        further = [_solved(one, solver) for one in _by_partner_inputs(smaller, solved)]
        stuck = next((one for one in further if one.goal is not None), None)
        if stuck is not None or not further:
            return Derived(stuck or solved)
        done += further
    return done or Derived(exact)


def _solved(case: Case, solver: Solver) -> Solved:
    solved = solver.solve(case)
    return solver.solve(case, exact=True) if solved.goal is not None else solved


def _by_inputs(case: Case, solved: Solved) -> list[Case]:
    """Return a case per goal and ground value of the judged session's inputs, and one that says that these are all."""
    scene, relations = case.scene, solved.stages[-1][1].relations
    smaller: list[Case] = []
    others: list[Goal] = []
    for (label, stance), goal in zip(case.stars, case.goals, strict=True):
        inputs = [v for v in stance.received() if v.sort not in scene.clauses.components]
        predicate = scene.clauses.state_of[stance.role, stance.state]
        try:
            points = sorted(
                ground_values(scene, predicate, _boxes_of(scene, relations.get(predicate, ()), label), inputs)
            )
        except TooMany:
            return []
        if len(points) > MOST_INPUTS:
            return []
        others += _elsewhere(scene, predicate, goal, inputs, points)
        for point in points:
            forbids = Forbids(case.forbidden)
            other_branches(scene, forbids, label, stance)
            for variable, value in zip(inputs, point, strict=True):
                for state in states_with(scene, stance.role, variable):
                    only(scene, forbids, state, variable, value)
            smaller.append(replace(case, goals=(goal,), stars=((label, stance),), forbidden=forbids.result()))
    return [*smaller, replace(case, label=f"{case.label}: no other inputs", goals=tuple(others))]


def _boxes_of(scene: Scene, boxes: Sequence[Box], label: str) -> tuple[Box, ...]:
    mask = scene.mask("session", [label])
    return tuple(box for box in boxes if box[0] & mask)


def _elsewhere(
    scene: Scene, predicate: int, goal: Goal, inputs: Sequence[Var], points: Sequence[tuple[Value, ...]]
) -> Iterator[Goal]:
    """Yield the goal for every input that is not among the points."""
    columns = [first_column(scene, predicate, variable) for variable in inputs]
    words = [tuple(word for value in point for word in value) for point in points]
    for rest in outside(scene, [variable.sort for variable in inputs], words):
        masks = list(goal.masks)
        for column, mask in zip(columns, rest, strict=True):
            masks[goal.body[0].slots[column]] &= mask
        if all(masks):
            yield replace(goal, masks=tuple(masks))


def _by_partner_inputs(case: Case, solved: Solved) -> list[Case]:
    """Return a case per ground value of what the spotlights whose values the judged session holds received themselves."""
    scene = case.scene
    relations = solved.stages[-1][1].relations
    options: list[tuple[str, str, Var, list[str]]] = []
    for label in _sources(case, solved):
        role = scene.by_label[label].role
        for variable in _inputs(scene, role):
            values: dict[str, None] = {}
            for state in states_with(scene, role, variable):
                for box in _boxes_of(scene, relations.get(state, ()), label):
                    mask = box[first_column(scene, state, variable)]
                    values |= dict.fromkeys(scene.values(variable.sort, mask))
            if values:
                options.append((label, role, variable, list(values)))
    if prod(len(values) for *_, values in options) > MOST_PARTNER_INPUTS:
        options = [one for one in options if one[2].sort not in FRESH_SORTS]
    if not options or prod(len(values) for *_, values in options) > MOST_PARTNER_INPUTS:
        return []
    others = [
        goal for label, role, variable, values in options for goal in _other(scene, label, role, variable, values)
    ]
    return [*_products(case, options), replace(case, label=f"{case.label}: no other inputs", goals=tuple(others))]


def _sources(case: Case, solved: Solved) -> Iterator[str]:
    """Yield the spotlights whose values the judged session has received in this case."""
    scene = case.scene
    if not case.stars:
        return
    (label, stance), *_ = case.stars
    predicate = scene.clauses.state_of[stance.role, stance.state]
    found: dict[str, None] = {}
    for box in _boxes_of(scene, solved.stages[-1][1].relations.get(predicate, ()), label):
        for variable in stance.received():
            if variable.sort in scene.clauses.components:
                continue
            for value in scene.values(variable.sort, box[first_column(scene, predicate, variable)]):
                maker = value.partition("@")[2]
                if maker in scene.by_label and scene.by_label[maker].spotlight and maker != STAR:
                    found[maker] = None
    yield from found


def _inputs(scene: Scene, role: str) -> list[Var]:
    states = [predicate for (name, _), predicate in scene.clauses.state_of.items() if name == role]
    variables = dict.fromkeys(v for state in states for v in scene.clauses.predicates[state].variables)
    return [variable for variable in variables if variable.sort not in scene.clauses.components]


def _products(case: Case, options: Sequence[tuple[str, str, Var, list[str]]]) -> Iterator[Case]:
    """Yield the case with one value for each input."""
    points: list[list[str]] = [[]]
    for *_, values in options:
        points = [[*point, value] for point in points for value in values]
    for point in points:
        forbids = Forbids(case.forbidden)
        for (label, role, variable, _), value in zip(options, point, strict=True):
            for state in states_with(case.scene, role, variable):
                only(case.scene, forbids, state, variable, (value,), label)
        yield replace(case, forbidden=forbids.result())


def _other(scene: Scene, label: str, role: str, variable: Var, values: Sequence[str]) -> Iterator[Goal]:
    """Yield the goals "this session has received something else"."""
    machine = scene.machines[role]
    rest = scene.full(variable.sort) & ~scene.mask(variable.sort, values)
    for (name, index), predicate in scene.clauses.state_of.items():
        if name == role and variable in scene.clauses.predicates[predicate].variables and rest:
            there = literals(scene.clauses, Stance(machine, index, {}))
            fixed = {session_variable(): scene.mask("session", [label]), variable: rest}
            goal = scene.goal(there, (), fixed)
            if goal is not None:
                yield goal
