"""Resistance to guessing: with a guess for a weak secret in hand, nothing tells the attacker whether the guess is right.

Two phases, as in Delaune and Jacquemard (2006) and the `weaksecret` of Blanchet, Abadi and Fournet (2008): any number of
sessions run with an attacker that does not have the secret; then the attacker is given a value and only computes. The
value is the secret on the left and a fresh one on the right, everything else is the same on both sides, and the claim
holds if what the attacker has then is statically equivalent.

A fresh value stands in no message, so putting the secret in its place turns whatever succeeds on the right into
something that succeeds on the left. A difference is therefore something that succeeds with the right guess and only
with it, and no pairs of leaves are needed: it is enough to know what is computed *with the guess*, which means that some
part of it is the guess. Such a term differs from side to side, for terms are free but for the order of exponents. It
makes a difference if it equals something that the attacker has without the guess, opens it or verifies it. It is enough to
look at what roles send and what leaks: what the attacker made itself equals something only if its parts do, and the
secret is no leaf that it makes or holds under a dishonest name. What is computed with the guess only grows with what
the attacker has, so the abstraction keeps every such test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from modelcheck.engine.attacker import close
from modelcheck.engine.boxes import Budget
from modelcheck.engine.clauses import ATTACKER, ClauseSet, Condition, Exposure, Literal, Origin, Predicate
from modelcheck.engine.derivation import explain
from modelcheck.engine.horn import Goal
from modelcheck.engine.judged import STAR, Case, Judged, Unsupported
from modelcheck.engine.leaks import PREFIX, Given, leak_rules, taken_apart
from modelcheck.engine.prover import Proof, System
from modelcheck.engine.retrace import executed
from modelcheck.engine.scene import Scene, leaf_name
from modelcheck.engine.solver import Solved, Solver
from modelcheck.engine.spotlight import literals
from modelcheck.engine.steps import session_literal, session_variable, state_literal
from modelcheck.engine.tested import can_be_told_apart, excluded
from modelcheck.machines.held import Stance
from modelcheck.machines.machine import RoleMachine, fresh_values
from modelcheck.machines.view import fill
from modelcheck.protocol.model import Claim, Leak, Observational, Point, Weak
from modelcheck.protocol.terms import NAME, App, Const, Key, Term, Var, is_stored, sort_of, substitute, unify
from modelcheck.protocol.theory import DISHONEST, GUESSED_SORTS, IDENTITY, OPENINGS, is_data, match, recipes
from modelcheck.verdict import Attack, Vacuous

GUESSED, TRIED = "the guess", "the guess or without"
"""Names of the predicates "computed, the guess being part of it" and "computed, with or without the guess"."""

EXECUTED = 12
"""Reached goals of one case that are tried as runs."""

Body = tuple[Literal, ...]
Test = tuple[Body, tuple[Condition, ...]]
"""What has to hold for a test of the guess: for a message, first that a session is in the state in which it is sent."""


@dataclass(frozen=True, slots=True)
class Untested:
    """A test is derived that no run showed."""

    solved: Solved


def decide(
    system: System, claim: Claim, wanted: Observational, budget: Budget, *, vacuity: bool
) -> Proof | Attack | Untested | Vacuous:
    """Return a proof that no guess can be tested, a run and a test, a test that no run showed, or why the claim is empty.

    Raises BudgetExceeded, or :class:`Unsupported` if the claim is not covered.
    """
    _refuse(claim)
    solver = Solver(budget)
    done: list[Solved] = []
    for bench, after in _benches(system, claim, wanted):
        found = bench.excluded(after, solver)
        if isinstance(found, Untested):
            attack = _attack(system, claim, found.solved, budget)
            if attack is not None:
                return attack
            found = bench.refined(found.solved, solver)
        if isinstance(found, Untested):
            return _attack(system, claim, found.solved, budget) or found
        done += found
    if vacuity and _insensitive(system, claim, wanted, solver):
        return Vacuous(
            f"even if every other secret leaked, nothing would tell whether a guess for `{wanted.subject}` is right"
        )
    return Proof(tuple(done), "every other secret" if vacuity else "")


def _attack(system: System, claim: Claim, solved: Solved, budget: Budget) -> Attack | None:
    """Return a run that ends in a test, None if none of the first derivations is one."""
    for goal in solved.stages[-1][1].reached[:EXECUTED]:
        derivation = explain(solved.stages, goal, budget)
        attack = None if derivation is None else executed(system, claim, solved, derivation)
        if attack is not None:
            return attack
    return None


def _insensitive(system: System, claim: Claim, wanted: Observational, solver: Solver) -> bool:
    """Return whether no guess could be tested even if every other long-term key and all values of sessions leaked."""
    bench = _Bench(system, replace(claim, powers=(), passive=False), wanted)
    leaked = leak_rules(bench.clauses, _everything(bench.clauses, bench.subject))
    scene = replace(bench.judged.scene()[0], leaked=leaked)
    case = Case("everything else leaks", scene, bench.goals(scene), {}, (), ())
    return all(
        explain(solved.stages, goal, solver.budget) is None
        for solved in (solver.solve(case), solver.solve(case, exact=True))
        for goal in solved.stages[-1][1].reached
    )


def _everything(clauses: ClauseSet, subject: Term) -> Iterator[Given]:
    """Yield all that can leak besides the subject and keys of its family."""
    for family in clauses.families.values():
        if not isinstance(subject, Key) or family.name != subject.family:
            names = tuple(clauses.fresh(NAME) for _ in range(family.arity))
            yield Given(Key(family.name, family.sort, names), (), (), f"every key {family.name}")
    for machine in clauses.machines:
        session = session_literal(clauses, machine, PREFIX)
        for variable in fresh_values(machine):
            if not isinstance(subject, Const) or variable.name != subject.value.partition("@")[0]:
                leaked = Var(PREFIX + variable.name, variable.sort)
                yield Given(leaked, (session,), (), f"{variable.name} of {machine.role.name}")


# ------------------------------------------------------------------------------------------------ cases


def _benches(system: System, claim: Claim, wanted: Observational) -> Iterator[tuple[_Bench, Point | None]]:
    """Yield what is to be excluded: a test, and, if something leaks after a point, a test after that."""
    points = dict.fromkeys(p.after for p in claim.powers if isinstance(p, Leak) and p.after is not None)
    early = tuple(p for p in claim.powers if not isinstance(p, Leak) or p.after is None)
    yield _Bench(system, replace(claim, powers=early), wanted), None
    for point in points:
        yield _Bench(system, claim, wanted), point


class _Bench:
    """The judged session, the subject, the tests and the clauses of one claim."""

    def __init__(self, system: System, claim: Claim, wanted: Observational) -> None:
        self.wanted = wanted
        self.clauses = system.clauses(claim)
        self.held = system.held(self.clauses)
        machine = self.held.machines[wanted.role]
        ends = [state for state in machine.states if not machine.children[state.index]]
        stances = [Stance(machine, state.index, state.views) for state in ends]
        self.judged = Judged(self.clauses, self.held, claim, Point(wanted.role, "accepts"), stances, strangers=False)
        self.subject = self._subject(machine, wanted)
        # What leaks is known of the patterns that are demanded by then, so the tests come before all scenes.
        self.tests = self._tests()

    def _subject(self, machine: RoleMachine, wanted: Observational) -> Term:
        datum = wanted.subject
        if datum.kind == "key":
            family = self.clauses.families[datum.name]
            if family.public:
                raise Unsupported("guessing of a key with a public half")
            if DISHONEST in (self.judged.by_name()[name] for name in datum.arguments):
                raise Unsupported("guessing of a key that the attacker shares")
            subject: Term = Key(family.name, family.sort, tuple(
                Const(self.judged.by_name()[name], NAME) for name in datum.arguments))  # fmt: skip
        else:
            created = next(variable for variable in fresh_values(machine) if variable.name == datum.name)
            subject = Const(leaf_name(created, STAR), created.sort)
        if sort_of(subject) not in GUESSED_SORTS:
            raise Unsupported(f"guessing of a value of sort {sort_of(subject)}")
        return subject

    def excluded(self, after: Point | None, solver: Solver) -> list[Solved] | Untested:
        """Return the solved case that there is no test, after the judged session has reached a point, or a test."""
        solved = solver.solve(self.case(after))
        return [solved] if solved.goal is None else Untested(solved)

    def refined(self, solved: Solved, solver: Solver) -> list[Solved] | Untested:
        """Return solved cases that exclude the tests of a case: solved exactly, then tested sessions told apart."""
        case = solved.case
        exact = solver.solve(case, exact=True)
        if exact.goal is None:
            return [exact]
        if not can_be_told_apart(self.judged):
            return Untested(exact)
        reached = [case.goals[number] for number in exact.stages[-1][1].reached]
        rest = tuple(goal for goal in case.goals if goal not in reached)
        done = [solver.solve(replace(case, goals=rest, words=case.words[: len(rest)]), exact=True)]
        for predicate in dict.fromkeys(goal.body[0].predicate for goal in reached):
            stance = self.sender(predicate)
            bodies = [test for test in self.tests if test[0] and test[0][0].predicate == predicate]
            found = None if stance is None else excluded(self.judged, stance, bodies, case.words[0], solver)
            if found is None:
                return Untested(exact)
            done += found
        return done if all(one.goal is None for one in done) else Untested(exact)

    def sender(self, predicate: int) -> Stance | None:
        """Return where a session is that has sent a message, given the predicate of its state; None for others."""
        for (role, state), index in self.clauses.state_of.items():
            if index == predicate:
                machine = self.held.machines[role]
                return Stance(machine, state, machine.states[state].views)
        return None

    def case(self, after: Point | None) -> Case:
        """Return the case that there is no test, after the judged session has reached a point."""
        scene, later = self.judged.scene()
        stances = self.held.stances(after) if after is not None else ()
        goals = self.goals(scene, stances)
        forbidden = self.judged.base_forbids(scene).result()
        words = (f"a guess for `{self.wanted.subject}` can be tested",) * len(goals)
        label = "no offline test" + (f" after {after}" if after is not None else "")
        return Case(label, scene, goals, forbidden, later, tuple((STAR, s) for s in stances), words=words)

    def _tests(self) -> list[Test]:
        """Return the tests of the guess, their rules added to the clauses."""
        tests = OfflineTests(self.clauses, self.subject)
        found = [*tests.of_exposures(), *tests.of_leaks(self.judged.all_given())]
        tests.finish()
        return found

    def goals(self, scene: Scene, stances: Sequence[Stance] = ()) -> tuple[Goal, ...]:
        """Return the goals "a guess can be tested", the judged session being at one of the stances if there are any."""
        places = [literals(self.clauses, stance, "judged ") for stance in stances] or [[]]
        star = {session_variable("judged "): scene.mask("session", [STAR])} if stances else {}
        found = [scene.goal([*body, *there], conditions, star) for body, conditions in self.tests for there in places]
        return tuple(dict.fromkeys(goal for goal in found if goal is not None))


def _refuse(claim: Claim) -> None:
    """Raise :class:`Unsupported` for what the two-phase semantics does not cover."""
    if claim.premise is not None:
        raise Unsupported("a premise of a claim about guessing")
    for power in claim.powers:
        if isinstance(power, Weak) and power.form == "hash":
            # Terms with colliding hashes are not free: a test may then fail for the right guess too.
            raise Unsupported("guessing with weak hash functions")
    if len({power.after for power in claim.powers if isinstance(power, Leak) and power.after is not None}) > 1:
        raise Unsupported("guessing with leaks after more than one point")


# ------------------------------------------------------------------------------------------------ what is computed


@dataclass(slots=True)
class OfflineTests:
    """The tests of a guess in a set of clauses; making them adds the rules for what is computed with the guess."""

    clauses: ClauseSet
    subject: Term
    _known: dict[Term, tuple[int, int]] = field(default_factory=dict)
    _queue: list[Term] = field(default_factory=list)

    def of_exposures(self) -> Iterator[Test]:
        """Yield the bodies of the tests of what roles give away."""
        for exposure in list(self.clauses.exposures):
            if exposure.kind == ATTACKER:
                for way in self._tests(exposure.term):
                    needs = tuple(literal for need in exposure.needs for literal in self.clauses.knows(need))
                    yield (*self._place(exposure), *needs, *way), exposure.conditions

    def _place(self, exposure: Exposure) -> Body:
        machine = next(
            m for m in self.clauses.machines
            if self.clauses.state_of.get((m.role.name, exposure.state)) == exposure.predicate
        )  # fmt: skip
        return state_literal(self.clauses, machine, exposure.state), session_literal(self.clauses, machine)

    def of_leaks(self, given: Sequence[Given]) -> Iterator[Test]:
        """Yield the bodies of the tests of what leaks."""
        for one, keys in (part for whole in given for part in taken_apart(self.clauses, whole)):
            for way in self._tests(one.term):
                needs = tuple(literal for key in keys for literal in self.clauses.knows(key))
                yield (*one.body, *needs, *way), one.conditions

    def _tests(self, term: Term) -> Iterator[Body]:
        """Yield what it takes to hold the guess against a term: to compute it, or what opens or verifies it."""
        yield from self.ways(term)
        for opening in OPENINGS:
            bound: dict[Var, Term] = {}
            if opening.gives is not None and not opening.weak and match(opening.sealed, term, bound):
                for need in opening.needs or opening.role_needs:
                    yield from self.ways(fill(need, bound))

    def ways(self, term: Term) -> Iterator[Body]:
        """Yield the literals that say that a term is computed with the guess, for each part that it may be part of."""
        if not self._touched(term):
            return
        if isinstance(term, App) and is_data(term.function):
            for index, part in enumerate(term.arguments):
                rest = [other for at, other in enumerate(term.arguments) if at != index]
                for way in self.ways(part):
                    yield (*way, *(literal for other in rest for literal in self.tried(other)))
            return
        guessed, _, arguments = self._predicates(term)
        yield (Literal(guessed, arguments),)

    def tried(self, term: Term) -> Iterator[Literal]:
        """Yield the literals that say that a term is computed, with the guess or without."""
        if not self._touched(term):
            yield from self.clauses.knows(term)
        elif isinstance(term, App) and is_data(term.function):
            for part in term.arguments:
                yield from self.tried(part)
        else:
            _, tried, arguments = self._predicates(term)
            yield Literal(tried, arguments)

    def _touched(self, term: Term) -> bool:
        """Return whether the guess may be part of a term."""
        sort = sort_of(self.subject)
        match term:
            case Var():
                return term.sort == sort or term.sort in self.clauses.shapes
            case Key(family, _, _):
                return isinstance(self.subject, Key) and family == self.subject.family
            case App(function, arguments):
                # The identity of a key is a label for it and is not computed from its value.
                return function != IDENTITY and any(map(self._touched, arguments))
            case Const():
                return term is self.subject

    def _predicates(self, term: Term) -> tuple[int, int, tuple[Term, ...]]:
        pattern, arguments = self.clauses.pattern(term)
        if pattern not in self._known:
            columns = tuple(column for v in pattern.variables for column in self.clauses.column_sorts(v.sort))
            guessed, tried = (
                self.clauses.predicate(Predicate("known", name, columns, pattern.variables, pattern))
                for name in (GUESSED, TRIED)
            )
            self._known[pattern] = guessed, tried
            self._queue.append(pattern)
        return *self._known[pattern], arguments

    # -------------------------------------------------------------------------------- rules

    def finish(self) -> None:
        """Add the rules of everything demanded, which may demand more, until all have theirs."""
        while self._queue:
            pattern = self._queue.pop(0)
            guessed, tried = (Literal(index, tuple(pattern.variables)) for index in self._known[pattern])
            origin = Origin("compose", term=pattern)
            self.clauses.rule(tried, [guessed], (), origin)
            self.clauses.rule(tried, list(self.clauses.knows(pattern)), (), origin)
            self._computed(pattern, guessed)
        close(self.clauses)

    def _computed(self, pattern: Term, head: Literal) -> None:
        """Add the ways to compute a pattern with the guess: it is the guess, or made of parts of which one is."""
        if sort_of(pattern) is not None:
            for mapping in unify(pattern, self.subject):
                guess = Literal(head.predicate, tuple(substitute(v, mapping) for v in pattern.variables))
                self.clauses.rule(guess, (), (), Origin("given", term=pattern))
            for shape in self.clauses.shapes.get(str(sort_of(pattern)), ()):
                value = App(str(sort_of(pattern)), (shape.term,))
                assert is_stored(value)
                self._add(Literal(head.predicate, (value,)), pattern, (shape.term,))
            return
        for needs, _ in recipes(pattern, self.clauses.weak):
            names = {v: self.clauses.fresh(v.sort) for n in needs for v in n.variables if v not in pattern.variables}
            self._add(head, pattern, tuple(substitute(need, names) for need in needs))

    def _add(self, head: Literal, pattern: Term, needs: tuple[Term, ...]) -> None:
        for index, need in enumerate(needs):
            rest = [literal for at, other in enumerate(needs) if at != index for literal in self.tried(other)]
            for way in self.ways(need):
                self.clauses.rule(head, [*way, *rest], (), Origin("compose", term=pattern, needs=needs))


def assumptions() -> Iterator[str]:
    """Yield what every verdict on guessing rests on."""
    yield "guesses are tried after all sessions; one guess for each session is always possible and is not counted"
    yield "decryption with a wrong key is noticed; the identity of a key says nothing about its value"
