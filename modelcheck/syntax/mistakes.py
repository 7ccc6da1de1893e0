"""What a syntax error probably is: typical mistakes by example, misspelt words, and what could stand there instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache

from modelcheck.source import Source
from modelcheck.syntax.failure import Failure, NotParsed
from modelcheck.syntax.parser import parse_text

CHARACTERS: tuple[tuple[str, str, str], ...] = (
    (r"=+>|--+>|~>|[→⇒⟶]", "`{}` is no arrow", "a message goes along `->`"),
    (r"<-+|←", "messages go from left to right", "write the sender first: `A -> B: ...`"),
    (r"-\[\w*\]-+>", "`{}` is no kind of channel", "write `->`, `-[authentic]->`, `-[secret]->` or `-[secure]->`"),
    (r"-(?=\d)", "`{}` cannot stand in a name", "ids are cited after `as`: `as T13-06`"),
    (r"-", "`{}` means nothing here", "an arrow is written `->`, without a space"),
    (r"==", "`==` means nothing here", "one `=` compares"),
    (r"//|/\*|%|--", "`{}` starts no comment", "a comment starts with `#` and ends with its line"),
    (r'"', "a text is not closed", 'write `"` at its end, on the same line'),
    (r"['‘’“”«»]", "`{}` is no quotation mark here", 'texts stand in double quotes: `"..."`'),
    (r";", "`;` means nothing here", "leave it out: a statement ends where the next one starts"),
    (r"\d{10,}", "a number has at most nine digits", "write a smaller number"),
    (r"\d+", "`{}` cannot stand here", "names start with a letter"),
    (r"[^\W\d_]", "`{}` is no letter of the language", "names have the letters a to z and A to Z, digits and `_`"),
    (r"\+|&|\|", "`{}` means nothing here", "put terms together with a comma in brackets: `(t, u)`"),
)
"""Characters that start nothing: a pattern, a sentence in which they stand for `{}`, and what to do."""

EXAMPLES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("the flow is missing", "write `flow` and the messages before `claims`", (
        "protocol p\n role A\nclaims\n c: secret x at A",
        "protocol p\n role A\n key k(Name): Psk\nclaims\n c: secret x at A",
    )),
    ("the flow has no `flow` above it", "put a line `flow` between the declarations and the first statement", (
        "protocol p\n role A\n A creates x: Nonce",
        "protocol p\n role A\n A -> B: M { x }",
        "protocol p\n role A\n let k = x",
    )),
    ("a flow needs at least one statement", "write who sends what to whom: `A -> B: M { ... }`", (
        "protocol p\n role A\nflow\n",
    )),
    ("a statement says what a role does", "write `A -> B: M { ... }`, `A creates x: Nonce`, `A accepts`, ...", (
        "protocol p\nflow\n A x: Nonce\n A accepts",
        "protocol p\n role A\nflow\nclaims\n c: secret x at A",
    )),
    ("a branch is not closed", "write `end` after the last statement of the block", (
        "protocol p\nflow\n opt A chooses x\n A accepts\nclaims\n c: secret x at A",
        "protocol p\nflow\n alt A chooses x\n A accepts\n else\n A stops\nclaims\n c: secret x at A",
        "protocol p\nflow\n opt A chooses x\n A accepts\n",
    )),
    ("`alt` has two branches", "write `else` and the other branch, or `opt` if there is none", (
        "protocol p\nflow\n alt A chooses x\n A accepts\n end\n",
    )),
    ("a claim starts with its label and `:`", "write `label: ` before the claim, or complete the claim above", (
        "protocol p\nflow\n A accepts\nclaims\n secret x at A",
        "protocol p\nflow\n A accepts\nclaims\n A agrees with B",
        "protocol p\nflow\n A accepts\nclaims\n reachable A accepts",
        "protocol p\nflow\n A accepts\nclaims\n c: A agrees with on x, y",
    )),
    ("`expect` is followed by a verdict", 'write `expect attack "why"` or `expect holds`', (
        'protocol p\nflow\n A accepts\nclaims\n c: secret x at A expect "why"',
        "protocol p\nflow\n A accepts\nclaims\n c: secret x at A expect fails",
        "protocol p\nflow\n A accepts\nclaims\n c: secret x at A expect",
    )),
    ("a secrecy claim says where it is judged", "write `secret x at Role`", (
        "protocol p\nflow\n A accepts\nclaims\n c: secret x\n",
        "protocol p\nflow\n A accepts\nclaims\n c: secret x despite leak of y",
        "protocol p\nflow\n A accepts\nclaims\n c: secret x expect holds",
    )),
    ("an agreement is written `A agrees with B on x`", "write `with`", (
        "protocol p\nflow\n A accepts\nclaims\n c: A agrees B on x",
        "protocol p\nflow\n A accepts\nclaims\n c: A agrees on x",
    )),
    ("a leak is written `leak of x`", "write `of`", (
        "protocol p\nflow\n A accepts\nclaims\n c: secret x at A despite leak x",
        "protocol p\nflow\n A accepts\nclaims\n c: secret x at A despite leak k(a)",
    )),
    ("powers of the attacker are joined by `and`", "write `despite leak of x and weak dh`", (
        "protocol p\nflow\n A accepts\nclaims\n c: secret x at A despite leak of x, leak of y",
        "protocol p\nflow\n A accepts\nclaims\n c: secret x at A despite weak dh, weak kem",
    )),
    ("a created value has a sort", "write `R creates x: Nonce`", (
        "protocol p\nflow\n A creates x\n A accepts",
        "protocol p\nflow\n A creates x, y: Nonce",
        "protocol p\nflow\n A creates x\n",
    )),
    ("`let` gives a name to a term with `=`", "write `let k = ...`", (
        "protocol p\nflow\n let k kdf(x)",
        "protocol p\nflow\n let k: kdf(x)",
    )),
    ("a message has a name after the colon", "write `A -> B: Name { ... }`", (
        "protocol p\nflow\n A -> B { x }",
        "protocol p\nflow\n A -> B Hello { x }",
    )),
    ("the fields of a message stand in braces", "write `Name { field: value }`", (
        "protocol p\nflow\n A -> B: Hello\n A accepts",
        "protocol p\nflow\n A -> B: Hello\nclaims\n c: secret x at A",
        "protocol p\nflow\n A -> B: Hello, x",
    )),
    ("a field is written `name: value`", "write `:` after the name, or `}` if the message ends above", (
        "protocol p\nflow\n A -> B: Hello { x: x\n A accepts",
        "protocol p\nflow\n A -> B: Hello { x: x\nclaims\n c: secret x at A",
        "protocol p\nflow\n A -> B: Hello { x: x, y z }",
    )),
    ("a brace is not closed", "write `}` after the last field", (
        "protocol p\nflow\n A -> B: Hello { x\n",
        "protocol p\nflow\n A -> B: Hello { x: y\n",
    )),
    ("a comma or `)` is missing", "write `,` between arguments and `)` after the last one", (
        "protocol p\nflow\n let k = kdf(x\n A accepts",
        "protocol p\nflow\n let k = kdf(x, y z)",
        "protocol p\nflow\n let k = kdf(x, y\nclaims",
    )),
    ("a bracket is not closed", "write `)` after the last argument", (
        "protocol p\nflow\n let k = kdf(x\n",
        "protocol p\nflow\n A -> B: M { f: kdf(x }",
    )),
    ("a bracket is closed that is not open", "leave it out, or open it further up", (
        "protocol p\nflow\n let k = kdf(x))",
        "protocol p\nflow\n let k = x)",
        "protocol p\nflow\n A accepts }",
        "protocol p\nflow\n A -> B: M { x } }",
    )),
    ("nothing stands after this comma", "complete the list, or leave the comma out", (
        "protocol p\nflow\n let k = kdf(x,)",
        "protocol p\nflow\n let k = kdf(x,, y)",
        "protocol p\nflow\n A creates x: Nonce,, y: Nonce",
        "protocol p\nflow\n A -> B: M { x: y,, z: w }",
        "protocol p\nflow\n A -> B: M { x: y, }",
        "protocol p\nflow\n A -> B: M { x, }",
        "protocol p\nflow\n A keeps x,, y",
    )),
    ("a statement does not start with `name:`", "write `,` before it if it continues the list above", (
        "protocol p\nflow\n A creates x: Nonce y: Nonce",
    )),
    ("a key family is indexed by names", "write `key k(Name): SigningKey`", (
        "protocol p\n key k: SigningKey\nflow",
        "protocol p\n key k(): SigningKey\nflow",
    )),
    ("a key family has a sort", "write `key k(Name): SigningKey`", (
        "protocol p\n key k(Name)\nflow",
        "protocol p\n key k(Name) certified\nflow",
    )),
    ("a finite sort lists its values", "write `values Mode = a, b`", (
        "protocol p\n values Mode\nflow",
        "protocol p\n values Mode: a, b\nflow",
    )),
    ("a source is a text in double quotes", 'write `source "RFC 8446" "section 2"`', (
        "protocol p\n source RFC8446\nflow",
        "protocol p\n source\nflow",
    )),
    ("`let ... when` needs both values", "write `let x = t when c else u`", (
        "protocol p\nflow\n let x = y when m = a\n A accepts",
        "protocol p\nflow\n let x = y when m = a\nclaims",
    )),
    ("statements stand in the flow", "move it above `claims`, or complete the claim above: `after A accepts`", (
        "protocol p\nflow\n A accepts\nclaims\n c: secret x at A\n A accepts",
        "protocol p\nflow\n A accepts\nclaims\n c: secret x at A\n A -> B: M { x }",
        "protocol p\nflow\n A accepts\nclaims\n c: secret x at A\n let x = y",
    )),
    ("a variant names its base", "write `variant v of base`", (
        "variant v\n drop x",
        "variant v base\n drop x",
    )),
    ("a variant edits its base", "write `replace`, `drop` or `add`", (
        "variant v of p\nclaims\n c: expect attack",
        "variant v of p\nflow\n A accepts",
    )),
    ("a protocol has a name", "write `protocol name`", ('protocol "title"', "protocol\n role A", "protocol")),
    ("a stage is written `stage 1 key k = ...`", "write `key` and a name", (
        "protocol p\nflow\n stage 1 k = kdf(x)",
        "protocol p\nflow\n stage k = kdf(x)",
    )),
    ("`protected` messages need their key", "write `encrypted(k) { ... }`", (
        "protocol p\nflow\n A -> B: encrypted { x }, { y }",
    )),
)  # fmt: skip
"""Sentence, hint, and texts that stop where the mistake is noticed."""


@cache
def _known() -> Mapping[tuple[int, str], int]:
    """Return the example that stops in a state at a kind of piece, by its number."""
    found: dict[tuple[int, str], int] = {}
    for number, (_, _, texts) in enumerate(EXAMPLES):
        for text in texts:
            failure = _failure_of(text)
            if failure is not None:
                found.setdefault((failure.state, failure.kind), number)
    return found


def _failure_of(text: str) -> Failure | None:
    try:
        parse_text(Source("", text))
    except NotParsed as problem:
        return problem.failure
    return None


def like_an_example(failure: Failure) -> tuple[str, str] | None:
    """Return the sentence and the hint of the typical mistake that stops in the same state, None if there is none.

    Where only one or two things could stand, the state alone says what is wrong, whatever stands there instead.
    """
    known = _known()
    number = known.get((failure.state, failure.kind))
    if number is None and len(failure.here.expected) <= 2:
        number = next((n for (state, _), n in known.items() if state == failure.state), None)
    return None if number is None else EXAMPLES[number][:2]


def bad_character(text: str, failure: Failure) -> tuple[int, str, str] | None:
    """Return how many characters mean nothing where the text fails, a sentence and a hint; None if it is not that."""
    for pattern, sentence, hint in CHARACTERS:
        found = re.compile(pattern).match(text, failure.here.start)
        if found and (not failure.kind or len(found.group()) > failure.here.end - failure.here.start):
            return len(found.group()), sentence.format(found.group()), hint
    return None


def misspelt(word: str, expected: Iterable[str]) -> str | None:
    """Return the word of the language that could stand where ``word`` stands and looks like it, or None."""
    words = [candidate for candidate in expected if candidate.isalpha()]
    close = get_close_matches(word, words, n=1, cutoff=0.7) if len(word) > 2 and word not in words else []
    return close[0] if close else None
