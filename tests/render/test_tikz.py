"""Pictures in TikZ: the same shapes and texts as in SVG, and text that LaTeX typesets letter by letter."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from modelcheck.diagram import KINDS, Diagram, draw, draw_attack
from modelcheck.render.tikz import escaped, tikz
from tests.render import drawn
from tests.render.flows import BRANCHES, POLL
from tests.support import SIGNED, library, results

TEXT = SIGNED + "  lost: secret k at Client despite leak of x expect attack\n"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><g transform="scale(1 1) rotate(0) translate(4 100)">{}</g></svg>'


def body(shape: str) -> str:
    """What one shape of SVG becomes."""
    return tikz(SVG.format(shape), "t").splitlines()[-3].strip()


@pytest.mark.parametrize(
    ("shape", "command"),
    [
        ('<polygon fill="none" stroke="black" points="0,-2 3,-2 3,0 0,-2"/>',
         r"\path[draw=black] (4.00,98.00) -- (7.00,98.00) -- (7.00,100.00) -- cycle;"),
        ('<polyline fill="none" stroke="#626a73" stroke-width="2" points="0,0 1,1"/>',
         r"\path[draw=mc626a73,line width=2bp] (4.00,100.00) -- (5.00,101.00);"),
        ('<path fill="none" stroke="#626a73" stroke-dasharray="5,2" d="M0,0C1,1 2,2 3,-3 4,4 5,5 6,6"/>',
         r"\path[draw=mc626a73,dash pattern=on 5bp off 2bp] (4.00,100.00) .. controls (5.00,101.00) and (6.00,102.00) .. "
         r"(7.00,97.00) .. controls (8.00,104.00) and (9.00,105.00) .. (10.00,106.00);"),
        ('<ellipse fill="#eff1f3" stroke="none" cx="1" cy="-1" rx="3" ry="4"/>',
         r"\path[fill=mceff1f3] (5.00,99.00) ellipse [x radius=3bp, y radius=4bp];"),
        ('<text text-anchor="middle" x="0" y="0" font-weight="bold" font-size="10.00" fill="#1f2328">a_b</text>',
         r"\node[text=mc1f2328,anchor=base] at (4.00,100.00) "
         r"{\bfseries a\symbol{95}b};"),
    ],
)  # fmt: skip
def test_shapes(shape: str, command: str) -> None:
    assert body(shape) == command


def test_what_is_not_seen_is_not_drawn() -> None:
    assert body('<polygon fill="none" stroke="transparent" points="0,0 1,1 0,0"/>') == ""
    assert body('<text x="0" y="0" fill="#000000">\u00a0 </text>') == ""


def test_letters_that_mean_something_to_latex_are_written_by_number() -> None:
    assert escaped(r"\{}$&#%_^~`") == "".join(f"\\symbol{{{ord(one)}}}" for one in r"\{}$&#%_^~`")
    assert escaped("a -- b\u00a0\u2603") == "a~{-}{-}~b~?"


def pictures() -> list[tuple[str, Diagram]]:
    """A picture of each kind of two protocols, an attack, and one that tells two systems apart."""
    found = [(text, library(text)) for text in (TEXT, BRANCHES)]
    return [
        *((f"{index} {kind}", draw(one, one.protocols[0], kind)) for index, (_, one) in enumerate(found) for kind in KINDS),
        ("attack", draw_attack(results(TEXT)["p.lost"])),
        ("sides", draw_attack(results(POLL)["poll.active"])),
    ]  # fmt: skip


def test_every_text_and_every_shape_is_there() -> None:
    for name, picture in pictures():
        svg, tex = picture.render("svg").decode(), picture.render("tikz").decode()
        texts = [
            word.text for word in ElementTree.fromstring(svg).iter(f"{drawn.SVG}text") if (word.text or "").strip()
        ]
        assert tex.count(r"\node[") == len(texts) > 0, name
        for text in texts:
            assert re.search(rf"\{{(\\bfseries )?{re.escape(escaped(text or ''))}\}};\n", tex), name
        shapes = [
            e
            for tag in ("path", "polygon", "polyline", "ellipse")
            for e in ElementTree.fromstring(svg).iter(f"{drawn.SVG}{tag}")
        ]
        seen = [e for e in shapes if {e.get("fill", "none"), e.get("stroke", "none")} - {"none", "transparent"}]
        assert tex.count(r"\path[") == len(seen), name
        assert tex.count("{") == tex.count("}"), name
        defined = set(re.findall(r"\\definecolor\{(\w+)\}", tex))
        assert defined == set(re.findall(r"(?:fill|draw|text)=(mc\w+)", tex)), name
        assert tex == picture.render("tikz").decode()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_takes_every_picture(tmp_path: Path) -> None:
    inputs = []
    for number, (_, picture) in enumerate(pictures()):
        (tmp_path / f"{number}.tex").write_bytes(picture.render("tikz"))
        inputs.append(f"\\resizebox{{!}}{{\\textheight}}{{\\input{{{number}.tex}}}}\\newpage")
    document = ["\\documentclass{article}\\usepackage{tikz}\\begin{document}", *inputs, "\\end{document}"]
    (tmp_path / "all.tex").write_text("\n".join(document), encoding="ascii")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
