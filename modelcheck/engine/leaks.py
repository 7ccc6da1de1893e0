"""What a claim's attacker is given: long-term keys, values of the judged session, of others, of all, now or later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from modelcheck.engine.attacker import close
from modelcheck.engine.clauses import ATTACKER, ClauseSet, Condition, Literal, Origin, Rule
from modelcheck.engine.spotlight import literals
from modelcheck.engine.steps import session_literal, session_variable
from modelcheck.machines.held import Held, Stance
from modelcheck.machines.machine import RoleMachine, fresh_values
from modelcheck.protocol.model import Datum, Family, Leak
from modelcheck.protocol.terms import NAME, App, Const, Key, Term, Var, renamed, sort_of, substitute, unify
from modelcheck.protocol.theory import is_data, openings

PREFIX = "leaked "


@dataclass(frozen=True, slots=True)
class Given:
    """A term that the attacker gets from each state that satisfies ``body`` and ``conditions``."""

    term: Term
    body: tuple[Literal, ...]
    conditions: tuple[Condition, ...]
    description: str


def given_by(
    clauses: ClauseSet, held: Held, leak: Leak, names: dict[str, str], own: tuple[str, ...], everyone: tuple[str, ...],
    own_protocol: str,
) -> Iterator[Given]:  # fmt: skip
    """Yield what one leak gives; ``own`` are the labels of the judged session and its partners."""
    for datum in leak.data:
        if datum.kind == "key":
            yield from _long_term(clauses, datum, names)
            continue
        labels = everyone if leak.owner == "all" or datum.owner else own
        if leak.owner == "other":
            labels = tuple(label for label in everyone if label not in own)
        for machine in held.machines.values():
            if held.concerns(datum, machine.protocol, own_protocol):
                yield from _from_sessions(clauses, held, machine, datum, labels)


def _long_term(clauses: ClauseSet, datum: Datum, names: dict[str, str]) -> Iterator[Given]:
    family = clauses.families[datum.name]
    wanted = datum.arguments or ("",) * family.arity
    arguments = tuple(Const(names[name], NAME) if name in names else clauses.fresh(NAME) for name in wanted)
    yield Given(Key(family.name, family.sort, arguments), (), (), f"the key {datum}")


def _from_sessions(
    clauses: ClauseSet, held: Held, machine: RoleMachine, datum: Datum, labels: tuple[str, ...]
) -> Iterator[Given]:
    here = Condition("among", session_variable(PREFIX), None, labels)
    if not labels:
        return
    for stance, own in terms_of(held, machine, datum):
        session = session_literal(clauses, machine, PREFIX)
        body = (session,) if stance is None else tuple(literals(clauses, stance, PREFIX))
        yield Given(renamed(own, PREFIX), body, (here,), f"{datum} of {machine.role.name}")


def given_keys(
    clauses: ClauseSet, family: Family, choices: Sequence[tuple[str, ...]], description: str
) -> Iterator[Given]:  # fmt: skip
    """Yield the keys of a family for each choice of names, for any name that the attacker knows where there is none to choose."""
    for names in product(*(named or (None,) for named in choices)):
        arguments = tuple(clauses.fresh(NAME) if name is None else Const(name, NAME) for name in names)
        body = tuple(literal for argument in arguments for literal in clauses.knows(argument))
        yield Given(Key(family.name, family.sort, arguments), body, (), description)


def created(
    clauses: ClauseSet, machine: RoleMachine, variables: Iterable[Var], labels: tuple[str, ...]
) -> Iterator[Given]:  # fmt: skip
    """Yield values that sessions of some classes create."""
    here = Condition("among", session_variable(PREFIX), None, labels)
    for variable in variables:
        body = (session_literal(clauses, machine, PREFIX),)
        yield Given(renamed(variable, PREFIX), body, (here,), f"{variable.name} of {machine.role.name}")


def terms_of(held: Held, machine: RoleMachine, datum: Datum) -> Iterator[tuple[Stance | None, Term]]:
    """Yield what leaks of a role's sessions, and from where on.

    A fresh value leaks as soon as its session exists (None), anything else when the role first has it.
    """
    local = Datum(datum.kind, datum.name, datum.arguments)
    values = {held.honest(path, local) for path in held.paths[machine.protocol]}
    fresh = [v for v in fresh_values(machine) if v in values]
    yield from ((None, variable) for variable in fresh)
    if not fresh:
        yield from held.first_had(machine, local)


def leak_rules(clauses: ClauseSet, given: Iterable[Given]) -> tuple[Rule, ...]:
    """Return the rules by which the attacker knows what is given, for every pattern that is ever demanded.

    New demands may arise (a leaked ciphertext needs its key), so rules are made until no pattern is new.
    """
    sources = [part for one in given for part in taken_apart(clauses, one)]
    while True:
        close(clauses)
        before = len(clauses.predicates)
        kept = len(clauses.rules)
        for one, needs in sources:
            _add(clauses, one, needs)
        rules = tuple(clauses.rules[kept:])
        del clauses.rules[kept:]
        if len(clauses.predicates) == before and not clauses._queue:
            return rules


def taken_apart(clauses: ClauseSet, given: Given) -> Iterator[tuple[Given, tuple[Term, ...]]]:
    """Yield the given term, its parts and all that can be taken out of it, with the keys that it takes."""
    todo: list[tuple[Term, tuple[Term, ...]]] = [(given.term, ())]
    while todo:
        term, needs = todo.pop()
        if isinstance(term, App) and is_data(term.function):
            todo.extend((argument, needs) for argument in term.arguments)
            continue
        yield Given(term, given.body, given.conditions, given.description), needs
        todo.extend((content, (*needs, *more)) for more, content, _ in openings(term, clauses.weak))


def _add(clauses: ClauseSet, given: Given, needs: tuple[Term, ...]) -> None:
    for (kind, pattern), index in list(clauses._known.items()):
        if kind != ATTACKER or not _may_fit(pattern, given.term):
            continue
        for mapping in unify(pattern, given.term):
            head = Literal(index, tuple(substitute(v, mapping) for v in pattern.variables))
            body = [Literal(b.predicate, tuple(substitute(a, mapping) for a in b.arguments)) for b in given.body]
            body += [literal for need in needs for literal in clauses.knows(substitute(need, mapping))]
            conditions = [Condition(c.test, substitute(c.left, mapping), None, c.values) for c in given.conditions]
            origin = Origin("leak", given.description, 0, given.term, pattern)
            clauses.rule(head, body, conditions, origin)


def _may_fit(pattern: Term, term: Term) -> bool:
    if isinstance(pattern, App) and isinstance(term, App) and sort_of(term) is None:
        return pattern.function == term.function
    return sort_of(pattern) == sort_of(term)
