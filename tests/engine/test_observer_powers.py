"""What a claim's attacker is given before somebody who reads: what each power shows, where it reaches, and what is not covered."""

from __future__ import annotations

import pytest

from modelcheck.engine.deduction import KeyRing
from modelcheck.engine.frames import Frame, Sights
from modelcheck.engine.seen import Different, Seen
from modelcheck.protocol.model import Family
from modelcheck.protocol.terms import NAME, App, Const, Key, Term
from modelcheck.source import Source, Span
from modelcheck.verdict import Attack, Holds, NotSupported, PossibleDifference, Verdict
from tests.support import FAST, results

EXCHANGE = """\
protocol p
  role Client is client given server
  role Server is server
  key enc(Name): EncryptionKey published
  values Mode = real, cover
flow
  Client picks mode: Mode
  Client creates x: Exponent, n: Nonce, m: Nonce, noise: Opaque
  Client -> Server: Hello {{ {hello} }}
  Server creates y: Exponent, k: Nonce
  Server -> Client: Reply {{ g^y }}
  let s = kdf(g^(x*y), transcript)
  Client -> Server: Last {{ {last} }}
  Client accepts
  Server accepts
claims
  c: mode indistinguishable among {{ {sides} }} at Client{attacker}
"""


def verdict(attacker: str, *, hello: str = "g^x", last: str = "n", sides: str = "real, cover") -> Verdict:
    text = EXCHANGE.format(hello=hello, last=last, sides=sides, attacker=f" against a passive attacker{attacker}")
    return results(text, FAST)["p.c"].verdict


UNDER_SHARES = "x: encrypt(s, m) when mode = real else noise"


def test_a_dishonest_party_sends_nothing_and_where_it_would_the_claim_is_left_open() -> None:
    """The last message is under the secret of two shares, and to an attacker who sends nothing the client never gets there."""
    assert isinstance(verdict("", last=UNDER_SHARES), Holds)
    found = verdict(" despite dishonest server", last=UNDER_SHARES)
    assert found == PossibleDifference((), "so the two sides of `mode` may look different if `server` follows the flow")


def test_a_leak_after_a_point_that_no_run_reaches_is_none() -> None:
    hello = "share: g^x, x: pk_encrypt(pk(enc(client)), m) when mode = real else noise"
    late = " despite leak of enc(client) after Client accepts"
    assert isinstance(verdict(late, hello=hello), Attack)
    assert isinstance(verdict(f"{late} and dishonest server", hello=hello), PossibleDifference)


def test_the_judged_party_is_honest() -> None:
    assert verdict(" despite dishonest client") == NotSupported("a judged name that is the attacker's")


@pytest.mark.parametrize("when", ["real", "cover"])
def test_a_secret_that_is_given_on_one_side_only_is_no_attack_by_itself(when: str) -> None:
    """The exchange is weak on one side, and nothing there shows it: a stronger attacker, who solves both, sees nothing."""
    found = verdict(f" despite weak dh when mode = {when}", last="x: hash(n) when mode = real else noise")
    assert isinstance(found, PossibleDifference)
    strong = verdict(" despite weak dh", last="x: hash(n) when mode = real else noise")
    assert isinstance(strong, Holds)


def test_what_is_weak_on_one_side_is_tried_on_both() -> None:
    """Both hellos are sealed; what opens of them shows the side on which they do."""
    sealed = "share: g^x, x: pk_encrypt(pk(enc(server)), n) when mode = real else pk_encrypt(pk(enc(server)), m)"
    assert isinstance(verdict("", hello=sealed, last='"done"'), Holds)
    assert isinstance(verdict(" despite weak pk_encrypt", hello=sealed, last='"done"'), Holds)
    for when in ("real", "cover"):
        found = verdict(f" despite weak pk_encrypt when mode = {when}", hello=sealed, last='"done"')
        assert isinstance(found, Attack)


@pytest.mark.parametrize("power", ["weak aead when mode = real", "leak of s", "weak hash"])
def test_swapping_the_sides_keeps_the_verdict(power: str) -> None:
    one, other = (
        verdict(f" despite {power}", last=UNDER_SHARES, sides=sides) for sides in ("real, cover", "cover, real")
    )
    assert isinstance(one, Attack | Holds)
    assert type(one) is type(other)


def test_a_hash_that_is_weak_in_some_sessions_is_taken_to_be_weak_in_all() -> None:
    """What only that tells apart is no attack: it may be that these sessions are not weak."""
    assert isinstance(verdict(" despite weak hash when mode = real", last=UNDER_SHARES), Holds)
    hashed = "x: hash(n) when mode = real else noise"
    assert isinstance(verdict(" despite weak hash", last=hashed), Attack)
    assert isinstance(verdict(" despite weak hash when mode = real", last=hashed), PossibleDifference)


def test_what_is_computed_may_leak() -> None:
    """A transcript that leaks tells an observer nothing, the key that is computed with it shows what is sealed."""
    assert isinstance(verdict(" despite leak of transcript(Hello..Reply)", last=UNDER_SHARES), Holds)
    assert isinstance(verdict(" despite leak of s", last=UNDER_SHARES), Attack)


STOPS = """\
protocol p
  role Client is client given server
  role Server is server given client
  key enc(Name): EncryptionKey published
  values Mode = real, cover
  values Suite = new, old
flow
  Client picks mode: Mode
  Client picks suite: Suite
  Client creates n: Nonce, m: Nonce, noise: Opaque
  let s = hash(n, client)
  Client -> Server: Hello {{ suite: suite, x: pk_encrypt(pk(enc(server)), n, m) when mode = real else noise }}
  Server checks suite = new
  Server creates k: Nonce
  Server -> Client: Reply {{ pk_encrypt(pk(enc(client)), k) }}
  Client accepts
  Server accepts
claims
  c: mode indistinguishable among {{ real, cover }} at Client against a passive attacker despite {power}
"""


