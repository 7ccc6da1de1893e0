"""Constructs on one line, and lines no longer than asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelcheck.render import wording
from modelcheck.source import Source
from modelcheck.syntax import file_tree, flow_tree
from modelcheck.syntax.load import parse


@pytest.mark.parametrize(
    "term",
    [
        "x", '"a label"', "transcript", "transcript(A..B)", "g^(x*y)", "(a, b)", "aead(k, aad: this without m, x)",
        "hash(M { a: x, b: N as n { y } })",
    ],
)  # fmt: skip
def test_terms_read_as_they_are_written(term: str) -> None:
    (protocol,) = parse(Source("t", f"protocol p\n role A\nflow\n let v = {term}\n")).items
    assert isinstance(protocol, file_tree.Protocol)
    (let,) = protocol.statements
    assert isinstance(let, flow_tree.Let)
    assert wording.expression(let.value) == term


@pytest.mark.parametrize(
    "line",
    ["A creates x, y", "A renews x", "A picks v: set of V", "A picks v: V", "A picks best v in s, t", "A keeps x, y",
     "A recalls x", "A checks x != y and x in s when v = a", "A checks x is new", "A checks M.f first"],
)  # fmt: skip
def test_acts_read_as_they_are_written(line: str) -> None:
    written = line.replace("x, y", "x: Nonce, y: Nonce") if "creates" in line else line
    (protocol,) = parse(Source("t", f"protocol p\n role A\nflow\n {written}\n")).items
    assert isinstance(protocol, file_tree.Protocol)
    (statement,) = protocol.statements
    verb, what = wording.act(statement)  # type: ignore[arg-type]
    assert f"A {verb} {what}" == line


def test_what_a_field_says_behind_its_value() -> None:
    text = "protocol p\n role A\n role B\nflow\n A -> B: M { a: x when v = w else y, b: z unchecked by B, c: z unchecked }\n"
    (protocol,) = parse(Source("t", text)).items
    assert isinstance(protocol, file_tree.Protocol)
    (send,) = protocol.statements
    assert isinstance(send, flow_tree.Send)
    (message,) = send.messages
    assert isinstance(message, flow_tree.Message)
    assert wording.contents(message) == ("a: x when v = w else y", "b: z (unchecked by B)", "c: z (unchecked)")


def test_lines_break_at_blanks_and_behind_brackets() -> None:
    assert wording.wrapped("hkdf_extract(derived(early), g^(x*y))", 24) == [
        "hkdf_extract(derived(",
        "    early), g^(x*y))",
    ]
    assert wording.wrapped("abcdefghij", 4, hanging=1) == ["abcd", " efg", " hij"]


@given(st.text(alphabet='ab(), "', max_size=80), st.integers(10, 40), st.integers(0, 4))
def test_no_line_is_longer_than_asked_for_and_nothing_is_lost(text: str, width: int, indent: int) -> None:
    """Wrapping keeps every character that is no blank, in order, within the width."""
    lines = wording.wrapped(text, width, indent)
    assert all(len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
