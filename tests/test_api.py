"""The Python API: what it returns beyond the examples of its page, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelcheck import api
from tests.support import SIGNED

TEXT = (
    SIGNED
    + "  c: secret k at Client\n  lost: secret k at Client despite leak of x expect attack\n"
    + "variant q of p\n  drop Proof\nclaims\n  c: expect attack\n"
)


@pytest.fixture
def spec(tmp_path: Path) -> api.Spec:
    """Two protocols with three claims."""
    path = tmp_path / "two.flow"
    path.write_text(TEXT, encoding="utf-8")
    return api.open_spec(path)


def test_every_exported_name_exists_and_says_what_it_is() -> None:
    assert sorted(api.__all__, key=str.lower) == sorted(set(api.__all__), key=str.lower)
    assert [name for name in api.__all__ if not getattr(api, name).__doc__] == []


def test_claims_are_named_in_the_order_of_the_file(spec: api.Spec) -> None:
    assert api.claims(spec) == ("p.c", "p.lost", "q.c")


def test_included_claims_belong_to_their_own_spec(spec: api.Spec, tmp_path: Path) -> None:
    path = tmp_path / "more.flow"
    path.write_text('include "two.flow"\nvariant r of p\n  drop Proof\nclaims\n  c: expect holds\n', encoding="utf-8")
    assert api.claims(api.open_spec(path)) == ("r.c",)


def test_all_claims_are_checked_in_their_order(spec: api.Spec) -> None:
    results = api.check_all(spec, api.Options(audit=False))
    assert [(result.name, api.verdict_word(result.verdict)) for result in results] == [
        ("p.c", "holds (not audited)"),
        ("p.lost", "attack"),
        ("q.c", "holds (not audited)"),
    ]


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ("c", "several claims are called `c`: p.c, q.c"),
        ("p.loss", "no claim is called `p.loss`; did you mean `p.lost`?"),
        ("zzz", "no claim is called `zzz`; there are p.c, p.lost, q.c"),
    ],
)
def test_a_claim_that_is_not_there_or_not_alone_is_refused(spec: api.Spec, claim: str, message: str) -> None:
    with pytest.raises(api.NoClaim) as refused:
        api.check(spec, claim)
    assert str(refused.value) == message


def test_the_time_that_a_claim_may_take_is_its_own(spec: api.Spec) -> None:
    verdict = api.check(spec, "p.c", api.Options(timeout=0)).verdict
    assert verdict == api.Undecided("the time ran out (raise it with --timeout)")


def test_only_proofs_have_evidence_and_it_does_not_vouch_for_another_claim(spec: api.Spec, tmp_path: Path) -> None:
    proven, refuted = api.check(spec, "p.c"), api.check(spec, "p.lost")
    assert api.evidence_text(refuted) is None
    text = api.evidence_text(proven)
    assert text is not None
    path = tmp_path / "proof.json"
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    assert api.audit_file(path)[0] is False
    path.write_text(text, encoding="utf-8")
    assert api.audit_file(str(path))[0] is True


def test_notes_are_those_of_a_protocol_with_claims(spec: api.Spec) -> None:
    assert api.notes(spec) == api.notes(spec, "p")
    assert api.notes(spec)[0].startswith("type-flaw resistant")
    with pytest.raises(api.NoDiagram, match="there is no protocol `r`"):
        api.notes(spec, "r")


def test_machines_are_those_of_every_role(spec: api.Spec) -> None:
    assert [(machine.protocol, machine.role.name) for machine in api.machines(spec)] == [
        ("p", "Client"),
        ("p", "Server"),
        ("q", "Client"),
        ("q", "Server"),
    ]


def test_what_an_interpreter_shows_is_short(spec: api.Spec) -> None:
    assert repr(spec) == f"Spec(path={spec.path!r})"
    claim = spec.protocol("p").claims[0]
    assert "Source(path=" in repr(claim)
    assert "Client creates" not in repr(claim)
