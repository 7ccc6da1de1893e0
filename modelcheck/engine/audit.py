"""Checks that boxes are an inductive invariant and exclude every goal, with z3 and nothing of the fixpoint.

A question to the SAT solver is about several predicates: "is there a clause with a point of its body inside the
boxes and its head outside of them, or a start box with a point outside?" Goals are asked for in the same way. Each
clause has a selector that switches its conditions on, and one selector has to be true. A slot ranges over the
*classes* of values that no mask of the question tells apart, one propositional variable per class; clauses share
these variables, since one violated clause is enough.

z3 reads DIMACS text, because building z3 expressions costs more than solving them.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic

from modelcheck.engine.horn import Atom, Box, Clause, Goal, Mask, Program, Relations

TRUE = 1
"""The literal of the propositional variable that every question asserts."""

LONG = 1000
"""How many propositional clauses a question has before another one is begun.

Many short questions cost more than they ask, and in long ones z3 reasons about predicates that are not involved.
"""

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

    def __str__(self) -> str:
        """A phrase that says so."""
        return f"clause {self.clause} leaves the boxes of stage {self.stage} at {self.values}"


@dataclass(frozen=True, slots=True)
class NotIncluded:
    """A point of the start relations, or of the earlier stage, that the boxes of the predicate miss."""

    stage: int
    predicate: int
    values: tuple[int, ...]

    def __str__(self) -> str:
        """A phrase that says so."""
        return f"the boxes of stage {self.stage} miss what predicate {self.predicate} starts with at {self.values}"


@dataclass(frozen=True, slots=True)
class GoalReached:
    """A goal that holds inside the boxes with these slot values."""

    stage: int
    goal: int
    values: tuple[int, ...]

    def __str__(self) -> str:
        """A phrase that says so."""
        return f"goal {self.goal} holds in the boxes of stage {self.stage} at {self.values}"


@dataclass(frozen=True, slots=True)
class Malformed:
    """A stage that is not well-formed: predicates, slots or columns do not fit together."""

    stage: int
    reason: str

    def __str__(self) -> str:
        """A phrase that says so."""
        return f"stage {self.stage} is malformed: {self.reason}"


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """The budget ended before a question about this stage was answered."""

    stage: int

    def __str__(self) -> str:
        """A phrase that says so."""
        return f"the budget of the audit ended in stage {self.stage}"


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


def audit(stages: Sequence[Stage], budget: int, deadline: float | None = None) -> AuditReport:
    """The report on stages in order of time: each is closed, excludes its goals and includes the one before.

    ``budget`` bounds the work in z3's resource units plus the clauses of the questions, so it reproduces; no question is asked when
    the monotonic clock has passed ``deadline``.
    """
    failures: list[Failure] = []
    session = _Session(budget, deadline)
    for number, stage in enumerate(stages):
        earlier = stages[number - 1] if number else None
        reason = _malformed(stage) or _unrelated(stage, earlier)
        if reason is not None:
            return AuditReport(session.checks, (*failures, Malformed(number, reason)), session.spent)
        failures += _check_stage(number, stage, earlier.relations if earlier else {}, session)
    return AuditReport(session.checks, tuple(failures), session.spent)


def _check_stage(number: int, stage: Stage, earlier: Relations, session: _Session) -> Iterator[Failure]:
    program = stage.program
    by_head: dict[int, list[int]] = {}
    for index, clause in enumerate(program.clauses):
        by_head.setdefault(clause.head.predicate, []).append(index)
    batch = _Batch(stage)
    for predicate in range(len(program.columns)):
        included = (*stage.start.get(predicate, ()), *earlier.get(predicate, ()))
        clauses = by_head.get(predicate, ())
        if clauses or included:
            batch.add_predicate(predicate, clauses, included)
        if len(batch.question.lines) > LONG:
            yield from batch.ask(number, session)
            batch = _Batch(stage)
    for index, goal in enumerate(program.goals):
        batch.add_goal(index, goal)
    yield from batch.ask(number, session)


@dataclass(frozen=True, slots=True)
class _Suspect:
    """What a selector of a question stands for: a clause, a goal, or the start boxes of a predicate if neither."""

    predicate: int | None
    clause: int | None
    goal: int | None
    masks: tuple[Mask, ...]
    slots: dict[int, _Variable]
    body: tuple[Atom, ...] = ()

    def failure(self, stage: int, answer: _Answer, relations: Relations) -> Failure:
        """The failure that the answer shows."""
        left = [
            1 << answer.value(self.slots[slot]) if slot in self.slots else mask for slot, mask in enumerate(self.masks)
        ]
        for atom in self.body:
            boxes = ([left[slot] & mask for slot, mask in zip(atom.slots, box, strict=True)]
                     for box in relations[atom.predicate])  # fmt: skip
            for slot, mask in zip(atom.slots, next(filter(all, boxes)), strict=True):
                left[slot] = mask
        values = tuple((mask & -mask).bit_length() - 1 for mask in left)
        if self.clause is not None:
            return NotClosed(stage, self.clause, values)
        if self.goal is not None:
            return GoalReached(stage, self.goal, values)
        assert self.predicate is not None
        return NotIncluded(stage, self.predicate, values)


class _Batch:
    """One question about several predicates of a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.question = _Question()
        self.suspects: dict[Literal, _Suspect] = {}
        self.holding: dict[tuple[int, tuple[_Variable | Mask, ...]], Literal] = {}
        self.checks = 0

    def ask(self, number: int, session: _Session) -> list[Failure]:
        """What fails, at most one failure for each predicate and one for the goals."""
        self.question.finish()
        found: dict[Literal, Failure] = {}
        suspects = self.suspects
        while suspects:
            answer = session.ask(self.question, suspects)
            if isinstance(answer, BudgetSpent):
                return [*(found[selector] for selector in sorted(found)), BudgetSpent(number)]
            if answer is None:
                break
            guilty = suspects[answer.selector]
            found[answer.selector] = guilty.failure(number, answer, self.stage.relations)
            suspects = {key: one for key, one in suspects.items() if one.predicate != guilty.predicate}
        session.checks += self.checks
        return [found[selector] for selector in sorted(found)]

    def add_predicate(self, predicate: int, clauses: Sequence[int], included: tuple[Box, ...]) -> None:
        """Nothing; the question asks for a point that the clauses or the included boxes have and the boxes miss."""
        question, program = self.question, self.stage.program
        columns = program.columns[predicate]
        head = question.point(columns)
        outside, unforbidden = question.literal(), question.literal()
        question.outside(outside, head, self.stage.relations.get(predicate, ()))
        question.outside(unforbidden, head, program.forbidden.get(predicate, ()))
        if included:
            selector = question.inside(head, included)
            question.require(-selector, outside)
            self.suspects[selector] = _Suspect(predicate, None, None, columns, dict(enumerate(head)))
        for index in clauses:
            self._add_clause(index, program.clauses[index], head, (outside, unforbidden))
        self.checks += len(clauses) + bool(included)

    def _add_clause(
        self, index: int, clause: Clause, head: tuple[_Variable, ...], conditions: tuple[Literal, Literal]
    ) -> None:
        question = self.question
        slots: dict[int, _Variable] = {}
        for slot, variable in zip(clause.head.slots, head, strict=True):
            slots.setdefault(slot, variable)
        selector = self._conditions(clause, slots, head)
        if selector is None:
            return
        columns = self.stage.program.columns[clause.head.predicate]
        for slot, variable, full in zip(clause.head.slots, head, columns, strict=True):
            question.equal(selector, slots[slot], variable)
            question.require(-selector, question.member(variable, full))
        for condition in conditions:
            question.require(-selector, condition)
        self.suspects[selector] = _Suspect(clause.head.predicate, index, None, clause.masks, slots, clause.body)

    def add_goal(self, index: int, goal: Goal) -> None:
        """Nothing; the question asks for a point of the goal inside the boxes."""
        slots: dict[int, _Variable] = {}
        selector = self._conditions(goal, slots, ())
        if selector is not None:
            self.suspects[selector] = _Suspect(None, None, index, goal.masks, slots, goal.body)
        self.checks += 1

    def _conditions(
        self, one: Clause | Goal, slots: dict[int, _Variable], head: tuple[_Variable, ...]
    ) -> Literal | None:
        """A literal that implies the body, the masks and the conditions; None if they cannot hold.

        ``slots`` gains a variable for every slot that matters and has none yet. It is none of the ``head``: a column
        there may belong to another slot. A slot that is read in one place only needs none: any value there does.
        """
        relations, question = self.stage.relations, self.question
        if not all(one.masks) or not all(relations.get(atom.predicate) for atom in one.body):
            return None
        read = [slot for atom in one.body for slot in atom.slots]
        read += [slot for differ in one.differ for slot in (differ.left, differ.right)]
        apart = {slot for differ in one.differ for slot in (differ.left, differ.right)}
        missing = [s for s, uses in Counter(read).items() if s not in slots and (uses > 1 or s in apart)]
        added = question.point([one.masks[slot] for slot in missing], head)
        slots.update(zip(missing, added, strict=True))
        selector = question.literal()
        for slot, variable in slots.items():
            question.require(-selector, question.member(variable, one.masks[slot]))
        for atom in one.body:
            question.require(
                -selector, self._holds(atom.predicate, tuple(slots.get(slot, one.masks[slot]) for slot in atom.slots))
            )
        for differ in one.differ:
            question.apart(selector, slots[differ.left], slots[differ.right], differ.unique)
        return selector

    def _holds(self, predicate: int, point: tuple[_Variable | Mask, ...]) -> Literal:
        """A literal that implies that a point is in the boxes of the predicate, the same for every clause.

        Where a mask stands instead of a variable, the point may have any value of it.
        """
        if (predicate, point) not in self.holding:
            variables = tuple(one for one in point if isinstance(one, _Variable))
            boxes = dict.fromkeys(
                tuple(mask for mask, one in zip(box, point, strict=True) if isinstance(one, _Variable))
                for box in self.stage.relations[predicate]
                if all(isinstance(one, _Variable) or one & mask for mask, one in zip(box, point, strict=True))
            )
            self.holding[predicate, point] = self.question.inside(variables, boxes)
        return self.holding[predicate, point]


