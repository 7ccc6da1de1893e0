"""What a picture looks like: the texts, lines and boxes of its SVG, and what a reader would stumble over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"


class Words(NamedTuple):
    """A text and the rectangle that it takes."""

    text: str
    left: float
    right: float
    top: float
    bottom: float


def words(svg: str) -> list[Words]:
    """The texts of a picture; a line in several pieces is several texts."""
    found = []
    for one in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        text = one.text or ""
        size = float(one.get("font-size", "0"))
        x, y = float(one.get("x", "0")), float(one.get("y", "0"))
        width = 0.6 * size * len(text)
        left = x - width / 2 if one.get("text-anchor") == "middle" else x
        if text.strip("\xa0 "):
            found.append(Words(text, left, left + width, y - 0.7 * size, y + 0.15 * size))
    return found


def overlaps(svg: str) -> list[tuple[str, str]]:
    """The pairs of texts that lie over each other."""
    return [(a.text, b.text) for a, b in combinations(words(svg), 2)
            if a.left + 1 < b.right and b.left + 1 < a.right and a.top < b.bottom and b.top < a.bottom]  # fmt: skip


def cut(svg: str) -> list[str]:
    """The texts that reach beyond the page."""
    moved = re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", svg)
    assert moved
    x, y = float(moved[1]), float(moved[2])
    width, height = size(svg)
    return [t.text for t in words(svg)
            if t.left + x < 0 or t.right + x > width or t.top + y < 0 or t.bottom + y > height]  # fmt: skip


def struck(svg: str) -> list[str]:
    """The texts with a line through them."""
    texts = words(svg)
    points = [point for path in ElementTree.fromstring(svg).iter(f"{SVG}path") if path.get("fill") == "none"
              and "Z" not in path.get("d", "") for point in _curve(path.get("d", ""))]  # fmt: skip
    return sorted({t.text for t in texts for x, y in points if t.left < x < t.right and t.top < y < t.bottom})


def flaws(svg: str) -> list[str]:
    """What is wrong with the texts of a picture: what lies over another, is struck through or reaches beyond the page."""
    return [
        *(f"{a} over {b}" for a, b in overlaps(svg)),
        *(f"{a} struck" for a in struck(svg)),
        *(f"{a} cut" for a in cut(svg)),
    ]


def size(svg: str) -> tuple[float, float]:
    """Width and height in points."""
    root = ElementTree.fromstring(svg)
    return float(root.get("width", "0pt")[:-2]), float(root.get("height", "0pt")[:-2])


def _curve(path: str) -> Iterator[tuple[float, float]]:
    """Points along a chain of Bezier curves, dense enough to hit any text it crosses."""
    numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", path)]
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))
    for start in range(0, len(corners) - 3, 3):
        a, b, c, d = corners[start : start + 4]
        for step in range(201):
            t = step / 200
            u = 1 - t
            yield tuple(  # type: ignore[misc]
                u**3 * a[i] + 3 * u * u * t * b[i] + 3 * u * t * t * c[i] + t**3 * d[i] for i in (0, 1)
            )
