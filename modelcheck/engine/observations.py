"""What tells two systems side by side apart: checks of roles and tests of the attacker that succeed on one side only.

Both systems take the same steps as long as nobody sees a difference. A role makes its checks in the order in which the
message is written, outer parts before inner ones, and which check fails is seen: that is the strongest reading. So a
difference is reached if the attacker can supply something that passes the first checks on one side and not on the other,
whatever the parts are that come later. The attacker itself compares what it was given with what it can build, and tries
keys. Terms have the same shape on both sides; only leaves of *split* sorts (names and long-term keys, or the sort of a
pick) can differ, so a supplied term is the expected one with a leaf of its own at each occurrence of those.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, combinations
from typing import assert_never

from modelcheck.engine.clauses import ATTACKER, ClauseSet, Condition, Exposure, Literal
from modelcheck.engine.judged import Unsupported
from modelcheck.engine.leaks import Given
from modelcheck.engine.steps import Draft, arrival, certificates, extended, session_literal, state_literal, substituted
from modelcheck.engine.supplies import owner
from modelcheck.machines.blocks import Block
from modelcheck.machines.machine import Guard, Receive, RoleMachine, Step, fixed_values
from modelcheck.machines.reading import Part, beginnings
from modelcheck.machines.view import fill
from modelcheck.protocol.model import Reading
from modelcheck.protocol.terms import (
    NAME,
    App,
    Const,
    Key,
    Term,
    Var,
    show,
    sort_of,
    substitute,
    subterms,
    unify,
)
from modelcheck.protocol.theory import OPENINGS, match

LARGEST = 4000
"""Leaves of a tested term that may differ; more is refused."""

Pair = tuple[Term, Term]
"""A leaf that was supplied, and the one that is expected in its place."""


@dataclass(frozen=True, slots=True)
class Test:
    """Something that is seen: it succeeds on the sides on which all ``pairs`` are equal, whenever ``body`` holds.

    Both sides must fare alike. Earlier tests say so for the pairs before ``start``. Without pairs it is a comparison with
    constants whose ``conditions`` say that it succeeds on one side only.
    """

    words: str
    body: tuple[Literal, ...]
    conditions: tuple[Condition, ...]
    pairs: tuple[Pair, ...]
    start: int = 0
    mapping: Mapping[Var, Term] = field(default_factory=dict)
    """What the role's variables are replaced by in the body."""
    supplied: Term | None = None
    """For a message that a role receives from the network: what it is, as far as the role reads it."""
    target: int = 0
    """For a message that a role receives: the state that it would get to with it."""
    attempt: Attempt | None = None
    """For a comparison that a role makes by itself: what it does meanwhile."""
    place: tuple[str, int] | None = None
    """For a test of a role: the role, and the cut state in which it still is."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A role on its way to a state, with what its variables then are."""

    state: int
    values: tuple[tuple[Var, Term], ...]


# ------------------------------------------------------------------------------------------------ supplied terms


def split_sorts(clauses: ClauseSet) -> frozenset[str]:
    """Return the sorts whose leaves can differ from side to side: that of the subject, and the keys that names select."""
    keys = (family.sort for family in clauses.families.values() if family.arity) if NAME in clauses.hidden else ()
    return frozenset({*clauses.hidden, *keys})


