"""Results for editors and shell pipelines: one line per claim, its place first."""

from __future__ import annotations

from collections.abc import Sequence

from modelcheck.diagnostics import printable
from modelcheck.verdict import ClaimResult, headline


def render(results: Sequence[ClaimResult]) -> str:
    """Return a line per claim: file, line, column, the claim, its verdict, whether that is the expected one."""
    return "\n".join(printable(f"{one.file}:{one.line}:{one.column}: {headline(one)}") for one in results)
