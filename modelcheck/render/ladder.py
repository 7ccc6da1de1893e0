"""The ladder of a flow as a picture: roles as lifelines, what they send between them, what they do beside them.

What is encrypted stands on a surface of its own for each key, which colour and outline tell apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import assert_never

from modelcheck.render.canvas import Box, Sheet, Stroke, Text
from modelcheck.render.ladder_rows import (
    Across,
    Acts,
    Broken,
    End,
    Frame,
    Ladder,
    Line,
    Marked,
    Message,
    Part,
    Row,
    Sealed,
)
from modelcheck.render.picture import CHARACTER, FAINT, INK, LINE, PAPER, PENS, SHADE, Pen, Picture
from modelcheck.render.wording import wrapped

PAD = 7
"""Between a shape and what is in it."""
GAP = 9
"""Between two rows."""
RING = 4
"""How far a second ring stands out."""
STRIKING = PENS[-1]
"""How the only thing that differs between two ladders is drawn."""
WIDEST, WIDEST_OF_MANY = 62, 42
"""Characters in a line between two lifelines, of two roles or of more."""


def picture(ladder: Ladder) -> Picture:
    """Return the picture of a protocol's message flow."""
    roles = ", ".join(lane.role for lane in ladder.lanes)
    sent = sum(isinstance(row, Message) for row in ladder.rows)
    described = f"{ladder.title or ladder.protocol}: roles {roles}; {sent} transmissions, from top to bottom. "
    return drawn(ladder, f"Message flow of {ladder.protocol}", described + " ".join(_spoken(ladder.rows)))


def drawn(ladder: Ladder, title: str, description: str) -> Picture:
    """Return the picture of a ladder under a title, with a description for those who do not see it."""
    drawing = Drawing(ladder)
    drawing.draw()
    return Picture(drawing.sheet.dot(ladder.protocol), "nop", title, description)


def keys(ladder: Ladder) -> tuple[str, ...]:
    """Return the keys under which something in the ladder is encrypted, in order."""

    def of(parts: Iterable[Part]) -> Iterator[str]:
        """Yield the keys of contents, outer before inner."""
        for part in parts:
            if isinstance(part, Sealed):
                yield part.key
                yield from of(part.inside)

    return tuple(dict.fromkeys(k for row in ladder.rows if isinstance(row, Message) for k in of(row.parts)))


def _spoken(rows: Iterable[Row]) -> Iterator[str]:
    """Yield what the rows show, as sentences."""
    for row in rows:
        match row:
            case Message(sender, receiver, channel, parts):
                over = (
                    f" over {'an' if channel == 'authentic' else 'a'} {channel} channel"
                    if channel and channel != "forward"
                    else ""
                )
                yield f"{sender} {'forwards' if channel == 'forward' else 'sends'} {_names(parts)} to {receiver}{over}."
            case End(role, verb):
                yield f"{role} {verb}."
            case Marked(_, text):
                yield f"{text}."
            case Frame("top", text):
                yield f"Block: {text}."
            case Frame("middle", text):
                yield f"{text.capitalize()}."
            case Frame():
                yield "End of block."
            case _:
                continue


def _notes(row: Acts | Marked) -> tuple[str, ...]:
    return row.texts if isinstance(row, Acts) else (row.text,)


def _names(parts: Iterable[Part]) -> str:
    said = []
    for part in parts:
        if isinstance(part, Sealed):
            said.append(f"({_names(part.inside)}) encrypted under {part.key}")
        elif part.strong:
            said.append(part.text)
    return ", ".join(said) or "data"


def outcome(sheet: Sheet, text: str, middle: float, room: int, y: float) -> Box:
    """Draw what an attack achieves, in lines of at most ``room`` characters, and return the box around it."""
    lines = wrapped(text, room)
    width = max(map(len, lines)) * CHARACTER + 2 * PAD
    box = Box(middle - width / 2, y, width, len(lines) * LINE + 8, INK, PAPER, rings=2)
    sheet.boxes.append(box)
    sheet.write(box.x + PAD, y + 4, lines, strong=True)
    return box


