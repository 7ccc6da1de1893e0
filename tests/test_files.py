"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelcheck.files import write_atomically


def test_a_new_file_in_a_new_folder(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b.txt", "text\n")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "text\n"


def test_a_rewritten_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o600)
    write_atomically(path, "new")
    assert (path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777) == ("new", 0o600)


@pytest.mark.parametrize("before", [None, "old"])
def test_an_interruption_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "a.txt"
    if before is not None:
        path.write_text(before, encoding="utf-8")
    monkeypatch.setattr(os, "replace", interrupted)
    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    found = [file.read_text(encoding="utf-8") for file in tmp_path.iterdir()]
    assert found == ([] if before is None else [before])


def test_a_link_stays_one_and_its_file_is_written(tmp_path: Path) -> None:
    path, link = tmp_path / "a.txt", tmp_path / "link.txt"
    path.write_text("old", encoding="utf-8")
    link.symlink_to("a.txt")
    write_atomically(link, "new")
    assert (link.is_symlink(), path.read_text(encoding="utf-8")) == (True, "new")


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with os.fdopen(os.open(pipe, os.O_RDWR), "rb", buffering=0) as reader:
        write_atomically(pipe, "text")
        assert (pipe.is_fifo(), reader.read(4)) == (True, b"text")
