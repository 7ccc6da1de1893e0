"""Verdicts of earlier runs, under a key of everything that they depend on.

A verdict depends on the texts of the specs, the claim, the options and the program itself, so the key is a hash of these;
whatever changes finds no entry. Entries are written atomically, and one that cannot be read is as good as none.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from modelcheck import __version__
from modelcheck.files import write_atomically
from modelcheck.options import Options
from modelcheck.resources import cache_folder
from modelcheck.verdict import (
    Attack,
    AttackSession,
    AttackStep,
    BoundedSearch,
    ClaimResult,
    Holds,
    NotSupported,
    PossibleDifference,
    Undecided,
    Vacuous,
    Verdict,
)

DEFINED = re.compile(r"^\s*(?:protocol|variant|compose)\s+([A-Za-z_][\w.]*)", re.MULTILINE)
INCLUDED = re.compile(r'^\s*include\s+"([^"\n]+)"', re.MULTILINE)
WORD = re.compile(r"[A-Za-z_][\w.]*")


@cache
def program_hash() -> str:
    """Return a hash of the program's own files, so that another version of an engine never meets old verdicts."""
    folder = Path(__file__).parent
    found = sha256(__version__.encode())
    grammars = (folder / "grammars", folder.parent / "grammars")
    for path in sorted([*folder.rglob("*.py"), *(p for g in grammars for p in g.glob("*.lark"))]):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def texts_with_includes(files: Sequence[Path]) -> dict[Path, str]:
    """Return the texts of spec files and of what they include, by resolved path; files that cannot be read are left out."""
    found: dict[Path, str] = {}
    todo = [path.resolve() for path in files]
    while todo:
        path = todo.pop()
        if path in found or path.suffix != ".flow":
            continue
        with suppress(OSError, UnicodeDecodeError):
            found[path] = path.read_text(encoding="utf-8-sig")
            todo += [(path.parent / name).resolve() for name in INCLUDED.findall(found[path])]
    return found


def related(texts: Mapping[Path, str], file: Path) -> tuple[Path, ...]:
    """Return the files on which a file's protocols may depend: those that define a name which occurs in it, and so on."""
    defined: dict[str, list[Path]] = {}
    for path, text in texts.items():
        for name in DEFINED.findall(text):
            defined.setdefault(name, []).append(path)
    found: dict[Path, None] = {}
    todo = [file]
    while todo:
        path = todo.pop()
        if path not in found and path in texts:
            found[path] = None
            words = set(WORD.findall(texts[path]))
            todo += [other for name in sorted(words & defined.keys()) for other in defined[name]]
            todo += [(path.parent / name).resolve() for name in INCLUDED.findall(texts[path])]
    return tuple(sorted(found))


def key_of(texts: Mapping[Path, str], files: Sequence[Path], what: Sequence[str], options: Options) -> str:
    """Return the key of an entry: ``what`` for the texts of ``files`` under the options."""
    settings = {name: value for name, value in asdict(options).items() if name != "timeout"}
    parts = [program_hash(), json.dumps(settings, sort_keys=True), *what]
    parts += [f"{path.name}\0{texts[path]}" for path in sorted(files)]
    return sha256("\1".join(parts).encode()).hexdigest()


def run_key(files: Sequence[Path], pattern: str | None, options: Options) -> str:
    """Return the key of a whole run over spec files."""
    texts = texts_with_includes(files)
    names = [str(path) for path in files]
    return key_of(texts, tuple(texts), ("run", pattern or "", *names), options)


@dataclass(frozen=True, slots=True)
class VerdictCache:
    """A folder of entries."""

    folder: Path

    def get(self, key: str) -> ClaimResult | None:
        """Return the result under a key, marked as cached, or None."""
        entry = self._read(key)
        return None if entry is None else _restored(entry)

    def put(self, key: str, result: ClaimResult, evidence: str | None) -> None:
        """Keep a result that another run would come to as well, with its evidence."""
        if isinstance(result.verdict, Holds | Attack | BoundedSearch | PossibleDifference | Vacuous | NotSupported):
            with suppress(OSError):
                if evidence is not None:
                    write_atomically(self._path(key, "evidence"), zlib.compress(evidence.encode(), 1))
                write_atomically(self._path(key, "json"), json.dumps(_stored(result)))

    def evidence(self, key: str) -> str | None:
        """Return the evidence under a key, or None."""
        try:
            return zlib.decompress(self._path(key, "evidence").read_bytes()).decode()
        except (OSError, zlib.error, UnicodeDecodeError):
            return None

    def get_all(self, key: str) -> tuple[list[ClaimResult], dict[str, list[str]]] | None:
        """Return the results of a whole run and the notes on its protocols, or None."""
        entry = self._read(key)
        if entry is None:
            return None
        try:
            results = [_restored(one) for one in entry["results"]]
            return [one for one in results if one is not None], dict(entry["notes"])
        except (KeyError, TypeError):
            return None

    def put_all(self, key: str, results: Sequence[ClaimResult], notes: Mapping[str, Sequence[str]]) -> None:
        """Keep the results of a whole run whose claims are all decided."""
        if all(
            isinstance(r.verdict, Holds | Attack | BoundedSearch | PossibleDifference | Vacuous | NotSupported)
            for r in results
        ):
            entry = {
                "results": [_stored(one) for one in results],
                "notes": {name: list(n) for name, n in notes.items()},
            }
            with suppress(OSError):
                write_atomically(self._path(key, "json"), json.dumps(entry))

    def clear(self) -> int:
        """Delete all entries and return how many files there were."""
        entries = list(self.folder.glob("*/*.json")) + list(self.folder.glob("*/*.evidence"))
        for path in entries:
            path.unlink(missing_ok=True)
        return len(entries)

    def _path(self, key: str, kind: str) -> Path:
        return self.folder / key[:2] / f"{key}.{kind}"

    def _read(self, key: str) -> dict[str, Any] | None:
        try:
            found = json.loads(self._path(key, "json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None


def user_cache() -> VerdictCache | None:
    """Return the user's cache of verdicts, None if this user has no place for one."""
    folder = cache_folder()
    return None if folder is None else VerdictCache(folder / "verdicts")


KINDS = {
    one.__name__: one for one in (Holds, Attack, BoundedSearch, PossibleDifference, Vacuous, NotSupported, Undecided)
}


def _stored(result: ClaimResult) -> dict[str, Any]:
    verdict = result.verdict
    if isinstance(verdict, Holds):
        verdict = replace(verdict, evidence=verdict.evidence if isinstance(verdict.evidence, tuple) else None)
    return {**asdict(replace(result, verdict=verdict)), "kind_of_verdict": type(verdict).__name__}


def _restored(entry: dict[str, Any]) -> ClaimResult | None:
    try:
        fields = dict(entry)
        kind = KINDS[fields.pop("kind_of_verdict")]
        verdict = _verdict(kind, fields["verdict"])
        fields |= {"verdict": verdict, "cached": True}
        fields |= {name: tuple(fields[name]) for name in ("assumptions", "sources")}
        return ClaimResult(**fields)
    except (KeyError, TypeError, ValueError):
        return None


def _verdict(kind: type[Any], fields: dict[str, Any]) -> Verdict:
    if kind is Attack:
        sessions = tuple(AttackSession(**{**s, "names": tuple(s["names"])}) for s in fields["sessions"])
        steps = tuple(
            AttackStep(**{**s, **{name: tuple(s[name]) for name in ("receives", "sends", "terms")}})
            for s in fields["steps"]
        )
        return Attack(sessions, steps, fields["conclusion"])
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    found: Verdict = kind(**plain)
    return found
