"""The guide to continuous integration is real: its commands run as they are written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelcheck.starter import starting_spec
from tests.test_cli import Run, run

__all__ = ["run"]

GUIDE = Path(__file__).parent.parent / "docs" / "how-to" / "continuous-integration.md"
COMMAND = re.compile(r"^\s*(?:- run: |- |\$ )modelcheck (.*?)(?: \|\| .*)?$", re.MULTILINE)
COMMANDS = COMMAND.findall(GUIDE.read_text(encoding="utf-8"))


def test_the_guide_has_its_commands() -> None:
    assert len(COMMANDS) == 5


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_guide_succeeds_and_writes_what_it_says(run: Run, command: str) -> None:
    Path("specs").mkdir()
    Path("specs/hello.flow").write_text(starting_spec("hello"), encoding="utf-8")
    assert run(*command.split()).code == 0
    written = re.search(r"--output (\S+)", command)
    assert written is None or Path(written[1]).stat().st_size > 100
