"""From the derivation of a difference to a script that the replayer of two systems can execute.

A summary class stands for any number of sessions: each chain of its states in the derivation becomes a session of its own.
Which of several such sessions made a value is tried out; the replayer says which choice is a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product

from modelcheck.engine.bileaves import BiScene, on_side, test_number
from modelcheck.engine.clauses import SESSION, Predicate, Rule
from modelcheck.engine.derivation import Derivation, Step
from modelcheck.engine.observations import Test
from modelcheck.engine.scene import Scene, Session, attacker_leaf
from modelcheck.engine.script import Delivery, Leaked, Move, NotExecuted, Script, Start
from modelcheck.engine.seen import ATTACKER
from modelcheck.engine.solver import Solved
from modelcheck.engine.steps import session_variable
from modelcheck.engine.twosides import Executed, execute
from modelcheck.protocol.terms import NAME, Const, Key, Term, Var
from modelcheck.protocol.terms import replace as put

MOST_CHOICES = 64
"""Ways to say which session made which value that are tried."""

MOST_SHORTENED = 8
"""How many of those are tried without the moves that cannot be made."""

Leaf = tuple[str, str]
"""A sort and a value of its domain."""

Leaks = Callable[[Iterable[tuple[str, Session]]], Iterable[Leaked]]
"""What leaks of sessions, given with their classes."""


@dataclass(slots=True)
class Staged:
    """Sessions of a derivation, in the order of their steps: for each step of a role its session, state and leaves."""

    starts: dict[str, str] = field(default_factory=dict)
    """Session class of each session."""
    moves: list[tuple[str, int, dict[Var, Leaf]]] = field(default_factory=list)
    session_of: dict[int, str] = field(default_factory=dict)
    history: dict[str, list[int]] = field(default_factory=dict)
    moved: dict[int, tuple[str, int, dict[Var, Leaf]]] = field(default_factory=dict)


def enacted(
    solved: Solved, derivation: Derivation, tests: Sequence[Test], base: Script, leaks: Leaks
) -> Executed | None:
    """Return a derivation executed on both sides, None if no choice of sessions makes it a run.

    ``base`` is a script without sessions that says what the attacker may do; ``leaks`` what it gets of sessions.
    """
    scene = solved.case.scene
    staged = staging(scene, derivation)
    failed: list[tuple[Script, int]] = []
    for chosen in islice(choices(staged), MOST_CHOICES):
        starts, moves, last = _script(solved, derivation, tests, staged, chosen)
        values = tuple(leaks((start.session, scene.by_label[label]) for start, label in starts))
        script = replace(base, starts=tuple(start for start, _ in starts), moves=moves, last=last, values=values)
        try:
            return execute(scene.machines, scene.clauses.families, script)
        except NotExecuted as problem:
            if problem.move is not None:
                failed.append((script, problem.move))
    found = (_without(scene, script, move) for script, move in failed[:MOST_SHORTENED])
    return next((one for one in found if one is not None), None)


def _without(scene: Scene, script: Script, move: int) -> Executed | None:
    """Return a script executed without the moves that cannot be made, None if nothing differs then.

    A derivation may tell several pasts of one session, and what one of them gives may be had without it.
    """
    while True:
        stuck = script.moves[move].session
        left = (*script.moves[:move], *(one for one in script.moves[move:] if one.session != stuck))
        script = replace(script, moves=left)
        try:
            return execute(scene.machines, scene.clauses.families, script)
        except NotExecuted as problem:
            if problem.move is None:
                return None
            move = problem.move


def staging(scene: Scene, derivation: Derivation) -> Staged:
    """Return the sessions of a derivation, each chain of states of a summary class one of its own."""
    staged = Staged()
    for number, step in enumerate(derivation.steps):
        predicate = scene.clauses.predicates[step.predicate]
        if predicate.kind != "state":
            continue
        _, _, state = predicate.name.rpartition(" ")
        label = scene.domain(SESSION)[step.values[0]]
        before = [p for p in step.premises if p in staged.session_of and _label(scene, derivation.steps[p]) == label]
        session = _continued(staged, label, before[0] if before else None)
        staged.moves.append((session, int(state), _leaves(scene, predicate, step)))
        staged.moved[number] = staged.moves[-1]
        staged.session_of[number] = session
        staged.history[session].append(number)
    for step in derivation.steps:
        if scene.clauses.predicates[step.predicate].kind == "session" and _label(scene, step) not in {
            *staged.starts.values()
        }:
            # Nothing is asked of it but that it exists: its values may leak.
            staged.starts[_label(scene, step)] = _label(scene, step)
    return staged


def _leaves(scene: Scene, predicate: Predicate, step: Step) -> dict[Var, Leaf]:
    """Return the leaves of a session in a state; a stored value has several columns and is none."""
    leaves: dict[Var, Leaf] = {}
    column = 1
    for variable in predicate.variables:
        sorts = scene.clauses.column_sorts(variable.sort)
        if sorts == (variable.sort,):
            leaves[variable] = (variable.sort, scene.domain(variable.sort)[step.values[column]])
        column += len(sorts)
    return leaves


def _label(scene: Scene, step: Step) -> str:
    return scene.domain(SESSION)[step.values[0]]


def _continued(staged: Staged, label: str, before: int | None) -> str:
    """Return the session that goes on after a step; one that went on another way already is followed by a twin."""
    if before is not None:
        session = staged.session_of[before]
        if staged.history[session][-1] == before:
            return session
    count = sum(1 for other in staged.starts.values() if other == label)
    session = label if count == 0 else f"{label} #{count + 1}"
    staged.starts[session] = label
    staged.history[session] = []
    if before is not None:
        shared = staged.history[staged.session_of[before]]
        for number in shared[: shared.index(before) + 1]:
            _, state, leaves = staged.moved[number]
            staged.moves.append((session, state, leaves))
    return session


def choices(staged: Staged) -> Iterator[Mapping[str, str]]:
    """Yield for each session class the session that made its values."""
    by_label: dict[str, list[str]] = {}
    for session, label in staged.starts.items():
        by_label.setdefault(label, []).append(session)
    for chosen in product(*by_label.values()):
        yield dict(zip(by_label, chosen, strict=True))


def _script(
    solved: Solved, derivation: Derivation, tests: Sequence[Test], staged: Staged, chosen: Mapping[str, str]
) -> tuple[tuple[tuple[Start, str], ...], tuple[Move, ...], Delivery | None]:
    """Return the sessions with their classes, their moves, and the last delivery."""
    scene = solved.case.scene
    moves = tuple(
        Move(session, state, {v: _ground(leaf, chosen) for v, leaf in leaves.items()})
        for session, state, leaves in staged.moves
    )
    starts = dict(staged.starts)
    last = _last(solved, derivation, tests, staged, starts, chosen)
    if isinstance(last, Move):
        moves, last = (*moves, last), None
    begun = tuple(
        (
            Start(session, scene.by_label[label].role,
                  tuple((on_side(n, "left"), on_side(n, "right")) for n in scene.by_label[label].names),
                  scene.picks(label) if isinstance(scene, BiScene) else ()),
            label,
        )
        for session, label in starts.items()
    )  # fmt: skip
    return begun, moves, last


def _ground(leaf: Leaf, chosen: Mapping[str, str]) -> Term:
    """Return what a leaf is on the left."""
    sort, value = leaf
    left = on_side(value, "left")
    name, at, label = left.partition("@")
    if at:
        return Const(f"{name}@{chosen.get(label, label)}", sort)
    if value == attacker_leaf(sort):
        return Const(ATTACKER, sort)
    family, is_key, rest = left.partition("(")
    if sort != NAME and is_key and rest.endswith(")"):
        return Key(family, sort, tuple(Const(n, NAME) for n in rest[:-1].split(",")))
    return Const(left, sort)


def _last(
    solved: Solved, derivation: Derivation, tests: Sequence[Test], staged: Staged, starts: dict[str, str],
    chosen: Mapping[str, str],
) -> Delivery | Move | None:  # fmt: skip
    """Return the message or the way that a role takes on one side only, None if the difference is the attacker's."""
    scene = solved.case.scene
    made = derivation.steps[derivation.premises[0]]
    predicate = scene.clauses.predicates[made.predicate]
    test = tests[test_number(predicate)]
    if (test.supplied is None and test.attempt is None) or made.clause is None:
        return None
    rule = scene.clauses.rules[solved.stages[made.stage][0].clauses[made.clause].origin]
    leaves = _leaves_of(scene, rule, derivation, made)
    label = leaves[session_variable()][1]
    before = [p for p in made.premises if p in staged.session_of and _label(scene, derivation.steps[p]) == label]
    if before:
        session = staged.session_of[before[0]]
    else:
        # One that has not moved yet; of the judged class there is one session only.
        session = f"{label} at last" if staged.history.get(label) else label
    if not before:
        starts[session] = label
    values = {variable: _ground(leaf, chosen) for variable, leaf in leaves.items() if variable.sort != SESSION}
    if test.attempt is not None:
        found = {variable: put(term, values) for variable, term in test.attempt.values}
        known = {variable: term for variable, term in found.items() if not term.variables}
        return Move(session, test.attempt.state, known)
    assert test.supplied is not None
    for variable in test.supplied.variables:
        # What everybody knows stands in no premise, and may be anything.
        values.setdefault(variable, _ground((variable.sort, scene.domain(variable.sort)[0]), chosen))
    return Delivery(session, test.target, test.supplied, values)


def _leaves_of(scene: Scene, rule: Rule, derivation: Derivation, made: Step) -> dict[Var, Leaf]:
    """Return the leaves that the variables of a rule have in the step that is an instance of it."""
    found: dict[Var, Leaf] = {}
    for literal, premise in zip(rule.body, made.premises, strict=True):
        for argument, value in zip(literal.arguments, derivation.steps[premise].values, strict=True):
            if isinstance(argument, Var):
                found[argument] = (argument.sort, scene.domain(argument.sort)[value])
    return found
