"""Indistinguishability to an observer who only reads: whatever it sees of one run it could have seen of another.

The judged session takes part in one run of the flow, all messages of which go where they are sent. On the left its name or
pick is one thing, on the right another. The claim holds if each run of the left looks like one of the right, and the other
way round, beside everything that all other runs show: the two sides are trace equivalent for observers who send nothing.

Other runs are the same on both sides and share with the judged one nothing but names and long-term keys. What they show
can matter to it only by terms without fresh values, which all runs under the same names show alike; so one run of each
kind stands for any number. Names that the judged run does not have are one stranger for each name of the flow, and one
dishonest party, whose keys and fresh values the observer knows.

A name of the judged run that is dishonest belongs to an attacker who sends nothing, so an attack is a run in which that party
does nothing but read. To be called hidden a pick has to be hidden as well if the party follows the flow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice, product, repeat, zip_longest
from typing import Literal as OneOf

from modelcheck.engine.comparable import dishonest_names
from modelcheck.engine.deduction import KeyRing, key_ring
from modelcheck.engine.frames import Frame, Sights
from modelcheck.engine.giving import Giving
from modelcheck.engine.judged import Unsupported
from modelcheck.engine.prover import System
from modelcheck.engine.runs import GIVEN, Flow, Message, Run
from modelcheck.engine.seen import Different, Saying, Seen, shortened, spelled
from modelcheck.protocol.model import Claim, Leak, Observational, Picked, Point, Recalled, Sent, Weak
from modelcheck.protocol.terms import NAME, App, Const, Key, Term, Var, show, subterms
from modelcheck.protocol.theory import DISHONEST
from modelcheck.verdict import Attack, AttackStep, Holds, PossibleDifference, Vacuous

MOST_RUNS = 400
"""Kinds of other runs; more is refused."""

JUDGED = "judged"

# ------------------------------------------------------------------------------------------------ both sides


class _Bench:
    """The runs of both sides of one claim, and all others.

    ``silent`` dishonest parties of the judged run do nothing; otherwise they follow the flow.
    """

    def __init__(self, system: System, claim: Claim, wanted: Observational, *, silent: bool = True) -> None:
        _refuse(system, claim, wanted)
        self.system, self.wanted = system, wanted
        machine = next(m for m in system.machines if m.role.name == wanted.role)
        self.dishonest = dishonest_names(claim, machine.role, wanted.subject.name)
        self.ring = key_ring(system.protocol.key_families(), system.machines)
        self.flow = Flow(system.protocol, system.machines, silent=silent)
        self.giving = Giving(system, claim, self.ring)
        judged = [list(self._judged(side)) for side in wanted.sides]
        leaks = [power for power in claim.powers if isinstance(power, Leak)]
        self.leaks = tuple(power for power in leaks if _happens_in([*judged[0], *judged[1]], power))
        self.sides = tuple(tuple(self._given(run, "own") for run in runs) for runs in judged)
        self.others = tuple(self._others())

    def _names(self, side: str) -> dict[Var, Const]:
        """Return the names of the judged run: different ones, but for a name that is the subject."""
        return {v: Const(self._name(v.name, side), NAME) for v in self.flow.names}

    def _name(self, variable: str, side: str) -> str:
        if variable == self.wanted.subject.name:
            return side
        return DISHONEST if variable in self.dishonest else f"the {variable}"

    def _judged(self, side: str) -> Iterator[Run]:
        """Yield the runs in which the subject is this side's."""
        for run in self.flow.runs(self._names(side), repeat(JUDGED)):
            value = run.value(self.wanted.subject.name)
            if isinstance(value, Const) and value.value == side:
                yield run

    def _given(self, run: Run, owner: OneOf["own", "other"], protocol: str = "") -> Run:
        return self.giving.of(run, protocol or self.system.protocol.name, owner, self.leaks)

    def _others(self) -> Iterator[Run]:
        """Yield one run of each kind that shares a long-term key with the judged runs, or with another such run."""
        waiting = list(islice(self._all_others(), MOST_RUNS + 1))
        if len(waiting) > MOST_RUNS:
            raise Unsupported(f"more than {MOST_RUNS} kinds of runs in the eyes of an observer")
        shared = self.keys(term for side in self.sides for run in side for term in (*run.terms, *run.gifts))
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
        judged = dict.fromkeys(value for side in self.wanted.sides for value in self._names(side).values())
        labels = map(str, count())
        for protocol in self.system.protocol.with_beside():
            flow = Flow(protocol, self.system.machines)
            choices = [
                dict.fromkeys((*judged, Const(f"another {v.name}", NAME), Const(DISHONEST, NAME))) for v in flow.names
            ]
            for names in product(*choices):
                for run in flow.runs(dict(zip(flow.names, names, strict=True)), labels):
                    given = self._given(run, "other", protocol.name)
                    yield given, self.keys((*given.terms, *given.gifts))

    def keys(self, terms: Iterable[Term]) -> set[Term]:
        """Return the long-term keys in some terms."""
        return {self.ring.normal(part) for term in terms for part in subterms(term) if isinstance(part, Key)}

    def given(self, others: Sequence[Run]) -> tuple[Term, ...]:
        """Return the long-term keys that the observer has: those of dishonest parties, and those that leak."""
        sides = [run for side in self.sides for run in side]
        keys = self.keys(term for run in (*sides, *others) for term in (*run.terms, *run.gifts))
        return tuple(sorted((k for k in keys if isinstance(k, Key) and self._is_given(k)), key=repr))

    def _is_given(self, key: Key) -> bool:
        if self.ring.is_dishonest(key):
            return True
        for power in self.leaks:
            for datum in power.data:
                if datum.kind == "key" and datum.name == key.family:
                    indices = self._indices(datum.arguments)
                    if not datum.arguments or any(index in indices for index in self.ring.indices(key)):
                        return True
        return False

    def _indices(self, arguments: tuple[str, ...]) -> set[tuple[Term, ...]]:
        named = [{v.name: name for v, name in self._names(side).items()} for side in self.wanted.sides]
        return {tuple(names[argument] for argument in arguments) for names in named}