@dataclass(slots=True, eq=False)
class _Variable:
    """One value of a point: the masks that a question compares it with, and later the classes they leave.

    ``members`` has the literals of the masks, ``known`` what any integer taken as a mask comes to.
    """

    domain: Mask
    members: dict[Mask, Literal] = field(default_factory=dict)
    known: dict[Mask, Literal] = field(default_factory=dict)
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
        self.pool: dict[int, list[_Variable]] = {}
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

    def point(self, masks: Sequence[Mask], used: Iterable[_Variable] = ()) -> tuple[_Variable, ...]:
        """A variable for each mask, over at least its values; none is ``used``, no two are the same."""
        found: list[_Variable] = []
        taken = set(map(id, used))
        for mask in masks:
            alike = self.pool.setdefault(mask.bit_length(), [])
            variable = next((one for one in alike if id(one) not in taken), None)
            if variable is None:
                variable = _Variable((1 << mask.bit_length()) - 1)
                alike.append(variable)
            taken.add(id(variable))
            found.append(variable)
        return tuple(found)

    def member(self, variable: _Variable, mask: Mask) -> Literal:
        """A literal that implies that the variable is inside the mask."""
        known = variable.known.get(mask)
        if known is not None:
            return known
        inside = mask & variable.domain
        if not inside:
            literal = -TRUE
        elif inside == variable.domain:
            literal = TRUE
        else:
            literal = variable.members.get(inside) or self.literal()
            variable.members[inside] = literal
        variable.known[mask] = literal
        return literal

    def _members(self, point: tuple[_Variable, ...], masks: Sequence[Mask]) -> list[Literal]:
        return [
            variable.known.get(mask) or self.member(variable, mask) for variable, mask in zip(point, masks, strict=True)
        ]

    def inside(self, point: tuple[_Variable, ...], boxes: Iterable[Box]) -> Literal:
        """A literal that implies that the point is in one of the boxes."""
        some = self.literal()
        self.require(-some, *[self._in_box(point, box) for box in boxes])
        return some

    def _in_box(self, point: tuple[_Variable, ...], box: Box) -> Literal:
        members = self._members(point, box)
        if -TRUE in members:
            return -TRUE
        members = [literal for literal in members if literal != TRUE]
        if len(members) < 2:
            return members[0] if members else TRUE
        self.top += 1
        self.lines += [f"-{self.top} {literal} 0" for literal in members]
        return self.top

    def outside(self, condition: Literal, point: tuple[_Variable, ...], boxes: Iterable[Box]) -> None:
        """Nothing; under the condition the point is in none of the boxes."""
        for box in boxes:
            self.require(-condition, *self._members(point, [~mask for mask in box]))

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
        for variable in itertools.chain.from_iterable(self.pool.values()):
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
        if literals:  # a variable without values makes its own conditions false, not those of others
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

    def dimacs(self, wanted: Iterable[Literal]) -> str:
        """The question as text, with one of the ``wanted`` literals true."""
        some = " ".join(map(str, wanted))
        return "\n".join([f"p cnf {self.top} {len(self.lines) + 1}", f"{some} 0", *self.lines])


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

    def __init__(self, budget: int, deadline: float | None) -> None:
        # Loading z3 takes longer than most audits, and a command that proves nothing does without it.
        import z3  # type: ignore[import-untyped]

        self.z3 = z3
        self.context = z3.Context()
        self.budget = budget
        self.deadline = deadline
        self.spent = 0
        self.resources = 0
        self.checks = 0

    def ask(self, question: _Question, selectors: Iterable[Literal]) -> _Answer | BudgetSpent | None:
        """A point with one of the selectors true, or None if there is none."""
        wanted = tuple(selectors)
        self.spent += len(question.lines)
        if self.spent >= self.budget or (self.deadline is not None and monotonic() > self.deadline):
            return BudgetSpent(0)
        true = self._satisfy(question.dimacs(wanted))
        if isinstance(true, BudgetSpent):
            return true
        return None if true is None else _Answer(next(one for one in wanted if one in true), true)

    def _satisfy(self, dimacs: str) -> frozenset[Literal] | BudgetSpent | None:
        """The true variables of a solution, or None if there is none."""
        solver = self.z3.SolverFor("QF_FD", ctx=self.context)
        solver.set("rlimit", min(self.budget - self.spent, 2**32 - 1))
        # z3 would take an interruption for itself and answer "unknown"; the program that asked is to end.
        solver.set("ctrl_c", False)
        solver.from_string(dimacs)
        verdict = solver.check()
        resources = solver.statistics().get_key_value("rlimit count")
        self.spent += resources - self.resources
        self.resources = resources
        if verdict == self.z3.unsat:
            return None
        if verdict != self.z3.sat:
            return BudgetSpent(0)
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
    if len(box) != len(columns):
        return False
    return not any(mask & ~full for mask, full in zip(box, columns, strict=True))


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
