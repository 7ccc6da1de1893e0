"""The cases of one claim of indistinguishability: its judged session, its scenes, its tests, and what leaks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal as OneOf

from modelcheck.engine.attacker import build
from modelcheck.engine.bileaks import SessionLeaks
from modelcheck.engine.bileaves import SIDES, BiScene, pair, passed, same, same_only, test_number
from modelcheck.engine.clauses import SESSION, ClauseSet, Condition, Literal, Origin, Rule
from modelcheck.engine.comparable import dishonest_names, picked_alike, refuse
from modelcheck.engine.derivation import Derivation
from modelcheck.engine.enact import enacted
from modelcheck.engine.judged import OTHER, STAR, Case, Forbids, Stretch, Unsupported, other_branches
from modelcheck.engine.leaks import Given, created, given_keys, leak_rules
from modelcheck.engine.observations import LARGEST, Test, attacker_tests, role_tests
from modelcheck.engine.prover import System
from modelcheck.engine.scene import Session, summaries
from modelcheck.engine.script import Script
from modelcheck.engine.solver import Solved
from modelcheck.engine.spotlight import literals
from modelcheck.engine.steps import session_variable
from modelcheck.engine.twosides import Executed
from modelcheck.machines.held import Held, Stance
from modelcheck.machines.machine import RoleMachine, fresh_values
from modelcheck.protocol.model import (
    Claim,
    Datum,
    Leak,
    Observational,
    Point,
    UncheckedPossession,
    Weak,
)
from modelcheck.protocol.terms import NAME, Const, Key, Var, sort_of
from modelcheck.protocol.theory import DISHONEST


@dataclass(frozen=True, slots=True)
class Leaking:
    """What leaks besides what the claim says: keys of all names of the judged session, and all that it creates."""

    families: tuple[str, ...] = ()
    values: bool = False


NOTHING = Leaking()

Others = OneOf["all", "exposed", "none"]
"""What other sessions of the judged role, and those with dishonest partners, are: as they are, with their fresh values
the attacker's (what is then excluded is excluded), or not there (what is then reached is reached)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A difference that is derived; ``seen`` is a run of both sides that ends in one, if one was executed."""

    solved: Solved
    seen: Executed | None


@dataclass(frozen=True, slots=True)
class Star:
    """The judged session: its machine, what its names are, and what the subject is on either side."""

    machine: RoleMachine
    names: dict[Var, str]
    sides: tuple[str, str]
    picked: Var | None = None
    """The variable that differs if it is one that the session picks."""

    @property
    def parties(self) -> tuple[str, ...]:
        """All names of the session, those of both sides for one that differs."""
        names = (
            name for value in self.names.values()
            for name in (self.sides if self.picked is None and value == pair(*self.sides) else (value,))
        )  # fmt: skip
        return tuple(dict.fromkeys(names))


def _star(held: Held, claim: Claim, wanted: Observational, picked: Var | None) -> Star:
    """Return the judged session; raise :class:`Unsupported` unless the subject is ``picked`` or a name that it starts from."""
    machine = held.machines[wanted.role]
    parameters = machine.role.parameters
    left, right = (_label(side) for side in wanted.sides)
    subject = next((v for v in parameters if v.name == wanted.subject.name and wanted.subject.kind == "value"), picked)
    if subject is None:
        raise Unsupported(f"sides that differ in `{wanted.subject}`, which is no name that {wanted.role} starts from")
    dishonest = dishonest_names(claim, machine.role, subject.name)
    names = {}
    for variable in parameters:
        name = f"the {variable.name}"
        names[variable] = DISHONEST if variable.name in dishonest else name
    if picked is not None:
        return Star(machine, names, wanted.sides, picked)
    names[subject] = pair(left, right)
    return Star(machine, names, (left, right))


def _label(side: str) -> str:
    return f"{side} (honest)" if side in (DISHONEST, OTHER) else side


