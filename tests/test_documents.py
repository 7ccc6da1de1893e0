"""The README and the documentation are real: their commands run as they are written and give what stands below them.

A page is followed from top to bottom in an empty folder with those packaged specs that it names by their path, or a
new spec in ``specs`` if it names none, and a copy of the program if it changes that. Of its blocks

- ``flow NAME`` and ``toml NAME`` are the text of the file NAME, and ``diff NAME`` changes some lines of it;
- ``console`` has commands, each with its output if that is shown, ``...`` for what is left out. A command exits with 0
  unless ``echo $?`` below it shows another code;
- ``yaml`` may have commands of a job, and ``python`` may have a session with the interpreter.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest

import modelcheck
from modelcheck import cli
from modelcheck.protocol.theory import PRIMITIVES
from modelcheck.resources import specs_folder
from modelcheck.starter import starting_spec
from tests.support import exit_code
from tests.test_pytest_plugin import LOADED

CHECKOUT = Path(modelcheck.__file__).parent.parent
GENERATED = ("docs/_build/", "docs/atlas/", "docs/reference/diagnostics.md")
PAGES = sorted(
    name
    for path in (CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *(CHECKOUT / "docs").rglob("*.md"))
    if not (name := path.relative_to(CHECKOUT).as_posix()).startswith(GENERATED)
)
BLOCK = re.compile(r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=fence)$", re.DOTALL | re.MULTILINE)
JOB = re.compile(r"^\s*(?:- run: |- )(modelcheck .*)$", re.MULTILINE)
INSTALLS = re.compile(r"(?:make (?P<target>\w+)|pip install '?(?:\.|modelcheck)(?:\[(?P<extra>\w+)\])?'?)(?: +#.*)?")
"""What is no matter of a test: `.ci/run` sets up a new environment with these."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page, the output that is shown for it, and the code that it is said to exit with."""

    text: str
    shown: str = ""
    code: int = 0


def commands(console: str) -> Iterator[Command]:
    """Yield the commands of a block."""
    parts = [part.partition("\n") for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]]
    for index, (text, _, shown) in enumerate(parts):
        if text == "echo $?":
            continue
        code = int(parts[index + 1][2]) if parts[index + 1 :] and parts[index + 1][0] == "echo $?" else 0
        yield Command(text, shown, code)


@dataclass(slots=True)
class Reader:
    """Somebody who does what a page says, in the working directory."""

    capsys: pytest.CaptureFixture[str]
    ran: list[str] = field(default_factory=list)
    names: dict[str, object] = field(default_factory=dict)
    """What the interpreter knows: a session goes on from block to block."""

    def follow(self, info: str, text: str) -> None:
        """Do what one block says."""
        language, _, name = info.partition(" ")
        if language in ("flow", "toml") and name:
            Path(name).write_text(text, encoding="utf-8")
        elif language == "diff":
            self.change(Path(name), text)
        elif language == "console":
            for command in commands(text):
                self.run(command)
        elif language == "yaml":
            for job in JOB.findall(text):
                self.run(Command(job))
        elif language == "python" and ">>> " in text:
            self.interpret(text)

    def change(self, path: Path, difference: str) -> None:
        """Replace the old lines of a file by the new ones."""
        lines = difference.splitlines(keepends=True)
        old, new = ("".join(line[1:] for line in lines if line[0] in marks) for marks in (" -", " +"))
        before = path.read_text(encoding="utf-8")
        assert before.count(old) == 1, f"{path} does not have these lines once:\n{old}"
        path.write_text(before.replace(old, new), encoding="utf-8")

    def run(self, command: Command) -> None:
        """Run a command; it exits and answers as the page says."""
        self.ran.append(command.text)
        if INSTALLS.fullmatch(command.text):
            return
        words = shlex.split(command.text.partition(" || ")[0])
        code, output = self.modelcheck(words[1:]) if words[0] == "modelcheck" else other(words)
        assert code == command.code, f"{command.text}\n{output}"
        assert same(command.shown, output), f"{command.text}\n--- shown\n{command.shown}--- given\n{output}"

    def interpret(self, text: str) -> None:
        """Type a session into the interpreter; it answers as the page says."""
        test = doctest.DocTestParser().get_doctest(text, self.names, "session", None, 0)
        said: list[str] = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
        runner.run(test, out=said.append, clear_globs=False)
        self.names |= test.globs
        assert runner.failures == 0, "".join(said)

    def modelcheck(self, arguments: list[str]) -> tuple[int, str]:
        """Return the exit code and the output of the program, run in this process."""
        code = exit_code(*arguments)
        captured = self.capsys.readouterr()
        return code, captured.out + captured.err


