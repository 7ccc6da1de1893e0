"""The README's example is real: its spec gives the output that stands below it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelcheck import cli

README = Path(__file__).parent.parent / "README.md"
EXAMPLE = re.compile(r"```flow\n(?P<spec>.*?)```.*?```text\n(?P<output>.*?)```", re.DOTALL)


def without_times(text: str) -> str:
    return re.sub(r" *\d+ ms| \d+\.\d+ s\b", " #", text)


@pytest.fixture
def example() -> re.Match[str]:
    found = EXAMPLE.search(README.read_text(encoding="utf-8"))
    assert found is not None
    return found


def test_the_output_is_what_the_spec_gives(
    example: re.Match[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("handshake.flow").write_text(example["spec"], encoding="utf-8")
    with pytest.raises(SystemExit) as exited:
        cli.run(["check", "handshake.flow", "--no-cache"])
    assert without_times(capsys.readouterr().out) == without_times(example["output"])
    assert exited.value.code == 1


def test_the_example_is_short_and_formatted(example: re.Match[str], tmp_path: Path) -> None:
    path = tmp_path / "handshake.flow"
    path.write_text(example["spec"], encoding="utf-8")
    with pytest.raises(SystemExit) as exited:
        cli.run(["fmt", "--check", str(path)])
    assert exited.value.code == 0
    assert example["spec"].count("\n") <= 20
