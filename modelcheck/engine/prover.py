"""From a claim to a verdict: its cases are solved, refined where needed, and the invariants audited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from modelcheck.engine.agreement import AgreementCases
from modelcheck.engine.attacker import build
from modelcheck.engine.boxes import Budget
from modelcheck.engine.cases import aliveness, identifies, reachable, secrecy
from modelcheck.engine.clauses import ClauseSet
from modelcheck.engine.judged import Case, Unsupported
from modelcheck.engine.refine import refined
from modelcheck.engine.solver import Derived, Solved, Solver
from modelcheck.machines.held import Held, Stance
from modelcheck.machines.machine import RoleMachine, fresh_values
from modelcheck.protocol.model import (
    Agreement,
    Aliveness,
    Claim,
    Datum,
    Dishonest,
    Identifies,
    Point,
    Protocol,
    Reachable,
    Secrecy,
    UncheckedPossession,
    Weak,
)

if TYPE_CHECKING:
    from modelcheck.engine.bibench import Tested
    from modelcheck.engine.query import Query


@dataclass(frozen=True, slots=True)
class Proof:
    """All cases of a claim are excluded; their fixpoints are the invariant."""

    solved: tuple[Solved, ...]
    turned: str = ""
    """What would have to leak as well for the claim to fail, as far as that was tried."""


@dataclass(slots=True)
class System:
    """A protocol with everything beside it, projected, and its clauses for each set of weak primitives."""

    protocol: Protocol
    machines: tuple[RoleMachine, ...]
    reached: dict[tuple[object, ...], bool] = field(default_factory=dict)
    """Which points some session reaches with which premise, as far as it was asked."""
    queries: dict[tuple[object, ...], Query] = field(default_factory=dict)
    """The encodings of scenarios for groups of claims, as far as they were made."""
    tested: dict[tuple[object, ...], Tested] = field(default_factory=dict)
    """What tells two systems apart that differ in a value of a sort, to an attacker who only reads and to one who sends."""
    _clauses: dict[tuple[object, ...], ClauseSet] = field(default_factory=dict)

    @staticmethod
    def clause_key(claim: Claim) -> tuple[tuple[Weak, ...], tuple[str, ...], bool]:
        """Return what the clauses for a claim depend on: weak primitives, families without possession, passivity."""
        weak = tuple(power for power in claim.powers if isinstance(power, Weak))
        return weak, tuple(p.family for p in claim.powers if isinstance(p, UncheckedPossession)), claim.passive

    def clauses(self, claim: Claim) -> ClauseSet:
        """Return a set of clauses for a claim, its weak primitives built in, free to be added to."""
        key = weak, possession, passive = self.clause_key(claim)
        if key not in self._clauses:
            self._clauses[key] = build(
                self.machines, self.protocol.key_families(), self.protocol.finite_sorts(), weak, possession,
                {protocol.name: protocol.paths for protocol in self.protocol.with_beside()}, passive=passive,
            )  # fmt: skip
        return self._clauses[key].copy()

    def held(self, clauses: ClauseSet) -> Held:
        """Return what claims can ask about the protocol's roles, as these clauses have them."""
        return Held(self.protocol, clauses.machines)


def judged_points(claim: Claim) -> tuple[Point, ...]:
    """Return the points at which a claim judges a session."""
    match claim.property:
        case Secrecy(_, points):
            return points
        case Agreement(left) | Aliveness(left):
            return (left,)
        case _:
            return ()


def prove(system: System, claim: Claim, budget: Budget) -> Proof | Derived:
    """Return a proof of a claim, or a derivation that no refinement removes.

    Raises BudgetExceeded, :class:`Unsupported` or :class:`TooMany` if there is neither.
    """
    solver = Solver(budget)
    match claim.property:
        case Agreement(injective=True):
            return _injective(system, claim, claim.property, solver)
        case Agreement():
            clauses = system.clauses(claim)
            cases = AgreementCases(clauses, system.held(clauses), claim, claim.property)
            return _exclude(cases.cases(solver.relations), solver)
        case _:
            result = _exclude(_cases(system, claim), solver)
            if isinstance(result, Derived) and isinstance(claim.property, Secrecy):
                again = _exclude(_cases(system, claim, named=True), solver)
                return again if isinstance(again, Proof) else result
            return result


def _cases(system: System, claim: Claim, *, named: bool = False) -> Iterator[Case]:
    """Yield the cases; ``named`` puts the makers of what the judged session received under the spotlight."""
    clauses = system.clauses(claim)
    held = system.held(clauses)
    match claim.property:
        case Secrecy():
            yield from secrecy(clauses, held, claim, claim.property, named=named)
        case Aliveness():
            yield from aliveness(clauses, held, claim, claim.property)
        case Identifies():
            yield from identifies(clauses, held, claim, claim.property)
        case Reachable() | Agreement():
            raise Unsupported("this property has no cases")
        case _:
            raise Unsupported(claim.kind)


