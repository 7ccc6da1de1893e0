"""The Sphinx extension: what each builder shows, links, warnings, rebuilding and parallel reading."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from sphinx.cmd.build import build_main

from tests.support import SIGNED

SPEC = (
    SIGNED
    + """\
  secrecy: secret k at Client, Server as AB-01
  lost:    secret k at Client despite leak of x expect attack "one exponent is enough"
variant q of p "nothing says who the client is"
  replace Reply.proof: sign(signing(server), "server", g^x, g^y)
claims
  who: Client agrees with Server on client expect attack "names"
"""
)

INDEX = """\
Test
====

.. flow:spec:: p.flow

.. flow:protocol:: p

.. toctree::

   second
"""

SECOND = """\
Second
======

See :flow:protocol:`p`, :flow:claim:`p.lost`, :flow:message:`p.Reply` and :flow:role:`p.Server`.

.. flow:ladder:: q
   :file: p.flow

.. flow:machine:: q
   :file: p.flow
   :role: Client

.. flow:keys:: q
   :file: p.flow

.. flow:source:: q
   :file: p.flow

.. flow:claims:: q
   :file: p.flow

.. flow:attack:: p.lost
   :file: p.flow
"""


class Built(NamedTuple):
    """What a build exited with, its pages by name, and its warnings."""

    code: int
    pages: dict[str, str]
    warnings: str
    said: str


Build = Callable[..., Built]


@pytest.fixture
def build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Build:
    """Return a function that builds a project of two pages, in which pages can be replaced."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "conf.py").write_text("extensions = ['modelcheck.sphinx_ext']\nproject = 'test'\n")

    def command(builder: str = "html", *options: str, **pages: str) -> Built:
        files = {"index.rst": INDEX, "second.rst": SECOND, "p.flow": SPEC}
        files |= {f"{name}.{'flow' if name == 'p' else 'rst'}": text for name, text in pages.items()}
        for name, text in files.items():
            path = source / name
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
        out = tmp_path / builder
        code = build_main(["-b", builder, *options, str(source), str(out), "-d", str(tmp_path / "trees")])
        captured = capsys.readouterr()
        found = {
            path.stem: path.read_text(encoding="utf-8")
            for path in sorted(out.glob("*"))
            if path.suffix in (".html", ".txt", ".tex")
        }
        return Built(code, found, captured.err, captured.out)

    return command


def test_html_shows_lines_pictures_and_verdicts(build: Build, tmp_path: Path) -> None:
    built = build("html", "-W")
    assert (built.code, built.warnings) == (0, "")
    page = built.pages["index"]
    assert page.count("<svg ") == 5
    assert "<title id=" in page
    assert [
        text
        for text in ("Message flow of p", "State machine of role Client in p", "Key schedule of p")
        if text not in page
    ] == []
    assert '<span class="flow-holds">holds (not audited)</span>' in page
    assert '<span class="flow-attack">attack</span>' in page
    assert "Attack: one exponent is enough." in page
    assert "<summary>Attack on lost</summary>" in page
    assert "AB-01" in page
    assert 'class="highlight-flow' in page
    assert '<link rel="stylesheet" type="text/css" href="_static/flow.css' in page
    assert ".flow-holds" in (tmp_path / "html" / "_static" / "flow.css").read_text(encoding="utf-8")


def test_roles_link_to_protocols_claims_messages_and_roles(build: Build) -> None:
    pages = build("html", "-W").pages
    for kind, anchor in [
        ("protocol", "flow-protocol-p"),
        ("claim", "flow-claim-p.lost"),
        ("message", "flow-message-p.Reply"),
        ("role", "flow-role-p.Server"),
    ]:
        assert f'href="index.html#{anchor}"' in pages["second"], kind
        assert f'id="{anchor}"' in pages["index"], kind


def test_text_pages_have_the_ladder_in_characters(build: Build) -> None:
    built = build("text", "-W")
    assert (built.code, built.warnings) == (0, "")
    assert "   |--------------" in built.pages["index"]
    assert "p: key schedule" in built.pages["index"]
    assert "Attack on lost" in built.pages["index"]
    assert "p: Client is client given server" not in built.pages["second"]
    assert "q: Client is client given server" in built.pages["second"]


def test_latex_takes_pictures_as_pdf(build: Build, tmp_path: Path) -> None:
    built = build("latex", "-W")
    assert (built.code, built.warnings) == (0, "")
    (text,) = (page for name, page in built.pages.items() if name == "test")
    names = re.findall(r"\\sphinxincludegraphics\{\{(flow-[0-9a-f]{16})\}\.pdf\}", text)
    assert len(names) == 10
    assert all((tmp_path / "latex" / f"{name}.pdf").read_bytes().startswith(b"%PDF") for name in names)


