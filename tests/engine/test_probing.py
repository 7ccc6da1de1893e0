"""Picks that change the form of messages, before an attacker who sends: what it sees, and what it does not."""

from __future__ import annotations

import pytest

from modelcheck.engine.probing import probed
from modelcheck.options import Options
from modelcheck.pipeline import check_claim
from modelcheck.protocol.model import Observational
from modelcheck.verdict import Attack, NotSupported
from tests.support import tasks

SPEC = """\
protocol p
  role Client given server
  role Server is server
  key enc(Name): EncryptionKey published
  values Mode = real, cover
flow
  Client picks mode: Mode
  Client creates n: Nonce, x: Exponent, noise: Opaque
  Client -> Server: Hello {{ share: g^x, body: pk_encrypt(pk(enc(server)), {body}) when mode = real else noise }}
  Server creates m: Nonce, y: Exponent, other: Opaque
  alt Server opens Hello.body as opened
    Server -> Client: Reply {{ m, g^y, {opened} }}
    let key = kdf(n, g^(x*y), transcript)
  else as closed
    Server -> Client: Reply as refusal {{ m, g^y, {closed} }}
    let key = kdf(g^(x*y), transcript)
  end
  Server -> Client: encrypted(key) {{ Data {{ m }} }}
  Client accepts
  Server accepts
claims
  c: mode indistinguishable among {{ real, cover }} at Client{attacker}
"""


def attack(
    opened: str = "hash(n, m, g^y)", closed: str = "other", body: str = "n, g^x", attacker: str = ""
) -> Attack | None:
    (task,) = tasks(SPEC.format(opened=opened, closed=closed, body=body, attacker=attacker))
    assert isinstance(task.what.property, Observational)
    return probed(task.library.system(task.owner), task.what, task.what.property)


def test_a_confirmation_of_the_share_hides_what_one_without_it_shows() -> None:
    """The attacker puts its own share beside the server's confirmation: only who ignores that can open what follows."""
    assert attack() is None
    found = attack(opened="hash(n, m)")
    assert isinstance(found, Attack)
    assert (found.steps[-1].text, found.steps[-1].right) == (
        "Client cannot open it", "Client opens it, and stops then")  # fmt: skip


def test_what_is_not_bound_to_the_share_is_cut_and_pasted() -> None:
    """The attacker sends the body with a share of its own: it can open the answer unless that needs the body's secret."""
    found = attack(body="n")
    assert isinstance(found, Attack)
    assert "does not open" in found.steps[-1].text


def test_an_answer_in_clear_is_compared() -> None:
    found = attack(closed='"refused"')
    assert isinstance(found, Attack)
    assert '"refused"' in found.steps[-1].text + found.steps[-1].right


def test_a_leaked_key_opens_one_side_only() -> None:
    assert attack() is None
    found = attack(attacker=" despite leak of enc(server)")
    assert isinstance(found, Attack)


def test_the_sides_may_be_swapped() -> None:
    text = SPEC.format(opened="hash(n, m, g^y)", closed='"refused"', body="n, g^x", attacker="")
    for sides in ("real, cover", "cover, real"):
        (task,) = tasks(text.replace("among { real, cover }", f"among {{ {sides} }}"))
        assert isinstance(check_claim(task, Options(audit=False)).verdict, Attack)


def test_other_picks_of_the_sort_are_not_taken_for_the_judged_one() -> None:
    """What a second pick shows differs between two sessions of one side too: it is no difference of the sides."""
    text = SPEC.format(opened="hash(n, m, g^y)", closed="other", body="n, g^x", attacker="")
    text = text.replace("Client picks mode: Mode\n", "Client picks mode: Mode\n  Client picks word: Mode\n")
    (task,) = tasks(text.replace("share: g^x,", "share: g^x, word: word,"))
    assert isinstance(check_claim(task, Options(audit=False)).verdict, NotSupported)


@pytest.mark.parametrize(
    ("attacker", "reason"),
    [(" despite weak hash when mode = real", "a weak hash in some sessions only, in the eyes of an observer"),
     (" despite leak of n of other sessions", "sides that differ in the pick `mode`, to an attacker who sends messages")],
)  # fmt: skip
def test_what_is_not_executed_says_so(attacker: str, reason: str) -> None:
    (task,) = tasks(SPEC.format(opened="hash(n, m, g^y)", closed="other", body="n, g^x", attacker=attacker))
    found = check_claim(task, Options(audit=False)).verdict
    assert isinstance(found, NotSupported)
    assert found.construct.startswith(reason)
