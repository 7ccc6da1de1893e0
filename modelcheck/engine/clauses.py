"""The Horn clauses of a protocol, generated once: role steps, attacker knowledge, stored records, private channels.

Clauses speak of sessions through one column, the session class; which classes exist, which are spotlights, what is
leaked or disabled are data that a :class:`~modelcheck.engine.scene.Scene` adds per claim (docs/explanation/semantics.md).
Knowledge is demand-driven: a predicate exists for each pattern that somebody needs the attacker to know, a pattern
being a term with its variables as columns. Patterns are real terms, so two of them are related exactly by unification
and no assumption about injectivity of keys and transcripts is made; unifying two patterns is done once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal as OneOf
from typing import TypeAlias

from modelcheck.machines.blocks import Block
from modelcheck.machines.machine import RoleMachine
from modelcheck.protocol.biterms import settled
from modelcheck.protocol.model import Family
from modelcheck.protocol.terms import (
    NAME,
    STORED,
    App,
    Const,
    Key,
    Term,
    Var,
    canonical,
    is_stored,
    rebuild,
    sort_of,
    substitute,
    subterms,
)
from modelcheck.protocol.theory import FRESH_SORTS, is_data, match

SESSION = "session"
"""The sort of session classes."""

ATTACKER = "attacker"


@dataclass(frozen=True, slots=True)
class Predicate:
    """A predicate: its kind, what it is about, and the sorts of its columns."""

    kind: OneOf["state", "session", "known", "family", "part", "choice", "certified", "side", "tested", "picked"]
    name: str
    columns: tuple[str, ...]
    variables: tuple[Var, ...] = ()
    """For states: the role's variables behind the columns after the first."""
    pattern: Term | None = None
    """For knowledge: the pattern whose variables are the columns."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A predicate applied to variables and constants."""

    predicate: int
    arguments: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one leaf, or on two for ``differ``.

    ``among``: one of ``values``; ``straddles``: one of them in one of two systems side by side, in the other none;
    ``public``: a leaf the attacker makes; ``honest``, ``dishonest``: a name.
    """

    test: OneOf["among", "straddles", "alike", "public", "honest", "dishonest", "differ"]
    left: Term
    right: Term | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a rule comes from, for the person who reads a derivation.

    ``step``: a role's block; ``compose``: the attacker builds; ``expose``: the attacker takes out of what a role sent;
    ``given``: the attacker has it anyway; ``leak``: an attacker power; ``test``: something is looked at.
    """

    kind: OneOf["step", "compose", "expose", "given", "leak", "test"]
    role: str = ""
    state: int = 0
    sent: Term | None = None
    term: Term | None = None
    needs: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """``head`` follows from ``body`` under ``conditions``; arguments are variables and constants only."""

    head: Literal
    body: tuple[Literal, ...]
    conditions: tuple[Condition, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Exposure:
    """Something a role gives away: who sees it, in which state, under which conditions and knowledge."""

    kind: str
    """``attacker``, or the name of a private place (a record, a channel)."""
    predicate: int
    term: Term
    needs: tuple[Term, ...]
    conditions: tuple[Condition, ...]
    sent: Term
    state: int
    any_message: bool = False
    """The term is a signature that fits every other message too (colliding hash)."""
    form: str = ""
    """The primitive whose weakness in some sessions gives the term away, "" if it is part of what is sent."""


NOBODY = "nobody"
"""In a component of a stored value: the value has no part of this kind."""

PARENT = "earlier value"
"""Component of a stored value: whether the stored value it was made from came from honest sessions on all sides."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A composite that some role stores, and for each of its variables which component it helps to fix ("" none)."""

    index: int
    term: Term
    fixed_by: tuple[str, ...]
    values: tuple[str, ...]
    """What the flow calls the value at each variable."""


@dataclass(frozen=True, slots=True)
class Part:
    """The creator whose session class some columns of a stored value fix, and what the flow calls those values."""

    component: str
    values: tuple[str, ...]

    @property
    def creator(self) -> str:
        """The simple name of the role that makes the values."""
        return self.component.partition("'s ")[0]


@dataclass(frozen=True, slots=True)
class Component:
    """One column of a stored value: a name, or the session class of the role that created its values."""

    name: str
    sort: str


Known: TypeAlias = dict[tuple[str, Term], int]


@dataclass(slots=True)
class ClauseSet:
    """The clauses of a system of protocols and the tables that scenes and claims need."""

    machines: tuple[RoleMachine, ...]
    families: dict[str, Family]
    weak: frozenset[str]
    enumerations: dict[str, tuple[str, ...]]
    passive: bool = False
    """Whether the attacker only listens: roles then receive what roles send."""
    hidden: frozenset[str] = frozenset()
    """Sorts that are public elsewhere and of which the attacker here knows only what it makes or learns."""
    paired: bool = False
    """Whether terms may have another form in a second system (see :mod:`modelcheck.protocol.biterms`)."""
    predicates: list[Predicate] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    exposures: list[Exposure] = field(default_factory=list)
    parts: dict[int, Part] = field(default_factory=dict)
    """For each relation that maps columns of a stored value to a session class, whose class it is."""
    state_of: dict[tuple[str, int], int] = field(default_factory=dict)
    """Predicate of a role's cut state."""
    session_of: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, list[Shape]] = field(default_factory=dict)
    sent_openly: frozenset[str] = frozenset()
    """The flow's words for fresh values that some role sends in clear."""
    certified_keys: dict[Var, tuple[str, Var]] = field(default_factory=dict)
    """For each variable that stands for the key in a certificate: the family and the name on the certificate."""
    holders: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """For each family the positions of its index whose party holds the key."""
    components: dict[str, tuple[Component, ...]] = field(default_factory=dict)
    """For each sort of stored values its columns."""
    _index: dict[Predicate, int] = field(default_factory=dict)
    _known: Known = field(default_factory=dict)
    _queue: list[tuple[str, Term, int]] = field(default_factory=list)
    _fresh: int = 0

    def copy(self) -> ClauseSet:
        """Return a copy to which a claim may add what it demands, leaving this one as it is."""
        return replace(
            self, predicates=list(self.predicates), rules=list(self.rules), exposures=list(self.exposures),
            parts=dict(self.parts), _index=dict(self._index), _known=dict(self._known), _queue=list(self._queue),
        )  # fmt: skip

    # ---------------------------------------------------------------------------------------- predicates and leaves

    def predicate(self, predicate: Predicate) -> int:
        """Return the index of a predicate, adding it if it is new."""
        if predicate not in self._index:
            self._index[predicate] = len(self.predicates)
            self.predicates.append(predicate)
        return self._index[predicate]

    def fresh(self, sort: str) -> Var:
        """Return a variable that occurs nowhere else."""
        self._fresh += 1
        return Var(f"?{self._fresh}", sort)

    def is_public_leaf(self, term: Term) -> bool:
        """Return whether everybody knows a leaf: constants, names, values of enumerations."""
        return isinstance(term, Const) or (
            isinstance(term, Var)
            and term.sort not in FRESH_SORTS
            and term.sort not in self.hidden
            and not term.sort.startswith(STORED)
        )

    # ---------------------------------------------------------------------------------------- knowledge on demand

    def knows(self, term: Term, kind: str = ATTACKER) -> Iterator[Literal]:
        """Yield the literals that say that the attacker (or a private place) has ``term``."""
        term = settled(term) if self.paired else term
        if kind == ATTACKER:
            if isinstance(term, App) and is_data(term.function):
                for argument in term.arguments:
                    yield from self.knows(argument)
                return
            if self.is_public_leaf(term) or self._is_published(term):
                return
        pattern, arguments = self.pattern(term)
        key = (kind, pattern)
        if key not in self._known:
            columns = tuple(column for variable in pattern.variables for column in self.column_sorts(variable.sort))
            index = self.predicate(Predicate("known", kind, columns, pattern.variables, pattern))
            self._known[key] = index
            self._queue.append((kind, pattern, index))
        yield Literal(self._known[key], arguments)

    def pattern(self, term: Term) -> tuple[Term, tuple[Term, ...]]:
        """Return the pattern of ``term`` and what stands in its columns.

        Stored values count as leaves, and so do keys for which the order of names is irrelevant.
        """
        table: dict[Var, Term] = {}
        abstract = self._abstract(term, table, {})
        skeleton, variables = canonical(abstract)
        return skeleton, tuple(table.get(variable, variable) for variable in variables)

    def _abstract(self, term: Term, table: dict[Var, Term], memo: dict[Term, Term]) -> Term:
        if term not in memo:
            if is_stored(term) or self._is_unordered(term):
                sort = sort_of(term)
                assert sort is not None
                leaf = self.fresh(sort)
                table[leaf] = term
                memo[term] = leaf
            else:
                memo[term] = rebuild(term, lambda part: self._abstract(part, table, memo))
        return memo[term]

    def _is_unordered(self, term: Term) -> bool:
        return isinstance(term, Key) and self.families[term.family].kind == "unordered"

    def _is_published(self, term: Term) -> bool:
        match term:
            case App("pk" | "g", (Key(family, _, _),)):
                return self.families[family].public and NAME not in self.hidden
            case _:
                return False

    def column_sorts(self, sort: str) -> tuple[str, ...]:
        """Return the sorts of the columns by which a leaf of ``sort`` is represented."""
        if sort in self.components:
            return tuple(component.sort for component in self.components[sort])
        return (sort,)

    # ---------------------------------------------------------------------------------------- normal form of a rule

    def rule(self, head: Literal, body: Iterable[Literal], conditions: Iterable[Condition], origin: Origin) -> None:
        """Add a rule whose arguments may be long-term keys and stored values: those become relations."""
        (new_head, *new_body), checks = self.plain([head, *body], conditions)
        self.rules.append(Rule(new_head, tuple(dict.fromkeys(new_body)), checks, origin))

    def plain(
        self, literals: Iterable[Literal], conditions: Iterable[Condition]
    ) -> tuple[list[Literal], tuple[Condition, ...]]:
        """Return literals and conditions over variables and constants only; relations for the rest are appended."""
        extra: list[Literal] = []
        table: dict[Term, tuple[Term, ...]] = {}
        result = [
            Literal(
                literal.predicate,
                tuple(leaf for argument in literal.arguments for leaf in self.leaves(argument, table, extra)),
            )
            for literal in literals
        ]
        checks = []
        for c in conditions:
            lefts = self.leaves(c.left, table, extra)
            rights = (None,) if c.right is None else self.leaves(c.right, table, extra)
            if len(lefts) == 1 and len(rights) == 1:
                checks.append(replace(c, left=lefts[0], right=rights[0]))
        return [*result, *extra], tuple(checks)

    def leaves(self, term: Term, table: dict[Term, tuple[Term, ...]], extra: list[Literal]) -> tuple[Term, ...]:
        """Return the column arguments for a leaf term; the relations that define them are appended to ``extra``."""
        if term not in table:
            table[term] = self._leaves(term, table, extra)
        return table[term]

    def _leaves(self, term: Term, table: dict[Term, tuple[Term, ...]], extra: list[Literal]) -> tuple[Term, ...]:
        match term:
            case Var(name, sort) if sort in self.components:
                return tuple(Var(f"{name}.{c.name}", c.sort) for c in self.components[sort])
            case Key(family, sort, arguments):
                leaf = self.fresh(sort)
                columns = (*(NAME for _ in arguments), sort)
                index = self.predicate(Predicate("family", family, columns))
                extra.append(Literal(index, (*arguments, leaf)))
                return (leaf,)
            case App() if is_stored(term):
                return self._stored_columns(term, table, extra)
            case _:
                return (term,)

    def _stored_columns(
        self, term: Term, table: dict[Term, tuple[Term, ...]], extra: list[Literal]
    ) -> tuple[Term, ...]:
        """Return the columns of a stored composite: for each creator the session class that fixes its values."""
        sort = sort_of(term)
        assert sort is not None and isinstance(term, App)
        shape, values = self._shape(sort, term.arguments[0])
        result: list[Term] = []
        for component in self.components[sort]:
            mine = [
                (variable, values[variable], word)
                for variable, name, word in zip(shape.term.variables, shape.fixed_by, shape.values, strict=True)
                if name == component.name
            ]  # fmt: skip
            if "/" not in component.sort and mine:
                result.append(mine[0][1])
                continue
            if not mine and "/" in component.sort:
                result.append(Const(NOBODY, component.sort))
                continue
            leaf = self.fresh(component.sort)
            if mine:
                columns = (*(c for variable, *_ in mine for c in self.column_sorts(variable.sort)), component.sort)
                name = f"{component.sort} of {shape.index}"
                index = self.predicate(Predicate("part", name, columns, tuple(v for v, *_ in mine), shape.term))
                self.parts[index] = Part(component.name, tuple(word for *_, word in mine))
                arguments = tuple(leaf for _, value, _ in mine for leaf in self.leaves(value, table, extra))
                extra.append(Literal(index, (*arguments, leaf)))
            result.append(leaf)
        return tuple(result)

    def _shape(self, sort: str, inner: Term) -> tuple[Shape, dict[Var, Term]]:
        """Return the registered shape of a stored value and what stands at each of its variables."""
        abstract_table: dict[Var, Term] = {}
        abstract = self._abstract(inner, abstract_table, {})
        for shape in self.shapes[sort]:
            bound: dict[Var, Term] = {}
            if match(shape.term, abstract, bound):
                return shape, {v: substitute(value, abstract_table) for v, value in bound.items()}
        raise AssertionError(f"no shape of {sort} fits {inner}")

    def register_shapes(self, terms: Iterable[Term], creators: Mapping[str, str]) -> None:
        """Register the shapes of the stored values in ``terms``; ``creators`` tells by name which role makes a value."""
        for sort, values in stored_values(terms).items():
            shapes = self.shapes.setdefault(sort, [])
            for value in values:
                abstract = self._abstract(value.arguments[0], {}, {})
                skeleton, variables = canonical(abstract)
                if any(shape.term is skeleton for shape in shapes):
                    continue
                fixed_by = tuple(self._fixed_by(variable, creators) for variable in variables)
                shapes.append(Shape(len(shapes), skeleton, fixed_by, tuple(map(base_name, variables))))
            names = dict.fromkeys(
                (name, variable.sort if name == word else f"{sort}/{name}")
                for shape in shapes
                for variable, name, word in zip(shape.term.variables, shape.fixed_by, shape.values, strict=True) if name
            )  # fmt: skip
            self.components[sort] = tuple(Component(name, column) for name, column in names)

    def _fixed_by(self, variable: Var, creators: Mapping[str, str]) -> str:
        """Return the component that a variable of a shape helps to fix.

        Names and picked values are components of their own. Fresh values tell which session made them: those that are
        sent openly fix one component per creator, all others another, for the secrecy of the stored value may rest on
        those alone.
        """
        if variable.sort.startswith(STORED):
            return PARENT
        if self.is_public_leaf(variable):
            return base_name(variable)
        word = base_name(variable)
        creator = creators.get(word, "")
        return creator if word in self.sent_openly or not creator else f"{creator}'s secrets"


def base_name(variable: Var) -> str:
    """Return the name of a value as the flow has it: without the mark that tells a role's several views of it apart."""
    return variable.name.partition("~")[0]


def stored_values(terms: Iterable[Term]) -> dict[str, list[App]]:
    """Return for each sort of stored values the composite values of that sort among ``terms``."""
    found: dict[str, list[App]] = {}
    for term in terms:
        for part in subterms(term):
            if isinstance(part, App) and is_stored(part):
                values = found.setdefault(part.function, [])
                if part not in values:
                    values.append(part)
    return found
