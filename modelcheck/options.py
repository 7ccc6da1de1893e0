"""What a check may assume and spend, and the formats of what commands write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

FORMATS: Final = ("text", "concise", "json", "sarif", "junit", "github")
"""How a check can be reported."""

DiagramFormat: TypeAlias = Literal["text", "svg", "png", "pdf", "dot", "tikz"]
"""How a diagram can be drawn."""


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one run; budgets are work units, so that a run reproduces on every machine."""

    budget: int = 20_000_000
    """Pairs of boxes joined and boxes inserted, per claim."""
    sessions: int = 4
    """Sessions of each role up to which an attack is searched."""
    attack_budget: int = 200_000_000
    """Resource units of the solver for each question about an attack."""
    audit: bool = True
    """Whether invariants are re-checked before a claim is reported as proven."""
    audit_budget: int = 1_000_000_000
    """Resource units of the solver plus literals of its questions, per claim."""
    vacuity: bool = True
    """Whether roles and premises are checked to be reachable."""
    timeout: float | None = None
    """Seconds after which claims that are not decided are left undecided."""
