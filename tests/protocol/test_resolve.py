"""What is wrong with a spec is said all at once, each with its place."""

from __future__ import annotations

import pytest

from modelcheck.diagnostics import SpecRejected
from tests.support import SIGNED, library


def codes(text: str) -> list[str]:
    with pytest.raises(SpecRejected) as caught:
        library(text)
    return [diagnostic.rule.name for diagnostic in caught.value.diagnostics]


HEAD = "protocol p\n  role A is a given b\n  role B is b\n  key k(Name): SigningKey certified\n  values V = one, two\nflow\n"


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        ("  A creates x: Nonse\n", ["unknown-sort"]),
        ("  A creates x: Nonce, x: Nonce\n", ["name-taken"]),
        ("  A creates x: Nonce\n  A -> C: M { x }\n", ["unknown-name"]),
        ("  A creates x: Nonce\n  A -> B: M { y }\n", ["unknown-name"]),
        ("  A creates x: Nonce\n  A -> B: M { f(x) }\n", ["unknown-function"]),
        ("  A creates x: Nonce\n  A -> B: M { pk(x, x) }\n", ["wrong-arity"]),
        ("  A creates x: Nonce\n  A -> B: M { k(a, b) }\n", ["wrong-arity"]),
        ("  A creates x: Nonce\n  A -> B: M { k(x) }\n", ["sort-mismatch"]),
        ("  A creates x: KemKey\n  A -> B: M { sign(x, a) }\n", ["sort-mismatch"]),
        ("  A creates x: Nonce\n  A -> B: M { hash(x, tag: x) }\n", ["unknown-label"]),
        ("  A creates x: Nonce\n  A -> B: M { x }\n  A -> B: M { hash(x) }\n", ["message-twice"]),
        ("  A creates x: Nonce\n  alt when x = a A accepts else A stops end\n", ["undecidable-condition"] * 2),
        ("  A creates x: Nonce\n  A -> B: M { transcript(M..N) }\n", ["no-such-range"]),
        ("  let k2 = hash(this)\n", ["no-this"]),
        ("  A creates x: Exponent\n  A -> B: M { x^x }\n", ["bad-product"]),
        ("  A recalls s\n", ["not-kept"]),
        ("  A picks v: V\n  A renews q\n", ["not-fresh"]),
    ],
)
def test_findings(flow: str, expected: list[str]) -> None:
    assert sorted(set(codes(HEAD + flow))) == sorted(set(expected))


@pytest.mark.parametrize(
    "flow",
    [
        "  A creates x: Nonse, y: Nonce\n  let t = hash(x)\n  A -> B: M { x, y, t }\n  A renews x\n",
        "  A picks v: W\n  A -> B: M { v }\n  opt when v = one\n    A -> B: N { v }\n  end\n",
    ],
)
def test_uses_of_a_value_whose_sort_is_wrong_are_not_reported_too(flow: str) -> None:
    assert codes(HEAD + flow) == ["unknown-sort"]


def test_all_findings_of_a_stage_in_source_order() -> None:
    text = HEAD + "  A creates x: Nonse\n  A -> B: M { y }\n  B -> A: N { z }\n"
    assert codes(text) == ["unknown-sort", "unknown-name", "unknown-name"]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("c: secret q at Client", "unknown-name"),
        ("c: secret k at Clint", "unknown-name"),
        ("c: secret stage 2 at Client", "no-such-point"),
        ("c: secret k at Client accepting stage 1", "no-such-point"),
        ("c: secret k at Client sending Hullo", "no-such-point"),
        ("c: secret k at Client if k = x", "unknown-name"),
        ("c: secret k at Client despite weak shoes", "unknown-name"),
        ("c: secret k at Client despite leak of signing(server, client)", "wrong-arity"),
        ("c: secret k at Client despite dishonest nobody", "unknown-name"),
        ("c: secret k at Client despite unchecked possession of nothing", "unknown-name"),
        ("c: secret k at Client despite unchecked possession of psk", "unknown-name"),
        ("c: Client agrees with Server on transcript(Reply..Hello)", "no-such-range"),
        ("c: expect attack", "unknown-claim"),
    ],
)
def test_claims_speak_of_what_is_there(claim: str, expected: str) -> None:
    assert codes(SIGNED + f"  {claim}\n") == [expected]


def test_an_edit_has_a_target() -> None:
    text = SIGNED + "  c: secret k at Client\nvariant q of p\n  drop Reply.prof\nclaims\n  c: expect holds\n"
    assert codes(text) == ["edit-without-target"]


def test_a_field_is_not_added_to_contents_without_names() -> None:
    flow = "  A creates n: Nonce\n  A -> B: M { n, hash(n) }\n  A accepts\n"
    text = f"protocol p\n  role A\n  role B\nflow\n{flow}variant q of p\n  add M.more: n\n"
    assert codes(text) == ["edit-without-target"]


def test_cycles() -> None:
    assert codes("variant v of w\n  drop x\nvariant w of v\n  drop x\n") == ["protocol-cycle"]


def test_conditions_on_picked_values_restrict_paths() -> None:
    flow = (
        "  A picks offered: set of V\n  A -> B: M { offered: offered, extra: a when two in offered }\n"
        "  B picks best chosen in offered\n  B -> A: N { chosen: chosen }\n"
        "  opt when chosen = two\n    A accepts\n  end\n"
    )
    (protocol,) = library(HEAD + flow).protocols
    assert [path.possible for path in protocol.paths].count(True) == 3
    assert len(protocol.paths) == 4