def _happens_in(runs: Sequence[Run], power: Leak) -> bool:
    """Return whether something leaks in some runs; raise :class:`Unsupported` if it does in some of them only."""
    reached = {power.after is None or _reached(power.after) in run.reached for run in runs}
    if len(reached) > 1:
        raise Unsupported("leaks after a point that not all runs reach in the eyes of an observer")
    return True in reached


def _refuse(system: System, claim: Claim, wanted: Observational) -> None:
    """Raise :class:`Unsupported` for what comparing honest runs does not cover."""
    if claim.premise is not None:
        raise Unsupported("a premise of a claim of indistinguishability")
    if not starts_with(system, wanted) and not _picks_it(system, wanted):
        raise Unsupported(
            f"sides that differ in `{wanted.subject}`, which {wanted.role} neither starts from nor picks,"
        )
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
    weak: frozenset[str | Term]
    wary: bool = False
    """Whether what weak primitives give away is looked at as such, not only what they let the observer open and compute.

    Two runs in which something else is given away look different then, which need not be seen.
    """

    def alike(self, one: Run, other: Run, sights: Sights) -> bool:
        """Return whether two runs look alike: they have one shape, and their frames are written down alike."""
        return (
            one.shape == other.shape
            and (not self.wary or [m.receiver for m in one.given] == [m.receiver for m in other.given])
            and self.look(one, sights) == self.look(other, sights)
        )

    def terms(self, run: Run) -> tuple[Term, ...]:
        """Return all that the observer has."""
        return (*run.terms, *(run.gifts if self.wary else ()), *self.more)

    def look(self, run: Run, sights: Sights) -> tuple[int, ...]:
        """Return how a run looks beside everything else."""
        return Frame(self.terms(run), self.ring, sights, self.weak | run.weak).look()

    def difference(self, left: Run, right: Run) -> tuple[str, str] | None:
        """Return what is seen on either side, as the replayer of two systems finds it; None if it finds nothing."""
        for one, other in zip_longest(left.messages, right.messages):
            if one is None or other is None or (one.sender, one.receiver) != (other.sender, other.receiver):
                return _happens(one), _happens(other)
        pairs = [
            (self.ring.normal(a), self.ring.normal(b))
            for a, b in zip(self.terms(left), self.terms(right), strict=True)
        ]  # fmt: skip
        weak = self.weak | left.weak, self.weak | right.weak
        try:
            Seen(pairs, self.ring.families, *weak)
        except Different as different:
            return _spelled(different.args[0]), _spelled(different.args[1])
        try:
            Seen([(b, a) for a, b in pairs], self.ring.families, *weak[::-1])
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
    A hash that is weak in some sessions is taken to be weak in all; what only that tells apart is left open. Raises
    :class:`Unsupported` for what comparing honest runs does not cover.
    """
    everywhere = _with_hashes_weak_everywhere(claim)
    found = _decided(system, everywhere, wanted, vacuity=vacuity)
    if everywhere != claim and isinstance(found, Attack):
        found = PossibleDifference(
            (), f"so the two sides of `{wanted.subject}` would look different if the hash were weak in all sessions"
        )
    if not claim.passive and not isinstance(found, Attack):
        raise Unsupported(f"sides that differ in the pick `{wanted.subject}`, to an attacker who sends messages,")
    return found


def _with_hashes_weak_everywhere(claim: Claim) -> Claim:
    """Return a claim with a stronger attacker if the hash is weak in some sessions only."""
    powers = (
        replace(power, when=None) if isinstance(power, Weak) and power.form == "hash" else power
        for power in claim.powers
    )
    return replace(claim, powers=tuple(powers))


def _decided(
    system: System, claim: Claim, wanted: Observational, *, vacuity: bool
) -> Holds | Attack | PossibleDifference | Vacuous:  # fmt: skip
    bench = _Bench(system, claim, wanted)
    for side, name in zip(bench.sides, wanted.sides, strict=True):
        if not any(run.sure for run in side):
            return Vacuous(f"no honest run has `{wanted.subject}` as {name}")
    everything = _context(bench, bench.others, wary=True)
    open_runs = list(_unmatched(bench, everything))
    if not open_runs:
        if bench.dishonest and not _hidden_from_followers(system, claim, wanted):
            party = " and ".join(f"`{name}`" for name in sorted(bench.dishonest))
            return PossibleDifference(
                (), f"so the two sides of `{wanted.subject}` may look different if {party} follows the flow"
            )
        if not vacuity:
            return Holds(True, 0)
        if not any(True for _ in _unmatched(bench, _all_known(bench, everything))):
            return Vacuous(
                "even if all keys and all secrets of the judged session leaked, nobody could tell the sides apart"
            )
        return Holds(True, 0, turned="all keys and secrets of the judged session")
    certain = _context(bench, [run for run in bench.others if run.sure and run.honest])
    best = None
    for number, run in open_runs:
        best = _difference(bench, certain, number, run)
        if best is not None and run.sure:
            _, told, seen = best
            return _attack(wanted, told, seen)
    steps = best[1] if best is not None else ()
    return PossibleDifference(tuple(steps), f"so the two sides of `{wanted.subject}` may look different")


def _hidden_from_followers(system: System, claim: Claim, wanted: Observational) -> bool:
    """Return whether nobody can tell the sides apart either if dishonest parties follow the flow and tell all they learn."""
    bench = _Bench(system, claim, wanted, silent=False)
    return not any(True for _ in _unmatched(bench, _context(bench, bench.others, wary=True)))


def _context(bench: _Bench, others: Sequence[Run], *, wary: bool = False) -> _Context:
    shown = [term for run in others for term in (*run.terms, *(run.gifts if wary else ()))]
    weak = frozenset(term for run in others for term in run.weak)
    return _Context(bench.ring, (*bench.given(others), *shown), bench.giving.everywhere | weak, wary)


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
