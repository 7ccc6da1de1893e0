"""A search for what an attacker who sends messages sees of a pick that changes the form of messages.

The judged session takes one way of its flow on the left and another on the right, so the two systems have no steps in
common that clauses could speak of. They are executed side by side on ground terms instead, one session of each role with
honest names and an attacker who does the same on both sides: whatever it builds from what it saw on one side is built in
the same way on the other. The search goes through the messages that it can deliver, those first that need few of the attacker's own, until
something is seen on one side only: a role goes on or stops, answers or does not, gets further in what it checks, or what
it sends looks different. What is found is a run of both systems; if nothing is found nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import combinations, count, islice, product

from modelcheck.engine.comparable import refuse_readings
from modelcheck.engine.deduction import KeyRing, key_ring
from modelcheck.engine.judged import Unsupported
from modelcheck.engine.observations import checked_parts
from modelcheck.engine.prover import System
from modelcheck.engine.script import NotExecuted
from modelcheck.engine.seen import ATTACKER, Different, Pair, Saying, Seen, filled, fit, ground, spelled
from modelcheck.engine.worlds import Half, Lost, Player, Powers, World, receives
from modelcheck.machines.machine import (
    Choose,
    Create,
    Guard,
    Keep,
    Pick,
    Reach,
    Recall,
    Receive,
    Send,
    State,
    Step,
    fixed_values,
)
from modelcheck.machines.reading import Part
from modelcheck.protocol.model import Claim, Dishonest, Observational, Picked, Place, set_choices
from modelcheck.protocol.terms import ANYTHING, NAME, App, Const, Key, Term, Var, sort_of, subterms
from modelcheck.protocol.theory import DISHONEST, FRESH_SORTS
from modelcheck.verdict import Attack, AttackSession, AttackStep

MOST_WORLDS = 600
"""Worlds from which the search goes on."""

MOST_MESSAGES = 400
"""Messages of one shape that are tried for one session in one world."""

MOST_TRIES = 10_000
"""Messages that are tried in all."""

Trail = tuple[Step, ...]
"""What a session decided by itself on its way; both sides decide alike."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A message that a session sent, on one side."""

    names: tuple[str, ...]
    channel: str
    receiver: str
    term: Term


