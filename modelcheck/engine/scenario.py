"""A scenario as clauses: a few concrete sessions with symbolic names, everything they do and give away.

What the attacker can do with it is in :mod:`modelcheck.engine.knowledge`. Completeness for the typed model with this many
sessions is argued in docs/explanation/attacks.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from modelcheck.engine.clauses import ATTACKER, ClauseSet, Condition, Exposure, stored_values
from modelcheck.engine.cnf import TRUE, Cnf, Lit
from modelcheck.engine.deduction import ATTACKER_VALUES, KeyRing, key_ring
from modelcheck.engine.knowledge import Fact, Knowledge
from modelcheck.engine.steps import channel_name, enclosed, owned, record_name, wire_name
from modelcheck.engine.symbols import Symbols
from modelcheck.engine.trace import fresh_leaf
from modelcheck.machines.blocks import Block
from modelcheck.machines.machine import (
    Guard,
    Keep,
    Pick,
    Recall,
    Receive,
    RoleMachine,
    Send,
    Step,
    fresh_values,
)
from modelcheck.protocol.model import set_members
from modelcheck.protocol.terms import (
    NAME,
    STORED,
    App,
    Const,
    Key,
    Term,
    Var,
    is_stored,
    replace,
    sort_of,
    subterms,
)
from modelcheck.protocol.theory import DISHONEST, FRESH_SORTS, is_data


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One concrete session: its label and its machine."""

    label: str
    machine: RoleMachine
    _table: dict[Var, Term] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give the values that the session creates their leaves."""
        for variable in fresh_values(self.machine):
            self._table[variable] = fresh_leaf(variable.name, variable.sort, self.label)

    def of(self, term: Term) -> Term:
        """Return a role's term in this session: created values are constants, others its own variables."""
        for variable in term.variables:
            if variable not in self._table:
                self._table[variable] = Var(f"{self.label}: {variable.name}", variable.sort)
        return replace(term, self._table)


