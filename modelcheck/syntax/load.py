"""Files to syntax trees, with a diagnostic for everything that can be wrong with a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from modelcheck import rules
from modelcheck.diagnostics import Diagnostic, Label, Rule, SpecRejected
from modelcheck.source import Source, Span
from modelcheck.syntax import file_tree, flow_tree
from modelcheck.syntax.failure import END, Failure, NotParsed, Place, spellings
from modelcheck.syntax.mistakes import bad_character, like_an_example, misspelt
from modelcheck.syntax.parser import parse_text

LARGEST = 256 * 1024
"""Bytes that a spec may have."""

DEEPEST = 100
"""Brackets that may be open at once."""

DEEPEST_BLOCK = 25
"""Blocks of branches that may be open at once."""

MOST_MISTAKES = 20
"""Mistakes of one file that are reported."""

ITEM = re.compile(r"^(?:protocol|variant|compose|include)\b(?!\s*:)", re.MULTILINE)
SKIPPED = re.compile(r'"[^"\n]*"|#[^\n]*')


def read_source(path: Path) -> Source:
    """Return a file's text; raise SpecRejected if it cannot be read or is no text."""
    data = _bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise _unreadable(path, rules.NOT_TEXT, f"`{path}` is not UTF-8 text (byte {problem.start})",
                          "save it as UTF-8, or check that the path names a spec") from None  # fmt: skip
    if "\0" in text:
        raise _unreadable(path, rules.NOT_TEXT, f"`{path}` has a zero byte, so it is no text",
                          "check that the path names a spec")  # fmt: skip
    return Source(str(path), text.replace("\r\n", "\n"))


def _bytes(path: Path) -> bytes:
    """Return what is in a regular file, never waiting for a pipe or reading on in an endless device."""
    try:
        status = path.stat()
        if S_ISDIR(status.st_mode):
            raise _unreadable(path, rules.UNREADABLE_FILE, f"`{path}` is a folder", "name a file in it")
        if not S_ISREG(status.st_mode):
            raise _unreadable(path, rules.UNREADABLE_FILE, f"`{path}` is no regular file", "copy the spec to a file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise _unreadable(path, rules.UNREADABLE_FILE, f"`{path}` cannot be read: {reason}",
                          "check the path and its permissions") from None  # fmt: skip
    if len(data) > LARGEST:
        raise _unreadable(path, rules.FILE_TOO_LARGE, f"`{path}` has more than {LARGEST} bytes, more than a spec can have",
                          "check that the path names a spec")  # fmt: skip
    return data


def _unreadable(path: Path, rule: Rule, message: str, hint: str) -> SpecRejected:
    return SpecRejected([Diagnostic(rule, message, Label(Span(Source(str(path), ""), 0, 0)), (), hint)])


def parse(source: Source) -> file_tree.File:
    """Return the syntax tree of a source; raise SpecRejected with the first mistake of every item in it."""
    bare = SKIPPED.sub(lambda skipped: " " * len(skipped.group()), source.text)
    if not bare.strip():
        span = Span(source, 0, 1)
        raise SpecRejected([Diagnostic(rules.EMPTY_FILE, "there is no protocol in this file", Label(span), (),
                                       "`modelcheck new NAME` writes a spec to start from")])  # fmt: skip
    _check_brackets(source, bare)
    try:
        file = parse_text(source)
    except NotParsed as problem:
        first = problem.failure
    else:
        _check_blocks(file)
        return file
    raise SpecRejected(
        [_diagnostic(source, failure) for failure in _failures(source, bare)] or [_diagnostic(source, first)]
    )


def _check_brackets(source: Source, bare: str) -> None:
    depth = 0
    for bracket in re.finditer(r"[](){}[]", bare):
        depth = depth + 1 if bracket.group() in "({[" else max(0, depth - 1)
        if depth > DEEPEST:
            span = Span(source, bracket.start(), bracket.end())
            raise SpecRejected([Diagnostic(rules.TOO_DEEP, f"more than {DEEPEST} brackets are open here", Label(span), (),
                                           "give inner terms names with `let`")])  # fmt: skip


