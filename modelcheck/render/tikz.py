"""A picture as TikZ: what Graphviz would draw, at the same places, for a LaTeX document to include.

Graphviz's JSON has each shape as operations: pens and fills are chosen, then polygons, curves, ellipses and texts drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelcheck.render.picture import LINE, SIZE

ADVANCE = 6
"""Width of a character in points, as Graphviz lays texts out: 0.6 of the size of the font."""
STYLES = {"dashed": "dashed", "dotted": "dotted", "bold": "line width=2bp"}
ANCHORS = {"l": "base west", "c": "base", "r": "base east"}
PLAIN = re.compile(r"[^A-Za-z0-9 .,()=+*/\u00a0-\U0010ffff]")
"""Characters of ASCII that mean something to TeX, to a language's shorthands or to a ligature."""
FONT = f"\\fontsize{{{SIZE}bp}}{{{LINE}bp}}\\ttfamily\\selectfont"
HEAD = f"""\\begingroup
{FONT}\\setbox0\\hbox{{0}}%
% Characters are scaled to the width of their places, whatever the document's typewriter font is.
\\pgfmathsetmacro{{\\modelcheckscale}}{{{ADVANCE}bp/\\wd0}}%
\\begin{{tikzpicture}}[x=1bp, y=1bp, line width=1bp, every node/.style={{
  inner sep=0pt, outer sep=0pt, scale=\\modelcheckscale, font={FONT}}}]"""


@dataclass(slots=True)
class _Pen:
    """What shapes are drawn with at the moment."""

    colour: str = "000000"
    fill: str = "ffffff"
    style: str = ""
    strong: bool = False


def tikz(graph: Mapping[str, Any], title: str) -> str:
    """Return a graph that Graphviz has laid out, in its JSON, as a ``tikzpicture`` that needs TikZ and nothing else."""
    objects, edges = graph.get("objects", ()), graph.get("edges", ())
    groups = [one for one in objects if "nodes" in one]
    nodes = [one for one in objects if "nodes" not in one]
    shapes = [line for one in (*groups, *edges, *nodes) for line in _shape(one)]
    colours = sorted(
        {colour for line in shapes for colour in re.findall(r"\bmc([0-9a-f]{6})\b", line.partition("{")[0])}
    )
    defined = [f"\\definecolor{{mc{colour}}}{{HTML}}{{{colour.upper()}}}" for colour in colours]
    remark = " ".join(title.split())
    return "\n".join((f"% {remark}", HEAD, *defined, *shapes, "\\end{tikzpicture}%", "\\endgroup", ""))


def escaped(text: str) -> str:
    """Return a text for TeX that shows each of its characters, in a typewriter font."""
    plain = PLAIN.sub(lambda found: f"\\char{ord(found[0])}{{}}", text)
    return re.sub("[ \u00a0]", r"\\ ", plain)


def _shape(one: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a shape: its outline, arrow heads, texts."""
    for part in ("_draw_", "_tdraw_", "_hdraw_", "_ldraw_", "_tldraw_", "_hldraw_"):
        pen = _Pen()
        for operation in one.get(part, ()):
            yield from _operation(operation, pen)


def _operation(what: Mapping[str, Any], pen: _Pen) -> Iterator[str]:
    """Yield what an operation draws, or change the pen."""
    match what["op"]:
        case "c":
            pen.colour = what["color"].removeprefix("#")
        case "C":
            pen.fill = what["color"].removeprefix("#")
        case "S":
            width = re.fullmatch(r"setlinewidth\((.+)\)", what["style"])
            chosen = f"line width={width[1]}bp" if width else STYLES.get(what["style"], "")
            pen.style += f", {chosen}" if chosen else ""
        case "t":
            pen.strong = bool(what["fontchar"] & 1)
        case "P" | "p" as letter:
            yield _path(" -- ".join(map(_place, what["points"])) + " -- cycle", pen, filled=letter == "P")
        case "L":
            yield _path(" -- ".join(map(_place, what["points"])), pen)
        case "B" | "b" as letter:
            yield _path(_curve(what["points"]), pen, filled=letter == "B")
        case "E" | "e" as letter:
            x, y, across, up = what["rect"]
            around = f"{_place((x, y))} ellipse [x radius={across:g}, y radius={up:g}]"
            yield _path(around, pen, filled=letter == "E")
        case "T":
            text = escaped(what["text"])
            bold = "\\bfseries " if pen.strong else ""
            yield f"\\node[text=mc{pen.colour}, anchor={ANCHORS[what['align']]}] at {_place(what['pt'])} {{{bold}{text}}};"
        case "F":
            return  # One font for all texts.
        case other:
            raise ValueError(f"Graphviz draws with an operation `{other}`")


def _path(places: str, pen: _Pen, *, filled: bool = False) -> str:
    fill = f", fill=mc{pen.fill}" if filled and len(pen.fill) == 6 else ""
    return f"\\path[draw=mc{pen.colour}{fill}{pen.style}] {places};"


def _curve(points: Sequence[Sequence[float]]) -> str:
    """Return a chain of Bezier curves: its start, then two controls and an end for each."""
    steps = zip(points[1::3], points[2::3], points[3::3], strict=True)
    return _place(points[0]) + "".join(
        f" .. controls {_place(one)} and {_place(other)} .. {_place(end)}" for one, other, end in steps
    )


def _place(point: Iterable[float]) -> str:
    return f"({','.join(f'{number:g}' for number in point)})"
