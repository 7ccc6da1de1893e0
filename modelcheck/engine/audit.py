"""Checks that boxes are an inductive invariant and exclude every goal, with z3 and nothing of the fixpoint.

Each step is a SAT question about one point. A variable of a clause ranges over the *classes* of values that
no mask of the question tells apart, one propositional variable per class. The clauses with the same head
predicate share one question: "is there a point of some body, inside the boxes, whose head is outside of
them?" Each clause has a selector that switches its conditions on, and one selector has to be true.

z3 reads DIMACS text, because building z3 expressions costs more than solving them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from modelcheck.engine.horn import Atom, Box, Clause, Differ, Goal, Mask, Program, Relations

TRUE = 1
"""The literal of the propositional variable that every question asserts."""

Literal = int


@dataclass(frozen=True, slots=True)
class Stage:
    """Relations to be checked against a program; ``start`` is what they have to include from the outset."""

    program: Program
    relations: Relations
    start: Relations = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotClosed:
    """A clause whose body holds inside the boxes with these slot values while its head is outside."""

    stage: int
    clause: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NotIncluded:
    """A point of the start relations, or of the earlier stage, that the boxes of the predicate miss."""

    stage: int
    predicate: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GoalReached:
    """A goal that holds inside the boxes with these slot values."""

    stage: int
    goal: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Malformed:
    """A stage that is not well-formed: predicates, slots or columns do not fit together."""

    stage: int
    reason: str


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """The budget ended before the question about this predicate (None: the goals) was answered."""

    stage: int
    predicate: int | None


Failure = NotClosed | NotIncluded | GoalReached | Malformed | BudgetSpent


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the audit found, at most one failure per predicate and one for the goals of a stage.

    ``checks`` counts the clauses, inclusions and goals that an answer was obtained for.
    """

    checks: int
    failures: tuple[Failure, ...]
    spent: int

    @property
    def accepted(self) -> bool:
        """Whether every check was made and passed."""
        return not self.failures


def audit(stages: Sequence[Stage], budget: int) -> AuditReport:
    """The report on stages in order of time: each is closed, excludes its goals and includes the one before.

    ``budget`` bounds the work in z3's resource units plus the clauses of the questions, so it reproduces.
    """
    failures: list[Failure] = []
    session = _Session(budget)
    for number, stage in enumerate(stages):
        earlier = stages[number - 1] if number else None
        reason = _malformed(stage) or _unrelated(stage, earlier)
        if reason is not None:
            return AuditReport(session.checks, (*failures, Malformed(number, reason)), session.spent)
        failures += _check_stage(number, stage, earlier.relations if earlier else {}, session)
    return AuditReport(session.checks, tuple(failures), session.spent)


def _check_stage(number: int, stage: Stage, earlier: Relations, session: _Session) -> Iterator[Failure]:
    by_head: dict[int, list[int]] = {}
    for index, clause in enumerate(stage.program.clauses):
        by_head.setdefault(clause.head.predicate, []).append(index)
    for predicate in range(len(stage.program.columns)):
        included = (*stage.start.get(predicate, ()), *earlier.get(predicate, ()))
        clauses = by_head.get(predicate, [])
        if clauses or included:
            yield from _check_predicate(number, stage, predicate, clauses, included, session)
    yield from _check_goals(number, stage, session)


def _check_predicate(
    number: int,
    stage: Stage,
    predicate: int,
    clauses: list[int],
    included: tuple[Box, ...],
    session: _Session,
) -> Iterator[Failure]:
    question = _Question()
    head = tuple(question.variable(full) for full in stage.program.columns[predicate])
    question.outside(TRUE, head, stage.relations.get(predicate, ()))
    unforbidden = question.literal()
    question.outside(unforbidden, head, stage.program.forbidden.get(predicate, ()))
    selected: dict[Literal, tuple[int | None, dict[int, _Variable]]] = {}
    if included:
        selected[question.inside(head, -1, included)] = (None, dict(enumerate(head)))
    for index in clauses:
        clause = stage.program.clauses[index]
        slots = _head_slots(clause, head)
        selector = _conditions(question, stage, clause.body, clause.masks, clause.differ, slots)
        if selector is not None:
            for slot, variable in zip(clause.head.slots, head, strict=True):
                question.equal(selector, slots[slot], variable)
            _within_columns(question, stage.program, selector, clause, slots)
            question.require(-selector, unforbidden)
            selected[selector] = (index, slots)
    answer = session.ask(question, selected, len(clauses) + bool(included))
    if isinstance(answer, BudgetSpent):
        yield BudgetSpent(number, predicate)
    elif answer is not None:
        chosen, slots = selected[answer.selector]
        if chosen is None:
            yield NotIncluded(number, predicate, tuple(answer.value(variable) for variable in head))
        else:
            yield NotClosed(number, chosen, _slot_values(answer, stage.program.clauses[chosen].masks, slots))


