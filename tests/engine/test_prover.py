"""Laws of verdicts."""

from __future__ import annotations

import pytest

from modelcheck.options import Options
from modelcheck.verdict import Attack, Holds, NotSupported, Undecided, Vacuous
from tests.support import FAST, SIGNED, results

CLAIMS = {
    "secrecy": "secret k at Client",
    "client": "Client agrees with Server on client, server, k, injectively",
    "server": "Server agrees with Client on client, server, k",
    "alive": "Client finds Server alive",
    "unique": "k identifies client, server",
}
POWERS = ("leak of x", "leak of signing(server)", "leak of signing", "weak dh", "weak sign", "weak hash",
          "leak of signing after Client accepts")  # fmt: skip


def verdict(text: str) -> object:
    (result,) = results(text).values()
    return result.verdict


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_renaming_keeps_verdicts(claim: str) -> None:
    """Other names for roles, values, keys and messages: the same verdict."""
    text = SIGNED + f"  c: {claim}\n"
    other = text
    for old, new in (("Client", "Kunde"), ("client", "kunde"), ("Server", "Dienst"), ("server", "dienst"),
                     ("signing", "siegel"), ("Hello", "Hallo"), ("Reply", "Antwort")):  # fmt: skip
        other = other.replace(old, new)
    other = other.replace('"kunde"', '"client"').replace('"dienst"', '"server"')
    assert type(verdict(text)) is type(verdict(other)) is Holds


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("claim", [CLAIMS["secrecy"], CLAIMS["client"]], ids=["secrecy", "client"])
def test_a_stronger_attacker_never_turns_an_attack_into_a_proof(claim: str, power: str) -> None:
    """What holds against more powers holds against fewer."""
    alone = verdict(SIGNED + f"  c: {claim} despite {power}\n")
    for more in POWERS:
        if more != power:
            both = verdict(SIGNED + f"  c: {claim} despite {power} and {more}\n")
            assert not (isinstance(both, Holds) and isinstance(alone, Attack))


@pytest.mark.parametrize(
    ("power", "expected"),
    [("leak of x", Attack), ("leak of y", Attack), ("weak dh", Attack),
     ("leak of signing(server)", Attack), ("leak of signing(client)", Holds),
     ("leak of signing after Client accepts", Holds), ("leak of k of other sessions", Holds)],
)  # fmt: skip
def test_leaks_turn_secrecy_where_they_should(power: str, expected: type) -> None:
    assert isinstance(verdict(SIGNED + f"  c: secret k at Client despite {power}\n"), expected)


@pytest.mark.parametrize(
    "edit",
    ['replace Reply.proof: sign(signing(server), "server", g^x, client)', "drop Reply.proof",
     'replace Reply.proof: sign(signing(server), "server", g^y, client)'],
)  # fmt: skip
def test_every_part_of_the_signature_is_needed(edit: str) -> None:
    """Each field that the server's signature covers guards against an attack."""
    text = SIGNED + f"  c: {CLAIMS['client']}\nvariant q of p\n  {edit}\nclaims\n  c: expect attack\n"
    assert isinstance(results(text)["q.c"].verdict, Attack)


def test_a_premise_that_is_never_true_is_vacuous() -> None:
    text = (
        "protocol v\n  role A is a given b\n  role B is b\n  values V = one, two\n  key s(Name): SigningKey certified\n"
        "flow\n  A picks v: V\n  A creates n: Nonce\n  A -> B: M { v, sign(s(a), v, n) }\n"
        "  A checks v = two\n  A checks v = one\n  A accepts\n  B accepts\nclaims\n  c: secret n at A if v = one\n"
    )
    assert isinstance(verdict(text), Vacuous)


def test_what_is_not_decided_says_so() -> None:
    text = SIGNED + "  c: k unlinkable at Client\n"
    assert verdict(text) == NotSupported("sides that differ in `k`, which is no name that Client starts from")


def test_a_budget_ends_the_work_at_the_same_place() -> None:
    text = SIGNED + f"  c: {CLAIMS['client']}\n"
    first, second = (results(text, Options(budget=100, audit=False))["p.c"].verdict for _ in range(2))
    assert isinstance(first, Undecided)
    assert first == second


def test_an_attack_names_sessions_messages_and_what_is_built() -> None:
    found = verdict(SIGNED + "  c: secret k at Server if Server agrees with Client on server\n")
    assert isinstance(found, Holds | Attack)
    told = results(SIGNED + "  c: secret k at Client despite leak of signing(server)\n", FAST)["p.c"].verdict
    assert isinstance(told, Attack)
    texts = [step.text for step in told.steps]
    assert texts == [
        "Client #1 of A with B sends Hello",
        "leak of signing: the attacker gets signing(B)",
        'the attacker builds Reply from g^e2 and sign(signing(B), ("server", g^x, g^e2, A))',
        "Client #1 of A with B receives Reply from the attacker, accepts and sends Proof",
        "the attacker computes `k` of Client #1 from g^(e2*x), A and B",
    ]
    assert told.conclusion == "The attacker knows `k` of Client #1 of A with B."
