"""What tells two systems apart in which messages have different forms: tests that succeed on one side only.

As in :mod:`modelcheck.engine.observations`, a role is seen to get past a check or not, and the attacker compares what it was
given with what it can build and tries keys. Here the terms themselves differ, so each test is one question: can something be
supplied that passes on one side and is not sure to pass on the other? Whoever waits for a message may also go on by another
branch on the other side; that is no difference as long as it has read the same parts of the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from modelcheck.engine.attacker import writing
from modelcheck.engine.clauses import ATTACKER, ClauseSet, Condition, Literal
from modelcheck.engine.judged import STAR
from modelcheck.engine.leaks import PREFIX, Given
from modelcheck.engine.observations import brief, checked_parts, listed, told_apart
from modelcheck.engine.steps import arrival, session_literal, session_variable, state_literal
from modelcheck.engine.supplies import SENT, Supplier, Supply, owner, sent, unless_equal
from modelcheck.machines.machine import Receive, RoleMachine
from modelcheck.machines.paired import Paired, Waiting
from modelcheck.machines.view import fill
from modelcheck.protocol.biterms import LEFT, SIDES, halves
from modelcheck.protocol.terms import App, Term, Var, renamed
from modelcheck.protocol.terms import replace as put
from modelcheck.protocol.theory import OPENINGS, Opening, is_data, is_weak, match

WORDS = ("left", "right")


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is seen on one side only whenever ``body`` and ``conditions`` hold."""

    words: str
    body: tuple[Literal, ...]
    conditions: tuple[Condition, ...]
    place: tuple[str, int] | None = None
    """The role that makes a test and the state in which it waits for it, None for the attacker."""


