"""The session whose message is held against a guess, under the spotlight.

Each test of a message is made of what one session sent. Calling that session the tested one loses no run, whatever its
role and names are; the sessions from which it has its values are its partners, and the inputs of all of them are fixed
one way at a time like those of any judged session (:mod:`modelcheck.engine.refine`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from modelcheck.engine.clauses import Condition, Literal
from modelcheck.engine.judged import STAR, Case, Judged
from modelcheck.engine.refine import refined
from modelcheck.engine.scene import Session
from modelcheck.engine.solver import Derived, Solved, Solver
from modelcheck.engine.steps import session_variable
from modelcheck.machines.held import Stance
from modelcheck.machines.machine import RoleMachine
from modelcheck.protocol.model import Leak, Point
from modelcheck.protocol.theory import DISHONEST

Bodies = Sequence[tuple[tuple[Literal, ...], tuple[Condition, ...]]]


class Tested(Judged):
    """A session of any role under any names; the names of the claim stay those of the claim."""

    def __init__(self, claimed: Judged, stance: Stance, names: Sequence[str]) -> None:
        """Take what the claim judges, where the tested session is, and its names."""
        point = Point(stance.role, "accepts")
        super().__init__(claimed.clauses, claimed.held, claimed.claim, point, [stance], strangers=False)
        self._claimed = claimed.by_name()
        self.names = dict(zip(stance.machine.role.parameters, names, strict=True))
        self.honest = claimed.honest
        self.star = Session(STAR, stance.role, tuple(names), True)
        for machine in self.held.machines.values():
            self.add_partners(machine.role.name)

    def partner_classes(self, role: str) -> tuple[Session, ...]:
        """Return one session class per choice of names for a partner of ``role``: it may mean somebody else."""
        return tuple(
            Session(f"partner {role}({','.join(names)})", role, names, True)
            for names in _namings(self.held.machines[role], self.honest)
        )

    def by_name(self) -> dict[str, str]:
        """Return the value of each name that the claim speaks of."""
        return self._claimed


def can_be_told_apart(claimed: Judged) -> bool:
    """Return whether the claim's attacker does not depend on which session is judged."""
    return all(
        isinstance(power, Leak) and power.after is None and all(datum.kind == "key" for datum in power.data)
        for power in claimed.claim.powers
    )


def excluded(claimed: Judged, stance: Stance, bodies: Bodies, words: str, solver: Solver) -> list[Solved] | None:
    """Return solved cases that together exclude that a message of a role, sent by then, can be tested; None if one is left.

    ``bodies`` say what each test takes, first that the session is there.
    """
    done: list[Solved] = []
    for names in _namings(stance.machine, claimed.honest):
        tested = Tested(claimed, stance, names)
        scene, later = tested.scene()
        fixed = {session_variable(): scene.mask("session", [STAR])}
        found = [scene.goal(body, conditions, fixed) for body, conditions in bodies]
        goals = tuple(dict.fromkeys(goal for goal in found if goal is not None))
        case = Case(
            f"no test of {stance.role}({','.join(names)})", scene, goals, tested.base_forbids(scene).result(), later,
            ((STAR, stance),) * len(goals), split=True, words=(words,) * len(goals),
        )  # fmt: skip
        solved = solver.solve(case)
        smaller = [solved] if solved.goal is None else refined(case, solver)
        if isinstance(smaller, Derived):
            return None
        done += smaller
    return done


def _namings(machine: RoleMachine, honest: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the names that a session of an honest party can have."""
    choices = [honest if name in machine.role.own else (*honest, DISHONEST) for name in machine.role.parameters]
    return product(*choices)
