"""Role machines cut into blocks: what a role does between two moments at which it waits or sends again.

A block is executed as a whole; nothing that an attacker or a claim can observe happens inside one. A block ends before
a receive or a recall, before a second send, at a branch and at the end of the role, so that disabling "the step that
sends M" takes away exactly that send (docs/explanation/semantics.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from modelcheck.machines.machine import Recall, Receive, RoleMachine, Send, Step


@dataclass(frozen=True, slots=True)
class Block:
    """The steps that lead from cut state ``start`` to cut state ``end`` of a machine."""

    machine: RoleMachine
    start: int
    end: int
    steps: tuple[Step, ...]

    def states(self) -> tuple[int, ...]:
        """Return the states that the steps lead to, in order."""
        passed = takewhile(lambda state: state.index != self.start, self.machine.lineage(self.end))
        return tuple(state.index for state in passed)[::-1]


def is_cut(machine: RoleMachine, index: int) -> bool:
    """Return whether a block may end in state ``index``."""
    following = machine.children[index]
    if index == 0 or len(following) != 1:
        return True
    step = machine.states[following[0]].step
    if isinstance(step, Receive | Recall):
        return True
    return isinstance(step, Send) and _has_sent(machine, index)


def _has_sent(machine: RoleMachine, index: int) -> bool:
    """Return whether the block that ends in ``index`` contains a send."""
    for state in machine.lineage(index):
        if isinstance(state.step, Send):
            return True
        if isinstance(state.step, Receive | Recall) or state.index == 0:
            return False
        if len(machine.children[state.parent]) > 1:
            return False
    return False


def blocks(machine: RoleMachine) -> tuple[Block, ...]:
    """Return the blocks of a machine, each state tree branch cut from the root down."""
    result = []
    for state in machine.states[1:]:
        if not is_cut(machine, state.index):
            continue
        steps: list[Step] = []
        at = state
        while True:
            assert at.step is not None
            steps.append(at.step)
            at = machine.states[at.parent]
            if is_cut(machine, at.index):
                break
        result.append(Block(machine, at.index, state.index, tuple(reversed(steps))))
    return tuple(result)


def cut_at(machine: RoleMachine, index: int) -> int:
    """Return the cut state in which the block that reaches state ``index`` ends (the first one on its only way on)."""
    while not is_cut(machine, index):
        (index,) = machine.children[index]
    return index
