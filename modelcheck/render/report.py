"""The formats of reports that are written when all claims have been checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, assert_never

from modelcheck.render import concise, github, json, junit, sarif
from modelcheck.verdict import ClaimResult

Style: TypeAlias = Literal["concise", "json", "sarif", "junit", "github"]


def report(style: Style, results: Sequence[ClaimResult], mistake: str = "") -> str | None:
    """Return the report, empty or with an end of line; None if the format cannot tell of a ``mistake`` that ended the run."""
    match style:
        case "concise" | "json":
            if mistake:
                return None
            text = (concise if style == "concise" else json).render(results)
        case "sarif":
            text = sarif.render(results, mistake)
        case "junit":
            text = junit.render(results, mistake)
        case "github":
            text = github.render(results, mistake)
        case _:
            assert_never(style)
    return text and f"{text}\n"
