"""Branches of a role that the same message may lead to, because one of them takes random bytes as they come.

Terms have sorts, real messages do not: where one branch expects an opaque value and the other a ciphertext, the first also
takes the ciphertext. A role tries its branches in the order in which they are written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from modelcheck.machines.machine import Receive, RoleMachine
from modelcheck.protocol.terms import App, Term, Var, renamed, unify
from modelcheck.protocol.terms import replace as put
from modelcheck.protocol.theory import match

OTHER = "other "


def undecided(machine: RoleMachine) -> Iterator[tuple[Receive, Receive]]:
    """Yield pairs of receives of one state, one of which takes some messages of the other for opaque values.

    That is no matter if the one with the opaque values comes later and the other takes everything of that form.
    """
    for state in machine.states:
        steps = [machine.states[child].step for child in machine.children[state.index]]
        receives = [step for step in steps if isinstance(step, Receive)]
        for at, first in enumerate(receives):
            for second in receives[at + 1 :]:
                if (first.channel, first.sender) == (second.channel, second.sender) and (
                    _overlap(first.pattern, second.pattern, state.bound)
                    or _overlap(second.pattern, first.pattern, state.bound, unless_all=True)
                ):
                    yield first, second


def _overlap(loose: Term, strict: Term, bound: Collection[Var], *, unless_all: bool = False) -> bool:
    """Return whether some messages of a ``strict`` pattern are opaque values to a ``loose`` one, and not all of its form."""
    apart = put(strict, {v: renamed(v, OTHER) for v in strict.variables if v not in bound})
    filled = _filled(loose, apart, bound)
    if filled is loose:
        return False
    new = {v: renamed(v, OTHER * 2) for v in filled.variables if v not in bound}
    taken = put(filled, new)
    if unless_all and match(apart, taken, {v: v for v in bound}):
        return False
    return next(unify(taken, apart), None) is not None


def _filled(loose: Term, strict: Term, bound: Collection[Var]) -> Term:
    """Return a pattern with what another one expects in the place of its opaque values."""
    if isinstance(loose, Var) and loose.sort == "Opaque" and loose not in bound:
        return loose if isinstance(strict, Var) and strict.sort == loose.sort else strict
    if (
        isinstance(loose, App) and isinstance(strict, App)
        and (loose.function, len(loose.arguments)) == (strict.function, len(strict.arguments))
    ):  # fmt: skip
        parts = tuple(_filled(one, other, bound) for one, other in zip(loose.arguments, strict.arguments, strict=True))
        return loose if all(a is b for a, b in zip(parts, loose.arguments, strict=True)) else App(loose.function, parts)
    return loose
