"""A scene: the sessions that a claim puts under the spotlight, everybody else grouped in classes, finite domains.

A session class is a role with values for the names it starts from. A *spotlight* holds exactly one session; a
*summary* class any number, whose fresh values are one leaf each. Mapping every concrete leaf to the leaf of its
creator's class preserves every positive rule, so what is not derivable here is impossible in every run, whatever the
number of sessions. A condition that two leaves differ holds as soon as they *may* differ (docs/explanation/semantics.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product

from modelcheck.engine.boxes import Compiled
from modelcheck.engine.clauses import NOBODY, PARENT, SESSION, ClauseSet, Condition, Literal, Part, Predicate, Rule
from modelcheck.engine.horn import Atom, Box, Clause, Differ, Goal, Mask, Program
from modelcheck.machines.machine import RoleMachine, fresh_values, simple
from modelcheck.protocol.model import Role, set_members
from modelcheck.protocol.terms import NAME, Const, Term, Var
from modelcheck.protocol.theory import DISHONEST, FRESH_SORTS

ELSEWHERE = "?"
"""The session class of values that no single honest session made."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session class: a role under given names, one session (``spotlight``) or any number."""

    label: str
    role: str
    names: tuple[str, ...]
    spotlight: bool = False
    exposed: bool = False
    """Whether its fresh values count as the attacker's, which makes the attacker only stronger."""

    def leaf(self, variable: Var) -> str:
        """Return the leaf for a value that the class creates."""
        return attacker_leaf(variable.sort) if self.exposed else leaf_name(variable, self.label)


