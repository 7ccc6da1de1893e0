"""The scene of a claim: the judged session under the spotlight, its partners, its names, its attacker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from modelcheck.engine.clauses import ClauseSet, Literal, Rule
from modelcheck.engine.horn import Box, Goal, Mask
from modelcheck.engine.leaks import Given, given_by, leak_rules
from modelcheck.engine.scene import Scene, Session, leaf_name, partners, summaries
from modelcheck.engine.spotlight import LETTERS, literals, restriction
from modelcheck.engine.steps import session_variable
from modelcheck.machines.held import Held, Stance, judged_names
from modelcheck.machines.machine import RoleMachine
from modelcheck.protocol.model import Claim, Dishonest, Fact, Leak, Partner, Point
from modelcheck.protocol.terms import NAME, Const, Term, Var, renamed, substitute, unify_all
from modelcheck.protocol.theory import DISHONEST

STAR = "judged"
"""The label of the judged session."""

OTHER = "other"
"""The honest name that stands for every party besides those that the judged session names."""


class Unsupported(Exception):
    """The claim needs something that the prover does not decide; the argument says what."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What happens from some moment on: rules of leaks, and states of the judged session that are over by then."""

    rules: tuple[Rule, ...]
    over: tuple[int, ...]
    made: tuple[int, ...] = ()
    """In comparisons of two systems: the tests that the judged session has made by then."""


@dataclass(frozen=True, slots=True)
class Case:
    """Something that must not be derivable."""

    label: str
    scene: Scene
    goals: tuple[Goal, ...]
    forbidden: Mapping[int, tuple[Box, ...]]
    later: tuple[Stretch, ...]
    stars: tuple[tuple[str, Stance], ...]
    """The spotlights that are judged, with where; parallel to the goals if ``split`` is set."""
    split: bool = False
    """Whether each goal speaks of the spotlight at the same position, so that its inputs may be fixed one by one."""
    words: tuple[str, ...] = ()
    """What each goal says, for goals that the claim's sentence does not describe."""


class Forbids:
    """Collects forbidden states."""

    def __init__(self, start: Mapping[int, tuple[Box, ...]] | None = None) -> None:
        """Start from what is forbidden already."""
        self.boxes: dict[int, list[Box]] = {p: list(boxes) for p, boxes in (start or {}).items()}

    def add(self, predicate: int, box: Box) -> None:
        """Forbid the states in a box."""
        if all(box) and box not in self.boxes.setdefault(predicate, []):
            self.boxes[predicate].append(box)

    def result(self) -> dict[int, tuple[Box, ...]]:
        """Return the forbidden boxes by predicate."""
        return {predicate: tuple(boxes) for predicate, boxes in self.boxes.items() if boxes}


