"""Indistinguishability to an observer who only reads: whatever it sees of one run it could have seen of another.

The judged session takes part in one run of the flow, all messages of which go where they are sent. On the left its name or
pick is one thing, on the right another. The claim holds if each run of the left looks like one of the right, and the other
way round, beside everything that all other runs show: the two sides are trace equivalent for observers who send nothing.

Other runs are the same on both sides and share with the judged one nothing but names and long-term keys. What they show
can matter to it only by terms without fresh values, which all runs under the same names show alike; so one run of each
kind stands for any number. Names that the judged run does not have are one stranger for each name of the flow, and one
dishonest party, whose keys and fresh values the observer knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product, zip_longest
from typing import Literal as OneOf

from modelcheck.engine.deduction import KeyRing, key_ring
from modelcheck.engine.frames import Frame, Sights
from modelcheck.engine.judged import Unsupported
from modelcheck.engine.prover import System
from modelcheck.engine.seen import Different, Saying, Seen, shortened, spelled
from modelcheck.protocol.model import (
    Checked,
    Claim,
    Created,
    Dishonest,
    Leak,
    Observational,
    Path,
    Picked,
    Point,
    Protocol,
    Reached,
    Recalled,
    Sent,
    Weak,
    set_choices,
)
from modelcheck.protocol.terms import NAME, App, Const, Key, Term, Var, show, sort_of, subterms
from modelcheck.protocol.terms import replace as put
from modelcheck.protocol.theory import DISHONEST
from modelcheck.verdict import Attack, AttackStep, Holds, PossibleDifference, Vacuous

MOST_RUNS = 400
"""Kinds of other runs; more is refused."""

JUDGED = "judged"

GIVEN = "the observer is given"
"""The sender of what leaks; the receiver is its name."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something that the observer reads, or is given; ``names`` is what the flow calls it."""

    sender: str
    receiver: str
    names: tuple[str, ...]
    term: Term


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a flow: what the observer sees of it; it is ``sure`` if honest parties can really take that path."""

    messages: tuple[Message, ...]
    values: Mapping[str, Term]
    created: tuple[Const, ...]
    dishonest: tuple[Const, ...]
    """The fresh values of its dishonest parties."""
    sure: bool
    reached: frozenset[tuple[str, str]]
    """The points that roles reach."""

    @property
    def terms(self) -> tuple[Term, ...]:
        """What the observer reads, in order, and what it knows of dishonest parties."""
        return (*(message.term for message in self.messages), *self.dishonest)

    @property
    def shape(self) -> tuple[tuple[str, str], ...]:
        """Who sends to whom, in order."""
        return tuple((message.sender, message.receiver) for message in self.messages)


# ------------------------------------------------------------------------------------------------ runs


def runs(protocol: Protocol, path: Path, names: Mapping[Var, Const], label: str) -> Iterator[Run]:
    """Yield the runs along a path under some names, one for each choice of what is picked on it."""
    fresh = {
        event.variable: Const(f"{event.variable.name}@{label}", event.variable.sort)
        for event in path.events if isinstance(event, Created)
    }  # fmt: skip
    picked = [event for event in path.events if isinstance(event, Picked)]
    for picks in _picks(picked, path, protocol.finite_sorts(), {}):
        yield _run(protocol, path, {**names, **fresh, **picks}, tuple(fresh.values()))


def _picks(
    picked: Sequence[Picked], path: Path, sorts: Mapping[str, tuple[str, ...]], chosen: dict[Var, Const]
) -> Iterator[dict[Var, Const]]:
    """Yield the values of what roles pick on a path, one after the other."""
    if not picked:
        yield chosen
        return
    pick, *rest = picked
    order = sorts[str(sort_of(pick.variable))]
    sets = [put(source, chosen) for source in pick.sources]
    options = set_choices(order, tuple(s.value for s in sets if isinstance(s, Const)), pick.rule) if sets else order
    for value in options:
        match pick.variable:
            case Const(fixed, _) if fixed == value:
                yield from _picks(rest, path, sorts, chosen)
            case Var(_, sort) as variable if value in path.domains.get(variable, order):
                yield from _picks(rest, path, sorts, {**chosen, variable: Const(value, sort)})
            case _:
                pass


def _run(protocol: Protocol, path: Path, values: Mapping[Var, Const], created: tuple[Const, ...]) -> Run:
    """Return what is seen along a path: a role whose comparison fails stops, and so does who waits for it."""
    stopped: set[str] = set()
    messages, dishonest = [], []
    reached: set[tuple[str, str]] = set()
    sure = path.possible
    bad = {role.name for role in protocol.roles if any(values.get(name) is Const(DISHONEST, NAME) for name in role.own)}
    for event in path.events:
        match event:
            case Sent(sender, receiver, channel, term, names):
                if sender in stopped:
                    stopped.add(receiver)
                    continue
                sure = sure and not event.sealed
                if channel in ("public", "authentic"):
                    messages.append(Message(sender, receiver, names, _ground(term, values)))
            case Checked(role) if not _passes(event, values):
                stopped.add(role)
            case Created(role, variable) if role in bad:
                dishonest.append(values[variable])
            case Reached(role, point) if role not in stopped:
                reached.add((role, point))
            case _:
                pass
    named = {name: put(term, values) for name, term in path.values.items()}
    return Run(tuple(messages), named, created, tuple(dishonest), sure and not bad, frozenset(reached))


def _passes(check: Checked, values: Mapping[Var, Const]) -> bool:
    left = _ground(check.left, values)
    if check.test == "new":
        return True
    assert check.right is not None
    if check.test == "member":
        raise Unsupported("the test `member` in the eyes of an observer")
    if any(variable.sort == NAME for variable in (*check.left.variables, *check.right.variables)):
        raise Unsupported("a comparison of names in the eyes of an observer")
    return (left is _ground(check.right, values)) == (check.test == "equal")


def _ground(term: Term, values: Mapping[Var, Const]) -> Term:
    found = put(term, values)
    if found.variables:
        raise Unsupported(f"a message with `{found.variables[0]}`, which no run of the flow determines")
    return found


# ------------------------------------------------------------------------------------------------ both sides


class _Bench:
    """The runs of both sides of one claim, and all others."""

    def __init__(self, system: System, claim: Claim, wanted: Observational) -> None:
        _refuse(system, claim, wanted)
        self.system, self.claim, self.wanted = system, claim, wanted
        self.ring = key_ring(system.protocol.key_families(), system.machines)
        self.variables = _names(system.protocol)
        self.weak = frozenset(power.form for power in claim.powers if isinstance(power, Weak))
        self.sides = tuple(tuple(self._judged(side)) for side in wanted.sides)
        self.judged = dict.fromkeys(
            value for side in wanted.sides for value in self._names(side).values()
        )  # fmt: skip
        self.others = tuple(self._others())

    def _names(self, side: str) -> dict[Var, Const]:
        """Return the names of the judged run: different ones, but for a name that is the subject."""
        names = {variable: Const(f"the {variable.name}", NAME) for variable in self.variables}
        return {v: Const(side, NAME) if v.name == self.wanted.subject.name else name for v, name in names.items()}

    def _judged(self, side: str) -> Iterator[Run]:
        """Yield the runs in which the subject is this side's."""
        for path in self.system.protocol.paths:
            for run in runs(self.system.protocol, path, self._names(side), JUDGED):
                value = run.values.get(self.wanted.subject.name)
                if isinstance(value, Const) and value.value == side:
                    if any(p.after is not None and _reached(p.after) not in run.reached for p in self._leaks()):
                        raise Unsupported("leaks after a point that not all runs reach in the eyes of an observer")
                    yield self._leaked(run, "own")

    def _leaks(self) -> Iterator[Leak]:
        yield from (power for power in self.claim.powers if isinstance(power, Leak))

    def _leaked(self, run: Run, owner: OneOf["own", "other"]) -> Run:
        """Return a run with what leaks of it, sooner or later."""
        given = [
            Message(GIVEN, datum.name, (datum.name,), run.values[datum.name])
            for power in self._leaks() if power.owner in (owner, "all")
            for datum in power.data if datum.kind != "key" and datum.name in run.values
        ]  # fmt: skip
        return replace(run, messages=(*run.messages, *given))

    def _others(self) -> Iterator[Run]:
        """Yield one run of each kind that shares a long-term key with the judged runs, or with another such run."""
        waiting = list(self._all_others())
        shared = self.keys(term for side in self.sides for run in side for term in run.terms)
        changed = True
        while changed:
            changed, left = False, []
            for run, keys in waiting:
                if keys & shared:
                    changed = changed or not keys <= shared
                    shared |= keys
                    yield run
                else:
                    left.append((run, keys))
            waiting = left

    def _all_others(self) -> Iterator[tuple[Run, set[Term]]]:
        count = 0
        for protocol in self.system.protocol.with_beside():
            variables = _names(protocol)
            choices = [(*self.judged, Const(f"another {v.name}", NAME), Const(DISHONEST, NAME)) for v in variables]
            for names in product(*choices):
                for path in protocol.paths:
                    for run in runs(protocol, path, dict(zip(variables, names, strict=True)), f"{count}"):
                        count += 1
                        if count > MOST_RUNS:
                            raise Unsupported(f"more than {MOST_RUNS} kinds of runs in the eyes of an observer")
                        given = self._leaked(run, "other") if protocol is self.system.protocol else run
                        yield given, self.keys(given.terms)

    def keys(self, terms: Iterable[Term]) -> set[Term]:
        """Return the long-term keys in some terms."""
        return {self.ring.normal(part) for term in terms for part in subterms(term) if isinstance(part, Key)}

    def given(self, others: Sequence[Run]) -> tuple[Term, ...]:
        """Return the long-term keys that the observer has: those of dishonest parties, and those that leak."""
        sides = [run for side in self.sides for run in side]
        keys = self.keys(term for run in (*sides, *others) for term in run.terms)
        return tuple(sorted((k for k in keys if isinstance(k, Key) and self._is_given(k)), key=repr))

    def _is_given(self, key: Key) -> bool:
        if self.ring.is_dishonest(key):
            return True
        for power in self._leaks():
            for datum in power.data:
                if datum.kind == "key" and datum.name == key.family:
                    indices = self._indices(datum.arguments)
                    if not datum.arguments or any(index in indices for index in self.ring.indices(key)):
                        return True
        return False

    def _indices(self, arguments: tuple[str, ...]) -> set[tuple[Term, ...]]:
        named = [{v.name: name for v, name in self._names(side).items()} for side in self.wanted.sides]
        return {tuple(names[argument] for argument in arguments) for names in named}