class Scenario(Knowledge):
    """The clauses of some sessions and of what is known by them; goals are added before :meth:`finish`."""

    def __init__(self, clauses: ClauseSet, instances: Sequence[Instance], names: Sequence[str]) -> None:
        """``names`` are the honest parties; :data:`DISHONEST` is added to them."""
        self.instances = tuple(instances)
        self.names = tuple(Const(name, NAME) for name in (*names, DISHONEST))
        ring, cnf = key_ring(clauses.families, clauses.machines), Cnf()
        domains = _domains(clauses, ring, self.instances, self.names)
        super().__init__(clauses, ring, cnf, Symbols(cnf, domains, clauses.families))
        self.executed: dict[tuple[str, int], tuple[Lit, Fact]] = {}
        self.blocks: dict[Fact, tuple[Instance, Block]] = {}
        for instance in self.instances:
            self._declare(instance)
        for machine, state, exposure in _worthwhile(clauses):
            for instance in self.of_machine(machine):
                self._expose(instance, state, exposure)
        for instance in self.instances:
            self._run(instance)
        self._order_twins()
        self._forbid_old_values()

    def at(self, instance: Instance, state: int) -> tuple[Lit, tuple[Fact, ...]]:
        """Return the literal that a session has reached a cut state, and the fact if there is one."""
        if state == 0:
            return TRUE, ()
        literal, fact = self.executed[instance.label, state]
        return literal, (fact,)

    # -------------------------------------------------------------------------------- sessions

    def _declare(self, instance: Instance) -> None:
        for block in self._blocks(instance):
            literal, fact = self.cnf.new(), self.fact()
            self.executed[instance.label, block.end] = (literal, fact)
            self.blocks[fact] = (instance, block)
        for variable in instance.machine.role.own:
            self.cnf.add(-self.symbols.among(instance.of(variable), (DISHONEST,)))

    def _blocks(self, instance: Instance) -> Iterator[Block]:
        return (block for block in self.clauses.blocks if block.machine is instance.machine)

    def _run(self, instance: Instance) -> None:
        """Say what each block of a session rests on; a session takes one branch."""
        branches: dict[int, list[Lit]] = defaultdict(list)
        for block in self._blocks(instance):
            literal, fact = self.executed[instance.label, block.end]
            before, facts = self.at(instance, block.start)
            self.cnf.add(-literal, before)
            branches[block.start].append(literal)
            rests_on = list(facts)
            for step in block.steps:
                rests_on += self._step(instance, literal, step)
            self._certificates(instance, literal, block)
            rests_on += self._stored_origins(instance, literal, block)
            self.support(fact, literal, rests_on)
        for literals in branches.values():
            self.cnf.at_most_one(literals)

    def _step(self, instance: Instance, literal: Lit, step: Step) -> list[Fact]:
        role = instance.machine.role.name
        match step:
            case Receive(pattern, _, channel, sender):
                place, term = ATTACKER, pattern
                if self.clauses.passive:
                    place = wire_name(sender, role)
                elif channel != "public":
                    place = channel_name(channel, sender, role)
                    term = enclosed(self.clauses, instance.machine, channel, sender, role, pattern)
                return self.require(literal, place, instance.of(term))
            case Recall(items):
                names = tuple(name for name, _ in items)
                record = owned(self.clauses, instance.machine, tuple(term for _, term in items))
                return self.require(literal, record_name(role, names), instance.of(record))
            case Pick(value, rule, sources, allowed):
                picked = instance.of(value)
                if allowed is not None:
                    self.cnf.add(-literal, self.symbols.among(picked, allowed))
                if rule != "any":
                    self._choose(literal, rule, picked, tuple(map(instance.of, sources)))
            case Guard():
                self._guard(instance, literal, step)
            case _:
                pass
        return []

    def _guard(self, instance: Instance, literal: Lit, guard: Guard) -> None:
        left = instance.of(guard.left)
        right = instance.of(guard.right) if guard.right is not None else None
        match guard.test:
            case "equal":
                assert right is not None
                self.cnf.add(-literal, self.symbols.same(left, right))
            case "differ":
                assert right is not None
                self.cnf.add(-literal, self.symbols.differ(left, right))
            case "among":
                self.cnf.add(-literal, self.symbols.among(left, guard.values))
            case "member":
                assert right is not None
                self._choose(literal, "member", left, (right,))
            case "hosted":
                self.cnf.add(-literal, -self.symbols.among(left, (DISHONEST,)))
            case "new":
                pass

    def _choose(self, literal: Lit, rule: str, value: Term, sources: tuple[Term, ...]) -> None:
        """Require that a value is in all sets, or the best that is."""
        sort = sort_of(value)
        assert sort is not None
        for sets in product(*map(self._options, sources)):
            common = [v for v in self.clauses.enumerations[sort] if all(v in set_members(s) for s, _ in sets)]
            wanted = self.symbols.among(value, common[:1] if rule == "best" else common)
            self.cnf.add(-literal, *(-chosen for _, chosen in sets), wanted)

    def _options(self, term: Term) -> list[tuple[str, Lit]]:
        if isinstance(term, Const):
            return [(term.value, TRUE)]
        assert isinstance(term, Var)
        return [
            (value.value, chosen) for value, chosen in self.symbols.choice(term).items() if isinstance(value, Const)
        ]

    def _certificates(self, instance: Instance, literal: Lit, block: Block) -> None:
        """An honest name has certificates for its own key only."""
        states = block.machine.states
        for variable, (family, name) in self.clauses.certified_keys.items():
            if variable in states[block.end].bound and variable not in states[block.start].bound:
                held = instance.of(variable)
                for party in self.names[:-1]:
                    own = self.symbols.same(held, Key(family, variable.sort, (party,)))
                    self.cnf.add(-literal, self.symbols.differ(instance.of(name), party), own)

    def _stored_origins(self, instance: Instance, literal: Lit, block: Block) -> list[Fact]:
        """Tie the stored values that a session first sees in a block to sessions that made them before."""
        states = block.machine.states
        facts = []
        for variable in states[block.end].bound:
            if not variable.sort.startswith(STORED) or variable in states[block.start].bound:
                continue
            fact = self.fact()
            facts.append(fact)
            for value, chosen in self.symbols.choice(_variable(instance.of(variable))).items():
                if is_stored(value):
                    options = []
                    for made, where in self._births(value):
                        option = self.cnf.all_of((self.cnf.new(), made))
                        options.append(option)
                        self.support(fact, option, where)
                    self.cnf.add(-literal, -chosen, *options)
        return facts

    def _births(self, stored: Term) -> Iterator[tuple[Lit, tuple[Fact, ...]]]:
        for instance in self.instances:
            for block in self._blocks(instance):
                if any(stored in subterms(instance.of(term)) for term in _sent_or_kept(block.steps)):
                    yield self.at(instance, block.end)

    def _order_twins(self) -> None:
        """Of sessions that are alike the earlier ones start first; the first two of a role may be judged."""
        for zero, one, two in zip(self.instances, self.instances[1:], self.instances[2:], strict=False):
            if zero.machine is one.machine is two.machine and zero is not self.of_machine(one.machine)[0]:
                first = self.cnf.any_of(self.starts(one))
                for literal in self.starts(two):
                    self.cnf.add(-literal, first)

    def of_machine(self, machine: RoleMachine) -> list[Instance]:
        """Return the sessions of a machine, in order."""
        return [instance for instance in self.instances if instance.machine is machine]

    def starts(self, instance: Instance) -> list[Lit]:
        """Return the literals of the first blocks of a session."""
        return [self.executed[instance.label, b.end][0] for b in self._blocks(instance) if b.start == 0]

    def _forbid_old_values(self) -> None:
        """No two sessions of one party accept a value that must be new."""
        guards = [
            (instance, step, self.executed[instance.label, block.end][0])
            for instance in self.instances for block in self._blocks(instance)
            for step in block.steps if isinstance(step, Guard) and step.test == "new"
        ]  # fmt: skip
        for number, (one, mine, first) in enumerate(guards):
            own = one.machine.role.own
            for two, theirs, second in guards[number + 1 :]:
                if one is two or one.machine is not two.machine or mine.span != theirs.span:
                    continue
                if not (own or one.machine.role.hosts):
                    continue
                apart = [self.symbols.differ(one.of(name), two.of(name)) for name in own]
                self.cnf.add(-first, -second, self.symbols.differ(one.of(mine.left), two.of(theirs.left)), *apart)

    # -------------------------------------------------------------------------------- what is given away

    def _expose(self, instance: Instance, state: int, exposure: Exposure) -> None:
        if exposure.form:
            return
        layer, facts = self.at(instance, state)
        self.give(exposure.kind, instance.of(exposure.term), layer, facts, tuple(map(instance.of, exposure.needs)),
                  [self._condition(c, instance) for c in exposure.conditions], any_message=exposure.any_message)  # fmt: skip

    def _condition(self, condition: Condition, instance: Instance) -> Lit:
        left = instance.of(condition.left)
        match condition.test:
            case "among":
                return self.symbols.among(left, condition.values)
            case "dishonest":
                return self.symbols.among(left, (DISHONEST,))
            case "honest":
                return -self.symbols.among(left, (DISHONEST,))
            case _:
                raise AssertionError(condition.test)


