"""Commands run in this process, each test in an empty folder of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelcheck import cli
from modelcheck.cache import VerdictCache
from tests.command_line.outcome import Outcome, Run
from tests.support import exit_code


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    kept = tmp_path.with_name(f"{tmp_path.name} cache")
    monkeypatch.setattr(cli, "_cache", lambda: VerdictCache(kept))

    def command(*arguments: str) -> Outcome:
        code = exit_code(*arguments)
        captured = capsys.readouterr()
        out = re.sub(r" +\d+ ms", " # ms", re.sub(r"\d+\.\d+ s\b", "# s", captured.out))
        return Outcome(code, out, captured.err)

    return command


@pytest.fixture
def hello(run: Run) -> str:
    """Return the path of the spec that `modelcheck new hello` writes."""
    run("new", "hello")
    return "hello.flow"
