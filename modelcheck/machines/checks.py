"""What a role checks in what it receives, in the order in which it does, and where it can fail.

A message is read as it is written, outer parts before inner ones; what needs a later part to be opened comes after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from modelcheck.machines.machine import Guard, Pick, Recall, Receive, RoleMachine
from modelcheck.protocol.terms import MESSAGE, App, Term, Var
from modelcheck.protocol.theory import is_data

Kind: TypeAlias = Literal["format", "decryption", "decapsulation", "signature", "mac", "value"]
TAKEN = frozenset({"g", "pk", "oprf_blind", "oprf_evaluate"})
"""Functions whose values a role takes as they are where it does not know them yet."""
_CHECKED: dict[str, Kind] = {"kem_ct": "decapsulation", "sign": "signature", "hmac": "mac"}


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
            case Receive(pattern):
                bound = machine.states[start].bound
                found += [Failure(start, state.index, check, others) for check in checks(pattern, bound)]
            case Guard() | Recall() | Pick(rule="member" | "best"):
                found.append(Failure(start, state.index, None, others))
    return tuple(found)


def checks(pattern: Term, bound: Iterable[Var]) -> Iterator[Check]:
    """Yield the checks of a receiver whose variables ``bound`` have a value; parts that it cannot check are skipped."""
    reader = _Reader(set(bound))
    yield from reader.read(pattern, "")
    yield from reader.read_later()


class _Reader:
    """Reads one message."""

    def __init__(self, seen: set[Var]) -> None:
        self.seen = seen
        self.later: list[tuple[Term, str]] = []
        """Parts that need more than is known, each with the message around it."""

    def read(self, term: Term, message: str) -> Iterator[Check]:
        """Yield the checks of a part, as far as they can be made now."""
        match term:
            case App(function, arguments) if is_data(function):
                if function != "tuple":
                    message = function.removeprefix(MESSAGE)
                    yield Check("format", term, message)
                for index in reading_order(arguments, self.seen):
                    yield from self.read(arguments[index], message)
            case App(function, _) if function not in TAKEN and not self._whole(term) and not self._opens(term):
                self.later.append((term, message))
            case _:
                yield from self._check(term, message)

    def read_later(self) -> Iterator[Check]:
        """Yield the checks for which other parts have brought what they need; what is opaque to the role stays unchecked."""
        while self.later:
            ready = [part for part in self.later if self._whole(part[0]) or self._opens(part[0])]
            ready += [part for part in self.later if self._touches(part[0])]
            if not ready:
                return
            self.later.remove(ready[0])
            yield from self._check(*ready[0])

    def _check(self, term: Term, message: str) -> Iterator[Check]:
        """Yield the check of a part, and those of what it brings to light."""
        new = not self._whole(term)
        match term:
            case App("aead" | "pk_encrypt", (*outside, content)):
                self._learn(*outside)
                yield Check("decryption", term, message)
                yield from self.read(content, message)
            case App("sign", (key, content)) if new:
                self._learn(key)
                yield Check("signature", term, message)
                yield from self.read(content, message)
            case App(function, _) if function not in TAKEN:
                self._learn(term)
                yield Check(_CHECKED.get(function, "value"), term, message)
            case _:
                self._learn(term)
                if not new:
                    yield Check("value", term, message)

    def _learn(self, *terms: Term) -> None:
        self.seen.update(variable for term in terms for variable in term.variables)

    def _whole(self, term: Term) -> bool:
        """Return whether the role knows everything in a part."""
        return self.seen.issuperset(term.variables)

    def _touches(self, term: Term) -> bool:
        """Return whether the role knows anything in a part."""
        return not self.seen.isdisjoint(term.variables)

    def _opens(self, term: Term) -> bool:
        """Return whether the role knows something of the key of a part, which has to agree with that."""
        keys = term.arguments[:1] if isinstance(term, App) and term.function == "kem_ct" else needed(term)[:1]
        return any(not key.variables or self._touches(key) for key in keys)


def reading_order(parts: tuple[Term, ...], seen: Iterable[Var]) -> list[int]:
    """Return the order in which the parts of a message are read: what needs a later part to be opened comes last."""
    known, first, last = set(seen), [], []
    for index, part in enumerate(parts):
        rest = {variable for other in parts[index + 1 :] for variable in other.variables}
        if any(variable in rest and variable not in known for need in needed(part) for variable in need.variables):
            last.append(index)
        else:
            first.append(index)
            known.update(part.variables)
    return first + last


def needed(term: Term) -> tuple[Term, ...]:
    """Return what a role needs to open a part of a message."""
    match term:
        case App("aead", (key, nonce, associated, _)):
            return key, nonce, associated
        case App("pk_encrypt", (key, _)):
            return (key,)
        case _:
            return ()
