"""Pictures for papers: the shapes that Graphviz drew, as a `tikzpicture` of LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_HEAD = """\
% {title}
% needs \\usepackage{{tikz}}; a picture that is too wide: \\resizebox{{\\linewidth}}{{!}}{{\\input{{...}}}}
\\begingroup
{font}\\setbox0\\hbox{{0}}%
% letters are scaled to the width that the picture has for them, whatever the document's typewriter font is
\\pgfmathsetmacro{{\\modelcheckscale}}{{{advance:g}bp/\\wd0}}%
\\begin{{tikzpicture}}[x=1bp,y=-1bp,line width=1bp,
  every node/.style={{inner sep=0pt,outer sep=0pt,anchor=base west,scale=\\modelcheckscale,font={font}}}]
"""
_FONT, _ADVANCE = r"\fontsize{10bp}{13bp}\ttfamily\selectfont", 6
"""A font of the size of all texts in pictures, and how wide a letter of that size is there."""
_SPECIAL = {one: f"\\symbol{{{ord(one)}}}" for one in '\\{}$&#%_^~`"'} | {
    " ": "~",
    "\N{NO-BREAK SPACE}": "~",
    "-": "{-}",
}
"""Letters that mean something to LaTeX, or that stand for others together with their like."""


def tikz(svg: str, title: str) -> str:
    """Return a picture of Graphviz's SVG writer in TikZ: the same places in points, the same colours and lines.

    It needs LaTeX with the package `tikz` and no library of it. Texts are set in the document's typewriter font.
    """
    root = ElementTree.fromstring(svg)  # noqa: S314 (Graphviz wrote it)
    shift = _shift(root)
    shapes = [shape for element in root.iter() for shape in _drawn(element, shift)]
    colours = sorted({name for shape in shapes for name in re.findall(r"mc[0-9a-f]{6}", shape)})
    defined = [f"\\definecolor{{{name}}}{{HTML}}{{{name[2:].upper()}}}" for name in colours]
    lines = [f"  {line}" for line in (*defined, *shapes)]
    head = _HEAD.format(title=" ".join(title.split()), font=_FONT, advance=_ADVANCE)
    return head + "\n".join(lines) + "\n\\end{tikzpicture}%\n\\endgroup\n"


def escaped(text: str) -> str:
    """Return a text as LaTeX typesets it letter by letter; a letter that it may not have is a question mark."""
    return "".join(_SPECIAL.get(one, one if one.isascii() and one.isprintable() else "?") for one in text)


def _shift(root: Element) -> tuple[float, float]:
    """Return how far the graph is moved on its page."""
    for element in root.iter():
        found = re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", element.get("transform", ""))
        if found:
            return float(found[1]), float(found[2])
    return 0, 0


def _drawn(element: Element, shift: tuple[float, float]) -> Iterator[str]:
    """Yield the commands that draw a shape."""
    match element.tag.rpartition("}")[2]:
        case "polygon" | "polyline" as shape:
            points = [_point(point.split(","), shift) for point in element.get("points", "").split()]
            closed = [*points[:-1], "cycle"] if shape == "polygon" else points
            yield from _path(element.attrib, " -- ".join(closed))
        case "path":
            yield from _path(element.attrib, _curve(element.get("d", ""), shift))
        case "ellipse":
            middle = _point((element.attrib["cx"], element.attrib["cy"]), shift)
            yield from _path(
                element.attrib, f"{middle} ellipse [x radius={element.get('rx')}bp, y radius={element.get('ry')}bp]"
            )
        case "text":
            yield from _text(element, shift)
        case _:
            pass


def _path(attributes: Mapping[str, str], path: str) -> Iterator[str]:
    options = [
        f"{option}={_colour(attributes[name])}"
        for name, option in (("fill", "fill"), ("stroke", "draw"))
        if attributes.get(name, "none") not in ("none", "transparent")
    ]
    if not options:
        return
    if "stroke-width" in attributes:
        options.append(f"line width={attributes['stroke-width']}bp")
    if "stroke-dasharray" in attributes:
        pattern = zip(("on", "off"), attributes["stroke-dasharray"].split(","), strict=True)
        options.append("dash pattern=" + " ".join(f"{word} {length}bp" for word, length in pattern))
    yield f"\\path[{','.join(options)}] {path};"


def _curve(path: str, shift: tuple[float, float]) -> str:
    """Return a path of SVG that starts at a point and goes on in cubic curves."""
    numbers = re.findall(r"-?\d+(?:\.\d+)?", path)
    points = [_point(pair, shift) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
    curves = zip(points[1::3], points[2::3], points[3::3], strict=True)
    return points[0] + "".join(f" .. controls {one} and {other} .. {end}" for one, other, end in curves)


def _text(element: Element, shift: tuple[float, float]) -> Iterator[str]:
    text = escaped(element.text or "")
    if not text.strip("~"):
        return
    bold = "\\bfseries " if element.get("font-weight") == "bold" else ""
    anchor = {"middle": ",anchor=base", "end": ",anchor=base east"}.get(element.get("text-anchor", ""), "")
    place = _point((element.attrib["x"], element.attrib["y"]), shift)
    yield f"\\node[text={_colour(element.get('fill', '#000000'))}{anchor}] at {place} {{{bold}{text}}};"


def _point(pair: tuple[str, str] | list[str], shift: tuple[float, float]) -> str:
    x, y = (float(one) + move for one, move in zip(pair, shift, strict=True))
    return f"({x:.2f},{y:.2f})"


def _colour(colour: str) -> str:
    """Return the name of a colour of the picture; `black` and `white` are names of both languages."""
    return f"mc{colour[1:].lower()}" if colour.startswith("#") else colour
