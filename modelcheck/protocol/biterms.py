"""Terms of two systems side by side whose forms differ: ``two(l, r)`` is ``l`` in the left system and ``r`` in the right.

In normal form a pair stands as deep inside as it can, and what is in it holds no other: ``two(f(a), f(b))`` is written
``f(two(a, b))`` and ``two(a, a)`` is ``a``. A variable is one value, the same in both systems.
"""

from __future__ import annotations

from functools import lru_cache

from modelcheck.protocol.terms import DH, TWO, App, Term, rebuild, subterms
from modelcheck.protocol.theory import product

LEFT, RIGHT = 0, 1
SIDES = (LEFT, RIGHT)


def two(left: Term, right: Term) -> Term:
    """Return the term that is ``left`` in one system and ``right`` in the other, in normal form."""
    done: dict[tuple[Term, Term], Term] = {}

    def go(one: Term, other: Term) -> Term:
        if (one, other) not in done:
            done[one, other] = pair(one, other)
        return done[one, other]

    def pair(one: Term, other: Term) -> Term:
        if one is other:
            return one
        if not isinstance(one, App) or not isinstance(other, App) or one.function != other.function:
            return App(TWO, (one, other))
        if one.function == DH:
            return _shared_secret(one, other)
        if len(one.arguments) != len(other.arguments):
            return App(TWO, (one, other))
        return App(one.function, tuple(map(go, one.arguments, other.arguments)))

    return go(left, right)


def _shared_secret(left: App, right: App) -> Term:
    """Return a pair of shared secrets as one of an exponent with a pair, if they have one in common."""
    for at, one in enumerate(left.arguments):
        for place, other in enumerate(right.arguments):
            if one is other:
                return product(one, two(left.arguments[1 - at], right.arguments[1 - place]))
    return App(TWO, (left, right))


def half(term: Term, side: int) -> Term:
    """Return what a term is in one of the two systems."""
    if not differs(term):
        return term
    done: dict[Term, Term] = {}

    def go(part: Term) -> Term:
        if part not in done:
            done[part] = part.arguments[side] if isinstance(part, App) and part.function == TWO else inside(part)
        return done[part]

    def inside(part: Term) -> Term:
        found = rebuild(part, go)
        changed = found is not part and isinstance(found, App) and found.function == DH
        return product(*found.arguments) if changed and isinstance(found, App) else found

    return go(term)


def halves(term: Term) -> tuple[Term, Term]:
    """Return what a term is in the left and in the right system."""
    return half(term, LEFT), half(term, RIGHT)


@lru_cache(maxsize=1 << 16)
def differs(term: Term) -> bool:
    """Return whether a term has another form in the right system than in the left."""
    return any(isinstance(part, App) and part.function == TWO for part in subterms(term))


def settled(term: Term) -> Term:
    """Return a term in normal form."""
    return two(*halves(term)) if differs(term) else term


IN_TWO_FORMS = "in two forms"
"""Marks a message that a session gets only if it differs from system to system."""
