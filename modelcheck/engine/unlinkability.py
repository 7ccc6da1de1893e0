"""Unlinkability: two sessions with one name look like two sessions with two names.

On the left both judged sessions have the name p, on the right the first has p and the second has q. The first is the same
on both sides, as are all others, and there is any number of these under each name, p and q included: whatever the first
session does, another session with p does as well. So the claim says that p and q cannot be told apart in the second
session, for any two names, and that is how it is decided. Arapinis, Chothia, Ritter and Ryan (2010) compare sessions of
one identity with sessions of many in the same way; here the attacker knows all names.
"""

from __future__ import annotations

from dataclasses import replace

from modelcheck.protocol.model import Observational


def as_comparison(wanted: Observational) -> Observational:
    """Return the claim that two names cannot be told apart which says that the subject cannot be linked."""
    initial = wanted.subject.name[:1].upper()
    return replace(wanted, sides=(f"{initial}1", f"{initial}2"))