class _Supply:
    """Makes from an expected term the term that somebody may supply in its place."""

    def __init__(self, clauses: ClauseSet, bound: Iterable[Var] | None) -> None:
        """``bound`` are the variables that have a value before (None: all); others get theirs where they first occur."""
        self.clauses = clauses
        self.split = split_sorts(clauses)
        self.seen = None if bound is None else set(bound)
        self.pairs: list[Pair] = []
        self.alike: dict[Term, bool] = {}

    def term(self, expected: Term) -> Term:
        """Return the supplied term; ``pairs`` gains its leaves with what is expected there."""
        if self._is_alike(expected):
            self._see(expected.variables)
            return expected
        match expected:
            case Const():
                return self._leaf(expected)
            case Var():
                if self.seen is not None and expected not in self.seen:
                    self.seen.add(expected)
                    return expected
                return self._leaf(expected)
            case Key():
                return self._key(expected)
            case App(function, arguments):
                return App(function, tuple(self.term(argument) for argument in arguments))
            case _:
                assert_never(expected)

    def _is_alike(self, term: Term) -> bool:
        """Return whether a term has no leaf that can differ."""
        if term not in self.alike:
            match term:
                case App(_, arguments):
                    self.alike[term] = all(map(self._is_alike, arguments))
                case Key(arguments=arguments) if NAME in self.split:
                    self.alike[term] = not arguments
                case _:
                    self.alike[term] = str(sort_of(term)) not in self.split
        return self.alike[term]

    def _see(self, variables: Iterable[Var]) -> None:
        if self.seen is not None:
            self.seen.update(variables)

    def _key(self, expected: Key) -> Term:
        new = [v for v in expected.variables if self.seen is not None and v not in self.seen]
        if not new:
            return self._leaf(expected)
        if self.clauses.families[expected.family].kind == "unordered" and len(new) < len(expected.variables):
            raise Unsupported("a role that learns one of the names of an unordered key from a message")
        return Key(expected.family, expected.sort, tuple(self.term(argument) for argument in expected.arguments))

    def _leaf(self, expected: Term) -> Term:
        supplied = self.clauses.fresh(str(sort_of(expected)))
        self.pairs.append((supplied, expected))
        if len(self.pairs) > LARGEST:
            raise Unsupported(f"a message with more than {LARGEST} places where a name or its key stands")
        return supplied


# ------------------------------------------------------------------------------------------------ checks in order


def checked_parts(
    pattern: Term, bound: Iterable[Var], readings: Collection[Reading] = ()
) -> Iterator[tuple[Part, Term]]:  # fmt: skip
    """Yield what :func:`beginnings` does; raise :class:`Unsupported` if no order of reading opens all parts."""
    for part, term in beginnings(pattern, bound, readings):
        if part.early:
            raise Unsupported("parts of a message of which each can be opened only with what is in another")
        yield part, term


def told_apart(checked: Iterable[tuple[Part, Term]]) -> Iterator[Term]:
    """Yield what a message must look like to get past each group of checks whose failures look alike."""
    checks = list(checked)
    for index, (part, term) in enumerate(checks, 1):
        if not part.alike or index == len(checks) or part.alike != checks[index][0].alike:
            yield term


# ------------------------------------------------------------------------------------------------ tests


def role_tests(clauses: ClauseSet, block: Block) -> Iterator[Test]:
    """Yield the tests that a role makes in one block, in order."""
    machine = block.machine
    variables = machine.states[block.end].bound
    certified = {v: Key(f, v.sort, (name,)) for v, (f, name) in clauses.certified_keys.items() if v in variables}
    for tied in chain.from_iterable(combinations(certified, count) for count in range(len(certified) + 1)):
        yield from _block_tests(clauses, block, {variable: certified[variable] for variable in tied})


def _block_tests(clauses: ClauseSet, block: Block, tied: dict[Var, Term]) -> Iterator[Test]:
    """Yield the tests of a block where the keys ``tied`` are those of the names on certificates, as of honest names.

    For other keys a dishonest name has some certificate, the same on both sides.
    """
    machine = block.machine
    bound = {*machine.states[block.start].bound, *fixed_values(machine)}
    start = [state_literal(clauses, machine, block.start)] if block.start else []
    loose = [one for one in certificates(clauses, block) if one.arguments[1] not in tied]
    others = [
        Condition("dishonest", name) for variable, (_, name) in clauses.certified_keys.items()
        if variable in machine.states[block.end].bound and variable not in tied
    ]  # fmt: skip
    drafts = [Draft(dict(tied), [*start, *loose], others)]
    for target in block.states():
        step = machine.states[target].step
        assert step is not None
        for draft in drafts:
            for test in _step_tests(clauses, machine, draft, step, bound):
                attempt = _attempt(block, test) if isinstance(step, Guard) else None
                yield replace(test, attempt=attempt, place=(machine.role.name, block.start), target=target)
        drafts = [longer for draft in drafts for longer in extended(clauses, machine, draft, step)]
        bound.update(_variables(step))