def _names(protocol: Protocol) -> tuple[Var, ...]:
    return tuple(dict.fromkeys(v for role in protocol.roles for v in (*role.parameters, *role.hosts)))


def _refuse(system: System, claim: Claim, wanted: Observational) -> None:
    """Raise :class:`Unsupported` for what comparing honest runs does not cover."""
    if claim.premise is not None:
        raise Unsupported("a premise of a claim of indistinguishability")
    if not starts_with(system, wanted) and not _picks_it(system, wanted):
        raise Unsupported(
            f"sides that differ in `{wanted.subject}`, which {wanted.role} neither starts from nor picks,"
        )
    for power in claim.powers:
        if isinstance(power, Dishonest):
            raise Unsupported("a dishonest party and an attacker who only reads")
        if isinstance(power, Weak) and (power.form == "hash" or power.when is not None):
            raise Unsupported(
                f"weak {power.form}{' in some sessions only' if power.when else ''} in the eyes of an observer"
            )
        if not isinstance(power, Leak):
            continue
        if any(datum.owner for datum in power.data):
            raise Unsupported("leaks of another protocol in the eyes of an observer")
        if any(datum.kind not in ("key", "value") for datum in power.data):
            raise Unsupported("leaks of anything but keys and values in the eyes of an observer")
    for protocol in system.protocol.with_beside():
        for path in protocol.paths:
            for event in path.events:
                if isinstance(event, Recalled):
                    raise Unsupported("values that roles keep for later sessions in the eyes of an observer")
                if isinstance(event, Sent) and any(_is_oprf(part) for part in subterms(event.term)):
                    raise Unsupported("oblivious evaluations in the eyes of an observer")


