"""Picks before an observer who only reads: real against simulated, what other runs show, and what is not covered."""

from __future__ import annotations

import pytest

from modelcheck.engine import observer
from modelcheck.engine.frames import Frame
from modelcheck.options import Options
from modelcheck.verdict import Attack, Holds, NotSupported, PossibleDifference, Vacuous, Verdict
from tests.support import results

FAST = Options(audit=False)

COVER = """\
protocol p
  role Client is client given server
  role Server is server
  key enc(Name): EncryptionKey published
  key psk(Name, Name): Psk
  key signing(Name): SigningKey certified
  values Mode = real, cover
flow
  Client creates n: Nonce, noise: Opaque, m: Nonce
  Client picks mode: Mode
  Client -> Server: Hello {{ {hello} }}
  Server creates k: Nonce
  {rest}
  Client accepts
  Server accepts
claims
  c: mode indistinguishable among {{ {sides} }} at Client{attacker}
"""


def verdict(
    hello: str, rest: str = "", attacker: str = " against a passive attacker",
    sides: str = "real, cover", options: Options = FAST,
) -> Verdict:  # fmt: skip
    text = COVER.format(hello=hello, rest=rest, attacker=attacker, sides=sides)
    return results(text, options)["p.c"].verdict


SEALED = "x: pk_encrypt(pk(enc(server)), n, m) when mode = real else noise"
BRANCHES = """alt Server opens Hello.x as yes
    Server -> Client: Reply { {yes} }
  else as no
    Server -> Client: Reply as other { {no} }
  end"""


def branches(yes: str, no: str) -> str:
    return BRANCHES.replace("{yes}", yes).replace("{no}", no)


def test_a_ciphertext_looks_like_noise() -> None:
    assert isinstance(verdict(SEALED), Holds)


def test_a_forged_signature_is_a_simulation() -> None:
    """A signature on something new still verifies; noise does not, however weak signatures are."""
    signed = "n: n, x: sign(signing(client), n) when mode = real else noise"
    assert isinstance(verdict(signed, attacker=" against a passive attacker despite weak sign"), Attack)


def test_a_weak_kem_opens_what_it_protects() -> None:
    hello = "ct: kem_ct(pk(kem(server)), c) when mode = real else noise, x: aead(kem_ss(pk(kem(server)), c), n) when mode = real else more"
    text = COVER.replace("key psk", "key kem(Name): KemKey published\n  key psk").replace(
        "noise: Opaque", "noise: Opaque, more: Opaque, c: Coins"
    )
    for power, kind in (("", Holds), (" despite weak kem", Attack), (" despite weak dh", Holds)):
        attacker = f" against a passive attacker{power}"
        spec = text.format(hello=hello, rest="", attacker=attacker, sides="real, cover")
        assert isinstance(results(spec, FAST)["p.c"].verdict, kind), power


def test_a_leak_at_a_point_that_is_not_reached_is_refused() -> None:
    rest = "alt Server opens Hello.x as yes\n    Client accepts\n  else as no\n    Client stops\n  end"
    text = COVER.replace("  Client accepts\n", "", 1)
    attacker = " against a passive attacker despite leak of enc(server) after Client accepts"
    found = results(text.format(hello=SEALED, rest=rest, attacker=attacker, sides="real, cover"), FAST)["p.c"].verdict
    assert isinstance(found, NotSupported)
    assert found.construct.startswith("leaks after a point")


def test_both_ways_on_look_alike_or_not() -> None:
    assert isinstance(verdict(SEALED, branches("hash(n, k)", "k")), Holds)
    found = verdict(SEALED, branches("hash(n, k)", '"no"'))
    assert isinstance(found, Attack)
    assert found.sides == ("left: `mode` is real", "right: `mode` is cover")
    assert [step.text for step in found.steps[:2]] == ["Client to Server: Hello", "Server to Client: Reply"]
    assert found.steps[-1].right not in ("", found.steps[-1].text)


def test_one_more_message_is_seen() -> None:
    found = verdict(SEALED, branches("k", "k }\n    Server -> Client: More { k"))
    assert isinstance(found, Attack)
    assert found.steps[-1].text == "nothing more is sent"
    assert found.steps[-1].right == "Server to Client: More"
    assert [step.text for step in found.steps[:-1]] == ["Client to Server: Hello", "Server to Client: Reply"]


def test_one_more_field_is_seen() -> None:
    found = verdict(SEALED, branches("k", 'k, "more"'))
    assert isinstance(found, Attack)
    assert found.steps[-1].text.startswith("a message `Reply")


def test_what_can_be_guessed_is_seen() -> None:
    """Encryption here hides what is in it only if something in it is fresh."""
    assert isinstance(verdict('x: pk_encrypt(pk(enc(server)), "hello") when mode = real else noise'), Attack)


def test_other_runs_show_what_does_not_change() -> None:
    """A constant under a secret key is new in one run, and known from another."""
    assert isinstance(verdict("x: hmac(psk(client, server), n) when mode = real else noise"), Holds)
    assert isinstance(verdict('x: hmac(psk(client, server), "hello") when mode = real else noise'), Attack)
    assert isinstance(verdict('x: hmac(psk(client, server), "hello", n) when mode = real else noise'), Holds)


