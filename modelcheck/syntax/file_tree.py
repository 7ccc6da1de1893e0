"""The syntax tree of a file: protocols with their headers and declarations, variants with their edits, compositions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from modelcheck.source import Span
from modelcheck.syntax.claim_tree import Claim
from modelcheck.syntax.flow_tree import Expression, Field, Forward, Let, Message, Name, Send, Sort, Stage, Statement

# ------------------------------------------------------------------------------------------------ declarations


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a role, a Name unless a sort is given."""

    name: Name
    sort: Sort | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RolePart:
    """``is``, ``given`` or ``hosts`` with parameters."""

    kind: Literal["is", "given", "hosts"]
    parameters: tuple[Parameter, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Role:
    """A role and the names it has."""

    name: Name
    parts: tuple[RolePart, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """A family of long-term keys."""

    name: Name
    index: tuple[Name, ...]
    sort: Name
    kind: Literal["", "certified", "published", "unordered"]
    holders: tuple[Name, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Values:
    """A finite sort, best value first."""

    name: Name
    values: tuple[Name, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Define:
    """A function as notation; without a value, a new one-way function."""

    name: Name
    parameters: tuple[Name, ...]
    value: Expression | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SizeConstant:
    """A named number of bytes."""

    name: Name
    amount: int
    span: Span = field(compare=False, repr=False)


Declaration: TypeAlias = Role | Key | Values | Define | SizeConstant


@dataclass(frozen=True, slots=True)
class Source:
    """A source document: title and places."""

    texts: tuple[str, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Continues:
    """The sessions of another protocol go on."""

    name: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class After:
    """New sessions beside those of other protocols."""

    names: tuple[Name, ...]
    span: Span = field(compare=False, repr=False)


Header: TypeAlias = Source | Continues | After


# ------------------------------------------------------------------------------------------------ edits and items


@dataclass(frozen=True, slots=True)
class ReplaceMessage:
    """``replace M { .. }``."""

    message: Message
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ReplaceField:
    """``replace M.f: t``."""

    target: Name
    field_: Field
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ReplaceStatement:
    """``replace let ..``, ``replace key ..``, ``replace R -> S: ..``: what has the same name."""

    statement: Let | Stage | Send | Forward | Key | Role | Define
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Drop:
    """``drop M``, ``drop M.f``, ``drop x``."""

    target: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DropStatement:
    """``drop`` a check, an act or a restart, quoted."""

    statement: Statement
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AddField:
    """``add M.f: t``."""

    target: Name
    field_: Field
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AddStatement:
    """``add before|after M: statement``."""

    where: Literal["before", "after"]
    target: Name
    statement: Statement
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AddDeclaration:
    """``add key ..``."""

    declaration: Declaration
    span: Span = field(compare=False, repr=False)


Edit: TypeAlias = (
    ReplaceMessage | ReplaceField | ReplaceStatement | Drop | DropStatement | AddField | AddStatement | AddDeclaration
)


@dataclass(frozen=True, slots=True)
class Include:
    """``include "path"``."""

    path: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A flow with its declarations and claims."""

    name: Name
    title: str
    headers: tuple[Header, ...]
    declarations: tuple[Declaration, ...]
    statements: tuple[Statement, ...]
    claims: tuple[Claim, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Variant:
    """A protocol as edits of another."""

    name: Name
    base: Name
    title: str
    headers: tuple[Header, ...]
    edits: tuple[Edit, ...]
    claims: tuple[Claim, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Composition:
    """Protocols side by side with key families in common."""

    name: Name
    of: tuple[Name, ...]
    sharing: tuple[Name, ...]
    title: str
    headers: tuple[Header, ...]
    claims: tuple[Claim, ...]
    span: Span = field(compare=False, repr=False)


Item: TypeAlias = Include | Protocol | Variant | Composition


@dataclass(frozen=True, slots=True)
class File:
    """A whole file."""

    items: tuple[Item, ...]
    span: Span = field(compare=False, repr=False)
