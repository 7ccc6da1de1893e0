"""What a claim speaks of, in terms of role machines: where its points are, and what a role holds there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from modelcheck.machines.blocks import cut_at
from modelcheck.machines.machine import Guard, RoleMachine, Send, fixed_values, fresh_values, simple
from modelcheck.machines.view import View
from modelcheck.protocol.model import (
    Agreement,
    Claim,
    Datum,
    Fact,
    Leak,
    Partner,
    Path,
    Point,
    Premise,
    Protocol,
    Reached,
    Sent,
)
from modelcheck.protocol.terms import NAME, Const, Term, Var

BRANCH = "branch"
"""The sort of "this branch was taken"."""

TAKEN, NOT_TAKEN = Const("taken", BRANCH), Const("not taken", BRANCH)


@dataclass(frozen=True, slots=True, eq=False)
class Stance:
    """A role at a point on one or more paths: the cut state, and what it then knows."""

    machine: RoleMachine
    state: int
    views: Mapping[int, View]

    @property
    def role(self) -> str:
        """The role's name."""
        return self.machine.role.name

    def received(self) -> tuple[Var, ...]:
        """Return the role's variables that are neither its names nor values it creates."""
        fixed = fixed_values(self.machine)
        return tuple(v for v in self.machine.states[self.state].bound if v not in fixed)

    def new_values(self) -> set[Var]:
        """Return the variables of which the role made sure that no session of its name accepted them before."""
        return {
            part
            for state in self.machine.lineage(self.state)
            if isinstance(state.step, Guard) and state.step.test == "new"
            for part in state.step.left.variables
        }


