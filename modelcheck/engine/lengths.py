"""Whether message lengths tell two names or picks apart: lengths as arithmetic over those of names, decided by z3.

An observer sees how long each part of a message is that it can tell from the next: fields in clear, and ciphertexts as a
whole. Names are as long as they are; text literals, declared sizes and paddings count as written; everything else (keys,
signatures, numbers, framing) has one size per kind, which the flow may leave open. Padding rules are those a
specification has: up to the next multiple, and up to a fixed length (RFC 9849 section 6.1.3 applies one after the other).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
        """Return the length of a field, with the size that the flow declares for it; one that is not there has none."""
        if message.arguments[position] is ABSENT:
            return Bytes(0)
        return self.sized(self.length(message.arguments[position]), self.sizes.get((message, position), ()))

    def sized(self, inner: Length, declared: tuple[Size, ...]) -> Length:
        """Return a length under a declared size; what is no text and no name varies in has just the size it is said to have."""
        if not declared:
            return inner
        if len(set(declared)) > 1:
            raise Unsupported("two declared sizes for one field")
        (size,) = declared
        match size.kind:
            case "exact":
                if isinstance(inner, Bytes):
                    return Bytes(max(inner.amount, size.amount))
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

    def differs(self, length: Length, other: Length) -> tuple[dict[str, int], dict[str, int]] | None:
        """Return sizes for either side with which a length on the left is another on the right, None if there are none."""
        self.solver.push()
        self.solver.add(self.term(length, "left") != self.term(other, "right"))
        answer = self.solver.check()
        if answer == self.z3.unsat:
            self.solver.pop()
            return None
        if answer != self.z3.sat:
            raise Unsupported("a length that the solver cannot decide")
        model = self.solver.model()
        found = {name: model.eval(v, model_completion=True).as_long() for name, v in self.variables.items()}
        left, right = (
            {**found, self.subject: found[f"{self.subject} {side}"]} if f"{self.subject} {side}" in found else found
            for side in ("left", "right")
        )
        return left, right


def decide_lengths(
    paths: Sequence[Path], sorts: Mapping[str, tuple[str, ...]], claim: Claim, wanted: Observational
) -> Holds | Attack:
    """Return whether some visible length differs for two names or picks.

    ``paths`` are those that honest partners can take, ``sorts`` what may be picked. Raises :class:`Unsupported` for claims
    about anything but the length of the name that differs, and for picks that change which messages and fields there are.
    """
    if claim.powers or claim.premise is not None:
        raise Unsupported("an attacker or a premise in a claim about lengths")
    if wanted.measured not in ("", wanted.subject.name):
        raise Unsupported(f"the length of `{wanted.measured}`, which is not what differs")
    subjects = [path.values.get(wanted.subject.name) for path in paths]
    if all(isinstance(one, Var | Const) and one.sort in sorts for one in subjects):
        if wanted.bound:
            raise Unsupported(f"a bound on the length of `{wanted.subject}`, which is picked,")
        return _of_picks(paths, sorts, wanted)
    return _of_names(paths, wanted)


def _of_names(paths: Sequence[Path], wanted: Observational) -> Holds | Attack:
    bound = wanted.bound or LONGEST_NAME
    questions = 0
    for path in paths:
        subject = path.values.get(wanted.subject.name)
        if not isinstance(subject, Var) or subject.sort != NAME:
            raise Unsupported(f"the lengths of `{wanted.subject}`, which is not a name")
        for event, where, length in _visible(path):
            if not _mentions(length, subject.name):
                continue
            questions += 1
            found = _Question(subject.name, bound).differs(length, length)
            if found is not None:
                return _told(event, where, (length, length), wanted, found)
    return Holds(True, questions)


def _of_picks(paths: Sequence[Path], sorts: Mapping[str, tuple[str, ...]], wanted: Observational) -> Holds | Attack:
    """Each run of one side needs one of the other, all of whose lengths are the same whatever the open sizes are."""
    sides = [[path for path in paths if side in _values(path, sorts, wanted)] for side in wanted.sides]
    questions = 0
    for number, side in enumerate(sides):
        for path in side:
            differences = []
            for other in sides[1 - number]:
                asked, difference = _unlike((path, other) if number == 0 else (other, path), wanted)
                questions += asked
                if difference is None:
                    break
                differences.append(difference)
            else:
                if not differences:
                    raise Unsupported(f"lengths where no run has `{wanted.subject}` as {wanted.sides[1 - number]}")
                return differences[0]
    return Holds(True, questions)


def _values(path: Path, sorts: Mapping[str, tuple[str, ...]], wanted: Observational) -> tuple[str, ...]:
    """Return what the subject may be on a path."""
    match path.values[wanted.subject.name]:
        case Const(value, _):
            return (value,)
        case Var(_, sort) as variable:
            return path.domains.get(variable, sorts[sort])
        case term:
            raise AssertionError(term)


def _unlike(pair: tuple[Path, Path], wanted: Observational) -> tuple[int, Attack | None]:
    """Return how many questions were asked, and the first length that can differ between two paths."""
    left, right = (list(_visible(path)) for path in pair)
    if [(e.sender, e.receiver, where) for e, where, _ in left] != [
        (e.sender, e.receiver, where) for e, where, _ in right
    ]:
        raise Unsupported(f"lengths where `{wanted.subject}` changes which messages and fields there are,")
    questions = 0
    for (event, where, length), (_, _, other) in zip(left, right, strict=True):
        if length == other:
            continue
        questions += 1
        found = _Question("", LONGEST_NAME).differs(length, other)
        if found is not None:
            return questions, _told(event, where, (length, other), wanted, found)
    return questions, None


def _visible(path: Path) -> Iterator[tuple[Sent, str, Length]]:
    """Yield each part of a message on a path whose length an observer sees."""
    ruler = Ruler(path)
    for event in path.events:
        if isinstance(event, Sent):
            for where, length in ruler.visible(event.term, _listed(event)):
                yield event, where, length


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
    event: Sent, where: str, lengths: tuple[Length, Length], wanted: Observational,
    found: tuple[dict[str, int], dict[str, int]],
) -> Attack:  # fmt: skip
    """Return the difference in words, after computing both lengths again without the solver."""
    left, right = (value(length, sizes) for length, sizes in zip(lengths, found, strict=True))
    assert left != right, "the solver's sizes do not make a difference"
    names = [
        f" for a name of {sizes[wanted.subject.name]} bytes" if wanted.subject.name in sizes else "" for sizes in found
    ]
    texts = [
        f"{event.sender} sends {_listed(event)}, where {where} has {total} bytes{name}"
        for name, total in zip(names, (left, right), strict=True)
    ]
    if all(names):
        one, other = (sizes[wanted.subject.name] for sizes in found)
        conclusion = f"so names of {one} and of {other} bytes are told apart by {left} and {right} bytes"
    else:
        conclusion = f"so the two sides of `{wanted.subject}` are told apart by {left} and {right} bytes"
    return Attack(
        (), (AttackStep("attacker", "", texts[0], (), (), (), right=texts[1]),), conclusion, sides=wanted.headings
    )


def length_assumptions() -> Iterator[str]:
    """Yield what every verdict on lengths rests on."""
    yield "runs with honest partners are observed; keys, signatures and numbers of one kind have one size"
