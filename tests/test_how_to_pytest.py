"""The guide to pytest is real: its commands run as they are written, and its output is what they give."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import modelcheck
from tests.test_pytest_plugin import LOADED

CHECKOUT = Path(modelcheck.__file__).parent.parent
GUIDE = (CHECKOUT / "docs" / "how-to" / "pytest.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.+)$", GUIDE, re.MULTILINE)


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    return found[1]


def run(command: str, folder: Path) -> tuple[int, str]:
    program, *arguments = shlex.split(command)
    own = [*LOADED, "-p", "no:cacheprovider", "-p", "no:hypothesispytest"] if program == "pytest" else []
    done = subprocess.run(
        [sys.executable, "-m", program, *own, *arguments], cwd=folder, text=True, capture_output=True, timeout=120,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT), "COLUMNS": "80"}, check=False)  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which the guide's first command has been run."""
    assert run(COMMANDS[0], tmp_path)[0] == 0
    return tmp_path


def test_every_command_succeeds(folder: Path) -> None:
    for command in COMMANDS[1:]:
        code, output = run(command, folder)
        assert code == 0, f"{command}\n{output}"


def test_a_failure_looks_as_it_is_shown(folder: Path) -> None:
    with (folder / "handshake.flow").open("a", encoding="utf-8") as spec:
        spec.write(block("flow"))
    code, output = run("pytest -k survives", folder)
    assert code == 1
    assert block("text") in output


def test_the_setting_leaves_specs_alone(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(block("toml"), encoding="utf-8")
    assert run("pytest", folder)[0] == pytest.ExitCode.NO_TESTS_COLLECTED
