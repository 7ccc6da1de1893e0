"""Picks that change the form of messages: proofs, what would turn them, what is vacuous, and what is refused."""

from __future__ import annotations

import pytest

from modelcheck.engine.audit import Stage, audit
from modelcheck.engine.boxes import Budget
from modelcheck.engine.forms import decide_forms
from modelcheck.engine.judged import Unsupported
from modelcheck.engine.prover import Proof
from modelcheck.engine.solver import Derived
from modelcheck.options import Options
from modelcheck.protocol.model import Observational
from modelcheck.verdict import Attack, Holds, NotSupported, PossibleDifference, Vacuous, Verdict
from tests.support import FAST, results, tasks

TEXT = """\
protocol p
  role Client is client given server
  role Server is server given third
  role Third is third
  key enc(Name): EncryptionKey published
  key signing(Name): SigningKey
  values Mode = long, short
  values Suite = new, old
flow
{flow}  Client accepts
  Server accepts
claims
  c: {subject} indistinguishable among {{ {sides} }} at Client{rest}
"""
PICKS = "  Client picks mode: Mode\n  Client creates n: Nonce, m: Nonce, noise: Opaque\n"
HELLO = (
    '  Client -> Server: Hello { x: pk_encrypt(pk(enc(server)), n, "long", m) when mode = long'
    ' else pk_encrypt(pk(enc(server)), n, "short") }\n'
)
REPLY = (
    "  Server creates q: Nonce\n"
    "  Server -> Client: Reply { x: encrypt(kdf(n, m), q) when mode = long else encrypt(kdf(n), q) }\n"
)
REQUEST = PICKS + HELLO + REPLY
"""A request of two kinds, and an answer under a key that depends on its kind."""


def text(flow: str = REQUEST, rest: str = "", sides: str = "long, short", subject: str = "mode") -> str:
    return TEXT.format(flow=flow, rest=rest, sides=sides, subject=subject)


def decided(spec: str, *, vacuity: bool = True) -> Proof | Derived | Vacuous:
    (task,) = tasks(spec)
    assert isinstance(task.what.property, Observational)
    system = task.library.system(task.owner)
    return decide_forms(system, task.what, task.what.property, Budget(10**8), vacuity=vacuity)


def verdict(spec: str, options: Options = FAST) -> Verdict:
    return results(spec, options)["p.c"].verdict


def test_a_proof_says_which_leak_would_turn_it() -> None:
    found = decided(text())
    assert isinstance(found, Proof)
    assert found.turned == "the key enc of the judged names"


def test_if_no_key_turns_it_all_secrets_may() -> None:
    tag = "  Client -> Server: Hello { x: hash(n, m) when mode = long else hash(n) }\n"
    found = decided(text(PICKS + tag.replace("Server: Hello", "Third: Hello")))
    assert isinstance(found, Proof)
    assert found.turned == "all keys and secrets of the judged session"


WHOSE = """\
protocol p
  role Client is client given server
  role Server is server
  role Store
  key enc(Name): EncryptionKey published
  values Mode = real, cover
flow
  Client picks mode: Mode
  Client creates n: Nonce, m: Nonce
  alt when mode = real
    Client -> Server: Hello { pk_encrypt(pk(enc(server)), "a", n, m) }
    Server creates q: Nonce
    Server -> Store: Reply { q }
  else
    Client creates q: Nonce
    Client -> Server: Hello { pk_encrypt(pk(enc(server)), q, "b", m) }
    Server -> Store: Reply { q }
  end
  Client accepts
  Server accepts
claims
  c: mode indistinguishable among { real, cover } at Client
"""


@pytest.mark.parametrize("sides", ["real, cover", "cover, real"])
def test_what_is_created_on_one_side_is_not_what_is_learned_on_the_other(sides: str) -> None:
    """Two sessions of the server answer the same hello, with one value on the one side and two on the other."""
    assert isinstance(decided(WHOSE.replace("real, cover }", f"{sides} }}")), Derived)


def test_what_no_leak_turns_is_vacuous() -> None:
    """Nothing that is sent depends on the pick."""
    same = HELLO.replace('n, "short")', 'n, "long", m)')
    assert decided(text(PICKS + same)) == Vacuous(
        "even if all keys and all secrets of the judged session leaked, nobody could tell the sides apart"
    )