class Drawing:
    """Draws rows from top to bottom on a sheet: the heads of the lifelines, each row below the last, the lifelines."""

    def __init__(self, ladder: Ladder, room: int = 0, apart: Sequence[float] = ()) -> None:
        """``room`` is how many characters a line between two lifelines has, ``apart`` how far from each other they stand."""
        self.ladder = ladder
        self.sheet = Sheet()
        self.pens = {key: PENS[index % len(PENS)] for index, key in enumerate(keys(ladder))}
        self.room = room or (WIDEST if len(ladder.lanes) <= 2 else WIDEST_OF_MANY)
        self.apart = apart or self._distances()
        self.lanes = {lane.role: x for lane, x in zip(ladder.lanes, accumulate(self.apart, initial=0.0))}
        self.left = min(self.lanes.values()) - 40 - 6 * ladder.depth
        self.right = max(self.lanes.values()) + 40 + 6 * ladder.depth
        if len(ladder.lanes) == 1:
            self.right += self.room * CHARACTER
        self.open: list[tuple[float, str]] = []
        self.covered: list[tuple[float, float, float, float]] = []
        """Where lifelines must not show: left, right, top, bottom."""

    def _distances(self) -> list[float]:
        """Return how far each lifeline stands from the next: as far as what is between them needs."""
        order = [lane.role for lane in self.ladder.lanes]
        widths = [max(len(a.role) + len(b.role), len(a.about) + len(b.about)) * CHARACTER / 2 + 24
                  for a, b in zip(self.ladder.lanes, self.ladder.lanes[1:])]  # fmt: skip
        for row in self.ladder.rows:
            for first, last, width in self._needs(row, order):
                share = width / (last - first)
                for index in range(first, last):
                    widths[index] = max(widths[index], share)
        return widths

    def _needs(self, row: Row, order: list[str]) -> Iterator[tuple[int, int, float]]:
        """Yield between which lanes a row needs how much room."""
        match row:
            case Message(sender, receiver, _, parts) if sender != receiver:
                first, last = sorted((order.index(sender), order.index(receiver)))
                yield first, last, self._wide(parts) + 2 * PAD + 10
            case Acts(role) | Marked(role) if len(order) > 1:
                index = order.index(role)
                first = index - 1 if index == len(order) - 1 else index
                lines = [line for text in _notes(row) for line in self._wrapped(text)]
                rings = 2 * RING if isinstance(row, Marked) else 0
                yield first, first + 1, max(map(len, lines)) * CHARACTER + 4 * PAD + rings
            case Across(text) if len(order) > 1:
                yield 0, len(order) - 1, max(map(len, self._wrapped(text))) * CHARACTER + 4 * PAD
            case _:
                return

    def _wrapped(self, text: str, indent: int = 0, room: int = 0) -> list[str]:
        return wrapped(text, room or self.room, indent)

    def _wide(self, parts: Iterable[Part]) -> float:
        """Return the width of a message's contents."""
        widest = 0.0
        for part in parts:
            if isinstance(part, Line):
                lines = self._wrapped(part.text, 2 * part.depth)
                widest = max(widest, max(map(len, lines)) * CHARACTER)
            else:
                shift = 2 * part.depth * CHARACTER
                head = max(map(len, self._wrapped(part.head))) * CHARACTER
                widest = max(widest, shift + 2 * PAD + max(head, self._wide(part.inside)))
        return widest

    # ------------------------------------------------------------------------------------------------ rows

    def draw(self) -> None:
        """Put everything on the sheet."""
        y = self.heads(0)
        top = y
        for row in self.ladder.rows:
            y = self.row(row, y + GAP)
        self.lifelines(top, y + GAP)

    def heads(self, y: float) -> float:
        """Draw the roles and return where they end."""
        for lane in self.ladder.lanes:
            lines = [lane.role, *([lane.about] if lane.about else [])]
            width = max(map(len, lines)) * CHARACTER + 2 * PAD
            x = self.lanes[lane.role]
            self.sheet.boxes.append(Box(x - width / 2, y, width, 2 * LINE + PAD, fill=SHADE, rounded=True))
            top = y + PAD / 2 + (0 if lane.about else LINE / 2)
            for index, line in enumerate(lines):
                self.sheet.texts.append(Text(x - len(line) * CHARACTER / 2, top + index * LINE, line, index == 0))
        self.left = min(self.left, *(box.x - PAD for box in self.sheet.boxes))
        self.right = max(self.right, *(box.x + box.width + PAD for box in self.sheet.boxes))
        return y + 2 * LINE + PAD

    def row(self, row: Row, y: float) -> float:
        """Draw a row and return where it ends."""
        match row:
            case Message():
                return self._message(row, y)
            case Acts() | Marked():
                return self._beside(row, y)
            case End(role, verb):
                return self._end(role, verb, y)
            case Across(text):
                return self._across(text, y)
            case Broken(text):
                return self._broken(text, y)
            case Frame():
                return self._frame(row, y)
            case _:
                assert_never(row)

    def _message(self, row: Message, y: float) -> float:
        start, end = self.lanes[row.sender], self.lanes[row.receiver]
        left = min(start, end) + PAD
        inner = abs(end - start) - 2 * PAD if start != end else self.room * CHARACTER
        bottom = self._parts(row.parts, left, y, inner)
        self._cover(left, y, inner, bottom - y)
        bottom += 14 if row.channel else 5
        tail = start
        if row.channel:
            half, middle = (len(row.channel) + 2) * CHARACTER / 2, (start + end) / 2
            self.sheet.boxes.append(Box(middle - half, bottom - 8, 2 * half, 16, INK, PAPER, rounded=True))
            self.sheet.texts.append(Text(middle - half + CHARACTER, bottom - LINE / 2, row.channel))
            towards = half if end > start else -half
            self.sheet.strokes.append(Stroke(start, bottom, middle - towards, bottom, INK, width=1.3))
            tail = middle + towards
        self.sheet.strokes.append(Stroke(tail, bottom, end, bottom, INK, width=1.3, arrow=True))
        bottom += 8 if row.channel else 0
        return bottom + 3

    def _parts(self, parts: Iterable[Part], x: float, y: float, width: float, colour: str = INK) -> float:
        """Draw a message's contents and return where they end."""
        for part in parts:
            if isinstance(part, Line):
                for line in self._wrapped(part.text, 2 * part.depth):
                    text = line.lstrip()
                    shift = (len(line) - len(text)) * CHARACTER
                    self.sheet.texts.append(Text(x + shift, y, text, part.strong, colour))
                    y += LINE
            else:
                shift = 2 * part.depth * CHARACTER
                y = self._sealed(part, self.pens[part.key], x + shift, y + 2, width - shift) + 4
        return y

    def _sealed(self, part: Sealed, pen: Pen, x: float, y: float, width: float) -> float:
        box = len(self.sheet.boxes)
        inner = self.sheet.write(x + PAD, y + 3, self._wrapped(part.head), pen.colour)
        bottom = self._parts(part.inside, x + PAD, inner, width - 2 * PAD) + 4
        self.sheet.boxes.insert(box, Box(x, y, width, bottom - y, pen.colour, pen.surface, pen.style, pen.rings))
        return bottom

    def _beside(self, row: Acts | Marked, y: float) -> float:
        x = self.lanes[row.role]
        last = len(self.lanes) > 1 and x == max(self.lanes.values())
        lines = [line for text in _notes(row) for line in self._wrapped(text)]
        width = max(map(len, lines)) * CHARACTER + 2 * PAD
        height = len(lines) * LINE + 6
        inset = RING if isinstance(row, Marked) else 0
        left, top = x - width - 6 - inset if last else x + 6 + inset, y + inset
        if isinstance(row, Marked):
            ink = STRIKING.colour
            self.sheet.boxes.append(Box(left, top, width, height, ink, STRIKING.surface, STRIKING.style, rings=2))
        else:
            ink, checks = INK, any(text.startswith("checks ") for text in row.texts)
            self.sheet.boxes.append(Box(left, top, width, height, ink if checks else FAINT, SHADE, rounded=True))
        middle = top + height / 2
        self.sheet.strokes.append(Stroke(x, middle, x - 6 if last else x + 6, middle))
        self.sheet.write(left + PAD, top + 3, lines, ink, strong=isinstance(row, Marked))
        return top + height + inset

    def _end(self, role: str, verb: str, y: float) -> float:
        x = self.lanes[role]
        width = len(verb) * CHARACTER + 2 * PAD
        accepts = verb == "accepts"
        self.sheet.boxes.append(Box(x - width / 2, y, width, LINE + 6, INK, INK if accepts else PAPER, rounded=accepts))
        self.sheet.texts.append(Text(x - width / 2 + PAD, y + 3, verb, True, PAPER if accepts else INK))
        self._cover(x - width / 2, y, width, LINE + 6)
        return y + LINE + 6

    def _across(self, text: str, y: float) -> float:
        ends = self.lanes.values()
        middle = (min(ends) + max(ends)) / 2 if len(ends) > 1 else min(ends) + self.room * CHARACTER / 2
        for line in map(str.strip, self._wrapped(text)):
            width = len(line) * CHARACTER
            self.sheet.texts.append(Text(middle - width / 2, y, line, colour=FAINT))
            self._cover(middle - width / 2 - 2, y, width + 4, LINE)
            y += LINE
        return y

    def _broken(self, text: str, y: float) -> float:
        ends = self.lanes.values()
        span = max(ends) - min(ends)
        box = outcome(self.sheet, text, (min(ends) + max(ends)) / 2, max(self.room, int(span / CHARACTER) - 4), y)
        self._cover(box.x - 4, y - 4, box.width + 8, box.height + 8)
        return y + box.height + 4

    def _frame(self, row: Frame, y: float) -> float:
        if row.edge == "bottom":
            top, _ = self.open.pop()
            shift = 6 * len(self.open)
            self.sheet.boxes.insert(0, Box(self.left + shift, top, self.right - self.left - 2 * shift, y - top, INK))
            return y
        shift = 6 * len(self.open)
        if row.edge == "top":
            self.open.append((y, row.text))
        else:
            shift -= 6
            self.sheet.strokes.append(Stroke(self.left + shift, y, self.right - shift, y, INK, "dashed"))
        x, room = self.left + shift, int((self.right - self.left - 2 * shift - 2 * PAD) / CHARACTER)
        lines = self._wrapped(row.text, room=room)
        width, height = max(map(len, lines)) * CHARACTER + 2 * PAD, len(lines) * LINE + 4
        self.sheet.boxes.append(Box(x, y, width, height, INK, SHADE))
        for index, line in enumerate(lines):
            self.sheet.texts.append(Text(x + PAD, y + 2 + index * LINE, line, index == 0))
        self._cover(x, y, width, height)
        return y + height

    def _cover(self, x: float, y: float, width: float, height: float) -> None:
        self.covered.append((x, x + width, y, y + height))

    def lifelines(self, top: float, bottom: float) -> None:
        """Draw the lifelines behind everything, interrupted where a text stands."""
        for x in self.lanes.values():
            y = top
            for left, right, upper, lower in sorted(self.covered, key=lambda one: one[2]):
                if left < x < right:
                    if upper > y:
                        self.sheet.strokes.append(Stroke(x, y, x, upper))
                    y = max(y, lower)
            self.sheet.strokes.append(Stroke(x, y, x, bottom))
