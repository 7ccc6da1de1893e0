"""Whether message lengths tell two names apart: lengths as arithmetic over the lengths of names, decided by z3.

An observer sees how long each part of a message is that it can tell from the next: fields in clear, and ciphertexts as a
whole. Names are as long as they are; text literals, declared sizes and paddings count as written; everything else (keys,
signatures, numbers, framing) has one size per kind, which the flow may leave open. Padding rules are those a
specification has: up to the next multiple, and up to a fixed length (RFC 9849 section 6.1.3 applies one after the other).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

from modelcheck.engine.judged import Unsupported
from modelcheck.protocol.model import WHOLE, Claim, Observational, Path, Sent, Size
from modelcheck.protocol.terms import LABEL, NAME, App, Const, Term, Var
from modelcheck.protocol.theory import ABSENT, is_data
from modelcheck.verdict import Attack, AttackStep, Holds

TAG = 16
"""Bytes that authenticated encryption adds."""

LONGEST_NAME = 255
"""Bytes of a name for which no bound is given (RFC 1035 section 2.3.4)."""

LONGEST_UNKNOWN = 1 << 16
"""Bytes that a part without declared size may have."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """So many bytes."""

    amount: int


@dataclass(frozen=True, slots=True)
class NameLength:
    """The length of a name."""

    name: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A size that the flow does not declare: the same in every run."""

    what: str


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of lengths."""

    parts: tuple[Length, ...]


@dataclass(frozen=True, slots=True)
class Padded:
    """The next multiple of ``multiple``."""

    inner: Length
    multiple: int


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A length that is filled up to ``least`` if it is shorter."""

    inner: Length
    least: int


Length: TypeAlias = Bytes | NameLength | Unknown | Total | Padded | AtLeast


# ------------------------------------------------------------------------------------------------ measuring


class Ruler:
    """Measures the messages of one path."""

    def __init__(self, path: Path) -> None:
        """Take the path with its declared sizes."""
        self.sizes = path.sizes

    def length(self, term: Term) -> Length:
        """Return the length of a term on the wire."""
        match term:
            case Var(name, sort):
                return NameLength(name) if sort == NAME else Unknown(f"a value of sort {sort}")
            case Const(value, sort):
                if term is ABSENT:
                    return Bytes(0)
                return Bytes(len(value.encode())) if sort == LABEL else Unknown(f"a value of sort {sort}")
            case App(function, arguments) if is_data(function):
                fields = tuple(self.field(term, position) for position in range(len(arguments)))
                return self.sized(
                    Total((Unknown(f"framing of {function}"), *fields)), self.sizes.get((term, WHOLE), ())
                )
            case App("aead", (_, _, _, content)):
                return Total((self.length(content), Bytes(TAG)))
            case App("pk_encrypt", (_, content)):
                return Total((self.length(content), Unknown("public-key encryption")))
            case App(function, _) if function.startswith("stored "):
                return self.length(term.arguments[0])
            case App(function, _):
                return Unknown(f"a result of {function}")
            case _:
                return Unknown("a key")

    def field(self, message: App, position: int) -> Length:
        """Return the length of a field, with the size that the flow declares for it."""
        return self.sized(self.length(message.arguments[position]), self.sizes.get((message, position), ()))

    def sized(self, inner: Length, declared: tuple[Size, ...]) -> Length:
        """Return a length under a declared size; nothing names vary in has just the size it is said to have."""
        if not declared:
            return inner
        if len(set(declared)) > 1:
            raise Unsupported("two declared sizes for one field")
        (size,) = declared
        match size.kind:
            case "exact":
                return AtLeast(inner, size.amount) if _varies(inner) else Bytes(size.amount)
            case "padded":
                return Padded(inner, size.amount)
            case "up to":
                return inner
            case _:
                assert_never(size.kind)

    def visible(self, term: Term, where: str) -> Iterator[tuple[str, Length]]:
        """Yield each part whose length an observer sees, with what it is called."""
        if isinstance(term, App) and is_data(term.function):
            name = term.function.removeprefix("message ")
            for position, part in enumerate(term.arguments):
                is_open = isinstance(part, App) and is_data(part.function)
                if (term, position) in self.sizes or not is_open:
                    yield f"part {position + 1} of {name}", self.field(term, position)
                if is_open:
                    yield from self.visible(part, where)
        else:
            yield where, self.length(term)


def _varies(length: Length) -> bool:
    """Return whether a length depends on a name."""
    match length:
        case NameLength():
            return True
        case Total(parts):
            return any(map(_varies, parts))
        case Padded(inner) | AtLeast(inner):
            return _varies(inner)
        case _:
            return False


