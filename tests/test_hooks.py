"""The hooks that other projects run with pre-commit: each is a command that takes the files it is given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelcheck.starter import starting_spec
from tests.support import exit_code

ROOT = Path(__file__).parent.parent
HOOK = re.compile(
    r"^- id: (?P<id>\S+)\n(?:  .*\n)*?  entry: (?P<entry>.+)\n(?:  .*\n)*?  files: (?P<files>.+)\n", re.MULTILINE
)
HOOKS = {hook["id"]: hook for hook in HOOK.finditer((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}


def test_there_are_two_hooks() -> None:
    assert {name: hook["entry"] for name, hook in HOOKS.items()} == {
        "modelcheck": "modelcheck check", "modelcheck-fmt": "modelcheck fmt",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["modelcheck", "modelcheck-fmt"])
def test_a_hook_accepts_a_good_spec(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hello.flow").write_text(starting_spec("hello"), encoding="utf-8")
    program, *arguments = HOOKS[name]["entry"].split()
    assert program == "modelcheck"
    assert re.search(HOOKS[name]["files"], "hello.flow")
    assert not re.search(HOOKS[name]["files"], "hello.flow.txt")
    assert exit_code(*arguments, "hello.flow") == 0
