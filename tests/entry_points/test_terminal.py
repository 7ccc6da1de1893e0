"""The program on a terminal: what is left on the screen when it has ended, and in which colours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import modelcheck
from modelcheck.starter import starting_spec

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are there on Unix only", allow_module_level=True)

import fcntl
import pty
import struct
import termios

CHECKOUT = Path(modelcheck.__file__).parent.parent
SIZE = struct.pack("HHHH", 60, 100, 0, 0)
"""60 rows of 100 columns: the bar fits into a row, the report into the rows."""

PART = re.compile(r"\r|\n|\x1b\[(?P<count>\d*)(?P<command>[A-Za-z])|\x1b\[\?25[lh]|[^\r\n\x1b]+")
REPORT = [
    "hello  (hello.flow)",
    "  note  type-flaw resistant: attackers who respect message formats lose nothing",
    "  ok    secrecy              holds (not audited) as expected #",
    "  ok    forward_secrecy      holds (not audited) as expected #",
    "  ok    server_auth          holds (not audited) as expected #",
    "  ok    client_auth          holds (not audited) as expected #",
    "  ok    same_ends            holds (not audited) as expected #",
    "  ok    exponent_lost        attack              as expected #",
    "6 claims: 1 attack, 5 holds (not audited); all as expected; prover #, audit #",
]


def without_times(lines: list[str]) -> list[str]:
    return [re.sub(r" *\d+ ms| \d+\.\d+ s\b", " #", line) for line in lines]


def screen(output: str) -> list[str]:
    """Return the rows that a terminal shows after some output, without empty ones."""
    rows, row, column = [""], 0, 0
    for part in PART.finditer(output):
        text, command, count = part[0], part["command"], int(part["count"] or 1)
        if text == "\r":
            column = 0
        elif text == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif command == "A":
            row = max(0, row - count)
        elif command == "K":
            rows[row] = ""
        elif not text.startswith("\x1b"):
            rows[row] = rows[row].ljust(column)[:column] + text + rows[row][column + len(text) :]
            column += len(text)
    return [line.rstrip() for line in rows if line.strip()]


def check(folder: Path, *arguments: str, to_file: bool = False, **settings: str) -> str:
    """Return what `modelcheck check` writes to a terminal, its standard output there too or in `report.txt`."""
    (folder / "hello.flow").write_text(starting_spec("hello"), encoding="utf-8")
    unwanted = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    environment |= {"PYTHONPATH": str(CHECKOUT), "PYTHONUTF8": "1", "TERM": "xterm", **settings}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, SIZE)
    command = [sys.executable, "-m", "modelcheck", "check", "hello.flow", "--no-audit", "--no-cache", *arguments]
    with (folder / "report.txt").open("wb") as report:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=theirs, stdout=report if to_file else theirs, stderr=theirs
        )
        os.close(theirs)
        written = read_all(ours)
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return written.decode("utf-8")


def read_all(terminal: int) -> bytes:
    """Return what is written to a terminal until nobody has it open any more, which Linux reports as an error."""
    written = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            return written
        if not piece:
            return written
        written += piece


def test_the_bar_leaves_nothing_behind_in_the_report(tmp_path: Path) -> None:
    output = check(tmp_path)
    assert "checking" in output
    assert without_times(screen(output)) == REPORT


def test_a_terminal_that_cannot_remove_a_bar_gets_none(tmp_path: Path) -> None:
    output = check(tmp_path, TERM="dumb")
    assert "checking" not in output
    assert without_times(output.splitlines()) == REPORT


def test_the_bar_stays_on_the_terminal_when_the_report_goes_to_a_file(tmp_path: Path) -> None:
    output = check(tmp_path, to_file=True)
    assert "checking" in output
    assert screen(output) == []
    report = (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert without_times(report.splitlines()) == REPORT


def test_the_bar_is_there_for_reports_that_are_written_whole(tmp_path: Path) -> None:
    output = check(tmp_path, "--format", "concise", "--jobs", "2", to_file=True)
    assert "checking" in output
    assert "hello.secrecy" in output
    assert screen(output) == []
    assert len((tmp_path / "report.txt").read_text(encoding="utf-8").splitlines()) == 6


def test_a_terminal_gets_colour(tmp_path: Path) -> None:
    assert "\x1b[32m  ok    secrecy " in check(tmp_path)


def test_no_color_turns_colour_off(tmp_path: Path) -> None:
    output = check(tmp_path, NO_COLOR="1")
    assert re.findall(r"\x1b\[[\d;]*m", output) == []
    assert without_times(screen(output)) == REPORT
