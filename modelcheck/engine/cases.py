"""Secrecy, aliveness and uniqueness as cases that must not be derivable (docs/explanation/semantics.md)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from modelcheck.engine.clauses import ClauseSet, Condition, Literal
from modelcheck.engine.judged import STAR, Case, Judged, applied
from modelcheck.engine.scene import Scene, Session, summaries
from modelcheck.engine.spotlight import literals, restriction
from modelcheck.engine.steps import session_variable
from modelcheck.machines.held import Held, Stance, tagged
from modelcheck.machines.machine import RoleMachine
from modelcheck.protocol.model import Aliveness, Claim, Identifies, Point, Secrecy
from modelcheck.protocol.terms import NAME, App, Const, Term, Var, renamed, sort_of, substitute, unify
from modelcheck.protocol.theory import DISHONEST

SECOND = "second"
"""The label of the second judged session of a uniqueness claim."""


def secrecy(clauses: ClauseSet, held: Held, claim: Claim, wanted: Secrecy, *, named: bool = False) -> Iterator[Case]:
    """Yield a case per point: the judged session is there and the attacker knows one of the data.

    ``named`` puts under the spotlight which session of each role the judged one got its first value of that role from.
    """
    for point in wanted.points:
        stances = held.holding(point, wanted.data)
        judged = Judged(clauses, held, claim, point, stances, strangers=False)
        for machine in held.machines.values() if named else ():
            judged.add_partners(machine.role.name)
        specs: list[tuple[Stance, list[Literal]]] = []
        for datum in wanted.data:
            terms = [(stance, term) for stance in judged.stances for term in held.at(stance, datum)]
            specs += [(stance, list(clauses.knows(term))) for stance, term in terms]
        scene, later = judged.scene()
        placed = [(stance, goal) for stance, known in specs for goal in judged.goals(scene, stance, known)]
        forbidden = judged.base_forbids(scene).result()
        stars = tuple((STAR, stance) for stance, _ in placed)
        yield Case(f"{point}", scene, tuple(goal for _, goal in placed), forbidden, later, stars, split=True)


def reachable(clauses: ClauseSet, held: Held, claim: Claim, point: Point) -> Case:
    """Return the case whose goals say that the judged session gets to its point and its premise holds there."""
    stances = held.stances(point)
    judged = Judged(clauses, held, claim, point, stances, strangers=False)
    scene, later = judged.scene()
    goals = tuple(goal for stance in judged.stances for goal in judged.goals(scene, stance))
    return Case(
        f"{point}", scene, goals, judged.base_forbids(scene).result(), later, tuple((STAR, s) for s in judged.stances)
    )


def aliveness(clauses: ClauseSet, held: Held, claim: Claim, wanted: Aliveness) -> Iterator[Case]:
    """Yield the case: the judged session gets there although no session of that role and name ever did anything."""
    stances = held.stances(wanted.left)
    judged = Judged(clauses, held, claim, wanted.left, stances, strangers=True)
    scene, later = judged.scene()
    forbids = judged.base_forbids(scene)
    other = held.machines[wanted.role]
    same = [v for v in other.role.own if v in judged.names]
    labels = [s.label for s in scene.sessions if s.role == wanted.role and s.label != STAR and all(
        scene.leaf_of(s, v) == judged.names[v] for v in same)]  # fmt: skip
    for (role, _), predicate in clauses.state_of.items():
        if role == wanted.role:
            forbids.add(predicate, restriction(scene, predicate, {}, labels))
    goals = [goal for stance in judged.stances for goal in judged.goals(scene, stance)]
    yield Case(f"{wanted.left}", scene, tuple(goals), forbids.result(), later, tuple((STAR, s) for s in judged.stances))


# ------------------------------------------------------------------------------------------------ uniqueness


def identifies(clauses: ClauseSet, held: Held, claim: Claim, wanted: Identifies) -> Iterator[Case]:
    """Yield a case per pair of sessions under the spotlight that hold the same tag and differ elsewhere."""
    machines = [machine for machine in held.tagged_machines(wanted.tag) if tagged(held, machine, wanted.tag)]
    for index, first in enumerate(machines):
        for second in machines[index:]:
            yield from _pairs(clauses, held, claim, wanted, first, second)


def _namings(machine: RoleMachine, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield names for a session: its own honest, nobody talking to itself."""
    for chosen in product(names, repeat=len(machine.role.parameters)):
        own = dict(zip(machine.role.parameters, chosen, strict=True))
        honest = all(own[v] != DISHONEST for v in machine.role.own)
        if honest and len(set(chosen)) == len(chosen):
            yield chosen


def _first_occurrence(chosen: tuple[str, ...], letters: tuple[str, ...]) -> bool:
    """Return whether honest names appear in alphabetical order, which is no restriction for the first session."""
    seen = list(dict.fromkeys(name for name in chosen if name != DISHONEST))
    return seen == list(letters[: len(seen)])