def _picks_it(system: System, wanted: Observational) -> bool:
    """Return whether the judged role picks the subject on each path that has one."""
    having = [path for path in system.protocol.paths if wanted.subject.name in path.values]
    return wanted.subject.kind == "value" and all(
        any(isinstance(e, Picked) and e.role == wanted.role and e.variable is path.values[wanted.subject.name]
            for e in path.events)
        for path in having
    )  # fmt: skip


def _is_oprf(term: Term) -> bool:
    return isinstance(term, App) and term.function.startswith("oprf")


# ------------------------------------------------------------------------------------------------ comparison


@dataclass(frozen=True, slots=True)
class _Context:
    """What the observer has besides the judged run."""

    ring: KeyRing
    more: tuple[Term, ...]
    weak: frozenset[str]

    def alike(self, one: Run, other: Run, sights: Sights) -> bool:
        """Return whether two runs look alike: they have one shape, and their frames are written down alike."""
        return one.shape == other.shape and self.look(one, sights) == self.look(other, sights)

    def look(self, run: Run, sights: Sights) -> tuple[int, ...]:
        """Return how a run looks beside everything else."""
        return Frame((*run.terms, *self.more), self.ring, sights, self.weak).look()

    def difference(self, left: Run, right: Run) -> tuple[str, str] | None:
        """Return what is seen on either side, as the replayer of two systems finds it; None if it finds nothing."""
        for one, other in zip_longest(left.messages, right.messages):
            if one is None or other is None or (one.sender, one.receiver) != (other.sender, other.receiver):
                return _happens(one), _happens(other)
        pairs = [
            (self.ring.normal(a), self.ring.normal(b))
            for a, b in zip((*left.terms, *self.more), (*right.terms, *self.more), strict=True)
        ]  # fmt: skip
        try:
            Seen(pairs, self.ring.families, self.weak)
        except Different as different:
            return _spelled(different.args[0]), _spelled(different.args[1])
        try:
            Seen([(b, a) for a, b in pairs], self.ring.families, self.weak)
        except Different as different:
            return _spelled(different.args[1]), _spelled(different.args[0])
        return None


