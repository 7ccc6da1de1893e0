"""Sessions linked by a name: static identifiers and pseudonyms, and the connection to indistinguishability."""

from __future__ import annotations

import pytest

from modelcheck.engine import bibench, observations
from modelcheck.options import Options
from modelcheck.verdict import Attack, Holds, NotSupported, PossibleDifference, Vacuous, Verdict
from tests.support import FAST, results

HELLO = """\
protocol p
  role Tag is tag given reader
  role Reader is reader
  key box(Name): EncryptionKey published
  key own(Name): SigningKey
flow
  Tag creates n: Nonce, r: Nonce
  Tag -> Reader: Hello {{ {hello} }}
  Tag accepts
  Reader accepts
claims
  c: {claim}
"""


def verdict(hello: str, claim: str = "tag unlinkable at Tag", options: Options = FAST) -> Verdict:
    return results(HELLO.format(hello=hello, claim=claim), options)["p.c"].verdict


@pytest.mark.parametrize(
    "hello", ["n, tag", "n, hash(tag)", "id(own(tag)), n", "pk_encrypt(pk(box(reader)), tag)", "pk(own(tag)), n",
              "n, sign(own(tag), n), pk(own(tag))"],
)  # fmt: skip
def test_what_is_the_same_in_each_session_links_them(hello: str) -> None:
    assert isinstance(verdict(hello), Attack)
    assert isinstance(verdict(hello, "tag unlinkable at Tag against a passive attacker"), Attack)


@pytest.mark.parametrize(
    "hello", ["pk_encrypt(pk(box(reader)), r, tag)", "n, pk_encrypt(pk(box(reader)), r, id(own(tag)))"]
)
def test_a_name_that_is_hidden_anew_each_time_does_not(hello: str) -> None:
    assert isinstance(verdict(hello), Holds)


def test_the_proof_is_audited() -> None:
    found = verdict("pk_encrypt(pk(box(reader)), r, tag)", options=Options())
    assert isinstance(found, Holds)
    assert found.audited
    assert found.questions > 20


def test_whoever_opens_the_box_links_sessions() -> None:
    sealed = "pk_encrypt(pk(box(reader)), r, tag)"
    for power in ("leak of box(reader)", "dishonest reader", "leak of box(reader) after Tag accepts"):
        assert isinstance(verdict(sealed, f"tag unlinkable at Tag despite {power}"), Attack)


def test_a_fresh_pseudonym_depends_on_no_name() -> None:
    """Nothing says who it is, not even to somebody with all keys: such a claim says nothing either."""
    assert isinstance(verdict("n"), Vacuous)


def test_the_attack_compares_two_sessions() -> None:
    found = verdict("n, pk_encrypt(pk(box(reader)), tag)", "tag unlinkable at Tag against a passive attacker")
    assert isinstance(found, Attack)
    assert found.sides == ("left: `tag` is T1, as in another session", "right: `tag` is T2, unlike there")
    assert (found.steps[0].text, found.steps[0].right) == (
        "Tag #1 of T1 with the reader sends Hello and accepts", "Tag #1 of T2 with the reader sends Hello and accepts"
    )  # fmt: skip
    assert found.conclusion == "A second session with the same `tag` looks different from one with another."


@pytest.mark.parametrize("hello", ["n, tag", "pk_encrypt(pk(box(reader)), r, tag)", "hash(tag, n)", "n, hash(tag, n)"])
def test_unlinkable_is_indistinguishable_for_two_names(hello: str) -> None:
    among = verdict(hello, "tag indistinguishable among { T1, T2 } at Tag")
    assert type(verdict(hello)) is type(among)


def test_an_engine_that_does_not_compare_links_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of messages are what finds the ciphertext that repeats."""
    monkeypatch.setattr(bibench, "attacker_tests", lambda *_: ())
    monkeypatch.setattr(observations, "checked_parts", lambda *_: ())
    assert isinstance(verdict("n, tag", options=Options(audit=False, vacuity=False)), Holds)


def test_what_is_not_covered_says_so() -> None:
    found = verdict("n, tag", "n unlinkable at Tag")
    assert found == NotSupported("sides that differ in `n`, which is no name that Tag starts from")


def test_a_difference_that_only_an_active_attacker_makes_is_not_shown_passive() -> None:
    hello = "pk_encrypt(pk(box(tag)), n)"
    passive = verdict(hello, "tag unlinkable at Tag against a passive attacker")
    assert not isinstance(passive, Attack)
    assert isinstance(passive, Holds | PossibleDifference | Vacuous)