def test_a_signature_can_be_verified_and_no_simulation_makes_one() -> None:
    assert isinstance(verdict("n: n, x: sign(signing(client), n) when mode = real else noise"), Attack)


@pytest.mark.parametrize(
    "power", ["leak of enc(server)", "leak of enc", "leak of n, m", "leak of enc(server) after Client accepts",
              "leak of n, m after Client accepts", "leak of n, m of all sessions", "weak pk_encrypt"],
)  # fmt: skip
def test_a_leak_turns_the_verdict(power: str) -> None:
    assert isinstance(verdict(SEALED, attacker=f" against a passive attacker despite {power}"), Attack)


def test_leaks_that_matter_to_nobody_do_not() -> None:
    for power in ("leak of signing", "leak of k", "leak of enc(client)", "leak of n, m of other sessions", "weak dh",
                  "weak sign", "weak aead"):  # fmt: skip
        found = verdict(SEALED, branches("hash(n, k)", "k"), attacker=f" against a passive attacker despite {power}")
        assert isinstance(found, Attack if power == "leak of k" else Holds), power


def test_swapping_the_sides_keeps_the_verdict() -> None:
    for hello in (SEALED, "x: hash(n) when mode = real else n", 'x: n when mode = real else "none"'):
        for rest in ("", branches("n", "k") if hello == SEALED else ""):
            one = verdict(hello, rest)
            other = verdict(hello, rest, sides="cover, real")
            assert type(one) is type(other)


def test_a_pick_that_changes_nothing_is_vacuous() -> None:
    found = verdict("n, m")
    assert found == Vacuous(
        "even if all keys and all secrets of the judged session leaked, nobody could tell the sides apart"
    )


def test_an_attacker_who_sends_is_shown_what_an_observer_sees() -> None:
    assert isinstance(verdict('x: n when mode = real else "none"', attacker=""), Attack)


@pytest.mark.parametrize(
    ("attacker", "reason"),
    [
        ("dishonest client", "a judged name that is the attacker's"),
    ],
)
def test_what_is_not_covered_says_so(attacker: str, reason: str) -> None:
    found = verdict(SEALED, attacker=f" against a passive attacker despite {attacker}")
    assert isinstance(found, NotSupported)
    assert found.construct.startswith(reason)


KEYED = """\
protocol before
  role First is client given server
  role Second is server
  key psk(Name, Name): Psk
flow
  First creates m: Nonce
  let k = hash(psk(client, server))
  First -> Second: Hello {{ hmac(k, m), m }}
  First accepts
  Second accepts

protocol p after before
  role Client is client given server
  role Server is server
  values Mode = real, cover
flow
  Client creates n: Nonce, noise: Opaque, {fresh}
  Client picks mode: Mode
  let {name} = hash(psk(client, server))
  Client -> Server: Hello {{ x: hmac({name}, n) when mode = real else noise, n: n }}
  Client accepts
  Server accepts
claims
  c: mode indistinguishable among {{ real, cover }} at Client against a passive attacker despite leak of k of other sessions
"""


def test_other_sessions_leak_values_of_their_own_protocol() -> None:
    """What another protocol calls by the same name is another value."""
    for text, kind in (
        (KEYED.format(fresh="o: Nonce", name="k"), Attack),
        (KEYED.format(fresh="k: Nonce", name="secret_key"), Holds),
    ):
        assert isinstance(results(text, FAST)["p.c"].verdict, kind)


def test_a_dishonest_server_sees_what_it_is_sent() -> None:
    for attacker in ("", " against a passive attacker"):
        found = verdict(SEALED, branches("k", '"no"'), attacker=f"{attacker} despite dishonest server")
        assert isinstance(found, Attack)
        assert [step.text for step in found.steps[:-1]] == ["Client to Server: Hello"]


def test_a_comparison_that_fails_ends_a_run() -> None:
    """With a wrong value the server stops: nothing more is sent on that side."""
    check = 'Server checks Hello.tag = "1"\n  Server -> Client: Reply { k }'
    found = verdict('n: n, tag: "1" when mode = real else "2"', check)
    assert isinstance(found, Attack)
    hidden = verdict(
        'n: n, tag: pk_encrypt(pk(enc(server)), m, "1") when mode = real else pk_encrypt(pk(enc(server)), m, "2")'
    )
    assert isinstance(hidden, Holds)


def test_without_other_runs_a_repeated_value_would_be_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    hello = 'x: hmac(psk(client, server), "hello") when mode = real else noise'
    assert isinstance(verdict(hello), Attack)
    monkeypatch.setattr(observer._Bench, "_others", lambda self: iter(()))
    assert isinstance(verdict(hello), Holds)


def test_a_frame_that_sees_too_little_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The replayer confirms what the frames say: alone neither makes a verdict."""
    leaked = " despite leak of enc(server)"
    assert isinstance(verdict(SEALED, attacker=" against a passive attacker" + leaked), Attack)
    monkeypatch.setattr(Frame, "look", lambda self: ())
    found = verdict(SEALED, attacker=" against a passive attacker" + leaked)
    assert isinstance(found, PossibleDifference)