class Judged:
    """One role of a claim under the spotlight at some stances, with everything the claim says about its attacker."""

    def __init__(
        self, clauses: ClauseSet, held: Held, claim: Claim, point: Point, stances: Sequence[Stance], *, strangers: bool
    ) -> None:
        """``strangers`` adds an honest name for all parties that the judged session does not name."""
        self.clauses, self.held, self.claim = clauses, held, claim
        self.stances = held.where(stances, claim.premise)
        self.machine: RoleMachine = held.machines[point.role]
        dishonest = {power.name for power in claim.powers if isinstance(power, Dishonest)}
        letters = iter(LETTERS)
        self.names: dict[Var, str] = {}
        for variable in dict.fromkeys(v for stance in stances for v in judged_names(stance)):
            self.names[variable] = DISHONEST if variable.name in dishonest else next(letters)
        for variable in self.machine.role.own:
            if self.names[variable] == DISHONEST:
                raise Unsupported(f"the judged party `{variable.name}` cannot be the attacker")
        used = tuple(dict.fromkeys(name for name in self.names.values() if name != DISHONEST))
        extra = strangers or _compares_names(clauses) or not used
        self.honest = (*used, OTHER) if extra else used
        self.star = Session(STAR, point.role, tuple(self.names[v] for v in self.machine.role.parameters), True)
        self.partners: list[Session] = []
        self._forbids: list[tuple[int, Mapping[Var, tuple[str, ...]]]] = []

    # -------------------------------------------------------------------------------- names and premises

    def by_name(self) -> dict[str, str]:
        """Return the value of each name that the judged session holds, by the flow's word for it."""
        return {variable.name: name for variable, name in self.names.items()}

    def fixed(self, scene: Scene, stance: Stance, label: str = STAR, prefix: str = "") -> dict[Var, Mask] | None:
        """Return what is fixed in a goal about the judged session there, None if its premise is false."""
        fixed: dict[Var, Mask] = {session_variable(prefix): scene.mask("session", [label])}
        for variable, name in self.names.items():
            if variable in stance.received():
                fixed[Var(prefix + variable.name, NAME)] = scene.mask(NAME, [name])
        premise = self.claim.premise
        if isinstance(premise, Fact) and premise.subject.kind != "label":
            terms = self.held.at(stance, premise.subject)
            if not terms:
                return None
            for term in terms:
                if isinstance(term, Const):
                    if term.value not in premise.values:
                        return None
                elif isinstance(term, Var):
                    mask = scene.mask(term.sort, premise.values)
                    own = Var(prefix + term.name, term.sort)
                    fixed[own] = fixed.get(own, mask) & mask
        return fixed

    def premises(self, stance: Stance) -> Iterator[tuple[list[Literal], dict[Var, Term]]]:
        """Yield the alternatives for the premise that an honest session agrees with the judged one.

        Each has the literals of that session and the substitution that makes the data equal.
        """
        premise = self.claim.premise
        if not isinstance(premise, Partner):
            yield [], {}
            return
        machine = self.held.machines[premise.role]
        for mine in self.held.tuples(stance, premise.data):
            for other in self.held.first_held(machine, premise.data):
                for theirs in self.held.tuples(other, premise.data):
                    for mapping in unify_all(mine, [renamed(term, "partner ") for term in theirs]):
                        yield literals(self.clauses, other, "partner "), mapping

    def goals(self, scene: Scene, stance: Stance, more: Sequence[Literal] = ()) -> Iterator[Goal]:
        """Yield the goals "the judged session is there, its premise holds, and ``more``"."""
        fixed = self.fixed(scene, stance)
        if fixed is None:
            return
        labels = [session.label for session in self.partners]
        for premise, mapping in self.premises(stance):
            body = [*literals(self.clauses, stance), *premise, *more]
            if premise and labels and self.held.machines[premise_role(self.claim)].protocol == self.machine.protocol:
                fixed[session_variable("partner ")] = scene.mask("session", labels)
            goal = scene.goal(applied(body, mapping), (), carried(scene, fixed, mapping))
            if goal is not None:
                yield goal

    # -------------------------------------------------------------------------------- partners

    def partner_classes(self, role: str) -> tuple[Session, ...]:
        """Return one session class per choice of names for a session of ``role`` that is the judged one's partner."""
        machine = self.held.machines[role]
        same = dict(self.names) if machine.protocol == self.machine.protocol else {}
        return partners(machine.role, same, self.honest)

    def add_partners(self, role: str) -> None:
        """Put the session of ``role`` from which the judged one got its first value of that role under the spotlight.

        No run is lost: whichever session made the value is called the partner, so the judged session never holds the
        leaf of a summary class of the same names in that place.
        """
        classes = self.partner_classes(role)
        machine = self.held.machines[role]
        chosen = self.held.first_shared(self.machine, self.stances, machine)
        if not classes or chosen is None or any(p.role == role for p in self.partners):
            return
        self.partners.extend(classes)
        labels = [f"others {role}({','.join(session.names)})" for session in classes]
        leaves = tuple(leaf_name(chosen, label) for label in labels)
        for predicate in self.states_with(chosen):
            self._forbids.append((predicate, {chosen: leaves}))

    def states_with(self, variable: Var) -> Iterator[int]:
        """Yield the judged role's state predicates that have a column for ``variable``."""
        for (role, _), predicate in self.clauses.state_of.items():
            if role == self.machine.role.name and variable in self.clauses.predicates[predicate].variables:
                yield predicate

    # -------------------------------------------------------------------------------- the scene

    def scene(
        self, sessions: Iterable[Session] = (), leaves: tuple[tuple[str, str], ...] = ()
    ) -> tuple[Scene, tuple[Stretch, ...]]:
        """Return the scene with more spotlights and attacker leaves, and what happens in it later."""
        for role in self.held.partner_roles(self.claim, self.machine):
            self.add_partners(role)
        spotlights = tuple(dict.fromkeys((self.star, *self.partners, *sessions)))
        everyone = (*summaries(self.clauses, self.honest), *spotlights)
        labels = tuple(session.label for session in everyone)
        own = (STAR, *(session.label for session in self.partners))
        now = leak_rules(self.clauses, self._given(None, own, labels))
        later = self._later(own, labels)
        summary = frozenset((OTHER,)) if OTHER in self.honest else frozenset()
        return Scene(self.clauses, self.honest, summary, everyone, leaves, now), later

    def all_given(self) -> tuple[Given, ...]:
        """Return what all leaks of the claim give, at whatever time; raise Unsupported if one gives nothing."""
        scene = self.scene()[0]
        labels = tuple(scene.by_label)
        own = (STAR, *(session.label for session in self.partners))
        names, protocol = self.by_name(), self.machine.protocol
        leaks = [power for power in self.claim.powers if isinstance(power, Leak)]
        result: list[Given] = []
        for leak in [replace(power, data=(datum,)) for power in leaks for datum in power.data]:
            found = list(given_by(self.clauses, self.held, leak, names, own, labels, protocol))
            if not any(self._has_giver(scene, given) for given in found):
                raise Unsupported(f"a leak of `{leak.data[0]}`, which neither the judged session nor its partner makes")
            result += found
        return tuple(result)

    def _has_giver(self, scene: Scene, given: Given) -> bool:
        """Return whether one of the sessions of which something leaks is of the role that has it."""
        if not given.body:
            return True
        role = self.clauses.predicates[given.body[-1].predicate].name
        return any(scene.by_label[label].role == role for one in given.conditions for label in one.values)

    def _given(self, after: Point | None, own: tuple[str, ...], labels: tuple[str, ...]) -> Iterator[Given]:
        for power in self.claim.powers:
            if isinstance(power, Leak) and power.after == after:
                yield from given_by(self.clauses, self.held, power, self.by_name(), own, labels, self.machine.protocol)

    def _later(self, own: tuple[str, ...], labels: tuple[str, ...]) -> tuple[Stretch, ...]:
        """Return the leaks after points of the judged role, in the order of the points."""
        points = dict.fromkeys(p.after for p in self.claim.powers if isinstance(p, Leak) and p.after is not None)
        result = []
        for point in points:
            over: set[int] = set()
            for stance in self.held.stances(point):
                for state in self.machine.lineage(stance.state):
                    predicate = self.clauses.state_of.get((self.machine.role.name, state.index))
                    if predicate is not None:
                        over.add(predicate)
            result.append(Stretch(leak_rules(self.clauses, self._given(point, own, labels)), tuple(sorted(over))))
        return tuple(sorted(result, key=lambda stretch: len(stretch.over)))

    def base_forbids(self, scene: Scene) -> Forbids:
        """Return what is forbidden without loss: leaves that were renamed to a partner's, other names than the claim's."""
        forbids = Forbids()
        for predicate, narrowed in self._forbids:
            forbids.add(predicate, restriction(scene, predicate, narrowed, [STAR]))
        for variable, name in self.names.items():
            for predicate in self.states_with(variable):
                others = tuple(other for other in scene.names if other != name)
                forbids.add(predicate, restriction(scene, predicate, {variable: others}, [STAR]))
        return forbids


