"""Unlinkability: two sessions with one name look like two sessions with two names.

On the left both judged sessions have the name p, on the right the first has p and the second has q. The first is the same
on both sides, as are all others, and there is any number of these under each name, p and q included: whatever the first
session does, another session with p does as well. So the claim says that p and q cannot be told apart in the second
session, for any two names, and that is how it is decided. Arapinis, Chothia, Ritter and Ryan (2010) compare sessions of
one identity with sessions of many in the same way; here the attacker knows all names.
"""

from __future__ import annotations

from dataclasses import replace

from modelcheck.engine.boxes import Budget
from modelcheck.engine.equivalence import Shown, decide
from modelcheck.engine.prover import Proof, System
from modelcheck.protocol.model import Claim, Observational
from modelcheck.verdict import Vacuous


def decide_linking(system: System, claim: Claim, wanted: Observational, budget: Budget, *, vacuity: bool) -> (
    Proof | Shown | Vacuous
):  # fmt: skip
    """Return a proof that nobody can link sessions by the subject, a derivation of a difference, or why it is empty.

    Raises BudgetExceeded, or :class:`Unsupported` if the comparison does not cover the protocol or the claim.
    """
    initial = wanted.subject.name[:1].upper()
    sides = (f"{initial}1", f"{initial}2")
    return decide(system, claim, replace(wanted, sides=sides), budget, vacuity=vacuity)
