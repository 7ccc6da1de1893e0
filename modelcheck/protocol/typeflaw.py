"""Type-flaw resistance: whether two message parts of different format have a common instance.

Proofs range over attackers who respect formats. That loses nothing if no two encrypted, signed, hashed or derived
parts of different types unify when variables may stand for anything (Arapinis and Duflot 2007, 2014; Hess and
Moedersheim 2017, 2018; for equivalence Chretien, Cortier and Delaune 2014).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from modelcheck.protocol.terms import App, Key, Term, Var, canonical, renamed, show, subterms, unify
from modelcheck.protocol.theory import is_data

MOST_PATTERNS = 400


def flaws(terms: Iterable[Term]) -> tuple[tuple[str, str], ...]:
    """Return pairs of parts of different format that one message could be taken for, as a reader writes them."""
    patterns: dict[Term, Term] = {}
    for term in terms:
        for part in _protected(term):
            patterns.setdefault(canonical(part)[0], part)
    found = []
    for left, right in combinations(list(patterns)[:MOST_PATTERNS], 2):
        if not isinstance(left, App) or not isinstance(right, App) or left.function != right.function:
            continue
        apart = renamed(right, "'")
        if _common_untyped(left, apart) and next(unify(left, apart), None) is None:
            found.append((show(patterns[left]), show(patterns[right])))
    return tuple(found)


def _protected(term: Term) -> Iterator[Term]:
    for part in subterms(term):
        if isinstance(part, App) and not is_data(part.function) and part.function not in ("g", "dh", "pk"):
            yield part


def _common_untyped(left: Term, right: Term) -> bool:
    """Return whether two terms unify when a variable may stand for any term."""
    mapping: dict[Var, Term] = {}
    pairs = [(left, right)]
    seen: set[tuple[Term, Term]] = set()
    while pairs:
        one, two = (_walk(side, mapping) for side in pairs.pop())
        if one is two or (one, two) in seen:
            continue
        seen.add((one, two))
        if isinstance(two, Var) and not isinstance(one, Var):
            one, two = two, one
        if isinstance(one, Var):
            if one in _bound_variables(two, mapping):
                return False
            mapping[one] = two
        elif isinstance(one, App | Key) and type(one) is type(two) and one.fields[0] == two.fields[0]:
            assert isinstance(two, App | Key)
            if len(one.arguments) != len(two.arguments):
                return False
            pairs.extend(zip(one.arguments, two.arguments, strict=True))
        else:
            return False
    return True


def _walk(term: Term, mapping: dict[Var, Term]) -> Term:
    while isinstance(term, Var) and term in mapping:
        term = mapping[term]
    return term


def _bound_variables(term: Term, mapping: dict[Var, Term]) -> set[Var]:
    found: set[Var] = set()
    todo = [term]
    seen: set[Term] = set()
    while todo:
        part = _walk(todo.pop(), mapping)
        if part in seen:
            continue
        seen.add(part)
        if isinstance(part, Var):
            found.add(part)
        elif isinstance(part, App | Key):
            todo.extend(part.arguments)
    return found
