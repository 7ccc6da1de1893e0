"""The search for an attack: scenarios of growing size, each answer replayed, shortened and put into words."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from modelcheck.engine.cnf import SolverGaveUp
from modelcheck.engine.confirm import confirmed
from modelcheck.engine.prover import System
from modelcheck.engine.query import Query
from modelcheck.engine.replay import NotReplayed
from modelcheck.protocol.model import Claim
from modelcheck.verdict import Attack

LARGEST = 4_000_000
"""Clauses beyond which a scenario is not tried."""


class TraceRejected(Exception):
    """The replayer does not accept what the scenario query found: one of the two is wrong, and no verdict is to be had."""


@dataclass(frozen=True, slots=True)
class Searched:
    """No attack with so many sessions of each role (0: not even one could be tried within the budget)."""

    sessions: int


def find_attack(
    system: System, claim: Claim, sessions: int, budget: int, deadline: float | None = None
) -> Attack | Searched:
    """Return an attack on a claim with at most so many sessions of each role, or how far the search got.

    ``budget`` bounds each question in the solver's resource units. Raises :class:`TraceRejected` if a run does not
    replay.
    """
    for size in range(1, sessions + 1):
        if deadline is not None and monotonic() > deadline:
            return Searched(size - 1)
        query = _query(system, claim, size)
        if len(query.scenario.cnf.lines) > LARGEST:
            return Searched(size - 1)
        try:
            trace = query.find(claim, budget, deadline)
        except SolverGaveUp:
            return Searched(size - 1)
        if trace is not None:
            try:
                return confirmed(system, claim, trace)
            except NotReplayed as problem:
                raise TraceRejected(f"{problem}\n{system.protocol.name}.{claim.name}: {trace!r}") from problem
    return Searched(sessions)


def _query(system: System, claim: Claim, size: int) -> Query:
    """Return the query for a claim, shared by all claims of the protocol that expect attacks by a like attacker."""
    like = system.clause_key(claim)
    alike = [one for one in system.protocol.claims if one.expected == "attack" and system.clause_key(one) == like]
    claims = tuple(alike) if claim in alike else (claim,)
    key = (*(one.name for one in claims), size)
    if key not in system.queries:
        clauses = system.clauses(claim)
        system.queries[key] = Query(clauses, system.held(clauses), claims, size)
    return system.queries[key]
