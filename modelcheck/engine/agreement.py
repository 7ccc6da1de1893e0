"""Agreement as cases that must not be derivable: the commit with every matching run taken away.

Spotlight.md section 2, after Lowe 1997. The data of a commit are fixed to each ground value they can have; sessions
whose step would be the matching run, at exactly these values, do not take that step; the commit must then be
impossible. A run may be taken away only if its data are unique values: a leaf that stands for many concrete values
never shows that two sessions hold the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from modelcheck.engine.boxes import matches
from modelcheck.engine.clauses import ClauseSet, Literal
from modelcheck.engine.horn import Goal
from modelcheck.engine.judged import OTHER, STAR, Case, Forbids, Judged, Stretch, applied, carried, other_branches
from modelcheck.engine.scene import ELSEWHERE, Scene, Session, attacker_leaf, leaf_name, summaries
from modelcheck.engine.spotlight import literals, restriction
from modelcheck.engine.steps import session_variable
from modelcheck.machines.held import Held, Stance
from modelcheck.machines.machine import fixed_values, fresh_values
from modelcheck.protocol.model import Agreement, Claim, Datum
from modelcheck.protocol.terms import Const, Key, Term, Var, renamed, substitute, unify_all
from modelcheck.protocol.theory import DISHONEST, FRESH_SORTS

RUN = "'"
"""Prefix of the running session's variables."""

SECOND = "second"

Solve = Callable[[Case], dict[int, tuple[tuple[int, ...], ...]]]
"""Returns the relations of a case without goals."""

MOST_DELTAS = 3000


class TooMany(Exception):
    """The committed data have more ground values than are tried."""


@dataclass(frozen=True, slots=True)
class Match:
    """One way in which a run can match a commit: what the run's variables are, in the commit's terms."""

    stance: Stance
    commit: dict[Var, Term]
    run: dict[Var, Term]


@dataclass(frozen=True, slots=True)
class Commit:
    """The judged session at one stance with the terms it commits to, and the runs that can match."""

    stance: Stance
    terms: tuple[Term, ...]
    matches: tuple[Match, ...]

    def variables(self) -> tuple[Var, ...]:
        """Return the variables of the committed terms."""
        return tuple(dict.fromkeys(v for term in self.terms for v in term.variables))


