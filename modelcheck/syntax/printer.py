"""The canonical layout of a spec: indentation by structure, comments and the author's alignment kept.

Items start at the margin with `flow` and `claims`; declarations, statements, edits and claims are indented by two, by
two more inside each branch. Further lines of a statement move with its first line. At most one blank line stands in a
row, none at the ends, and no line ends in spaces. The tokens of the text stay as they are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from modelcheck.source import Source
from modelcheck.syntax import file_tree, flow_tree
from modelcheck.syntax.load import parse

STEP = 2


def format_text(source: Source) -> str:
    """Return the text of a spec in canonical layout; raise SpecRejected if it does not parse."""
    file = parse(source)
    starts = dict(_starts(file))
    extents = sorted(_constructs(file))
    branches = list(_branches(file))
    moved: list[str] = []
    waiting: list[tuple[int, str]] = []
    shift = 0
    offset = 0
    for line in source.text.split("\n"):
        body = line.strip()
        blank = line[: len(line) - len(line.lstrip())]
        first = offset + len(blank)
        indent = len(blank.expandtabs(4))
        offset += len(line) + 1
        if not body or (body.startswith("#") and not _inside(extents, first)):
            waiting.append((len(moved), body))
            moved.append(body)
            continue
        wanted = starts.get(first)
        if wanted is None:
            wanted = _keyword_indent(body, first, branches)
        if wanted is None:
            wanted = max(0, indent + shift)
        else:
            shift = wanted - indent
        for position, comment in waiting:
            moved[position] = " " * wanted + comment if comment else ""
        waiting.clear()
        moved.append(" " * wanted + body)
    return _squeezed(moved)


def _squeezed(lines: Iterable[str]) -> str:
    """Return the lines with no more than one blank one in a row and none at either end."""
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    while kept and not kept[-1]:
        kept.pop()
    return "\n".join(kept) + "\n"


def _starts(file: file_tree.File) -> Iterator[tuple[int, int]]:
    """Yield where each construct that starts a line of its own begins, and its indentation."""
    for item in file.items:
        yield item.span.start, 0
        match item:
            case file_tree.Protocol():
                parts = (*item.headers, *item.declarations, *item.claims)
                yield from _statements(item.statements, 1)
            case file_tree.Variant():
                yield from ((edit.span.start, STEP) for edit in item.edits)
                parts = (*item.headers, *item.claims)
            case file_tree.Composition():
                parts = (*item.headers, *item.claims)
            case file_tree.Include():
                parts = ()
        yield from ((part.span.start, STEP) for part in parts)


def _statements(statements: Iterable[flow_tree.Statement], depth: int) -> Iterator[tuple[int, int]]:
    for statement in statements:
        yield statement.span.start, STEP * depth
        if isinstance(statement, flow_tree.Alt):
            yield from _statements(statement.body, depth + 1)
            yield from _statements(statement.otherwise or (), depth + 1)


def _branches(file: file_tree.File) -> Iterator[tuple[int, int, int]]:
    """Yield start, end and depth of every block of branches, outer before inner."""

    def inside(statements: Iterable[flow_tree.Statement], depth: int) -> Iterator[tuple[int, int, int]]:
        for statement in statements:
            if isinstance(statement, flow_tree.Alt):
                yield statement.span.start, statement.span.end, depth
                yield from inside(statement.body, depth + 1)
                yield from inside(statement.otherwise or (), depth + 1)

    for item in file.items:
        if isinstance(item, file_tree.Protocol):
            yield from inside(item.statements, 1)


def _keyword_indent(body: str, first: int, branches: list[tuple[int, int, int]]) -> int | None:
    """Return the indentation of a line that starts with a word of a block, None for other lines."""
    word = body.split("#", maxsplit=1)[0].split(" ", maxsplit=1)[0].strip()
    if word in ("flow", "claims"):
        return 0
    if word in ("else", "end"):
        around = [depth for start, end, depth in branches if start < first < end]
        return STEP * around[-1] if around else None
    return None


def _inside(extents: list[tuple[int, int]], offset: int) -> bool:
    """Return whether a place lies inside a statement, a claim or another construct that goes on over several lines."""
    index = bisect_right(extents, (offset, offset)) - 1
    return index >= 0 and extents[index][0] < offset < extents[index][1]


def _constructs(file: file_tree.File) -> Iterator[tuple[int, int]]:
    """Yield the extent of every construct that holds no statements."""

    def plain(statements: Iterable[flow_tree.Statement]) -> Iterator[tuple[int, int]]:
        for statement in statements:
            if isinstance(statement, flow_tree.Alt):
                yield from plain(statement.body)
                yield from plain(statement.otherwise or ())
            else:
                yield statement.span.start, statement.span.end

    for item in file.items:
        match item:
            case file_tree.Protocol():
                yield from plain(item.statements)
                yield from ((p.span.start, p.span.end) for p in (*item.headers, *item.declarations, *item.claims))
            case file_tree.Variant():
                yield from ((p.span.start, p.span.end) for p in (*item.headers, *item.edits, *item.claims))
            case file_tree.Composition():
                yield from ((p.span.start, p.span.end) for p in (*item.headers, *item.claims))
            case file_tree.Include():
                pass
