"""Indistinguishability: two systems that differ in one name or pick of the judged session, for any number of sessions.

Both systems take the same steps; a difference is something that succeeds on one side only (see
:mod:`modelcheck.engine.observations`). If none is reachable, no observer tells the systems apart: they are equivalent in
the sense of Blanchet, Abadi and Fournet (2008), for one judged session, hence by a hybrid argument for any number.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelcheck.engine.bibench import Bench, Leaking, Others, Shown
from modelcheck.engine.boxes import Budget
from modelcheck.engine.derivation import Derivation, explain
from modelcheck.engine.judged import Case, Unsupported
from modelcheck.engine.observations import LARGEST
from modelcheck.engine.prover import Proof, System
from modelcheck.engine.solver import Solved, Solver
from modelcheck.protocol.model import (
    Claim,
    Observational,
)
from modelcheck.verdict import Vacuous

TRIED = 3
"""Reached goals of one case of which a derivation is looked for."""


def decide(system: System, claim: Claim, wanted: Observational, budget: Budget, *, vacuity: bool) -> (
    Proof | Shown | Vacuous
):  # fmt: skip
    """Return a proof that nothing tells the two sides apart, a derivation of a difference, or why the claim is empty.

    Raises BudgetExceeded, or :class:`Unsupported` if the comparison does not cover the protocol or the claim.
    """
    if len(set(wanted.sides)) == 1:
        raise Unsupported("two sides that are the same name")
    solver = Solver(budget)
    bench = Bench(system, claim, wanted)
    if claim.expected == "attack":
        early = _simply(bench, "none", solver) or _simply(bench, "all", solver)
        if early is not None:
            return early
    whole = solver.solve(bench.case(others="exposed"))
    if whole.goal is not None:
        whole = solver.solve(bench.case())
    done = [whole]
    if whole.goal is not None:
        best: Shown | None = None
        for found in _derivations(whole, budget):
            if bench.one_way(*found):
                best = bench.shown(*found)
                if best.seen is not None:
                    return best
        done = []
        for case in bench.ways() if best is None else ():
            solved = _refined(solver, bench, case, budget)
            if isinstance(solved, Shown):
                return solved
            done.append(solved)
        if best is not None:
            return _with_partner(bench, solver) or best
    if not vacuity:
        return Proof(tuple(done))
    reason = bench.never(done)
    if reason is not None:
        return Vacuous(reason)
    turned = _turned(bench, solver)
    if turned is None:
        return Vacuous(
            "even if all keys and all secrets of the judged session leaked, nobody could tell the sides apart"
        )
    return Proof(tuple(done), turned)


def _simply(bench: Bench, others: Others, solver: Solver) -> Shown | None:
    """Return a difference that is executed, found with few tests, None if there is none."""
    case = bench.case(others=others, most_pairs=1)
    for solve in (solver.reaches, solver.solve):
        for found in _derivations(solve(case), solver.budget):
            shown = bench.shown(*found)
            if shown.seen is not None:
                return shown
    return None


def _with_partner(bench: Bench, solver: Solver) -> Shown | None:
    """Return a difference that is executed in which the judged session has met the partner whose values leak."""
    case = bench.case(joined=True)
    found = _derivations(solver.solve(case), solver.budget) if case.goals else ()
    return next((shown for one in found if (shown := bench.shown(*one)).seen is not None), None)


def _refined(solver: Solver, bench: Bench, case: Case, budget: Budget) -> Solved | Shown:
    """Return a case solved, exactly if need be, or a derivation of one of its goals."""
    solved = solver.solve(case)
    if solved.goal is None:
        return solved
    derived = [bench.shown(*found) for found in _derivations(solved, budget)]
    if derived:
        return next((one for one in derived if one.seen is not None), derived[0])
    exact = solver.solve(case, exact=True)
    return exact if exact.goal is None else Shown(exact, None)


def _turned(bench: Bench, solver: Solver) -> str | None:
    """Return what would have to leak as well for the sides to be told apart, None if nothing that is tried suffices."""
    families = tuple(bench.clauses.families)
    attempts = [(f"the key {family} of the judged names", Leaking((family,)), 1) for family in families]
    attempts += [("all keys of the judged names", Leaking(families), 1)] if len(families) > 1 else []
    attempts += [("all keys and secrets of the judged session", Leaking(families, values=True), most)
                 for most in (1, LARGEST)]  # fmt: skip
    for words, leaking, most_pairs in attempts:
        case = bench.case(leaking, "exposed", most_pairs)
        if any(next(_derivations(solve(case), solver.budget), None) for solve in (solver.reaches, solver.solve)):
            return words
    return None


def _derivations(solved: Solved, budget: Budget) -> Iterator[tuple[Solved, Derivation]]:
    """Yield the case at its first reached goals, with derivations that hold step by step."""
    for goal in solved.stages[-1][1].reached[:TRIED]:
        derivation = explain(solved.stages, goal, budget)
        if derivation is not None:
            yield Solved(solved.case, solved.stages, goal), derivation


def words_of(solved: Solved) -> str:
    """Return what is seen on one side only, for a case with a reached goal."""
    assert solved.goal is not None
    return solved.case.words[solved.goal]