def _check_goals(number: int, stage: Stage, session: _Session) -> Iterator[Failure]:
    question = _Question()
    selected: dict[Literal, tuple[int, dict[int, _Variable]]] = {}
    for index, goal in enumerate(stage.program.goals):
        slots: dict[int, _Variable] = {}
        selector = _conditions(question, stage, goal.body, goal.masks, goal.differ, slots)
        if selector is not None:
            selected[selector] = (index, slots)
    answer = session.ask(question, selected, len(stage.program.goals))
    if isinstance(answer, BudgetSpent):
        yield BudgetSpent(number, None)
    elif answer is not None:
        chosen, slots = selected[answer.selector]
        yield GoalReached(number, chosen, _slot_values(answer, stage.program.goals[chosen].masks, slots))


def _head_slots(clause: Clause, head: tuple[_Variable, ...]) -> dict[int, _Variable]:
    slots: dict[int, _Variable] = {}
    for slot, variable in zip(clause.head.slots, head, strict=True):
        slots.setdefault(slot, variable)
    return slots


def _within_columns(
    question: _Question, program: Program, selector: Literal, clause: Clause, slots: dict[int, _Variable]
) -> None:
    """A head may use a slot in a column narrower than the slot: values outside of the column make no head."""
    for slot, full in zip(clause.head.slots, program.columns[clause.head.predicate], strict=True):
        question.require(-selector, question.member(slots[slot], full))


def _conditions(
    question: _Question,
    stage: Stage,
    body: tuple[Atom, ...],
    masks: tuple[Mask, ...],
    differ: tuple[Differ, ...],
    slots: dict[int, _Variable],
) -> Literal | None:
    """A literal that implies the body, the masks and the conditions; None if they cannot hold.

    ``slots`` gains a variable for every slot that matters and has none yet. Such variables are shared between
    the clauses of a question, since only one clause has to be violated.
    """
    if not all(masks) or any(not stage.relations.get(atom.predicate) for atom in body):
        return None
    taken: dict[int, int] = {}
    for slot in (
        *(slot for atom in body for slot in atom.slots),
        *(s for d in differ for s in (d.left, d.right)),
    ):
        if slot not in slots:
            width = masks[slot].bit_length()
            slots[slot] = question.shared(width, taken.get(width, 0))
            taken[width] = taken.get(width, 0) + 1
    selector = question.literal()
    for slot, variable in slots.items():
        question.require(-selector, question.member(variable, masks[slot]))
    for atom in body:
        variables = tuple(slots[slot] for slot in atom.slots)
        boxes = stage.relations[atom.predicate]
        question.require(-selector, question.inside(variables, atom.predicate, boxes))
    for condition in differ:
        question.apart(selector, slots[condition.left], slots[condition.right], condition.unique)
    return selector


def _slot_values(answer: _Answer, masks: tuple[Mask, ...], slots: dict[int, _Variable]) -> tuple[int, ...]:
    return tuple(
        answer.value(slots[slot]) if slot in slots else (mask & -mask).bit_length() - 1
        for slot, mask in enumerate(masks)
    )


@dataclass(slots=True, eq=False)
class _Variable:
    """One value of a point: the masks that a question compares it with, and later the classes they leave."""

    domain: Mask
    members: dict[Mask, Literal] = field(default_factory=dict)
    tied: list[_Variable] = field(default_factory=list)
    classes: dict[Mask, Literal] = field(default_factory=dict)


