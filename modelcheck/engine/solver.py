"""Solving cases: one fixpoint for each stretch of time, shared by cases that differ in their goals only."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelcheck.engine.boxes import Budget, Fixpoint, reached_goals, solve
from modelcheck.engine.clauses import Rule
from modelcheck.engine.horn import Box, Program
from modelcheck.engine.judged import Case, Forbids

Stages = tuple[tuple[Program, Fixpoint], ...]


@dataclass(frozen=True, slots=True)
class Solved:
    """A case with the fixpoint of each of its stages, and the goal that is reached, if any."""

    case: Case
    stages: Stages
    goal: int | None


@dataclass(frozen=True, slots=True)
class Derived:
    """A case that stays derivable."""

    solved: Solved


class Solver:
    """Solves cases within one budget; cases that differ in their goals only share their fixpoints."""

    def __init__(self, budget: Budget) -> None:
        """Take the budget that all cases share."""
        self.budget = budget
        self._known: dict[tuple[object, ...], tuple[Case, Stages]] = {}

    def solve(self, case: Case, *, exact: bool = False) -> Solved:
        """Return a case solved: one fixpoint, and one more for each stretch of later leaks."""
        forbidden = tuple(sorted(case.forbidden.items()))
        key = (id(case.scene), forbidden, tuple(label for label, _ in case.stars) if case.later else (), exact)
        if key not in self._known:
            self._known[key] = (case, self._stages(case, exact=exact))
        stages = self._known[key][1]
        program, fixpoint = stages[-1]
        known = len(program.columns)
        if any(atom.predicate >= known for goal in case.goals for atom in goal.body):
            # The goal speaks of a relation that came later: without its facts the goal would seem impossible.
            stages = self._stages(case, exact=exact)
            self._known[key] = (case, stages)
            program, fixpoint = stages[-1]
        if program.goals != case.goals:
            relations = fixpoint.relations
            reached = reached_goals(relations, case.goals, self.budget)
            program, fixpoint = replace(program, goals=case.goals), replace(fixpoint, reached=reached)
            stages = (*stages[:-1], (program, fixpoint))
        return Solved(case, stages, fixpoint.reached[0] if fixpoint.reached else None)

    def reaches(self, case: Case) -> Solved:
        """Return a case solved no further than to its first goals: a derivation, and no invariant."""
        stages = self._stages(case, exact=False, eager=True)
        reached = stages[-1][1].reached
        return Solved(case, stages, reached[0] if reached else None)

    def relations(self, case: Case) -> dict[int, tuple[Box, ...]]:
        """Return the relations of a case in its last stage."""
        return self.solve(case).stages[-1][1].relations

    def _stages(self, case: Case, *, exact: bool, eager: bool = False) -> Stages:
        scene = case.scene
        forbids = Forbids(case.forbidden)
        timed = bool(case.later) and any(stretch.made for stretch in case.later)
        program = scene.program(case.goals if timed or not case.later else (), forbids.result())
        first = solve(program, exact=exact, budget=self.budget, compiled=scene.compiled, eager=eager and not case.later)
        stages = [(program, first)]
        rules: list[Rule] = []
        stars = [label for label, _ in case.stars]
        for number, stretch in enumerate(case.later, 1):
            rules += stretch.rules
            for predicate in stretch.over:
                full = [scene.full(sort) for sort in scene.clauses.predicates[predicate].columns]
                forbids.add(predicate, (scene.mask("session", stars), *full[1:]))
            goals = case.goals if timed or number == len(case.later) else ()
            program = scene.program(goals, forbids.result(), rules, stretch.made, stars)
            fixpoint = solve(
                program, start=stages[-1][1].relations, exact=exact, budget=self.budget, compiled=scene.compiled,
                eager=eager and number == len(case.later),
            )  # fmt: skip
            stages.append((program, fixpoint))
        return tuple(stages)
