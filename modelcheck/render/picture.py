"""Pictures: a graph in Graphviz's language with its title, and what it looks like as SVG, PNG or PDF.

The `graphviz` package writes the graph, `pygraphviz` lays it out and draws it; both come with the extra `pictures` and
are imported only when a picture is made.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Literal, TypeAlias

from modelcheck.render.tikz import tikz

if TYPE_CHECKING:
    import graphviz

Format: TypeAlias = Literal["svg", "png", "pdf", "dot", "tikz"]

FONT = "DejaVu Sans Mono,Menlo,Consolas,monospace"
SIZE = 10
CHARACTER = 6.03
"""Width of a character in points: all fonts of the list are 0.6 em wide, and texts are laid out by that figure."""
LINE = 13
SHRUNK = 0.7
"""How far a page may shrink a picture, so that its texts can still be read."""

INK, PAPER, FAINT, SHADE = "#1f2328", "#fffffe", "#626a73", "#eff1f3"
DARK: Mapping[str, str] = {
    INK: "#e6edf3", PAPER: "#14181d", FAINT: "#9aa4af", SHADE: "#262c34",
    "#0b57a4": "#79b8ff", "#e8f1fb": "#15283d", "#9c4a00": "#ffb077", "#fdf0e4": "#3a2715",
    "#146c43": "#6fdd9f", "#e6f5ec": "#14301f", "#8a2472": "#f0a0dc", "#faeaf6": "#361a30",
    "#5b4a00": "#e8d06a", "#f8f3da": "#302a0f", "#a01d1d": "#ff9a93", "#fdeaea": "#3b1a1a",
}  # fmt: skip
"""What each colour becomes on a dark page."""


@dataclass(frozen=True, slots=True)
class Pen:
    """How one key is drawn: its colour, a light one for surfaces, and a line that tells it without colour."""

    colour: str
    surface: str
    style: str
    rings: int = 1


PENS = (
    Pen("#0b57a4", "#e8f1fb", "dashed"),
    Pen("#9c4a00", "#fdf0e4", "solid"),
    Pen("#146c43", "#e6f5ec", "dotted"),
    Pen("#8a2472", "#faeaf6", "solid", 2),
    Pen("#5b4a00", "#f8f3da", "dashed", 2),
    Pen("#a01d1d", "#fdeaea", "bold"),
)


class MissingExtra(Exception):
    """The packages that draw are not installed; the text says how to install them."""

    def __init__(self) -> None:
        super().__init__("pictures need Graphviz: run `pip install 'modelcheck[pictures]'`, or ask for `--format text`")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: its DOT text, the program that lays it out, a title, and a sentence that says what it shows."""

    source: str
    layout: Literal["dot", "nop"]
    title: str
    description: str

    def render(self, form: Format) -> bytes:
        """Return the picture in a format; the same picture gives the same bytes on the same machine."""
        if form == "dot":
            return self.source.encode()
        if form == "svg":
            return self.svg().encode()
        if form == "tikz":
            return tikz(_draw(self.source, self.layout, "svg").decode(), self.title).encode()
        return _draw(self.source, self.layout, form)

    def svg(self) -> str:
        """Return the picture as SVG with its title and description, in colours that follow the page's."""
        return _finished(_draw(self.source, self.layout, "svg").decode(), self.title, self.description)

    def _repr_svg_(self) -> str:
        """Return what a notebook shows."""
        return self.svg()


def new_graph(name: str, **attributes: str) -> graphviz.Digraph:
    """Return an empty digraph in the house style; raise MissingExtra if there is no Graphviz."""
    try:
        import graphviz
    except ImportError:
        raise MissingExtra from None
    text = {"fontname": FONT, "fontsize": str(SIZE), "fontcolor": INK}
    return graphviz.Digraph(
        name,
        graph_attr={"bgcolor": PAPER, "pad": "0.15", **text, **attributes},
        node_attr={**text, "color": INK, "margin": "0.08,0.05"},
        edge_attr={**text, "color": INK, "arrowsize": "0.7"},
    )


def html_rows(rows: Iterable[str | None]) -> str:
    """Return lines that are HTML-like already as a label, below each other and from the left edge; None is a rule."""
    rule = '<TR><TD HEIGHT="4"></TD></TR><HR/><TR><TD HEIGHT="4"></TD></TR>'
    cells = "".join(rule if row is None else f'<TR><TD ALIGN="LEFT" HEIGHT="{LINE}">{row}</TD></TR>' for row in rows)
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{cells}</TABLE>>'


def html_text(text: str, *, strong: bool = False) -> str:
    """Return a text for an HTML-like label; blanks keep their width."""
    safe = escape(text, quote=False).replace('"', "&quot;").replace(" ", "&#160;") or "&#160;"
    return f"<B>{safe}</B>" if strong else safe


def _draw(source: str, layout: str, form: str) -> bytes:
    try:
        import pygraphviz
    except ImportError:
        raise MissingExtra from None
    with _silence():
        graph = pygraphviz.AGraph(string=source)
        drawn = graph.draw(format=form, prog=layout)
    assert isinstance(drawn, bytes)
    return re.sub(rb"(?<=/CreationDate \(D:)\d{14}", b"20000101000000", drawn) if form == "pdf" else drawn


@contextmanager
def _silence() -> Iterator[None]:
    """Keep remarks of the font library off standard error."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _finished(svg: str, title: str, description: str) -> str:
    """Return Graphviz's SVG with alternative text and colours for dark pages, without its names and comments."""
    name = "p" + sha256((title + description + svg).encode()).hexdigest()[:10]
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<title>.*?</title>\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    head, _, body = svg.partition(">")
    alternative = f'<title id="{name}-t">{escape(title)}</title>\n<desc id="{name}-d">{escape(description)}</desc>'
    head += f' class="modelcheck-picture" id="{name}" role="img" aria-labelledby="{name}-t {name}-d"'
    return f"{head}>\n{alternative}\n<style>{_style(name, svg)}</style>{body}"


def _style(name: str, svg: str) -> str:
    """Return the rules that fit a picture into a page and turn its colours in the dark.

    Dark is what the browser prefers, unless an element around the picture says ``data-theme="light"``, and what an
    element around it says with ``data-theme="dark"``, as the themes of documentation do.
    """
    used = [(f"--c{index}", light, dark) for index, (light, dark) in enumerate(DARK.items()) if light in svg]
    inked = "".join(
        f'#{name} [{attribute}="{light}"]{{{attribute}:var({variable},{light})}}'
        for variable, light, _ in used for attribute in ("fill", "stroke") if f'{attribute}="{light}"' in svg
    )  # fmt: skip
    turned = "".join(f"{variable}:{dark};" for variable, _, dark in used)
    width = re.search(r'width="(\d+)pt"', svg)
    narrowest = round(int(width[1]) * SHRUNK) if width else 0
    return (
        f"#{name}{{max-width:100%;min-width:{narrowest}pt;height:auto}}{inked}"
        f'@media (prefers-color-scheme:dark){{:root:not(:has([data-theme="light"])) #{name}{{{turned}}}}}'
        f'[data-theme="dark"] #{name}{{{turned}}}'
    )