class _Question:
    """A propositional question under construction.

    Every literal made here occurs on the side where it has to *imply* its meaning, so one direction is
    stated.
    """

    def __init__(self) -> None:
        self.lines = [f"{TRUE} 0"]
        self.top = TRUE
        self.variables: list[_Variable] = []
        self.pool: dict[tuple[int, int], _Variable] = {}
        self.insides: dict[tuple[tuple[_Variable, ...], int], Literal] = {}
        self.equalities: list[tuple[Literal, _Variable, _Variable]] = []
        self.differences: list[tuple[Literal, _Variable, _Variable, Mask]] = []

    def literal(self) -> Literal:
        """A new propositional variable."""
        self.top += 1
        return self.top

    def require(self, *literals: Literal) -> None:
        """Nothing; one of the literals has to be true."""
        if TRUE not in literals:
            self.lines.append(" ".join([str(literal) for literal in literals if literal != -TRUE]) + " 0")

    def variable(self, domain: Mask) -> _Variable:
        """A new variable over the values in ``domain``."""
        self.variables.append(_Variable(domain))
        return self.variables[-1]

    def shared(self, width: int, number: int) -> _Variable:
        """The variable with this number among those over the first ``width`` values."""
        key = width, number
        if key not in self.pool:
            self.pool[key] = self.variable((1 << width) - 1)
        return self.pool[key]

    def member(self, variable: _Variable, mask: Mask) -> Literal:
        """A literal that implies that the variable is inside the mask."""
        mask &= variable.domain
        if mask == variable.domain and mask:
            return TRUE
        if not mask:
            return -TRUE
        if mask not in variable.members:
            variable.members[mask] = self.literal()
        return variable.members[mask]

    def inside(self, point: tuple[_Variable, ...], predicate: int, boxes: Iterable[Box]) -> Literal:
        """A literal that implies that the point is in one of the boxes, which are those of the predicate."""
        key = point, predicate
        if key not in self.insides:
            self.insides[key] = some = self.literal()
            chosen = [self._in_box(point, box) for box in boxes]
            self.require(-some, *chosen)
        return self.insides[key]

    def _in_box(self, point: tuple[_Variable, ...], box: Box) -> Literal:
        members = [self.member(variable, mask) for variable, mask in zip(point, box, strict=True)]
        if -TRUE in members:
            return -TRUE
        members = [literal for literal in members if literal != TRUE]
        if not members:
            return TRUE
        if len(members) == 1:
            return members[0]
        self.top += 1
        self.lines += [f"-{self.top} {literal} 0" for literal in members]
        return self.top

    def outside(self, condition: Literal, point: tuple[_Variable, ...], boxes: Iterable[Box]) -> None:
        """Nothing; under the condition the point is in none of the boxes."""
        for box in boxes:
            self.require(
                -condition, *(self.member(variable, ~mask) for variable, mask in zip(point, box, strict=True))
            )

    def equal(self, condition: Literal, left: _Variable, right: _Variable) -> None:
        """Nothing; under the condition the variables have the same value."""
        if left is not right:
            self.equalities.append((condition, left, right))
            left.tied.append(right)
            right.tied.append(left)

    def apart(self, condition: Literal, left: _Variable, right: _Variable, unique: Mask) -> None:
        """Nothing; under the condition the variables do not have the same value of ``unique``.

        Unique values become classes of their own: a class of several would hide how many there are.
        """
        if left is right:
            self.require(-condition, self.member(left, ~unique))
            return
        self.differences.append((condition, left, right, unique))
        left.tied.append(right)
        right.tied.append(left)
        for value in _values(unique & left.domain & right.domain):
            self.member(left, value)

    def finish(self) -> None:
        """Nothing; the classes of every variable are known and every condition on them is a clause."""
        done: set[int] = set()
        for variable in self.variables:
            if id(variable) not in done:
                group = _tied_group(variable)
                done.update(map(id, group))
                masks = {mask for one in group for mask in one.members} | {one.domain for one in group}
                for one in group:
                    self._classify(one, _partition(one.domain, masks))
        for condition, left, right in self.equalities:
            for value, literal in left.classes.items():
                self.require(-condition, -literal, right.classes.get(value, -TRUE))
        for condition, left, right, unique in self.differences:
            for value, literal in left.classes.items():
                if value & unique and value in right.classes:
                    self.require(-condition, -literal, -right.classes[value])

    def _classify(self, variable: _Variable, classes: list[Mask]) -> None:
        variable.classes = {value: self.literal() for value in classes}
        literals = list(variable.classes.values())
        self.require(*literals)
        self._at_most_one(literals)
        for mask, member in variable.members.items():
            inside = [literal for value, literal in variable.classes.items() if value & mask]
            if 2 * len(inside) <= len(literals):
                self.require(-member, *inside)
            else:
                self.lines += [f"-{member} -{literal} 0" for literal in literals if literal not in inside]

    def _at_most_one(self, literals: list[Literal]) -> None:
        """Nothing; pairs for a few literals, else groups of four and a new literal for "one of these"."""
        while len(literals) > 5:
            group, literals = literals[:4], literals[4:]
            one = self.literal()
            self.lines += [f"-{literal} {one} 0" for literal in group]
            self._at_most_one(group)
            literals.insert(0, one)
        self.lines += [f"-{literal} -{other} 0" for literal, other in itertools.combinations(literals, 2)]

    def dimacs(self) -> str:
        """The question as text."""
        return "\n".join([f"p cnf {self.top} {len(self.lines)}", *self.lines])


@dataclass(frozen=True, slots=True)
class _Answer:
    """A point that violates what is checked."""

    selector: Literal
    true: frozenset[Literal]

    def value(self, variable: _Variable) -> int:
        """The value of the variable in this point, the least of its class."""
        chosen = next(value for value, literal in variable.classes.items() if literal in self.true)
        return (chosen & -chosen).bit_length() - 1