@dataclass(slots=True)
class _Search:
    """Everything that is the same in all worlds."""

    system: System
    wanted: Observational
    ring: KeyRing
    names: Mapping[str, Term]
    powers: Powers
    worlds: int = 0
    tries: int = 0

    # ---------------------------------------------------------------------------------------- one session, one side

    def ground(self, term: Term, values: Mapping[Var, Term]) -> Term:
        """Return a term with values put in."""
        unordered = [name for name, family in self.ring.families.items() if family.kind == "unordered"]
        return ground(term, values, unordered)

    def runs(
        self, player: Player, half: Half, message: Term | None, sent: tuple[_Sent, ...] = (), trail: Trail = ()
    ) -> Iterator[tuple[Half, tuple[_Sent, ...], Trail]]:
        """Yield how far a session gets until it waits, with what it sends and decides; nothing if it stops.

        A message is taken by the first branch that it fits.
        """
        machine = player.machine
        states = [machine.states[child] for child in machine.children[half.state]]
        states = [state for state in states if half.paths & state.views.keys()]
        if not states:
            if message is None:
                yield half, sent, trail
            return
        if any(isinstance(state.step, Receive) for state in states) and message is None:
            yield half, sent, trail
        way: State | None = None
        for state in states:
            if isinstance(state.step, Receive):
                if message is None:
                    continue
                bound = fit(self.ground(state.step.pattern, half.values), message, {})
                if bound is None:
                    continue
                taken = Half(state.index, {**half.values, **bound}, half.paths & state.views.keys())
                done = list(self.runs(player, taken, None, sent, trail))
                if done:
                    yield from done
                    return
                continue
            for values, more, decided in self.steps(player, state, half.values):
                on = Half(state.index, values, half.paths & state.views.keys())
                for run in self.runs(player, on, message, (*sent, *more), (*trail, *decided)):
                    if way is not None and way is not state and not decided:
                        raise Unsupported("a role that cannot tell which branch it is to take,")
                    way = state
                    yield run

    def steps(
        self, player: Player, state: State, values: Mapping[Var, Term]
    ) -> Iterator[tuple[Mapping[Var, Term], tuple[_Sent, ...], Trail]]:
        """Yield what a step that is no receive does to a session's values, what it sends and decides."""
        step = state.step
        match step:
            case Create(variable):
                yield {**values, variable: Const(f"{variable.name}@{player.label}", variable.sort)}, (), ()
            case Pick(value=value, allowed=allowed):
                for one in self.picks(step, values):
                    if allowed is not None and one.value not in allowed:
                        continue
                    if isinstance(value, Var):
                        yield {**values, value: one}, (), (replace(step, value=one, allowed=None),)
                    elif value is one:
                        yield values, (), (replace(step, value=one, allowed=None),)
            case Choose():
                yield values, (), (step,)
            case Guard():
                if self.passes(step, values):
                    yield values, (), ()
            case Send(term, names, channel, receiver):
                yield values, (_Sent(names, channel, receiver, self.ground(term, values)),), ()
            case Reach():
                yield values, (), ()
            case Keep() | Recall() | Receive() | None:
                raise Unsupported("values that roles keep for later sessions, to an attacker who sends messages,")

    def picks(self, step: Pick, values: Mapping[Var, Term]) -> Iterator[Const]:
        """Yield what may be picked: any value of the sort, or one that is in all the sets."""
        sort = str(sort_of(step.value))
        order = self.system.protocol.finite_sorts()[sort]
        sets = [self.ground(source, values) for source in step.sources]
        texts = tuple(s.value for s in sets if isinstance(s, Const))
        for value in set_choices(order, texts, step.rule) if sets else order:
            yield Const(value, sort)

    def passes(self, guard: Guard, values: Mapping[Var, Term]) -> bool:
        """Return whether a role's comparison succeeds."""
        if guard.test == "hosted":
            name = self.ground(guard.left, values)
            if name.variables:
                raise Unsupported("a party that picks by itself for which of its names it acts,")
            return name is not Const(DISHONEST, NAME)
        left = self.ground(guard.left, values)
        match guard.test:
            case "new":
                return True
            case "among":
                return isinstance(left, Const) and left.value in guard.values
            case "equal" | "differ":
                assert guard.right is not None
                return (left is self.ground(guard.right, values)) == (guard.test == "equal")
            case _:
                raise Unsupported("the test `member`, to an attacker who sends messages,")

    # ---------------------------------------------------------------------------------------- both sides

    def found(self, world: World, left: Saying, right: Saying) -> None:
        """Raise :class:`_Found` for what is seen on one side only, unless it rests on values of a session that turns out not to leak."""
        if self.powers.is_allowed(world):
            raise _Found(world, left, right)

    def looks(self, world: World) -> tuple[Seen, Seen] | None:
        """Return what the attacker has, from either side; None if that tells them apart in a world that does not count."""
        given = [lost.value for lost in self.powers.lost(world)]
        pairs = [(self.ring.normal(left), self.ring.normal(right)) for left, right in (*world.sent, *given)]
        weak = self.powers.weak(world, 0), self.powers.weak(world, 1)
        try:
            forth = Seen(pairs, self.ring.families, *weak)
        except Different as different:
            self.found(world, *different.args)
            return None
        try:
            return forth, Seen([(right, left) for left, right in pairs], self.ring.families, *weak[::-1])
        except Different as different:
            self.found(world, *different.args[::-1])
            return None

    def moved(
        self, world: World, index: int, message: tuple[Term | None, Term | None], how: tuple[str, str]
    ) -> Iterator[World]:
        """Yield the worlds after a session took a message (or began), ``how`` says on each side which one."""
        player = world.players[index]
        left, right = (list(self.runs(player, player.halves[side], message[side])) for side in (0, 1))
        if not left and not right:
            return
        if not left or not right:
            ours, theirs = (f"{player.label} {'goes on' if done else 'stops'}" for done in (left, right))
            self.found(self.after(world, player.label, how, ("", "")), (ours,), (theirs,))
        for half, sent, trail in left:
            for other, answer, decided in right:
                if self.own(player, trail) != self.own(player, decided):
                    continue
                told = tuple(_sends(one) for one in (sent, answer))
                now = self.after(world, player.label, how, (told[0], told[1]))
                if [(s.channel, s.receiver) for s in sent] != [(s.channel, s.receiver) for s in answer]:
                    ours, theirs = (f"{player.label} {words or 'sends nothing'}" for words in told)
                    self.found(now, (ours,), (theirs,))
                    continue
                players = (*world.players[:index], replace(player, halves=(half, other)), *world.players[index + 1 :])
                both = [(s, (s.term, t.term)) for s, t in zip(sent, answer, strict=True)]
                open_ones = tuple(pair for s, pair in both if s.channel in ("public", "authentic"))
                hidden = tuple(
                    (player.machine.role.name, s.receiver, pair) for s, pair in both if s.channel != "public"
                )
                yield replace(
                    now, players=players, sent=(*world.sent, *open_ones), private=(*world.private, *hidden)
                )  # fmt: skip

    def own(self, player: Player, trail: Trail) -> Trail:
        """Return what a session decided, but for the judged pick."""
        if player.label != self.wanted.role:
            return trail
        sides = self.wanted.sides
        return tuple(
            step for step in trail
            if not (isinstance(step, Pick) and isinstance(step.value, Const) and step.value.value in sides)
        )  # fmt: skip

    def after(self, world: World, label: str, how: tuple[str, str], sends: tuple[str, str]) -> World:
        """Return a world with one more line: what a session received and sent on either side."""
        lines = [
            " and ".join(part for part in (way and f"receives {way}", words) if part)
            for way, words in zip(how, sends, strict=True)
        ]
        if not any(lines):
            return world
        left, right = (f"{label} {line or 'begins'}" for line in lines)
        step = AttackStep("session", label, left, (), (), (), right="" if left == right else right)
        return replace(world, told=(*world.told, step))

    # ---------------------------------------------------------------------------------------- messages

    def messages(self, world: World, player: Player, seen: tuple[Seen, Seen] | None) -> Iterator[tuple[Pair, str]]:
        """Yield what the attacker can deliver to a session, relayed messages first, as left and right."""
        yielded: set[Pair] = set()
        for side in (0, 1):
            for _, step in receives(player.machine, player.halves[side]):
                if step.channel in ("secret", "secure", "authentic"):
                    ends = (step.sender, player.machine.role.name)
                    fitting = [pair for sender, to, pair in world.private if (sender, to) == ends]
                    yield from ((pair, "a protected message") for pair in fitting if pair not in yielded)
                    yielded.update(fitting)
                    continue
                for pair in world.sent:
                    if pair not in yielded and fit(self.pattern(step, player.halves[side]), pair[side], {}) is not None:
                        yielded.add(pair)
                        yield pair, "what was sent, unchanged,"
        for side in (0, 1):
            if seen is None:
                return
            for _, step in receives(player.machine, player.halves[side]):
                if step.channel != "public":
                    continue
                pattern = self.pattern(step, player.halves[side])
                for message in islice(self.instances(world, pattern, side), MOST_MESSAGES):
                    for other in seen[side].beside(message):
                        pair = (message, other) if side == 0 else (other, message)
                        if pair not in yielded:
                            yielded.add(pair)
                            yield pair, ""

    def pattern(self, step: Receive, half: Half) -> Term:
        """Return what a session expects."""
        return self.ground(step.pattern, half.values)

    def instances(self, world: World, pattern: Term, side: int) -> Iterator[Term]:
        """Yield a pattern with leaves for its variables: the attacker's own, and those that sessions made."""
        choices = [self.leaves(world, variable.sort, side) for variable in pattern.variables]
        for chosen in product(*choices):
            yield self.ground(pattern, dict(zip(pattern.variables, chosen, strict=True)))

    def leaves(self, world: World, sort: str, side: int) -> list[Term]:
        finite = self.system.protocol.finite_sorts()
        if sort in finite:
            return [Const(value, sort) for value in finite[sort]]
        if sort == NAME:
            return [*self.names.values(), Const(DISHONEST, NAME)]
        made = [
            value for player in world.players for value in player.halves[side].values.values()
            if sort_of(value) == sort and not value.variables
        ]  # fmt: skip
        own = [Const(ATTACKER, sort)] if sort in FRESH_SORTS else []
        keys = [part for pair in world.sent for part in subterms(pair[side]) if isinstance(part, Key)]
        return list(dict.fromkeys([*own, *made, *(key for key in keys if key.sort == sort)]))

    def probe(self, world: World, player: Player, seen: tuple[Seen, Seen]) -> None:
        """Raise :class:`_Found` if a message that begins as expected gets the session further on one side only."""
        for side in (0, 1):
            half = player.halves[side]
            for _, step in receives(player.machine, half):
                if step.channel != "public":
                    continue
                for _, part in self.beginnings(step, half):
                    if not any(one is ANYTHING for one in subterms(part)):
                        continue
                    for message in islice(self.instances(world, filled(part), side), MOST_MESSAGES):
                        for other in seen[side].beside(message):
                            self.compared(world, player, (message, other) if side == 0 else (other, message))

    def compared(self, world: World, player: Player, pair: Pair) -> None:
        """Raise :class:`_Found` if a session that stops at a message has opened more of it on one side."""
        self.tries += 1
        if self.tries > MOST_TRIES:
            return
        if any(next(self.runs(player, player.halves[side], pair[side]), None) is not None for side in (0, 1)):
            return
        opened = [self.opened(player, player.halves[side], pair[side]) for side in (0, 1)]
        if opened[0] != opened[1]:
            now = self.after(world, player.label, ("a message of the attacker", "a message of the attacker"), ("", ""))
            ours, theirs = (
                f"{player.label} {'opens it, and stops then' if mine - other else 'cannot open it'}"
                for mine, other in (opened, opened[::-1])
            )
            self.found(now, (ours,), (theirs,))

    def opened(self, player: Player, half: Half, message: Term) -> frozenset[Place | str]:
        """Return the places of a message that some branch of a session opens or verifies before it stops.

        Where the failure at which it stops looks like others, the statement that says so stands for these places.
        """
        found: set[Place | str] = set()
        for _, step in receives(player.machine, half):
            passed: list[Place] = []
            for part, pattern in self.beginnings(step, half):
                if fit(pattern, message, {}) is None:
                    found.update([part.alike] if part.alike else passed)
                    break
                if isinstance(part.term, App) and part.term.function in ("aead", "pk_encrypt", "sign"):
                    passed.append(part.place)
            else:
                found.update(passed)
        return frozenset(found)

    def beginnings(self, step: Receive, half: Half) -> Iterator[tuple[Part, Term]]:
        """Yield what a session expects as far as it reads, part after part."""
        for part, term in checked_parts(step.pattern, half.values, step.readings):
            yield part, self.ground(term, half.values)


