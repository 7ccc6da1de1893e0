"""Configuration of the documentation; `make docs` builds it."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from modelcheck import __version__, rules
from modelcheck.diagram import open_spec

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from modelcheck.protocol.model import Protocol

project = "modelcheck"
author = "the modelcheck authors"
copyright = "the modelcheck authors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "modelcheck.sphinx_ext"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types in signatures: few of them are documented here
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
flow_audit = True

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
    """Return the lines of an explanation: indented examples are code blocks, and what is right starts a line."""
    lines: list[str] = []
    code = False
    for line in text.splitlines():
        indented = line.startswith("    ")
        if indented and not code:
            lines += ["", "```text"]
        if code and line and not indented:
            lines[-1:] = ["```", ""] if not lines[-1] else [lines[-1], "```", ""]
        code = indented or (code and not line)
        if line.startswith("Right:") and lines[-1]:
            lines[-1] += "\\"
        lines.append(line[4:] if indented else line)
    return [*lines, "```"] if code else lines


FAMILIES = {
    "classics": "Classical protocols",
    "ech": "Encrypted Client Hello",
    "exported_authenticators": "Exported authenticators",
    "hybrid": "Hybrid key exchange",
    "kemtls": "KEMTLS",
    "tls12": "TLS 1.2",
    "tls13": "TLS 1.3",
}
"""What the folders of specs are called; a folder without an entry goes by its name."""

ATLAS = """\
# Atlas

Every spec that comes with the program has a page: its source, message flow, role machines, key schedule, and claims.

The verdicts are those of the program that built these pages, proofs audited and attacks replayed. Each claim comes out
as its spec expects, or these pages could not have been built.

:::{toctree}
:maxdepth: 2

PAGES
:::
"""


def atlas_pages() -> dict[str, str]:
    """Return the pages of the atlas by file name: an index, and for each folder of specs its index and a page per spec."""
    folders = sorted(path for path in (FOLDER.parent / "specs").iterdir() if path.is_dir())
    pages = {"index.md": ATLAS.replace("PAGES", "\n".join(f"{folder.name}/index" for folder in folders))}
    for folder in folders:
        specs = {path: open_spec(path).protocols for path in sorted(folder.glob("*.flow"))}
        pages[f"{folder.name}/index.md"] = family_page(folder, specs)
        pages |= {f"{folder.name}/{path.stem}.md": spec_page(path, protocols) for path, protocols in specs.items()}
    return pages


def family_page(folder: Path, specs: dict[Path, tuple[Protocol, ...]]) -> str:
    """Return the index of a folder of specs: what each is about, and how many of its claims hold."""
    lines = [f"# {FAMILIES.get(folder.name, folder.name.replace('_', ' ').capitalize())}"]
    for path, protocols in specs.items():
        claims = [claim for protocol in protocols for claim in protocol.claims]
        attacks = sum(claim.expected == "attack" for claim in claims)
        counts = f"claims: {len(claims) - attacks} hold, {attacks} attacked"
        lines += ["", f"[{path.stem}]({path.stem}.md) ({counts})", f": {about(path)}"]
    return "\n".join([*lines, "", ":::{toctree}", ":hidden:", "", *(path.stem for path in specs), ":::"]) + "\n"


def spec_page(path: Path, protocols: tuple[Protocol, ...]) -> str:
    """Return the page of a spec: what it is about, and a section for each of its protocols."""
    file = f"../../../specs/{path.parent.name}/{path.name}"
    lines = [f"# {path.stem}", "", about(path), "", f"{{download}}`{path.name} <{file}>`", ""]
    titles = {protocol.name: f": {escaped(protocol.title)}" if protocol.title else "" for protocol in protocols}
    lines += [f"- {{flow:protocol}}`{name}`{title}" for name, title in titles.items()]
    lines.append("")
    lines += [f"```{{flow:spec}} {file}", "```"]
    for protocol in protocols:
        lines += ["", f"## {protocol.name}", "", f"```{{flow:protocol}} {protocol.name}", "```"]
    return "\n".join(lines) + "\n"


def about(path: Path) -> str:
    """Return what a spec is about: the comment that it starts with."""
    lines = takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
    text = " ".join(line.lstrip("# ") for line in lines)
    return escaped(text[:1].upper() + text[1:])


def escaped(text: str) -> str:
    """Return text as Markdown that means just this text; what stands in backquotes stays code."""
    return re.sub(r"([\\*_<>|$\[\]])", r"\\\1", text)


def write_generated(_: Sphinx) -> None:
    """Write the generated pages, those left alone that are there with the same text already."""
    write_if_changed(FOLDER / "reference" / "diagnostics.md", diagnostics_page())
    pages = atlas_pages()
    for name, text in pages.items():
        write_if_changed(FOLDER / "atlas" / name, text)
    for path in (FOLDER / "atlas").rglob("*.md"):
        if path.relative_to(FOLDER / "atlas").as_posix() not in pages:
            path.unlink()


def write_if_changed(path: Path, text: str) -> None:
    """Write a page unless its file has that text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect the generator of pages."""
    app.connect("builder-inited", write_generated)
