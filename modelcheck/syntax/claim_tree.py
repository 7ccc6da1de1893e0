"""The syntax tree of a claim: its property, its premise, what the attacker may do; a frozen class per construct."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from modelcheck.source import Span
from modelcheck.syntax.flow_tree import Name, Ref, TranscriptRange


@dataclass(frozen=True, slots=True)
class StageTerm:
    """The key of a stage, or of several."""

    first: int
    last: int
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TermCall:
    """A long-term key in a claim: a family with names."""

    function: Name
    arguments: tuple[Term, ...]
    span: Span = field(compare=False, repr=False)


Term: TypeAlias = Ref | TermCall | StageTerm | TranscriptRange


@dataclass(frozen=True, slots=True)
class Point:
    """A role at a point; ``kind`` "" is the default point."""

    role: Name
    kind: Literal["", "accepts", "stage", "sends", "receives", "stops"]
    name: Name | None
    stage: int | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Secret:
    """``secret t, u at PARTY``."""

    terms: tuple[Term, ...]
    points: tuple[Point, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Agrees:
    """``A agrees with B on x, y, injectively``."""

    left: Point
    right: Point
    terms: tuple[Term, ...]
    injectively: bool
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Alive:
    """``A finds B alive``."""

    left: Point
    role: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Identifies:
    """``t identifies x, y`` or ``t identifies the channel`` (no terms)."""

    tag: Term
    terms: tuple[Term, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Indistinguishable:
    """``v indistinguishable among { p, q } at R``."""

    subject: Term
    first: Name
    second: Name
    role: Name
    by_length: bool
    length_of: Name | None
    bound: int | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unlinkable:
    """``v unlinkable at R``."""

    subject: Term
    role: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Resists:
    """``t resists guessing [at R]``."""

    subject: Term
    role: Name | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Reachable:
    """``reachable POINT``."""

    point: Point
    span: Span = field(compare=False, repr=False)


Property: TypeAlias = Secret | Agrees | Alive | Identifies | Indistinguishable | Unlinkable | Resists | Reachable


@dataclass(frozen=True, slots=True)
class FactPremise:
    """``if t``, ``if t = u``, ``if t in u``."""

    subject: Term
    relation: Literal["", "=", "in"]
    value: Term | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AgreedPremise:
    """``if A agrees with B on x``."""

    left: Point
    right: Point
    terms: tuple[Term, ...]
    span: Span = field(compare=False, repr=False)


Premise: TypeAlias = FactPremise | AgreedPremise


@dataclass(frozen=True, slots=True)
class LeakPower:
    """``leak of t [of other|all sessions] [before|after POINT]``."""

    terms: tuple[Term, ...]
    owner: Literal["", "other", "all"]
    moment: Literal["", "before", "after"]
    point: Point | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class WeakPower:
    """``weak p [when c]``."""

    primitive: Name
    when: FactPremise | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DishonestPower:
    """``dishonest n``."""

    name: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PossessionPower:
    """``unchecked possession of k``."""

    family: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PassiveAttacker:
    """``against a passive attacker``."""

    span: Span = field(compare=False, repr=False)


Attacker: TypeAlias = LeakPower | WeakPower | DishonestPower | PossessionPower | PassiveAttacker


@dataclass(frozen=True, slots=True)
class Expectation:
    """``expect attack "why"`` or ``expect holds``."""

    verdict: Literal["attack", "holds"]
    reason: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Citation:
    """``as ID, ID in SOURCE``."""

    ids: tuple[str, ...]
    source: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim; in a variant one without property takes the sentence of the base's claim of that name."""

    name: Name
    property: Property | None
    premise: Premise | None
    attackers: tuple[Attacker, ...]
    expectation: Expectation | None
    citation: Citation | None
    span: Span = field(compare=False, repr=False)
