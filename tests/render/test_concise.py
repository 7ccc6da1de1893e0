"""The report for editors: a line per claim."""

from __future__ import annotations

from dataclasses import replace

from modelcheck.render.concise import render
from tests.render import results
from tests.render.golden_files import golden


def test_a_whole_report() -> None:
    assert render(results.NAMED) + "\n" == golden("concise.txt")


def test_a_name_cannot_steer_the_terminal() -> None:
    assert render([replace(results.HOLDS, file="a\x1b[2J\n.flow")]) == (
        "a\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}.flow:12:3: p.server_auth: holds (as expected)"
    )


def test_no_claims_are_no_lines() -> None:
    assert render([]) == ""