class Bench:
    """Everything that is the same for all cases of one claim."""

    def __init__(self, system: System, claim: Claim, wanted: Observational) -> None:
        self.claim = claim
        picked = picked_alike(system, wanted)
        sort = NAME if picked is None else picked.sort
        refuse(system, claim, sort)
        weak = tuple(power for power in claim.powers if isinstance(power, Weak))
        loose = tuple(power.family for power in claim.powers if isinstance(power, UncheckedPossession))
        key = (claim.passive, sort, weak, loose)
        if key not in system.tested:
            system.tested[key] = _tested(system, sort, weak, loose, passive=claim.passive)
        found = system.tested[key]
        self.clauses = found.clauses.copy()
        self.held = Held(system.protocol, self.clauses.machines)
        self.star = _star(self.held, claim, wanted, picked)
        self.strangers = (OTHER,) if _compares_names(self.clauses) else ()
        self.honest = (*(name for name in self.star.parties if name != DISHONEST), *self.strangers)
        self.leaks = SessionLeaks(
            self.clauses, self.held, claim, self.star.names, self._subject(), self.star.machine, self.honest
        )
        self.tests, self.goals = found.and_also(self.clauses, self.leaks.tests())
        if self.clauses.shapes and any(self.clauses.shapes.values()):
            raise Unsupported("values that roles keep for later sessions, where two systems are compared")

    def case(
        self, leaking: Leaking = NOTHING, others: Others = "all", most_pairs: int = LARGEST, *, joined: bool = False
    ) -> Case:
        """Return the case that nothing is seen on one side only, if more leaks than the claim says.

        ``most_pairs`` leaves out the tests of terms in which more leaves may differ; ``joined`` looks only at runs in
        which the judged session has a partner.
        """
        scene, later = self._scene(leaking, others)
        ways = [((one,), conditions) for one, conditions in self.leaks.sharing()] if joined else [((), ())]
        kept = [
            (goal, words)
            for pairs, body, words in self.goals if pairs <= most_pairs
            for more, conditions in ways if (goal := scene.goal((*body, *more), conditions)) is not None
        ]  # fmt: skip
        forbidden = self.leaks.forbidden(scene).result()
        return Case(self.star.machine.role.name, scene, tuple(goal for goal, _ in kept), forbidden, later,
                    ((STAR, next(self.ends())),), words=tuple(word for _, word in kept))  # fmt: skip

    def ways(self) -> Iterator[Case]:
        """Yield the case once for each way that the judged session may take: one session takes one."""
        whole = self.case()
        for stance in self.ends():
            forbids = Forbids(whole.forbidden)
            other_branches(whole.scene, forbids, STAR, stance)
            label = f"{stance.role} on its way to state {stance.state}"
            yield replace(whole, label=label, forbidden=forbids.result(), stars=((STAR, stance),))

    def one_way(self, solved: Solved, derivation: Derivation) -> bool:
        """Return whether the judged session stays on one of its ways in a derivation."""
        star = solved.case.scene.domain(SESSION).index(STAR)
        predicates = {step.predicate for step in derivation.steps if step.values and step.values[0] == star}
        taken = {state for (role, state), predicate in self.clauses.state_of.items()
                 if role == self.star.machine.role.name and predicate in predicates}  # fmt: skip
        return any(taken <= {state.index for state in self.star.machine.lineage(end.state)} for end in self.ends())

    def shown(self, solved: Solved, derivation: Derivation) -> Shown:
        """Return a derived difference, executed on both sides if it can be."""
        moments = [frozenset(s.state for s in self.held.stances(point)) for point in self._moments()]
        script = Script(
            (), (), self._ground_keys(later=False), None, self._ground_keys(later=True), tuple(moments),
            self.claim.passive, (), STAR, self.leaks.roles, self.clauses.weak,
            self.clauses.certified_keys,
        )  # fmt: skip
        return Shown(solved, enacted(solved, derivation, self.tests, script, self.leaks.of))

    def _moments(self) -> tuple[Point, ...]:
        powers = [power for power in self.claim.powers if isinstance(power, Leak)]
        return tuple(dict.fromkeys(power.after for power in powers if power.after is not None))

    def _ground_keys(self, *, later: bool) -> tuple[Key, ...]:
        """Return the keys that leak, for all names of the judged session that they may belong to."""
        found = []
        for datum in (datum for power, datum in self._keys_lost() if (power.after is not None) == later):
            family = self.clauses.families[datum.name]
            choices = [self._named(name) or self.star.parties for name in datum.arguments or ("",) * family.arity]
            for names in product(*choices):
                found.append(Key(family.name, family.sort, tuple(Const(name, NAME) for name in names)))
        return tuple(found)

    def _keys_lost(self) -> Iterator[tuple[Leak, Datum]]:
        for power in (power for power in self.claim.powers if isinstance(power, Leak)):
            yield from ((power, datum) for datum in power.data if datum.kind == "key")

    def ends(self) -> Iterator[Stance]:
        """Yield where the judged session's ways end, also those that no honest partner leads it."""
        machine = self.star.machine
        for state in machine.states:
            if not machine.children[state.index]:
                yield Stance(machine, state.index, state.views)

    def never(self, solved: Sequence[Solved]) -> str | None:
        """Return what never happens although the flow says that it does, None if everything happens."""
        reached: set[int] = set()
        ended: set[int] = set()
        for one in solved:
            star = one.case.scene.mask(SESSION, [STAR])
            relations = one.stages[-1][1].relations
            reached |= {predicate for predicate, boxes in relations.items() if boxes}
            ended |= {
                predicate for predicate, boxes in relations.items() if any(box and box[0] & star for box in boxes)
            }
        for stance in self.ends():
            if self.clauses.state_of[stance.role, stance.state] not in ended and self._honest(
                stance.machine, stance.state
            ):
                return f"the judged session of {stance.role} never gets to one of its ends"
        for (role, state), predicate in self.clauses.state_of.items():
            if predicate not in reached and self._honest(self.held.machines[role], state):
                return f"no session of {role} ever takes all the steps that the flow gives it"
        return None

    def _honest(self, machine: RoleMachine, state: int) -> bool:
        """Return whether honest partners can lead a role to a state."""
        paths = self.held.paths[machine.protocol]
        return any(paths[index].possible for index in machine.states[state].views if index not in machine.blocked)

    # -------------------------------------------------------------------------------- the scene

    def _scene(self, leaking: Leaking, others: Others) -> tuple[BiScene, tuple[Stretch, ...]]:
        star, clauses = self.star, self.clauses
        names = tuple(star.names[v] for v in star.machine.role.parameters)
        session = Session(STAR, star.machine.role.name, names, True)
        now = [*self._given(None), *self.leaks.given(None), *self._more(leaking)]
        leaked = leak_rules(clauses, now)
        later = self._later()
        sessions = (*self._sessions(summaries(clauses, self.honest), others), session, *self.leaks.partners)
        scene = BiScene(
            clauses, self.honest, frozenset(self.strangers), sessions, (), leaked,
            sides=star.sides, picked=star.picked, judged=STAR,
        )  # fmt: skip
        return scene, later

    def _sessions(self, sessions: Iterable[Session], others: Others) -> Iterator[Session]:
        """Yield the other sessions; what the attacker could do in place of some need not be told apart from them."""
        for session in sessions:
            alike = session.role == self.star.machine.role.name or DISHONEST in session.names
            if not alike or others == "all":
                yield session
            elif others == "exposed":
                yield replace(session, exposed=True)

    def _given(self, after: Point | None) -> Iterator[Given]:
        """Yield the long-term keys that leak then: if the differing name is in the index, the keys of both sides."""
        for datum in (datum for power, datum in self._keys_lost() if power.after == after):
            family = self.clauses.families[datum.name]
            written = datum.arguments or ("",) * family.arity
            yield from given_keys(self.clauses, family, [self._named(name) for name in written], f"the key {datum}")

    def _named(self, name: str) -> tuple[str, ...]:
        """Return the names that a name of the claim stands for; none if it stands for any."""
        for variable, value in self.star.names.items():
            if variable.name == name:
                return self.star.sides if value == self._subject() else (value,)
        return ()

    def _subject(self) -> str:
        return pair(*self.star.sides)

    def _more(self, leaking: Leaking) -> Iterator[Given]:
        mine = self.star.parties
        for name in leaking.families:
            family = self.clauses.families[name]
            choices = [mine] * family.arity
            yield from given_keys(self.clauses, family, choices, f"every key {name} of the judged names")
        if leaking.values:
            yield from created(self.clauses, self.star.machine, fresh_values(self.star.machine), (STAR,))

    def _after(self, point: Point) -> Iterator[Given]:
        """Yield what leaks when the judged session has reached a point."""
        yield from self.leaks.given(point)
        here = Condition("among", session_variable("leaked "), None, (STAR,))
        for given in self._given(point):
            for stance in self.held.stances(point):
                body = (*given.body, *literals(self.clauses, stance, "leaked "))
                yield Given(given.term, body, (*given.conditions, here), given.description)

    def _later(self) -> tuple[Stretch, ...]:
        """Return the leaks after points of the judged role, in the order of the points.

        Before its first point a session makes its first steps and tests: it makes none of them again.
        """
        role = self.star.machine.role.name
        result = []
        for point in self._moments():
            before, over = self._before(point)
            state_of = self.clauses.state_of
            rules: tuple[Rule, ...] = leak_rules(self.clauses, self._after(point))
            steps = tuple(sorted(state_of[role, state] for state in over if (role, state) in state_of))
            result.append(Stretch(rules, steps, tuple(self._made(before))))
        return tuple(sorted(result, key=lambda stretch: len(stretch.over)))

    def _before(self, point: Point) -> tuple[set[int], set[int]]:
        """Return the states from which the judged session first goes on to a point, and those it is in up to there."""
        before: set[int] = set()
        over: set[int] = set()
        there = {stance.state for stance in self.held.stances(point)}
        for state in there:
            earlier = {one.index for one in self.star.machine.lineage(state)} - {state}
            if not earlier & there:
                before |= earlier
                over |= earlier | {state}
        return before, over

    def _made(self, states: Collection[int]) -> Iterator[int]:
        """Yield the predicates of the tests that the judged role makes in some states."""
        for index, predicate in enumerate(self.clauses.predicates):
            place = self.tests[test_number(predicate)].place if predicate.kind == "tested" else None
            if place is not None and place[0] == self.star.machine.role.name and place[1] in states:
                yield index


