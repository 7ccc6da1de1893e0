"""Configuration of the documentation; `make docs` builds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelcheck import __version__, rules

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "modelcheck"
author = "the modelcheck authors"
copyright = "the modelcheck authors"
release = version = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = f"modelcheck {version}"

FOLDER = Path(__file__).parent


def diagnostics_page() -> str:
    """Return the page of all diagnostics, from the catalogue that `modelcheck explain` shows."""
    lines = [
        "# Diagnostics",
        "",
        "What `modelcheck` says about a spec that it rejects, or about a role or claim that looks wrong.",
        "`modelcheck explain CODE` shows the same text in the terminal.",
        "Codes 1xx are about text and syntax, 2xx about names, sorts and well-formedness, 3xx about roles and claims.",
    ]
    for rule in rules.ALL:
        lines += ["", f"## {rule.code} {rule.name}", "", f"**{rule.title}.**", "", *fenced(rule.explanation)]
    return "\n".join(lines) + "\n"


def fenced(text: str) -> list[str]:
    """Return the lines of an explanation, its indented examples as code blocks."""
    lines: list[str] = []
    code = False
    for line in text.splitlines():
        indented = line.startswith("    ")
        if indented and not code:
            lines += ["", "```text"]
        if code and line and not indented:
            lines[-1:] = ["```", ""] if not lines[-1] else [lines[-1], "```", ""]
        code = indented or (code and not line)
        lines.append(line[4:] if indented else line)
    return [*lines, "```"] if code else lines


def write_diagnostics(_: Sphinx) -> None:
    """Write the generated page, unless it is there with the same text already."""
    path, text = FOLDER / "reference" / "diagnostics.md", diagnostics_page()
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect the generator of the diagnostics page."""
    app.connect("builder-inited", write_diagnostics)
