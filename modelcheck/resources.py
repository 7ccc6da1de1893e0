"""Finds the grammar and the packaged specs, in an installed wheel and in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    """Return the folder beside the package's modules (a wheel), or beside the package (a checkout)."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def grammar_text(name: str) -> str:
    """Return the text of a grammar; raise FileNotFoundError if there is none of that name."""
    return (_folder("grammars") / f"{name}.lark").read_text(encoding="utf-8")


def specs_folder() -> Path:
    """Return the folder with the specs that come with the program."""
    return _folder("specs")