class _Found(Exception):
    """Something is seen on one side only."""

    def __init__(self, world: World, left: Saying, right: Saying) -> None:
        """``left`` and ``right`` say what is seen after what happened in ``world``."""
        super().__init__(world, left, right)
        self.world, self.left, self.right = world, left, right


def _sends(sent: tuple[_Sent, ...]) -> str:
    names = [name for one in sent for name in one.names if "." not in name]
    return f"sends {', '.join(names) or 'a message'}" if sent else ""


# ------------------------------------------------------------------------------------------------ the search


def probed(system: System, claim: Claim, wanted: Observational) -> Attack | None:
    """Return an executed run in which an attacker who sends messages sees the pick, None if none was found.

    Raises :class:`Unsupported` for protocols and powers that the search does not execute.
    """
    refuse_readings(system)
    ring = key_ring(system.protocol.key_families(), system.machines)
    names = _names(system, claim)
    roles = Powers(system, claim, wanted, ring, names).roles
    for number in range(len(roles) + 1):
        for partners in combinations(roles, number):
            powers = Powers(system, claim, wanted, ring, names, frozenset(partners))
            search = _Search(system, wanted, ring, names, powers)
            try:
                _explore(search, _start(search))
            except _Found as found:
                return _told(search, found)
            except NotExecuted as problem:
                raise Unsupported(f"{problem}, to an attacker who sends messages,") from None
    return None