def _attempt(block: Block, test: Test) -> Attempt:
    bound = dict.fromkeys((*block.machine.states[block.end].bound, *(v for s in block.steps for v in _variables(s))))
    return Attempt(block.end, tuple((variable, substitute(variable, test.mapping)) for variable in bound))


def _variables(step: Step) -> Iterator[Var]:
    match step:
        case Receive(pattern=term):
            yield from term.variables
        case Guard(left=left, right=right):
            yield from left.variables
            yield from right.variables if right is not None else ()
        case _:
            pass


def _step_tests(clauses: ClauseSet, machine: RoleMachine, draft: Draft, step: Step, bound: set[Var]) -> Iterator[Test]:
    match step:
        case Receive():
            yield from _received(clauses, machine, draft, step, bound)
        case Guard("equal" | "differ", left, right):
            assert right is not None
            words = f"{machine.role.name} compares {brief(left)} with {brief(right)} and finds them equal"
            yield from _compared(clauses, machine, draft, (left, right), words)
        case Guard("among", left, _, values) if str(sort_of(left)) in clauses.hidden:
            found = Condition("straddles", left, None, values)
            words = f"{machine.role.name} finds that {brief(left)} is {' or '.join(values)}"
            yield _test(clauses, machine, Draft(draft.mapping, draft.body, [*draft.conditions, found]), [], 0, words)
        case Guard("new" | "member" as test, left, _):
            if any(str(sort_of(leaf)) in split_sorts(clauses) for leaf in subterms(left)):
                raise Unsupported(f"the test `{test}` of a value that may differ from side to side")
        case Guard("hosted", Var() as name) if name not in bound:
            raise Unsupported(f"{machine.role.name} picking by itself for which name `{name.name}` it acts")
        case _:
            pass


def _received(
    clauses: ClauseSet, machine: RoleMachine, draft: Draft, step: Receive, bound: set[Var]
) -> Iterator[Test]:  # fmt: skip
    pattern = substitute(step.pattern, draft.mapping)
    words = f"{machine.role.name}, receiving {listed(step.names)}, gets past a check"
    before: list[Term] = []
    for cut in told_apart(checked_parts(pattern, bound, step.readings)):
        part, place = arrival(clauses, machine, cut, step.channel, step.sender)
        certified = {v for v, (_, name) in clauses.certified_keys.items() if name in bound or name in cut.variables}
        supply = _Supply(clauses, bound | certified)
        supplied = supply.term(part)
        expected = [one for _, one in supply.pairs]
        if len(expected) > len(before):
            # A part that is read later than it is written changes which occurrence of a value is compared with which.
            start = len(before) if expected[: len(before)] == before else 0
            settled = _settled(clauses, draft, bound | certified)
            settled.body.extend(clauses.knows(supplied, place))
            test = _test(clauses, machine, settled, supply.pairs, start, words)
            yield replace(test, supplied=supplied) if place == ATTACKER else test
            before = expected


def _settled(clauses: ClauseSet, draft: Draft, bound: Collection[Var]) -> Draft:
    """Return a draft with the certificates for the keys that are ``bound``; where a role has not read whose it needs any key will do."""
    certain = {key: name for key, (_, name) in clauses.certified_keys.items() if key in bound}
    body = [
        one for one in draft.body
        if clauses.predicates[one.predicate].kind != "certified" or one.arguments[1] in certain
    ]  # fmt: skip
    conditions = [c for c in draft.conditions if c.test != "dishonest" or c.left in certain.values()]
    return Draft(draft.mapping, body, conditions)


