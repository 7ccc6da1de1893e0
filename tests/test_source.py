"""Places in texts."""

from __future__ import annotations

import pytest

from modelcheck.source import Source, Span

TEXT = "one\ntwö three\r\n\nlast"


@pytest.mark.parametrize(
    ("offset", "place"),
    [(0, (1, 1)), (3, (1, 4)), (4, (2, 1)), (8, (2, 5)), (15, (3, 1)), (16, (4, 1)), (len(TEXT), (4, 5))],
)
def test_positions_count_from_one(offset: int, place: tuple[int, int]) -> None:
    assert Source("f", TEXT).position(offset) == place


def test_an_empty_text_has_a_first_place() -> None:
    assert Source("f", "").position(0) == (1, 1)


def test_lines_have_no_end() -> None:
    assert [Source("f", TEXT).line(number) for number in (1, 2, 3, 4)] == ["one", "twö three", "", "last"]


def test_spans_join_and_have_a_text() -> None:
    source = Source("f", TEXT)
    first, second = Span(source, 4, 7), Span(source, 8, 13)
    assert (first.text, second.text, first.to(second).text) == ("twö", "three", "twö three")
