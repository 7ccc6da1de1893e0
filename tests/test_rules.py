"""The catalogue of findings."""

from __future__ import annotations

import re

import pytest

from modelcheck import rules
from modelcheck.diagnostics import Rule

CONSTANTS = [value for value in vars(rules).values() if isinstance(value, Rule)]


def test_the_catalogue_has_every_rule_once() -> None:
    assert list(rules.ALL) == CONSTANTS
    assert len({rule.code for rule in rules.ALL}) == len({rule.name for rule in rules.ALL}) == len(rules.ALL)
    assert [rule.code for rule in rules.ALL] == sorted(rule.code for rule in rules.ALL)


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.code)
def test_every_rule_has_a_page(rule: Rule) -> None:
    assert re.fullmatch(r"MC[1-4]\d\d", rule.code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
    assert rule.title[0].isupper() or rule.title[0] == "`"
    assert not rule.title.endswith(".")
    assert len(rule.explanation) > 40


@pytest.mark.parametrize("wanted", ["MC110", "mc110", "syntax-error", " Syntax-Error "])
def test_rules_are_found_by_code_and_name(wanted: str) -> None:
    assert rules.find(wanted) is rules.SYNTAX_ERROR


def test_unknown_codes_are_not_found() -> None:
    assert rules.find("MC000") is None
