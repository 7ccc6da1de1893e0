"""Claims that speak of what nobody holds are refused when a file is opened."""

from __future__ import annotations

import pytest

from modelcheck.diagnostics import SpecRejected
from tests.support import SIGNED, library

SPEC = SIGNED.replace("flow\n", "flow\n  Client creates own: Nonce\n  Server creates his: Nonce\n", 1)


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("secret his at Client", "MC303 Client never holds `his` at this point"),
        ("Client agrees with Server on own", "MC303 Server never holds `own` at this point"),
        ("Server agrees with Client on own", "MC303 Server never holds `own` at this point"),
        ("own identifies his", "MC303 an accepted session with `own` never holds `his` at this point"),
        ("k identifies x", ""),
        ("secret k at Client despite leak of signing after Server accepts",
         "MC304 the leak comes after a point of Server, but the claim judges Client"),
    ],
)  # fmt: skip
def test_findings(claim: str, expected: str) -> None:
    found = library(SPEC + f"  c: {claim}\n")
    if not expected:
        found.system(found.protocols[0])
        return
    with pytest.raises(SpecRejected) as rejected:
        found.system(found.protocols[0])
    messages = [f"{d.rule.code} {d.message}" for d in rejected.value.diagnostics]
    assert expected in messages


def test_all_findings_at_once() -> None:
    found = library(SPEC + "  one: Server agrees with Client on his\n  two: Client agrees with Server on own\n")
    with pytest.raises(SpecRejected) as rejected:
        found.system(found.protocols[0])
    assert len(rejected.value.diagnostics) == 2
