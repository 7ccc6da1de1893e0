"""Typical mistakes get their own sentence, wherever in a spec they stand."""

from __future__ import annotations

import pytest

from modelcheck.diagnostics import SpecRejected, render_diagnostic
from modelcheck.source import Source
from modelcheck.syntax.load import parse
from modelcheck.syntax.mistakes import EXAMPLES

ABOVE = "protocol other\nflow\n A accepts\n\n"
DECLARED = " role B is b\n key zz(Name, Name): Psk unordered\n values Vs = v, w\n"
FLOW = "protocol p\n  role A\nflow\n  "
CLAIM = "protocol p\nflow\n  A accepts\nclaims\n  c: "

ALL = [(sentence, hint, text) for sentence, hint, texts in EXAMPLES for text in texts]
IN_A_FLOW = [(sentence, text) for sentence, _, text in ALL if text.startswith("protocol p\nflow\n")]


def messages(text: str) -> list[tuple[str, str | None]]:
    with pytest.raises(SpecRejected) as caught:
        parse(Source("t.flow", text))
    return [(diagnostic.message, diagnostic.hint) for diagnostic in caught.value.diagnostics]


def test_there_are_enough_of_them() -> None:
    assert len(EXAMPLES) >= 25
    assert len({sentence for sentence, _, _ in EXAMPLES}) == len(EXAMPLES)


@pytest.mark.parametrize(("sentence", "hint", "text"), ALL)
def test_every_example_gets_its_sentence(sentence: str, hint: str, text: str) -> None:
    assert messages(text) == [(sentence, hint)]


@pytest.mark.parametrize(("sentence", "text"), IN_A_FLOW)
def test_what_stands_above_changes_nothing(sentence: str, text: str) -> None:
    """A mistake is recognised by the state of the parser, not by how much it has read."""
    placed = ABOVE + text.replace("protocol p\n", "protocol p\n" + DECLARED, 1)
    assert [message for message, _ in messages(placed)] == [sentence]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (FLOW + "A => B: M { x }", "`=>` is no arrow", "a message goes along `->`"),
        (FLOW + "A --> B: M { x }", "`-->` is no arrow", "a message goes along `->`"),
        (FLOW + "A → B: M { x }", "`→` is no arrow", "a message goes along `->`"),
        (FLOW + "A - > B: M { x }", "`-` means nothing here", "an arrow is written `->`, without a space"),
        (FLOW + "A <- B: M { x }", "messages go from left to right", "write the sender first: `A -> B: ...`"),
        (FLOW + "A -[private]-> B: M { x }", "`-[private]->` is no kind of channel",
         "write `->`, `-[authentic]->`, `-[secret]->` or `-[secure]->`"),
        (FLOW + "A accepts // done", "`//` starts no comment", "a comment starts with `#` and ends with its line"),
        (FLOW + 'let x = "abc\n  A accepts', "a text is not closed", 'write `"` at its end, on the same line'),
        (FLOW + "let x = 'abc'", "`'` is no quotation mark here", 'texts stand in double quotes: `"..."`'),
        (FLOW + "A accepts;", "`;` means nothing here", "leave it out: a statement ends where the next one starts"),
        (FLOW + "stage 12345678901 key k = x", "a number has at most nine digits", "write a smaller number"),
        (FLOW + "let clé = y", "`é` is no letter of the language",
         "names have the letters a to z and A to Z, digits and `_`"),
        (FLOW + "let x = y + z", "`+` means nothing here", "put terms together with a comma in brackets: `(t, u)`"),
        (CLAIM + "secret k at A T13-06", "`-` cannot stand in a name", "ids are cited after `as`: `as T13-06`"),
        (FLOW + "A accepts !", "`!` means nothing here", "leave it out"),
    ],
)  # fmt: skip
def test_characters_that_start_nothing(text: str, message: str, hint: str) -> None:
    assert messages(text + "\n") == [(message, hint)]


@pytest.mark.parametrize(
    ("text", "wrong", "meant"),
    [
        ("protocl p\nflow\n  A accepts", "`protocl` is no word of the language", "protocol"),
        ("protocol p\n  rol A\nflow\n  A accepts", "`rol` is no word of the language", "role"),
        (FLOW + "A createz x: Nonce", "`createz` is no word of the language", "creates"),
        (FLOW + "A acepts", "`acepts` is no word of the language", "accepts"),
        (CLAIM + "secret x at A dispite leak of x", "`dispite` is no word of the language", "despite"),
        (CLAIM + "secret x at A expects attack", "`expects` is no word of the language", "expect"),
        (CLAIM + "A agree with B", "`agree` is no word of the language", "agrees"),
    ],
)
def test_misspelt_words(text: str, wrong: str, meant: str) -> None:
    assert messages(text + "\n") == [(wrong, f"did you mean `{meant}`?")]


@pytest.mark.parametrize("name", ["keys", "role1", "valued", "weakly"])
def test_names_that_look_like_words_are_left_alone(name: str) -> None:
    """Only a word that could stand in that place is offered."""
    assert messages(FLOW + f"A creates {name}\n  A accepts\n") == [
        ("a created value has a sort", "write `R creates x: Nonce`")
    ]


def test_without_a_typical_mistake_the_hint_says_what_could_stand_there() -> None:
    with pytest.raises(SpecRejected) as caught:
        parse(Source("t.flow", FLOW + "let x = hash(, y)\n"))
    assert [render_diagnostic(diagnostic) for diagnostic in caught.value.diagnostics] == [
        "error[MC110 syntax-error]: `,` cannot stand here\n"
        "  --> t.flow:4:16\n"
        "  |\n"
        "4 |   let x = hash(, y)\n"
        "  |                ^\n"
        "  = hint: here could stand a name, a text, `(`, `)`, `this`, `transcript`"
    ]


def test_every_item_is_read_on_its_own() -> None:
    """One mistake is reported once, at the end of the item in which something is missing."""
    text = (
        "protocol p\nflow\n  opt A chooses x\n    A accepts   # and then?\n\nprotocol q\nflow\n  let x y\n  A accepts\n"
    )
    with pytest.raises(SpecRejected) as caught:
        parse(Source("t.flow", text))
    assert [render_diagnostic(diagnostic) for diagnostic in caught.value.diagnostics] == [
        "error[MC110 syntax-error]: a branch is not closed\n"
        "  --> t.flow:4:14\n"
        "  |\n"
        "4 |     A accepts   # and then?\n"
        "  |              ^\n"
        "  = hint: write `end` after the last statement of the block",
        "error[MC110 syntax-error]: `let` gives a name to a term with `=`\n"
        "  --> t.flow:8:9\n"
        "  |\n"
        "8 |   let x y\n"
        "  |         ^\n"
        "  = hint: write `let k = ...`",
    ]


def test_a_file_of_mistakes_is_cut_short() -> None:
    assert len(messages("protocol\n" * 3000)) == 20
