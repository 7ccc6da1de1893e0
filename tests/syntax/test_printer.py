"""The formatter changes layout only."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelcheck.resources import specs_folder
from modelcheck.source import Source
from modelcheck.syntax.parser import parse_text
from modelcheck.syntax.printer import format_text
from tests.support import SIGNED

SPECS = sorted(specs_folder().rglob("*.flow"))


def formatted(text: str) -> str:
    return format_text(Source("t.flow", text))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_specs_are_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text) == text


def test_structure_gives_the_indentation() -> None:
    text = """
protocol p    # a comment stays
 role A
    # so does this one

flow
A creates x: Nonce


opt A chooses more
A accepts
      else_is_no_word: A
end
""".replace("      else_is_no_word: A\n", "")
    assert formatted(text) == (
        "protocol p    # a comment stays\n"
        "  role A\n"
        "# so does this one\n"
        "\n"
        "flow\n"
        "  A creates x: Nonce\n"
        "\n"
        "  opt A chooses more\n"
        "    A accepts\n"
        "  end\n"
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=25, max_size=25))
def test_formatting_keeps_the_tree_and_is_idempotent(noise: list[tuple[int, bool]]) -> None:
    """print(parse(s)) parses to the same tree, and printing twice changes nothing more."""
    lines = SIGNED.split("\n")
    shaken = "\n".join(
        " " * spaces + line.strip() + ("   # note" if comment and line.strip() else "")
        for line, (spaces, comment) in zip(lines, noise * 2, strict=False)
    ).replace("claims", "claims\n  c: secret k at Client")
    once = formatted(shaken)
    assert parse_text(Source("t.flow", once)) == parse_text(Source("t.flow", shaken))
    assert formatted(once) == once
    assert once.count("# note") == shaken.count("# note")
