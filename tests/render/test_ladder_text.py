"""Ladders as text: whole drawings, and the width that RFCs allow."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelcheck.pipeline import open_library
from modelcheck.protocol.model import Protocol
from modelcheck.render.ladder_rows import Message, ladder
from modelcheck.render.ladder_text import WIDTH, render_ladder
from modelcheck.resources import specs_folder
from modelcheck.spec_paths import find_specs
from tests.render.flows import BRANCHES, one
from tests.support import SIGNED

GOLDEN = Path(__file__).parent / "golden"


def test_a_small_protocol() -> None:
    assert (
        render_ladder(ladder(one(SIGNED + "  c: secret k at Client\n")))
        == """\
                         signed Diffie-Hellman

Client                                                            Server
is client, given server                                        is server
  |                                                                  |
  | creates x                                                        |
  |                                                                  |
  | Hello                                                            |
  |   name: client                                                   |
  |   share: g^x                                                     |
  |----------------------------------------------------------------->|
  |                                                                  |
  |                                                        creates y |
  |                                                                  |
  |                             (let k)                              |
  |                                                                  |
  | Reply                                                            |
  |   share: g^y                                                     |
  |   proof: sign(signing(server), "server", g^x, g^y, client)       |
  |<-----------------------------------------------------------------|
  |                                                                  |
  * accepts                                                          |
  |                                                                  |
  | Proof                                                            |
  |   sign(signing(client), "client", g^y, g^x, server)              |
  |----------------------------------------------------------------->|
  |                                                                  |
  |                                                          accepts *
  |                                                                  |"""
    )


def test_branches_a_proxy_and_protected_channels() -> None:
    assert render_ladder(ladder(one(BRANCHES))) + "\n" == (GOLDEN / "ladder.txt").read_text(encoding="utf-8")


def all_protocols() -> list[Protocol]:
    """Every packaged protocol that has a flow."""
    return [p for p in open_library(find_specs([specs_folder()])).protocols if p.written]


@pytest.mark.parametrize("protocol", all_protocols(), ids=lambda protocol: protocol.name)
def test_every_packaged_protocol_fits_the_page_and_shows_its_messages(protocol: Protocol) -> None:
    drawn = render_ladder(ladder(protocol))
    assert max(map(len, drawn.splitlines())) <= WIDTH
    assert drawn.isascii() or not protocol.title.isascii()
    assert drawn.count("->|") + drawn.count("|<-") == sum(isinstance(row, Message) for row in ladder(protocol).rows)


def test_a_variant_shows_its_edits() -> None:
    text = (
        SIGNED
        + "  c: secret k at Client\nvariant q of p\n  drop Proof\n  replace Hello { share: g^x }\nclaims\n  c: expect attack\n"
    )
    drawn = render_ladder(ladder(one(text, "q")))
    assert "Proof" not in drawn
    assert "name: client" not in drawn