def value(length: Length, sizes: Mapping[str, int]) -> int:
    """Return a length in bytes, given those of names and of parts without declared size."""
    match length:
        case Bytes(amount):
            return amount
        case NameLength(name):
            return sizes[name]
        case Unknown(what):
            return sizes.get(what, 0)
        case Total(parts):
            return sum(value(part, sizes) for part in parts)
        case Padded(inner, multiple):
            return -(-value(inner, sizes) // multiple) * multiple
        case AtLeast(inner, least):
            return max(value(inner, sizes), least)
        case _:
            assert_never(length)


# ------------------------------------------------------------------------------------------------ deciding


class _Question:
    """Variables of one question to the solver."""

    def __init__(self, subject: str, bound: int) -> None:
        import z3  # type: ignore[import-untyped]

        self.z3 = z3
        self.subject = subject
        self.bound = bound
        self.solver = z3.Solver()
        self.variables: dict[str, Any] = {}

    def variable(self, name: str, least: int, most: int) -> Any:
        if name not in self.variables:
            found = self.variables[name] = self.z3.Int(name)
            self.solver.add(found >= least, found <= most)
        return self.variables[name]

    def term(self, length: Length, side: str) -> Any:
        match length:
            case Bytes(amount):
                return self.z3.IntVal(amount)
            case NameLength(name) if name == self.subject:
                return self.variable(f"{name} {side}", 1, self.bound)
            case NameLength(name):
                return self.variable(name, 1, LONGEST_NAME)
            case Unknown(what):
                return self.variable(what, 0, LONGEST_UNKNOWN)
            case Total(parts):
                return self.z3.Sum([self.term(part, side) for part in parts]) if parts else self.z3.IntVal(0)
            case Padded(inner, multiple):
                return (self.term(inner, side) + (multiple - 1)) / multiple * multiple
            case AtLeast(inner, least):
                whole = self.term(inner, side)
                return self.z3.If(whole < least, self.z3.IntVal(least), whole)
            case _:
                assert_never(length)

    def differs(self, length: Length) -> tuple[dict[str, int], dict[str, int]] | None:
        """Return sizes for either side with which the length differs, None if there are none."""
        self.solver.push()
        self.solver.add(self.term(length, "left") != self.term(length, "right"))
        answer = self.solver.check()
        if answer == self.z3.unsat:
            self.solver.pop()
            return None
        if answer != self.z3.sat:
            raise Unsupported("a length that the solver cannot decide")
        model = self.solver.model()
        found = {name: model.eval(v, model_completion=True).as_long() for name, v in self.variables.items()}
        return tuple({**found, self.subject: found[f"{self.subject} {side}"]} for side in ("left", "right"))  # type: ignore[return-value]


def decide_lengths(paths: Iterator[Path], claim: Claim, wanted: Observational) -> Holds | Attack:
    """Return whether some visible length differs for two names; paths are those that honest partners can take.

    Raises :class:`Unsupported` for claims about anything but the length of the name that differs.
    """
    if claim.powers or claim.premise is not None:
        raise Unsupported("an attacker or a premise in a claim about lengths")
    if wanted.measured not in ("", wanted.subject.name):
        raise Unsupported(f"the length of `{wanted.measured}`, which is not what differs")
    bound = wanted.bound or LONGEST_NAME
    questions = 0
    for path in paths:
        subject = path.values.get(wanted.subject.name)
        if not isinstance(subject, Var) or subject.sort != NAME:
            raise Unsupported(f"the lengths of `{wanted.subject}`, which is not a name")
        ruler = Ruler(path)
        for event in path.events:
            if not isinstance(event, Sent):
                continue
            for where, length in ruler.visible(event.term, _listed(event)):
                if not _mentions(length, subject.name):
                    continue
                questions += 1
                found = _Question(subject.name, bound).differs(length)
                if found is not None:
                    return _told(event, where, length, wanted, found)
    return Holds(True, questions)


def _mentions(length: Length, name: str) -> bool:
    match length:
        case NameLength(other):
            return other == name
        case Total(parts):
            return any(_mentions(part, name) for part in parts)
        case Padded(inner) | AtLeast(inner):
            return _mentions(inner, name)
        case _:
            return False


def _listed(event: Sent) -> str:
    return ", ".join(name for name in event.names if "." not in name) or "a message"


def _told(
    event: Sent, where: str, length: Length, wanted: Observational, found: tuple[dict[str, int], dict[str, int]]
) -> Attack:  # fmt: skip
    """Return the difference in words, after computing both lengths again without the solver."""
    left, right = (value(length, sizes) for sizes in found)
    assert left != right, "the solver's sizes do not make a difference"
    names = [sizes[wanted.subject.name] for sizes in found]
    texts = [
        f"{event.sender} sends {_listed(event)}, where {where} has {total} bytes for a name of {name} bytes"
        for name, total in zip(names, (left, right), strict=True)
    ]
    return Attack(
        (), (AttackStep("attacker", "", texts[0], (), (), (), right=texts[1]),),
        f"so names of {names[0]} and of {names[1]} bytes are told apart by {left} and {right} bytes",
        sides=wanted.headings,
    )  # fmt: skip


def length_assumptions() -> Iterator[str]:
    """Yield what every verdict on lengths rests on."""
    yield "runs with honest partners are observed; keys, signatures and numbers of one kind have one size"