class Held:
    """Answers what a datum of a claim is for a role at a point."""

    def __init__(self, protocol: Protocol, machines: Iterable[RoleMachine]) -> None:
        self.protocol = protocol.name
        self.paths: dict[str, tuple[Path, ...]] = {}
        self.continued: dict[str, tuple[str, ...]] = {}
        for one in protocol.with_beside():
            self.paths[one.name] = one.paths
            self.continued[one.name] = one.continued
        self.machines = {machine.role.name: machine for machine in machines}

    def concerns(self, datum: Datum, protocol: str, judged: str) -> bool:
        """Return whether a datum is one of a protocol's sessions, for a claim that judges sessions of ``judged``.

        A datum without an owner is one of the judged protocol; sessions that go on have the values of those they continue.
        """
        owner = datum.owner or judged
        return protocol == owner or (bool(datum.owner) and owner in self.continued[protocol])

    def honest(self, path: Path, datum: Datum) -> Term | None:
        """Return what a datum is on ``path``, or None if it does not exist there."""
        match datum.kind:
            case "value":
                return path.values.get(datum.name)
            case "message":
                return path.messages.get(datum.name)
            case "label":
                taken = dict(path.labels).get(datum.name)
                return None if taken is None else (TAKEN if taken else NOT_TAKEN)
            case "stage":
                return path.stages.get(int(datum.name))
            case "range":
                first, last = datum.arguments
                return path.ranges.get((first, last))
            case "constant" | "key":
                return path.values.get(str(datum))

    def at(self, stance: Stance, datum: Datum) -> tuple[Term, ...]:
        """Return the different things the datum may be for the role there: empty if it does not hold it."""
        found: dict[Term, None] = {}
        protocol = stance.machine.protocol
        if not self.concerns(datum, protocol, protocol):
            return ()
        for index, view in stance.views.items():
            honest = self.honest(self.paths[protocol][index], datum)
            own = view.of(honest) if honest is not None else None
            if own is not None:
                found[own] = None
        if datum.kind == "label" and len(found) > 1:
            return ()
        return tuple(found)

    def tuples(self, stance: Stance, data: tuple[Datum, ...]) -> tuple[tuple[Term, ...], ...]:
        """Return the joint values of several data on the paths through a stance where the role holds them all."""
        found: dict[tuple[Term, ...], None] = {}
        protocol = stance.machine.protocol
        if not all(self.concerns(datum, protocol, protocol) for datum in data):
            return ()
        for index, view in stance.views.items():
            path = self.paths[protocol][index]
            terms = [self.honest(path, datum) for datum in data]
            own = [view.trace(term) if term is not None else None for term in terms]
            if all(term is not None for term in own):
                found[tuple(term for term in own if term is not None)] = None
        return tuple(found)

    def tagged_machines(self, tag: Datum) -> tuple[RoleMachine, ...]:
        """Return the machines of the roles whose sessions a claim compares by this tag."""
        return tuple(m for m in self.machines.values() if m.protocol == (tag.owner or self.protocol))

    def stances(self, point: Point) -> tuple[Stance, ...]:
        """Return where a role may be when it has just reached a point."""
        machine = self.machines[point.role]
        return self.cuts(machine, machine.at(point.kind, point.name))

    def runs(self, wanted: Agreement) -> tuple[Stance, ...]:
        """Return where the running session of an agreement is: at the point named, or after its last send before."""
        if wanted.explicit:
            return self.stances(wanted.right)
        return self.last_sends(wanted.left, wanted.right.role)

    def holding(self, point: Point, data: tuple[Datum, ...], premise: Premise | None = None) -> tuple[Stance, ...]:
        """Return where the secrecy of data is judged: at the point, or when the accepted role first holds them."""
        stances = self.stances(point)
        if point.kind == "accepts" and not any(self.at(stance, datum) for stance in stances for datum in data):
            stances = self.first_after(stances, data) or stances
        return self.where(stances, premise)

    def where(self, stances: Iterable[Stance], premise: Premise | None) -> tuple[Stance, ...]:
        """Return the stances, less the paths on which a premise about a branch is false."""
        if not isinstance(premise, Fact) or premise.subject.kind != "label":
            return tuple(stances)
        wanted = TAKEN if "taken" in premise.values else NOT_TAKEN
        found = []
        for stance in stances:
            paths = self.paths[stance.machine.protocol]
            views = {i: v for i, v in stance.views.items() if self.honest(paths[i], premise.subject) is wanted}
            if views:
                found.append(Stance(stance.machine, stance.state, views))
        return tuple(found)

    def partner_roles(self, claim: Claim, judged: RoleMachine) -> Iterator[str]:
        """Yield the roles of the judged session's partners, as far as the claim speaks of them in particular."""
        for power in claim.powers:
            if isinstance(power, Leak) and power.owner != "all":
                for machine in self.machines.values():
                    if machine.protocol == judged.protocol and machine is not judged and any(
                        datum.kind != "key" and not datum.owner
                        and (power.owner == "other" or self._made_by(machine, datum))
                        for datum in power.data
                    ):  # fmt: skip
                        yield machine.role.name
        premise = claim.premise
        if isinstance(premise, Partner) and self.machines[premise.role].protocol == judged.protocol:
            yield premise.role

    def _made_by(self, machine: RoleMachine, datum: Datum) -> bool:
        values = {self.honest(path, datum) for path in self.paths[machine.protocol]}
        return any(variable in values for variable in fresh_values(machine))

    @staticmethod
    def first_shared(judged: RoleMachine, stances: Iterable[Stance], other: RoleMachine) -> Var | None:
        """Return the first value that ``other`` creates and the judged role receives: whose it is is the partner."""
        if other.role.name == judged.role.name:
            return None
        mine = {variable for stance in stances for variable in stance.received()}
        return next((variable for variable in fresh_values(other) if variable in mine), None)

    def cuts(self, machine: RoleMachine, states: Iterable[int]) -> tuple[Stance, ...]:
        """Return the stances for some states of a machine, each at the end of its block."""
        merged: dict[int, dict[int, View]] = {}
        for index in states:
            cut = cut_at(machine, index)
            merged.setdefault(cut, {}).update(machine.states[cut].views)
        return tuple(Stance(machine, cut, views) for cut, views in sorted(merged.items()))

    def last_sends(self, left: Point, role: str) -> tuple[Stance, ...]:
        """Return where ``role`` is after its last send before ``left``, in the order of the flow."""
        machine = self.machines[role]
        name = simple(role)
        spans: set[tuple[int, int, int]] = set()
        for index, path in enumerate(self.paths[machine.protocol]):
            end = _position(path, left)
            sends = [e for e in path.events[: end or 0] if isinstance(e, Sent) and e.sender == name]
            if sends:
                spans.add((index, sends[-1].span.start, sends[-1].span.end))
        states = [
            state.index for state in machine.states
            if isinstance(state.step, Send)
            and any((path, state.step.span.start, state.step.span.end) in spans for path in state.views)
        ]  # fmt: skip
        return self.cuts(machine, states)

    def first_held(self, machine: RoleMachine, data: tuple[Datum, ...]) -> tuple[Stance, ...]:
        """Return on each branch the first states in which the role holds all the data."""
        found: list[int] = []
        for state in machine.states[1:]:
            if any(ancestor.index in found for ancestor in machine.lineage(state.parent)):
                continue
            if self.tuples(Stance(machine, state.index, state.views), data):
                found.append(state.index)
        return self.cuts(machine, found)

    def first_had(self, machine: RoleMachine, datum: Datum) -> Iterator[tuple[Stance, Term]]:
        """Yield on each branch where the role first has a datum, more than a public half of it, and its view of it."""
        found: list[int] = []
        for state in machine.states[1:]:
            if not any(ancestor.index in found for ancestor in machine.lineage(state.parent)) and self.at(
                Stance(machine, state.index, state.views), datum
            ):
                found.append(state.index)
        for stance in self.cuts(machine, found):
            yield from ((stance, own) for own in self.at(stance, datum))

    def first_after(self, earlier: tuple[Stance, ...], data: tuple[Datum, ...]) -> tuple[Stance, ...]:
        """Return where a role first holds all the data, of the states that come after one of ``earlier``."""
        if not earlier:
            return ()
        machine = earlier[0].machine
        before = {stance.state for stance in earlier}
        return tuple(
            stance for stance in self.first_held(machine, data)
            if any(state.index in before for state in machine.lineage(stance.state))
        )  # fmt: skip


