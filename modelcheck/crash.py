"""What is left behind when the program makes a mistake."""

from __future__ import annotations

import sys
import tempfile

from modelcheck import __version__


def write_crash(text: str) -> str:
    """Return the path of a new file that says what went wrong, and in which call of the program."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="modelcheck-crash-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        file.write(f"modelcheck {__version__}, Python {sys.version}\n{' '.join(sys.argv)}\n\n{text}")
    return file.name
