"""The lexer: every packaged spec without an error, words where they are words, its tables those of the language."""

from __future__ import annotations

from pathlib import Path

import pytest
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Comment, Error, Keyword, Name, Operator, String, Token

from modelcheck.protocol import theory
from modelcheck.pygments_lexer import CLAIMS, DECLARATIONS, PRIMITIVES, STATEMENTS, FlowLexer
from modelcheck.resources import specs_folder
from modelcheck.starter import starting_spec
from modelcheck.syntax.failure import spellings


def tokens(text: str) -> list[tuple[object, str]]:
    """The tokens of a text that are not blank."""
    return [(kind, value) for kind, value in FlowLexer(stripnl=False).get_tokens(text) if value.strip()]


@pytest.mark.parametrize("path", sorted(specs_folder().rglob("*.flow")), ids=lambda path: path.stem)
def test_packaged_specs_have_no_unknown_token_and_keep_their_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = list(FlowLexer(stripnl=False, ensurenl=False).get_tokens(text))
    assert "".join(value for _, value in found) == text
    assert [value for kind, value in found if kind is Error] == []


def test_every_word_of_the_language_is_in_the_tables() -> None:
    heads = {"protocol", "variant", "compose", "include", "flow", "claims", "a", "attack", "attacker"}
    words = {word for word in spellings() if word.isidentifier()}
    kinds = {"certified", "published", "unordered"}
    assert {*DECLARATIONS, *STATEMENTS, *CLAIMS, *heads} == words | kinds


def test_primitives_are_those_of_the_theory() -> None:
    assert set(PRIMITIVES) == set(theory.PRIMITIVES)


def test_words_are_field_names_where_a_colon_follows() -> None:
    assert tokens("  C -> S: Hello { key: g^x, name: kdf(x) }  # why\n") == [
        (Name.Constant, "C"), (Operator, "->"), (Name.Constant, "S"), (Token.Punctuation, ":"), (Name.Constant, "Hello"),
        (Token.Punctuation, "{"), (Name.Attribute, "key"), (Token.Punctuation, ":"), (Name, "g"), (Operator, "^"),
        (Name, "x"), (Token.Punctuation, ","), (Name.Attribute, "name"), (Token.Punctuation, ":"),
        (Name.Builtin, "kdf"), (Token.Punctuation, "("), (Name, "x"), (Token.Punctuation, ")"),
        (Token.Punctuation, "}"), (Comment.Single, "# why"),
    ]  # fmt: skip


def test_claims_have_labels_citations_and_words_of_their_own() -> None:
    text = 'claims\n  auth: C agrees with S on x expect attack "why"  as T13-06\nvariant v of p\n  drop x\n'
    found = tokens(text)
    assert (Name.Function, "auth") in found
    assert (Keyword, "agrees") in found
    assert (String, '"why"') in found
    assert (Name.Label, "T13-06") in found
    assert (Keyword.Declaration, "variant") in found
    assert (Keyword, "drop") in found


def test_pygments_finds_the_lexer_by_name_and_by_file() -> None:
    assert isinstance(get_lexer_by_name("flow"), FlowLexer)
    assert isinstance(get_lexer_for_filename("a.flow", starting_spec("a")), FlowLexer)
