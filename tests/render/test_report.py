"""The choice of a format."""

from __future__ import annotations

from typing import get_args

import pytest

from modelcheck.options import FORMATS
from modelcheck.render import concise, github, json, junit, sarif
from modelcheck.render.report import Style, report
from tests.render import results

MODULES = {"concise": concise, "json": json, "sarif": sarif, "junit": junit, "github": github}


def test_every_format_but_text_is_written_at_the_end() -> None:
    assert set(FORMATS) - {"text"} == set(get_args(Style)) == set(MODULES)


@pytest.mark.parametrize("style", get_args(Style))
def test_a_report_is_what_its_format_makes_of_the_results_and_ends_its_last_line(style: Style) -> None:
    assert report(style, results.NAMED) == MODULES[style].render(results.NAMED) + "\n"


def test_an_empty_report_has_no_lines() -> None:
    assert report("concise", []) == ""


@pytest.mark.parametrize("style", ["sarif", "junit", "github"])
def test_a_mistake_is_reported_where_the_format_has_a_place_for_it(style: Style) -> None:
    assert "it broke" in (report(style, [results.HOLDS], "it broke") or "")


@pytest.mark.parametrize("style", ["concise", "json"])
def test_other_formats_leave_the_report_out(style: Style) -> None:
    assert report(style, [results.HOLDS], "it broke") is None