def _reached(point: Point) -> tuple[str, str]:
    """Return a point as runs note that they reach it."""
    return point.role, f"{point.kind} {point.name}".strip()


def _happens(message: Message | None) -> str:
    return "nothing more is sent" if message is None else _sends(message)


def _spelled(saying: Saying) -> str:
    """Return a sentence, fresh values called as the flow calls them."""
    return spelled(saying, lambda term: f"`{shortened(_as_written(show(term)))}`")


def _as_written(text: str) -> str:
    """Return the text of a term without the runs that made its values.

    >>> _as_written("hash(n@judged, n@12)")
    'hash(n, n of another run)'
    """
    return re.sub(r"@\d+\b", " of another run", text.replace(f"@{JUDGED}", ""))


def _listed(message: Message) -> str:
    return ", ".join(name for name in message.names if "." not in name) or "a message"


def starts_with(system: System, wanted: Observational) -> bool:
    """Return whether the subject of a claim is a name that the judged role starts from."""
    parameters = next(m.role.parameters for m in system.machines if m.role.name == wanted.role)
    return wanted.subject.kind == "value" and any(v.name == wanted.subject.name for v in parameters)


def decide_observed(
    system: System, claim: Claim, wanted: Observational, *, vacuity: bool
) -> Holds | Attack | PossibleDifference | Vacuous:
    """Return whether somebody who only reads tells the sides apart; of an attacker who sends, only that it does.

    "Holds" is confirmed, and an attack executed, by the replayer of two systems, which shares nothing with the frames.
    Raises :class:`Unsupported` for what comparing honest runs does not cover.
    """
    found = _decided(system, claim, wanted, vacuity=vacuity)
    if not claim.passive and not isinstance(found, Attack):
        raise Unsupported(f"sides that differ in the pick `{wanted.subject}`, to an attacker who sends messages,")
    return found


