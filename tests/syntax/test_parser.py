"""The grammar and the trees it gives."""

from __future__ import annotations

import logging
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from lark import Lark
from lark import logger as conflicts

from modelcheck import resources
from modelcheck.source import Source, Span
from modelcheck.syntax import claim_tree, file_tree, flow_tree
from modelcheck.syntax.parser import parse_text
from modelcheck.syntax.tables import grammar
from tests.support import SIGNED

WORDS = sorted(one.pattern.value for one in grammar().terminals if one.pattern.value.isalpha())
SPEC = (
    SIGNED
    + '  c: secret k at Client despite leak of signing after Client accepts expect attack "why" as T13-06, A-1 in RFC\n'
)


def parsed(text: str) -> file_tree.File:
    return parse_text(Source("t.flow", text))


def statement(text: str) -> flow_tree.Statement:
    (item,) = parsed("protocol p\nflow\n" + text).items
    assert isinstance(item, file_tree.Protocol)
    return item.statements[0]


def nodes(value: Any) -> list[Any]:
    """All nodes below a value, in no particular order."""
    found, todo = [], [value]
    while todo:
        one = todo.pop()
        if isinstance(one, tuple):
            todo += one
        elif is_dataclass(one) and not isinstance(one, Span):
            found.append(one)
            todo += [getattr(one, field.name) for field in fields(one) if field.name != "span"]
    return found


def test_the_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    """lark resolves shift/reduce conflicts silently unless it is asked about them."""
    was = conflicts.level
    conflicts.addHandler(caplog.handler)
    try:
        conflicts.setLevel(logging.DEBUG)
        Lark(resources.grammar_text("flow"), parser="lalr", maybe_placeholders=False, debug=True)
    finally:
        conflicts.setLevel(was)
        conflicts.removeHandler(caplog.handler)
    assert [record.getMessage() for record in caplog.records if "onflict" in record.getMessage()] == []


@pytest.mark.parametrize("word", WORDS)
def test_words_can_name_fields(word: str) -> None:
    sent = statement(f"A -> B: M {{ first_one: x, {word}: y }}")
    assert isinstance(sent, flow_tree.Send)
    (message,) = sent.messages
    assert isinstance(message, flow_tree.Message)
    assert [field.name.text for field in message.fields] == ["first_one", word]


def test_layout_and_comments_do_not_change_the_tree() -> None:
    assert parsed(SPEC) == parsed("# x\n" + SPEC.replace("\n", " # y\n\n    ").replace(", ", " ,\n"))


def test_every_node_knows_its_place() -> None:
    source = Source("t.flow", SPEC)
    for node in nodes(parse_text(source)):
        assert node.span.source is source
        assert 0 <= node.span.start < node.span.end <= len(SPEC)
        if isinstance(node, flow_tree.Name):
            assert node.span.text == node.text


def test_a_claim() -> None:
    (item,) = parsed(SPEC).items
    assert isinstance(item, file_tree.Protocol)
    (claim,) = item.claims
    assert claim.name.text == "c"
    assert isinstance(claim.property, claim_tree.Secret)
    assert claim.expectation is not None
    assert (claim.expectation.verdict, claim.expectation.reason) == ("attack", "why")
    assert claim.citation is not None
    assert (claim.citation.ids, claim.citation.source) == (("T13-06", "A-1"), "RFC")
    (leak,) = claim.attackers
    assert isinstance(leak, claim_tree.LeakPower)
    assert (leak.owner, leak.moment) == ("", "after")
    assert leak.point is not None
    assert (leak.point.role.text, leak.point.kind) == ("Client", "accepts")


def test_brackets_group_multiply_or_collect() -> None:
    values = [statement(f"let x = {text}") for text in ("(a)", "g^(a*b)", "(a, b)")]
    assert all(isinstance(value, flow_tree.Let) for value in values)
    kinds = [type(value.value) for value in values if isinstance(value, flow_tree.Let)]
    assert kinds == [flow_tree.Ref, flow_tree.Power, flow_tree.TupleOf]


def test_opt_has_no_other_branch() -> None:
    with_else = statement("alt A chooses x as one A accepts else as two A stops end")
    without = statement("opt A chooses x A accepts end")
    assert isinstance(with_else, flow_tree.Alt)
    assert isinstance(without, flow_tree.Alt)
    assert with_else.label is not None
    assert with_else.otherwise_label is not None
    assert (with_else.label.text, with_else.otherwise_label.text) == ("one", "two")
    assert with_else.otherwise is not None
    assert without.otherwise is None
