"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def resolved(path: str | Path) -> Path:
    """Return the path of the file itself behind links, also where links lead in a circle and no file is."""
    return Path(os.path.realpath(path))


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write ``content`` to ``path``; an interruption leaves the old file or none, never half of one. Raises OSError.

    A link stays one, and its file is written. What is there and no file, such as a device or a pipe, is written to.
    """
    data = content if isinstance(content, bytes) else content.encode()
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_bytes(data)
        return
    target = resolved(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
