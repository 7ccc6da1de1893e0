"""Worlds in which an attacker who sends messages looks for a pick: one session of each role on both sides, and what it is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from modelcheck.engine.deduction import KeyRing
from modelcheck.engine.judged import Unsupported
from modelcheck.engine.leaks import terms_of
from modelcheck.engine.prover import System
from modelcheck.engine.seen import Pair, ground
from modelcheck.engine.violation import given_up
from modelcheck.machines.held import Held, Stance
from modelcheck.machines.machine import Receive, RoleMachine, Send
from modelcheck.protocol.model import Claim, Fact, Leak, Observational, Point, Weak
from modelcheck.protocol.terms import Const, Key, Term, Var, subterms
from modelcheck.verdict import AttackStep


@dataclass(frozen=True, slots=True)
class Half:
    """A session on one side: where it is, what it knows, and which paths of the flow are open to it."""

    state: int
    values: Mapping[Var, Term]
    paths: frozenset[int]


@dataclass(frozen=True, slots=True)
class Player:
    """A session on both sides."""

    label: str
    machine: RoleMachine
    halves: tuple[Half, Half]

    @property
    def waits(self) -> bool:
        """Whether the session waits for a message on either side."""
        return any(True for side in (0, 1) for _ in receives(self.machine, self.halves[side]))

    def has_passed(self, side: int, state: int) -> bool:
        """Return whether the session is in a state or beyond it."""
        return any(one.index == state for one in self.machine.lineage(self.halves[side].state))

    def here(self, side: int) -> Stance:
        """Return where the session is, as far as its paths of the flow lead there."""
        half = self.halves[side]
        views = self.machine.states[half.state].views
        return Stance(self.machine, half.state, {path: view for path, view in views.items() if path in half.paths})


@dataclass(frozen=True, slots=True)
class World:
    """All sessions, what was sent in clear and on protected channels so far, and how that came about in words."""

    players: tuple[Player, ...]
    sent: tuple[Pair, ...]
    private: tuple[tuple[str, str, Pair], ...] = ()
    told: tuple[AttackStep, ...] = ()
    built: int = 0
    """How many messages the attacker made itself."""

    def player(self, label: str) -> Player:
        """Return the session of that label."""
        return next(player for player in self.players if player.label == label)


def receives(machine: RoleMachine, half: Half) -> Iterator[tuple[int, Receive]]:
    """Yield the messages that a session may take next, in the order of the flow's branches."""
    for child in machine.children[half.state]:
        state = machine.states[child]
        if isinstance(state.step, Receive) and half.paths & state.views.keys():
            yield child, state.step


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that leaks, on both sides: what it is, of which session (of none a long-term key), and after a point or not."""

    name: str
    session: str
    value: Pair
    later: bool


class Powers:
    """What a claim gives an attacker in a world.

    Whose partner a session is shows in the end only, so it is assumed: ``partners`` are the roles of the judged session's.
    """

    def __init__(
        self, system: System, claim: Claim, wanted: Observational, ring: KeyRing, names: Mapping[str, Term],
        partners: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        """``names`` are those of all sessions; raise :class:`Unsupported` for what is not executed."""
        self.ring, self.names, self.judged, self.partners = ring, names, wanted.role, partners
        self.held = Held(system.protocol, system.machines)
        self.leaks = tuple(power for power in claim.powers if isinstance(power, Leak))
        weak = [power for power in claim.powers if isinstance(power, Weak)]
        self.everywhere = frozenset(power.form for power in weak if power.when is None)
        self.somewhere = tuple((power.form, power.when) for power in weak if power.when is not None)
        machine = self.held.machines[wanted.role]
        self.roles = tuple(dict.fromkeys(self.held.partner_roles(claim, machine)))
        """The roles of sessions whose values leak only if they are the judged session's partner, or only if not."""
        if any(form == "hash" for form, _ in self.somewhere):
            raise Unsupported("a weak hash in some sessions only, to an attacker who sends messages,")
        if any(datum.kind not in ("key", "value") for power in self.leaks for datum in power.data):
            raise Unsupported("leaks of anything but keys and values, to an attacker who sends messages,")

    # ---------------------------------------------------------------------------------------- weak primitives

    def weak(self, world: World, side: int) -> frozenset[str | Term]:
        """Return the primitives that are weak, and the terms and keys of sessions in which one is weak."""
        found: set[str | Term] = {*self.everywhere}
        for form, fact in self.somewhere:
            for player in world.players:
                if self._is_true(fact, player, side):
                    for part in (part for term in self._handled(player, side) for part in subterms(term)):
                        gifts = tuple(given_up(part, form))
                        found.update(gifts if form in ("sign", "rsa") else [part] if gifts else [])
        return frozenset(found)

    def _is_true(self, fact: Fact, player: Player, side: int) -> bool:
        """Return whether a session has a value for which a primitive is weak."""
        values = [self.ground(own, player, side) for own in self.held.at(player.here(side), fact.subject)]
        return bool(values) and all(isinstance(v, Const) and v.value in fact.values for v in values)

    def _handled(self, player: Player, side: int) -> Iterator[Term]:
        """Yield what a session has sent and received, and what it can compute."""
        for state in player.machine.lineage(player.halves[side].state):
            match state.step:
                case Send(term=term) | Receive(pattern=term):
                    yield self.ground(term, player, side)
                case _:
                    pass
        for path, view in player.here(side).views.items():
            for value in self.held.paths[player.machine.protocol][path].values.values():
                own = view.of(value)
                if own is not None:
                    yield self.ground(own, player, side)

    def ground(self, term: Term, player: Player, side: int) -> Term:
        """Return a term of a session with its values put in, in the one spelling."""
        return self.ring.normal(ground(term, player.halves[side].values, ()))

    # ---------------------------------------------------------------------------------------- what leaks

    def lost(self, world: World) -> Iterator[Lost]:
        """Yield what has leaked by now: what both sides of a session have, under the partners that are assumed."""
        for power in self.leaks:
            if power.after is not None and not self._is_past(world, power.after):
                continue
            for datum in power.data:
                later = power.after is not None
                if datum.kind == "key":
                    yield from (
                        Lost(str(datum), "", (key, key), later) for key in self._keys(datum.name, datum.arguments)
                    )
                    continue
                for player in world.players:
                    own = player.label == self.judged or player.label in self.partners
                    wanted = power.owner == "all" or own == (power.owner == "own")
                    if wanted and self.held.concerns(datum, player.machine.protocol, player.machine.protocol):
                        had = list(terms_of(self.held, player.machine, datum))
                        sides = [self._of(player, side, had) for side in (0, 1)]
                        yield from (Lost(datum.name, player.label, (a, b), later) for a, b in zip(*sides, strict=False))

    def _of(self, player: Player, side: int, had: Sequence[tuple[Stance | None, Term]]) -> tuple[Term, ...]:
        """Return the one thing that a session has of that which leaks, on one side."""
        found = dict.fromkeys(
            self.ground(own, player, side) for stance, own in had
            if stance is None
            or (player.has_passed(side, stance.state) and stance.views.keys() & player.halves[side].paths)
        )  # fmt: skip
        return tuple(found) if len(found) == 1 else ()

    def _is_past(self, world: World, point: Point) -> bool:
        """Return whether the judged session is past a point on both sides."""
        player = world.player(self.judged)
        states = player.machine.at(point.kind, point.name) if point.role == self.judged else ()
        return all(any(player.has_passed(side, state) for state in states) for side in (0, 1))

    def _keys(self, name: str, arguments: tuple[str, ...]) -> Iterator[Term]:
        family = self.ring.families[name]
        chosen = [[self.names[argument]] for argument in arguments] or [[*self.names.values()]] * family.arity
        yield from (self.ring.normal(Key(name, family.sort, index)) for index in product(*chosen))

    def is_allowed(self, world: World) -> bool:
        """Return whether the partners of the judged session are in the end those that were assumed."""
        return all(
            self._is_partner(world, player) == (player.label in self.partners)
            for player in world.players if player.label in self.roles
        )  # fmt: skip

    def _is_partner(self, world: World, player: Player) -> bool:
        """Return whether the judged session got its first value of a role from this session, on both sides."""
        judged = world.player(self.judged)
        return all(
            (shared := self.held.first_shared(judged.machine, [judged.here(side)], player.machine)) is not None
            and judged.halves[side].values[shared] is player.halves[side].values[shared]
            for side in (0, 1)
        )  # fmt: skip