def _check_blocks(file: file_tree.File) -> None:
    """Reject blocks within blocks that later stages, which follow them recursively, could not."""
    todo: list[tuple[flow_tree.Statement, int]] = [
        (statement, 1) for item in file.items if isinstance(item, file_tree.Protocol) for statement in item.statements
    ]
    todo += (
        (edit.statement, 1) for item in file.items if isinstance(item, file_tree.Variant)
        for edit in item.edits if isinstance(edit, file_tree.AddStatement)
    )  # fmt: skip
    while todo:
        statement, depth = todo.pop()
        if not isinstance(statement, flow_tree.Alt):
            continue
        if depth > DEEPEST_BLOCK:
            message = f"more than {DEEPEST_BLOCK} blocks of branches are open here"
            start = statement.span.start
            raise SpecRejected([Diagnostic(rules.TOO_DEEP, message, Label(Span(statement.span.source, start, start + 3)), (),
                                           "end a block before the next one starts")])  # fmt: skip
        todo += ((inner, depth + 1) for inner in (*statement.body, *(statement.otherwise or ())))


def _failures(source: Source, bare: str) -> Iterator[Failure]:
    """Yield the first failure of each top-level item, and of the text above them, every one read on its own."""
    starts = [match.start() for match in ITEM.finditer(bare)]
    if not starts or bare[: starts[0]].strip():
        starts = [0, *starts]
    count = 0
    for start, end in zip(starts, [*starts[1:], len(bare)], strict=True):
        try:
            parse_text(Source(source.path, source.text[start:end]))
        except NotParsed as problem:
            yield _moved(problem.failure, start, start + len(bare[start:end].rstrip()))
            count += 1
        if count == MOST_MISTAKES:
            return


def _moved(failure: Failure, offset: int, end: int) -> Failure:
    """Return a failure of a part of the text as one of the whole; what is missing at the part's end is missing there."""
    here, before = failure.here, failure.before
    start, stop = (end, end) if failure.kind == END else (here.start + offset, here.end + offset)
    moved = Place(before.start + offset, before.end + offset, before.expected) if before else None
    return Failure(Place(start, stop, here.expected), failure.kind, failure.state, moved)


def _diagnostic(source: Source, failure: Failure) -> Diagnostic:
    """Return what a mistake probably is: a misspelt word, a stray character, a typical mistake, or what is expected."""
    for place in filter(None, (failure.here, failure.before)):
        word = source.text[place.start : place.end]
        meant = misspelt(word, place.expected) if word.isidentifier() else None
        if meant is not None:
            label = Label(Span(source, place.start, place.end))
            wrong = "cannot stand here" if word in spellings() else "is no word of the language"
            return Diagnostic(rules.SYNTAX_ERROR, f"`{word}` {wrong}", label, (), f"did you mean `{meant}`?")
    here = failure.here
    stray = bad_character(source.text, failure)
    if stray is not None:
        length, message, hint = stray
        return Diagnostic(rules.BAD_CHARACTER, message, Label(Span(source, here.start, here.start + length)), (), hint)
    label = Label(Span(source, here.start, here.end))
    typical = like_an_example(failure)
    if typical is not None:
        return Diagnostic(rules.SYNTAX_ERROR, typical[0], label, (), typical[1])
    if not failure.kind:
        return Diagnostic(
            rules.BAD_CHARACTER, f"`{source.text[here.start]}` means nothing here", label, (), "leave it out"
        )
    seen = (
        "something is missing here"
        if failure.kind == END
        else f"`{source.text[here.start : here.end]}` cannot stand here"
    )
    return Diagnostic(rules.SYNTAX_ERROR, seen, label, (), _options(here.expected))


def _options(expected: tuple[str, ...]) -> str:
    """Return a hint that lists some of what could stand at a place, things before words."""
    things = [one for one in expected if " " in one]
    words = [f"`{one}`" for one in expected if " " not in one]
    shown = [*things, *words][:8]
    return f"here could stand {', '.join(shown)}{', ...' if len(expected) > len(shown) else ''}"