@dataclass(frozen=True)
class Scene:
    """Session classes and extra attacker leaves for one case of a claim."""

    clauses: ClauseSet
    honest: tuple[str, ...]
    """Honest names; those in ``summary_names`` stand for any number of parties."""
    summary_names: frozenset[str]
    sessions: tuple[Session, ...]
    attacker_leaves: tuple[tuple[str, str], ...] = ()
    """Extra attacker leaves as (sort, leaf), each a single value."""
    leaked: tuple[Rule, ...] = ()
    """Rules that the claim's attacker adds."""
    compiled: Compiled = field(default_factory=dict, compare=False, repr=False)
    """What the fixpoint prepares once for all programs of the scene."""
    _base: dict[tuple[int, int], tuple[Clause, ...]] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names, honest ones first."""
        return (*self.honest, DISHONEST)

    @cached_property
    def machines(self) -> dict[str, RoleMachine]:
        """The machines of the scene's roles, by name."""
        return {machine.role.name: machine for machine in self.clauses.machines}

    @cached_property
    def by_label(self) -> dict[str, Session]:
        """The session classes by label."""
        return {session.label: session for session in self.sessions}

    # -------------------------------------------------------------------------------------------- domains

    @cached_property
    def domains(self) -> dict[str, tuple[str, ...]]:
        """The finite domain of every sort."""
        leaves: dict[str, list[str]] = {sort: [attacker_leaf(sort)] for sort in FRESH_SORTS}
        for sort, leaf in self.attacker_leaves:
            leaves[sort].append(leaf)
        for session in self.sessions:
            for variable in () if session.exposed else fresh_values(self.machines[session.role]):
                leaves[variable.sort].append(session.leaf(variable))
        for family in self.clauses.families.values():
            for names in product(self.names, repeat=family.arity):
                leaf = self.key_leaf(family.name, names)
                if leaf not in leaves[family.sort]:
                    leaves[family.sort].append(leaf)
        domains = {sort: tuple(values) for sort, values in leaves.items()}
        domains[NAME] = self.names
        domains[SESSION] = tuple(session.label for session in self.sessions)
        for sort in self.clauses.enumerations:
            domains[sort] = self.enumerated(sort)
        for sort, components in self.clauses.components.items():
            for component in components:
                if component.name == PARENT:
                    domains[component.sort] = ("honest", ELSEWHERE, NOBODY)
                elif "/" in component.sort:
                    domains[component.sort] = (*self._makers(component.name.partition("'s ")[0]), ELSEWHERE, NOBODY)
            del sort
        return domains

    def enumerated(self, sort: str) -> tuple[str, ...]:
        """Return the values of a sort that the flow declares."""
        return self.clauses.enumerations[sort]

    def _makers(self, creator: str) -> tuple[str, ...]:
        return tuple(session.label for session in self.sessions if simple(session.role) == creator)

    @property
    def honest_names(self) -> tuple[str, ...]:
        """The names of parties whose keys the attacker does not hold."""
        return self.honest

    def made_by_attacker(self, sort: str) -> tuple[str, ...]:
        """Return the leaves of ``sort`` that the attacker has from the start."""
        return (attacker_leaf(sort), *(leaf for s, leaf in self.attacker_leaves if s == sort))

    def domain(self, sort: str) -> tuple[str, ...]:
        """Return the values of a sort; sorts of which nothing exists have one constant."""
        return self.domains.get(sort, ("absent",))

    @cached_property
    def _positions(self) -> dict[str, dict[str, int]]:
        return {sort: {value: index for index, value in enumerate(values)} for sort, values in self.domains.items()}

    def key_leaf(self, family: str, names: Sequence[str]) -> str:
        """Return the leaf of a long-term key; an unordered family has one key whatever the order of names."""
        ordered = sorted(names) if self.clauses.families[family].kind == "unordered" else names
        return f"{family}({','.join(ordered)})"

    def mask(self, sort: str, values: Iterable[str]) -> Mask:
        """Return the mask of ``values``; values that do not exist in this scene are left out."""
        positions = self._positions.get(sort, {"absent": 0})
        mask = 0
        for value in values:
            if value in positions:
                mask |= 1 << positions[value]
        return mask

    def full(self, sort: str) -> Mask:
        """Return the mask of the whole domain of ``sort``."""
        return (1 << len(self.domain(sort))) - 1

    def values(self, sort: str, mask: Mask) -> tuple[str, ...]:
        """Return the values in ``mask``."""
        return tuple(value for index, value in enumerate(self.domain(sort)) if mask >> index & 1)

    @cached_property
    def _unique(self) -> dict[str, Mask]:
        return {
            sort: self.mask(sort, [value for value in values if self.is_unique(sort, value)])
            for sort, values in self.domains.items()
        }

    def unique(self, sort: str) -> Mask:
        """Return the mask of the leaves that stand for exactly one concrete value."""
        return self._unique.get(sort, 1)

    def is_unique(self, sort: str, value: str) -> bool:
        """Return whether a leaf stands for exactly one concrete value."""
        if sort == NAME:
            return value in self.honest and value not in self.summary_names
        if sort == SESSION or "/" in sort:
            return value == NOBODY or (value in self.by_label and self.by_label[value].spotlight)
        if sort not in FRESH_SORTS:
            return True
        if value == attacker_leaf(sort):
            return False
        _, at, label = value.partition("@")
        if at:
            return self.by_label[label].spotlight if label in self.by_label else True
        inside = value.partition("(")[2].rstrip(")")
        return bool(inside) and all(self.is_unique(NAME, name) for name in inside.split(","))

    def allowed(self, condition: Condition, sort: str) -> Mask:
        """Return the mask of the leaves for which a condition on one leaf holds."""
        match condition.test:
            case "among":
                return self.mask(sort, condition.values)
            case "public":
                return self.mask(sort, self.made_by_attacker(sort))
            case "honest":
                return self.mask(NAME, self.honest_names)
            case "dishonest":
                return self.mask(NAME, [DISHONEST])
            case "alike":
                return self.full(sort)
            case "differ" | "straddles":
                raise AssertionError("two leaves, or two systems")

    # -------------------------------------------------------------------------------------------- compilation

    def compile(self, rule: Rule, origin: int) -> Clause | None:
        """Return the rule as a clause over this scene's domains, or None if its body is empty in it."""
        slots = _Slots(self)
        head = slots.atom(rule.head)
        body = tuple(slots.atom(literal) for literal in rule.body)
        differ = slots.conditions(rule.conditions)
        if differ is None or not all(slots.masks):
            return None
        last = self.clauses.predicates[rule.head.predicate].kind == "tested"
        return Clause(head, body, tuple(slots.masks), differ, origin, last)

    def goal(
        self, body: Sequence[Literal], conditions: Sequence[Condition] = (), fixed: Mapping[Var, Mask] | None = None
    ) -> Goal | None:
        """Return a goal over this scene's domains; ``fixed`` narrows variables. None if it is empty from the start."""
        slots = _Slots(self)
        plain, checks = self.clauses.plain(body, conditions)
        atoms = tuple(slots.atom(literal) for literal in plain)
        differ = slots.conditions(checks)
        for variable, mask in (fixed or {}).items():
            slots.masks[slots.slot(variable)] &= mask
        return Goal(atoms, tuple(slots.masks), differ) if differ is not None and all(slots.masks) else None

    def base(self) -> tuple[Clause, ...]:
        """Return the clauses of the protocol in this scene, its relations included, without the claim's own rules.

        Goals and leaks may bring new relations and patterns, so the clauses are made again when there are more.
        """
        size = (len(self.clauses.rules), len(self.clauses.predicates))
        if size not in self._base:
            compiled = (self.compile(rule, index) for index, rule in enumerate(self.clauses.rules))
            self._base[size] = (*self._facts(), *(clause for clause in compiled if clause is not None))
        return self._base[size]

    @cached_property
    def _leaks(self) -> tuple[Clause | None, ...]:
        count = len(self.clauses.rules)
        return tuple(self.compile(rule, count + index) for index, rule in enumerate(self.leaked))

    def program(
        self, goals: Sequence[Goal], forbidden: Mapping[int, tuple[Box, ...]], extra: Sequence[Rule] = (),
        made: Collection[int] = (), judged: Iterable[str] = (),
    ) -> Program:  # fmt: skip
        """Return the program of this scene with goals, steps that do not happen, and the rules of attacker powers.

        Tests that no goal asks about are left out, and those among ``made`` for the ``judged`` sessions.
        """
        count = len(self.clauses.rules)
        more = [
            *self._leaks,
            *(self.compile(rule, count + len(self.leaked) + index) for index, rule in enumerate(extra)),
        ]
        asked = {atom.predicate for goal in goals for atom in goal.body}
        base = (clause for clause in self.base() if not clause.last or clause.head.predicate in asked)
        others = self.full(SESSION) & ~self.mask(SESSION, judged)
        clauses = (
            *(self._of(others, clause) if clause.head.predicate in made else clause for clause in base),
            *(clause for clause in more if clause is not None),
        )
        columns = tuple(tuple(self.full(sort) for sort in p.columns) for p in self.clauses.predicates)
        return Program(columns, clauses, tuple(goals), dict(forbidden))

    def _of(self, sessions: Mask, clause: Clause) -> Clause:
        """Return the clause of a test for some sessions only."""
        fixed = {*self.clauses.session_of.values()}
        slot = next(atom.slots[0] for atom in clause.body if atom.predicate in fixed)
        masks = list(clause.masks)
        masks[slot] &= sessions
        return replace(clause, masks=tuple(masks))

    def _facts(self) -> Iterator[Clause]:
        for index, predicate in enumerate(self.clauses.predicates):
            for box in self.relation(index, predicate):
                yield Clause(Atom(index, tuple(range(len(box)))), (), box)

    def relation(self, index: int, predicate: Predicate) -> Iterator[Box]:
        """Yield the boxes of a predicate that is data: sessions, key families, choices, parts of stored values."""
        match predicate.kind:
            case "session":
                yield from self._sessions(predicate)
            case "family":
                yield from self._family(predicate)
            case "choice":
                yield from self._choice(predicate)
            case "part":
                yield from self._part(predicate, self.clauses.parts[index])
            case "certified":
                yield from self._certified(predicate)
            case _:
                pass

    def _sessions(self, predicate: Predicate) -> Iterator[Box]:
        parameters = self.machines[predicate.name].role.parameters
        for session in self.sessions:
            if session.role == predicate.name:
                named = dict(zip(parameters, session.names, strict=True))
                columns = [
                    self.mask(v.sort, [named[v] if v in named else session.leaf(v)])
                    for v in predicate.variables
                ]  # fmt: skip
                yield (self.mask(SESSION, [session.label]), *columns)

    def _family(self, predicate: Predicate) -> Iterator[Box]:
        sort = predicate.columns[-1]
        for names in product(self.names, repeat=len(predicate.columns) - 1):
            leaf = self.mask(sort, [self.key_leaf(predicate.name, names)])
            yield (*(self.mask(NAME, [name]) for name in names), leaf)

    def _certified(self, predicate: Predicate) -> Iterator[Box]:
        """A certificate ties a name to its own key, or a dishonest name to any key."""
        sort = predicate.columns[-1]
        for name in self.honest_names:
            yield (self.mask(NAME, [name]), self.mask(sort, [self.key_leaf(predicate.name, [name])]))
        yield (self.mask(NAME, [DISHONEST]), self.certifiable(sort))

    def certifiable(self, sort: str) -> Mask:
        """Return the mask of the keys for which a dishonest name may have a certificate."""
        return self.full(sort)

    def _choice(self, predicate: Predicate) -> Iterator[Box]:
        value_sort, *set_sorts = predicate.columns
        values = self.domain(value_sort)
        for sets in product(*(self.domain(sort) for sort in set_sorts)):
            common = [value for value in values if all(value in set_members(chosen) for chosen in sets)]
            chosen = common[:1] if predicate.name == "best" else common
            if chosen:
                columns = (self.mask(sort, [s]) for sort, s in zip(set_sorts, sets, strict=True))
                yield (self.mask(value_sort, chosen), *columns)

    def _part(self, predicate: Predicate, part: Part) -> Iterator[Box]:
        """The class of a value's creator: the session whose leaves all its columns hold, else :data:`ELSEWHERE`."""
        *columns, target = predicate.columns
        elsewhere = self.mask(target, [ELSEWHERE])
        if part.creator == PARENT:
            honest = tuple(self.full(sort) & ~self.mask(sort, [ELSEWHERE]) for sort in columns)
            yield (*honest, self.mask(target, ["honest"]))
            for position, sort in enumerate(columns):
                if "/" in sort:
                    yield (*(self.mask(s, [ELSEWHERE]) if i == position else self.full(s)
                             for i, s in enumerate(columns)), elsewhere)  # fmt: skip
            return
        first_made: Mask = 0
        for label in self._makers(part.creator):
            made = self._made_by(label, columns, part.values)
            if not all(made):
                continue
            first_made |= made[0]
            yield (*made, self.mask(target, [label]))
            for position in range(1, len(columns)):
                rest = [self.full(sort) for sort in columns]
                rest[0], rest[position] = made[0], rest[position] & ~made[position]
                yield (*rest, elsewhere)
        outside = self.full(columns[0]) & ~first_made
        if outside:
            yield (outside, *(self.full(sort) for sort in columns[1:]), elsewhere)

    def _made_by(self, label: str, columns: Sequence[str], values: Sequence[str]) -> list[Mask]:
        """Return for each column the mask of the leaf that session class ``label`` makes for the value named there."""
        session = self.by_label[label]
        created = {v.name: v for v in fresh_values(self.machines[session.role])}
        return [
            self.mask(sort, [session.leaf(created[name])] if name in created else [])
            for sort, name in zip(columns, values, strict=True)
        ]

    def leaf_of(self, session: Session, variable: Var) -> str | None:
        """Return the value that a session class gives to a name or fresh value of its role, None for others."""
        machine = self.machines[session.role]
        for name, value in zip(machine.role.parameters, session.names, strict=True):
            if name == variable:
                return value
        return session.leaf(variable) if variable in fresh_values(machine) else None