def test_a_verdict_that_is_not_expected_is_a_warning(build: Build) -> None:
    broken = SPEC.replace('expect attack "one exponent is enough"', "")
    built = build("html", "-W", p=broken)
    assert built.code == 1
    assert "index.rst:6: WARNING: p.lost: the verdict is attack; the spec expects that it holds" in built.warnings
    assert '<span class="flow-unexpected">attack</span>' in build("html", p=broken).pages["index"]


def test_an_edited_spec_rebuilds_its_pages_and_no_others(build: Build) -> None:
    third = {"second": "Second\n======\n\nNothing of a spec.\n"}
    build("html", **third)
    assert "0 added, 0 changed, 0 removed" in build("html", **third).said
    again = build("html", p=SPEC.replace("signed Diffie-Hellman", "another title"), **third)
    assert "0 added, 1 changed, 0 removed" in again.said
    assert "another title" in again.pages["index"]


def test_an_included_file_rebuilds_the_pages_that_show_it(build: Build, tmp_path: Path) -> None:
    middle, inner = tmp_path / "source" / "middle.flow", tmp_path / "source" / "inner.flow"
    middle.write_text('include "inner.flow"\n')
    inner.write_text(SPEC.partition("variant")[0].replace("protocol p", "protocol inner"))
    spec = 'include "middle.flow"\n' + SPEC
    build("html", p=spec)
    assert "0 added, 0 changed, 0 removed" in build("html", p=spec).said
    middle.write_text('include "inner.flow"\n# a remark\n')
    assert "0 added, 2 changed, 0 removed" in build("html", p=spec).said
    inner.write_text("protocol")
    assert "MC110" in build("html", p=spec).warnings
    inner.write_text(SPEC.partition("variant")[0].replace("protocol p", "protocol inner"))
    assert build("html", p=spec).warnings == ""


def test_parallel_reading_finds_the_same_things(build: Build) -> None:
    filler = {f"page{number}": f":orphan:\n\nPage {number}\n=======\n\n:flow:claim:`p.lost`\n" for number in range(6)}
    built = build("html", "-W", "-j", "2", **filler)
    assert (built.code, built.warnings) == (0, "")
    assert all('href="index.html#flow-claim-p.lost"' in built.pages[name] for name in filler)


def test_machines_show_their_errors_on_demand(build: Build) -> None:
    page = "Second\n======\n\n.. flow:machine:: p\n   :file: p.flow\n   :role: Server\n"
    plain = build("text", "-W", second=page).pages["second"]
    shown = build("text", "-W", second=f"{page}   :errors:\n").pages["second"]
    assert "error" not in plain
    assert "0 -> error  no Hello" in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".. flow:ladder:: r\n   :file: p.flow\n", "there is no protocol `r` in"),
        (".. flow:ladder:: p\n", "name the spec: `:file: path` here, or `{flow:spec} path` above"),
        (".. flow:ladder:: p\n   :file: none.flow\n", "cannot be read: No such file or directory"),
        (".. flow:machine:: p\n   :file: p.flow\n   :role: Clint\n", "`p` has no role `Clint`; did you mean `Client`?"),
        (
            ".. flow:attack:: p.secrecy\n   :file: p.flow\n",
            "there is no attack to draw: the verdict on `p.secrecy` is holds",
        ),
        (".. flow:attack:: p.loss\n   :file: p.flow\n", "no claim is called `loss`; did you mean `lost`?"),
        (":flow:claim:`p.loss`\n", "there is no claim `p.loss`; did you mean `p.lost`?"),
        (":flow:message:`p.Nothing`\n", "there is no message `p.Nothing` in these pages"),
    ],
)
def test_mistakes_are_reported_at_their_place(build: Build, text: str, message: str) -> None:
    built = build("html", "-W", "--keep-going", second=f"Second\n======\n\n{text}")
    assert built.code == 1
    assert "second.rst:4: " in built.warnings
    assert message in built.warnings


def test_a_rejected_spec_is_reported_with_its_diagnostics(build: Build) -> None:
    built = build("html", "-W", "--keep-going", p=SPEC.replace("g^y, g^x, server)", "g^y, g^x, sever)"))
    assert built.code == 1
    assert "MC201" in built.warnings
    assert "did you mean `server`?" in built.warnings


def test_what_is_described_twice_is_a_warning(build: Build) -> None:
    built = build("html", "-W", "--keep-going", second=SECOND + "\n.. flow:protocol:: p\n   :file: p.flow\n")
    assert built.code == 1
    assert "protocol `p` is described in index too" in built.warnings


@pytest.mark.parametrize("builder", ["dirhtml", "singlehtml", "epub", "man", "texinfo", "gettext"])
def test_other_builders_of_sphinx_show_protocols_without_a_warning(build: Build, builder: str) -> None:
    named = (f"-D{name}=test" for name in ("version", "author", "copyright", "epub_uid"))
    built = build(builder, "-W", *named)
    assert (built.code, built.warnings) == (0, "")
