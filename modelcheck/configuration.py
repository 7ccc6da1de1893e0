"""Settings of a project: the table `[tool.modelcheck]` of its pyproject.toml."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from modelcheck import rules
from modelcheck.diagnostics import Diagnostic, Label, SpecRejected, did_you_mean, in_source_order
from modelcheck.options import FORMATS
from modelcheck.source import Source, Span


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project presets; None is what it leaves to the command line. Paths are seen from the working directory."""

    paths: tuple[Path, ...] | None = None
    budget: int | None = None
    sessions: int | None = None
    timeout: float | None = None
    memory: int | None = None
    jobs: int | str | None = None
    audit: bool | None = None
    cache: bool | None = None
    format: str | None = None
    output: Path | None = None
    verbose: bool | None = None


KEYS = tuple(field.name for field in fields(Settings))


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a value has to be, in words and as a test."""

    words: str
    accepts: Callable[[Any], bool]


def _whole(value: Any, most: float) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _path(value: Any) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value


_TRUTH = _Kind("`true` or `false`", lambda value: isinstance(value, bool))
_COUNT = _Kind("a whole number from 1", lambda value: _whole(value, float("inf")))
_KINDS = {
    "paths": _Kind("a list of paths", lambda value: isinstance(value, list) and value != [] and all(map(_path, value))),
    "budget": _COUNT,
    "sessions": _Kind("a whole number from 1 to 64", lambda value: _whole(value, 64)),
    "timeout": _Kind("a number of seconds", lambda value: type(value) in (int, float) and value >= 0),
    "memory": _Kind("a whole number of MiB from 128", lambda value: _whole(value, float("inf")) and value >= 128),
    "jobs": _Kind("a whole number from 1, or `auto`", lambda value: value == "auto" or _whole(value, float("inf"))),
    "audit": _TRUTH,
    "cache": _TRUTH,
    "format": _Kind(f"one of {', '.join(f'`{one}`' for one in FORMATS)}", lambda value: value in FORMATS),
    "output": _Kind("a path", _path),
    "verbose": _TRUTH,
}


def find_settings(folder: Path) -> Settings:
    """Return the settings of the nearest pyproject.toml with a table `[tool.modelcheck]`, from a folder upwards.

    Raises SpecRejected with everything that is wrong with the table, or if a file on the way is no TOML.
    """
    for parent in (folder, *folder.parents):
        file = parent / "pyproject.toml"
        if file.is_file():
            source = _read(file, folder)
            table = _table(source)
            if table is not None:
                return _settings(table, source, parent, folder)
    return Settings()


def _read(file: Path, folder: Path) -> Source:
    label = os.path.relpath(file, folder)
    try:
        return Source(label, file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        nowhere = Label(Span(Source(label, ""), 0, 0))
        raise SpecRejected([Diagnostic(rules.NOT_TEXT, f"`{label}` is not UTF-8 text", nowhere, (),
                                       "save it as UTF-8")]) from None  # fmt: skip


def _table(source: Source) -> dict[str, Any] | None:
    try:
        tool = tomllib.loads(source.text).get("tool", {})
    except tomllib.TOMLDecodeError as problem:
        raise SpecRejected([_no_toml(source, str(problem))]) from None
    table = tool.get("modelcheck") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise SpecRejected([Diagnostic(rules.BAD_SETTING, f"`tool.modelcheck` must be a table, not {_shown(table)}",
                                       Label(_place(source, "modelcheck")), (), "write `[tool.modelcheck]`")])  # fmt: skip
    return table


def _no_toml(source: Source, problem: str) -> Diagnostic:
    """Return the finding for a file that is no TOML; tomllib tells the place only in its sentence."""
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", problem)
    sentence = problem[: place.start()] if place else problem
    start = len(source.text)
    if place and place[1]:
        above = source.text.split("\n")[: int(place[1]) - 1]
        start = sum(len(line) + 1 for line in above) + int(place[2]) - 1
    return Diagnostic(rules.BAD_SETTING, f"the file is no TOML: {sentence[:1].lower()}{sentence[1:]}",
                      Label(Span(source, start, start + 1)), (), "correct the file")  # fmt: skip


def _settings(table: dict[str, Any], source: Source, home: Path, folder: Path) -> Settings:
    if found := list(_findings(table, source)):
        raise SpecRejected(in_source_order(found))

    def seen(path: str) -> Path:
        return Path(os.path.relpath(home / path, folder))

    values = dict(table)
    if "paths" in values:
        values["paths"] = tuple(map(seen, values["paths"]))
    if "output" in values:
        values["output"] = seen(values["output"])
    return Settings(**values)


def _findings(table: dict[str, Any], source: Source) -> Iterator[Diagnostic]:
    for key, value in table.items():
        label = Label(_place(source, key))
        if key not in _KINDS:
            hint = did_you_mean(key, KEYS) or f"the settings are {', '.join(KEYS)}"
            yield Diagnostic(rules.UNKNOWN_SETTING, f"there is no setting `{key}`", label, (), hint)
        elif not _KINDS[key].accepts(value):
            message = f"`{key}` must be {_KINDS[key].words}, not {_shown(value)}"
            meant = did_you_mean(value, FORMATS) if key == "format" and isinstance(value, str) else None
            yield Diagnostic(rules.BAD_SETTING, message, label, (), meant or f"correct `{key}`, or remove the line")


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`"


def _place(source: Source, key: str) -> Span:
    """Return where a key stands, as far as the text shows it without a parser that keeps places; else the whole file."""
    table = re.search(r"^[ \t]*\[[ \t]*tool\.modelcheck\b", source.text, re.MULTILINE)
    prefix = r"^[ \t]*(?:\[?[ \t]*tool\.modelcheck\.|modelcheck\.)?"
    word = re.compile(rf"""{prefix}["']?({re.escape(key)})["']?[ \t]*[].=]""", re.MULTILINE)
    found = word.search(source.text, table.start() if table else 0)
    return Span(source, *found.span(1)) if found else Span(Source(source.path, ""), 0, 0)