def _compared(clauses: ClauseSet, machine: RoleMachine, draft: Draft, terms: Pair, words: str) -> Iterator[Test]:
    left, right = (substitute(term, draft.mapping) for term in terms)
    supply = _Supply(clauses, None)
    supplied = supply.term(left)
    if not supply.pairs:
        supplied, right = supply.term(right), left
    # A comparison in which nothing can differ ends in the same way on both sides.
    for mapping in unify(supplied, right, draft.mapping) if supply.pairs else ():
        yield _test(clauses, machine, Draft(mapping, draft.body, draft.conditions), supply.pairs, 0, words)


def _test(
    clauses: ClauseSet, machine: RoleMachine, draft: Draft, pairs: list[Pair], start: int, words: str
) -> Test:  # fmt: skip
    mapping = draft.mapping
    literals = (*draft.body, session_literal(clauses, machine))
    conditions = tuple(
        Condition(c.test, substitute(c.left, mapping),
                  None if c.right is None else substitute(c.right, mapping), c.values)
        for c in draft.conditions
    )  # fmt: skip
    both = tuple((substitute(supplied, mapping), substitute(expected, mapping)) for supplied, expected in pairs)
    return Test(words, tuple(substituted(one, mapping) for one in literals), conditions, both, start, mapping)


def attacker_tests(clauses: ClauseSet, exposures: Iterable[Exposure]) -> Iterator[Test]:
    """Yield what the attacker sees in what roles give away: it equals something else, or a key fits, on one side only.

    Two terms that the attacker built itself need no test: they are equal exactly if their parts are. Neither does a
    signature that it moved: what another one covers it can read, and move it there.
    """
    done: set[tuple[int, Term, tuple[Term, ...], tuple[Condition, ...]]] = set()
    for exposure in exposures:
        if exposure.kind != ATTACKER or exposure.any_message:
            continue
        machine = owner(clauses, exposure)
        for tested, words in _tests(exposure.term, machine.role.name):
            key = (exposure.predicate, tested, exposure.needs, exposure.conditions)
            if key not in done:
                done.add(key)
                yield from _seen(clauses, machine, exposure, tested, words)


def _tests(term: Term, role: str) -> Iterator[tuple[Term, str]]:
    """Yield what the attacker may hold against a term: an equal one, a key that opens it, a key that verifies it."""
    yield term, f"the attacker knows something that equals {brief(term)} from {role}"
    for opening in OPENINGS:
        bound: dict[Var, Term] = {}
        if opening.weak or not match(opening.sealed, term, bound):
            continue
        for need in opening.needs or opening.role_needs:
            yield fill(need, bound), f"the attacker has a key that fits {brief(term)} from {role}"


def _seen(clauses: ClauseSet, machine: RoleMachine, exposure: Exposure, tested: Term, words: str) -> Iterator[Test]:
    supply = _Supply(clauses, None)
    supplied = supply.term(tested)
    if not supply.pairs:
        return
    body = [state_literal(clauses, machine, exposure.state)]
    body += [literal for need in exposure.needs for literal in clauses.knows(need)]
    body += clauses.knows(supplied)
    yield _test(clauses, machine, Draft({}, body, list(exposure.conditions)), supply.pairs, 0, words)


def given_tests(clauses: ClauseSet, given: Given, needs: tuple[Term, ...]) -> Iterator[Test]:
    """Yield what the attacker sees in something that leaks, once it has what opens it (``needs``)."""
    for tested, words in _tests(given.term, f"a leak of {given.description}"):
        supply = _Supply(clauses, None)
        supplied = supply.term(tested)
        if supply.pairs:
            known = (*(literal for need in needs for literal in clauses.knows(need)), *clauses.knows(supplied))
            yield Test(words, (*given.body, *known), given.conditions, tuple(supply.pairs))


def brief(term: Term) -> str:
    """Return the text of a term, cut short if it is long."""
    text = show(term)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def listed(names: tuple[str, ...]) -> str:
    """Return the messages of a step in words."""
    return ", ".join(name for name in names if "." not in name) or "a message"
