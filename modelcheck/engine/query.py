"""From a claim to a concrete run that violates it: goals over a scenario, solved, and decoded into a trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from modelcheck.engine.clauses import ATTACKER, ClauseSet
from modelcheck.engine.cnf import FALSE, TRUE, Lit, solve
from modelcheck.engine.deduction import KeyRing
from modelcheck.engine.knowledge import Fact
from modelcheck.engine.prover import judged_points
from modelcheck.engine.scenario import Instance, Scenario
from modelcheck.engine.steps import weak_parts
from modelcheck.engine.trace import Advance, Reveal, SessionStart, Trace, TraceStep
from modelcheck.engine.violation import compared
from modelcheck.machines.blocks import Block
from modelcheck.machines.held import Held, Stance, judged_names, tagged
from modelcheck.machines.machine import Guard, Pick, Recall, Receive, fresh_values
from modelcheck.protocol.model import (
    Agreement,
    Aliveness,
    Claim,
    Datum,
    Dishonest,
    Identifies,
    Leak,
    Secrecy,
    Weak,
)
from modelcheck.protocol.model import (
    Fact as Premised,
)
from modelcheck.protocol.terms import NAME, App, Const, Key, Term, Var, rebuild
from modelcheck.protocol.theory import DISHONEST

LETTERS = ("A", "B", "C", "D", "E", "F", "G")


@dataclass(frozen=True, slots=True)
class Goal:
    """A violation: the literal that implies it, what it rests on, and the sessions that come first in its trace."""

    literal: Lit
    facts: tuple[Fact, ...]
    judged: tuple[Instance, ...]


class Query:
    """Claims against ``size`` sessions of each role in one encoding; a selector literal switches each of them on.

    The claims have the same weak primitives everywhere, unchecked possession and passivity, which ``clauses`` were made for.
    """

    def __init__(self, clauses: ClauseSet, held: Held, claims: Sequence[Claim], size: int) -> None:
        parties = max(max(2, _most_names(held, claim)) + 1 for claim in claims)
        instances = [
            Instance(f"{machine.role.name} #{number}", machine)
            for machine in held.machines.values()
            for number in range(1, max(size, 2 if any(map(_judges_two, claims)) else 1) + 1)
        ]
        self.scenario = Scenario(clauses, instances, LETTERS[: min(parties, len(LETTERS))])
        self.violations = {claim.name: Violations(self.scenario, clauses, held, claim) for claim in claims}
        self.scenario.finish()

    def find(self, claim: Claim, budget: int, deadline: float | None = None) -> Trace | None:
        """Return a run that violates a claim, None if there is none with these sessions.

        Raises SolverGaveUp if the budget, in the solver's resource units, or the time does not suffice.
        """
        wanted = self.violations[claim.name]
        if not wanted.goals:
            return None
        others = [-one.selector for one in self.violations.values() if one is not wanted]
        true = solve(self.scenario.cnf, budget, [wanted.selector, *others], deadline)
        return None if true is None else _Decoder(self.scenario, wanted.goals, true).trace()


def _judges_two(claim: Claim) -> bool:
    wanted = claim.property
    return isinstance(wanted, Identifies) or (isinstance(wanted, Agreement) and wanted.injective)


def _most_names(held: Held, claim: Claim) -> int:
    stances = [stance for point in judged_points(claim) for stance in held.stances(point)]
    return len(dict.fromkeys(v for stance in stances for v in judged_names(stance)))


class Violations:
    """What violates one claim in a scenario, and what its attacker is given; all of it behind the claim's selector."""

    def __init__(self, scenario: Scenario, clauses: ClauseSet, held: Held, claim: Claim) -> None:
        self.scenario, self.clauses, self.held, self.claim = scenario, clauses, held, claim
        self.selector = scenario.cnf.new()
        points = judged_points(claim)
        self.machine = held.machines[points[0].role] if points else None
        dishonest = {power.name for power in claim.powers if isinstance(power, Dishonest)}
        letters = iter(LETTERS)
        found = dict.fromkeys(v for point in points for stance in held.stances(point) for v in judged_names(stance))
        self.names = {v: DISHONEST if v.name in dishonest else next(letters) for v in found}
        for number, power in enumerate(claim.powers):
            if isinstance(power, Leak):
                self._leak(number, power)
            elif isinstance(power, Weak) and power.when is not None:
                self._weak(number, power.form, power.when)
        self.goals = [goal for goal in self._goals() if goal.literal != FALSE]
        scenario.cnf.add(-self.selector, *(goal.literal for goal in self.goals))

    def of_role(self, role: str) -> list[Instance]:
        """Return the sessions of a role."""
        return [instance for instance in self.scenario.instances if instance.machine.role.name == role]

    @property
    def judged(self) -> Instance:
        """The judged session."""
        assert self.machine is not None
        return self.of_role(self.machine.role.name)[0]

    # -------------------------------------------------------------------------------- literals of claims

    def reached(self, instance: Instance, stance: Stance) -> tuple[Lit, tuple[Fact, ...]]:
        """Return the literal that a session has reached a stance, and its fact."""
        return self.scenario.at(instance, stance.state)

    def equal(self, lefts: Sequence[Term], rights: Sequence[Term]) -> Lit:
        """Return a literal that implies that two sequences of terms are equal."""
        pairs = zip(lefts, rights, strict=True)
        return self.scenario.cnf.all_of(self.scenario.symbols.same(a, b) for a, b in pairs)

    def unequal(self, lefts: Sequence[Term], rights: Sequence[Term]) -> Lit:
        """Return a literal that implies that two sequences of terms differ."""
        pairs = zip(lefts, rights, strict=True)
        return self.scenario.cnf.any_of(self.scenario.symbols.differ(a, b) for a, b in pairs)

    def tuples(self, instance: Instance, stance: Stance, data: tuple[Datum, ...]) -> list[tuple[Term, ...]]:
        """Return what some data are for a session at a stance."""
        return [tuple(map(instance.of, terms)) for terms in self.held.tuples(stance, data)]

    def judgements(self, stances: Sequence[Stance]) -> Iterator[tuple[Stance, Lit, tuple[Fact, ...]]]:
        """Yield the stances of the judged session, each with the literal that it is there as the claim wants it."""
        cnf, symbols, judged = self.scenario.cnf, self.scenario.symbols, self.judged
        for stance in self.held.where(stances, self.claim.premise):
            literal, facts = self.reached(judged, stance)
            wanted = [literal]
            bound = (*stance.machine.role.parameters, *stance.received())
            for variable, name in self.names.items():
                if variable in bound:
                    wanted.append(symbols.same(judged.of(variable), Const(name, NAME)))
            for premise, more in self._premises(judged, stance):
                yield stance, cnf.all_of([*wanted, premise]), (*facts, *more)

    def _premises(self, judged: Instance, stance: Stance) -> Iterator[tuple[Lit, tuple[Fact, ...]]]:
        premise, symbols = self.claim.premise, self.scenario.symbols
        if premise is None or (isinstance(premise, Premised) and premise.subject.kind == "label"):
            yield TRUE, ()
        elif isinstance(premise, Premised):
            terms = self.held.at(stance, premise.subject)
            leaves = [judged.of(term) for term in terms]
            if leaves and all(isinstance(leaf, Var | Const) for leaf in leaves):
                yield self.scenario.cnf.all_of(symbols.among(leaf, premise.values) for leaf in leaves), ()
        else:
            first = self.held.first_held(self.held.machines[premise.role], premise.data)
            for instance in self.of_role(premise.role):
                for other in first if instance is not judged else ():
                    literal, facts = self.reached(instance, other)
                    for mine in self.tuples(judged, stance, premise.data):
                        for theirs in self.tuples(instance, other, premise.data):
                            yield self.scenario.cnf.all_of((literal, self.equal(mine, theirs))), facts

    # -------------------------------------------------------------------------------- powers

    def _leak(self, number: int, power: Leak) -> None:
        base: list[tuple[Lit, tuple[Fact, ...]]] = [(self.selector, ())]
        if power.after is not None:
            if self.machine is None or power.after.role != self.machine.role.name:
                return
            reached = [self.reached(self.judged, stance) for stance in self.held.stances(power.after)]
            base = [(self.scenario.cnf.all_of((self.selector, there)), facts) for there, facts in reached]
        for (layer, facts), datum in product(base, power.data):
            if datum.kind == "key":
                term = self._long_term(datum)
                self.scenario.give_all(term, layer, facts, (number, term, ""))
                continue
            for instance in self.scenario.instances:
                for there, more, term in self._session_values(power, datum, instance):
                    both = self.scenario.cnf.all_of((layer, there))
                    self.scenario.give_all(term, both, (*facts, *more), (number, term, instance.label))

    def _long_term(self, datum: Datum) -> Term:
        family = self.clauses.families[datum.name]
        by_name = {variable.name: name for variable, name in self.names.items()}
        wanted = datum.arguments or ("",) * family.arity
        index = tuple(
            Const(by_name[name], NAME) if name in by_name else Var(f"leaked {datum} {position}", NAME)
            for position, name in enumerate(wanted)
        )
        return Key(family.name, family.sort, index)

    def _session_values(
        self, power: Leak, datum: Datum, instance: Instance
    ) -> Iterator[tuple[Lit, tuple[Fact, ...], Term]]:
        """Yield when a session holds a value that leaks from it, and the value."""
        if not self.held.concerns(datum, instance.machine.protocol, self.claim_protocol):
            return
        owned = self._owned(power, datum, instance)
        local = Datum(datum.kind, datum.name, datum.arguments)
        honest = {self.held.honest(path, local) for path in self.held.paths[instance.machine.protocol]}
        created = [v for v in fresh_values(instance.machine) if v in honest]
        for variable in created:
            states = [s.index for s in instance.machine.states[1:] if variable in s.bound
                      and variable not in instance.machine.states[s.parent].bound]  # fmt: skip
            for stance in self.held.cuts(instance.machine, states):
                literal, facts = self.reached(instance, stance)
                yield self.scenario.cnf.all_of((literal, owned)), facts, instance.of(variable)
        if created:
            return
        for stance, term in self.held.first_had(instance.machine, local):
            literal, facts = self.reached(instance, stance)
            yield self.scenario.cnf.all_of((literal, owned)), facts, instance.of(term)

    @property
    def claim_protocol(self) -> str:
        """The protocol whose sessions the claim judges."""
        if self.machine is not None:
            return self.machine.protocol
        what = self.claim.property
        return (what.tag.owner if isinstance(what, Identifies) else "") or self.held.protocol

    def _owned(self, power: Leak, datum: Datum, instance: Instance) -> Lit:
        """Return a literal that implies that a session is one of those whose values leak."""
        if power.owner == "all" or datum.owner:
            return TRUE
        if self.machine is None:
            return FALSE
        partner = self._partner(instance)
        if instance is self.judged:
            return TRUE if power.owner == "own" else FALSE
        return partner[0] if power.owner == "own" else partner[1]

    def _partner(self, instance: Instance) -> tuple[Lit, Lit]:
        """Return literals that imply that a session is the judged one's partner, and that it is not."""
        assert self.machine is not None
        roles = set(self.held.partner_roles(self.claim, self.machine))
        if isinstance(self.claim.property, Agreement):
            roles.add(self.claim.property.right.role)
        stances = [stance for point in judged_points(self.claim) for stance in self.held.stances(point)]
        shared = self.held.first_shared(self.machine, stances, instance.machine)
        if instance.machine.role.name not in roles or shared is None:
            return FALSE, TRUE
        names = [v for v in instance.machine.role.parameters if v in self.names]
        variables = [shared, *names]
        mine, theirs = [self.judged.of(v) for v in variables], [instance.of(v) for v in variables]
        return self.equal(mine, theirs), self.unequal(mine, theirs)

    def _weak(self, number: int, form: str, when: Premised) -> None:
        """Give what a weak primitive gives away in the sessions in which a condition is known to hold."""
        for instance in self.scenario.instances:
            for block in self.clauses.blocks:
                if block.machine is not instance.machine:
                    continue
                views = block.machine.states[block.end].views
                paths = self.held.paths[block.machine.protocol]
                here = Stance(block.machine, block.end, views)
                literal, facts = self.scenario.at(instance, block.end)
                values = [instance.of(term) for term in self.held.at(here, when.subject)]
                if not values or not all(isinstance(value, Var | Const) for value in values):
                    continue
                fitting = [self.scenario.symbols.among(value, when.values) for value in values]
                layer = self.scenario.cnf.all_of([self.selector, literal, *fitting])
                computed = tuple(
                    own for index, view in views.items() for value in paths[index].values.values()
                    if (own := view.of(value)) is not None
                )  # fmt: skip
                for part in weak_parts(block, form, computed) if layer != FALSE else ():
                    term = instance.of(part)
                    reveal = (number, term, instance.label)
                    if form == "hash":
                        self.scenario.give(ATTACKER, term, layer, facts, (term,), any_message=True, reveal=reveal)
                    else:
                        self.scenario.give_all(term, layer, facts, reveal)

    # -------------------------------------------------------------------------------- violations

    def _goals(self) -> Iterator[Goal]:
        match self.claim.property:
            case Secrecy() as wanted:
                yield from self._known(wanted)
            case Agreement() as wanted:
                yield from self._disagreement(wanted)
                if wanted.injective:
                    yield from self._served_twice(wanted)
            case Aliveness() as wanted:
                yield from self._lonely(wanted)
            case Identifies() as wanted:
                yield from self._ambiguous(wanted)
            case _:
                return

    def _known(self, wanted: Secrecy) -> Iterator[Goal]:
        for point in wanted.points:
            if self.machine is None or point.role != self.machine.role.name:
                continue
            for stance, literal, facts in self.judgements(self.held.holding(point, wanted.data)):
                for datum in wanted.data:
                    for term in self.held.at(stance, datum):
                        goal = self.scenario.cnf.all_of((self.scenario.cnf.new(), literal))
                        more = self.scenario.require(goal, "attacker", self.judged.of(term))
                        yield Goal(goal, (*facts, *more), (self.judged,))

    def _shared_names(self, wanted: Agreement) -> tuple[Datum, ...]:
        mine = {variable.name for variable in self.names}
        other = self.held.machines[wanted.right.role].role
        return tuple(Datum("value", v.name) for v in other.parameters if v.name in mine)

    def _commits(
        self, wanted: Agreement
    ) -> Iterator[tuple[tuple[Term, ...], Lit, tuple[Fact, ...], tuple[Datum, ...]]]:
        data = tuple(dict.fromkeys((*self._shared_names(wanted), *wanted.data)))
        for stance, literal, facts in self.judgements(self.held.stances(wanted.left)):
            for values in self.tuples(self.judged, stance, data):
                yield values, literal, facts, data

    def _runs(
        self, wanted: Agreement, data: tuple[Datum, ...], values: tuple[Term, ...]
    ) -> Iterator[tuple[Instance, Lit]]:
        """Yield the other sessions, each with a literal that implies that it does not run with these values."""
        for instance in self.of_role(wanted.right.role):
            if instance is self.judged:
                continue
            apart = [
                self.scenario.cnf.any_of((-self.reached(instance, run)[0], self.unequal(values, theirs)))
                for run in self.held.runs(wanted) for theirs in self.tuples(instance, run, data)
            ]  # fmt: skip
            yield instance, self.scenario.cnf.all_of(apart)

    def _disagreement(self, wanted: Agreement) -> Iterator[Goal]:
        for values, literal, facts, data in self._commits(wanted):
            apart = [one for _, one in self._runs(wanted, data, values)]
            yield Goal(self.scenario.cnf.all_of([literal, *apart]), facts, (self.judged,))

    def _served_twice(self, wanted: Agreement) -> Iterator[Goal]:
        second = self.of_role(wanted.left.role)[1]
        for values, literal, facts, data in self._commits(wanted):
            apart = [one for _, one in self._runs(wanted, data, values)]
            for stance in self.held.stances(wanted.left):
                there, more = self.reached(second, stance)
                for theirs in self.tuples(second, stance, data):
                    both = [literal, there, self.equal(values, theirs)]
                    for spared in range(max(1, len(apart))):
                        rest = [one for number, one in enumerate(apart) if number != spared]
                        goal = self.scenario.cnf.all_of([*both, *rest])
                        yield Goal(goal, (*facts, *more), (self.judged, second))

    def _lonely(self, wanted: Aliveness) -> Iterator[Goal]:
        other = self.held.machines[wanted.role]
        same = [v for v in other.role.own if v in self.names]
        for _, literal, facts in self.judgements(self.held.stances(wanted.left)):
            idle = []
            for instance in self.of_role(wanted.role):
                if instance is not self.judged:
                    apart = self.unequal([self.judged.of(v) for v in same], [instance.of(v) for v in same])
                    idle += [self.scenario.cnf.any_of((-start, apart)) for start in self.scenario.starts(instance)]
            yield Goal(self.scenario.cnf.all_of([literal, *idle]), facts, (self.judged,))

    def _ambiguous(self, wanted: Identifies) -> Iterator[Goal]:
        machines = self.held.tagged_machines(wanted.tag)
        for number, first in enumerate(machines):
            for second in machines[number:]:
                one = self.of_role(first.role.name)[0]
                two = self.of_role(second.role.name)[1 if first is second else 0]
                yield from self._alike(wanted, one, two)

    def _alike(self, wanted: Identifies, one: Instance, two: Instance) -> Iterator[Goal]:
        cnf = self.scenario.cnf
        sane = [
            self.scenario.symbols.differ(instance.of(a), instance.of(b))
            for instance in (one, two)
            for i, a in enumerate(instance.machine.role.parameters)
            for b in instance.machine.role.parameters[i + 1 :]
        ]
        for mine in self.held.where(tagged(self.held, one.machine, wanted.tag), self.claim.premise):
            for theirs in tagged(self.held, two.machine, wanted.tag):
                here, facts = self.reached(one, mine)
                there, more = self.reached(two, theirs)
                tags = product(self.tuples(one, mine, (wanted.tag,)), self.tuples(two, theirs, (wanted.tag,)))
                equal = cnf.any_of([self.equal(a, b) for a, b in tags])
                differ = TRUE
                if not wanted.channel or one.machine is not two.machine:
                    pairs = list(compared(self.held, wanted, mine, theirs))
                    differ = cnf.any_of([self.scenario.symbols.differ(one.of(a), two.of(b)) for _, a, b in pairs])
                for premise, rest in self._premises(one, mine):
                    goal = cnf.all_of([here, there, equal, differ, premise, *sane])
                    yield Goal(goal, (*facts, *more, *rest), (one, two))


