"""What tests share: specs from text, verdicts of their claims."""

from __future__ import annotations

from modelcheck import cli
from modelcheck.diagnostics import SpecRejected
from modelcheck.options import Options
from modelcheck.pipeline import ClaimTask, Library, check_claim
from modelcheck.protocol.resolve import Resolver
from modelcheck.source import Source
from modelcheck.syntax.load import parse
from modelcheck.verdict import ClaimResult

FAST = Options(audit=False)


def library(text: str) -> Library:
    """The protocols of a text; raises SpecRejected like a file would."""
    return Library((), Resolver([parse(Source("test.flow", text))]).all(), ())


def tasks(text: str) -> list[ClaimTask]:
    """A task for every claim of a text."""
    found = library(text)
    return [ClaimTask("test.flow", found, p, claim) for p in found.protocols for claim in p.claims]


def only_claim(text: str) -> ClaimTask | None:
    """The one claim of a text, None if the text is rejected or its roles cannot do what it says."""
    try:
        (task,) = tasks(text)
        task.library.system(task.owner)
    except SpecRejected:
        return None
    return task


def results(text: str, options: Options = FAST) -> dict[str, ClaimResult]:
    """The result of every claim, by ``protocol.claim``."""
    return {f"{task.protocol}.{task.claim}": check_claim(task, options) for task in tasks(text)}


def exit_code(*arguments: str) -> int:
    """What a command exits with that is run in this process."""
    try:
        cli.run(arguments)
    except SystemExit as exited:
        assert isinstance(exited.code, int)
        return exited.code
    return 0


SIGNED = """\
protocol p "signed Diffie-Hellman"
  role Client is client given server
  role Server is server
  key signing(Name): SigningKey certified
flow
  Client creates x: Exponent
  Client -> Server: Hello { name: client, share: g^x }
  Server creates y: Exponent
  let k = kdf(g^(x*y), client, server)
  Server -> Client: Reply { share: g^y, proof: sign(signing(server), "server", g^x, g^y, client) }
  Client accepts
  Client -> Server: Proof { sign(signing(client), "client", g^y, g^x, server) }
  Server accepts
claims
"""
"""A small protocol without its claims."""

EITHER = """\
protocol p
  role A is a given b
  role B is b
  values Mode = fast, safe
flow
  A picks mode: Mode
  alt when mode = fast
    A -> B: Quick { mode }
    A -> B: More { mode }
  else
    A -> B: Slow { mode }
  end
"""
"""Two branches: which one was taken, the receiver sees by the messages."""
