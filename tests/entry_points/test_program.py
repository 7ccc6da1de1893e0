"""The program as its users start it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import modelcheck
from modelcheck.starter import starting_spec

CHECKOUT = Path(modelcheck.__file__).parent.parent


def start(*arguments: str, folder: Path, python: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT), "PYTHONUTF8": "1"}
    return subprocess.Popen(
        [sys.executable, *python, "-m", "modelcheck", *arguments],
        cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def run(*arguments: str, folder: Path, python: tuple[str, ...] = ()) -> tuple[int, str, str]:
    process = start(*arguments, folder=folder, python=python)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_from_nothing_to_a_verdict(tmp_path: Path) -> None:
    assert run("new", "hello", folder=tmp_path)[0] == 0
    code, out, err = run("check", "hello.flow", "--claim", "secrecy", folder=tmp_path)
    assert (code, err) == (0, "")
    assert "  ok    secrecy              holds               as expected" in out


def test_without_a_command_the_usage_is_shown(tmp_path: Path) -> None:
    code, out, err = run(folder=tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith("Usage: python -m modelcheck [OPTIONS] COMMAND [ARGS]...\n")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["check", "--help"], ["explain"], ["new", "hello"]])
def test_commands_that_prove_nothing_load_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    code, _, imported = run(*arguments, folder=tmp_path, python=("-X", "importtime"))
    names = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in imported.splitlines()}
    assert code == 0
    assert "click" in names
    assert names & {"z3", "networkx", "lark", "rich"} == set()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize("style", ["text", "concise", "github", "junit"])
def test_a_file_name_that_is_no_text_ends_no_report(tmp_path: Path, style: str) -> None:
    (tmp_path / os.fsdecode(b"\xff.flow")).write_text(starting_spec("hello"), encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "-m", "modelcheck", "check", "--claim", "exponent_lost", "--format", style, "-o", "report"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(CHECKOUT), "PYTHONUTF8": "1"}, capture_output=True, check=False,
    )  # fmt: skip
    assert (finished.returncode, finished.stderr) == (0, b"")
    assert b"\xff.flow" in finished.stdout
    assert (tmp_path / "report").stat().st_size > 0


def test_output_that_is_no_terminal_is_plain(tmp_path: Path) -> None:
    (tmp_path / "hello.flow").write_text(starting_spec("hello"), encoding="utf-8")
    _, out, err = run("check", "hello.flow", "--no-audit", folder=tmp_path)
    assert "\x1b" not in out
    assert err == ""


def test_a_reader_that_stops_reading_is_no_mistake_of_the_program(tmp_path: Path) -> None:
    process = start("explain", folder=tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert "Traceback" not in err
    assert "internal error" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="the shell of Unix closes files")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-"])
def test_closed_streams_change_no_verdict(tmp_path: Path, closed: str) -> None:
    (tmp_path / "hello.flow").write_text(starting_spec("hello"), encoding="utf-8")
    command = f"'{sys.executable}' -m modelcheck check hello.flow --claim secrecy --no-audit -o report {closed}"
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "secrecy" in (tmp_path / "report").read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device is one of Linux")
def test_a_full_disk_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "modelcheck", "explain"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
            stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)  # fmt: skip
    assert (done.returncode, done.stderr) == (2, b"error: No space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on Unix")
def test_an_interruption_leaves_no_half_written_file(tmp_path: Path) -> None:
    (tmp_path / "hello.flow").write_text(starting_spec("hello"), encoding="utf-8")
    process = start("check", "--save-evidence", "evidence", *["hello.flow"], folder=tmp_path)
    folder = tmp_path / "evidence"
    deadline = time.monotonic() + 50
    while not (folder.is_dir() and any(folder.glob("*.json"))) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    # Python ends by the signal itself, which a shell shows as 130, if it was in code made from text, such as dataclasses.
    assert process.returncode in (130, -signal.SIGINT, 0)
    left = [path.name for path in folder.iterdir()]
    assert [name for name in left if not name.endswith(".json")] == []
    for name in left:
        assert run("audit", f"evidence/{name}", folder=tmp_path)[0] == 0
