"""Stored parse tables behave like computed ones, and a bad store costs time only."""

from __future__ import annotations

from pathlib import Path

import pytest
from lark import Lark

from modelcheck import resources
from modelcheck.syntax.tables import build_tables, load_tables
from tests.support import SIGNED

GRAMMAR = 'start: "a" NAME*\nNAME: /[b-z]/\n'


def words(parser: Lark) -> list[str]:
    return [str(child) for child in parser.parse("abc").children]


def test_tables_are_stored_once_and_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "deeper"
    assert words(load_tables(GRAMMAR, folder)) == ["b", "c"]
    (stored,) = folder.iterdir()
    before = stored.stat().st_mtime_ns
    assert words(load_tables(GRAMMAR, folder)) == ["b", "c"]
    assert [one.stat().st_mtime_ns for one in folder.iterdir()] == [before]


def test_stored_tables_give_the_same_tree(tmp_path: Path) -> None:
    text = resources.grammar_text("flow")
    spec = SIGNED + "  c: secret k at Client\n"
    load_tables(text, tmp_path)
    assert load_tables(text, tmp_path).parse(spec) == build_tables(text).parse(spec)


def test_another_grammar_has_its_own_tables(tmp_path: Path) -> None:
    load_tables(GRAMMAR, tmp_path)
    load_tables(GRAMMAR.replace("b-z", "c-z"), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '["", "[]"]', "\0"])
def test_damaged_tables_are_written_again(tmp_path: Path, damage: str) -> None:
    load_tables(GRAMMAR, tmp_path)
    (stored,) = tmp_path.iterdir()
    stored.write_text(damage, encoding="utf-8")
    assert words(load_tables(GRAMMAR, tmp_path)) == ["b", "c"]
    assert len(stored.read_text(encoding="utf-8")) > 100


def test_changed_tables_are_not_believed(tmp_path: Path) -> None:
    load_tables(GRAMMAR, tmp_path)
    (stored,) = tmp_path.iterdir()
    stored.write_text(stored.read_text(encoding="utf-8").replace("[b-z]", "[x-z]"), encoding="utf-8")
    assert words(load_tables(GRAMMAR, tmp_path)) == ["b", "c"]


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    assert words(load_tables(GRAMMAR, blocked / "cache")) == ["b", "c"]
    assert words(load_tables(GRAMMAR, None)) == ["b", "c"]