class _Session:
    """The z3 context of one audit, what it has spent and how many checks it has made."""

    def __init__(self, budget: int) -> None:
        # Loading z3 takes longer than most audits, and a command that proves nothing does without it.
        import z3  # type: ignore[import-untyped]

        self.z3 = z3
        self.context = z3.Context()
        self.budget = budget
        self.spent = 0
        self.resources = 0
        self.checks = 0

    def ask(
        self, question: _Question, selectors: Iterable[Literal], checks: int
    ) -> _Answer | BudgetSpent | None:
        """A point with one of the selectors true, or None if there is none: the answer to so many checks."""
        selectors = tuple(selectors)
        if not selectors:
            self.checks += checks
            return None
        question.require(*selectors)
        question.finish()
        self.spent += len(question.lines)
        if self.spent >= self.budget:
            return BudgetSpent(0, None)
        true = self._satisfy(question.dimacs())
        if isinstance(true, BudgetSpent):
            return true
        self.checks += checks
        return None if true is None else _Answer(next(one for one in selectors if one in true), true)

    def _satisfy(self, dimacs: str) -> frozenset[Literal] | BudgetSpent | None:
        """The true variables of a solution, or None if there is none."""
        solver = self.z3.SolverFor("QF_FD", ctx=self.context)
        solver.set("rlimit", min(self.budget - self.spent, 2**32 - 1))
        solver.from_string(dimacs)
        verdict = solver.check()
        resources = solver.statistics().get_key_value("rlimit count")
        self.spent += resources - self.resources
        self.resources = resources
        if verdict == self.z3.unsat:
            return None
        if verdict != self.z3.sat:
            return BudgetSpent(0, None)
        model = solver.model()
        return frozenset(int(one.name()[2:]) for one in model.decls() if self.z3.is_true(model[one]))


def _values(mask: Mask) -> Iterator[Mask]:
    while mask:
        yield mask & -mask
        mask &= mask - 1


def _tied_group(variable: _Variable) -> list[_Variable]:
    """The variables whose classes have to be the same as those of ``variable``, itself first."""
    group, known = [variable], {id(variable)}
    for member in group:
        for other in member.tied:
            if id(other) not in known:
                known.add(id(other))
                group.append(other)
    return group


def _partition(domain: Mask, masks: Iterable[Mask]) -> list[Mask]:
    """The classes of the values in ``domain`` that no mask tells apart."""
    classes = [domain]
    for mask in masks:
        if len(classes) == domain.bit_count():
            break
        classes = [part for value in classes for part in (value & mask, value & ~mask) if part]
    return sorted(classes)


def _malformed(stage: Stage) -> str | None:
    """Why the stage is not well-formed, or None."""
    columns = stage.program.columns
    for index, clause in enumerate(stage.program.clauses):
        if not _fits(clause, (clause.head, *clause.body), columns):
            return f"clause {index} uses a slot or a predicate that does not exist"
    for index, goal in enumerate(stage.program.goals):
        if not _fits(goal, goal.body, columns):
            return f"goal {index} uses a slot or a predicate that does not exist"
    for name, relations in (
        ("the relations", stage.relations),
        ("the start relations", stage.start),
        ("the forbidden boxes", stage.program.forbidden),
    ):
        for predicate, boxes in relations.items():
            if not 0 <= predicate < len(columns):
                return f"{name} have a predicate {predicate} that does not exist"
            if not all(_is_box(box, columns[predicate]) for box in boxes):
                return f"{name} have a box of predicate {predicate} that does not fit its columns"
    return None


def _is_box(box: Box, columns: tuple[Mask, ...]) -> bool:
    return len(box) == len(columns) and all(
        mask >= 0 and not mask & ~full for mask, full in zip(box, columns, strict=True)
    )


def _fits(one: Clause | Goal, atoms: tuple[Atom, ...], columns: tuple[tuple[Mask, ...], ...]) -> bool:
    slots = range(len(one.masks))
    return (
        all(0 <= atom.predicate < len(columns) for atom in atoms)
        and all(len(atom.slots) == len(columns[atom.predicate]) for atom in atoms)
        and all(slot in slots for atom in atoms for slot in atom.slots)
        and all(differ.left in slots and differ.right in slots for differ in one.differ)
        and all(mask >= 0 for mask in one.masks)
    )


def _unrelated(stage: Stage, earlier: Stage | None) -> str | None:
    if earlier is not None and earlier.program.columns != stage.program.columns:
        return "its predicates are not those of the stage before"
    return None
