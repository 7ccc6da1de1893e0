"""What all tests need: caches of their own, so that none sees the verdicts of another or of the user."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from modelcheck import resources
from modelcheck.syntax.tables import load_tables


@pytest.fixture(scope="session")
def parse_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the parse tables, which take longer to compute than most tests."""
    folder = tmp_path_factory.mktemp("tables")
    load_tables(resources.grammar_text("flow"), folder)
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, parse_tables: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of this test alone, with nothing but the parse tables in it."""
    base = tmp_path_factory.mktemp("cache")
    shutil.copytree(parse_tables, base / "modelcheck")
    monkeypatch.setenv("XDG_CACHE_HOME", str(base))
    return base / "modelcheck"
