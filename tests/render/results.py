"""Results that the tests of the renderings share, one for each verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from modelcheck.verdict import (
    Attack,
    AttackSession,
    AttackStep,
    BoundedSearch,
    ClaimResult,
    Holds,
    NotSupported,
    Undecided,
    Vacuous,
    Verdict,
)


def result(
    verdict: Verdict, *, claim: str = "server_auth", expected: Literal["holds", "attack"] = "holds", reason: str = "",
    sources: tuple[str, ...] = (),
) -> ClaimResult:  # fmt: skip
    """Return a result that took 12 ms, and 250 ms of audit if it was audited."""
    audit_seconds = 0.25 if isinstance(verdict, Holds) and verdict.audited else 0.0
    return ClaimResult(
        "a.flow", "p", claim, "agreement", "Client agrees with Server on k", verdict, expected, reason, 0.0124,
        audit_seconds, ("messages keep their format",), sources, 12, 3)  # fmt: skip


HOLDS = result(Holds(audited=True, questions=29), sources=("T13-06", "T13-10"))
NOT_AUDITED = result(Holds(audited=False, questions=0))
REACHED = result(Holds(audited=True, questions=0, evidence=("2", "3")))
RUN = Attack(
    (AttackSession("Client #1", "Client", ("A", "B"), "Client #1 of A with B"),),
    (
        AttackStep("session", "Client #1", "Client #1 of A with B sends Hello", (), ("Hello",), ("Hello { g^x }",)),
        AttackStep("reveal", "Client #1", "leak of `x`: the attacker gets `x`", (), (), ("x",)),
    ),
    "The attacker knows `k` of Client #1 of A with B.",
)
ATTACK = result(RUN, claim="exponent_lost", expected="attack", reason="one exponent is enough")
UNEXPECTED = result(RUN)
BOUNDED = result(BoundedSearch(4, ("some Client sends Hello",), "so the attacker knows `k`"))
UNDECIDED = result(Undecided("the budget of 5 work units ran out"))
VACUOUS = result(Vacuous("no session gets to the point that the claim judges"))
NOT_SUPPORTED = result(NotSupported("unlinkability"))
SURPRISING_PROOF = result(Holds(audited=True, questions=29), expected="attack", reason="a replay")
NAMED = (
    HOLDS,
    ATTACK,
    replace(UNEXPECTED, claim="client_auth", line=13),
    replace(BOUNDED, claim="keys", kind="secrecy", text="secret k at Client", line=14, column=5),
    replace(UNDECIDED, protocol="q", claim="ends", kind="channel binding", text="k identifies the channel", line=21),
    replace(VACUOUS, protocol="q", claim="late", line=22),
    replace(
        NOT_SUPPORTED, protocol="q", claim="unlinked", kind="unlinkability", text="n unlinkable at Client", line=23
    ),
    replace(SURPRISING_PROOF, file="sub dir/100%,b:ä.flow", protocol="r", claim="replayed", line=1, column=1),
)
"""A run with every verdict, over three protocols in two files, with a name among the files that formats have to escape."""