def _names(system: System, claim: Claim) -> dict[str, Term]:
    """Return the names of all sessions, by what the flow calls them."""
    dishonest = {power.name for power in claim.powers if isinstance(power, Dishonest)}
    everybody = [v.name for m in system.machines for v in (*m.role.parameters, *m.role.hosts)]
    return {name: Const(DISHONEST if name in dishonest else f"the {name}", NAME) for name in everybody}


def _explore(search: _Search, first: list[World]) -> None:
    numbers = count()
    waiting = [(world.built, next(numbers), world) for world in first]
    known: set[object] = set()
    while waiting and search.worlds < MOST_WORLDS and search.tries < MOST_TRIES:
        _, _, world = heappop(waiting)
        key = _key(world)
        if key in known:
            continue
        known.add(key)
        search.worlds += 1
        seen = search.looks(world)
        for index, player in enumerate(world.players):
            if not player.waits:
                continue
            if seen is not None:
                search.probe(world, player, seen)
            for pair, words in search.messages(world, player, seen):
                search.tries += 1
                left, right = (words or _spelled((one, " from the attacker")) for one in pair)
                made = world if words else replace(world, built=world.built + 1)
                for after in search.moved(made, index, pair, (left, right)):
                    heappush(waiting, (after.built, next(numbers), after))


