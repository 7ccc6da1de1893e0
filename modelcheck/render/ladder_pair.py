"""Two ladders side by side, which differ in what is marked: the two systems of an attack on indistinguishability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelcheck.render.canvas import Sheet, Stroke, Text
from modelcheck.render.ladder import GAP, Drawing, outcome
from modelcheck.render.ladder_rows import Ladder, Row, merged
from modelcheck.render.ladder_text import WIDTH, render_ladder
from modelcheck.render.picture import CHARACTER, FAINT, LINE
from modelcheck.render.wording import wrapped

APART = 36
"""Points between the two sides."""
WIDEST = 1000
"""Points that two sides beside each other may take; wider ones stand below each other."""
NARROW = 28
"""Characters in a line between two lifelines of sides beside each other."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of two systems: what it is, a ladder without rows, and the rows of each step."""

    ladder: Ladder
    steps: tuple[tuple[Row, ...], ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of all steps."""
        return tuple(row for step in self.steps for row in step)

    def drawing(self, room: int = 0, apart: Sequence[float] = ()) -> Drawing:
        """Return a drawing of it on which there is nothing yet."""
        return Drawing(replace(self.ladder, rows=self.rows), room, apart)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides with the same steps, and what comes of their difference."""

    left: Side
    right: Side
    conclusion: str


def pair_text(pair: Pair) -> str:
    """Return the sides as text, one below the other, and the conclusion."""
    sides = (render_ladder(replace(side.ladder, rows=tuple(merged(side.rows)))) for side in (pair.left, pair.right))
    ending = (line.center(WIDTH).rstrip() for line in wrapped(f"*** {pair.conclusion} ***", WIDTH - 4, hanging=0))
    return "\n\n".join([*sides, "\n".join(ending)])


def pair_sheet(pair: Pair) -> Sheet:
    """Return a sheet with both sides, step beside step, or one below the other if they are too wide for that."""
    sides = (pair.left, pair.right)
    drawings = [side.drawing(NARROW) for side in sides]
    beside = sum(drawing.right - drawing.left for drawing in drawings) + APART <= WIDEST
    if beside:
        _draw(drawings, sides)
    else:
        # Lifelines stand where those of the other side do, as far apart as the wider side needs.
        apart = [max(both) for both in zip(*(side.drawing().apart for side in sides), strict=True)]
        drawings = [side.drawing(apart=apart) for side in sides]
        for drawing, side in zip(drawings, sides, strict=True):
            _draw([drawing], [side])
    return _concluded(_joined(drawings, beside=beside), pair.conclusion)


def _draw(drawings: Sequence[Drawing], sides: Sequence[Side]) -> None:
    """Draw sides that stand beside each other: each step is at the same height on all of them."""
    y = top = max(map(_begin, drawings))
    for steps in zip(*(side.steps for side in sides), strict=True):
        ends = [y]
        for drawing, rows in zip(drawings, steps, strict=True):
            end = y
            for row in rows:
                end = drawing.row(row, end + GAP)
            ends.append(end)
        y = max(ends)
    for drawing in drawings:
        drawing.lifelines(top, y + GAP)


def _begin(drawing: Drawing) -> float:
    """Draw what a side is and its heads, and return where they end."""
    places = drawing.lanes.values()
    middle = (min(places) + max(places)) / 2
    for index, line in enumerate(lines := wrapped(drawing.ladder.title, drawing.room, hanging=0)):
        drawing.sheet.texts.append(Text(middle - len(line) * CHARACTER / 2, index * LINE, line, strong=True))
    return drawing.heads(len(lines) * LINE + GAP)


def _joined(drawings: Sequence[Drawing], *, beside: bool) -> Sheet:
    """Return one sheet with both sides and a line between them."""
    sheet, (one, other) = Sheet(), (drawing.sheet for drawing in drawings)
    left, top, right, bottom = one.edges
    next_left, _, next_right, next_bottom = other.edges
    sheet.add(one, 0, 0)
    if beside:
        sheet.add(other, right + APART - next_left, 0)
        x = right + APART / 2
        sheet.strokes.append(Stroke(x, top, x, max(bottom, next_bottom), FAINT, "dashed"))
    else:
        sheet.add(other, 0, bottom + APART)
        y = bottom + APART / 2
        sheet.strokes.append(Stroke(min(left, next_left), y, max(right, next_right), y, FAINT, "dashed"))
    return sheet


def _concluded(sheet: Sheet, conclusion: str) -> Sheet:
    left, _, right, bottom = sheet.edges
    outcome(sheet, conclusion, (left + right) / 2, int((right - left) / CHARACTER) - 4, bottom + 2 * GAP)
    return sheet