@pytest.mark.parametrize(
    ("power", "kind"),
    [("weak pk_encrypt when suite = old", Attack), ("weak pk_encrypt when suite = new", Attack),
     ("weak aead when suite = old", Holds), ("leak of k", Holds), ("leak of n and leak of m", Attack)],
)  # fmt: skip
def test_who_stops_at_a_comparison_had_what_it_sent_before(power: str, kind: type[Verdict]) -> None:
    assert isinstance(results(STOPS.format(power=power), FAST)["p.c"].verdict, kind)


UNAWARE = """\
protocol p
  role Client given server
  role Server is server
  role Store
  values Mode = real, cover
  values Suite = new, old
flow
  Client picks mode: Mode
  Client picks suite: Suite
  Client creates n: Nonce, m: Nonce
  Client -[secure]-> Server: Hello { x: n when mode = real else m }
  Server creates k: SymmetricKey
  Server -> Store: Entry { encrypt(k, Hello.x), encrypt(k, "done") }
  Client -> Server: Last { n }
  Client accepts
  Server accepts
claims
  c: mode indistinguishable among { real, cover } at Client against a passive attacker despite weak aead when suite = old
"""


def test_roles_that_do_not_learn_whether_a_primitive_is_weak_leave_it_open() -> None:
    """The server never learns the suite: its session counts as one of a weak suite in no attack, and in no proof as another."""
    assert isinstance(results(UNAWARE, FAST)["p.c"].verdict, PossibleDifference)
    assert isinstance(results(UNAWARE.replace(" despite weak aead when suite = old", ""), FAST)["p.c"].verdict, Holds)


# ------------------------------------------------------------------------------------------------ colliding hashes

SPAN = Span(Source("test.flow", " "), 0, 1)
FAMILIES = {"key": Family("key", 1, "SigningKey", "", (), SPAN)}
RING = KeyRing(FAMILIES, {"key": (0,)})
WEAK = frozenset({"hash"})
N, M = Const("n", "Nonce"), Const("m", "Nonce")
K1, K2 = (Key("key", "SigningKey", (Const(name, NAME),)) for name in ("a", "b"))


def signed(key: Term, content: Term) -> Term:
    return App("sign", (key, content))


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        ((App("hash", (N,)),), (App("hash", (N,)),), False),
        ((App("hash", (N,)),), (App("hash", (M,)),), True),
        ((App("hash", (N,)),), (N,), True),
        ((N, App("hash", (N,))), (M, App("hash", (N,))), True),
        ((N, M, signed(K1, N), signed(K1, M)), (N, M, signed(K1, N), signed(K2, M)), True),
        ((N, M, signed(K1, N), signed(K1, M)), (N, M, signed(K2, N), signed(K2, M)), False),
        ((signed(K1, N), signed(K1, signed(K1, N))), (signed(K1, N), signed(K1, signed(K1, N))), False),
        ((signed(K1, N), signed(K1, signed(K1, N))), (signed(K1, N), signed(K2, signed(K1, N))), True),
        ((N, M, App("pk", (K1,)), signed(K1, N)), (N, M, App("pk", (K2,)), signed(K1, N)), True),
    ],
)
def test_frames_and_pairs_agree_on_what_a_weak_hash_shows(
    left: tuple[Term, ...], right: tuple[Term, ...], told: bool
) -> None:
    """Hash values are told by what they are of; two signatures of one key are known to be of one key."""
    sights = Sights()
    looks = [Frame(messages, RING, sights, WEAK).look() for messages in (left, right)]
    apart = False
    for pairs in (zip(left, right, strict=True), zip(right, left, strict=True)):
        try:
            Seen(list(pairs), FAMILIES, WEAK)
        except Different:
            apart = True
    assert (looks[0] != looks[1], apart) == (told, told)


def test_a_weak_hash_is_needed_for_that() -> None:
    sights = Sights()
    for left, right in (
        ((App("hash", (N,)),), (M,)),
        ((N, M, signed(K1, N), signed(K1, M)), (N, M, signed(K1, N), signed(K2, M))),
    ):
        one, other = (Frame(messages, RING, sights).look() for messages in (left, right))
        assert one == other
        Seen(list(zip(left, right, strict=True)), FAMILIES)


def test_weakness_may_be_of_one_term() -> None:
    one, other = (App("aead", (Const(key, "Nonce"), N, N, M)) for key in ("k", "l"))
    sights = Sights()
    looks = [Frame([one, other], RING, sights, frozenset[str | Term]({weak})).look() for weak in (one, other)]
    assert looks[0] != looks[1]
    only = frozenset[str | Term]({one})
    Seen([(one, one)], FAMILIES, only)
    with pytest.raises(Different):
        Seen([(one, one)], FAMILIES, only, frozenset())


def test_a_secret_that_is_computed_on_one_side_only_opens_nothing_on_the_other() -> None:
    x, y = (Const(name, "Exponent") for name in "xy")
    secret = App("dh", (x, y))
    pairs = [(term, term) for term in (App("g", (x,)), App("g", (y,)), App("aead", (secret, N, N, M)), N)]
    only = frozenset[str | Term]({secret})
    Seen(pairs, FAMILIES, only)
    with pytest.raises(Different):
        Seen(pairs, FAMILIES, only, frozenset())
