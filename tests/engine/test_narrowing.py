"""Narrowed goals are reached exactly if the goals are."""

from __future__ import annotations

from random import Random

from modelcheck.engine.boxes import Budget, matches, reached_goals
from modelcheck.engine.horn import Atom, Box, Differ, Goal
from modelcheck.engine.narrowing import Narrowing


def random_goal(random: Random) -> Goal:
    slots = random.randint(1, 5)
    body = tuple(Atom(p, tuple(random.randrange(slots) for _ in range(p + 1))) for p in random.choices(range(4), k=2))
    differ = tuple(Differ(random.randrange(slots), random.randrange(slots), 7) for _ in range(random.choice([0, 0, 1])))
    return Goal(body, tuple(random.choice([7, 7, 3, 4]) for _ in range(slots)), differ)


def test_a_narrowed_goal_is_reached_exactly_if_the_goal_is() -> None:
    seen = {True: 0, False: 0}
    smaller = 0
    for seed in range(400):
        random = Random(seed)
        relations: dict[int, tuple[Box, ...]] = {
            p: tuple(tuple(random.randint(1, 7) for _ in range(p + 1)) for _ in range(random.choice([0, 1, 2])))
            for p in range(4)
        }
        goals = tuple(random_goal(random) for _ in range(4))
        reached = reached_goals(relations, goals, Budget(10**9))
        for index, goal in enumerate(goals):
            known = next(matches(relations, goal), None) is not None
            assert known is (index in reached), (relations, goal)
            seen[known] += 1
            smaller += len(Narrowing(relations).of(goal)[1].body[0].slots) < len(goal.body[0].slots)
    assert min(*seen.values(), smaller) > 200
