"""Which files a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelcheck import rules
from modelcheck.diagnostics import Diagnostic, Label, SpecRejected
from modelcheck.source import Source, Span


def find_specs(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the spec files among paths: files as they are, folders searched for ``*.flow``.

    What is hidden in a folder is left alone: an editor's copies, and environments such as ``.venv`` with packaged specs.
    Raises SpecRejected for a path that does not exist.
    """
    found: dict[Path, None] = {}
    missing = []
    for path in paths:
        if path.is_dir():
            found |= dict.fromkeys(sorted(one for one in path.rglob("*.flow") if _is_spec(one, path)))
        elif path.exists():
            found[path] = None
        else:
            span = Span(Source(str(path), ""), 0, 0)
            missing.append(Diagnostic(rules.UNREADABLE_FILE, f"there is no file or folder `{path}`", Label(span), (),
                                      "check the path"))  # fmt: skip
    if missing:
        raise SpecRejected(missing)
    return tuple(found)


def _is_spec(path: Path, folder: Path) -> bool:
    """Return whether something that is named like a spec is one that a search of a folder is to find."""
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and not path.is_dir()
