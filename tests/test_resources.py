"""Where the program finds its files."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

import pytest

from modelcheck import resources


def test_the_grammar_and_the_specs_are_found() -> None:
    assert "start: item+" in resources.grammar_text("flow")
    assert list(resources.specs_folder().rglob("*.flow"))


@pytest.mark.parametrize("path", sorted(resources.specs_folder().rglob("*.flow")), ids=lambda path: path.stem)
def test_every_spec_begins_with_a_few_lines_on_what_it_shows(path: Path) -> None:
    opening = list(takewhile(lambda line: line.startswith("# "), path.read_text(encoding="utf-8").splitlines()))
    assert 1 <= len(opening) <= 3
    assert opening[-1].endswith(".")


def test_unknown_grammars_are_not() -> None:
    with pytest.raises(FileNotFoundError):
        resources.grammar_text("other")


def test_the_cache_is_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert resources.cache_folder() == tmp_path / "modelcheck"


def test_without_a_choice_the_cache_is_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert resources.cache_folder() == tmp_path / ".cache" / "modelcheck"


def test_a_relative_cache_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise every folder in which the program runs would get one."""
    monkeypatch.setenv("XDG_CACHE_HOME", "somewhere")
    assert resources.cache_folder() is None
