"""What shows the form of messages: each kind of test finds a difference of its own, and an engine without it would miss that."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from modelcheck.engine import attacker, forms, formtests, supplies
from modelcheck.engine.boxes import Budget
from modelcheck.engine.forms import decide_forms
from modelcheck.engine.formtests import FormTests
from modelcheck.engine.prover import Proof
from modelcheck.engine.solver import Derived
from modelcheck.engine.supplies import Supplier
from modelcheck.machines.paired import Paired
from modelcheck.protocol.model import Observational
from modelcheck.verdict import Vacuous
from tests.support import tasks

TEXT = """\
protocol p
  role Client is client given server
  role Server is server
  role Twin is server
  role Store
  role Other
  role More
  key enc(Name): EncryptionKey published
  key own(Name): Psk
  key signing(Name): SigningKey certified
  values Mode = real, cover
flow
  Client picks mode: Mode
  Client creates n: Nonce, m: Nonce, o: Nonce, k: SymmetricKey
{flow}  Client accepts
claims
  c: mode indistinguishable among {{ real, cover }} at Client
"""

Patch = Callable[[pytest.MonkeyPatch], None]


def decided(*flow: str) -> Proof | Derived | Vacuous:
    (task,) = tasks(TEXT.format(flow="".join(f"  {line}\n" for line in flow)))
    assert isinstance(task.what.property, Observational)
    return decide_forms(task.library.system(task.owner), task.what, task.what.property, Budget(10**8), vacuity=False)


def seen(*flow: str) -> str:
    """What shows the pick."""
    found = decided(*flow)
    assert isinstance(found, Derived)
    return found.solved.case.words[found.solved.goal or 0]


SEALED = "Client -> Store: Hello { x: pk_encrypt(pk(enc(server)), n) when mode = real else hash(n, m) }"
"""What somebody seals for the server and somebody else keeps."""
KINDS = 'pk_encrypt(pk(enc(server)), n, "a") when mode = real else pk_encrypt(pk(enc(server)), n, "b")'
HASHES = "Client -> Store: Hello { x: hash(n) when mode = real else hash(n, m) }"

COMPARES = (
    f"Client -> Server: Hello {{ n: o, x: {KINDS} }}",
    "Server creates q: Nonce",
    "Server -> Client: Reply { q }",
    "Client checks q != o when mode = real",
    "Client -> Server: Last { m }",
)
"""The attacker answers with the nonce of the hello."""
ANSWERS = (
    f"Client -> Server: Hello {{ x: {KINDS} }}",
    'Server -> Store: Note { x: "yes" when mode = real else "no" }',
)
EQUAL = ("Client -> Store: Hello { n }", "Client -> Other: Note { x: hash(n) when mode = real else hash(n, o) }")
FORMAT = ("Client -> Store: Hello { x: (n, m) when mode = real else hash(n) }",)
KEY = ("Client -> Store: Hello { x: encrypt(k, m) when mode = real else hash(m, o) }", "Client -> Other: Note { k }")
SIGNED = ("Client -> Store: Hello { x: sign(signing(client), m) when mode = real else hash(m, o) }",)
OPENED = (SEALED, "Twin creates a: Nonce", "Twin -> Server: Again { pk_encrypt(pk(enc(server)), a) }")
FIRST = (
    SEALED,
    "Twin creates a: Nonce",
    "Twin -> Server: Again { pk_encrypt(pk(enc(server)), a), hash(own(server), a) }",
)
"""Nobody but the server's twin can say the rest, but what is sealed is opened before that is looked at."""
WORD = ('Client -> Store: Hello { x: n when mode = real else "cover" }',)
TWICE = (HASHES, "Client -> Other: Note { x: hash(n) when mode = real else hash(n, o) }")
BUILT = (HASHES, 'Client -> Other: Note { x: hash(hash(n), "a") when mode = real else hash(n, o) }')
TWO_PARTS = (
    HASHES,
    "Client -> More: Yet { y: hash(m) when mode = real else hash(m, o) }",
    'Client -> Other: Note { x: hash(hash(n), hash(m)) when mode = real else hash(n, o, "none") }',
)
LATER = (
    "Client -> Server: Hello { x: encrypt(k, n) when mode = real else hash(n, m) }",
    "Client -> Server: Second { pk_encrypt(pk(enc(server)), k) }",
)
"""Only who can open the first message looks at the key in the second."""


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (COMPARES, "Client compares or decides something on one side only"),
        (ANSWERS, 'the attacker knows something that equals `"yes"` from Server on the left only'),
        (EQUAL, "the attacker knows something that equals `hash(n)` from Client on the left only"),
        (FORMAT, "`(n, m)` from Client has another format on the right"),
        (KEY, 'the attacker has a key that fits `aead(k, "", "", m)` from Client on the left only'),
        (SIGNED, "the attacker has a key that fits `sign(signing(client), m)` from Client on the left only"),
        (OPENED, "Server, receiving Again, gets past a check on the left only"),
        (FIRST, "Server, receiving Again, gets past a check on the left only"),
        (LATER, "Server, receiving Second, gets past a check on the right only"),
        (WORD, 'the attacker knows something that equals `"cover"` from Client on the right only'),
        (TWICE, "the attacker knows something that equals `hash(n)` from Client on the left only"),
        (BUILT, 'the attacker knows something that equals `hash(hash(n), "a")` from Client on the left only'),
        (TWO_PARTS, "the attacker knows something that equals `hash(hash(n), hash(m))` from Client on the left only"),
    ],
)  # fmt: skip
def test_what_shows_the_form_of_messages(flow: tuple[str, ...], words: str) -> None:
    assert seen(*flow) == words


