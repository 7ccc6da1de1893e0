"""What a claim speaks of, in terms of clauses: literals for where a session is, boxes of its states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelcheck.engine.clauses import ClauseSet, Literal
from modelcheck.engine.horn import Box, Mask
from modelcheck.engine.scene import Scene
from modelcheck.engine.steps import session_literal, state_literal
from modelcheck.machines.held import Stance
from modelcheck.protocol.terms import NAME, Const, Term, Var, rebuild

LETTERS = ("A", "B", "C", "D", "E", "F")


def literals(clauses: ClauseSet, stance: Stance, prefix: str = "") -> list[Literal]:
    """Return the literals "a session of the role is there", variables prefixed."""
    session = session_literal(clauses, stance.machine, prefix)
    return [state_literal(clauses, stance.machine, stance.state, prefix), session]


def restriction(scene: Scene, predicate: int, narrowed: Mapping[Var, Iterable[str]], sessions: Iterable[str]) -> Box:
    """Return the box of states of some session classes in which variables have the given values."""
    described = scene.clauses.predicates[predicate]
    columns: list[Mask] = [scene.mask(described.columns[0], sessions)]
    for variable in described.variables:
        sorts = scene.clauses.column_sorts(variable.sort)
        if variable in narrowed:
            columns.append(scene.mask(variable.sort, narrowed[variable]))
        else:
            columns.extend(scene.full(sort) for sort in sorts)
    return tuple(columns)


def named(term: Term, names: Mapping[Var, str]) -> Term:
    """Return ``term`` with the names that a session starts from put in."""
    if isinstance(term, Var):
        return Const(names[term], NAME) if term in names else term
    if isinstance(term, Const):
        return term
    return rebuild(term, lambda part: named(part, names))