def _key(world: World) -> object:
    halves = tuple((half.state, frozenset(half.values.items())) for player in world.players for half in player.halves)
    return halves, frozenset(world.sent)


def _start(search: _Search) -> list[World]:
    """Return the worlds in which all sessions have done what they do without being sent anything."""
    system = search.system
    _refuse_other_picks(search)
    players = []
    for machine in system.machines:
        if machine.protocol != system.protocol.name:
            raise Unsupported("protocols side by side, to an attacker who sends messages,")
        judged = machine.role.name == search.wanted.role
        values: dict[Var, Term] = {v: search.names[v.name] for v in machine.role.parameters}
        for variable in fixed_values(machine)[len(machine.role.parameters) :]:
            values[variable] = Const(f"{variable.name}@{machine.role.name}", variable.sort)
        if any(values[name] is Const(DISHONEST, NAME) for name in machine.role.own):
            if judged:
                raise Unsupported("a judged name that is the attacker's")
            continue
        left, right = (Half(0, values, _paths(search, side if judged else None)) for side in (0, 1))
        players.append(Player(machine.role.name, machine, (left, right)))
    worlds = [World(tuple(players), ())]
    for index in range(len(players)):
        worlds = [after for world in worlds for after in search.moved(world, index, (None, None), ("", ""))]
    if not worlds:
        raise Unsupported("sides of which one has no run")
    return worlds


def _refuse_other_picks(search: _Search) -> None:
    """Raise :class:`Unsupported` if the judged role picks another value of the sort: which of its picks differs is then open."""
    for path in search.system.protocol.paths:
        subject = path.values.get(search.wanted.subject.name)
        picks = [e for e in path.events if isinstance(e, Picked) and e.role == search.wanted.role]
        if subject is not None and sum(sort_of(e.variable) == sort_of(subject) for e in picks) > 1:
            raise Unsupported("a role with two picks of one sort, to an attacker who sends messages,")


def _paths(search: _Search, side: int | None) -> frozenset[int]:
    """Return the paths of the flow that a session may take: those with the pick of its side, if it is the judged one."""
    paths = search.system.protocol.paths
    if side is None:
        return frozenset(range(len(paths)))
    value = search.wanted.sides[side]
    found = set()
    for index, path in enumerate(paths):
        match path.values.get(search.wanted.subject.name):
            case Const(fixed) if fixed == value:
                found.add(index)
            case Var() as subject if value in path.domains.get(subject, (value,)):
                found.add(index)
            case _:
                pass
    return frozenset(found)


def _told(search: _Search, found: _Found) -> Attack:
    """Return what was found as an attack, told in two columns."""
    sessions = tuple(
        AttackSession(player.label, player.machine.role.name,
                      tuple(_word(player.halves[0].values[v]) for v in player.machine.role.parameters),
                      player.label)
        for player in found.world.players
    )  # fmt: skip
    left, right = _spelled(found.left), _spelled(found.right)
    lost = [one for one in search.powers.lost(found.world) if one.session]
    now, later = ([_leaks(one) for one in lost if one.later == late] for late in (False, True))
    steps = (*now, *found.world.told, *later, AttackStep("attacker", "", left, (), (), (), right=right))
    conclusion = f"The two sides of `{search.wanted.subject}` look different."
    return Attack(sessions, steps, conclusion, search.wanted.headings)


def _leaks(lost: Lost) -> AttackStep:
    left, right = (f"leak of {lost.name} of {lost.session}: the attacker gets {_spelled((v,))}" for v in lost.value)
    return AttackStep("reveal", lost.session, left, (), (), (), right="" if left == right else right)


def _spelled(saying: Saying) -> str:
    """Return a sentence, fresh values called after their makers."""
    return re.sub(r"([\w~]+)@([\w.]+)", r"\1 of \2", spelled(saying))


def _word(term: Term) -> str:
    return term.value if isinstance(term, Const) else str(term)