@pytest.mark.parametrize(
    "flow",
    [
        (*COMPARES[:3], "Client checks q != o", COMPARES[4]),
        (ANSWERS[0], 'Server -> Store: Note { "yes" }'),
        EQUAL[1:],
        ("Client -> Store: Hello { x: hash(n, m, o) when mode = real else hash(n) }",),
        KEY[:1],
        ("Client -> Store: Hello { x: encrypt(k, sign(signing(client), m)) when mode = real else hash(m, o) }",),
        (SEALED, "Twin creates a: Nonce", 'Twin -> Server: Again { "in clear", a }'),
        ('Client -> Store: Hello { x: hash(n, m) when mode = real else hash(n, "cover", m) }',),
        (HASHES, "Client -> Other: Note { x: hash(n, o) when mode = real else hash(o) }"),
        (HASHES, 'Client -> Other: Note { x: hash(hash(n), "a") when mode = real else hash(hash(n, m), "a") }'),
    ],
)
def test_the_smallest_repair_hides_it(flow: tuple[str, ...]) -> None:
    """The same with as little changed as makes the test come out alike on both sides."""
    assert isinstance(decided(*flow), Proof)


def test_checks_that_fail_alike_show_less() -> None:
    """Whether what is sealed opens is not seen if the rest fails in the same way; whether all of it is right is."""
    alike = "Server fails alike"
    assert isinstance(decided(*FIRST, alike), Proof)
    assert seen(*OPENED, alike) == "Server, receiving Again, gets past a check on the left only"


def nothing(*_: object, **__: object) -> Iterator[None]:
    return iter(())


def no_equality(patch: pytest.MonkeyPatch) -> None:
    when = formtests._when
    patch.setattr(formtests, "_when", lambda one, had: nothing() if "equals" in one.words else when(one, had))


@pytest.mark.parametrize(
    ("flow", "without"),
    [
        pytest.param(COMPARES, lambda p: p.setattr(Paired, "_parts", lambda *_, **__: None), id="partings"),
        pytest.param(EQUAL, no_equality, id="attacker's equality"),
        pytest.param(WORD, no_equality, id="attacker's equality with a word"),
        pytest.param(FORMAT, lambda p: p.setattr(formtests, "_has_format", lambda _: False), id="formats"),
        pytest.param(KEY, lambda p: p.setattr(FormTests, "_opened", nothing), id="keys"),
        pytest.param(SIGNED, lambda p: p.setattr(FormTests, "_opened", nothing), id="signatures"),
        pytest.param(OPENED, lambda p: p.setattr(FormTests, "_received", nothing), id="roles"),
        pytest.param(
            FIRST, lambda p: p.setattr(formtests, "told_apart", lambda checks: [term for _, term in checks][-1:]),
            id="first checks of roles",
        ),
        pytest.param(ANSWERS, lambda p: p.setattr(Paired, "_suppliable", lambda *_: False), id="pairs of branches"),
        pytest.param(
            ANSWERS, lambda p: p.setattr(forms._Bench, "_both_ways", lambda _, classes: classes), id="sessions that part",
        ),
        pytest.param(LATER, lambda p: p.setattr(supplies, "_closed", lambda term: term), id="what is not read"),
        pytest.param(WORD, lambda p: p.setattr(supplies, "unless_equal", nothing), id="what is known alike"),
        pytest.param(TWICE, lambda p: p.setattr(Supplier, "_sent_apart", nothing), id="what was sent"),
        pytest.param(BUILT, lambda p: p.setattr(Supplier, "_built_apart", nothing), id="what can be built"),
        pytest.param(BUILT, lambda p: p.setattr(Supplier, "touched", lambda *_: False), id="what parts may differ"),
        pytest.param(
            TWO_PARTS, lambda p: p.setattr(attacker, "_on_one_side", lambda *_: None), id="what is known of one side"
        ),
    ],
)  # fmt: skip
def test_an_engine_without_a_part_of_it_would_prove_an_attack_away(
    flow: tuple[str, ...], without: Patch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else finds this difference."""
    assert isinstance(decided(*flow), Derived)
    without(monkeypatch)
    assert isinstance(decided(*flow), Proof)


REQUEST = (
    'Client -> Server: Hello { x: pk_encrypt(pk(enc(server)), n, "a", m) when mode = real else pk_encrypt(pk(enc(server)), n, "b") }',
)
BESIDE = (
    'Client -> Server: Hello { a: pk_encrypt(pk(enc(server)), "c", n), b: pk_encrypt(pk(enc(server)), "a", n) when mode = real '
    'else pk_encrypt(pk(enc(server)), "b", n) }',
)


@pytest.mark.parametrize(
    ("flow", "name", "instead"),
    [
        pytest.param(REQUEST, "_as_far_as", lambda _, supplied: supplied, id="as far as it is read"),
        pytest.param(BESIDE, "_read_alike", lambda *_: True, id="what is read on both sides"),
    ],
)
def test_an_engine_that_read_messages_otherwise_would_lose_what_holds(
    flow: tuple[str, ...], name: str, instead: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Branches part inside of what is opened: the first check is the same on both sides, and so is what it leaves unread."""
    assert isinstance(decided(*flow), Proof)
    monkeypatch.setattr(supplies, name, instead)
    assert isinstance(decided(*flow), Derived)
