"""The spec that `modelcheck new` writes."""

from __future__ import annotations

_TEMPLATE = """\
# A signed Diffie-Hellman exchange, to start from. `modelcheck check PROTOCOL.flow` says what its claims are worth.
protocol PROTOCOL "Signed Diffie-Hellman with both names under both signatures"

  role Client is client given server           # acts under the name `client`, was told whom to talk to
  role Server is server

  key signing(Name): SigningKey certified      # one signing key per name, its public half bound to the name

flow
  Client creates x: Exponent
  Client -> Server: Hello { client_name: client, share: g^x }

  Server creates y: Exponent
  let k = kdf(g^(x*y), client, server)         # notation: one meaning for both roles
  Server -> Client: Reply { share: g^y, proof: sign(signing(server), "server", g^x, g^y, client) }
  Client accepts                               # a role checks everything it can check in what it receives

  Client -> Server: Proof { sign(signing(client), "client", g^y, g^x, server) }
  Server accepts

claims
  secrecy:         secret k at Client
  forward_secrecy: secret k at Client despite leak of signing after Client accepts
  server_auth:     Client agrees with Server on client, server, k, injectively
  client_auth:     Server agrees with Client on client, server, k, injectively
  same_ends:       k identifies client, server
  exponent_lost:   secret k at Client despite leak of x
                   expect attack "one exponent is enough to compute the key"
"""


def starting_spec(name: str) -> str:
    """Return a commented spec for a protocol called ``name``; it checks with every claim as expected."""
    return _TEMPLATE.replace("PROTOCOL", name)