# ------------------------------------------------------------------------------------------------ decoding


class _Decoder:
    """Reads a trace off a solution: what the goal rests on, in an order in which everything comes after its support."""

    def __init__(self, scenario: Scenario, goals: Sequence[Goal], true: frozenset[Lit]) -> None:
        self.scenario, self.goals, self.true = scenario, goals, true
        self.ring: KeyRing = scenario.ring
        self.values: dict[Var, Term] = {}
        self.steps: list[TraceStep] = []
        self._done: set[Fact] = set()
        self._given: set[tuple[int, Term, str]] = set()
        self._memo: dict[Term, Term] = {}

    def trace(self) -> Trace:
        """Return the trace of the goal that the solution reaches."""
        goal = next(g for g in self.goals if self.holds(g.literal))
        for fact in goal.facts:
            self.visit(fact)
        taking = {step.session for step in self.steps if isinstance(step, Advance)}
        first = [instance for instance in goal.judged if instance.label in taking]
        rest = [i for i in self.scenario.instances if i.label in taking and i not in first]
        return Trace(tuple(map(self.start, (*first, *rest))), tuple(self.steps))

    def holds(self, literal: Lit) -> bool:
        return literal in self.true if literal > 0 else -literal not in self.true

    def start(self, instance: Instance) -> SessionStart:
        names = [self.ground(instance.of(v)) for v in instance.machine.role.parameters]
        spelled = tuple(name.value for name in names if isinstance(name, Const))
        return SessionStart(instance.label, instance.machine.role.name, spelled)

    def visit(self, root: Fact) -> None:
        """Put what a fact rests on before it, without recursion: derivations are deep."""
        stack: list[tuple[Fact, bool]] = [(root, False)]
        while stack:
            fact, ready = stack.pop()
            if ready:
                self.emit(fact)
                continue
            if fact in self._done:
                continue
            self._done.add(fact)
            stack.append((fact, True))
            chosen = next((s for s in self.scenario.supports.get(fact, ()) if self.holds(s.literal)), None)
            if chosen is not None:
                stack += [(other, False) for other in reversed(chosen.facts)]

    def emit(self, fact: Fact) -> None:
        if fact in self.scenario.blocks:
            self.steps.append(self.advance(*self.scenario.blocks[fact]))
            return
        chosen = next((s for s in self.scenario.supports.get(fact, ()) if self.holds(s.literal)), None)
        if chosen is not None and chosen.reveal is not None and chosen.reveal not in self._given:
            self._given.add(chosen.reveal)
            number, term, session = chosen.reveal
            self.steps.append(Reveal(number, self.ground(term), session))

    def advance(self, instance: Instance, block: Block) -> Advance:
        received: Term | None = None
        decided: list[tuple[str, str]] = []
        for step in block.steps:
            match step:
                case Receive(pattern=pattern):
                    received = self.ground(instance.of(pattern))
                case Recall(items):
                    received = self.ground(instance.of(App("record", tuple(term for _, term in items))))
                case Pick(value=Var() as value) | Guard("hosted", Var() as value):
                    chosen = self.ground(instance.of(value))
                    assert isinstance(chosen, Const)
                    decided.append((value.name, chosen.value))
                case _:
                    pass
        certified = tuple(
            (variable.name, self.ground(instance.of(variable)))
            for variable in block.machine.states[block.end].bound
            if variable in self.scenario.clauses.certified_keys
        )
        return Advance(instance.label, block.end, received, tuple(decided), certified)

    def ground(self, term: Term) -> Term:
        """Return a symbolic term with the choices of the solution put in."""
        return self.ring.normal(self._ground(term))

    def _ground(self, term: Term) -> Term:
        if term not in self._memo:
            if isinstance(term, Var):
                options = self.scenario.symbols.choice(term)
                # What nothing depends on has no value in the solution: any will do.
                value = next((v for v, literal in options.items() if self.holds(literal)), None)
                value = value if value is not None else next(iter(options), Const("absent", term.sort))
                self._memo[term] = self._ground(value)
            else:
                self._memo[term] = rebuild(term, self._ground)
        return self._memo[term]