def test_a_judged_session_that_never_ends_is_vacuous() -> None:
    """Two nonces of its own are never equal."""
    assert decided(text(REQUEST + "  Client checks m = n\n")) == Vacuous(
        "the judged session of Client never gets to one of its ends"
    )


@pytest.mark.parametrize("mode", ["long", "short"])
def test_one_value_on_both_sides_is_never_told_apart(mode: str) -> None:
    """Even with all secrets lost and every primitive weak."""
    lost = " and ".join(
        ["leak of enc", "leak of n", "leak of m", "weak aead", "weak pk_encrypt", "weak sign", "weak dh"]
    )
    found = decided(text(rest=f" despite {lost}", sides=f"{mode}, {mode}"), vacuity=False)
    assert isinstance(found, Proof)


FLOWS = [
    REQUEST,
    PICKS + HELLO + "  Server -> Client: Reply { n }\n",
    PICKS + HELLO.replace('n, "short"', "n"),
    PICKS + "  Client -> Server: Hello { x: n when mode = long else hash(n, m) }\n",
    PICKS + HELLO + "  Server -> Client: Reply { x: hash(n, m) when mode = long else hash(n, n) }\n",
]
POWERS = [
    "", " despite leak of enc(client)", " despite leak of enc(server)", " despite weak aead", " despite weak pk_encrypt",
    " despite dishonest server",
]  # fmt: skip


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("flow", FLOWS)
def test_who_only_reads_sees_no_more_than_who_also_sends(flow: str, power: str) -> None:
    """Where the active attacker is excluded, the passive one finds nothing; whatever the sides are called."""
    active = decided(text(flow, power), vacuity=False)
    swapped = decided(text(flow, power, "short, long"), vacuity=False)
    assert type(active) is type(swapped)
    if isinstance(active, Proof):
        assert not isinstance(verdict(text(flow, f" against a passive attacker{power}")), Attack)


@pytest.mark.parametrize("flow", FLOWS)
def test_a_stronger_attacker_is_never_excluded_where_a_weaker_one_is_not(flow: str) -> None:
    plain = decided(text(flow), vacuity=False)
    for power in POWERS[1:]:
        assert isinstance(plain, Proof) or not isinstance(decided(text(flow, power), vacuity=False), Proof)


@pytest.mark.parametrize(
    ("power", "kind"),
    [
        ("leak of q of all sessions", Proof),
        ("leak of enc(server)", Derived), ("leak of enc(client)", Proof), ("leak of enc", Derived),
        ("dishonest server", Derived), ("weak aead", Proof), ("weak pk_encrypt", Derived),
        ("weak sign", Proof), ("weak dh and weak kem and weak rsa", Proof),
        ("leak of enc(server) after Client accepts", Derived), ("leak of enc(client) after Client accepts", Proof),
    ],
)  # fmt: skip
def test_what_the_attacker_is_given_reaches_as_far_as_it_says(power: str, kind: type[object]) -> None:
    assert isinstance(decided(text(rest=f" despite {power}"), vacuity=False), kind)


def test_a_possible_difference_is_searched_for_and_shown() -> None:
    shown = verdict(text(PICKS + HELLO + "  Server -> Client: Reply { n }\n"))
    assert isinstance(shown, Attack)
    assert isinstance(verdict(text()), Holds)


REPEATED = REQUEST.replace("encrypt(kdf(n), q)", 'encrypt(kdf(n), "done")')
SAME = REQUEST.replace("encrypt(kdf(n), q)", 'encrypt(kdf(n), "done")').replace("kdf(n, m), q)", 'kdf(n, m), "done")')


def test_an_answer_that_repeats_on_one_side_only_is_no_proof() -> None:
    """Of a request that is given to two sessions only a short one gets the same answer twice."""
    found = decided(text(REPEATED), vacuity=False)
    assert isinstance(found, Derived)
    assert found.solved.case.words[found.solved.goal or 0].endswith("from Server on the right only")
    assert isinstance(decided(text(SAME), vacuity=False), Proof)


def test_what_leaves_two_sessions_to_be_compared_stays_open() -> None:
    """One session of each role is executed; the claim is not proven, and no attack is shown."""
    assert isinstance(verdict(text(REPEATED)), PossibleDifference)


