"""Files to syntax trees, with a diagnostic for everything that can be wrong with a text."""

from __future__ import annotations

import re
from pathlib import Path

from modelcheck import rules
from modelcheck.diagnostics import Diagnostic, Label, Rule, SpecRejected
from modelcheck.source import Source, Span
from modelcheck.syntax import tree
from modelcheck.syntax.mistakes import EXAMPLES, misspelt
from modelcheck.syntax.parser import Mistake, parse_text

LARGEST = 1024 * 1024
"""Bytes that a spec may have."""

DEEPEST = 100
"""Brackets that may be open at once."""

ITEM = re.compile(r"^(?:protocol|variant|compose|include)\b", re.MULTILINE)
SKIPPED = re.compile(r'"[^"\n]*"|#[^\n]*')
WORD = re.compile(r"\w+")


def read_source(path: Path) -> Source:
    """Return a file's text; raise SpecRejected if it cannot be read or is no text."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise _unreadable(path, rules.UNREADABLE_FILE, f"`{path}` is a folder", "name a file in it")
        if size > LARGEST:
            raise _unreadable(path, rules.FILE_TOO_LARGE, f"`{path}` has {size} bytes, more than a spec can have",
                              "check that the path names a spec")  # fmt: skip
        data = path.read_bytes()
    except OSError as problem:
        raise _unreadable(path, rules.UNREADABLE_FILE, f"`{path}` cannot be read: {problem.strerror}",
                          "check the path and its permissions") from None  # fmt: skip
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise _unreadable(path, rules.NOT_TEXT, f"`{path}` is not UTF-8 text (byte {problem.start})",
                          "save it as UTF-8, or check that the path names a spec") from None  # fmt: skip
    if "\0" in text:
        raise _unreadable(path, rules.NOT_TEXT, f"`{path}` has a zero byte, so it is no text",
                          "check that the path names a spec")  # fmt: skip
    return Source(str(path), text.replace("\r\n", "\n"))


def _unreadable(path: Path, rule: Rule, message: str, hint: str) -> SpecRejected:
    return SpecRejected([Diagnostic(rule, message, Label(Span(Source(str(path), ""), 0, 0)), (), hint)])


def parse(source: Source) -> tree.File:
    """Return the syntax tree of a source; raise SpecRejected with the first mistake of every item in it."""
    bare = SKIPPED.sub(lambda skipped: " " * len(skipped.group()), source.text)
    if not bare.strip():
        span = Span(source, 0, 1)
        raise SpecRejected([Diagnostic(rules.EMPTY_FILE, "there is no protocol in this file", Label(span), (),
                                       "`modelcheck new NAME` writes a spec to start from")])  # fmt: skip
    _check_depth(source, bare)
    try:
        return parse_text(source)
    except Mistake as mistake:
        first = _diagnostic(source, mistake)
    found = [first, *(d for d in _item_mistakes(source, bare) if d.primary.span.start != first.primary.span.start)]
    raise SpecRejected(sorted(found, key=lambda d: d.primary.span.start))


def _check_depth(source: Source, bare: str) -> None:
    depth = 0
    for offset, character in enumerate(bare):
        if character in "({[":
            depth += 1
            if depth > DEEPEST:
                raise SpecRejected([Diagnostic(
                    rules.TOO_DEEP, f"more than {DEEPEST} brackets are open here", Label(Span(source, offset, offset + 1)),
                    (), "give inner terms names with `let`")])  # fmt: skip
        elif character in ")}]":
            depth = max(0, depth - 1)


def _item_mistakes(source: Source, bare: str) -> list[Diagnostic]:
    """Return the first mistake of each top-level item, every item read on its own at its place in the file."""
    starts = [match.start() for match in ITEM.finditer(bare)]
    found: list[Diagnostic] = []
    if not starts:
        return found
    for start, end in zip(starts, [*starts[1:], len(source.text)], strict=True):
        before = re.sub(r"[^\n]", " ", source.text[:start])
        alone = Source(source.path, before + source.text[start:end])
        try:
            parse_text(alone)
        except Mistake as mistake:
            found.append(_diagnostic(source, mistake))
    return found


def _diagnostic(source: Source, mistake: Mistake) -> Diagnostic:
    """Return what a mistake probably is: a misspelt word, one of the typical mistakes, or just what cannot stand there."""
    start = min(mistake.start, max(0, len(source.text) - 1))
    here = WORD.match(source.text, start)
    label = Label(Span(source, start, here.end() if here else start + 1))
    for offset, word in _words_at(source.text, start):
        meant = misspelt(word, mistake.expected)
        if meant is not None:
            place = Label(Span(source, offset, offset + len(word)))
            return Diagnostic(rules.SYNTAX_ERROR, f"`{word}` is no word of the language", place, (),
                              f"did you mean `{meant}`?")  # fmt: skip
    if source.text.startswith("=>", start):
        return Diagnostic(rules.BAD_CHARACTER, "`=>` is no arrow", Label(Span(source, start, start + 2)), (),
                          "a message goes along `->`")  # fmt: skip
    if mistake.character:
        hint = {'"': "close the text on its line", ";": "statements need no separator", "/": "a comment starts with `#`"}
        return Diagnostic(rules.BAD_CHARACTER, f"`{mistake.character}` means nothing here", label, (),
                          hint.get(mistake.character, "leave it out"))  # fmt: skip
    sentence = mistake.like([(key, texts) for key, (_, _, texts) in enumerate(EXAMPLES)])
    if sentence is not None:
        what, hint_text, _ = EXAMPLES[sentence]
        return Diagnostic(rules.SYNTAX_ERROR, what, label, (), hint_text)
    seen = "the file ends too early" if mistake.at_end else f"`{here.group() if here else source.text[start]}` cannot stand here"
    options = ", ".join(f"`{word}`" for word in mistake.expected[:8])
    return Diagnostic(rules.SYNTAX_ERROR, seen, label, (), f"here could stand {options}" if options else "see the grammar")


def _words_at(text: str, start: int) -> list[tuple[int, str]]:
    """Return the word at a place and the one before it: a misspelt word is often noticed one token late."""
    words = []
    here = WORD.match(text, start)
    if here:
        words.append((start, here.group()))
    before = re.search(r"(\w+)\W*$", text[:start].rsplit("\n", maxsplit=1)[-1] if text[:start].rsplit("\n", maxsplit=1)[-1].strip() else "")
    if before:
        line_start = text.rfind("\n", 0, start) + 1
        words.append((line_start + before.start(1), before.group(1)))
    return words