PROGRAMS = {
    "pytest": [sys.executable, "-m", "pytest", *LOADED, "-p", "no:cacheprovider", "-p", "no:hypothesispytest"],
    "python": [sys.executable],
}
"""What pages run besides the program itself; with `python -m modelcheck` it is the one in the working directory."""


def other(words: list[str]) -> tuple[int, str]:
    """Return the exit code and the output of another program."""
    done = subprocess.run(
        [*PROGRAMS[words[0]], *words[1:]], text=True, capture_output=True, timeout=120,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT), "COLUMNS": "80"}, check=False)  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def same(shown: str, output: str) -> bool:
    """Return whether an output is the one that is shown, if any is: but for times and what is left out."""
    want, got = (re.sub(r" *\d+ ms| \d+\.\d+ s\b", " #", text) for text in (shown, output))
    return not shown or doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS)


def lay_out_specs(text: str) -> None:
    """Put specs below the working directory: those that a page names, or one to start from if it speaks of a folder."""
    named = set(re.findall(r"\bspecs/(\w+/\w+\.flow)", text))
    for name in named:
        path = Path("specs") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(specs_folder() / name, path)
    if not named and re.search(r"modelcheck .* specs\b", text):
        Path("specs").mkdir()
        Path("specs/hello.flow").write_text(starting_spec("hello"), encoding="utf-8")


def lay_out_checkout(text: str) -> None:
    """Put a copy of the program into the working directory if a page changes it."""
    if "```diff modelcheck/" in text:
        for folder in ("modelcheck", "grammars"):
            shutil.copytree(CHECKOUT / folder, folder, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_followed(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    lay_out_specs(text)
    lay_out_checkout(text)
    reader = Reader(capsys)
    for block in BLOCK.finditer(text):
        reader.follow(block["info"], block["text"])
    assert len(reader.ran) == len(re.findall(r"^\$ (?!echo)|^\s*(?:- run: |- )modelcheck ", text, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_the_specs_of_a_page_are_formatted(page: str, tmp_path: Path) -> None:
    for number, block in enumerate(BLOCK.finditer((CHECKOUT / page).read_text(encoding="utf-8"))):
        if block["info"].startswith("flow "):
            spec = tmp_path / f"{number}.flow"
            spec.write_text(block["text"], encoding="utf-8")
            assert exit_code("fmt", "--check", str(spec)) == 0


def test_the_reference_has_every_primitive() -> None:
    reference = (CHECKOUT / "docs" / "reference" / "language.md").read_text(encoding="utf-8")
    assert [name for name in PRIMITIVES if f"`{name}(" not in reference and f"{name}(k)" not in reference] == []


def test_what_is_installed_is_what_continuous_integration_installs() -> None:
    script = (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8")
    project = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    found = [INSTALLS.fullmatch(command.text) for page in PAGES
             for block in BLOCK.finditer((CHECKOUT / page).read_text(encoding="utf-8")) if block["info"] == "console"
             for command in commands(block["text"])]  # fmt: skip
    targets = {one["target"] for one in found if one and one["target"]}
    extras = {one["extra"] for one in found if one and one["extra"]}
    assert targets == {"check", "test"}
    assert all(re.search(rf"^make .* {target}$", script, re.MULTILINE) for target in targets)
    assert all(re.search(rf"^{extra} = ", project, re.MULTILINE) for extra in extras)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_names_exists(page: str) -> None:
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    assert set(re.findall(r"`modelcheck ([a-z]\w*)", text)) <= set(cli.main.commands)


@pytest.mark.parametrize("command", sorted(cli.main.commands))
def test_the_reference_has_every_option(command: str) -> None:
    reference = (CHECKOUT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    found = re.search(rf"^## [^\n]*`modelcheck {command}\b.*?(?=^## |\Z)", reference, re.DOTALL | re.MULTILINE)
    assert found is not None
    options = [name for parameter in cli.main.commands[command].params if isinstance(parameter, click.Option)
               for name in parameter.opts if name.startswith("--")]  # fmt: skip
    assert [name for name in options if f"`{name}" not in found[0]] == []