def other_branches(scene: Scene, forbids: Forbids, label: str, stance: Stance) -> None:
    """Forbid a spotlight the states that it does not pass on its way through a stance: one session takes one branch."""
    machine = stance.machine
    before = _lineage(machine, stance.state)
    for (role, index), predicate in scene.clauses.state_of.items():
        if role == stance.role and index not in before and stance.state not in _lineage(machine, index):
            forbids.add(predicate, restriction(scene, predicate, {}, [label]))


def _lineage(machine: RoleMachine, index: int) -> set[int]:
    return {state.index for state in machine.lineage(index)}


def premise_role(claim: Claim) -> str:
    """Return the role of the session that a claim's premise asks for."""
    assert isinstance(claim.premise, Partner)
    return claim.premise.role


def applied(literals: Iterable[Literal], mapping: Mapping[Var, Term]) -> list[Literal]:
    """Return literals with a substitution applied to their arguments."""
    return [Literal(one.predicate, tuple(substitute(a, mapping) for a in one.arguments)) for one in literals]


def carried(scene: Scene, fixed: Mapping[Var, Mask], mapping: Mapping[Var, Term]) -> dict[Var, Mask]:
    """Return masks moved to the variables that replace theirs; an impossible constant empties a mask of its own."""
    result: dict[Var, Mask] = {}
    for variable, mask in fixed.items():
        image = substitute(variable, mapping)
        if isinstance(image, Var):
            result[image] = result.get(image, mask) & mask
        elif isinstance(image, Const) and not scene.mask(image.sort, [image.value]) & mask:
            result[variable] = 0
    return result


def _compares_names(clauses: ClauseSet) -> bool:
    return any(c.test == "differ" and isinstance(c.left, Var) and c.left.sort == NAME
               for rule in clauses.rules for c in rule.conditions)  # fmt: skip
