"""A sheet on which every shape has its place, written as a graph for Graphviz's ``nop``.

Coordinates are points, the origin is the top left corner, y grows downwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from modelcheck.render.picture import CHARACTER, FAINT, INK, LINE, html_text, new_graph

if TYPE_CHECKING:
    import graphviz


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: its left and upper edge, its size, and how it is drawn."""

    x: float
    y: float
    width: float
    height: float
    colour: str = INK
    fill: str = ""
    style: str = "solid"
    rings: int = 1
    rounded: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text from its left edge; ``y`` is the upper edge of a line of :data:`LINE` points."""

    x: float
    y: float
    text: str
    strong: bool = False
    colour: str = INK

    @property
    def width(self) -> float:
        """How wide the text is."""
        return len(self.text) * CHARACTER


@dataclass(frozen=True, slots=True)
class Stroke:
    """A straight line, with an arrow head at its end if asked for."""

    x: float
    y: float
    to_x: float
    to_y: float
    colour: str = FAINT
    style: str = "solid"
    width: float = 1
    arrow: bool = False


@dataclass(slots=True)
class Sheet:
    """Shapes in the order in which they are drawn: lines below boxes, boxes below texts."""

    boxes: list[Box] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)

    def write(
        self, x: float, y: float, lines: Iterable[str], colour: str = INK, *, strong: bool = False
    ) -> float:  # fmt: skip
        """Put lines below each other and return where the next one would be."""
        for line in lines:
            self.texts.append(Text(x, y, line, strong, colour))
            y += LINE
        return y

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """The left, upper, right and lower edge of all shapes."""
        rectangles = [
            *((box.x, box.y, box.x + box.width, box.y + box.height) for box in self.boxes),
            *((text.x, text.y, text.x + text.width, text.y + LINE) for text in self.texts),
            *((min(s.x, s.to_x), min(s.y, s.to_y), max(s.x, s.to_x), max(s.y, s.to_y)) for s in self.strokes),
        ]
        lefts, tops, rights, bottoms = zip(*rectangles, strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)

    def add(self, other: Sheet, right: float, down: float) -> None:
        """Put the shapes of another sheet on this one, moved."""
        self.boxes += (replace(box, x=box.x + right, y=box.y + down) for box in other.boxes)
        self.texts += (replace(text, x=text.x + right, y=text.y + down) for text in other.texts)
        self.strokes += (
            replace(s, x=s.x + right, y=s.y + down, to_x=s.to_x + right, to_y=s.to_y + down) for s in other.strokes
        )

    def dot(self, name: str) -> str:
        """Return the sheet as DOT."""
        graph = new_graph(name, outputorder="edgesfirst", splines="line")
        graph.attr("node", shape="box", fixedsize="true", label="", margin="0")
        graph.attr("edge", arrowhead="none")
        left, top, right, bottom = self.edges
        for name, x, y in (("first", left, top), ("last", right, bottom)):
            # Graphviz leaves texts out of account when it measures the page.
            _point(graph, name, x, y)
        for index, stroke in enumerate(self.strokes):
            _stroke(graph, index, stroke)
        for index, box in enumerate(self.boxes):
            style = [box.style] if box.style != "solid" else []
            style += (["filled"] if box.fill else []) + (["rounded"] if box.rounded else [])
            graph.node(f"b{index}", "", pos=_place(box.x + box.width / 2, box.y + box.height / 2),
                       width=_inches(box.width), height=_inches(box.height), color=box.colour,
                       fillcolor=box.fill or "none", style=",".join(style), peripheries=str(box.rings))  # fmt: skip
        for index, text in enumerate(self.texts):
            graph.node(f"t{index}", _cell(text), pos=_place(text.x + text.width / 2, text.y + LINE / 2), shape="plain",
                       width=_inches(text.width), height=_inches(LINE), fontcolor=text.colour)  # fmt: skip
        return str(graph.source)


def _stroke(graph: graphviz.Digraph, index: int, stroke: Stroke) -> None:
    ends = (f"p{index}", stroke.x, stroke.y), (f"q{index}", stroke.to_x, stroke.to_y)
    for end in ends:
        _point(graph, *end)
    head = {"arrowhead": "normal"} if stroke.arrow else {}
    graph.edge(ends[0][0], ends[1][0], color=stroke.colour, style=stroke.style, penwidth=f"{stroke.width:g}", **head)


def _point(graph: graphviz.Digraph, name: str, x: float, y: float) -> None:
    graph.node(name, pos=_place(x, y), shape="point", width="0", height="0", style="invis")


def _cell(text: Text) -> str:
    """Return a table of one cell, in which the text starts at the left edge whatever font draws it."""
    return (f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" FIXEDSIZE="TRUE" '
            f'WIDTH="{text.width:.0f}" HEIGHT="{LINE}"><TR><TD ALIGN="LEFT">'
            f"{html_text(text.text, strong=text.strong)}</TD></TR></TABLE>>")  # fmt: skip


def _place(x: float, y: float) -> str:
    return f"{x:.1f},{-y:.1f}"


def _inches(points: float) -> str:
    return f"{points / 72:.4f}"
