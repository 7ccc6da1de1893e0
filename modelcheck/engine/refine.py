"""Refinements of a case that is derivable at first: its repeated columns kept, its inputs fixed one way at a time.

A split covers every run because it comes with a case which says that there are no other inputs; the audit checks that
one like all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from modelcheck.engine.agreement import TooMany, first_column, ground_values, only, outside, states_with
from modelcheck.engine.horn import Box, Goal, Mask
from modelcheck.engine.judged import STAR, Case, Forbids, other_branches
from modelcheck.engine.scene import Scene
from modelcheck.engine.solver import Derived, Solved, Solver
from modelcheck.engine.spotlight import literals, restriction
from modelcheck.engine.steps import session_variable
from modelcheck.machines.held import Stance
from modelcheck.protocol.terms import Var
from modelcheck.protocol.theory import FRESH_SORTS

MOST_INPUTS = 400
"""Ways to fix the judged session's inputs that a refinement tries."""

MOST_PARTNER_INPUTS = 64
"""Ways to fix the inputs of its partners that are tried for each of those."""

Value = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Input:
    """Something that a spotlight receives, and the groups of values that are told apart."""

    label: str
    role: str
    variable: Var
    ways: list[Value]

    def outside(self, scene: Scene, values: Sequence[str]) -> Mask:
        """Return the mask of all other values."""
        return scene.full(self.variable.sort) & ~scene.mask(self.variable.sort, values)


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
        further = _by_partners(smaller, solved, solver)
        if isinstance(further, Derived):
            return further
        done += further
    return done or Derived(exact)


def _by_partners(case: Case, solved: Solved, solver: Solver) -> list[Solved] | Derived:
    """Return the solved cases of the first way to fix the inputs of partners that excludes them all."""
    stuck = solved
    for ways in (_with_spotlights, _one_by_one):
        done: list[Solved] = []
        for smaller in _by_partner_inputs(case, solved, ways):
            done.append(_solved(smaller, solver))
            if done[-1].goal is not None:
                stuck = done[-1]
                break
        else:
            if done:
                return done
    return Derived(stuck)


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


def _by_partner_inputs(case: Case, solved: Solved, ways: Callable[[Scene, str, list[str]], list[Value]]) -> list[Case]:
    """Return a case per way to receive for the spotlights whose values the judged session holds."""
    scene = case.scene
    relations = solved.stages[-1][1].relations
    options: list[_Input] = []
    for label in _sources(case, solved):
        role = scene.by_label[label].role
        for variable in _inputs(scene, role):
            values: dict[str, None] = {}
            for state in states_with(scene, role, variable):
                for box in _boxes_of(scene, relations.get(state, ()), label):
                    mask = box[first_column(scene, state, variable)]
                    values |= dict.fromkeys(scene.values(variable.sort, mask))
            option = _Input(label, role, variable, ways(scene, variable.sort, list(values)))
            # Inputs that are too many to be fixed as well stay open: each split stands on its own.
            if values and prod(len(one.ways) for one in (*options, option)) <= MOST_PARTNER_INPUTS:
                options.append(option)
    if not options:
        return []
    others = [goal for option in options for goal in _other(scene, option)]
    return [*_products(case, options), replace(case, label=f"{case.label}: no other inputs", goals=tuple(others))]


def _one_by_one(_scene: Scene, _sort: str, values: list[str]) -> list[Value]:
    """Return each value as a group of its own."""
    return [(value,) for value in values]


def _with_spotlights(scene: Scene, sort: str, values: list[str]) -> list[Value]:
    """Return a group for each value of a finite sort and each that a spotlight made, and one for all others."""
    if sort not in FRESH_SORTS:
        return _one_by_one(scene, sort, values)
    spotlights = {label for label, session in scene.by_label.items() if session.spotlight}
    alone = [value for value in values if value.partition("@")[2] in spotlights]
    rest = tuple(value for value in values if value not in alone)
    return [*((value,) for value in alone), *([rest] if rest else [])]


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


def _products(case: Case, options: Sequence[_Input]) -> Iterator[Case]:
    """Yield the case with one way for each input."""
    scene = case.scene
    for ways in product(*(option.ways for option in options)):
        forbids = Forbids(case.forbidden)
        for option, values in zip(options, ways, strict=True):
            other = scene.values(option.variable.sort, option.outside(scene, values))
            for state in states_with(scene, option.role, option.variable):
                if other:
                    forbids.add(state, restriction(scene, state, {option.variable: other}, [option.label]))
        yield replace(case, forbidden=forbids.result())


def _other(scene: Scene, option: _Input) -> Iterator[Goal]:
    """Yield the goals "this session has received something else"."""
    machine, variable = scene.machines[option.role], option.variable
    rest = option.outside(scene, [value for way in option.ways for value in way])
    for (name, index), predicate in scene.clauses.state_of.items():
        if name == option.role and variable in scene.clauses.predicates[predicate].variables and rest:
            there = literals(scene.clauses, Stance(machine, index, {}))
            fixed = {session_variable(): scene.mask("session", [option.label]), variable: rest}
            goal = scene.goal(there, (), fixed)
            if goal is not None:
                yield goal
