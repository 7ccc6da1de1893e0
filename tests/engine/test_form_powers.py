"""What each power of a claim gives an attacker who sends, where a pick changes the form of messages."""

from __future__ import annotations

import pytest

from modelcheck.verdict import Attack, Holds, NotSupported, Verdict
from tests.support import FAST, results

ANSWER = """\
protocol p
  role Client is client given server
  role Server is server
  key signing(Name): SigningKey certified
  key enc(Name): EncryptionKey published
  values Answer = named, empty
  values Suite = new, old
flow
  Client picks suite: Suite
  Client creates n: Nonce, x: Exponent, m: Nonce
  Client -> Server: Hello {{ suite, n, g^x }}
  Server creates k: Nonce, y: Exponent
  let shared = kdf(g^(x*y), transcript)
  Server -> Client: Reply {{ k, g^y, sign(signing(server), k, g^y, transcript) }}
  Client picks answer: Answer
  alt when answer = named
    Client -> Server: Last as named_last {{ encrypt(shared, client, sign(signing(client), transcript)) }}
  else
    Client -> Server: Last as empty_last {{ encrypt(shared, m) }}
  end
  Client accepts
  Server accepts
claims
  c: answer indistinguishable among {{ named, empty }} at Client{attacker}
"""
HELD = (
    "leak of k",
    "leak of k of all sessions",
    "leak of n",
    "leak of x, y of other sessions",
    "leak of suite of all sessions",
)
"""Values that do not open what is sealed: the nonces of all, and the exponents of sessions that are not the client's."""
LATER = (
    "leak of signing after Client accepts",
    "leak of signing(server), k after Client accepts",
    "leak of signing(client)",
)
ELSEWHERE = "weak pk_encrypt", "weak kem", "weak rsa", "unchecked possession of signing"
TURNED = (
    "leak of x", "leak of y", "leak of y of all sessions", "leak of x after Client accepts", "leak of shared",
    "leak of signing(server)", "leak of signing", "leak of signing(server) after Client sends Hello", "weak dh", "weak aead",
    "weak sign", "weak hash", "weak aead when answer = empty", "weak dh when suite = old", "weak aead when suite = old", "dishonest server",
)  # fmt: skip


def verdict(attacker: str) -> Verdict:
    text = ANSWER.format(attacker=f" despite {attacker}" if attacker else "")
    return results(text, FAST)["p.c"].verdict


@pytest.mark.parametrize("attacker", ["", *HELD, *LATER, *ELSEWHERE])
def test_a_power_that_does_not_help_leaves_the_answer_hidden(attacker: str) -> None:
    assert isinstance(verdict(attacker), Holds)


@pytest.mark.parametrize("attacker", TURNED)
def test_a_power_that_helps_shows_the_answer(attacker: str) -> None:
    assert isinstance(verdict(attacker), Attack)


@pytest.mark.parametrize(
    ("attacker", "reason"),
    [
        ("weak kem when answer = empty", "weak kem when `answer` has a value, which may differ from side to side"),
        ("leak of m after Client sends named_last", "leaks after `Client sends named_last`, which the two sides are past at different moments"),
    ],
)  # fmt: skip
def test_what_is_not_covered_says_so(attacker: str, reason: str) -> None:
    assert verdict(attacker) == NotSupported(reason)
