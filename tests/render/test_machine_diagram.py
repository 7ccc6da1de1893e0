"""State machines as pictures: steps merged into edges, in the words of the spec."""

from __future__ import annotations

from modelcheck.machines.machine import RoleMachine
from modelcheck.protocol.model import Protocol
from modelcheck.render.machine_diagram import Edge, merged, picture
from tests.render.flows import BRANCHES
from tests.support import EITHER, SIGNED, library


def machine(text: str, role: str) -> tuple[Protocol, RoleMachine]:
    """A protocol of a text with one of its role machines."""
    found = library(text)
    protocol = found.protocols[0]
    return protocol, next(m for m in found.system(protocol).machines if m.role.name == role)


def test_steps_up_to_the_next_wait_are_one_edge() -> None:
    assert merged(*machine(SIGNED + "  c: secret k at Client\n", "Client")) == (
        Edge(0, 2, ("creates x: Exponent", "sends Hello { client, g^x }"), frozenset({"x"})),
        Edge(2, 4, ('receives Reply { g^y, sign(signing(server), "server", g^x, g^y, client) }',), frozenset({"y"})),
        Edge(4, 5, ('sends Proof { sign(signing(client), "client", g^y, g^x, server) }',), frozenset()),
    )  # fmt: skip


def test_branches_start_edges_and_keys_and_transcripts_have_their_names() -> None:
    edges = merged(*machine(BRANCHES, "Client"))
    assert [(edge.start, edge.end) for edge in edges] == [
        (0, 3), (0, 11), (3, 5), (11, 13), (5, 8), (13, 14), (14, 17), (14, 19),
    ]  # fmt: skip
    assert edges[4].lines == (
        "receives, encrypted under k:",
        "  Reply { n, aead(session(client, server), n, Inner) }",
        "checks fast != safe",
    )
    assert edges[6].lines == ("chooses more", "creates x': Exponent")


def test_transcripts_are_called_so() -> None:
    text = """\
protocol p
  role A is a given b
  role B is b
  key s(Name): SigningKey certified
  key k(Name, Name): SymmetricKey
flow
  A creates n: Nonce
  A -> B: Hello { a, n }
  B creates m: Nonce
  let t = kdf(m, "t", transcript)
  B -> A: Reply { m, sign(s(b), "server", transcript) }
  A -> B: encrypted(t) { Done { hash(t, transcript) } Bye { n } }
"""
    assert [line for edge in merged(*machine(text, "A")) for line in edge.lines] == [
        "creates n: Nonce",
        "sends Hello { a, n }",
        'receives Reply { m, sign(s(b), "server", transcript) }',
        "sends, encrypted under t:",
        "  Done { hash(t, transcript) }",
        "  Bye { n }",
    ]


def test_accepting_and_stopping_states_are_marked() -> None:
    found = library(BRANCHES)
    protocol = found.protocols[0]
    drawn = picture(protocol, found.system(protocol).machines)
    assert drawn.source.count("peripheries=2") == 5
    assert drawn.source.count("shape=octagon") == 2
    assert drawn.title == "State machine of roles Client, Proxy, Server in relay"
    assert "From state 0 to state 3, where it accepts: receives Hello" in drawn.description


def test_one_role_on_its_own() -> None:
    protocol, alone = machine(BRANCHES, "Server")
    drawn = picture(protocol, [alone])
    assert drawn.title == "State machine of role Server in relay"
    assert drawn.source.count("subgraph") == 1


def test_what_is_new_to_a_role_is_bold_but_not_in_literal_texts() -> None:
    text = """\
protocol p
  role A is a given b
  role B is b
flow
  A creates n: Nonce
  A -> B: Hello { n, "of all the texts that a message can have in it this one mentions n, which is no value", a }
"""
    protocol, alone = machine(text, "B")
    (label,) = (line for line in picture(protocol, [alone]).source.splitlines() if "receives" in line)
    assert label.count("<B>n</B>") == 1
    assert label.count("<B>a</B>") == 1


def test_ways_to_fail_stand_below_the_steps_that_they_prevent() -> None:
    protocol, client = machine(BRANCHES, "Client")
    edges = merged(protocol, client, errors=True)
    assert edges[4].errors == (
        "error:",
        "  cannot be decrypted with k",
        "  no Reply",
        "  Reply: cannot be decrypted with session(client, server)",
        "  Reply: another value than n",
        "  no Inner",
        "  fast is safe",
    )
    drawn = picture(protocol, [client], errors=True)
    assert drawn.source.count("shape=octagon") == sum(bool(edge.errors) for edge in edges) == 4
    assert "Instead error: no Share." in drawn.description
    assert "error" not in picture(protocol, [client]).source


def test_where_branches_are_left_another_may_fit() -> None:
    assert [edge.errors for edge in merged(*machine(EITHER, "B"), errors=True)] == [
        ("error unless another branch fits:", "  no Quick", "  Quick: another value than fast"),
        ("error unless another branch fits:", "  no Slow", "  Slow: another value than safe"),
        ("error:", "  no More", "  More: another value than fast"),
    ]
