"""Finds the grammar and the packaged specs, in an installed wheel and in a checkout, and the user's cache."""

from __future__ import annotations

import os
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


def cache_folder() -> Path | None:
    """Return the folder for what can be computed again, or None if this user has no home; it need not exist."""
    chosen = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        base = Path(chosen) if chosen else Path.home() / ".cache"
    except RuntimeError:
        return None
    return base / "modelcheck" if base.is_absolute() else None
