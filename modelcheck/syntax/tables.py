"""The parse tables of the language: computed from the grammar, or read back from the user's cache.

Computing the tables takes longer than parsing any spec, so they are kept as JSON under a name that is a hash of the
grammar and of lark's version. JSON holds data only: whoever can write to the cache can make parsing fail, not run code.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from modelcheck import resources
from modelcheck.files import write_atomically


@cache
def grammar() -> lark.Lark:
    """Return the parser for the grammar in ``grammars/flow.lark``."""
    return load_tables(resources.grammar_text("flow"), resources.cache_folder())


def load_tables(text: str, folder: Path | None) -> lark.Lark:
    """Return the parser for a grammar, its tables taken from ``folder`` if they are there, else left there.

    A folder that cannot be read or written, and a file that is not what was written, cost time and nothing else.
    """
    if folder is None:
        return build_tables(text)
    path = folder / f"tables-{_key(text)}.json"
    try:
        return _restore(path.read_text(encoding="utf-8"))
    except Exception:  # noqa: BLE001 (a damaged file can fail in any way, and the tables can always be computed)
        parser = build_tables(text)
    with suppress(OSError):
        write_atomically(path, _stored(parser))
    return parser


def build_tables(text: str) -> lark.Lark:
    """Return the parser for a grammar, its tables computed."""
    return lark.Lark(text, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def _key(text: str) -> str:
    return sha256(f"{lark.__version__}\n{text}".encode()).hexdigest()[:32]


def _stored(parser: lark.Lark) -> str:
    data, memo = parser.memo_serialize([TerminalDef, Rule])
    body = json.dumps([data, memo])
    return json.dumps([sha256(body.encode()).hexdigest(), body])


def _restore(text: str) -> lark.Lark:
    digest, body = json.loads(text)
    if sha256(body.encode()).hexdigest() != digest:
        raise ValueError("the tables are not as they were written")
    data, memo = json.loads(body, object_pairs_hook=_numbered)
    restore: Callable[[Any, Any], lark.Lark] = lark.Lark._load_from_dict  # what lark's own generated parsers call
    return restore(data, memo)


def _numbered(pairs: list[tuple[str, Any]]) -> dict[Any, Any]:
    """Return a JSON object with its numbers as keys again: states, tokens and rules are numbered."""
    return {int(key) if key.isdecimal() else key: value for key, value in pairs}