def _exclude(cases: Iterable[Case], solver: Solver) -> Proof | Derived:
    """Solve cases, each refined if it is derivable at first."""
    done: list[Solved] = []
    for case in cases:
        solved = solver.solve(case)
        if solved.goal is None:
            done.append(solved)
            continue
        found = refined(case, solver)
        if isinstance(found, Derived):
            return found
        done += found
    return Proof(tuple(done))


def reaches_point(system: System, claim: Claim, budget: Budget) -> bool:
    """Return whether some session gets to the claim's point with its premise true; False makes the claim vacuous.

    The attacker has no special powers here: what takes a leak to get there would say nothing about the protocol. The names
    that the judged session holds are honest, or those that the claim calls dishonest are not; either will do, as keeping
    dishonest parties from getting that far is what some protocols are for.
    """
    dishonest = tuple(power for power in claim.powers if isinstance(power, Dishonest))
    return any(_reaches(system, replace(claim, powers=powers), budget) for powers in dict.fromkeys(((), dishonest)))


def _reaches(system: System, claim: Claim, budget: Budget) -> bool:
    points = judged_points(claim)
    key = (points, claim.premise, claim.powers, claim.passive)
    if key not in system.reached:
        clauses = system.clauses(claim)
        held = system.held(clauses)
        solver = Solver(budget)
        system.reached[key] = all(
            solver.reaches(reachable(clauses, held, claim, point)).goal is not None for point in points
        )
    return system.reached[key]


def idle_protocol(system: System) -> str | None:
    """Return a protocol of the system whose honest partners cannot follow any path to its end, None if all can."""
    parts = [part for part in system.protocol.with_beside() if part.paths]
    return next((part.name for part in parts if not honest_paths(system, part)), None)


def honest_paths(system: System, protocol: Protocol) -> list[int]:
    """Return the paths of a protocol that honest partners can follow together to the end."""
    blocked = frozenset[int]().union(*(m.blocked for m in system.machines if m.protocol == protocol.name))
    return [index for index, path in enumerate(protocol.paths) if path.possible and index not in blocked]


def paths_to(system: System, point: Point) -> list[int]:
    """Return the paths that honest partners can follow together to a point."""
    machine = next(m for m in system.machines if m.role.name == point.role)
    protocol = next(part for part in system.protocol.with_beside() if part.name == machine.protocol)
    states = machine.at(point.kind, point.name)
    return [path for path in honest_paths(system, protocol) if any(path in machine.states[s].views for s in states)]


def _injective(system: System, claim: Claim, wanted: Agreement, solver: Solver) -> Proof | Derived:
    """Agreement, and one of three tests that no two sessions share a run (docs/explanation/semantics.md)."""
    clauses = system.clauses(claim)
    cases = AgreementCases(clauses, system.held(clauses), claim, wanted)
    first = _exclude(cases.cases(solver.relations), solver)
    if isinstance(first, Derived):
        return first
    twice = _exclude(cases.twice(solver.relations), solver)
    if isinstance(twice, Proof):
        return Proof((*first.solved, *twice.solved))
    witness = _by_witness(system, claim, wanted, solver)
    return Proof((*first.solved, *witness.solved)) if witness is not None else twice


def _by_witness(system: System, claim: Claim, wanted: Agreement, solver: Solver) -> Proof | None:
    """Agreement on a fresh value of the committing session as well makes different commits have different runs."""
    held = system.held(system.clauses(claim))
    for name in _fresh_names(held, wanted.left.role):
        if not _on_every_path(held, wanted, Datum("value", name)):
            continue
        wider = replace(wanted, data=(*wanted.data, Datum("value", name)), injective=False)
        for runs in _later_runs(held, wanted, name):
            clauses = system.clauses(claim)
            cases = AgreementCases(clauses, system.held(clauses), claim, wider, runs)
            result = _exclude(cases.cases(solver.relations), solver)
            if isinstance(result, Proof):
                return result
    return None


def _on_every_path(held: Held, wanted: Agreement, witness: Datum) -> bool:
    """Return whether the committing role holds the witness on each path on which it commits to the data."""
    ways = [
        Stance(s.machine, s.state, {path: view}) for s in held.stances(wanted.left) for path, view in s.views.items()
    ]
    return all(held.tuples(way, (*wanted.data, witness)) for way in ways if held.tuples(way, wanted.data))


def _fresh_names(held: Held, role: str) -> list[str]:
    return [variable.name for variable in fresh_values(held.machines[role])]


def _later_runs(held: Held, wanted: Agreement, name: str) -> Iterator[tuple[Stance, ...]]:
    """Yield where the running session holds the witness: at the run itself, else as soon as it does after it."""
    runs = held.runs(wanted)
    yield runs
    later = held.first_after(runs, (Datum("value", name),))
    if later and [stance.state for stance in later] != [stance.state for stance in runs]:
        yield later