class AgreementCases:
    """The cases of one agreement."""

    def __init__(
        self, clauses: ClauseSet, held: Held, claim: Claim, wanted: Agreement, runs: Sequence[Stance] | None = None
    ) -> None:
        """``runs`` overrides where the running session is; by default the point named, or its last send before."""
        self.clauses, self.held, self.claim, self.wanted = clauses, held, claim, wanted
        self.judged = Judged(clauses, held, claim, wanted.left, held.stances(wanted.left), strangers=True)
        self.runs = tuple(held.runs(wanted) if runs is None else runs)
        self.other = held.machines[wanted.right.role]
        self.commits = tuple(self._commits())
        self._makers: dict[Var, frozenset[str]] = {}

    # -------------------------------------------------------------------------------- commits and runs

    def shared_names(self) -> tuple[Datum, ...]:
        """Return the names under which the running session must run: those that both sides have."""
        mine = {v.name for v in self.judged.names}
        return tuple(Datum("value", v.name) for v in self.other.role.parameters if v.name in mine)

    def _commits(self) -> Iterator[Commit]:
        data = tuple(dict.fromkeys((*self.shared_names(), *self.wanted.data)))
        for stance in self.judged.stances:
            for terms in self.held.tuples(stance, data):
                matches = []
                for run in self.runs:
                    for theirs in self.held.tuples(run, data):
                        apart = [renamed(term, RUN) for term in theirs]
                        for mapping in unify_all(terms, apart):
                            matches.append(self._match(run, terms, apart, mapping))
                yield Commit(stance, terms, tuple(matches))

    @staticmethod
    def _match(run: Stance, terms: tuple[Term, ...], theirs: list[Term], mapping: dict[Var, Term]) -> Match:
        commit = {v: substitute(v, mapping) for term in terms for v in term.variables}
        bound = {v: substitute(v, mapping) for term in theirs for v in term.variables}
        return Match(run, commit, bound)

    # -------------------------------------------------------------------------------- spotlights

    def third_party(self) -> tuple[Var, ...]:
        """Return the committed variables that neither side made: their makers need spotlights of their own."""
        found: dict[Var, None] = {}
        for commit in self.commits:
            fixed = set(fixed_values(commit.stance.machine))
            for variable in commit.variables():
                if variable in fixed or not _is_secret_sort(variable.sort):
                    continue
                if not any(self._made_by_run(match, variable) for match in commit.matches):
                    found[variable] = None
        return tuple(found)

    def _made_by_run(self, match: Match, variable: Var) -> bool:
        own = fixed_values(match.stance.machine)
        return any(match.run.get(Var(RUN + v.name, v.sort)) is match.commit.get(variable) for v in own)

    def spotlights(
        self, thirds: tuple[Var, ...], seen: dict[Var, frozenset[str]]
    ) -> tuple[list[Session], tuple[tuple[str, str], ...]]:
        """Return a session per class that may have made each third-party value, and an attacker leaf for each.

        ``seen`` has the classes (and attacker leaves) that occur in that place of a commit at all.
        """
        sessions: list[Session] = []
        leaves: list[tuple[str, str]] = []
        for number, variable in enumerate(thirds, 1):
            if attacker_leaf(variable.sort) in seen[variable]:
                leaves.append((variable.sort, f"{attacker_leaf(variable.sort)} {number}"))
            for summary in summaries(self.clauses, self.judged.honest):
                if summary.label in seen[variable]:
                    label = f"maker {number} {summary.role}({','.join(summary.names)})"
                    sessions.append(Session(label, summary.role, summary.names, True))
        return sessions, tuple(leaves)

    def makers(self, thirds: tuple[Var, ...], solve: Solve) -> dict[Var, frozenset[str]]:
        """Return for each third-party value the classes whose leaves a commit can have there, as a first model says."""
        if not thirds or self._makers:
            return self._makers
        partners = self.judged.partner_classes(self.wanted.right.role)
        scene, later = self.judged.scene(partners)
        self._register(scene)
        later = self._before_commit(later)
        relations = solve(Case("makers", scene, (), self.judged.base_forbids(scene).result(), later, ()))
        found: dict[Var, set[str]] = {variable: set() for variable in thirds}
        for commit in self.commits:
            predicate = self.clauses.state_of[commit.stance.role, commit.stance.state]
            here = set(thirds) & set(scene.clauses.predicates[predicate].variables)
            for box in self._committing(scene, relations, commit):
                for variable in here:
                    found[variable] |= _made_in(scene, predicate, box, variable)
        self._makers = {variable: frozenset(labels) for variable, labels in found.items()}
        return self._makers

    # -------------------------------------------------------------------------------- cases

    def cases(self, solve: Solve) -> Iterator[Case]:
        """Yield the cases; ``solve`` computes the relations of a scene in which the commit's data are read off."""
        self.judged.add_partners(self.wanted.right.role)
        thirds = self.third_party()
        sessions, leaves = self.spotlights(thirds, self.makers(thirds, solve))
        partners = self.judged.partner_classes(self.wanted.right.role)
        scene, later = self.judged.scene([*partners, *sessions], leaves)
        self._register(scene)
        later = self._before_commit(later)
        base = self.judged.base_forbids(scene)
        self._name_makers(scene, base, thirds)
        forbidden = base.result()
        relations = solve(Case("commits", scene, (), forbidden, later, ()))
        for commit in self.commits:
            yield from self._of_commit(scene, later, forbidden, relations, commit)

    def _before_commit(self, later: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
        """Return the later leaks that can still matter: not those that come when every commit is over."""
        states = {self.clauses.state_of[c.stance.role, c.stance.state] for c in self.commits}
        return tuple(stretch for stretch in later if not states <= set(stretch.over))

    def _name_makers(self, scene: Scene, forbids: Forbids, thirds: tuple[Var, ...]) -> None:
        """Third-party values are renamed to the spotlights made for them; the plain leaves are then not used there."""
        for number, variable in enumerate(thirds):
            if is_stored_sort(variable):
                self._name_stored_makers(scene, forbids, number, variable)
                continue
            plain = [attacker_leaf(variable.sort)]
            for session in scene.sessions:
                later = _number(session.label) > number + 1
                if not session.spotlight or later:
                    plain += [leaf_name(v, session.label) for v in fresh_values(scene.machines[session.role])
                              if v.sort == variable.sort]  # fmt: skip
            plain += [leaf for sort, leaf in scene.attacker_leaves
                      if sort == variable.sort and int(leaf.rpartition(" ")[2]) > number + 1]  # fmt: skip
            for predicate in self.judged.states_with(variable):
                forbids.add(predicate, restriction(scene, predicate, {variable: plain}, [STAR]))

    def _name_stored_makers(self, scene: Scene, forbids: Forbids, number: int, variable: Var) -> None:
        for position, component in enumerate(self.clauses.components[variable.sort]):
            if "/" not in component.sort:
                continue
            plain = [s.label for s in scene.sessions if not s.spotlight or _number(s.label) > number + 1]
            mask = scene.mask(component.sort, plain)
            for predicate in self.judged.states_with(variable):
                box = list(restriction(scene, predicate, {}, [STAR]))
                column = first_column(scene, predicate, variable) + position
                box[column] = mask
                forbids.add(predicate, tuple(box))

    def _of_commit(
        self, scene: Scene, later: tuple[Stretch, ...], forbidden: dict[int, tuple[tuple[int, ...], ...]],
        relations: dict[int, tuple[tuple[int, ...], ...]], commit: Commit,
    ) -> Iterator[Case]:  # fmt: skip
        received = set(commit.stance.received())
        data = [v for v in commit.variables() if v in received]
        predicate = self.clauses.state_of[commit.stance.role, commit.stance.state]
        boxes = tuple(self._committing(scene, relations, commit))
        deltas = sorted(ground_values(scene, predicate, boxes, data))
        yield self._complete(scene, later, forbidden, commit, data, deltas)
        for delta in deltas:
            yield self._case(scene, later, forbidden, commit, dict(zip(data, delta, strict=True)))

    def _register(self, scene: Scene) -> None:
        """Make the goals once before anything is solved, so that the relations they speak of have their facts."""
        for commit in self.commits:
            for goal in self.judged.goals(scene, commit.stance):
                assert all(atom.predicate < len(self.clauses.predicates) for atom in goal.body)

    def _committing(
        self, scene: Scene, relations: dict[int, tuple[tuple[int, ...], ...]], commit: Commit
    ) -> Iterator[tuple[int, ...]]:
        """Yield the boxes of the judged session's states there, narrowed by the claim's premise."""
        for goal in self.judged.goals(scene, commit.stance):
            for masks in matches(relations, goal):
                yield tuple(masks[slot] for slot in goal.body[0].slots)

    def _complete(
        self, scene: Scene, later: tuple[Stretch, ...], forbidden: dict[int, tuple[tuple[int, ...], ...]],
        commit: Commit, data: list[Var], deltas: list[tuple[tuple[str, ...], ...]],
    ) -> Case:  # fmt: skip
        """Return the case that says that there is no commit to other data than ``deltas``."""
        predicate = self.clauses.state_of[commit.stance.role, commit.stance.state]
        columns = [
            (first_column(scene, predicate, v) + offset, sort)
            for v in data for offset, sort in enumerate(scene.clauses.column_sorts(v.sort))
        ]  # fmt: skip
        points = [tuple(word for value in delta for word in value) for delta in deltas]
        goals: list[Goal] = []
        for goal in self.judged.goals(scene, commit.stance):
            for rest in outside(scene, [sort for _, sort in columns], points):
                masks = list(goal.masks)
                for (column, _), mask in zip(columns, rest, strict=True):
                    masks[goal.body[0].slots[column]] &= mask
                if all(masks):
                    goals.append(replace(goal, masks=tuple(masks)))
        return Case("no other data are committed to", scene, tuple(goals), forbidden, later, ())

    def _case(
        self, scene: Scene, later: tuple[Stretch, ...], forbidden: dict[int, tuple[tuple[int, ...], ...]],
        commit: Commit, values: dict[Var, tuple[str, ...]],
    ) -> Case:  # fmt: skip
        forbids = Forbids(forbidden)
        other_branches(scene, forbids, STAR, commit.stance)
        for variable, value in values.items():
            for predicate in self.judged.states_with(variable):
                only(scene, forbids, predicate, variable, value)
        ground = dict(values)
        star = scene.by_label[STAR]
        for variable in commit.variables():
            leaf = scene.leaf_of(star, variable)
            if leaf is not None:
                ground[variable] = (leaf,)
        for match in commit.matches:
            self._take_away(scene, forbids, match, ground)
        goals = tuple(self.judged.goals(scene, commit.stance))
        label = ", ".join(f"{v.name} = {' '.join(value)}" for v, value in values.items()) or "commit"
        return Case(label, scene, goals, forbids.result(), later, ((STAR, commit.stance),))

    def _take_away(self, scene: Scene, forbids: Forbids, match: Match, ground: dict[Var, tuple[str, ...]]) -> None:
        """Forbid the run's step at exactly the committed data, if those are unique values."""
        table: dict[Term, tuple[str, ...]] = {}
        for variable, value in ground.items():
            term = match.commit.get(variable)
            if term is None:
                continue
            if table.setdefault(term, value) != value or not _is_unique(scene, variable.sort, value):
                return
            if isinstance(term, Const) and value != (term.value,):
                return
        wanted: dict[Var, tuple[str, ...]] = {}
        for variable, term in match.run.items():
            found = _evaluate(scene, term, table)
            if found is None:
                return
            wanted[Var(variable.name.removeprefix(RUN), variable.sort)] = found
        if not all(_agrees(scene, term, value, table) for term, value in list(table.items())):
            return
        role = match.stance.role
        own = set(fixed_values(match.stance.machine))
        labels = [
            s.label for s in scene.sessions
            if s.role == role and s.label != STAR
            and all(scene.leaf_of(s, v) == value[0] for v, value in wanted.items() if v in own)
        ]  # fmt: skip
        predicate = self.clauses.state_of[role, match.stance.state]
        box = list(restriction(scene, predicate, {}, labels))
        described = self.clauses.predicates[predicate]
        for variable, value in wanted.items():
            if variable in own:
                continue
            if variable not in described.variables:
                return
            column = first_column(scene, predicate, variable)
            for offset, (sort, one) in enumerate(zip(self.clauses.column_sorts(variable.sort), value, strict=True)):
                box[column + offset] &= scene.mask(sort, [one])
        forbids.add(predicate, tuple(box))

    # -------------------------------------------------------------------------------- injectivity

    def twice(self, solve: Solve) -> Iterator[Case]:
        """Yield the cases in which two sessions of the committing role commit to the same data."""
        self.judged.add_partners(self.wanted.right.role)
        thirds = self.third_party()
        makers, leaves = self.spotlights(thirds, self.makers(thirds, solve))
        partners = self.judged.partner_classes(self.wanted.right.role)
        for second in self._seconds():
            scene, later = self.judged.scene([second, *partners, *makers], leaves)
            base = self.judged.base_forbids(scene)
            self._name_makers(scene, base, thirds)
            goals = tuple(self._both(scene, second))
            yield Case(
                f"two sessions commit to the same data, the second as ({', '.join(second.names)})", scene, goals,
                base.result(), self._before_commit(later), tuple((STAR, commit.stance) for commit in self.commits))  # fmt: skip

    def _seconds(self) -> Iterator[Session]:
        """Yield the second committing session under all names that equal data leave open to it."""
        shared = {datum.name for datum in self.shared_names()}
        role = self.judged.machine.role
        choices: list[tuple[str, ...]] = []
        for variable, name in zip(role.parameters, self.judged.star.names, strict=True):
            if variable.name in shared:
                choices.append((name,))
            else:
                choices.append(
                    tuple(dict.fromkeys((name, OTHER) if variable in role.own else (name, OTHER, DISHONEST)))
                )
        for names in product(*choices):
            yield replace(self.judged.star, label=SECOND, names=names)

    def _both(self, scene: Scene, second: Session) -> Iterator[Goal]:
        """Yield the goals "both sessions are at a commit, with the same data"."""
        alike = second.names == self.judged.star.names
        for one in self.commits:
            for two in self.commits:
                for mapping in unify_all(one.terms, [renamed(term, RUN) for term in two.terms]):
                    fixed = self.judged.fixed(scene, one.stance)
                    if fixed is None or (alike and self._excluded_by_memory(one, mapping)):
                        continue
                    fixed[session_variable(RUN)] = scene.mask("session", [SECOND])
                    body = applied(
                        [*literals(self.clauses, one.stance), *literals(self.clauses, two.stance, RUN)], mapping
                    )
                    goal = scene.goal(body, (), carried(scene, fixed, mapping))
                    if goal is not None and self._can_start(scene, body, fixed):
                        yield goal

    def _excluded_by_memory(self, commit: Commit, mapping: dict[Var, Term]) -> bool:
        """Return whether the two sessions, of one party, would both have accepted a value that must be new to it."""
        role = self.judged.machine.role
        new = commit.stance.new_values() if role.own or role.hosts else set()
        return any(substitute(v, mapping) is substitute(Var(RUN + v.name, v.sort), mapping) for v in new)

    def _can_start(self, scene: Scene, body: list[Literal], fixed: dict[Var, int]) -> bool:
        """Return whether both sessions can have the fresh values that equal data ask for."""
        index = {i for role, i in self.clauses.session_of.items() if role == self.judged.machine.role.name}
        atoms = [literal for literal in body if literal.predicate in index]
        boxes = {i: list(scene.relation(i, self.clauses.predicates[i])) for i in index}
        goal = scene.goal(atoms, (), {v: m for v, m in fixed.items() if any(v in a.arguments for a in atoms)})
        if goal is None:
            return False
        for chosen in product(*(boxes[atom.predicate] for atom in goal.body)):
            masks = list(goal.masks)
            for atom, box in zip(goal.body, chosen, strict=True):
                for slot, mask in zip(atom.slots, box, strict=True):
                    masks[slot] &= mask
            if all(masks):
                return True
        return False


def _made_in(scene: Scene, predicate: int, box: tuple[int, ...], variable: Var) -> set[str]:
    """Return the labels of the classes (and the attacker leaf) whose values a box has for a variable."""
    start = first_column(scene, predicate, variable)
    labels: set[str] = set()
    for offset, sort in enumerate(scene.clauses.column_sorts(variable.sort)):
        for value in scene.values(sort, box[start + offset]):
            labels.add(value.partition("@")[2] or value)
    return labels


def is_stored_sort(variable: Var) -> bool:
    """Return whether a variable stands for a stored value."""
    return variable.sort.startswith("stored ")


def _is_secret_sort(sort: str) -> bool:
    return sort in FRESH_SORTS or sort.startswith("stored ")


def _number(label: str) -> int:
    """Return the position for which a spotlight was made, 0 for others."""
    return int(label.split(" ")[1]) if label.startswith("maker ") else 0


def first_column(scene: Scene, predicate: int, variable: Var) -> int:
    column = 1
    for one in scene.clauses.predicates[predicate].variables:
        if one is variable:
            return column
        column += len(scene.clauses.column_sorts(one.sort))
    raise KeyError(variable)


def states_with(scene: Scene, role: str, variable: Var) -> Iterator[int]:
    """Yield the state predicates of a role that have a column for ``variable``."""
    for (name, _), predicate in scene.clauses.state_of.items():
        if name == role and variable in scene.clauses.predicates[predicate].variables:
            yield predicate


def ground_values(
    scene: Scene, predicate: int, boxes: tuple[tuple[int, ...], ...], data: list[Var]
) -> set[tuple[tuple[str, ...], ...]]:
    """Return the ground values of the data in the judged session's states."""
    found: set[tuple[tuple[str, ...], ...]] = set()
    for box in boxes:
        options = []
        for variable in data:
            start = first_column(scene, predicate, variable)
            sorts = scene.clauses.column_sorts(variable.sort)
            masks = [box[start + offset] for offset in range(len(sorts))]
            options.append(list(product(*(scene.values(s, m) for s, m in zip(sorts, masks, strict=True)))))
        size = 1
        for option in options:
            size *= len(option)
        if size > MOST_DELTAS:
            raise TooMany
        found.update(product(*options))
        if len(found) > MOST_DELTAS:
            raise TooMany
    return found


def outside(scene: Scene, sorts: list[str], points: list[tuple[str, ...]]) -> list[tuple[int, ...]]:
    """Return boxes that cover everything but some points."""
    rest = [tuple(scene.full(sort) for sort in sorts)]
    for point in points:
        bits = [scene.mask(sort, [word]) for sort, word in zip(sorts, point, strict=True)]
        smaller: list[tuple[int, ...]] = []
        for box in rest:
            inside = list(box)
            if not all(mask & bit for mask, bit in zip(box, bits, strict=True)):
                smaller.append(box)
                continue
            for position, bit in enumerate(bits):
                if inside[position] & ~bit:
                    smaller.append((*inside[:position], inside[position] & ~bit, *inside[position + 1 :]))
                inside[position] &= bit
        rest = smaller
    return rest


def only(
    scene: Scene, forbids: Forbids, predicate: int, variable: Var, value: tuple[str, ...], label: str = STAR
) -> None:
    """Forbid a session's states in which ``variable`` is anything but ``value``."""
    start = first_column(scene, predicate, variable)
    for offset, (sort, one) in enumerate(zip(scene.clauses.column_sorts(variable.sort), value, strict=True)):
        box = list(restriction(scene, predicate, {}, [label]))
        box[start + offset] = scene.full(sort) & ~scene.mask(sort, [one])
        if box[start + offset]:
            forbids.add(predicate, tuple(box))


def _is_unique(scene: Scene, sort: str, value: tuple[str, ...]) -> bool:
    sorts = scene.clauses.column_sorts(sort)
    return all(one != ELSEWHERE and scene.is_unique(s, one) for s, one in zip(sorts, value, strict=True))


def _evaluate(scene: Scene, term: Term, table: dict[Term, tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return the ground value of a leaf term, None if the data do not fix it or it has no single column."""
    if term in table:
        return table[term]
    match term:
        case Const(value, _):
            return (value,)
        case Key(family, _, arguments):
            names = [_evaluate(scene, argument, table) for argument in arguments]
            if any(name is None for name in names):
                return None
            return (scene.key_leaf(family, [name[0] for name in names if name is not None]),)
        case _:
            return None


def _agrees(scene: Scene, term: Term, value: tuple[str, ...], table: dict[Term, tuple[str, ...]]) -> bool:
    if isinstance(term, Key):
        return _evaluate(scene, term, {t: v for t, v in table.items() if t is not term}) in (None, value)
    return True
