"""Flows that the tests of pictures draw."""

from __future__ import annotations

from modelcheck.protocol.model import Protocol
from tests.support import library

BRANCHES = """\
protocol relay "A proxy, two branches, channels of several kinds"
  role Client is client given server
  role Proxy is proxy
  role Server is server given client
  key signing(Name): SigningKey certified
  key session(Name, Name): SymmetricKey
  values Mode = fast, safe
flow
  Client picks mode: Mode
  Client creates x: Exponent
  Client -[secret]-> Proxy: Hello { mode: mode, share: g^x, server_name: server }
  Proxy -> Server: forward Hello
  Server creates y: Exponent, n: Nonce, q: Data
  Server -> Client: Share { g^y }
  let shared = kdf(g^(x*y), "shared")
  alt when mode = fast as quick
    stage 1 key k = kdf(shared, "fast", transcript)
    Server -> Client: encrypted(k) { Reply { share: n, sealed: aead(session(client, server), n, Inner { q }) } }
  else as slow
    stage 1 key k = kdf(shared, "safe", transcript)
    Server -> Client: Reply as clear_reply { share: n unchecked }
    opt Client chooses more
      transcript restarts with hash(Hello), clear_reply
      Client renews x
    end
  end
  Client checks mode != safe when mode = fast
  Client accepts
  Server stops
claims
  keys: secret k, shared at Client if mode = fast despite leak of x of other sessions
"""


def one(text: str, name: str | None = None) -> Protocol:
    """The protocol of this name in a text, or its only one."""
    protocols = library(text).protocols
    return next(p for p in protocols if name is None or p.name == name)


POLL = """\
protocol poll
  role Voter is voter
  role Server
  values Choice = yes, no
flow
  Voter picks choice: Choice
  Voter -> Server: Ballot { ballot: hash(choice, voter) }
  Server creates n: Nonce
  Server -> Voter: Receipt { number: n }
  Voter accepts
claims
  active:  choice indistinguishable among { yes, no } at Voter expect attack "a hash of two choices"
  passive: choice indistinguishable among { yes, no } at Voter against a passive attacker expect attack
"""
"""A poll whose ballots are hashes of choices: two sides that anybody tells apart."""