def _pairs(
    clauses: ClauseSet, held: Held, claim: Claim, wanted: Identifies, first: RoleMachine, second: RoleMachine
) -> Iterator[Case]:
    letters = ("A", "B", "C", "D", "E", "F")[: len(first.role.parameters) + len(second.role.parameters)]
    tests = [
        test for one in tagged(held, first, wanted.tag) for two in tagged(held, second, wanted.tag)
        for test in _tests(clauses, held, wanted, one, two, same_role=first is second)
    ]  # fmt: skip
    if not tests:
        yield _trivial(clauses, f"{first.role.name} and {second.role.name}")
        return
    for mine in _namings(first, (*letters, DISHONEST)):
        if not _first_occurrence(mine, letters):
            continue
        for theirs in _namings(second, (*letters, DISHONEST)):
            if _first_occurrence((*mine, *theirs), letters):
                yield from _pair(clauses, held, claim, first, second, mine, theirs, tests)


def _trivial(clauses: ClauseSet, label: str) -> Case:
    """Return a case without goals: equal tags leave no datum that could differ."""
    scene = Scene(clauses, ("A",), frozenset(), summaries(clauses, ("A",)))
    return Case(f"{label}: the tag fixes everything else", scene, (), {}, (), ())


_Test = tuple[Stance, Stance, list[Literal], tuple[Condition, ...]]


def _tests(
    clauses: ClauseSet, held: Held, wanted: Identifies, one: Stance, two: Stance, *, same_role: bool
) -> Iterator[_Test]:
    """Yield what two sessions with equal tags must not have: another value somewhere, or the same role."""
    for tag in held.at(one, wanted.tag):
        for other in held.at(two, wanted.tag):
            for mapping in unify(tag, renamed(other, "'")):
                body = [*literals(clauses, one), *literals(clauses, two, "'")]
                both = applied(body, mapping)
                if wanted.channel and same_role:
                    yield one, two, both, ()
                    continue
                for left, right in _compared(held, wanted, one, two):
                    other_side = substitute(renamed(right, "'"), mapping)
                    for conditions in differences(substitute(left, mapping), other_side):
                        yield one, two, both, conditions


def _compared(held: Held, wanted: Identifies, one: Stance, two: Stance) -> Iterator[tuple[Term, Term]]:
    if not wanted.channel:
        for datum in wanted.data:
            yield from product(held.at(one, datum), held.at(two, datum))
        return
    known: dict[Term, None] = {}
    for view in one.views.values():
        known |= dict.fromkeys(honest for honest in view.known if isinstance(honest, Var))
    for honest in known:
        ours = {own for view in one.views.values() if (own := view.of(honest)) is not None}
        others = {own for view in two.views.values() if (own := view.of(honest)) is not None}
        yield from product(sorted(ours, key=repr), sorted(others, key=repr))


def differences(left: Term, right: Term) -> Iterator[tuple[Condition, ...]]:
    """Yield each way in which two terms may differ, as conditions on leaves; none if their shapes differ for certain."""
    if left is right:
        return
    if sort_of(left) is not None and sort_of(left) == sort_of(right):
        if isinstance(left, Const) and isinstance(right, Const):
            yield ()
        else:
            yield (Condition("differ", left, right),)
    elif isinstance(left, App) and isinstance(right, App) and left.function == right.function \
            and len(left.arguments) == len(right.arguments):  # fmt: skip
        for a, b in zip(left.arguments, right.arguments, strict=True):
            yield from differences(a, b)
    else:
        yield ()


def _pair(
    clauses: ClauseSet, held: Held, claim: Claim, first: RoleMachine, second: RoleMachine,
    mine: tuple[str, ...], theirs: tuple[str, ...], tests: list[_Test],
) -> Iterator[Case]:  # fmt: skip
    stances = tuple(dict.fromkeys(one for one, *_ in tests))
    judged = Judged(clauses, held, claim, Point(first.role.name, "accepts"), stances, strangers=True)
    judged.names = dict(zip(first.role.parameters, mine, strict=True))
    used = tuple(dict.fromkeys(n for n in (*mine, *theirs) if n != DISHONEST))
    judged.honest = (*used, "other")
    judged.star = Session(STAR, first.role.name, mine, True)
    scene, later = judged.scene([Session(SECOND, second.role.name, theirs, True)])
    goals = []
    for one, _two, body, conditions in tests:
        fixed = judged.fixed(scene, one)
        if fixed is None:
            continue
        fixed = {k: m for k, m in fixed.items() if k.sort != NAME}
        fixed[session_variable("'")] = scene.mask("session", [SECOND])
        goal = scene.goal(body, conditions, fixed)
        if goal is not None:
            goals.append(goal)
    label = f"{first.role.name}({','.join(mine)}) and {second.role.name}({','.join(theirs)})"
    stars = tuple((STAR, one) for one in stances)
    yield Case(label, scene, tuple(goals), judged.base_forbids(scene).result(), later, stars)
