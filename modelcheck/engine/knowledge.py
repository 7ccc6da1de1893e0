"""What is known in a scenario: what was given away, what can be made of it, and what each fact rests on.

Each *fact* (a session has taken a block; the attacker knows a term; it has opened a message) implies a support. Time
exists only as the absence of cycles among supports. A literal that guards an edge between facts is private to that
support, otherwise the edge would be there without being chosen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelcheck.engine.clauses import ATTACKER, ClauseSet
from modelcheck.engine.cnf import FALSE, Cnf, Lit
from modelcheck.engine.deduction import ATTACKER_VALUES, KeyRing
from modelcheck.engine.symbols import Symbols
from modelcheck.protocol.terms import NAME, STORED, App, Const, Key, Term, Var, rebuild, replace, sort_of, unify
from modelcheck.protocol.theory import DISHONEST, FRESH_SORTS, SCHEMATIC, is_data, open_parts, openings, recipes

Fact = int


@dataclass(frozen=True, slots=True)
class Support:
    """One way to support a fact: the literal that chooses it, the facts it rests on, what the attacker is given for it."""

    literal: Lit
    facts: tuple[Fact, ...]
    reveal: tuple[int, Term, str] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A term that a session gives away or that leaks, as soon as its layer is there."""

    term: Term
    layer: Lit
    facts: tuple[Fact, ...]
    any_message: bool = False
    reveal: tuple[int, Term, str] | None = None


