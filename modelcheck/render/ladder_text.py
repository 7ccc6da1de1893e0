"""The ladder of a flow in characters, as RFCs draw it: 72 columns of plain ASCII."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import assert_never

from modelcheck.render.ladder_rows import Across, Acts, Broken, End, Frame, Ladder, Line, Marked, Message, Part
from modelcheck.render.wording import wrapped

WIDTH = 72


def render_ladder(ladder: Ladder) -> str:
    """Return the ladder, its lines at most 72 columns wide."""
    return "\n".join(line.rstrip() for line in _Sheet.of(ladder).lines(ladder))


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Where the lifelines stand."""

    columns: dict[str, int]

    @staticmethod
    def of(ladder: Ladder) -> _Sheet:
        """Return the columns of a ladder, with room for its frames at both sides."""
        margin = 2 * ladder.depth + 2
        span = WIDTH - 1 - 2 * margin
        last = max(1, len(ladder.lanes) - 1)
        return _Sheet({lane.role: margin + span * index // last for index, lane in enumerate(ladder.lanes)})

    def lines(self, ladder: Ladder) -> Iterator[str]:
        """Yield the lines of a ladder from top to bottom."""
        if ladder.title:
            yield from (line.center(WIDTH).rstrip() for line in wrapped(ladder.title, WIDTH, hanging=0))
            yield ""
        yield self._heads({lane.role: lane.role for lane in ladder.lanes})
        if len(ladder.lanes) > 1:
            yield from self._abouts({lane.role: lane.about for lane in ladder.lanes})
        depth = 0
        yield self._blank(depth)
        for row in ladder.rows:
            if isinstance(row, Frame):
                yield self._frame(row, depth - (row.edge != "top"))
                depth += {"top": 1, "middle": 0, "bottom": -1}[row.edge]
            else:
                yield from (self._framed(line, depth) for line in self._row(row))
            yield self._blank(depth)

    def _abouts(self, texts: dict[str, str]) -> Iterator[str]:
        """Yield what the roles are, below their names, in as few lines as they fit in beside each other."""
        columns = list(self.columns.values())
        for room in range(max(1, min(b - a for a, b in pairwise(columns)) - 2), 0, -1):
            folded = [wrapped(text, room, hanging=0) for text in texts.values()]
            lines = [dict(zip(texts, line, strict=True)) for line in zip_longest(*folded, fillvalue="")]
            if all(map(self._apart, lines)):
                break
        yield from map(self._heads, lines)

    def _heads(self, texts: dict[str, str]) -> str:
        line = " " * WIDTH
        for role, text in texts.items():
            line = _put(line, self._start(role, text), text)
        return line

    def _start(self, role: str, text: str) -> int:
        """Return where a text starts in the middle of a lifeline, or as near to it as the page allows."""
        return min(max(0, self.columns[role] - len(text) // 2), WIDTH - len(text))

    def _apart(self, texts: dict[str, str]) -> bool:
        starts = [(self._start(role, text), text) for role, text in texts.items() if text]
        return all(start + len(text) < after for (start, text), (after, _) in pairwise(starts))

    def _lifelines(self) -> str:
        line = " " * WIDTH
        for column in self.columns.values():
            line = _put(line, column, "|")
        return line

    def _blank(self, depth: int) -> str:
        return self._framed(self._lifelines(), depth)

    def _framed(self, line: str, depth: int) -> str:
        for level in range(depth):
            line = _put(_put(line, 2 * level, ":"), WIDTH - 1 - 2 * level, ":")
        return line

    def _frame(self, row: Frame, level: int) -> str:
        left, right = 2 * level, WIDTH - 1 - 2 * level
        text = f" {row.text} " if row.text else ""
        room = right - left - 3
        text = text if len(text) <= room else text[: room - 4] + "... "
        return self._framed(_put(" " * WIDTH, left, "+-" + text.ljust(right - left - 2, "-") + "+"), level)

    def _row(self, row: Message | Acts | End | Across | Marked | Broken) -> Iterator[str]:
        match row:
            case Message():
                yield from self._message(row)
            case Acts(role, texts):
                for text in texts:
                    yield from self._beside(role, text, "|")
            case End(role, verb):
                yield from self._beside(role, verb, "*" if verb == "accepts" else "X")
            case Across(text):
                yield from self._across(text)
            case Marked(role, text):
                yield from self._beside(role, text, "#")
            case Broken(text):
                yield from (line.center(WIDTH) for line in wrapped(f"*** {text} ***", WIDTH - 4, hanging=0))
            case _:
                assert_never(row)

    def _across(self, text: str) -> Iterator[str]:
        columns = list(self.columns.values())
        left, right = columns[0], columns[-1] if len(columns) > 1 else WIDTH - 1
        for line in wrapped(f"({text})", right - left - 10, hanging=1):
            yield _put(self._lifelines(), left + 1, line.center(right - left - 1))

    def _beside(self, role: str, text: str, mark: str) -> Iterator[str]:
        """Yield lines with a text beside a lifeline: to its left at the last one, to its right elsewhere."""
        columns = list(self.columns.values())
        column = self.columns[role]
        last = column == columns[-1] and len(columns) > 1
        other = columns[-2] if last else next((c for c in columns if c > column), WIDTH)
        room = abs(other - column) - 3
        for number, line in enumerate(wrapped(text, room, hanging=2)):
            start = column - 1 - len(line) if last else column + 2
            drawn = _put(self._lifelines(), start, line)
            yield _put(drawn, column, mark) if number == 0 else drawn

    def _message(self, row: Message) -> Iterator[str]:
        left, right = sorted((self.columns[row.sender], self.columns[row.receiver]))
        for text in _flat(row.parts, right - left - 3):
            yield _put(self._lifelines(), left + 2, text.ljust(right - left - 3) if len(self.columns) > 2 else text)
        label = f"[{row.channel}]" if row.channel else ""
        shaft = label.center(right - left - 2, "-")
        forward = self.columns[row.sender] == left
        yield _put(self._lifelines(), left + 1, shaft + ">" if forward else "<" + shaft)


def _flat(parts: Iterable[Part], room: int, indent: int = 0) -> Iterator[str]:
    """Yield the lines of a message's contents, long ones wrapped; braces stand around what is encrypted."""
    for part in parts:
        depth = indent + 2 * part.depth
        if isinstance(part, Line):
            yield from wrapped(part.text, room, depth)
        else:
            yield from wrapped(part.head + " {", room, depth)
            yield from _flat(part.inside, room, depth + 2)
            yield " " * depth + "}"


def _put(line: str, start: int, text: str) -> str:
    return line[:start] + text + line[start + len(text) :]