@dataclass(frozen=True, slots=True)
class Tested:
    """The clauses of a protocol with its tests: all claims about it share them."""

    clauses: ClauseSet
    tests: tuple[Test, ...]
    goals: tuple[tuple[int, tuple[Literal, ...], str], ...]
    """For each way to succeed on one side only: the leaves of the test that may differ, the goal, and words for it."""

    def and_also(
        self, clauses: ClauseSet, more: Iterable[Test]
    ) -> tuple[tuple[Test, ...], tuple[tuple[int, tuple[Literal, ...], str], ...]]:
        """Return the tests and goals with more of them, whose rules are added to a copy of the clauses."""
        tests, goals = list(self.tests), list(self.goals)
        for test in more:
            goals += [(len(test.pairs), *goal) for goal in _one_sided(clauses, len(tests), test)]
            tests.append(test)
        return tuple(tests), tuple(goals)


def _tested(
    system: System, sort: str, weak: tuple[Weak, ...], loose: tuple[str, ...], *, passive: bool
) -> Tested:  # fmt: skip
    protocols = system.protocol.with_beside()
    clauses = build(
        system.machines, system.protocol.key_families(), system.protocol.finite_sorts(), weak, loose,
        {protocol.name: protocol.paths for protocol in protocols}, passive=passive, hidden=frozenset({sort}),
    )  # fmt: skip
    tests = (
        *attacker_tests(clauses, list(clauses.exposures)),
        *(test for block in clauses.blocks for test in role_tests(clauses, block)),
    )
    ordered = tuple(sorted(tests, key=lambda test: len(test.pairs)))
    goals = tuple(
        (len(test.pairs), *goal)
        for number, test in enumerate(ordered) for goal in _one_sided(clauses, number, test)
    )  # fmt: skip
    return Tested(clauses, ordered, goals)


