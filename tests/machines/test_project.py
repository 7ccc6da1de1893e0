"""Roles check what they can, learn the rest, and send only what they can build."""

from __future__ import annotations

import pytest

from modelcheck.diagnostics import SpecRejected
from modelcheck.machines.project import project
from modelcheck.render.machine import render_machine
from tests.support import SIGNED, library

HEAD = "protocol p\n  role A is a given b\n  role B is b\n  key s(Name): SigningKey certified\nflow\n"


def machine(flow: str, role: str) -> str:
    (protocol,) = library(HEAD + flow).protocols
    machines, found = project(protocol)
    assert found == ()
    return render_machine(next(m for m in machines if m.role.name == role))


def test_a_small_protocol() -> None:
    (protocol,) = library(SIGNED + "  c: secret k at Client\n").protocols
    client = render_machine(project(protocol)[0][0])
    assert client == (
        "p: Client is client given server\n"
        "  0 -> 1  creates x: Exponent\n"
        "  1 -> 2  sends Hello to Server: Hello { client, g^x }\n"
        '  2 -> 3  receives Reply from Server: Reply { g^y, sign(signing(server), ("server", g^x, g^y, client)) }\n'
        "  3 -> 4  accepts\n"
        '  4 -> 5  sends Proof to Server: Proof { sign(signing(client), ("client", g^y, g^x, server)) }'
    )


def test_an_unchecked_second_copy_is_a_value_of_its_own() -> None:
    flow = "  A creates n: Nonce\n  A -> B: M { n }\n  A -> B: N { n: n unchecked }\n"
    assert "receives N from A: N { N.n }" in machine(flow, "B")
    assert "sends N to B: N { n }" in machine(flow, "A")


def test_a_late_key_brings_the_check() -> None:
    flow = "  A creates n: Nonce, k: SymmetricKey\n  A -> B: M { n, aead(k, n) }\n  A -> B: N { k }\n"
    text = machine(flow, "B")
    assert 'receives M from A: M { n, aead(k, "", "", n~2) }' in text
    assert "checks n~2 = n" in text


def test_branches_share_their_beginning() -> None:
    flow = "  A creates n: Nonce\n  opt A chooses more\n    A -> B: M { n }\n  end\n  A -> B: N { hash(n) }\n"
    assert "branch 1 of 2 from state 1" in machine(flow, "A")


def test_what_a_role_cannot_build() -> None:
    flow = "  A creates n: Nonce\n  A -> B: M { hash(n) }\n  B -> A: N { n }\n"
    (protocol,) = library(HEAD + flow).protocols
    (finding,) = project(protocol)[1]
    assert finding.message == "B cannot build `N`: it does not know `n`"


def test_machines_are_digraphs() -> None:
    (protocol,) = library(SIGNED + "  c: secret k at Client\n").protocols
    graph = project(protocol)[0][0].graph
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (6, 5)
    assert graph.graph == {"protocol": "p", "role": "Client"}


def test_rejection_reaches_the_caller() -> None:
    lib = library(HEAD + "  A creates n: Nonce\n  B -> A: N { n }\n")
    with pytest.raises(SpecRejected):
        lib.system(lib.protocols[0])
