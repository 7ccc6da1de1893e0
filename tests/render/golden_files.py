"""Whole outputs, kept as files beside the tests."""

from __future__ import annotations

from pathlib import Path

from modelcheck import __version__

FOLDER = Path(__file__).parent / "golden"


def golden(name: str) -> str:
    """The text of a golden file, VERSION in it replaced by the program's."""
    return (FOLDER / name).read_text(encoding="utf-8").replace("VERSION", __version__)
