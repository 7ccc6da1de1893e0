"""A concrete run as data: which sessions, what each receives and decides, what the attacker is given, in order.

Terms are ground: leaves are constants (``x@Client #1`` is the ``x`` that this session created) and long-term keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from modelcheck.protocol.terms import Const, Term


@dataclass(frozen=True, slots=True)
class SessionStart:
    """A session: its label, its role, and values for the role's parameters."""

    label: str
    role: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Advance:
    """A session goes on to a cut state of its machine.

    ``received`` has the message or record that it takes on the way, if any; ``decided`` the values that it picks and
    the hosted names under which it acts, by variable name; ``certified`` the keys on certificates of dishonest names.
    """

    session: str
    state: int
    received: Term | None = None
    decided: tuple[tuple[str, str], ...] = ()
    certified: tuple[tuple[str, Term], ...] = ()


@dataclass(frozen=True, slots=True)
class Reveal:
    """A power of the claim's attacker (its position there) gives away a term, of a session unless it is a long-term key."""

    power: int
    term: Term
    session: str = ""


TraceStep: TypeAlias = Advance | Reveal


@dataclass(frozen=True, slots=True)
class Trace:
    """A run; the first session is the one that the claim judges, for two-session claims so is the second."""

    sessions: tuple[SessionStart, ...]
    steps: tuple[TraceStep, ...] = field(default=())


def fresh_leaf(name: str, sort: str, session: str) -> Const:
    """Return the value that a session creates."""
    return Const(f"{name}@{session}", sort)
