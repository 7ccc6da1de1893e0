"""Symbolic leaves of concrete sessions, and when two symbolic terms are equal.

A received variable is one of the leaves of its sort, so its value is a choice among literals; the equality of two terms
comes down to choices. ``same`` and ``differ`` imply what they say and nothing more, which is all that a search for a
run needs. A stored value is a leaf whose candidates are the terms that sessions store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

from modelcheck.engine.cnf import FALSE, TRUE, Cnf, Lit
from modelcheck.protocol.model import Family
from modelcheck.protocol.terms import STORED, App, Const, Key, Term, Var, is_stored, sort_of


class Symbols:
    """The choices and equalities of one scenario."""

    def __init__(self, cnf: Cnf, domains: Mapping[str, Sequence[Term]], families: Mapping[str, Family]) -> None:
        """``domains`` lists for each sort what a variable can stand for; stored values may be symbolic."""
        self.cnf, self.domains, self.families = cnf, domains, families
        self.choices: dict[Var, dict[Term, Lit]] = {}
        self._same: dict[tuple[Term, Term], Lit] = {}
        self._differ: dict[tuple[Term, Term], Lit] = {}
        self._clash: dict[tuple[Term, Term], bool] = {}

    def choice(self, variable: Var) -> dict[Term, Lit]:
        """Return for each value that a variable may have the literal that it has it; exactly one is true."""
        found = self.choices.get(variable)
        if found is None:
            found = {value: self.cnf.new() for value in self.domains.get(variable.sort, ())}
            self.choices[variable] = found
            self.cnf.exactly_one(tuple(found.values()))
        return found

    def among(self, term: Term, values: Sequence[str]) -> Lit:
        """Return a literal that says that a leaf is one of the constants with these spellings."""
        if isinstance(term, Const):
            return TRUE if term.value in values else FALSE
        assert isinstance(term, Var)
        options = self.choice(term)
        return self.cnf.any_of(
            lit for value, lit in options.items() if isinstance(value, Const) and value.value in values
        )

    # -------------------------------------------------------------------------------- equality

    def clash(self, left: Term, right: Term) -> bool:
        """Return whether two terms differ whatever their variables are."""
        left, right = self._ordered(left, right)
        if left is right:
            return False
        key = (left, right)
        if key not in self._clash:
            self._clash[key] = False
            self._clash[key] = self._clashes(left, right)
        return self._clash[key]

    def _clashes(self, left: Term, right: Term) -> bool:
        if sort_of(left) != sort_of(right):
            return True
        if isinstance(left, Var):
            if isinstance(right, Var):
                return False
            if is_stored(right):
                return all(self.clash(value, right) for value in self.domains.get(left.sort, ()))
            if right.variables:
                return False
            return right not in self.choice(left)
        if isinstance(left, Const) or isinstance(right, Const) or left.fields[0] != right.fields[0]:
            return True
        assert isinstance(left, App | Key) and isinstance(right, App | Key)
        if len(left.arguments) != len(right.arguments):
            return True
        return all(
            any(self.clash(a, b) for a, b in zip(order, right.arguments, strict=True)) for order in self._orders(left)
        )

    def _orders(self, term: App | Key) -> list[tuple[Term, ...]]:
        """Return the orders in which the arguments of a term may stand."""
        if isinstance(term, App) and term.function == "dh":
            return [term.arguments, term.arguments[::-1]]
        if isinstance(term, Key) and self.families[term.family].kind == "unordered":
            return list(permutations(term.arguments))
        return [term.arguments]

    def same(self, left: Term, right: Term) -> Lit:
        """Return a literal that implies that two terms are equal.

        Several candidates of a stored value may be one term, so that it is one of them by choice or by equality.
        """
        left, right = self._ordered(left, right)
        if left is right:
            return TRUE
        key = (left, right)
        found = self._same.get(key)
        if found is None:
            if isinstance(left, Var) and sort_of(right) == left.sort and not self.clash(left, right):
                if not is_stored(right) and right in (options := self.choice(left)):
                    found = options[right]
                else:
                    found = self._same[key] = self.cnf.new()  # before its parts: stored values may lead back here
                    self._same_choice(found, left, right)
            else:
                found = self._same_arguments(left, right)
            self._same[key] = found
        return found

    def _same_arguments(self, left: Term, right: Term) -> Lit:
        """Return a literal that implies that two terms that are no variables are equal."""
        if not isinstance(left, App | Key) or type(left) is not type(right) or left.fields[0] != right.fields[0]:
            return FALSE
        assert isinstance(right, App | Key)
        if len(left.arguments) != len(right.arguments):
            return FALSE
        return self.cnf.any_of(self._same_all(order, right.arguments) for order in self._orders(left))

    def _same_all(self, lefts: Sequence[Term], rights: Sequence[Term]) -> Lit:
        """Return a literal that implies that two sequences are equal; leaves, which differ soonest, are compared first."""
        found = []
        for a, b in sorted(zip(lefts, rights, strict=True), key=_is_composite):
            equal = self.same(a, b)
            if equal == FALSE:
                return FALSE
            found.append(equal)
        return self.cnf.all_of(found)

    def _same_choice(self, literal: Lit, variable: Var, other: Term) -> None:
        theirs = self.choice(other) if isinstance(other, Var) and not other.sort.startswith(STORED) else {}
        for value, chosen in self.choice(variable).items():
            equal = theirs.get(value, FALSE) if theirs else self.same(value, other)
            self.cnf.add(-literal, -chosen, equal)

    def differ(self, left: Term, right: Term) -> Lit:
        """Return a literal that implies that two terms differ."""
        left, right = self._ordered(left, right)
        if left is right:
            return FALSE
        if self.clash(left, right):
            return TRUE
        key = (left, right)
        if key not in self._differ:
            if isinstance(left, Var) and not is_stored(right) and right in (options := self.choice(left)):
                self._differ[key] = -options[right]
            elif isinstance(left, Var):
                self._differ[key] = self.cnf.new()
                for value, chosen in self.choice(left).items():
                    self.cnf.add(-self._differ[key], -chosen, self.differ(value, right))
            else:
                assert isinstance(left, App | Key) and isinstance(right, App | Key)
                self._differ[key] = self.cnf.all_of(
                    self.cnf.any_of(self.differ(a, b) for a, b in zip(order, right.arguments, strict=True))
                    for order in self._orders(left)
                )
        return self._differ[key]

    def _ordered(self, left: Term, right: Term) -> tuple[Term, Term]:
        """Return two terms, a variable first and of two variables the one by name; keys in their one spelling."""
        left, right = self._spelled(left), self._spelled(right)
        if isinstance(right, Var) and (not isinstance(left, Var) or right.name < left.name):
            return right, left
        return left, right

    def _spelled(self, term: Term) -> Term:
        if isinstance(term, Key) and not term.variables and self.families[term.family].kind == "unordered":
            return Key(term.family, term.sort, tuple(sorted(term.arguments, key=repr)))
        return term


def _is_composite(pair: tuple[Term, Term]) -> bool:
    return isinstance(pair[0], App)
