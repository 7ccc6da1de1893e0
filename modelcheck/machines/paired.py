"""Role machines of two systems side by side, where a pick of one session leads it on another way in each of them.

The judged session goes on from its pick on two ways at once, and so does every session that one of its messages leads to
different branches. Such a session is in a state of either way at the same time; what it sends and expects are terms of
:mod:`modelcheck.protocol.biterms`. All other sessions do the same in both systems. To the states of each role come the
pairs of states that a message of two forms leads to, so that one machine has them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from modelcheck.machines.machine import (
    Choose,
    Create,
    Guard,
    Keep,
    Pick,
    Reach,
    Recall,
    Receive,
    RoleMachine,
    Send,
    State,
    Step,
)
from modelcheck.protocol.biterms import IN_TWO_FORMS, differs, halves, two
from modelcheck.protocol.terms import TWO, App, Const, Term, Var, renamed, subterms, unify, unify_all
from modelcheck.protocol.terms import replace as put

MOST_STATES = 600
"""Pairs of states that are looked at; more is refused."""

KINDS = ("judged", "parted", "alike")
"""The kinds of sessions: the judged one, others that part, and those that do the same in both systems."""

Values = Mapping[Var, Term]
"""What the variables of a role's own machine are in the paired one, on one side."""


class Unpaired(Exception):
    """The two ways cannot be taken side by side; the argument says what does not go together."""


@dataclass(frozen=True, slots=True)
class Side:
    """Where a session is in its own machine on one side, and what its variables are."""

    state: int
    values: Values


@dataclass(frozen=True, slots=True)
class Joint:
    """What a branch of either side expects, taken together.

    ``left`` and ``right`` are one message where they have the same variables.
    """

    left: Term
    right: Term
    learned: Values
    """What the variables are that the right machine learns here."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A state of a paired machine in which a session waits for a message, with its state on either side."""

    role: str
    state: int
    left: Side
    right: Side
    judged: bool
    """Whether only the judged session can be here."""

    @property
    def alike(self) -> bool:
        """Whether the session has done the same in both systems."""
        return self.left == self.right


@dataclass(frozen=True, slots=True)
class Parting:
    """A state in which a session does something on one side only, and what that is in words."""

    role: str
    state: int
    words: str