def _decided(
    system: System, claim: Claim, wanted: Observational, *, vacuity: bool
) -> Holds | Attack | PossibleDifference | Vacuous:  # fmt: skip
    bench = _Bench(system, claim, wanted)
    for side, name in zip(bench.sides, wanted.sides, strict=True):
        if not any(run.sure for run in side):
            return Vacuous(f"no honest run has `{wanted.subject}` as {name}")
    everything = _context(bench, bench.others)
    open_runs = list(_unmatched(bench, everything))
    if not open_runs:
        if not vacuity:
            return Holds(True, 0)
        if not any(True for _ in _unmatched(bench, _all_known(bench, everything))):
            return Vacuous(
                "even if all keys and all secrets of the judged session leaked, nobody could tell the sides apart"
            )
        return Holds(True, 0, turned="all keys and secrets of the judged session")
    certain = _context(bench, [run for run in bench.others if run.sure])
    best = None
    for number, run in open_runs:
        best = _difference(bench, certain, number, run)
        if best is not None and run.sure:
            _, told, seen = best
            return _attack(wanted, told, seen)
    steps = best[1] if best is not None else ()
    return PossibleDifference(tuple(steps), f"so the two sides of `{wanted.subject}` may look different")


def _context(bench: _Bench, others: Sequence[Run]) -> _Context:
    more = (*bench.given(others), *(term for run in others for term in run.terms))
    return _Context(bench.ring, more, bench.weak)


def _all_known(bench: _Bench, context: _Context) -> _Context:
    """Return a context with all keys and all fresh values of the judged runs."""
    judged = [run for side in bench.sides for run in side]
    keys = sorted(bench.keys(term for run in judged for term in run.terms), key=repr)
    created = dict.fromkeys(value for run in judged for value in run.created)
    return replace(context, more=(*keys, *created, *context.more))


def _unmatched(bench: _Bench, context: _Context) -> Iterator[tuple[int, Run]]:
    """Yield the runs of either side, with the side's number, that look like none that the other surely has."""
    sights = Sights()
    for number, side in enumerate(bench.sides):
        others = [run for run in bench.sides[1 - number] if run.sure]
        for run in side:
            if not any(
                context.alike(run, other, sights) and context.difference(run, other) is None for other in others
            ):
                yield number, run


def _difference(
    bench: _Bench, context: _Context, number: int, run: Run
) -> tuple[int, list[str], tuple[str, str]] | None:
    """Return how a run of one side differs from the one of the other that it is most like; None if it does not from some."""
    best: tuple[int, list[str], tuple[str, str]] | None = None
    sights = Sights()
    for other in bench.sides[1 - number]:
        pair = (run, other) if number == 0 else (other, run)
        seen = context.difference(*pair)
        if seen is None or context.alike(*pair, sights):
            return None
        looks = [context.look(one, sights) for one in pair]
        common = next(
            (i for i, (a, b) in enumerate(zip(*looks, strict=False)) if a != b), min(map(len, looks))
        )  # fmt: skip
        same = sum(1 for _ in _same_shape(*pair))
        common = min(common, same)
        if best is None or common > best[0]:
            # The message that looks different is told as well, if both sides send one there.
            best = common, [_sends(message) for message in run.messages[: min(common + 1, same)]], seen
    return best


def _same_shape(left: Run, right: Run) -> Iterator[None]:
    for one, other in zip(left.shape, right.shape, strict=False):
        if one != other:
            return
        yield None


def _sends(message: Message) -> str:
    if message.sender == GIVEN:
        return f"{GIVEN} {message.receiver}"
    return f"{message.sender} to {message.receiver}: {_listed(message)}"


def _attack(wanted: Observational, steps: list[str], seen: tuple[str, str]) -> Attack:
    """Return the runs that are told apart, message by message up to the one that differs."""
    told = [AttackStep("session", "", line, (), (), ()) for line in steps]
    left, right = seen
    told.append(AttackStep("attacker", "", left, (), (), (), right=right))
    return Attack(
        (), tuple(told), f"so the two sides of `{wanted.subject}` look different to an observer",
        sides=wanted.headings,
    )  # fmt: skip
