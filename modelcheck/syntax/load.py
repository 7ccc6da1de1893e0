"""Files to syntax trees, with a diagnostic for everything that can be wrong with a text."""

from __future__ import annotations

from pathlib import Path

from modelcheck import rules
from modelcheck.diagnostics import Diagnostic, Label, SpecRejected
from modelcheck.source import Source, Span
from modelcheck.syntax import tree
from modelcheck.syntax.parser import UnexpectedInput, parse_text

LARGEST = 1024 * 1024
DEEPEST = 100


def read_source(path: Path) -> Source:
    """Return a file's text; raise SpecRejected if it cannot be read or is no text."""
    nowhere = Label(Span(Source(str(path), ""), 0, 0))
    try:
        if path.stat().st_size > LARGEST:
            raise SpecRejected([Diagnostic(rules.FILE_TOO_LARGE, f"`{path}` is larger than 1 MiB", nowhere, (), "check that the path names a spec")])
        data = path.read_bytes()
    except OSError as problem:
        raise SpecRejected([Diagnostic(rules.UNREADABLE_FILE, f"`{path}` cannot be read: {problem.strerror}", nowhere, (), "check the path and its permissions")]) from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise SpecRejected([Diagnostic(rules.NOT_TEXT, f"`{path}` is not UTF-8 text", nowhere, (), "save it as UTF-8")])
    return Source(str(path), text)


def parse(source: Source) -> tree.File:
    """Return the syntax tree of a source; raise SpecRejected with what is wrong."""
    try:
        return parse_text(source)
    except UnexpectedInput as problem:
        at = problem.pos_in_stream or 0
        raise SpecRejected([Diagnostic(rules.SYNTAX_ERROR, "this cannot stand here", Label(Span(source, at, at + 1)), (), "see the grammar")]) from None
