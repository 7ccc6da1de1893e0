"""Laws over specs that are generated from the grammar, so that they have every construct of the language."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark

from modelcheck import resources
from modelcheck.diagnostics import SpecRejected
from modelcheck.source import Source
from modelcheck.syntax.load import parse
from modelcheck.syntax.printer import format_text
from modelcheck.syntax.tables import build_tables

GRAMMAR = build_tables(resources.grammar_text("flow"))
EXACT = {one.name: st.just(f" {one.pattern.value} ") for one in GRAMMAR.terminals if one.pattern.type == "str"}
CHOSEN = {
    "NAME": st.sampled_from([" a ", " b2 ", " Client "]),
    "DOTTED": st.sampled_from([" p.q ", " A.f.g "]),
    "INT": st.sampled_from([" 1 ", " 32 "]),
    "STRING": st.sampled_from([' "a # b" ', ' "" ', ' "a\tb" ']),
    "CITE": st.just(" T13-06 "),
    "ARROW": st.sampled_from([" -> ", " -[secure]-> "]),
    "KEY_KIND": st.just(" certified "),
    "WS": st.sampled_from([" ", "\n", "\n\n\n   ", "\n\t", "\r\n"]),
    "COMMENT": st.just("# note\n"),
}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(from_lark(GRAMMAR, explicit={**EXACT, **CHOSEN}))
def test_formatting_keeps_tree_and_comments_and_is_idempotent(text: str) -> None:
    """parse(format(s)) == parse(s), and format(format(s)) == format(s)."""
    try:
        before = parse(Source("t.flow", text))
    except SpecRejected as rejected:
        assert {diagnostic.rule.code for diagnostic in rejected.diagnostics} <= {"MC105"}
        assume(False)
    once = format_text(Source("t.flow", text))
    assert parse(Source("t.flow", once)) == before
    assert format_text(Source("t.flow", once)) == once
    assert once.count("# note") == text.count("# note")
