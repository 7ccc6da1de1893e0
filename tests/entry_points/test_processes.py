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
from shutil import which

import pytest

import modelcheck
from modelcheck.starter import starting_spec

if sys.platform == "win32":
    pytest.skip("signals are sent as on Unix", allow_module_level=True)

CHECKOUT = Path(modelcheck.__file__).parent.parent


def check(path: Path, folder: Path) -> subprocess.Popen[str]:
    """A run of the claims below a path in two processes, which have a group of their own."""
    return subprocess.Popen(
        [sys.executable, "-m", "modelcheck", "check", str(path), "--jobs", "2", "--no-cache"],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run of many claims in two processes, which has reported the first claim."""
    process = check(CHECKOUT / "specs", tmp_path)
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


def first_worker(parent: int) -> int:
    """The process that works for another and that was started first."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        listed = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        )
        rows = [row.split(maxsplit=2) for row in listed.stdout.splitlines()]
        workers = [int(row[0]) for row in rows if row[1] == str(parent) and "spawn_main" in row[2]]
        if workers:
            return min(workers)
    raise AssertionError("there is no worker")


@pytest.mark.skipif(not which("ps"), reason="there is no program that lists processes")
def test_a_killed_worker_leaves_its_claim_undecided_and_the_others_decided(tmp_path: Path) -> None:
    spec = tmp_path / "hello.flow"
    spec.write_text(starting_spec("hello"), encoding="utf-8")
    process = check(spec, tmp_path)
    os.kill(first_worker(process.pid), signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (3, "")
    (undecided,) = re.findall(r"  FAIL  (\w+) +undecided ", out)
    assert (
        f"its process was killed (SIGKILL) before it had a verdict on hello.{undecided}, probably for lack of memory; "
        "let fewer work at once (--jobs), or limit the memory of each (--memory)"
    ) in out
    assert out.count("  ok  ") == 5
