"""The program with its workers as processes of their own: none is left, whoever ends first."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import modelcheck

if sys.platform == "win32":
    pytest.skip("signals are sent as on Unix", allow_module_level=True)

CHECKOUT = Path(modelcheck.__file__).parent.parent


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run of many claims in two processes, which has reported the first claim."""
    process = subprocess.Popen(
        [sys.executable, "-m", "modelcheck", "check", str(CHECKOUT / "specs"), "--jobs", "2", "--no-cache"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip
    assert process.stdout is not None
    while "  ok  " not in process.stdout.readline():
        pass
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def all_gone(group: int) -> bool:
    """Whether a group of processes has come to its end, within a time that a busy machine may need."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_an_interruption_ends_all_workers_and_reports_what_is_done(program: subprocess.Popen[str]) -> None:
    os.killpg(program.pid, signal.SIGINT)
    out, err = program.communicate(timeout=60)
    assert program.returncode == 130
    assert re.fullmatch(r"\s*interrupted after [1-9]\d* of \d+ claims\n", err)
    assert re.match(r"[1-9]\d* claims?: ", out.splitlines()[-1])
    assert all_gone(program.pid)


def test_workers_end_when_the_program_is_killed(program: subprocess.Popen[str]) -> None:
    program.kill()
    program.wait(timeout=60)
    assert all_gone(program.pid)
