"""Findings as text."""

from __future__ import annotations

from modelcheck.diagnostics import (
    Diagnostic,
    Label,
    Rule,
    SpecRejected,
    did_you_mean,
    in_source_order,
    render_diagnostic,
)
from modelcheck.source import Source, Span

RULE = Rule("MC999", "example", "An example", "Why, a wrong example, the repair.")
SOURCE = Source("dir/a.flow", "first line\nsecond\tline\n")


def at(start: int, end: int, message: str = "", source: Source = SOURCE) -> Label:
    return Label(Span(source, start, end), message)


def test_everything_a_finding_can_have() -> None:
    finding = Diagnostic(RULE, "this is wrong", at(11, 17, "here"), (at(0, 5, "because of this"),), "do that")
    assert render_diagnostic(finding) == (
        "error[MC999 example]: this is wrong\n"
        "  --> dir/a.flow:2:1\n"
        "  |\n"
        "2 | second line\n"
        "  | ^^^^^^ here\n"
        "  ::: dir/a.flow:1:1\n"
        "  |\n"
        "1 | first line\n"
        "  | ^^^^^ because of this\n"
        "  = hint: do that"
    )


def test_a_warning_without_a_hint() -> None:
    assert render_diagnostic(Diagnostic(RULE, "so so", at(6, 10), severity="note")) == (
        "note[MC999 example]: so so\n  --> dir/a.flow:1:7\n  |\n1 | first line\n  |       ^^^^"
    )


def test_a_file_without_text_has_a_path_only() -> None:
    finding = Diagnostic(RULE, "gone", at(0, 0, source=Source("b.flow", "")), (), "look elsewhere")
    assert render_diagnostic(finding) == "error[MC999 example]: gone\n  --> b.flow\n  = hint: look elsewhere"


def test_a_caret_after_the_last_character() -> None:
    source = Source("c.flow", "ab")
    assert render_diagnostic(Diagnostic(RULE, "more", at(2, 2, source=source))).endswith("\n1 | ab\n  |   ^")


def test_a_place_over_several_lines_is_marked_on_the_first() -> None:
    assert render_diagnostic(Diagnostic(RULE, "long", at(6, 17))).endswith("\n1 | first line\n  |       ^^^^")


def test_long_lines_are_cut_around_the_place() -> None:
    source = Source("d.flow", "x" * 500 + "HERE" + "y" * 500)
    lines = render_diagnostic(Diagnostic(RULE, "far", at(500, 504, source=source))).split("\n")
    assert all(len(line) <= 170 for line in lines)
    marked = lines[-1].index("^")
    assert lines[-2][marked : marked + 4] == "HERE"


def test_findings_are_sorted_and_each_is_told_once() -> None:
    early, late = Diagnostic(RULE, "1", at(0, 1)), Diagnostic(RULE, "2", at(11, 12))
    elsewhere = Diagnostic(RULE, "3", at(0, 1, source=Source("z.flow", "z")))
    assert in_source_order([elsewhere, late, early, late]) == (early, late, elsewhere)


def test_a_rejection_carries_and_shows_its_findings() -> None:
    findings = [Diagnostic(RULE, "1", at(0, 1)), Diagnostic(RULE, "2", at(11, 12))]
    rejected = SpecRejected(iter(findings))
    assert rejected.diagnostics == tuple(findings)
    assert str(rejected) == "\n".join(map(render_diagnostic, findings))


def test_close_words_are_offered() -> None:
    assert did_you_mean("sevrer", ["client", "server"]) == "did you mean `server`?"
    assert did_you_mean("zebra", ["client", "server"]) is None
