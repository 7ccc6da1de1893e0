"""Remarks on roles."""

from __future__ import annotations

from modelcheck.machines.review import review
from tests.support import SIGNED, library


def remarks(text: str) -> list[str]:
    found = library(text)
    (protocol,) = found.protocols
    return [f"{d.rule.code} {d.message}" for d in review(protocol, found.system(protocol).machines)]


def test_a_sound_protocol_has_no_remarks() -> None:
    assert remarks(SIGNED + "  c: secret k at Client\n") == []


def test_a_key_that_nothing_ties_to_its_holder() -> None:
    text = """\
protocol p
  role Client given server
  role Server is server
  key kem(Name): KemKey
flow
  Server -> Client: Key { pk(kem(server)) }
  Client creates c: Coins
  Client -> Server: Sealed { kem_ct(pk(kem(server)), c) }
  Client accepts
  Server accepts
"""
    assert remarks(text) == ["MC306 Client cannot tie `kem(server)` to `server`"]
    assert remarks(text.replace("KemKey\n", "KemKey published\n")) == []


def test_a_role_that_does_nothing_and_a_field_nobody_checks() -> None:
    text = SIGNED.replace("flow\n", "  role Idle is idle\nflow\n", 1).replace(
        "share: g^x }", "share: g^x, also: g^x unchecked }"
    )
    text += "  c: secret k at Client\n"
    assert remarks(text) == ["MC308 Server does not check `Hello.also`", "MC307 Idle neither sends nor receives"]
