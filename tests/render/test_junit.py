"""JUnit reports: a whole one, valid and counted; characters that XML cannot carry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from modelcheck.render.junit import render
from modelcheck.verdict import ClaimResult, InternalError, Undecided
from tests.render import results
from tests.render.golden_files import golden

SCHEMA = xmlschema.XMLSchema(Path(__file__).parent / "schemas" / "junit-10.xsd")
LOST = "\N{REPLACEMENT CHARACTER}"


def parsed(found: list[ClaimResult] | tuple[ClaimResult, ...], mistake: str = "") -> ElementTree.Element:
    """The report's root, after it was held against the schema."""
    text = render(found, mistake)
    SCHEMA.validate(text)
    return ElementTree.fromstring(text.encode())


def test_a_whole_report() -> None:
    assert render(results.NAMED) + "\n" == golden("junit.xml")


def test_the_schema_finds_mistakes() -> None:
    assert not SCHEMA.is_valid(render(results.NAMED).replace("<failure", "<defect").replace("</failure", "</defect"))


def test_a_suite_counts_its_cases() -> None:
    root = parsed(results.NAMED)
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("8", "3", "0")
    for suite in root:
        cases = list(suite)
        assert suite.get("tests") == str(len(cases))
        assert suite.get("failures") == str(sum(case.find("failure") is not None for case in cases))
        assert suite.get("skipped") == str(sum(case.find("skipped") is not None for case in cases))
    assert [suite.get("name") for suite in root] == ["p", "q", "r"]


def test_a_run_that_ended_early_is_an_error_beside_the_claims_that_were_checked() -> None:
    root = parsed([results.HOLDS], "the invariant of case `a < b` is refuted")
    assert (root.get("tests"), root.get("errors")) == ("2", "1")
    (error,) = root.iter("error")
    assert error.attrib == {"type": "internal error", "message": "the invariant of case `a < b` is refuted"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<a> & \"b\" 'c' ]]>", "<a> & \"b\" 'c' ]]>"),
        ("a\0b\x1bc\x0bd\ufffe", f"a{LOST}b{LOST}c{LOST}d{LOST}"),
        ("\ud800", LOST),
        ("ä \N{SNOWMAN} \U0001f512", "ä \N{SNOWMAN} \U0001f512"),
    ],
    ids=["markup", "control", "surrogate", "letters"],
)
def test_any_text_comes_back_as_far_as_xml_can_carry_it(text: str, shown: str) -> None:
    root = parsed([replace(results.UNDECIDED, file=text, verdict=Undecided(text))])
    (case,) = root.iter("testcase")
    assert case.get("classname") == f"{shown}/p"
    (skipped,) = case
    assert skipped.text == f"{shown}:12:3\nClient agrees with Server on k\n{shown}"


def test_line_ends_in_attributes_are_kept() -> None:
    root = parsed([replace(results.HOLDS, claim="a\tb\nc\rd")])
    assert [case.get("name") for case in root.iter("testcase")] == ["a\tb\nc\rd"]


def test_no_claims_are_no_suites() -> None:
    assert list(parsed([])) == []


def test_a_mistake_of_the_program_is_an_error_of_its_claim() -> None:
    text = render([results.HOLDS, results.result(InternalError("no luck", "/tmp/crash.txt"))])
    assert '<testsuites name="modelcheck" tests="2" failures="0" errors="1"' in text
    assert '<error type="InternalError" message="internal error, expected to hold">' in text
    assert "please report it with the spec and the file /tmp/crash.txt" in text