CANNOT_TELL = (
    PICKS + "  Client -> Server: Hello { n: n, x: pk_encrypt(pk(enc(server)), n, m) when mode = long else noise }\n"
)
FROM_SETS = """\
  Client picks all: set of Mode
  Client creates n: Nonce
  Server picks some: set of Mode
  Server -> Client: Offer { some }
  Client picks mode in all, some
  Client -> Server: Hello { x: n when mode = long else hash(n) }
"""
TWO_PICKS = "  Client picks other: Mode\n" + REQUEST


@pytest.mark.parametrize(
    ("flow", "rest", "words"),
    [
        (CANNOT_TELL, "", "a role that cannot tell which branch it is to take (Server, receiving Hello)"),
        (FROM_SETS, "", "a pick from sets, where messages change their form"),
        (
            PICKS + HELLO.replace("->", "-[secure]->"), "",
            "messages of two forms on a protected channel, where messages change their form",
        ),
        (
            REQUEST + "  Client keeps n\n", "",
            "values that roles keep for later sessions, where two systems are compared",
        ),
        (PICKS + HELLO + "  Client checks n != n\n", "", "a comparison that always fails, where messages change their form"),
        (
            REQUEST, " despite dishonest third",
            "a dishonest party that the judged session does not name from the start",
        ),
        (
            REQUEST, " despite dishonest client", "a judged name that is the attacker's",
        ),
        (REQUEST, " if Client agrees with Server on n", "a premise of a claim of indistinguishability"),
        (
            REQUEST, " despite weak hash",
            "a weak hash, where messages change their form and the public halves of `signing` are secret,",
        ),
        (
            REQUEST, " despite weak aead when mode = long",
            "weak aead when `mode` has a value, which may differ from side to side",
        ),
        (REQUEST, " despite leak of m", "a leak of `m`, which is not the same on both sides"),
        (TWO_PICKS, "", "a role with two picks of one sort where messages change their form"),
    ],
)  # fmt: skip
def test_what_is_not_covered_is_refused(flow: str, rest: str, words: str) -> None:
    with pytest.raises(Unsupported) as refused:
        decided(text(flow, rest))
    assert str(refused.value) == words


def test_a_subject_that_the_judged_role_does_not_pick_is_refused() -> None:
    picks = REQUEST.replace("  Server creates q", "  Server picks suite: Suite\n  Server creates q")
    with pytest.raises(Unsupported, match="sides that differ in `suite`, which Client neither starts from nor picks,"):
        decided(text(picks, subject="suite", sides="new, old"))


def test_what_is_refused_and_shows_nothing_is_not_supported() -> None:
    found = verdict(text(rest=" despite leak of m"))
    assert found == NotSupported("a leak of `m`, which is not the same on both sides")


def test_partners_of_whom_the_judged_session_hears_after_its_pick_lose_what_all_of_their_role_lose() -> None:
    assert isinstance(decided(text(rest=" despite leak of q")), Proof)
    with pytest.raises(Unsupported, match="a leak of `n`, which is not the same on both sides"):
        decided(text(rest=" despite leak of n of other sessions"))


def test_the_invariant_is_audited_and_no_damaged_one_passes() -> None:
    assert isinstance(verdict(text(), Options()), Holds)
    found = decided(text(), vacuity=False)
    assert isinstance(found, Proof)
    ((program, fixpoint),) = found.solved[0].stages
    assert audit([Stage(program, fixpoint.relations)], 10**9).accepted
    derived = [predicate for predicate, boxes in fixpoint.relations.items() if boxes]
    assert len(derived) > 40
    for predicate in derived[::4]:
        without = {**fixpoint.relations, predicate: ()}
        assert not audit([Stage(program, without)], 10**9).accepted


def test_an_invariant_of_one_claim_proves_no_other() -> None:
    """What holds without a leak is not closed once the leak's rules are added, or reaches the goals of the other claim."""
    kept, turned = (decided(text(rest=rest), vacuity=False) for rest in ("", " despite leak of q of all sessions"))
    assert isinstance(kept, Proof)
    assert isinstance(turned, Proof)
    ((_, fixpoint),) = kept.solved[0].stages
    ((program, _),) = turned.solved[0].stages
    assert not audit([Stage(program, fixpoint.relations)], 10**9).accepted
