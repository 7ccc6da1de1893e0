"""Picks that change the form of messages, before an attacker who sends: what it sees, and what it does not."""

from __future__ import annotations

import pytest

from modelcheck.engine.judged import Unsupported
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
    ("power", "told"),
    [("weak pk_encrypt when mode = real", True), ("weak pk_encrypt when mode = cover", False), ("weak hash", True),
     ("weak kem when mode = real", False), ("leak of n", True), ("leak of n of other sessions", False),
     ("leak of m", False), ("leak of m of all sessions", False), ("leak of key", False)],
)  # fmt: skip
def test_what_is_given_reaches_as_far_as_the_claim_says(power: str, told: bool) -> None:
    assert isinstance(attack(attacker=f" despite {power}"), Attack if told else type(None))


SIGNED = """\
protocol p
  role Client given server
  role Server is server
  key signing(Name): SigningKey certified
  values Mode = real, cover
flow
  Client picks mode: Mode
  Client creates x: Exponent, n: Nonce, noise: Opaque
  Client -> Server: Hello {{ g^x }}
  Server creates y: Exponent
  Server -> Client: Reply {{ g^y, sign(signing(server), g^x, g^y) }}
  let key = kdf(g^(x*y), transcript)
  Client -> Server: Last {{ body: encrypt(key, n) when mode = real else noise }}
  Client accepts
  Server accepts
claims
  c: mode indistinguishable among {{ real, cover }} at Client{attacker}
"""


def signed(attacker: str) -> Attack | None:
    (task,) = tasks(SIGNED.format(attacker=attacker))
    assert isinstance(task.what.property, Observational)
    return probed(task.library.system(task.owner), task.what, task.what.property)


def test_whose_values_leak_is_judged_in_the_end() -> None:
    """The last message is sent to a partner: by then its exponent is not that of another session."""
    assert signed("") is None
    found = signed(" despite leak of y")
    assert isinstance(found, Attack)
    assert found.steps[0].text == "leak of y of Server: the attacker gets `y of Server`"
    assert signed(" despite leak of y of other sessions") is None
    assert isinstance(signed(" despite leak of y of all sessions"), Attack)
    assert isinstance(signed(" despite leak of key"), Attack)


def test_what_leaks_in_the_end_leaks_then() -> None:
    """A signature that could be forged earlier would do; an exponent opens what was sent before."""
    assert isinstance(signed(" despite leak of signing(server)"), Attack)
    assert signed(" despite leak of signing(server) after Client accepts") is None
    found = signed(" despite leak of x after Client accepts")
    assert isinstance(found, Attack)
    assert found.steps[-2].text == "leak of x of Client: the attacker gets `x of Client`"


BLIND = """\
protocol p
  role Client given server
  role Server is server
  key enc(Name): EncryptionKey published
  values Mode = real, cover
flow
  Client picks mode: Mode
  Client creates n: Nonce, m: Nonce
  Client -> Server: Hello { body: pk_encrypt(pk(enc(server)), n) when mode = real else encrypt(kdf(m), n) }
  Server creates k: Nonce
  alt Server opens Hello.body
    Server -> Client: Reply { k }
  else
    Server -> Client: Reply as other { hash(k) }
  end
  Client accepts
  Server accepts
claims
  c: mode indistinguishable among { real, cover } at Client
"""


def test_a_role_that_cannot_tell_where_to_go_is_not_executed() -> None:
    """It has no key for the second form of the body, so which branch is taken is not said: it may be another on either side."""
    (task,) = tasks(BLIND)
    assert isinstance(task.what.property, Observational)
    with pytest.raises(Unsupported, match="cannot tell which branch"):
        probed(task.library.system(task.owner), task.what, task.what.property)


@pytest.mark.parametrize(
    ("attacker", "reason"),
    [(" despite weak hash when mode = real", "weak hash when `mode` has a value, which may differ from side to side"),
     (" despite leak of n of other sessions", "a role that cannot tell which branch it is to take (Client, receiving Reply)")],
)  # fmt: skip
def test_what_is_not_executed_says_so(attacker: str, reason: str) -> None:
    (task,) = tasks(SPEC.format(opened="hash(n, m, g^y)", closed="other", body="n, g^x", attacker=attacker))
    found = check_claim(task, Options(audit=False)).verdict
    assert isinstance(found, NotSupported)
    assert found.construct.startswith(reason)
