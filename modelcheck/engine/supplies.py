"""What the attacker can supply that is one term in one of two systems and in the other not what it should be.

Such a thing is made of at least one part that a role sent in two forms; all other parts are the same in both systems. What
the attacker does with a part of another form it does on both sides. Constructors are free: something built on both sides is as
expected exactly if its parts are, so a difference is looked for in one part after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, product
from math import prod
from typing import TypeAlias

from modelcheck.engine.clauses import ATTACKER, ClauseSet, Condition, Exposure, Literal
from modelcheck.engine.steps import session_literal, state_literal, substituted
from modelcheck.machines.machine import RoleMachine
from modelcheck.protocol.biterms import differs, half
from modelcheck.protocol.terms import (
    ANYTHING,
    App,
    Const,
    Term,
    Var,
    exchange,
    renamed,
    sort_of,
    substitute,
    subterms,
    unify,
)
from modelcheck.protocol.terms import replace as put
from modelcheck.protocol.theory import is_data, recipes

SENT = "sent "
"""What variables of a session that sends something in two forms are called."""

ON_ONE_SIDE = ("known left", "known right")
"""The kinds of knowledge "the attacker has something that is this on one side"."""

APART = ("apart left", "apart right")
"""The kinds of knowledge "the attacker has something that is this on one side, and on the other none of these"."""

MOST_CHOICES = 64
"""Ways in which all of several expectations fail that are told apart; if there are more, too much may count as different."""

UNREAD = Const("unread", "unread")

ANY = "any "
"""Marks the sorts of values that something expected may have: ``Const("0", "any Nonce")`` stands for any nonce."""

Equations: TypeAlias = tuple[tuple[Term, Term], ...]


@dataclass(frozen=True, slots=True)
class Supply:
    """When the attacker has something."""

    mapping: Mapping[Var, Term]
    body: tuple[Literal, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def settled(self) -> tuple[tuple[Literal, ...], tuple[Condition, ...]]:
        """Return the literals and conditions, variables replaced."""
        body = tuple(substituted(literal, self.mapping) for literal in self.body)
        return body, tuple(
            Condition(c.test, substitute(c.left, self.mapping),
                      None if c.right is None else substitute(c.right, self.mapping), c.values)
            for c in self.conditions
        )  # fmt: skip


@dataclass(slots=True)
class Supplier:
    """The attacker as seen from one side of two systems."""

    clauses: ClauseSet
    side: int
    _touched: dict[Term, bool] = field(default_factory=dict)
    _sent: list[tuple[Exposure, Term, Term]] | None = None

    def has(self, term: Term) -> Iterator[Literal]:
        """Yield the literals that say that the attacker has something that is ``term`` on this side."""
        if not self.touched(term):
            yield from self.clauses.knows(term)
        elif isinstance(term, App) and is_data(term.function):
            for argument in term.arguments:
                yield from self.has(argument)
        else:
            yield from self.clauses.knows(term, ON_ONE_SIDE[self.side])

    def apart(
        self, term: Term, expected: Iterable[Term], known: Collection[Var] | None = None
    ) -> tuple[Literal, ...] | None:
        """Return the literals that say that the attacker has something that is ``term`` here and none of ``expected`` there.

        What is expected may have any values for the variables that are not ``known`` (None: all are); what is not read of one
        must not be read of the other. None if the attacker has no such thing.
        """
        candidates = tuple(dict.fromkeys(expected))
        if term is ANYTHING:
            return None if ANYTHING in candidates else ()
        if not self.touched(term) and term in candidates:
            return None
        free = () if known is None else [v for c in candidates for v in c.variables if v not in known]
        marks: dict[Var, Term] = {v: Const(f"{n}", f"{ANY}{v.sort}") for n, v in enumerate(dict.fromkeys(free))}
        whole = App(APART[self.side], (term, *(put(one, marks) for one in candidates)))
        return tuple(self.clauses.knows(whole, APART[self.side]))

    def ways_apart(self, whole: App) -> Iterator[Supply]:
        """Yield when the attacker has what :meth:`apart` says."""
        term, *candidates = whole.arguments
        marked = [part for one in candidates for part in subterms(one) if isinstance(part, Const)]
        free: dict[Term, Term] = {
            one: Var(f"any {one.value}", one.sort.removeprefix(ANY)) for one in marked if one.sort.startswith(ANY)
        }
        expected = [exchange(one, free) for one in candidates]
        known = {*term.variables, *(v for one in candidates for v in one.variables)}
        if term not in expected:
            yield from unless_equal(Supply({}, tuple(self.clauses.knows(term))), term, expected, known)
        if self.touched(term):
            yield from self._sent_apart(term, expected, known)
            yield from self._built_apart(term, expected, known)

    def _sent_apart(self, term: Term, expected: Sequence[Term], known: Collection[Var]) -> Iterator[Supply]:
        """Yield when a role sent it so."""
        for exposure, mine, theirs in self.sent:
            read = dict.fromkeys((theirs, _as_far_as(term, theirs)))
            for mapping in unify(term, mine):
                equal = chain.from_iterable(_equations(c, one, mapping, known) for c in expected for one in read)
                yield from _unless(sent(self.clauses, exposure, mapping), equal)

    def _built_apart(self, term: Term, expected: Sequence[Term], known: Collection[Var]) -> Iterator[Supply]:
        """Yield when it can be built of parts of which one is not as expected, for each of those that are built alike."""
        for needs, recipe in recipes(term, self.clauses.weak):
            alike = dict.fromkeys(
                parts for one in expected for parts, other in recipes(one, self.clauses.weak)
                if _same_format(term, one) and _read_alike(term, one) and (recipe is None) == (other is None) and len(parts) == len(needs)
            )  # fmt: skip
            choices = [
                [at for at, (part, need) in enumerate(zip(parts, needs, strict=True))
                 if part is not need or self.touched(need)]
                for parts in alike
            ]  # fmt: skip
            made_up = any(v not in term.variables for need in needs for v in need.variables)
            if made_up or prod(map(len, choices)) > MOST_CHOICES:
                yield Supply({}, tuple(literal for need in needs for literal in self.has(need)))
                continue
            for chosen in product(*choices):
                body: list[Literal] = []
                for at, need in enumerate(needs):
                    wanted = [(p[at], _repeated(p)) for p, place in zip(alike, chosen, strict=True) if place == at]
                    again = {v for _, repeated in wanted for v in repeated}
                    part = self.apart(need, [one for one, _ in wanted], {*known, *again}) if wanted else None
                    if wanted and part is None:
                        break
                    body += self.has(need) if part is None else part
                else:
                    yield Supply({}, tuple(body))

    @property
    def sent(self) -> list[tuple[Exposure, Term, Term]]:
        """What roles send in two forms, on this side and on the other; the variables begin with :data:`SENT`."""
        if self._sent is None:
            self._sent = [
                (one, half(renamed(one.term, SENT), self.side), half(renamed(one.term, SENT), 1 - self.side))
                for one in self.clauses.exposures if one.kind == ATTACKER and differs(one.term)
            ]  # fmt: skip
        return self._sent

    def touched(self, term: Term) -> bool:
        """Return whether some part of a term may have been sent in two forms."""
        if term not in self._touched:
            self._touched[term] = term is not ANYTHING and (
                any(_may_be(term, mine) for _, mine, _ in self.sent)
                or any(self.touched(need) for needs, _ in recipes(term, self.clauses.weak) for need in needs)
            )
        return self._touched[term]


def sent(clauses: ClauseSet, exposure: Exposure, mapping: Mapping[Var, Term]) -> Supply:
    """Return when the attacker has what a role sent, the variables of which begin with :data:`SENT`."""
    conditions = tuple(Condition(c.test, renamed(c.left, SENT), None, c.values) for c in exposure.conditions)
    return Supply(mapping, given_up(clauses, exposure, SENT), conditions)


def _may_be(term: Term, sent: Term) -> bool:
    if isinstance(term, App) and isinstance(sent, App) and sort_of(term) is None:
        return term.function == sent.function and next(unify(renamed(term, "expected "), sent), None) is not None
    return sort_of(term) is not None and sort_of(term) == sort_of(sent)


def _repeated(parts: Sequence[Term]) -> frozenset[Var]:
    """Return the variables that stand in several parts: they are not looked at one by one."""
    seen: set[Var] = set()
    again: set[Var] = set()
    for part in parts:
        again |= seen & {*part.variables}
        seen |= {*part.variables}
    return frozenset(again)


def unless_equal(
    found: Supply, term: Term, expected: Iterable[Term], known: Collection[Var] | None
) -> Iterator[Supply]:  # fmt: skip
    """Yield a supply of a term that is the same on both sides, if it is none of what is expected on the other."""
    yield from _unless(found, (one for e in expected for one in _equations(e, term, found.mapping, known)))


def _unless(found: Supply, equal: Iterable[Equations]) -> Iterator[Supply]:
    """Yield a supply on the condition that of each list of equations some does not hold."""
    lists: dict[Equations, None] = {}
    for one in equal:
        if not one:
            return
        lists[one] = None
    many = prod(map(len, lists)) > MOST_CHOICES
    for chosen in [()] if many else dict.fromkeys(product(*lists)):
        differ = (Condition("differ", one, other) for one, other in dict.fromkeys(chosen))
        yield Supply(found.mapping, found.body, (*found.conditions, *differ))


def _equations(
    expected: Term, supplied: Term, mapping: Mapping[Var, Term], known: Collection[Var] | None
) -> Iterator[Equations]:
    """Yield the lists of equations of leaves under which what is supplied is as expected."""
    one, other = (substitute(_closed(term), mapping) for term in (expected, supplied))
    free = set() if known is None else {v for v in expected.variables if v not in known and v not in mapping}
    for found in unify(one, other):
        yield tuple((v, substitute(v, found)) for v in found if v not in free)


@lru_cache(maxsize=1 << 14)
def _closed(term: Term) -> Term:
    """Return a term in which what is not read is equal only to what is not read."""
    return exchange(term, {ANYTHING: UNREAD})


def _read_alike(term: Term, other: Term) -> bool:
    """Return whether nothing is read of one of two terms that is not read of the other, as far as they have one form."""
    if term is ANYTHING or other is ANYTHING:
        return term is other
    if not _same_format(term, other):
        return True
    assert isinstance(term, App) and isinstance(other, App)
    return all(map(_read_alike, term.arguments, other.arguments))


def _as_far_as(cut: Term, supplied: Term) -> Term:
    """Return a supplied term as far as it is read where the one of the other side is read to a ``cut``."""
    if cut is ANYTHING:
        return cut
    if not _same_format(cut, supplied) or not any(part is ANYTHING for part in subterms(cut)):
        return supplied
    assert isinstance(cut, App) and isinstance(supplied, App)
    return App(supplied.function, tuple(map(_as_far_as, cut.arguments, supplied.arguments)))


def _same_format(term: Term, other: Term) -> bool:
    return (
        isinstance(term, App) and isinstance(other, App)
        and (term.function, len(term.arguments)) == (other.function, len(other.arguments))
    )  # fmt: skip


def given_up(clauses: ClauseSet, exposure: Exposure, prefix: str) -> tuple[Literal, ...]:
    """Return the literals that say that the attacker has something that a role gave away."""
    machine = owner(clauses, exposure)
    literals = [state_literal(clauses, machine, exposure.state, prefix), session_literal(clauses, machine, prefix)]
    return (*literals, *(literal for need in exposure.needs for literal in clauses.knows(renamed(need, prefix))))


def owner(clauses: ClauseSet, exposure: Exposure) -> RoleMachine:
    """Return the machine of the role that gives something away."""
    return next(
        m for m in clauses.machines if clauses.state_of.get((m.role.name, exposure.state)) == exposure.predicate
    )
