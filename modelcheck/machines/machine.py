"""Role state machines: what one role does, step by step, on messages it can only partly check.

A state is what the role has done so far; an edge carries one step. Terms in steps are the role's own view: a variable
is a value the role created, picked, was told or learned, and two occurrences are the same variable exactly when the
role makes sure that they are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

import networkx

from modelcheck.machines.view import View
from modelcheck.protocol.model import Channel, Reading, Role
from modelcheck.protocol.terms import Term, Var
from modelcheck.source import Span


@dataclass(frozen=True, slots=True)
class Create:
    """Create a fresh value."""

    variable: Var


@dataclass(frozen=True, slots=True)
class Pick:
    """Pick a value: any, a member of all ``sources``, or the best of those; only ``allowed`` ones lead this way."""

    value: Term
    rule: Literal["any", "member", "best"]
    sources: tuple[Term, ...]
    allowed: tuple[str, ...] | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Choose:
    """Decide freely to take the branch with this label, or the other one."""

    label: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Receive:
    """Receive a message of this shape; ``names`` are the messages and bare data in it."""

    pattern: Term
    names: tuple[str, ...]
    channel: Channel
    sender: str
    span: Span = field(compare=False)
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message."""

    term: Term
    names: tuple[str, ...]
    channel: Channel
    receiver: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Guard:
    """Go on only if the test holds.

    ``equal`` and ``differ`` compare two terms; ``among``: the left value is one of ``values``; ``member``: the left
    value is in the set on the right; ``new``: no session under this name accepted the left value before; ``hosted``:
    the left name is one whose keys this party holds.
    """

    test: Literal["equal", "differ", "among", "member", "new", "hosted"]
    left: Term
    right: Term | None
    values: tuple[str, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Keep:
    """Store values for later sessions of this role and name."""

    items: tuple[tuple[str, Term], ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Recall:
    """Take any stored record of this role and name that fits."""

    items: tuple[tuple[str, Term], ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Reach:
    """Reach a point that claims may name: ``accepts``, ``stops`` or ``stage N``."""

    point: str
    span: Span = field(compare=False)


Step: TypeAlias = Create | Pick | Choose | Receive | Send | Guard | Keep | Recall | Reach


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A local state: where it comes from, by which step, and what the role knows on each path through it."""

    index: int
    parent: int
    step: Step | None
    bound: tuple[Var, ...]
    """The role's variables that have a value here, in the order in which they got it."""
    views: Mapping[int, View]
    """For each path of the flow that leads through this state, what the role knows."""


@dataclass(frozen=True, eq=False)
class RoleMachine:
    """The state machine of one role; states form a tree whose root is state 0."""

    protocol: str
    role: Role
    states: tuple[State, ...]
    blocked: frozenset[int] = frozenset()
    """The paths of the flow on which the role's checks contradict what honest partners send."""

    @cached_property
    def graph(self) -> networkx.DiGraph[int]:
        """The machine as a digraph: nodes are state indices, edges carry their ``step``."""
        graph: networkx.DiGraph[int] = networkx.DiGraph(protocol=self.protocol, role=self.role.name)
        for state in self.states:
            graph.add_node(state.index, bound=state.bound)
            if state.step is not None:
                graph.add_edge(state.parent, state.index, step=state.step)
        return graph

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """For each state the states that follow it."""
        following: list[list[int]] = [[] for _ in self.states]
        for state in self.states[1:]:
            following[state.parent].append(state.index)
        return tuple(map(tuple, following))

    def lineage(self, index: int) -> Iterator[State]:
        """Yield the states from ``index`` back to the root, both included."""
        while True:
            yield self.states[index]
            if index == 0:
                return
            index = self.states[index].parent

    def at(self, kind: str, name: str = "") -> tuple[int, ...]:
        """Return the states in which a point has just been reached.

        ``kind`` is ``accepts``, ``stops``, ``stage`` (``name`` its number), ``sends`` or ``receives`` (``name`` a
        message or bare datum).
        """
        return tuple(state.index for state in self.states if _is_point(state.step, kind, name))


def _is_point(step: Step | None, kind: str, name: str) -> bool:
    match step:
        case Reach(point):
            return point == (f"stage {name}" if kind == "stage" else kind)
        case Send(names=names):
            return kind == "sends" and name in names
        case Receive(names=names):
            return kind == "receives" and name in names
        case _:
            return False


def fresh_values(machine: RoleMachine) -> tuple[Var, ...]:
    """Return the values that a role creates, in order, on any of its branches."""
    return tuple(dict.fromkeys(s.step.variable for s in machine.states if isinstance(s.step, Create)))


def fixed_values(machine: RoleMachine) -> tuple[Var, ...]:
    """Return what is fixed when a session starts: its names and the values that it will create."""
    return tuple(dict.fromkeys((*machine.role.parameters, *fresh_values(machine))))


def simple(role: str) -> str:
    """Return a role's name without its protocol."""
    return role.rpartition(".")[2]
