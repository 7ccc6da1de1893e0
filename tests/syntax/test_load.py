"""Texts that are no specs: each gets a diagnostic with a place and an action."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelcheck.diagnostics import SpecRejected, render_diagnostic
from modelcheck.source import Source
from modelcheck.syntax.load import DEEPEST_BLOCK, parse, read_source
from tests.support import SIGNED

FLOW = "protocol p\n  role A\nflow\n"


def rejected(text: str) -> list[str]:
    with pytest.raises(SpecRejected) as caught:
        parse(Source("t.flow", text))
    return [render_diagnostic(diagnostic) for diagnostic in caught.value.diagnostics]


def test_a_misspelt_word() -> None:
    text = FLOW + "  A accepts\nclaims\n  c: secret x at A dispite leak of x\n"
    assert rejected(text) == [
        "error[MC110 syntax-error]: `dispite` is no word of the language\n"
        "  --> t.flow:6:20\n"
        "  |\n"
        "6 |   c: secret x at A dispite leak of x\n"
        "  |                    ^^^^^^^\n"
        "  = hint: did you mean `despite`?"
    ]


def test_the_wrong_arrow() -> None:
    assert rejected(FLOW + "  A => B: M { x }\n") == [
        "error[MC111 bad-character]: `=>` is no arrow\n"
        "  --> t.flow:4:5\n"
        "  |\n"
        "4 |   A => B: M { x }\n"
        "  |     ^^\n"
        "  = hint: a message goes along `->`"
    ]


def test_every_item_tells_its_first_mistake() -> None:
    found = rejected(FLOW + "  A creates x\n  A accepts\n\nprotocol q\n  role A\n  A accepts\n")
    assert [line.split("\n")[0] for line in found] == [
        "error[MC110 syntax-error]: a created value has a sort",
        "error[MC110 syntax-error]: the flow has no `flow` above it",
    ]


def test_ten_thousand_brackets() -> None:
    message = rejected(FLOW + "  let k = " + "(" * 10_000)[0]
    assert message.startswith("error[MC105 too-deep]: more than 100 brackets are open here")


def nested(blocks: int) -> str:
    return FLOW + "".join(f"opt A chooses c{n}\n" for n in range(blocks)) + "A accepts\n" + "end\n" * blocks


def test_blocks_nest_as_deeply_as_later_stages_can_follow() -> None:
    parse(Source("t.flow", nested(DEEPEST_BLOCK)))
    for blocks in (DEEPEST_BLOCK + 1, 2000):
        assert rejected(nested(blocks)) == [
            "error[MC105 too-deep]: more than 25 blocks of branches are open here\n"
            "  --> t.flow:29:1\n"
            "   |\n"
            "29 | opt A chooses c25\n"
            "   | ^^^\n"
            "  = hint: end a block before the next one starts"
        ]


def test_blocks_that_a_variant_adds_are_counted_too() -> None:
    blocks = nested(DEEPEST_BLOCK + 1).removeprefix(FLOW)
    (message,) = rejected(f"variant v of p\n  add before M: {blocks}")
    assert message.startswith("error[MC105 too-deep]: more than 25 blocks of branches are open here")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.flow"
    os.mkfifo(path)
    with pytest.raises(SpecRejected) as caught:
        read_source(path)
    assert [render_diagnostic(diagnostic) for diagnostic in caught.value.diagnostics] == [
        f"error[MC101 unreadable-file]: `{path}` is no regular file\n  --> {path}\n  = hint: copy the spec to a file"
    ]


def test_a_path_that_no_file_can_have() -> None:
    with pytest.raises(SpecRejected) as caught:
        read_source(Path("a\0b.flow"))
    assert caught.value.diagnostics[0].message == "`a\0b.flow` cannot be read: embedded null byte"


def test_nothing_but_comments() -> None:
    assert rejected("# later\n")[0].startswith("error[MC104 empty-file]: there is no protocol in this file")


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (b"\xff\xfe\x00p", "error[MC102 not-text]"),
        (b"protocol p\0", "error[MC102 not-text]"),
        (b"#" * (10 * 1024 * 1024), "error[MC103 file-too-large]"),
    ],
    ids=["binary", "zero byte", "ten megabytes"],
)
def test_files_that_are_no_text(tmp_path: Path, data: bytes, start: str) -> None:
    path = tmp_path / "spec.flow"
    path.write_bytes(data)
    with pytest.raises(SpecRejected) as caught:
        read_source(path)
    assert render_diagnostic(caught.value.diagnostics[0]).startswith(start)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "none.flow", tmp_path):
        with pytest.raises(SpecRejected) as caught:
            read_source(path)
        assert caught.value.diagnostics[0].rule.code == "MC101"


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=0, max_value=len(SIGNED)))
def test_a_truncated_spec_is_parsed_or_rejected(length: int) -> None:
    """A text cut anywhere gives a tree or a diagnostic, nothing else."""
    try:
        parse(Source("t.flow", SIGNED[:length]))
    except SpecRejected as caught:
        assert all(diagnostic.hint for diagnostic in caught.diagnostics)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet='protocl flw{}()->:=,.\n"#^*aAx1', max_size=80))
def test_any_text_is_parsed_or_rejected(text: str) -> None:
    """Whatever is written, the answer is a tree or a diagnostic."""
    try:
        parse(Source("t.flow", "protocol p\nflow\n" + text))
    except SpecRejected as caught:
        assert caught.diagnostics
