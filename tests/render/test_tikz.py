"""TikZ: every shape and text of a picture at its place, and nothing that TeX could misread."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from modelcheck.diagram import KINDS, draw, draw_attack
from modelcheck.render.picture import Picture
from modelcheck.render.tikz import escaped, tikz
from tests.render import drawn
from tests.render.flows import BRANCHES, POLL
from tests.render.golden_files import FOLDER, golden
from tests.support import library, results

INK, GREY = {"op": "c", "color": "#1f2328"}, {"op": "C", "color": "#eff1f3"}
GRAPH = {
    "objects": [
        {"name": "cluster_0", "nodes": [2], "_draw_": [INK, GREY, {"op": "B", "points": [[0, 0], [0, 5], [5, 9.5], [9, 9]]}]},
        {"name": "a", "_draw_": [{"op": "S", "style": "setlinewidth(1.3)"}, {"op": "S", "style": "dashed"}, INK, GREY,
                                 {"op": "P", "points": [[0, 0], [4, 0], [4, 4]]}, {"op": "p", "points": [[1, 1], [2, 2], [3, 1]]}]},
        {"name": "b", "_draw_": [INK, {"op": "C", "color": "#fffffe00"}, {"op": "E", "rect": [5, 5, 2.5, 2.5]}],
         "_ldraw_": [{"op": "F", "size": 10.0, "face": "DejaVu Sans Mono"}, INK, {"op": "t", "fontchar": 1},
                     {"op": "T", "pt": [1.5, 2], "align": "l", "width": 30, "text": "x_1 {%}"}, {"op": "t", "fontchar": 0},
                     {"op": "T", "pt": [5, 2], "align": "c", "width": 30, "text": "\u00a0g^(x*y)"}]},
    ],
    "edges": [
        {"tail": 1, "head": 2, "_draw_": [INK, {"op": "L", "points": [[0, 0], [7, 7]]}],
         "_hdraw_": [{"op": "S", "style": "solid"}, INK, {"op": "C", "color": "#1f2328"}, {"op": "P", "points": [[0, 0], [1, 1], [0, 1]]}]},
    ],
}  # fmt: skip
"""Each operation that Graphviz knows, but for images."""


@pytest.fixture(scope="module")
def pictures() -> dict[str, Picture]:
    """A picture of each kind, and both kinds of attacks on two sides."""
    found = library(BRANCHES)
    attacks = {name: draw_attack(one) for name, one in results(POLL).items()}
    flows = {str(kind): draw(found, found.protocols[0], kind) for kind in KINDS}
    return {name: diagram.picture() for name, diagram in {**flows, **attacks}.items()}


def test_each_operation_of_graphviz_is_drawn_as_it_is_kept() -> None:
    assert tikz(GRAPH, "Each\noperation") == golden("operations.tex")


def test_characters_that_mean_something_to_tex_are_given_by_number() -> None:
    assert escaped("pk(a, b) = c/d.") == r"pk(a,\ b)\ =\ c/d."
    for character in "\\{}$&#^_~%\"'`<>|-:;!?@[]":
        assert escaped(character) == f"\\char{ord(character)}{{}}"
    assert escaped("é→") == "é→"


def test_an_operation_that_is_not_known_is_not_left_out() -> None:
    with pytest.raises(ValueError, match="operation `I`"):
        tikz({"objects": [{"_draw_": [{"op": "I"}]}]}, "")


def texts(tex: str) -> list[tuple[str, float, float]]:
    """The texts of a `tikzpicture` with where each starts."""
    found = re.findall(r"anchor=(base.*)\] at \((.+),(.+)\) \{(?:\\bfseries )?(.*)\};$", tex, re.MULTILINE)
    told = []
    for anchor, x, y, text in found:
        plain = re.sub(r"\\char(\d+)\{\}", lambda one: chr(int(one[1])), text).replace("\\ ", "\xa0")
        if plain.strip("\xa0"):
            told.append((plain, float(x) - {"base west": 0, "base": 3}[anchor] * len(plain), float(y)))
    return told


def test_texts_are_those_of_the_svg_and_as_far_from_each_other(pictures: dict[str, Picture]) -> None:
    for picture in pictures.values():
        tex = picture.tikz()
        assert tex.count("{") == tex.count("}")
        ours = sorted(texts(tex))
        theirs = sorted((one.text.replace(" ", "\xa0"), one.left, -one.bottom) for one in drawn.words(picture.svg()))
        assert [text for text, _, _ in ours] == [text for text, _, _ in theirs]
        pairs = list(zip(ours, theirs, strict=True))
        for moved in ([x - u for (_, x, _), (_, u, _) in pairs], [y - v for (_, _, y), (_, _, v) in pairs]):
            assert max(moved) - min(moved) < 0.5


def test_every_colour_is_defined_once(pictures: dict[str, Picture]) -> None:
    for picture in pictures.values():
        tex = picture.tikz()
        defined = re.findall(r"\\definecolor\{(mc\w+)\}", tex)
        assert len(defined) == len(set(defined))
        assert set(defined) == set(re.findall(r"=(mc[0-9a-f]{6})\b", tex))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex with TikZ")
def test_latex_takes_every_kind(pictures: dict[str, Picture], tmp_path: Path) -> None:
    pages = [f"\\noindent {picture.tikz()}\\clearpage" for picture in pictures.values()]
    size = "\\pdfpageheight=3000bp\\textheight=2800bp\\textwidth=2000bp"
    text = (
        f"\\documentclass{{article}}\\usepackage{{tikz}}{size}\\begin{{document}}\n"
        + "\n".join(pages)
        + "\\end{document}\n"
    )
    (tmp_path / "all.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert f"({len(pages)} pages" in done.stdout.replace("\n", "")
    assert "Missing character" not in (tmp_path / "all.log").read_text(encoding="latin-1")


if __name__ == "__main__":
    (FOLDER / "operations.tex").write_text(tikz(GRAPH, "Each\noperation"), encoding="utf-8")
