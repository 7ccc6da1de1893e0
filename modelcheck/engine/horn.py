"""Horn clauses over finite domains, as data: what the fixpoint computes with and what the audit checks.

A *value* of a column is an index into that column's finite domain; a *mask* is an integer whose bit ``i`` says
that value ``i`` is allowed; a *box* is one mask per column and stands for the product of its columns.
Both engines read these classes and nothing else of each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Mask = int
Box = tuple[Mask, ...]
Relations = Mapping[int, tuple[Box, ...]]
"""For each predicate the boxes whose union is its extension; a predicate that is absent is empty."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One predicate applied to the variables (*slots*) of its clause; a slot may occur more than once."""

    predicate: int
    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Differ:
    """Two slots that must be *able* to differ.

    A value stands for many concrete ones unless its bit is set in ``unique``: the condition fails only when both
    slots hold the same value and that value is unique.
    """

    left: int
    right: int
    unique: Mask


@dataclass(frozen=True, slots=True)
class Clause:
    """``head`` follows from ``body`` for all slot values inside ``masks`` that satisfy ``differ``.

    A clause without body is a fact (a box). ``origin`` names the rule of the protocol that it came from.
    """

    head: Atom
    body: tuple[Atom, ...]
    masks: tuple[Mask, ...]
    differ: tuple[Differ, ...] = ()
    origin: int = -1
    last: bool = False
    """Whether no body asks for the head, so that the clause may wait until everything else is known."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A conjunction that must be unsatisfiable in the least model."""

    body: tuple[Atom, ...]
    masks: tuple[Mask, ...]
    differ: tuple[Differ, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """Clauses, the states they may not add (``forbidden``), and the goals to be excluded.

    A forbidden box is taken away from every head that a clause adds to its predicate: "this step does not happen".
    ``columns[p]`` gives the full mask of each column of predicate ``p``.
    """

    columns: tuple[tuple[Mask, ...], ...]
    clauses: tuple[Clause, ...]
    goals: tuple[Goal, ...] = ()
    forbidden: Mapping[int, tuple[Box, ...]] = field(default_factory=dict)