def _one_sided(clauses: ClauseSet, number: int, test: Test) -> Iterator[tuple[tuple[Literal, ...], str]]:
    """Yield the ways in which a test succeeds on one side only, after adding the rules that say when it succeeds."""
    if not test.pairs:
        alone = Literal(passed(clauses, number, "left", ()), ())
        clauses.rule(alone, test.body, test.conditions, Origin("test"))
        yield (alone,), f"{test.words} on one side only"
        return
    terms = tuple(dict.fromkeys(term for pair in test.pairs for term in pair))
    names = {term: Var(f"leaf {index}", str(sort_of(term))) for index, term in enumerate(terms)}
    pairs = [(names[supplied], names[expected]) for supplied, expected in test.pairs]
    for side in SIDES:
        predicate = passed(clauses, number, side, [variable.sort for variable in names.values()])
        body = (*test.body, *(same(clauses, side, *pair) for pair in test.pairs))
        clauses.rule(Literal(predicate, terms), body, test.conditions, Origin("test"))
        made = Literal(predicate, tuple(names.values()))
        for witness in pairs[test.start :]:
            if witness[0] is not witness[1]:
                yield (made, same_only(clauses, side, *witness)), f"{test.words} on the {side} only"


def _compares_names(clauses: ClauseSet) -> bool:
    return any(_is_name(c) for rule in clauses.rules for c in rule.conditions)


def _is_name(condition: Condition) -> bool:
    return condition.test == "differ" and isinstance(condition.left, Var) and condition.left.sort == NAME
