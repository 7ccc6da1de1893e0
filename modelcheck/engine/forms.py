"""Picks that change the form of messages, to an attacker who sends: proven for any number of sessions, or left open.

The judged session takes its way of the left and its way of the right at once (:mod:`modelcheck.machines.paired`). If no test
of :mod:`modelcheck.engine.formtests` can come out on one side only, both systems always take the same steps and show the same:
they are equivalent in the sense of :mod:`modelcheck.engine.equivalence`. What a test may show is not executed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from modelcheck.engine.agreement import states_with
from modelcheck.engine.attacker import build, close
from modelcheck.engine.boxes import Budget
from modelcheck.engine.clauses import SESSION, Literal, Origin, Predicate
from modelcheck.engine.comparable import dishonest_names, refuse, subject_sort
from modelcheck.engine.formleaks import FormLeaks, partners_of, weak_everywhere
from modelcheck.engine.formtests import Difference, FormTests
from modelcheck.engine.judged import OTHER, STAR, Case, Forbids, Unsupported
from modelcheck.engine.leaks import Given, created, given_keys, leak_rules
from modelcheck.engine.observations import listed
from modelcheck.engine.possession import untied
from modelcheck.engine.prover import Proof, System
from modelcheck.engine.scene import Scene, Session, leaf_name, summaries
from modelcheck.engine.solver import Derived, Solved, Solver
from modelcheck.engine.spotlight import restriction
from modelcheck.machines.branches import undecided
from modelcheck.machines.held import Held, Stance
from modelcheck.machines.machine import Pick, RoleMachine, fresh_values
from modelcheck.machines.paired import KINDS, Paired, Unpaired, paired
from modelcheck.protocol.model import Claim, Observational, UncheckedPossession
from modelcheck.protocol.terms import Const, Var, sort_of
from modelcheck.protocol.theory import DISHONEST
from modelcheck.verdict import Vacuous

PARTED = "parted "
"""What the labels of sessions begin with that go different ways in both systems."""


def decide_forms(
    system: System, claim: Claim, wanted: Observational, budget: Budget, *, vacuity: bool
) -> Proof | Derived | Vacuous:  # fmt: skip
    """Return a proof that an attacker who sends does not see the pick, a case of what it may see, or why the claim is empty.

    Raises BudgetExceeded, or :class:`Unsupported` if the two ways do not go side by side.
    """
    bench = _Bench(system, claim, wanted)
    solver = Solver(budget)
    solved = solver.solve(bench.case())
    if solved.goal is not None:
        solved = solver.solve(bench.case(), exact=True)
    if solved.goal is not None:
        return Derived(solved)
    if not vacuity:
        return Proof((solved,))
    if not bench.ends(solved):
        return Vacuous(f"the judged session of {wanted.role} never gets to one of its ends")
    for words, given in bench.more():
        if solver.solve(bench.case(given)).goal is not None:
            return Proof((solved,), words)
    return Vacuous("even if all keys and all secrets of the judged session leaked, nobody could tell the sides apart")


class _Bench:
    """Everything that is the same for the cases of one claim."""

    def __init__(self, system: System, claim: Claim, wanted: Observational) -> None:
        refuse(system, claim, subject_sort(system, wanted))
        machines, certified = _certified(system, claim)
        machine = next(m for m in machines if m.role.name == wanted.role)
        for one in machines:
            for first, _ in undecided(one):
                where = f"{one.role.name}, receiving {listed(first.names)}"
                raise Unsupported(f"a role that cannot tell which branch it is to take ({where})")
        try:
            self.pairs = paired(machines, wanted.role, _picks(system, machine, wanted), wanted.sides)
        except Unpaired as problem:
            raise Unsupported(f"{problem}, where messages change their form") from None
        _refuse_primed(self.pairs, certified)
        self.machine = machine
        self.clauses = build(
            self.pairs.machines, system.protocol.key_families(), system.protocol.finite_sorts(),
            weak_everywhere(system, claim), paired=True, certified=certified,
        )  # fmt: skip
        dishonest = dishonest_names(claim, machine.role, wanted.subject.name)
        self.names = {v: DISHONEST if v.name in dishonest else f"the {v.name}" for v in machine.role.parameters}
        self.honest = (*(name for name in self.names.values() if name != DISHONEST), OTHER)
        star = Session(STAR, wanted.role, tuple(self.names.values()), True)
        held = Held(system.protocol, machines)
        self.partners = partners_of(held, self.pairs, self.names, self.honest)
        spotlights = (*self._both_ways(one for found in self.partners.values() for one in found.sessions), star)
        summary = tuple(self._both_ways(summaries(self.clauses, self.honest)))
        self.sessions = (*summary, *spotlights)
        self.leaks = FormLeaks(self.clauses, held, self.pairs, claim, tuple(self.names.values()), spotlights, summary)
        tests = FormTests(self.clauses, self.pairs, tuple(one.label for one in self.sessions if one is not star))
        found = dict.fromkeys((*tests.differences(), *tests.of_leaks(self.leaks.seen())))
        self.tests = {self._test(number, one): one for number, one in enumerate(found)}
        close(self.clauses)

    def _test(self, number: int, found: Difference) -> int:
        """Return the predicate that says that something is seen on one side only."""
        predicate = self.clauses.predicate(Predicate("tested", f"test {number}", ()))
        self.clauses.rule(Literal(predicate, ()), found.body, found.conditions, Origin("test"))
        return predicate

    def case(self, given: tuple[Given, ...] = ()) -> Case:
        """Return the case that nothing is seen on one side only, if more leaks than the claim says."""
        leaked = leak_rules(self.clauses, [*self.leaks.given(None), *given])
        later = self.leaks.later([(test, one.place) for test, one in self.tests.items()])
        scene = Scene(self.clauses, self.honest, frozenset({OTHER}), self.sessions, (), leaked)
        goals = [(scene.goal((Literal(test, ()),)), one.words) for test, one in self.tests.items()]
        kept = [(goal, words) for goal, words in goals if goal is not None]
        return Case(
            self.machine.role.name, scene, tuple(goal for goal, _ in kept), self._forbidden(scene), later,
            ((STAR, Stance(self.machine, 0, {})),), words=tuple(words for _, words in kept),
        )  # fmt: skip

    def _both_ways(self, sessions: Iterable[Session]) -> Iterator[Session]:
        """Yield classes of other sessions: those that do the same in both systems, and those that part.

        Which of both a session is stays as it is, so what the ones create is never what the others created.
        """
        for session in sessions:
            yield session
            if self.pairs.parted(session.role):
                yield replace(session, label=f"{PARTED}{session.label}")

    def _forbidden(self, scene: Scene) -> dict[int, tuple[tuple[int, ...], ...]]:
        """Return for each state the sessions that cannot be in it."""
        star = scene.mask(SESSION, [STAR])
        parted = scene.mask(SESSION, [one.label for one in self.sessions if one.label.startswith(PARTED)])
        alike = scene.full(SESSION) & ~star & ~parted
        forbids = Forbids()
        for (role, state), predicate in self.clauses.state_of.items():
            kinds = self.pairs.kinds(role, state)
            sessions = sum(mask for kind, mask in zip(KINDS, (star, parted, alike), strict=True) if kind not in kinds)
            columns = self.clauses.predicates[predicate].columns
            forbids.add(predicate, (sessions, *(scene.full(sort) for sort in columns[1:])))
        for role, found in self.partners.items():
            kinds_of = (
                f"{kind}others {role}({','.join(one.names)})" for kind in ("", PARTED) for one in found.sessions
            )
            leaves = [leaf_name(found.first, label) for label in kinds_of if label in scene.by_label]
            for predicate in states_with(scene, self.machine.role.name, found.first):
                forbids.add(predicate, restriction(scene, predicate, {found.first: leaves}, [STAR]))
        return forbids.result()

    def ends(self, solved: Solved) -> bool:
        """Return whether the judged session gets to the end of its ways."""
        star = solved.case.scene.mask(SESSION, [STAR])
        relations = solved.stages[-1][1].relations
        predicates = [self.clauses.state_of.get((self.machine.role.name, state)) for state in self.pairs.ends]
        return any(box[0] & star for p in predicates if p is not None for box in relations.get(p, ()))

    def more(self) -> Iterator[tuple[str, tuple[Given, ...]]]:
        """Yield what might leak besides, in words."""
        names = tuple(self.names.values())
        keys = {
            name: tuple(given_keys(self.clauses, family, [names] * family.arity, f"the key {name}"))
            for name, family in self.clauses.families.items()
        }
        yield from ((f"the key {name} of the judged names", given) for name, given in keys.items())
        every = tuple(given for one in keys.values() for given in one)
        values = fresh_values(self.machine)
        secrets = created(self.clauses, self.machine, values, (STAR,))
        yield "all keys and secrets of the judged session", (*every, *secrets)


def _certified(system: System, claim: Claim) -> tuple[tuple[RoleMachine, ...], dict[Var, tuple[str, Var]]]:
    """Return the machines with the keys that are certified without proof of possession as variables, and what those are."""
    loose = tuple(power.family for power in claim.powers if isinstance(power, UncheckedPossession))
    found = [untied(machine, loose) for machine in system.machines]
    return tuple(machine for machine, _ in found), {v: meaning for _, table in found for v, meaning in table.items()}


def _refuse_primed(pairs: Paired, certified: Mapping[Var, tuple[str, Var]]) -> None:
    """Raise :class:`Unsupported` if a role may have one certified key on the left and another on the right."""
    for states in pairs.states.values():
        for variable in (v for state in states for v in state.bound):
            for name in certified:
                if variable is not name and variable.sort == name.sort and variable.name.rstrip("'") == name.name:
                    raise Unsupported(
                        "unchecked possession of keys that two branches learn from different parts of a message"
                    )


def _picks(system: System, machine: RoleMachine, wanted: Observational) -> Iterator[tuple[int, int]]:
    """Yield the pairs of states that the judged role gets to by its pick on the left and on the right.

    Raises :class:`Unsupported` if it is not plain which pick is the subject.
    """
    sort = subject_sort(system, wanted)
    picks = [s for s in machine.states if isinstance(s.step, Pick) and sort_of(s.step.value) == sort]
    if not picks:
        raise Unsupported(
            f"sides that differ in `{wanted.subject}`, which {machine.role.name} neither starts from nor picks,"
        )
    if any(one in machine.lineage(other.parent) for one in picks for other in picks):
        raise Unsupported("a role with two picks of one sort where messages change their form")
    for left in picks:
        for right in picks:
            if (
                left.parent == right.parent
                and _takes(left.step, wanted.sides[0])
                and _takes(right.step, wanted.sides[1])
            ):
                yield left.index, right.index


def _takes(step: object, value: str) -> bool:
    """Return whether a pick may be of a value."""
    assert isinstance(step, Pick)
    if isinstance(step.value, Const):
        return step.value.value == value
    return step.allowed is None or value in step.allowed
