"""Workflow commands: whole reports, and what would end a command early."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote

import pytest

from modelcheck.render.github import render
from modelcheck.verdict import Undecided
from tests.render import results
from tests.render.golden_files import golden

COMMAND = re.compile(r"::(error|warning|notice) ([^:\r\n]*)::([^\r\n]*)")


def read(line: str) -> tuple[str, dict[str, str], str]:
    """A command as the runner of GitHub Actions reads it."""
    found = COMMAND.fullmatch(line)
    assert found is not None, line
    properties = dict(pair.split("=", 1) for pair in found[2].split(","))
    return found[1], {key: unquote(value) for key, value in properties.items()}, unquote(found[3])


def test_a_whole_report() -> None:
    assert render(results.NAMED) + "\n" == golden("github.txt")


def test_every_unexpected_claim_is_a_command_and_the_last_one_sums_up() -> None:
    levels = [read(line)[0] for line in render(results.NAMED).splitlines()]
    assert levels == ["error", "warning", "warning", "error", "warning", "error", "notice"]


@pytest.mark.parametrize("awkward", ["100%", "a:b", "a,b", "a=b", "a::b", "%0A", "a\nb", "a\r\nb", "ä"])
def test_what_is_escaped_is_read_back(awkward: str) -> None:
    one = replace(results.UNDECIDED, file=awkward, text=awkward, verdict=Undecided(awkward))
    line, _ = render([one]).split("\n")
    level, properties, message = read(line)
    assert level == "warning"
    assert properties == {
        "file": awkward, "line": "12", "col": "3", "title": "p.server_auth: undecided (expected to hold)",
    }  # fmt: skip
    assert message == f"{awkward}\n{awkward}"


def test_a_run_that_ended_early_is_an_error() -> None:
    assert render([results.HOLDS], "a, b\nc") == (
        "::error title=modelcheck%3A internal error::a, b%0Ac\n"
        "::notice title=modelcheck::1 claim: 1 holds; all as expected"
    )


def test_a_run_without_claims_says_so() -> None:
    assert render([]) == "::notice title=modelcheck::no claims found"