@dataclass(slots=True)
class Paired:
    """The machines of both systems, where sessions wait, and where they part."""

    role: str
    originals: dict[str, RoleMachine]
    states: dict[str, list[State]]
    waiting: list[Waiting] = field(default_factory=list)
    partings: list[Parting] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """The states in which the judged session has done all that it does on both sides."""
    judged_only: set[int] = field(default_factory=set)
    """The states of the judged role in which only the judged session can be."""
    others_only: set[int] = field(default_factory=set)
    """The states of the judged role in which it cannot be."""
    picking: list[int] = field(default_factory=list)
    """The states from which the judged session picks."""
    ways: dict[tuple[str, int], tuple[Side, Side]] = field(default_factory=dict)
    """For each state of a session that has parted, where it has got to on either side."""
    _joined: set[tuple[str, int, int, int]] = field(default_factory=set)
    _sent: set[Term] = field(default_factory=set)
    """The parts of two forms of what is sent."""

    @property
    def machines(self) -> tuple[RoleMachine, ...]:
        """The machines with the states of pairs."""
        return tuple(replace(one, states=tuple(self.states[name])) for name, one in self.originals.items())

    def parted(self, role: str) -> set[int]:
        """Return the states of a role in which a session is that is not the judged one and has parted."""
        added = {*range(len(self.originals[role].states), len(self.states[role]))}
        return added - self.judged_only if role == self.role else added

    def kinds(self, role: str, state: int) -> tuple[str, ...]:
        """Return which kinds of sessions can be in a state."""
        if role == self.role and state in self.judged_only:
            return ("judged",)
        apart = self.parted(role)
        if state in apart:
            return ("parted",)
        machine = replace(self.originals[role], states=tuple(self.states[role]))
        leading = any(state == one.index for index in apart for one in machine.lineage(index))
        judged = role == self.role and state not in self.others_only
        return (*(["judged"] if judged else []), *(["parted"] if leading else []), "alike")

    # ------------------------------------------------------------------------------------ building

    def part(self, left: int, right: int, sides: tuple[str, str]) -> None:
        """Let the judged session go on from two states of its pick at once."""
        machine = self.originals[self.role]
        values = []
        for index, side in zip((left, right), sides, strict=True):
            step = machine.states[index].step
            assert isinstance(step, Pick)
            if step.rule != "any":
                raise Unpaired("a pick from sets")
            match step.value:
                case Var() as variable:
                    values.append({variable: Const(side, variable.sort)})
                case _:
                    values.append({})
        before = machine.states[left].parent
        self.picking.append(before)
        self._go(before, Side(left, values[0]), Side(right, values[1]), self.role, judged=True)

    def wait(self) -> None:
        """Add where sessions wait that have done the same in both systems."""
        for name, machine in self.originals.items():
            for state in machine.states:
                if any(isinstance(step, Receive) for step in _steps(machine, state.index)):
                    here = Side(state.index, {})
                    self.waiting.append(Waiting(name, state.index, here, here, judged=False))

    def close(self) -> None:
        """Add the pairs of states that messages of two forms lead to, until none is new."""
        changed = True
        while changed:
            changed = False
            for one in list(self.waiting):
                for left, right in self.branches(one):
                    key = (one.role, one.state, left, right)
                    if key not in self._joined and self._joins(one, left, right):
                        self._joined.add(key)
                        changed = True

    def branches(self, one: Waiting) -> Iterator[tuple[int, int]]:
        """Yield the pairs of branches that a waiting session may take, one on either side."""
        machine = self.originals[one.role]
        ours, theirs = (
            [index for index in machine.children[side.state] if isinstance(machine.states[index].step, Receive)]
            for side in (one.left, one.right)
        )
        for left in ours:
            for right in theirs:
                if not (one.alike and left == right):
                    yield left, right

    def _joins(self, one: Waiting, left: int, right: int) -> bool:
        """Return whether some message leads to both branches, after adding what they do then."""
        steps = [self.originals[one.role].states[index].step for index in (left, right)]
        ours, theirs = steps
        assert isinstance(ours, Receive) and isinstance(theirs, Receive)
        if (ours.channel, ours.sender) != (theirs.channel, theirs.sender):
            return False
        joint = self.joint(one, ours, theirs)
        pattern = two(joint.left, joint.right)
        if not self._suppliable(pattern) or (one.alike and not differs(pattern)):
            return False
        if one.alike and ours.channel != "public":
            raise Unpaired("messages of two forms on a protected channel")
        state = self._add(one.role, one.state, replace(ours, pattern=App(IN_TWO_FORMS, (pattern,)) if one.alike else pattern),
                          judged=one.judged)  # fmt: skip
        after = Side(right, {**one.right.values, **joint.learned})
        self._go(state, Side(left, one.left.values), after, one.role, judged=one.judged)
        return True

    def joint(self, one: Waiting, ours: Receive, theirs: Receive) -> Joint:
        """Return what two branches expect; what both learn from the same part is one variable."""
        bound = {*self.states[one.role][one.state].bound}
        mine = self._learned(one.role, one.left, ours, bound)
        left = put(ours.pattern, {**one.left.values, **mine})
        fresh = self._learned(one.role, one.right, theirs, {*bound, *left.variables})
        right = put(theirs.pattern, {**one.right.values, **fresh})
        shared: dict[Var, Term] = {}
        for part in subterms(two(left, right)):
            if isinstance(part, App) and part.function == TWO:
                known, new = part.arguments
                if new in fresh.values() and isinstance(known, Var) and isinstance(new, Var) and known.sort == new.sort:
                    shared.setdefault(new, known)
        return Joint(left, put(right, shared), {v: put(name, shared) for v, name in fresh.items()})

    def _learned(self, role: str, side: Side, step: Receive, taken: set[Var]) -> dict[Var, Var]:
        """Return names for the variables that a branch learns from a message."""
        known = {*self.originals[role].states[side.state].bound}
        return {v: Var(_primed(v, taken), v.sort) for v in step.pattern.variables if v not in known}

    def _suppliable(self, term: Term) -> bool:
        """Return whether the attacker may have a term: its parts of two forms, or any around them, were sent."""
        if not differs(term):
            return True
        apart = halves(renamed(term, "expected "))
        if any(next(unify_all(apart, halves(sent)), None) is not None for sent in self._sent):
            return True
        if not isinstance(term, App):
            return True
        if term.function == TWO:
            left, right = term.arguments
            return next(unify(left, right), None) is not None
        return all(map(self._suppliable, term.arguments))

    # ------------------------------------------------------------------------------------ going on

    def _add(self, role: str, parent: int, step: Step, *, judged: bool) -> int:
        states = self.states[role]
        index = len(states)
        if sum(map(len, self.states.values())) > MOST_STATES + sum(len(m.states) for m in self.originals.values()):
            raise Unpaired(f"more than {MOST_STATES} pairs of states")
        match step:
            case Create(variable):
                new: tuple[Var, ...] = (variable,)
            case Receive(pattern=term) | Pick(value=term):
                new = term.variables
            case Guard(left=left, right=right):
                new = (*left.variables, *(right.variables if right is not None else ()))
            case _:
                new = ()
        bound = tuple(dict.fromkeys((*states[parent].bound, *new)))
        states.append(State(index, parent, step, bound, {}))
        if role == self.role:
            (self.judged_only if judged else self.others_only).add(index)
        return index

    def _go(self, at: int, left: Side, right: Side, role: str, *, judged: bool) -> None:
        """Add what a session does from a state of either side until it waits, ends or parts."""
        machine = self.originals[role]
        (left, made), (right, more) = self._settled(machine, left), self._settled(machine, right)
        for variable in dict.fromkeys((*made, *more)):
            if variable not in self.states[role][at].bound:
                at = self._add(role, at, Create(variable), judged=judged)
        self.ways[role, at] = (left, right)
        ours, theirs = (self._ways(machine, side) for side in (left, right))
        kinds = {type(machine.states[index].step) for index in (*ours, *theirs)}
        if kinds <= {Receive}:
            if kinds:
                self.waiting.append(Waiting(role, at, left, right, judged))
            elif judged:
                self.ends.append(at)
            return
        if kinds & {Keep, Recall}:
            raise Unpaired("values that a session keeps for later ones behind the pick")
        pairs = [(a, b) for a in ours for b in theirs]
        if kinds == {Send} and len(pairs) == 1:
            self._send(at, (left, right), pairs[0], role, judged=judged)
        elif Send in kinds and (not ours or not theirs or kinds <= {Send, Receive}):
            self._parts(at, role, f"{role} answers on one side only", judged=judged)
        elif Receive in kinds:
            raise Unpaired(f"a session of {role} that may wait for a message or go on by itself")
        else:
            self._decide(at, (left, right), pairs, role, judged=judged)

    def _settled(self, machine: RoleMachine, side: Side) -> tuple[Side, list[Var]]:
        """Return where a session gets by steps that nobody sees and nothing decides, and what it creates."""
        made: list[Var] = []
        while True:
            ways = self._ways(machine, side)
            if not ways and machine.children[side.state]:
                raise Unpaired("a comparison that always fails")
            if len(ways) != 1 or not _passes(machine.states[ways[0]].step, side.values):
                return side, made
            (index,) = ways
            step = machine.states[index].step
            if isinstance(step, Create):
                made.append(step.variable)
            side = Side(index, side.values)

    def _ways(self, machine: RoleMachine, side: Side) -> list[int]:
        """Return the states that may follow, but those after comparisons that fail whatever is received."""
        following = machine.children[side.state]
        return [index for index in following if _passes(machine.states[index].step, side.values) is not False]

    def _send(
        self, at: int, sides: tuple[Side, Side], pair: tuple[int, int], role: str, *, judged: bool
    ) -> None:  # fmt: skip
        machine = self.originals[role]
        ours, theirs = (_applied(machine.states[i].step, s.values) for i, s in zip(pair, sides, strict=True))
        assert isinstance(ours, Send) and isinstance(theirs, Send)
        if (ours.channel, ours.receiver) != (theirs.channel, theirs.receiver):
            self._parts(at, role, f"{role} sends to somebody else on one side", judged=judged)
            return
        term = two(ours.term, theirs.term)
        if differs(term):
            if ours.channel != "public":
                raise Unpaired("messages of two forms on a protected channel")
            self._sent |= {part for part in subterms(term) if differs(part)}
        state = self._add(role, at, replace(ours, term=term), judged=judged)
        left, right = (Side(index, side.values) for index, side in zip(pair, sides, strict=True))
        self._go(state, left, right, role, judged=judged)

    def _decide(
        self, at: int, sides: tuple[Side, Side], pairs: list[tuple[int, int]], role: str, *, judged: bool
    ) -> None:  # fmt: skip
        """Go on with decisions and comparisons that are the same on both sides."""
        states = self.originals[role].states
        same = [
            (a, b) for a, b in pairs
            if _applied(states[a].step, sides[0].values) == _applied(states[b].step, sides[1].values)
        ]  # fmt: skip
        if {a for a, _ in pairs} != {a for a, _ in same} or {b for _, b in pairs} != {b for _, b in same} or not same:
            self._parts(at, role, f"{role} compares or decides something on one side only", judged=judged)
            return
        for a, b in same:
            step = _applied(states[a].step, sides[0].values)
            assert step is not None
            state = self._add(role, at, step, judged=judged)
            self._go(state, Side(a, sides[0].values), Side(b, sides[1].values), role, judged=judged)

    def _parts(self, at: int, role: str, words: str, *, judged: bool) -> None:
        span = self.originals[role].role.span
        state = self._add(role, at, Reach("parts", span), judged=judged)
        self.partings.append(Parting(role, state, words))