def _domains(
    clauses: ClauseSet, ring: KeyRing, instances: Sequence[Instance], names: Sequence[Term]
) -> dict[str, tuple[Term, ...]]:
    """Return the leaves of each sort that sessions can meet."""
    domains: dict[str, dict[Term, None]] = {
        sort: dict.fromkeys(Const(value, sort) for value in ATTACKER_VALUES) for sort in FRESH_SORTS
    }
    for instance in instances:
        for variable in fresh_values(instance.machine):
            domains[variable.sort][instance.of(variable)] = None
    for family in clauses.families.values():
        for index in product(names, repeat=family.arity):
            domains[family.sort][ring.normal(Key(family.name, family.sort, index))] = None
    domains[NAME] = dict.fromkeys(names)
    for sort, values in clauses.enumerations.items():
        domains[sort] = dict.fromkeys(Const(value, sort) for value in values)
    for sort in clauses.components:
        domains[sort] = {Const(ATTACKER_VALUES[0], sort): None}
    for instance in instances:
        for sort, stored in stored_values(_given_away(instance.machine)).items():
            domains[sort] |= dict.fromkeys(map(instance.of, stored))
    return {sort: tuple(values) for sort, values in domains.items()}


def _worthwhile(clauses: ClauseSet) -> Iterator[tuple[RoleMachine, int, Exposure]]:
    """Yield the exposures that tell the attacker something: not what the session received, or gave away before."""
    places = {predicate: place for place, predicate in clauses.state_of.items()}
    machines = {machine.role.name: machine for machine in clauses.machines}
    given: dict[tuple[str, str, Term], list[Exposure]] = defaultdict(list)
    for exposure in clauses.exposures:
        role, state = places[exposure.predicate]
        machine = machines[role]
        before = {one.index for one in machine.lineage(state)}
        same = given[role, exposure.kind, exposure.term]
        told = any(
            one.state in before and set(one.needs) <= set(exposure.needs)
            and set(one.conditions) <= set(exposure.conditions) and one.form == exposure.form
            and one.any_message == exposure.any_message
            for one in same
        )  # fmt: skip
        known = exposure.kind == ATTACKER and not exposure.any_message
        if not told and not (known and exposure.term in _received(clauses, machine, before)):
            same.append(exposure)
            yield machine, state, exposure


def _received(clauses: ClauseSet, machine: RoleMachine, states: set[int]) -> set[Term]:
    """Return what the attacker had to know for a session to come this far."""
    if clauses.passive:
        return set()
    steps = (machine.states[index].step for index in states)
    todo = [step.pattern for step in steps if isinstance(step, Receive) and step.channel == "public"]
    found: set[Term] = set()
    while todo:
        term = todo.pop()
        if isinstance(term, App) and is_data(term.function):
            todo += term.arguments
        else:
            found.add(term)
            if isinstance(term, App) and term.function == "sign":
                todo.append(term.arguments[1])
    return found


def _sent_or_kept(steps: Iterable[Step]) -> Iterator[Term]:
    for step in steps:
        match step:
            case Send(term=term):
                yield term
            case Keep(items):
                yield from (term for _, term in items)
            case _:
                pass


def _given_away(machine: RoleMachine) -> Iterator[Term]:
    return _sent_or_kept(state.step for state in machine.states if state.step is not None)


def _variable(term: Term) -> Var:
    assert isinstance(term, Var)
    return term