def judged_names(stance: Stance) -> tuple[Var, ...]:
    """Return the names that the role holds there: those it starts from and those it learned under the flow's word."""
    learned = [v for v in stance.received() if v.sort == NAME and _under_own_word(stance, v)]
    return tuple(dict.fromkeys((*stance.machine.role.parameters, *learned)))


def _under_own_word(stance: Stance, variable: Var) -> bool:
    return any(view.known.get(variable) is variable for view in stance.views.values())


def tagged(held: Held, machine: RoleMachine, tag: Datum) -> tuple[Stance, ...]:
    """Return where an accepted session of the role holds the tag: at its acceptance, or later when it first does."""
    accepted = held.stances(Point(machine.role.name, "accepts"))
    ready = tuple(stance for stance in accepted if held.at(stance, tag))
    if ready or not accepted:
        return ready
    return held.first_after(accepted, (tag,))


def _position(path: Path, point: Point) -> int | None:
    """Return how many events of the path lie at or before a point, None if the path does not reach it."""
    role = simple(point.role)
    for index, event in enumerate(path.events):
        match event:
            case Reached(who, what):
                wanted = f"stage {point.name}" if point.kind == "stage" else point.kind
                if what == wanted and who in ("", role):
                    return index + 1
            case Sent(sender=sender, names=names) if point.kind == "sends" and sender == role and point.name in names:
                return index
            case Sent(receiver=to, names=names) if point.kind == "receives" and to == role and point.name in names:
                return index + 1
            case _:
                pass
    return None