class FormTests:
    """All tests of roles and attacker in paired machines."""

    def __init__(self, clauses: ClauseSet, pairs: Paired, others: tuple[str, ...]) -> None:
        """``others`` are the labels of all sessions but the judged one."""
        self.clauses, self.pairs, self.others = clauses, pairs, others
        self.machines: dict[str, RoleMachine] = {machine.role.name: machine for machine in clauses.machines}
        self.suppliers = tuple(Supplier(clauses, side) for side in SIDES)

    def differences(self) -> Iterator[Difference]:
        """Yield everything that is seen on one side only."""
        for parting in self.pairs.partings:
            machine = self.machines[parting.role]
            body = (state_literal(self.clauses, machine, parting.state), session_literal(self.clauses, machine))
            yield Difference(parting.words, body, ())
        for exposure in list(self.clauses.exposures):
            if exposure.kind == ATTACKER:
                had = sent(self.clauses, exposure, {})
                role = owner(self.clauses, exposure).role.name
                found = Difference(f"from {role}", had.body, had.conditions)
                yield from self._looked_at(halves(renamed(exposure.term, SENT)), found)
        for one in self.pairs.waiting:
            yield from self._received(one)

    def of_leaks(self, leaks: Iterable[tuple[Given, tuple[Term, ...]]]) -> Iterator[Difference]:
        """Yield what is seen on one side only in things that leak, with the keys that it takes to have them."""
        for given, needs in leaks:
            had = (literal for need in needs for literal in self.clauses.knows(need))
            found = Difference("that leaks", (*given.body, *had), given.conditions)
            yield from self._looked_at((given.term, given.term), found)

    # ------------------------------------------------------------------------------------ the attacker

    def _looked_at(self, both: tuple[Term, Term], found: Difference) -> Iterator[Difference]:
        """Yield what the attacker sees in something: it equals something else, or can be taken apart, on one side only."""
        for supplier in self.suppliers:
            side = supplier.side
            mine, other = both[side], both[1 - side]
            words = f"the attacker knows something that equals {_brief(mine)} {found.words} on the {WORDS[side]} only"
            yield from _when(replace(found, words=words), supplier.apart(mine, [other]))
            if mine is not other and _has_format(mine) and not _same_format(mine, other):
                yield replace(found, words=f"{_brief(mine)} {found.words} has another format on the {WORDS[1 - side]}")
            for opening in OPENINGS:
                yield from self._opened(supplier, mine, other, opening, found)

    def _opened(
        self, supplier: Supplier, mine: Term, other: Term, opening: Opening, found: Difference
    ) -> Iterator[Difference]:
        bound: dict[Var, Term] = {}
        if opening.weak and not is_weak(opening.weak, mine, self.clauses.weak):
            return
        if not match(opening.sealed, mine, bound):
            return
        there: dict[Var, Term] = {}
        also = match(opening.sealed, other, there)
        words = f"the attacker has a key that fits {_brief(mine)} {found.words} on the {WORDS[supplier.side]} only"
        if not opening.needs and not also:
            yield replace(found, words=words)
        for need in opening.needs or opening.role_needs:
            expected = [fill(need, there)] if also else []
            yield from _when(replace(found, words=words), supplier.apart(fill(need, bound), expected))

    # ------------------------------------------------------------------------------------ roles

    def _received(self, one: Waiting) -> Iterator[Difference]:
        """Yield the messages that get a role past a check on one side and are not sure to do so on the other."""
        machine = self.machines[one.role]
        here = Condition("among", session_variable(), None, (STAR,) if one.judged else self.others)
        body = (*([state_literal(self.clauses, machine, one.state)] if one.state else []),
                session_literal(self.clauses, machine))  # fmt: skip
        for supplier in self.suppliers:
            seen_from = one if supplier.side == LEFT else replace(one, left=one.right, right=one.left)
            for step in self._expected(one.role, seen_from.left.state):
                side = WORDS[supplier.side]
                words = f"{one.role}, receiving {listed(step.names)}, gets past a check on the {side} only"
                found = Difference(words, body, (here,) if one.role == self.pairs.role else (), (one.role, one.state))
                yield from self._passed(seen_from, step, supplier, found)

    def _expected(self, role: str, state: int) -> Iterator[Receive]:
        original = self.pairs.originals[role]
        for child in original.children[state]:
            step = original.states[child].step
            if isinstance(step, Receive):
                yield step

    def _passed(self, one: Waiting, step: Receive, supplier: Supplier, found: Difference) -> Iterator[Difference]:
        machine = self.machines[one.role]
        bound = machine.states[one.state].bound
        theirs: list[Term] = []
        for other in self._expected(one.role, one.right.state):
            if (other.channel, other.sender) == (step.channel, step.sender):
                joint = self.pairs.joint(one, step, other)
                theirs += (part for _, part in checked_parts(joint.right, bound, other.readings))
        pattern = self.pairs.joint(one, step, step).left
        for cut in told_apart(checked_parts(pattern, bound, step.readings)):
            known = {*bound, *cut.variables}
            if step.channel == "public":
                yield from _when(found, supplier.apart(cut, theirs, known))
                continue
            envelope, place = arrival(self.clauses, machine, cut, step.channel, step.sender)
            assert isinstance(envelope, App)
            written = writing(self.clauses, place, envelope)
            if written is not None:
                more = replace(found, conditions=(*found.conditions, *written))
                yield from _when(more, supplier.apart(cut, theirs, known))
            arrived = Supply({}, tuple(self.clauses.knows(envelope, place)))
            for supply in () if one.alike else unless_equal(arrived, cut, theirs, known):
                conditions = (*found.conditions, *supply.conditions)
                yield replace(found, body=(*found.body, *supply.body), conditions=conditions)


def _when(found: Difference, supplied: tuple[Literal, ...] | None) -> Iterator[Difference]:
    """Yield a difference that is seen when something is supplied, if it can be."""
    if supplied is not None:
        yield replace(found, body=(*found.body, *supplied))


def _brief(term: Term) -> str:
    """Return the text of a term, variables called as the role calls them that sends or loses it."""
    names = {v: v.name.removeprefix(SENT).removeprefix(PREFIX).replace("~", " copy ") for v in term.variables}
    return brief(put(term, {v: Var(name, v.sort) for v, name in names.items()}))


def _has_format(term: Term) -> bool:
    return isinstance(term, App) and is_data(term.function)


def _same_format(term: Term, other: Term) -> bool:
    return (
        isinstance(term, App) and isinstance(other, App)
        and (term.function, len(term.arguments)) == (other.function, len(other.arguments))
    )  # fmt: skip