def paired(
    machines: tuple[RoleMachine, ...], role: str, picks: Iterable[tuple[int, int]], sides: tuple[str, str]
) -> Paired:  # fmt: skip
    """Return the machines of two systems in which the judged session of ``role`` picks what ``sides`` say.

    ``picks`` are the pairs of states of the role that it gets to by its pick on the left and on the right. Raises
    :class:`Unpaired` for what does not go side by side.
    """
    originals = {machine.role.name: machine for machine in machines}
    result = Paired(role, originals, {name: list(machine.states) for name, machine in originals.items()})
    for left, right in picks:
        result.part(left, right, sides)
        for state in originals[role].states:
            if {left, right} & {one.index for one in originals[role].lineage(state.index)}:
                result.others_only.add(state.index)
    result.wait()
    result.close()
    return result


def _steps(machine: RoleMachine, state: int) -> Iterator[Step | None]:
    yield from (machine.states[index].step for index in machine.children[state])


def _primed(variable: Var, taken: set[Var]) -> str:
    """Return a name for a variable of the right side that no variable of its sort has yet."""
    name = variable.name
    while Var(name, variable.sort) in taken:
        name += "'"
    return name


def _applied(step: Step | None, values: Values) -> Step | None:
    """Return a step with values put in."""
    match step:
        case Send(term=term):
            return replace(step, term=put(term, values))
        case Guard(left=left, right=right):
            return replace(step, left=put(left, values), right=None if right is None else put(right, values))
        case Pick(value=value, sources=sources):
            return replace(step, value=put(value, values), sources=tuple(put(one, values) for one in sources))
        case _:
            return step


def _passes(step: Step | None, values: Values) -> bool | None:
    """Return whether a step is taken without anybody seeing or deciding anything, None if that is open."""
    match step:
        case Create() | Reach():
            return True
        case Guard("among", left, _, allowed):
            value = put(left, values)
            return value.value in allowed if isinstance(value, Const) else None
        case Guard("equal" | "differ" as test, left, right) if right is not None:
            one, other = put(left, values), put(right, values)
            if one is other:
                return test == "equal"
            return test == "differ" if isinstance(one, Const) and isinstance(other, Const) else None
        case Choose() | Pick() | Send() | Receive() | Guard() | Keep() | Recall() | None:
            return None
