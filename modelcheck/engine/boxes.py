"""The least model of a finite-domain Horn program, as finite unions of boxes.

A rule body is a conjunction of atoms, so joining boxes gives boxes and so does projecting the result on the
head: a bottom-up fixpoint never leaves this class, except in two places. A condition that two slots differ
splits a box. A slot that a head repeats makes two columns equal; the cheap mode forgets the equality (the
model grows, so what it excludes is excluded) and the exact mode splits the slot into single values.

A box is kept as one integer (see :mod:`modelcheck.engine.layout`). Every clause lays out its slots in the same way,
and each box is converted once for each place where a clause body uses it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from time import monotonic

from modelcheck.engine.horn import Box, Clause, Differ, Goal, Mask, Program, Relations
from modelcheck.engine.layout import Apart, Layout, Moves
from modelcheck.engine.narrowing import Narrowing
from modelcheck.engine.relation import Relation

START = -1
"""The clause index of a box that came with the start relations."""

COMPARED_PER_UNIT = 16
"""How many boxes of its predicate an inserted box is compared with for one work unit."""


FIRST_LOOK = 256
"""Boxes after which an eager computation looks at its goals for the first time; then at twice as many, and so on."""

UNITS_PER_LOOK = 5000
"""Work units between two looks at the clock, some milliseconds."""


class BudgetExceeded(Exception):
    """Raised when the work units are spent; the same input always stops at the same place."""


class TimeExceeded(Exception):
    """Raised when the deadline has passed."""


@dataclass(slots=True)
class Budget:
    """Work units that may be spent, shared by every computation it is passed to.

    Each pair of boxes that is joined takes one, each box inserted one and a fraction for the boxes already
    there.
    """

    units: int
    spent: int = 0
    deadline: float | None = None
    """The moment, on the monotonic clock, at which the work ends in any case."""
    _look: int = 0

    def charge(self, units: int) -> None:
        """Nothing; the units count as spent, and ``BudgetExceeded`` ends the work that outgrew them."""
        self.spent += units
        if self.spent > self.units:
            raise BudgetExceeded(f"{self.units} work units are spent")
        if self.deadline is not None and self.spent > self._look:
            self._look = self.spent + UNITS_PER_LOOK
            if monotonic() > self.deadline:
                raise TimeExceeded("the time is over")


@dataclass(frozen=True, slots=True)
class Record:
    """A box that was added to a predicate, and the index of the clause that added it (or ``START``)."""

    predicate: int
    box: Box
    clause: int


@dataclass(frozen=True, slots=True)
class Fixpoint:
    """The model, the goals that it reaches, and the order in which its boxes were found."""

    relations: dict[int, tuple[Box, ...]]
    reached: tuple[int, ...]
    spent: int
    exact: bool
    complete: bool
    """Whether it was computed to its end, so that it includes the whole model."""
    _layouts: tuple[Layout, ...] = field(repr=False)
    _log: tuple[tuple[int, int, int], ...] = field(repr=False)

    def records(self) -> Iterator[Record]:
        """Every box as it was added, before it was merged with others, oldest first.

        The boxes of the body that gave a record are covered by older records.
        """
        for predicate, packed, clause in self._log:
            yield Record(predicate, self._layouts[predicate].unpack(packed), clause)


@dataclass(slots=True, eq=False)
class _Use:
    """One atom of a clause body: ``table`` holds its boxes, converted to the layout of the clause."""

    rule: _Rule
    position: int
    slots: frozenset[int]
    rest: int
    moves: Moves
    repeats: tuple[tuple[Moves, int], ...]
    others: tuple[_Use, ...] = ()
    table: dict[int, int] = field(default_factory=dict)

    def convert(self, packed: int) -> int | None:
        """The slots of the clause when this atom matches the box, or None when it cannot."""
        rule = self.rule
        env = self.moves.apply(packed, self.rest) & rule.initial
        for moves, others in self.repeats:
            env &= moves.apply(packed, others)
        return env if (env + rule.ones) & rule.guards == rule.guards else None


@dataclass(slots=True, eq=False)
class _Rule:
    """A clause prepared for joining."""

    index: int
    head: int
    initial: int
    ones: int
    guards: int
    head_moves: Moves
    apart: tuple[Apart, ...]
    repeated: tuple[tuple[int, Mask], ...]
    always: frozenset[int]
    slot_fields: tuple[int, ...]
    uses: tuple[_Use, ...] = ()
    dead: dict[int, int] = field(default_factory=dict)

    def dead_after(self, pending: int) -> int:
        """The initial masks of the slots that neither the head nor the ``pending`` atoms (a bit set) read."""
        found = self.dead.get(pending)
        if found is None:
            live = set(self.always)
            for use in self.uses:
                if pending >> use.position & 1:
                    live |= use.slots
            found = sum(mask for slot, mask in enumerate(self.slot_fields) if slot not in live) & self.initial
            self.dead[pending] = found
        return found


Compiled = dict[int, "tuple[Clause, _Rule | None]"]
"""Clauses prepared for joining, by index; programs of one scene share most of theirs."""


def solve(
    program: Program, *, start: Relations | None = None, exact: bool = False, budget: Budget,
    compiled: Compiled | None = None, eager: bool = False,
) -> Fixpoint:  # fmt: skip
    """The least model of the program above ``start``, or one that includes it unless ``exact``.

    ``compiled`` keeps prepared clauses from one program to the next; all programs that share it have the same columns
    for the predicates that they have in common.

    Forbidden boxes are taken away from what clauses add, not from ``start``. Work is first-in first-out, so
    records come in order of derivation depth, and it runs to completion: the model is an inductive invariant. If
    ``eager``, it stops soon after a goal is reached, and the model is not complete.
    """
    return _Solver(program, exact, budget, {} if compiled is None else compiled).run(start or {}, eager=eager)


class _Solver:
    """The state of one fixpoint computation."""

    def __init__(self, program: Program, exact: bool, budget: Budget, known: Compiled) -> None:
        self.program = program
        self.exact = exact
        self.budget = budget
        self.layouts = tuple(Layout.of(columns) for columns in program.columns)
        self.relations = [
            Relation(number, layout, layout.without(), tuple(map(layout.pack, program.forbidden.get(number, ()))))
            for number, layout in enumerate(self.layouts)
        ]
        self.uses: list[list[_Use]] = [[] for _ in self.relations]
        self.rules = [rule for rule in self.prepared(known) if rule is not None]
        self.last = [rule for rule in self.rules if program.clauses[rule.index].last]
        for rule in self.rules:
            for use in () if program.clauses[rule.index].last else rule.uses:
                number = program.clauses[rule.index].body[use.position].predicate
                self.relations[number].tables.append(use.table)
                self.uses[number].append(use)
        self.queue: deque[tuple[Relation, int]] = deque()
        self.log: list[tuple[int, int, int]] = []

    def prepared(self, known: Compiled) -> Iterator[_Rule | None]:
        """The clauses prepared for joining, with no boxes in their tables yet."""
        for index, clause in enumerate(self.program.clauses):
            before = known.get(index)
            if before is not None and before[0] is clause:
                rule = before[1]
                for use in rule.uses if rule is not None else ():
                    use.table.clear()
            else:
                rule = _compile(clause, index, self.program, self.layouts)
                known[index] = (clause, rule)
            yield rule

    def run(self, start: Relations, *, eager: bool) -> Fixpoint:
        """The finished fixpoint, or the first one at a look that reaches a goal."""
        before, look = self.budget.spent, FIRST_LOOK
        for number, boxes in start.items():
            layout = self.layouts[number]
            for packed in map(layout.pack, boxes):
                if layout.inhabited(packed):
                    self.insert(self.relations[number], packed, START)
        for rule in self.rules:
            if not rule.uses:
                self.emit(rule, [rule.initial])
        while self.queue:
            relation, packed = self.queue.popleft()
            if packed in relation.live:
                self.activate(relation, packed)
            if eager and len(self.log) >= look:
                look *= 2
                early = self.finish(before)
                if early.reached:
                    return early
        return self.finish(before)

    def finish(self, before: int) -> Fixpoint:
        """The fixpoint with its goals evaluated."""
        for rule in self.last:
            self.conclude(rule)
        relations = {
            relation.number: tuple(map(relation.layout.unpack, relation.live))
            for relation in self.relations
            if relation.live
        }
        reached = reached_goals(relations, self.program.goals, self.budget)
        spent = self.budget.spent - before
        return Fixpoint(relations, reached, spent, self.exact, not self.queue, self.layouts, tuple(self.log))

    def conclude(self, rule: _Rule) -> None:
        """Nothing; a rule whose head nobody asks for is joined once, with all boxes that there are."""
        tables = []
        for use in rule.uses:
            live = self.relations[self.program.clauses[rule.index].body[use.position].predicate].live
            tables.append([env for packed in live if (env := use.convert(packed)) is not None])
        self.emit(rule, list(_combinations(rule.initial, tables, (rule.ones, rule.guards), self.budget)))

    def activate(self, relation: Relation, packed: int) -> None:
        """Nothing; the box takes part in joins, and those with all that took part before are done."""
        triggered = []
        for use in self.uses[relation.number]:
            env = use.convert(packed)
            if env is not None:
                use.table[packed] = env
                triggered.append((use, env))
        for use, env in triggered:
            envs = self.join(use, env)
            if envs:
                self.emit(use.rule, envs)

    def join(self, trigger: _Use, triggered: int) -> list[int]:
        """The environments inside ``triggered``, where the atom ``trigger`` holds, that satisfy the body."""
        rule, others = trigger.rule, trigger.others
        if not others:
            return [triggered]
        for use in others:
            if not use.table:
                return []
        if len(others) > 1:
            others = tuple(sorted(others, key=_table_size))
        ones, guards = rule.ones, rule.guards
        pending = (1 << len(rule.uses)) - 1 & ~(1 << trigger.position)
        envs = [triggered | rule.dead_after(pending)]
        for use in others:
            pending &= ~(1 << use.position)
            table = use.table.values()
            self.budget.charge(len(table) * len(envs))
            found: dict[int, None] = {}
            for env in envs:
                hits = [meet for box in table if ((meet := box & env) + ones) & guards == guards]
                found.update(dict.fromkeys((env,) if env in hits else hits))
            if not found:
                return []
            dead = rule.dead_after(pending)
            envs = list(dict.fromkeys([env | dead for env in found])) if dead else list(found)
        return envs

    def emit(self, rule: _Rule, envs: list[int]) -> None:
        """Nothing; the heads of the clause in these environments are added to its predicate."""
        for apart in rule.apart:
            envs = [part for env in envs for part in apart.split(env)]
        if self.exact:
            for offset, full in rule.repeated:
                envs = [part for env in envs for part in _single_values(env, offset, full)]
        relation, moves = self.relations[rule.head], rule.head_moves
        for packed in dict.fromkeys(map(moves.apply, envs)):
            if relation.forbidden:
                for part in _subtract(packed, relation.forbidden, relation.layout):
                    self.insert(relation, part, rule.index)
            else:
                self.insert(relation, packed, rule.index)

    def insert(self, relation: Relation, packed: int, clause: int) -> None:
        """Nothing; the box is in the relation and, if it is new, recorded and scheduled."""
        self.budget.charge(1 + len(relation.live) // COMPARED_PER_UNIT)
        covering = relation.absorb(packed)
        if covering is not None:
            self.log.append((relation.number, packed, clause))
            if relation.tables:
                self.queue.append((relation, covering))


def _table_size(use: _Use) -> int:
    return len(use.table)


def _single_values(env: int, offset: int, full: Mask) -> Iterator[int]:
    rest, mask = env & ~(full << offset), env >> offset & full
    while mask:
        low = mask & -mask
        mask ^= low
        yield rest | low << offset


def _subtract(packed: int, forbidden: tuple[int, ...], layout: Layout) -> list[int]:
    """Disjoint boxes that hold the points of ``packed`` outside every forbidden box."""
    parts = [packed]
    for box in forbidden:
        remaining = []
        for whole in parts:
            part = whole
            if not layout.inhabited(part & box):
                remaining.append(part)
                continue
            for offset, full in zip(layout.offsets, layout.fields, strict=True):
                outside = part & full << offset & ~box
                if outside:
                    remaining.append(part & ~(full << offset) | outside)
                    part ^= outside
        parts = remaining
    return parts


def _compile(clause: Clause, index: int, program: Program, layouts: tuple[Layout, ...]) -> _Rule | None:
    """The clause prepared for joining, or None if its masks leave nothing."""
    masks = _narrowed(clause, program)
    if masks is None:
        return None
    order = list(dict.fromkeys(slot for atom in (clause.head, *clause.body) for slot in atom.slots))
    order += [slot for slot in range(len(masks)) if slot not in set(order)]
    layout = Layout.of([masks[slot] for slot in order])
    place = {slot: (layout.offsets[at], layout.fields[at]) for at, slot in enumerate(order)}
    head = set(clause.head.slots)
    target = layouts[clause.head.predicate].offsets
    rule = _Rule(
        index=index,
        head=clause.head.predicate,
        initial=layout.pack([masks[slot] for slot in order]),
        ones=layout.ones,
        guards=layout.guards,
        head_moves=Moves.of([(place[s][0], to, place[s][1]) for s, to in zip(clause.head.slots, target, strict=True)]),
        apart=_apart(clause.differ, place, head),
        repeated=tuple(place[slot] for slot in sorted(head) if clause.head.slots.count(slot) > 1),
        always=frozenset(head.union(*({differ.left, differ.right} for differ in clause.differ))),
        slot_fields=tuple(place[slot][1] << place[slot][0] for slot in range(len(masks))),
    )
    rule.uses = tuple(
        _use(rule, position, atom.slots, layouts[atom.predicate], place) for position, atom in enumerate(clause.body)
    )
    for use in rule.uses:
        use.others = tuple(other for other in rule.uses if other is not use)
    return rule


def _narrowed(clause: Clause, program: Program) -> list[Mask] | None:
    """The masks of the slots inside every column where they occur; None if one is empty."""
    masks = list(clause.masks)
    for atom in (clause.head, *clause.body):
        for slot, full in zip(atom.slots, program.columns[atom.predicate], strict=True):
            masks[slot] &= full
    for differ in clause.differ:
        if differ.left == differ.right:
            masks[differ.left] &= ~differ.unique
    return masks if all(masks) else None


def _apart(conditions: tuple[Differ, ...], place: dict[int, tuple[int, Mask]], kept: set[int]) -> tuple[Apart, ...]:
    found = []
    mentioned = [slot for differ in conditions for slot in (differ.left, differ.right)]
    for differ in conditions:
        left, right = differ.left, differ.right
        if left == right:
            continue
        if right in kept or mentioned.count(right) > 1:
            left, right = right, left
        free = right not in kept and mentioned.count(right) == 1
        found.append(Apart(*place[left], *place[right], differ.unique, free))
    return tuple(found)


def _use(
    rule: _Rule, position: int, slots: tuple[int, ...], layout: Layout, place: dict[int, tuple[int, Mask]]
) -> _Use:
    first: dict[int, tuple[int, int, Mask]] = {}
    repeats = []
    for slot, source in zip(slots, layout.offsets, strict=True):
        offset, full = place[slot]
        if slot in first:
            repeats.append((Moves.of([(source, offset, full)]), rule.ones & ~(full << offset)))
        else:
            first[slot] = (source, offset, full)
    taken = sum(full << offset for _, offset, full in first.values())
    return _Use(
        rule,
        position,
        frozenset(slots),
        rule.initial & ~taken,
        Moves.of(list(first.values())),
        tuple(repeats),
    )


def reached_goals(relations: Relations, goals: Sequence[Goal], budget: Budget) -> tuple[int, ...]:
    """The indices of the goals that some combination of boxes satisfies."""
    narrowed = map(Narrowing(relations).of, goals)
    return tuple(at for at, one in enumerate(narrowed) if next(matches(*one, budget), None) is not None)


def matches(relations: Relations, goal: Goal, budget: Budget | None = None) -> Iterator[tuple[Mask, ...]]:
    """The masks of the goal's slots for each combination of boxes that satisfies it, each once.

    Every choice of one value per slot from one result satisfies the goal, and every solution is in some
    result.
    """
    masks = list(goal.masks)
    for differ in goal.differ:
        if differ.left == differ.right:
            masks[differ.left] &= ~differ.unique
    if not all(masks):
        return
    layout = Layout.of(masks)
    place = {slot: (layout.offsets[slot], layout.fields[slot]) for slot in range(len(masks))}
    apart = _apart(goal.differ, place, set(place))
    tables = []
    whole = layout.pack(masks)
    for atom in sorted(goal.body, key=lambda atom: len(relations.get(atom.predicate, ()))):
        table = _placed(relations.get(atom.predicate, ()), [place[slot] for slot in atom.slots], whole, layout)
        if not table:
            return
        tables.append(table)
        whole = reduce(or_, table)
    seen: set[int] = set()
    for env in _combinations(whole, tables, (layout.ones, layout.guards), budget):
        parts = [env]
        for condition in apart:
            parts = [smaller for part in parts for smaller in condition.split(part)]
        for part in parts:
            if part not in seen:
                seen.add(part)
                yield layout.unpack(part)


def _placed(boxes: Sequence[Box], columns: Sequence[tuple[int, Mask]], whole: int, layout: Layout) -> list[int]:
    """The boxes of an atom whose columns lie at these places, inside the environment ``whole``."""
    table: dict[int, None] = {}
    # The column with the fewest values left excludes most boxes.
    inside = [(at, offset, whole >> offset & full) for at, (offset, full) in enumerate(columns)]
    inside.sort(key=lambda column: column[2].bit_count())
    rest = whole
    for offset, full in columns:
        rest &= ~(full << offset)
    repeated = len(set(columns)) < len(columns)
    for box in boxes:
        env = rest
        for at, offset, allowed in inside:
            common = box[at] & allowed
            if not common:
                break
            env |= common << offset
        else:
            if repeated:  # a column that stands twice has what both occurrences have
                for (offset, full), mask in zip(columns, box, strict=True):
                    env &= (mask & full) << offset | layout.ones & ~(full << offset)
            if not repeated or layout.inhabited(env):
                table[env] = None
    return list(table)


def _combinations(
    env: int, tables: list[list[int]], bits: tuple[int, int], budget: Budget | None
) -> Iterator[int]:  # fmt: skip
    """The environments inside ``env`` and one box of each table, the table with the fewest boxes left first.

    A table with a box around the environment takes nothing away. ``bits`` are the all-ones and the guards of the layout.
    """
    ones, guards = bits
    todo = [(env, tables)]
    while todo:
        env, tables = todo.pop()
        if (env + ones) & guards != guards:
            continue
        if budget is not None:
            budget.charge(1 + sum(map(len, tables)) // COMPARED_PER_UNIT)
        fitting = []
        for table in tables:
            meets = [meet for box in table if ((meet := box & env) + ones) & guards == guards]
            if env in meets:
                continue
            fitting.append(meets)
            if not meets:
                break
        if not fitting:
            yield env
        elif fitting[-1]:
            forced = [table[0] for table in fitting if len(table) == 1]
            if forced:
                # Where one box is left there is nothing to choose; all such boxes at once narrow what the others hold.
                todo.append((reduce(and_, forced), [table for table in fitting if len(table) > 1]))
                continue
            least = min(range(len(fitting)), key=lambda at: len(fitting[at]))
            rest = [table for at, table in enumerate(fitting) if at != least]
            todo += [(box, rest) for box in reversed(fitting[least])]
