"""The syntax tree of a flow: names, expressions, conditions, messages, statements; a frozen class per construct.

Equality ignores spans, so two texts that differ in layout only have equal trees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias

from modelcheck.source import Span


@dataclass(frozen=True, slots=True)
class Name:
    """A name as written, dots included."""

    text: str
    span: Span = field(compare=False, repr=False)

    @property
    def parts(self) -> tuple[str, ...]:
        """The name split at its dots."""
        return tuple(self.text.split("."))


# ------------------------------------------------------------------------------------------------ expressions


@dataclass(frozen=True, slots=True)
class Ref:
    """A name used as a term."""

    name: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A literal text; ``value`` is without its quotes."""

    value: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class This:
    """The message that is being written."""

    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Transcript:
    """All named messages above."""

    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TranscriptRange:
    """The named messages from ``first`` to ``last``."""

    first: Name
    last: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Without:
    """A message less one of its fields."""

    whole: Expression
    field_name: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Power:
    """Group exponentiation."""

    base: Expression
    exponent: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Product:
    """Exponents multiplied."""

    factors: tuple[Expression, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TupleOf:
    """Several terms as one."""

    items: tuple[Expression, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call, with its label if it has one (``aad: ...``)."""

    label: Name | None
    value: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied to arguments."""

    function: Name
    arguments: tuple[Argument, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class MessageLiteral:
    """A message written where a term is expected."""

    message: Message
    span: Span = field(compare=False, repr=False)


Expression: TypeAlias = (
    Ref | Text | This | Transcript | TranscriptRange | Without | Power | Product | TupleOf | Call | MessageLiteral
)


# ------------------------------------------------------------------------------------------------ conditions


@dataclass(frozen=True, slots=True)
class Equal:
    """Two terms are equal."""

    left: Expression
    right: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Differ:
    """Two terms differ."""

    left: Expression
    right: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Member:
    """A value is in a set."""

    left: Expression
    right: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class IsNew:
    """A value was never accepted before under this name."""

    value: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """A labelled branch was taken."""

    label: Name
    span: Span = field(compare=False, repr=False)


Test: TypeAlias = Equal | Differ | Member | IsNew | Taken


@dataclass(frozen=True, slots=True)
class Condition:
    """Tests that must all hold."""

    tests: tuple[Test, ...]
    span: Span = field(compare=False, repr=False)


# ------------------------------------------------------------------------------------------------ messages


@dataclass(frozen=True, slots=True)
class Size:
    """A declared size: exact (``[32 bytes]``), ``padded to`` a multiple, or ``up to`` a bound."""

    kind: Literal["exact", "padded", "up to"]
    amount: int | Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Guard:
    """``when c``: present under a condition; ``else`` gives what stands there otherwise."""

    condition: Condition
    otherwise: Expression | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """The receiver (or the named role) compares nothing."""

    by: Name | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Field:
    """A named field of a message."""

    name: Name
    value: Expression
    size: Size | None
    guard: Guard | None
    unchecked: Unchecked | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """A message with fields or with bare contents; ``label`` is its second name."""

    name: Name
    label: Name | None
    fields: tuple[Field, ...]
    contents: tuple[Expression, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A message inside a protected block, with its size and condition."""

    message: Message
    size: Size | None
    guard: Guard | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Protected:
    """``encrypted(k) { ... }``: messages, or bare contents that stay out of the transcript."""

    call: Call
    label: Name | None
    parts: tuple[Part, ...]
    contents: tuple[Expression, ...]
    span: Span = field(compare=False, repr=False)


# ------------------------------------------------------------------------------------------------ statements


class Arrow(Enum):
    """The kinds of channel, as written."""

    PUBLIC = "->"
    AUTHENTIC = "-[authentic]->"
    SECRET = "-[secret]->"  # noqa: S105 (the arrow of a channel that nobody reads)
    SECURE = "-[secure]->"


@dataclass(frozen=True, slots=True)
class Send:
    """One role sends messages to another."""

    sender: Name
    arrow: Arrow
    receiver: Name
    messages: tuple[Message | Protected, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Forward:
    """One role passes messages on as it got them."""

    sender: Name
    arrow: Arrow
    receiver: Name
    names: tuple[Name, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Fresh:
    """A fresh value and its sort."""

    name: Name
    sort: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Creates:
    """A role creates fresh values."""

    role: Name
    values: tuple[Fresh, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Renews:
    """A role creates values again; their names mean the new ones from here on."""

    role: Name
    names: tuple[Name, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort, or ``set of`` one."""

    name: Name
    is_set: bool
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Picks:
    """A role picks any value of a sort."""

    role: Name
    name: Name
    sort: Sort
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PicksIn:
    """A role picks a value, or the best, in all of some sets."""

    role: Name
    best: bool
    name: Name
    sets: tuple[Expression, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Keeps:
    """A role stores values."""

    role: Name
    names: tuple[Name, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Recalls:
    """A role takes a stored record."""

    role: Name
    names: tuple[Name, ...]
    span: Span = field(compare=False, repr=False)


Act: TypeAlias = Creates | Renews | Picks | PicksIn | Keeps | Recalls
"""What a role does with values between messages."""


@dataclass(frozen=True, slots=True)
class Checks:
    """A role makes an extra check, always or when a condition holds."""

    role: Name
    condition: Condition
    when: Condition | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FailsAlike:
    """Failures of a role look alike: those on some parts of what it receives, or all (no names)."""

    role: Name
    names: tuple[Name, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """A role checks a message or a field first or last."""

    role: Name
    target: Name
    order: Literal["first", "last"]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Accepts:
    """A role reaches its judged end."""

    role: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Stops:
    """A role ends without accepting."""

    role: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Let:
    """A name for a term, or for one of two."""

    name: Name
    value: Expression
    when: Condition | None
    otherwise: Expression | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Stage:
    """A let that is also a stage key."""

    number: int
    name: Name
    value: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Restart:
    """The transcript starts again, with some terms in front."""

    terms: tuple[Expression, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Opens:
    """Decision: whether this role can open that part."""

    role: Name
    target: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Chooses:
    """Decision: this role's free choice, which has a name."""

    role: Name
    label: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class When:
    """Decision: a condition on values."""

    condition: Condition
    span: Span = field(compare=False, repr=False)


Decision: TypeAlias = Opens | Chooses | When


@dataclass(frozen=True, slots=True)
class Alt:
    """Two branches (``alt``), or one that may be skipped (``opt``: ``otherwise`` is None)."""

    decision: Decision
    label: Name | None
    body: tuple[Statement, ...]
    otherwise_label: Name | None
    otherwise: tuple[Statement, ...] | None
    span: Span = field(compare=False, repr=False)


Statement: TypeAlias = (
    Send | Forward | Act | Checks | CheckOrder | FailsAlike | Accepts | Stops | Let | Stage | Restart | Alt
)  # fmt: skip
