"""Key schedules: what keys are made of, which transcript enters them, what claims say of them."""

from __future__ import annotations

from modelcheck.render.key_schedule import key_schedule, picture, render_key_schedule
from tests.render.flows import BRANCHES, one
from tests.support import SIGNED

RETRY = """\
protocol p "a retry, a stored key, a long-term key"
  role C is c given s
  role S is s
  key ltk(Name, Name): SymmetricKey
  values V = a, b
flow
  C creates x: Exponent, secret: Nonce
  C picks v: V
  C -> S: Hello { g^x, v }
  opt S chooses retry
    S -> C: Again { "again" }
    transcript restarts with hash(Hello), Again
    C renews x
    C -> S: Hello as second { g^x }
  end
  S creates y: Exponent, r: Nonce
  S -> C: Welcome { g^y, r }
  let shared = (g^(x*y), ltk(c, s)) when v = a else g^(x*y)
  stage 1 key c_key = kdf(shared, "c", transcript)
  stage 2 key s_key = kdf(shared, "s", transcript)
  let public = hash(r)
  S -> C: encrypted(s_key) { Finished { hmac(s_key, transcript) } }
  C -> S: encrypted(c_key) { Finished { hmac(c_key, transcript(Hello..S.Finished)) } }
  C accepts
  S accepts
  let later = kdf(c_key, transcript)
claims
  hidden: secret stage 1..2, later at C despite leak of ltk(c, s) after C accepts
  agreed: C agrees with S on stage 1
  unique: later identifies c
"""


def test_from_secrets_to_keys() -> None:
    assert (
        render_key_schedule(one(RETRY))
        == """\
p: key schedule
  g^(x*y)
  ltk(c, s)
      leaks in hidden
  shared = (g^(x*y), ltk(c, s)) when v = a else g^(x*y)
  c_key (stage 1) = kdf(shared, "c", transcript)
      transcript: Hello or hash(Hello), Again .. Welcome
      encrypts C.Finished
      secret in hidden
      agreed in agreed
  s_key (stage 2) = kdf(shared, "s", transcript)
      transcript: Hello or hash(Hello), Again .. Welcome
      encrypts S.Finished
      secret in hidden
  later = kdf(c_key, transcript)
      transcript: Hello or hash(Hello), Again .. C.Finished
      secret in hidden
      unique in unique"""
    )


def test_a_name_that_two_branches_define_has_two_nodes() -> None:
    nodes = key_schedule(one(BRANCHES))
    assert [(node.name, node.sources) for node in nodes] == [
        ("g^(x*y)", []), ("shared", [0]), ("Hello .. Share", []), ("k", [1, 2]), ("k", [1, 2]),
    ]  # fmt: skip
    assert nodes[3].text == 'kdf(shared, "fast", transcript) (if mode = fast)'


def test_the_picture_says_in_words_what_follows_from_what() -> None:
    drawn = picture(one(SIGNED + "  c: secret k at Client\n"))
    assert drawn.description == "k is kdf(g^(x*y), client, server) from g^(x*y) (secret in c)."
    assert drawn.source.count("->") == 1


def test_a_protocol_without_keys() -> None:
    protocol = one("protocol p\n  role A is a given b\n  role B is b\nflow\n  A creates n: Nonce\n  A -> B: M { n }\n")
    assert render_key_schedule(protocol) == "p: key schedule\n  no keys are derived"
    assert picture(protocol).description == "No keys are derived."


def test_a_continued_protocol_starts_from_the_keys_of_the_first() -> None:
    text = (
        SIGNED
        + "  c: secret k at Client\nprotocol q continues p\nflow\n  let l = kdf(k)\n  Server -> Client: encrypted(l) { Bye { } }\n"
    )
    assert [node.name for node in key_schedule(one(text, "q"))] == ["g^(x*y)", "k", "l"]