class _Slots:
    """Assigns slots to the variables of a rule; each constant has a slot of its own."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.index: dict[Var, int] = {}
        self.masks: list[Mask] = []
        self.sorts: list[str] = []

    def slot(self, term: Term) -> int:
        if isinstance(term, Var):
            if term not in self.index:
                self.index[term] = len(self.masks)
                self.masks.append(self.scene.full(term.sort))
                self.sorts.append(term.sort)
            return self.index[term]
        assert isinstance(term, Const), term
        self.masks.append(self.scene.mask(term.sort, [term.value]))
        self.sorts.append(term.sort)
        return len(self.masks) - 1

    def atom(self, literal: Literal) -> Atom:
        return Atom(literal.predicate, tuple(self.slot(argument) for argument in literal.arguments))

    def conditions(self, conditions: Iterable[Condition]) -> tuple[Differ, ...] | None:
        """Narrow masks by conditions on single leaves; return those on two, or None if one can never hold."""
        differ = []
        for condition in conditions:
            if condition.test == "differ":
                assert condition.right is not None
                if condition.left is condition.right:
                    return None
                left, right = self.slot(condition.left), self.slot(condition.right)
                differ.append(Differ(left, right, self.scene.unique(self.sorts[left])))
            else:
                slot = self.slot(condition.left)
                self.masks[slot] &= self.scene.allowed(condition, self.sorts[slot])
        return tuple(differ)


def partners(role: Role, same: Mapping[Var, str], honest: Sequence[str]) -> tuple[Session, ...]:
    """Return a spotlight for each choice of names of a judged session's partner: own names honest, some as ``same`` says."""
    choices = [(same[v],) if v in same else honest if v in role.own else (*honest, DISHONEST) for v in role.parameters]
    found = []
    for names in product(*choices):
        own = [name for v, name in zip(role.parameters, names, strict=True) if v in role.own]
        if DISHONEST not in own:
            found.append(Session(f"partner {role.name}({','.join(names)})", role.name, names, True))
    return tuple(found)


def leaf_name(variable: Var, label: str) -> str:
    """Return the leaf for a value that a session class creates."""
    return f"{variable.name}@{label}"


def attacker_leaf(sort: str) -> str:
    """Return the leaf for all values of a sort that the attacker makes."""
    return f"attacker's {sort}"


def summaries(clauses: ClauseSet, honest: Sequence[str], roles: Iterable[str] | None = None) -> tuple[Session, ...]:
    """Return the summary classes: own names honest, other names any, a party talking to itself included."""
    wanted = None if roles is None else set(roles)
    result = []
    for machine in clauses.machines:
        role = machine.role
        if wanted is not None and role.name not in wanted:
            continue
        choices = [honest if name in role.own else (*honest, DISHONEST) for name in role.parameters]
        for names in product(*choices):
            result.append(Session(f"others {role.name}({','.join(names)})", role.name, names))
    return tuple(result)
