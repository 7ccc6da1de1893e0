"""Verdicts of earlier runs, kept in the user's cache under a hash of everything that they depend on.

A claim's verdict depends on the text of its protocol and of those that this text names, on the options, and on the
program. Entries are JSON with their own hash in front: whoever can write to the cache can lie about verdicts, but not
run code, and an entry that is damaged is one that is not there.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import rmtree
from time import time
from typing import Any

from modelcheck import __version__, resources
from modelcheck.files import write_atomically
from modelcheck.options import Options
from modelcheck.plain import NotPlain, from_plain, to_plain
from modelcheck.verdict import ClaimResult, InternalError, left_open

UNUSED = 30 * 24 * 3600
"""Seconds after which the verdicts of another version of the program are forgotten."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A claim of a run: where it stands, and the key of its verdict."""

    file: str
    protocol: str
    claim: str
    line: int
    column: int
    key: str
    source: str
    """Hash of the file's text."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a reader of a protocol's verdicts should know."""

    protocol: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Included:
    """A file that was read although it was not named, and the hash of its text."""

    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The claims that some files have, in their order."""

    claims: tuple[Planned, ...]
    notes: tuple[Note, ...]
    included: tuple[Included, ...]


def digest(*parts: Any) -> str:
    """Return a hash of JSON values: equal for equal values, in every process."""
    return sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


@cache
def program() -> str:
    """Return a hash of the program: its sources, its grammar, and the versions of what it is built on."""
    folder = Path(__file__).parent
    sources = {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))}
    return digest(
        __version__, sources, resources.grammar_text("flow"), [_version(n) for n in ("z3-solver", "lark", "networkx")]
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def text_closure(texts: Mapping[str, str], protocol: str) -> dict[str, str]:
    """Return the text of a protocol and of all that it names, directly or not.

    A protocol depends on others only by naming them, so every name that occurs in a text counts, wherever it stands.

    >>> sorted(text_closure({"a": "protocol a", "b": "variant b of a", "c": "protocol c"}, "b"))
    ['a', 'b']
    """
    found: dict[str, str] = {}
    todo = [protocol]
    while todo:
        name = todo.pop()
        found[name] = texts[name]
        todo += [other for other in texts if other not in found and other not in todo and other in texts[name]]
    return dict(sorted(found.items()))


def claim_key(closure: Mapping[str, str], protocol: str, claim: str, options: Options) -> str:
    """Return the key of a claim's verdict; time is no part of it, since no verdict that ran out of time is kept."""
    settings = asdict(options) | {"timeout": None}
    return digest(program(), settings, dict(closure), protocol, claim)


@dataclass(frozen=True, slots=True)
class VerdictCache:
    """The entries of this version of the program in a folder; one that cannot be read or written costs time only."""

    folder: Path

    def result(self, planned: Planned) -> ClaimResult | None:
        """Return the kept result of a claim, as one that stands where this claim stands; None if there is none."""
        plain = self._read(f"{planned.key}.json")
        try:
            found = from_plain(ClaimResult, plain)
        except NotPlain:
            return None
        if (found.protocol, found.claim) != (planned.protocol, planned.claim):
            return None
        fields = {name: getattr(found, name) for name in ClaimResult.__dataclass_fields__}
        here = {"file": planned.file, "line": planned.line, "column": planned.column, "cached": True}
        return ClaimResult(**(fields | here))

    def evidence(self, planned: Planned) -> str | None:
        """Return the kept evidence of a claim, as evidence about the file in which it stands now; None if there is none."""
        try:
            packed = (self._home() / f"{planned.key}.evidence").read_bytes()
            found = json.loads(zlib.decompress(packed))
        except (OSError, ValueError, zlib.error):
            return None
        return (
            json.dumps(found | {"source": planned.source}, separators=(",", ":")) if isinstance(found, dict) else None
        )

    def keep(self, key: str, result: ClaimResult, evidence: str | None, *, timed: bool) -> None:
        """Write a result and its evidence, unless another run could decide better: no mistakes, nothing cut off by time."""
        if isinstance(result.verdict, InternalError) or (timed and left_open(result.verdict)):
            return
        with suppress(NotPlain, OSError):
            plain = to_plain(result)
            if evidence is not None:
                self._write(f"{key}.evidence", zlib.compress(evidence.encode(), 1))
            self._write(f"{key}.json", _sealed(plain))

    def plan(self, key: str) -> Plan | None:
        """Return the kept plan of a run, None if there is none."""
        try:
            return from_plain(Plan, self._read(f"{key}.plan.json"))
        except NotPlain:
            return None

    def keep_plan(self, key: str, plan: Plan) -> None:
        """Write the plan of a run."""
        with suppress(OSError):
            self._write(f"{key}.plan.json", _sealed(to_plain(plan)))

    def clear(self) -> int:
        """Delete all entries, those of other versions of the program too, and return how many files there were."""
        entries = [path for kind in ("json", "evidence") for path in self.folder.glob(f"*/*.{kind}")]
        for path in entries:
            path.unlink(missing_ok=True)
        for home in [*self.folder.glob("*"), self.folder]:
            with suppress(OSError):
                home.rmdir()
        return len(entries)

    def _home(self) -> Path:
        return self.folder / program()[:32]

    def _read(self, name: str) -> Any:
        try:
            seal, _, body = (self._home() / name).read_text(encoding="utf-8").partition("\n")
            return json.loads(body) if seal == sha256(body.encode()).hexdigest() else None
        except (OSError, ValueError, RecursionError):
            return None

    def _write(self, name: str, content: str | bytes) -> None:
        home = self._home()
        if not home.is_dir():
            self._forget()
        write_atomically(home / name, content)

    def _forget(self) -> None:
        """Remove what other versions of the program kept and nobody has added to for long."""
        with suppress(OSError):
            for old in self.folder.iterdir():
                if old.is_dir() and time() - old.stat().st_mtime > UNUSED:
                    rmtree(old, ignore_errors=True)


def _sealed(plain: Any) -> str:
    """Return JSON values as text behind a hash of it, by which damage is noticed."""
    body = json.dumps(plain)
    return f"{sha256(body.encode()).hexdigest()}\n{body}"


def user_cache() -> VerdictCache | None:
    """Return the user's cache of verdicts, None if this user has no place for one."""
    folder = resources.cache_folder()
    return None if folder is None else VerdictCache(folder / "verdicts")
