"""The Pygments lexer of ``.flow`` specs."""

from __future__ import annotations

from pygments.lexer import RegexLexer, bygroups, include, words
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
    Whitespace,
)

NAME = r"[A-Za-z_][A-Za-z0-9_]*"

DECLARATIONS = (
    "source", "continues", "after", "role", "given", "hosts", "key", "certified", "published", "unordered", "held",
    "values", "define", "size", "set", "sharing",
)  # fmt: skip
STATEMENTS = (
    "accepts", "add", "alike", "alt", "and", "as", "before", "best", "by", "bytes", "checks", "chooses", "creates", "drop", "else",
    "end", "fails", "first", "forward", "in", "is", "keeps", "last", "let", "new", "of", "on", "opens", "opt", "padded", "picks", "recalls",
    "renews", "replace", "restarts", "stage", "stops", "this", "to", "transcript", "unchecked", "up", "when", "with",
    "without",
)  # fmt: skip
CLAIMS = (
    "accepting", "accepts", "after", "against", "agrees", "alive", "all", "among", "and", "as", "at", "before", "by", "bytes",
    "channel", "despite", "dishonest", "expect", "finds", "guessing", "holds", "identifies", "if", "in", "indistinguishable",
    "injectively", "leak", "length", "of", "on", "other", "passive", "possession", "reachable", "receives", "receiving",
    "resists", "secret", "sending", "sends", "sessions", "stage", "stopping", "stops", "the", "to", "transcript",
    "unchecked", "unlinkable", "up", "weak", "when", "with",
)  # fmt: skip
PRIMITIVES = (
    "aead", "auth_kem_ss", "derive_secret", "derived", "encrypt", "encrypted", "finished", "hash", "hkdf_expand",
    "hkdf_extract", "hmac", "hpke_seal", "hpke_seal_auth", "hpke_seal_psk", "id", "kdf", "kem_ct", "kem_ss",
    "oprf_blind", "oprf_evaluate", "oprf_output", "pk", "pk_encrypt", "prf", "sign", "stretch",
)  # fmt: skip


class FlowLexer(RegexLexer):
    """Lexer for the flow language of modelcheck."""

    name = "Flow"
    aliases = ("flow",)
    filenames = ("*.flow",)
    version_added = ""

    tokens = {  # noqa: RUF012 (the base class asks for a dict)
        "root": [
            include("space"),
            (rf"^(protocol|variant|compose)\b(\s+)({NAME}(?:\.{NAME})*)",
             bygroups(Keyword.Declaration, Whitespace, Name.Label)),
            (r"^(include)\b", Keyword.Namespace),
            (r"^(flow)\b", Keyword.Declaration),
            (r"^(claims)\b", Keyword.Declaration, "claims"),
            (rf"(-\[(?:authentic|secret|secure)\]->|->)(\s*)({NAME})(\s*)(:)",
             bygroups(Operator, Whitespace, Name.Constant, Whitespace, Punctuation)),
            (rf"({NAME})(\s*)(:)", bygroups(Name.Attribute, Whitespace, Punctuation)),
            (words(("protocol", "variant", "compose", *DECLARATIONS, *STATEMENTS), prefix=r"(?<![.\w])", suffix=r"\b(?!\.)"),
             Keyword),
            include("terms"),
        ],
        "claims": [
            include("space"),
            (r"^(?=(?:protocol|variant|compose|include)\b(?!\s*:))", Text, "#pop"),
            (rf"({NAME})(\s*)(:)", bygroups(Name.Function, Whitespace, Punctuation)),
            (r"\b(expect)(\s+)(attack)\b", bygroups(Keyword, Whitespace, Keyword)),
            (r"\b(against)(\s+)(a)(\s+)(passive)(\s+)(attacker)\b",
             bygroups(Keyword, Whitespace, Keyword, Whitespace, Keyword, Whitespace, Keyword)),
            (words(CLAIMS, prefix=r"(?<![.\w])", suffix=r"\b(?!\.[A-Za-z_])"), Keyword),
            (r"[A-Z][A-Z0-9]*-[0-9]+[a-z]?", Name.Label),
            include("terms"),
        ],
        "space": [
            (r"\s+", Whitespace),
            (r"#[^\n]*", Comment.Single),
        ],
        "terms": [
            (r'"[^"\n]*"', String),
            (r"-\[(?:authentic|secret|secure)\]->|->", Operator),
            (words(PRIMITIVES, prefix=r"(?<![.\w])", suffix=r"(?=\()"), Name.Builtin),
            (rf"{NAME}(?=\()", Name.Function),
            (rf"[A-Z][A-Za-z0-9_]*(?:\.{NAME})*", Name.Constant),
            (rf"{NAME}(?:\.{NAME})*", Name),
            (r"[0-9]+", Number.Integer),
            (r"!=|\.\.|[=^*]", Operator),
            (r"[][(){},:]", Punctuation),
        ],
    }  # fmt: skip
