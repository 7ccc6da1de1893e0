"""What the replayer of two systems is told: sessions, what they do in order, what leaks, and a last message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal as OneOf

from modelcheck.protocol.terms import Term, Var


class NotExecuted(Exception):
    """A script is no run of both systems; ``move`` is the number of the first move that cannot be made."""

    def __init__(self, reason: str, move: int | None = None) -> None:
        """``reason`` says why."""
        super().__init__(reason)
        self.move = move


@dataclass(frozen=True, slots=True)
class Move:
    """A session gets to a state; ``values`` are those of the role's variables on the left."""

    session: str
    state: int
    values: Mapping[Var, Term]


@dataclass(frozen=True, slots=True)
class Start:
    """A session as it begins: its role, and its names on the left and on the right."""

    session: str
    role: str
    names: tuple[tuple[str, str], ...]
    picks: tuple[tuple[Var, tuple[str, str]], ...] = ()
    """What it picks differently on the left and on the right."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A last message for a session: the state to which it would lead, and what is supplied on the left, as far as read."""

    session: str
    state: int
    supplied: Term
    values: Mapping[Var, Term]


@dataclass(frozen=True, slots=True)
class Leaked:
    """A datum of a session that leaks: the role's terms for it, each from a state on; a power of the claim allows it."""

    session: str
    power: int
    terms: tuple[tuple[int, Term], ...]
    owner: OneOf["own", "other", "all"]
    """Whether the session has to be the judged one or its partner, must not be, or may be any."""
    later: bool = False
    """Whether it leaks when all moves are made."""
    when: tuple[tuple[Term, tuple[str, ...]], ...] = ()
    """Terms of the role which must have one of some values."""
    collides: bool = False
    """Whether nothing is given away: the terms are signatures which fit other messages, too, once the attacker has them."""


@dataclass(frozen=True, slots=True)
class Script:
    """Sessions, what they do in order, what leaks, and a last delivery if the difference is a role's."""

    starts: tuple[Start, ...]
    moves: tuple[Move, ...]
    leaked: tuple[Term, ...]
    last: Delivery | None
    later: tuple[Term, ...] = ()
    """The keys that leak when all moves are made."""
    after: tuple[frozenset[int], ...] = ()
    """For each moment after which something leaks, the states of which the judged session has to be past one."""
    passive: bool = False
    """Whether the attacker only listens: roles then receive what roles sent to them."""
    values: tuple[Leaked, ...] = ()
    judged: str = ""
    """The session that differs from side to side."""
    partners: tuple[str, ...] = ()
    """The roles of which the session is its partner that made the first value which it received of theirs."""
    weak: frozenset[str] = frozenset()
    """The primitives that are weak."""
    certified: Mapping[Var, tuple[str, Var]] = field(default_factory=dict)
    """The keys for which a dishonest name may have a certificate without having them: their family, and whose they should be."""
