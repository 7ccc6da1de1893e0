"""What a role checks in what it receives, in the order in which it does, and where it can fail."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from modelcheck.machines.machine import Guard, Pick, Recall, Receive, RoleMachine
from modelcheck.machines.reading import TAKEN, parts
from modelcheck.protocol.model import Place, Reading
from modelcheck.protocol.terms import App, Term, Var
from modelcheck.protocol.theory import is_data

Kind: TypeAlias = Literal["format", "decryption", "decapsulation", "signature", "mac", "value"]
_CHECKED: dict[str, Kind] = {
    "aead": "decryption",
    "pk_encrypt": "decryption",
    "kem_ct": "decapsulation",
    "sign": "signature",
    "hmac": "mac",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a received message: that a part is a message of this name, opens, verifies, or has this value."""

    kind: Kind
    term: Term
    message: str
    """The innermost message around the part, empty for data without one."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A way for a role to fail in state ``start``: a check of what would lead it on to state ``end``.

    Where ``others`` is true, a role that fails this check may still go another way. ``check`` is None where the step to
    ``end`` is itself the check: a comparison, a choice among offers, a record that has to be there.
    """

    start: int
    end: int
    check: Check | None
    others: bool


def failures(machine: RoleMachine) -> tuple[Failure, ...]:
    """Return the ways for a role to fail, state after state, in the order in which it checks."""
    found = []
    undecided = {0: False}
    for state in machine.states[1:]:
        start, step = state.parent, state.step
        others = len(machine.children[start]) > 1 or (undecided[start] and isinstance(step, Guard))
        # What is compared right after receiving a message may be what tells branches apart.
        undecided[state.index] = others and isinstance(step, Receive | Guard)
        match step:
            case Receive(pattern, readings=readings):
                bound = machine.states[start].bound
                found += [Failure(start, state.index, check, others) for check in checks(pattern, bound, readings)]
            case Guard() | Recall() | Pick(rule="member" | "best"):
                found.append(Failure(start, state.index, None, others))
    return tuple(found)


def checks(pattern: Term, bound: Iterable[Var], readings: Collection[Reading] = ()) -> Iterator[Check]:
    """Yield the checks of a receiver whose variables ``bound`` have a value; parts that it cannot check are skipped."""
    seen = set(bound)
    opaque: list[Place] = []
    for part in parts(pattern, bound, readings):
        term = part.term
        if any(part.place[: len(closed)] == closed for closed in opaque):
            continue
        new = not seen.issuperset(term.variables)
        match term:
            case App(function, _) if is_data(function):
                yield Check("format", term, part.message)
            case App("aead" | "pk_encrypt" | "sign" | "kem_ct" as function, (*outside, content)) if new:
                if not _opens(term, seen):
                    opaque.append(part.place)
                    continue
                yield Check(_CHECKED[function], term, part.message)
                learned = (*outside, content) if function == "kem_ct" else outside
                seen.update(variable for one in learned for variable in one.variables)
            case App(function, _) if function not in TAKEN:
                if new and seen.isdisjoint(term.variables):
                    continue
                yield Check(_CHECKED.get(function, "value"), term, part.message)
                seen.update(term.variables)
            case _:
                seen.update(term.variables)
                if not new:
                    yield Check("value", term, part.message)


def _opens(term: App, seen: set[Var]) -> bool:
    """Return whether the role knows something of the key of a part, which has to agree with that, or of what it proves."""
    if term.function == "sign":
        return not seen.isdisjoint(term.variables)
    key = term.arguments[0]
    return not key.variables or not seen.isdisjoint(key.variables)