class Knowledge:
    """What the attacker and private places know: sources and demands are added before :meth:`finish`."""

    def __init__(self, clauses: ClauseSet, ring: KeyRing, cnf: Cnf, symbols: Symbols) -> None:
        self.clauses, self.ring = clauses, ring
        self.cnf, self.symbols = cnf, symbols
        self.supports: dict[Fact, list[Support]] = {}
        self._facts = 0
        self._known: dict[tuple[str, Term], tuple[Lit, Fact]] = {}
        self._queue: list[tuple[str, Term]] = []
        self._shapes: dict[Term, Term] = {}
        self._apart: dict[tuple[Term, Term], bool] = {}
        self._sources: dict[tuple[str, str], list[Source]] = defaultdict(list)

    def is_public(self, term: Term) -> bool:
        """Return whether everybody knows a term whatever its variables are."""
        match term:
            case Const(value, sort):
                return value in ATTACKER_VALUES or not (sort in FRESH_SORTS or sort.startswith(STORED))
            case Var(_, sort):
                return not (sort in FRESH_SORTS or sort.startswith(STORED))
            case Key():
                return not term.variables and self.ring.is_dishonest(term)
            case App("pk" | "g", (Key(family, _, _),)):
                return self.clauses.families[family].public
            case App("hash"):
                return "hash" in self.clauses.weak
            case _:
                return False

    # -------------------------------------------------------------------------------- facts

    def fact(self) -> Fact:
        """Return a new fact."""
        self._facts += 1
        return self._facts

    def support(
        self, fact: Fact, literal: Lit, facts: Iterable[Fact], reveal: tuple[int, Term, str] | None = None
    ) -> None:
        """Note that a fact rests on others where a literal is true."""
        rests_on = tuple(facts)
        self.supports.setdefault(fact, []).append(Support(literal, rests_on, reveal))
        for other in rests_on:
            self.cnf.edge(literal, fact, other)

    def require(self, literal: Lit, place: str, term: Term) -> list[Fact]:
        """Make a literal imply that the attacker (or a private place) has a term; return the facts that this rests on."""
        facts = []
        for part in open_parts(term) if place == ATTACKER else (term,):
            if place == ATTACKER and self.is_public(part):
                continue
            known, fact = self._knows(place, part)
            self.cnf.add(-literal, known)
            facts.append(fact)
        return facts

    def _knows(self, place: str, term: Term) -> tuple[Lit, Fact]:
        key = (place, term)
        if key not in self._known:
            self._known[key] = (self.cnf.new(), self.fact())
            self._queue.append(key)
        return self._known[key]

    # -------------------------------------------------------------------------------- what is given away

    def give(
        self, place: str, term: Term, layer: Lit, facts: tuple[Fact, ...], needs: tuple[Term, ...] = (),
        conditions: Sequence[Lit] = (), *, any_message: bool = False,
        reveal: tuple[int, Term, str] | None = None,
    ) -> None:  # fmt: skip
        """Add a source; ``needs`` are the keys that it takes to get there, ``conditions`` when it can be had at all."""
        if needs or conditions:
            outer, rests_on = layer, list(facts)
            layer, fact = self.cnf.new(), self.fact()
            self.cnf.add(-layer, outer)
            for condition in conditions:
                self.cnf.add(-layer, condition)
            for need in needs:
                rests_on += self.require(layer, ATTACKER, need)
            self.support(fact, layer, rests_on)
            facts = (fact,)
        self._sources[place, _head(term)].append(Source(term, layer, facts, any_message, reveal))

    def give_all(
        self, term: Term, layer: Lit, facts: tuple[Fact, ...], reveal: tuple[int, Term, str] | None = None
    ) -> None:
        """Add a source for the attacker, and one for everything that can be taken out of it."""
        todo: list[tuple[Term, tuple[Term, ...]]] = [(term, ())]
        while todo:
            part, needs = todo.pop()
            if isinstance(part, App) and is_data(part.function):
                todo.extend((argument, needs) for argument in part.arguments)
                continue
            self.give(ATTACKER, part, layer, facts, needs, reveal=reveal)
            todo.extend((content, (*needs, *more)) for more, content, _ in openings(part, self.clauses.weak))

    # -------------------------------------------------------------------------------- what the attacker knows

    def finish(self) -> None:
        """Give every known term its supports, and forbid that supports go round in circles."""
        while self._queue:
            place, term = self._queue.pop()
            known, fact = self._known[place, term]
            if place == ATTACKER and isinstance(term, Var):
                self._by_choice(known, fact, {value: (lit, value) for value, lit in self.symbols.choice(term).items()})
            elif place == ATTACKER and (variable := _only_variable(term)) is not None:
                choice = self.symbols.choice(variable)
                halves = {value: (lit, replace(term, {variable: value})) for value, lit in choice.items()}
                self._by_choice(known, fact, halves)
            else:
                options = [*self._from_sources(place, term, fact)]
                if place == ATTACKER:
                    options += self._composed(term, fact)
                elif place.startswith("channel "):
                    options += self._injected(place, term, fact)
                self.cnf.add(-known, *options)
        self.cnf.forbid_cycles()

    def _by_choice(self, known: Lit, fact: Fact, options: Mapping[Term, tuple[Lit, Term]]) -> None:
        """A term with one symbolic leaf is known as what it becomes with the leaf's value."""
        for chosen, term in options.values():
            if self.is_public(term):
                self.support(fact, chosen, ())
                continue
            of_value, source = self._knows(ATTACKER, term)
            self.cnf.add(-known, -chosen, of_value)
            self.support(fact, chosen, (source,))

    def _from_sources(self, place: str, term: Term, fact: Fact) -> Iterator[Lit]:
        """Yield the ways to take a term from what was given away."""
        for source in self._sources[place, _head(term)]:
            compared, pattern = source.term, term
            more: list[Term] = []
            if source.any_message and isinstance(term, App) and isinstance(source.term, App):
                compared, pattern = source.term.arguments[0], term.arguments[0]
                more = [term.arguments[1]]
            equal = FALSE if self._other_shape(compared, pattern) else self.symbols.same(compared, pattern)
            if equal == FALSE:
                continue
            option = self.cnf.new()
            self.cnf.add(-option, source.layer)
            self.cnf.add(-option, equal)
            facts = [*source.facts]
            for need in more:
                facts += self.require(option, ATTACKER, need)
            reveal = source.reveal
            if reveal is not None and source.any_message:
                reveal = (reveal[0], term, reveal[2])
            self.support(fact, option, facts, reveal)
            yield option

    def _other_shape(self, left: Term, right: Term) -> bool:
        """Return whether two terms differ whatever their leaves are; sessions of a role share the shapes of its terms."""
        pair = (self._shape(left), self._shape(right))
        if pair not in self._apart:
            self._apart[pair] = next(unify(*pair), None) is None
        return self._apart[pair]

    def _shape(self, term: Term) -> Term:
        """Return a term with a variable of its own sort for each leaf but text literals."""
        if term not in self._shapes:
            sort = sort_of(term)
            if sort is None:
                self._shapes[term] = rebuild(term, self._shape)
            else:
                fixed = isinstance(term, Const) and sort not in FRESH_SORTS and sort != NAME
                self._shapes[term] = term if fixed else Var("?", sort)
        return self._shapes[term]

    def _composed(self, term: Term, fact: Fact) -> Iterator[Lit]:
        """Yield the ways to make a term."""
        if isinstance(term, Key):
            for position in self.ring.holders[term.family]:
                option = self.cnf.all_of((self.cnf.new(), self.symbols.among(term.arguments[position], (DISHONEST,))))
                if option != FALSE:
                    self.support(fact, option, ())
                    yield option
            return
        for needs, _ in recipes(term, self.clauses.weak):
            for filled in self._filled(needs):
                option = self.cnf.new()
                facts = [f for need in filled for f in self.require(option, ATTACKER, need)]
                self.support(fact, option, facts)
                yield option

    def _filled(self, needs: tuple[Term, ...]) -> Iterator[tuple[Term, ...]]:
        if not any(SCHEMATIC in need.variables for need in needs):
            yield needs
            return
        for value in self.symbols.domains[SCHEMATIC.sort]:
            yield tuple(replace(need, {SCHEMATIC: value}) for need in needs)

    def _injected(self, place: str, envelope: Term, fact: Fact) -> Iterator[Lit]:
        """Yield the way in which the attacker itself sends on a protected channel, if it can."""
        _, channel, sender, _ = place.split(" ")
        assert isinstance(envelope, App)
        *names, payload = envelope.arguments
        role = next((m.role for m in self.clauses.machines if m.role.name == sender), None)
        own = len(role.own) if role is not None and channel != "secret" else 0
        if channel != "secret" and role is not None and role.hosts:
            return
        option = self.cnf.new()
        for name in names[:own]:
            self.cnf.add(-option, self.symbols.among(name, (DISHONEST,)))
        self.support(fact, option, self.require(option, ATTACKER, payload))
        yield option


def _head(term: Term) -> str:
    """Return what two terms that can be equal have in common."""
    sort = sort_of(term)
    if sort is not None:
        return sort
    assert isinstance(term, App)
    return term.function


def _only_variable(term: Term) -> Var | None:
    """Return the variable of a public half, whose value is better chosen before than after."""
    match term:
        case App("pk" | "g", (Var() as variable,)):
            return variable
        case _:
            return None
