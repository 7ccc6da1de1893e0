"""Findings as values: what is wrong, where, why there, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from modelcheck.source import Span


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of finding: its code and word name, a title, and the page that `modelcheck explain` shows."""

    code: str
    name: str
    title: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Label:
    """A place, and what it has to do with the finding."""

    span: Span
    message: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: the rule it breaks, a sentence, its place, further places, and a hint that is an action."""

    rule: Rule
    message: str
    primary: Label
    secondary: tuple[Label, ...] = ()
    hint: str | None = None
    severity: str = "error"


class SpecRejected(Exception):
    """A spec cannot be checked; ``diagnostics`` says why, all findings of a stage in source order."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Carry the findings."""
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(render_diagnostic(diagnostic) for diagnostic in self.diagnostics))


def in_source_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the findings sorted by file and place, each once."""
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: (d.primary.span.source.path, d.primary.span.start)))


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """Return a hint that offers the candidate closest to ``word``, or None if none is close."""
    found = get_close_matches(word, list(dict.fromkeys(candidates)), n=1, cutoff=0.6)
    return f"did you mean `{found[0]}`?" if found else None


def render_diagnostic(diagnostic: Diagnostic) -> str:
    """Return the finding as text: a headline, the place with a caret, further places, the hint."""
    rule = diagnostic.rule
    lines = [f"{diagnostic.severity}[{rule.code} {rule.name}]: {diagnostic.message}"]
    lines += _place(diagnostic.primary, "-->")
    for label in diagnostic.secondary:
        lines += _place(label, ":::")
    if diagnostic.hint:
        lines.append(f"  = hint: {diagnostic.hint}")
    return "\n".join(map(printable, lines))


def printable(line: str) -> str:
    """Return a line of text without characters that could steer the reader's terminal or reorder the line."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", line)


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _place(label: Label, arrow: str) -> list[str]:
    source = label.span.source
    line, column = source.position(label.span.start)
    if not source.text:
        return [f"  {arrow} {source.path}" + (f": {label.message}" if label.message else "")]
    text = source.line(line).replace("\t", " ")
    start = column - 1
    width = max(1, min(label.span.end - label.span.start, len(text) - start))
    if len(text) > 160:
        cut = max(0, start - 60)
        text, start = text[cut : cut + 160], start - cut
        width = min(width, 160 - start)
    number = str(line)
    note = f" {label.message}" if label.message else ""
    return [
        f"  {arrow} {source.path}:{line}:{column}",
        f"{' ' * len(number)} |",
        f"{number} | {text}",
        f"{' ' * len(number)} | {' ' * start}{'^' * width}{note}",
    ]
