"""The typed protocol: declarations, the flow unfolded into straight paths, and claims with resolved terms.

A *path* is the flow along one outcome of every decision: no branches, every `let` and `transcript` a definite term.
Roles are projections of paths (see :mod:`modelcheck.machines.project`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Literal, TypeAlias

from modelcheck.protocol.terms import Term, Var
from modelcheck.source import Span
from modelcheck.syntax import file_tree, flow_tree

Channel: TypeAlias = Literal["public", "authentic", "secret", "secure"]


@dataclass(frozen=True, slots=True)
class Role:
    """A role: whose name it acts under, which names it was told, whose keys it holds beyond its own."""

    name: str
    own: tuple[Var, ...]
    given: tuple[Var, ...]
    hosts: tuple[Var, ...]
    span: Span = field(compare=False)

    @property
    def parameters(self) -> tuple[Var, ...]:
        """The names that are fixed when a session starts."""
        return tuple(dict.fromkeys((*self.own, *self.given)))


@dataclass(frozen=True, slots=True)
class Family:
    """A family of long-term keys: one key per index of names, held by the names in the index."""

    name: str
    arity: int
    sort: str
    kind: Literal["", "certified", "published", "unordered"]
    holders: tuple[str, ...]
    span: Span = field(compare=False)

    @property
    def public(self) -> bool:
        """Whether everybody can tie the public half to its name."""
        return self.kind in ("certified", "published")


@dataclass(frozen=True, slots=True)
class Enumeration:
    """A finite sort with its values, best first."""

    name: str
    values: tuple[str, ...]
    span: Span = field(compare=False)


# ------------------------------------------------------------------------------------------------ events of a path


@dataclass(frozen=True, slots=True)
class Created:
    """A role creates a fresh value."""

    role: str
    variable: Var
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Picked:
    """A role picks a value; ``rule`` is how, ``sources`` the sets it picks from (none: any value of the sort)."""

    role: str
    variable: Term
    rule: Literal["any", "member", "best"]
    sources: tuple[Term, ...]
    span: Span = field(compare=False)
    possible: bool = True
    """Whether the restrictions of the path leave a value; a path on which they do not ends here for this role."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A role takes a decision of its own: the branch with this label, or the other one."""

    role: str
    label: str
    taken: bool
    span: Span = field(compare=False)


Place: TypeAlias = tuple[int, ...]
"""A part of a term: the positions of the arguments that lead to it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a role checks a part of what it receives: ``first`` or ``last``, or so that failures there look ``alike``."""

    kind: Literal["first", "last", "alike"]
    place: Place
    words: str
    """The statement of the flow that says so."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One role sends to another; ``names`` are the messages and bare data in it, as claims may name them."""

    sender: str
    receiver: str
    channel: Channel
    term: Term
    names: tuple[str, ...]
    span: Span = field(compare=False)
    sealed: tuple[Term, ...] = ()
    """Terms that the receiver does not open on this path (the branch where opening fails)."""
    readings: tuple[Reading, ...] = ()
    """What the flow says about how the receiver checks it."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A role compares: ``equal``, ``differ``, ``member`` (left among right) or ``new`` (left was never accepted before)."""

    role: str
    test: Literal["equal", "differ", "member", "new"]
    left: Term
    right: Term | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """A role stores values for later sessions, under their names."""

    role: str
    items: tuple[tuple[str, Term], ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Recalled:
    """A role takes a stored record of the named values."""

    role: str
    items: tuple[tuple[str, Term], ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Reached:
    """A role reaches a point: ``accepts``, ``stops``, or ``stage N`` when it can compute ``term``."""

    role: str
    point: str
    term: Term | None
    span: Span = field(compare=False)


Event: TypeAlias = Created | Picked | Chosen | Sent | Checked | Kept | Recalled | Reached


def with_terms(event: Event, change: Callable[[Term], Term]) -> Event:
    """Return an event with a change applied to each of its terms."""
    match event:
        case Picked(variable=variable, sources=sources):
            return replace(event, variable=change(variable), sources=tuple(map(change, sources)))
        case Sent(term=term, sealed=sealed):
            return replace(event, term=change(term), sealed=tuple(map(change, sealed)))
        case Checked(left=left, right=right):
            return replace(event, left=change(left), right=None if right is None else change(right))
        case Kept(items=items) | Recalled(items=items):
            return replace(event, items=tuple((name, change(term)) for name, term in items))
        case Reached(term=term):
            return replace(event, term=None if term is None else change(term))
        case Created() | Chosen():
            return event


@dataclass(frozen=True, slots=True)
class Size:
    """How many bytes something has on the wire: exactly, at most, or up to the next multiple."""

    kind: Literal["exact", "padded", "up to"]
    amount: int


WHOLE = -1
"""In :attr:`Path.sizes`: the message as a whole."""


@dataclass(frozen=True, slots=True)
class Path:
    """The flow along one outcome of every decision."""

    events: tuple[Event, ...]
    labels: tuple[tuple[str, bool], ...]
    """The decisions with a name, in order, and whether their first branch was taken."""
    values: Mapping[str, Term]
    """What a name denotes at the end of the path: created and picked values, lets, stage keys, parameters."""
    messages: Mapping[str, Term]
    """Content of each message under every name that a claim may use for it."""
    ranges: Mapping[tuple[str, str], Term]
    """The transcript ranges that claims ask for, where both ends are on this path."""
    stages: Mapping[int, Term]
    domains: Mapping[Var, tuple[str, ...]]
    """Values to which this path restricts a picked value."""
    unchecked: tuple[tuple[frozenset[str], Mapping[Var, Term]], ...]
    """Per ``unchecked`` field: the roles that compare nothing, and what its parts are for all others."""
    stored: Mapping[str, Term]
    """The values some role keeps on this path, by name, markers included."""
    possible: bool = True
    """Whether picks by honest roles can lead this way; otherwise only a role whose peer is the attacker takes it."""
    sizes: Mapping[tuple[Term, int], tuple[Size, ...]] = field(default_factory=dict)
    """For each message and position of a field (or :data:`WHOLE`) the sizes that the flow declares."""


# ------------------------------------------------------------------------------------------------ claims

PointKind: TypeAlias = Literal["accepts", "stage", "sends", "receives", "stops"]


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a role: its end, a stage, or sending or receiving what ``name`` denotes."""

    role: str
    kind: PointKind
    name: str = ""

    def __str__(self) -> str:
        """Return the point as a claim writes it, in finite verbs."""
        return f"{self.role} {self.kind} {self.name}".strip() if self.kind != "stage" else (
            f"{self.role} accepts stage {self.name}"
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Datum:
    """Something a claim speaks of; what it denotes depends on the path.

    ``kind`` says where to look: a value by name, a message, a branch label, a stage key, a transcript range, a
    long-term key (``arguments`` are then names of values), or the public constant ``name``.
    """

    kind: Literal["value", "message", "label", "stage", "range", "key", "constant"]
    name: str
    arguments: tuple[str, ...] = ()
    owner: str = ""
    """The protocol it belongs to, if not the claim's own."""
    span: Span | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """Return the datum as a claim writes it."""
        text = {"key": f"{self.name}({', '.join(self.arguments)})" if self.arguments else self.name,
                "stage": f"stage {self.name}", "range": f"transcript({'..'.join(self.arguments)})"}.get(
                    self.kind, self.name)  # fmt: skip
        return f"{self.owner}.{text}" if self.owner else text


@dataclass(frozen=True, slots=True)
class Secrecy:
    """The data stay unknown to the attacker, judged at each of the points."""

    data: tuple[Datum, ...]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """When ``left`` is reached, some session of ``right``'s role holds the same data (Lowe 1997).

    ``right`` None-kind "accepts" with ``explicit`` False means: past its last send before ``left``.
    """

    left: Point
    right: Point
    explicit: bool
    data: tuple[Datum, ...]
    injective: bool


@dataclass(frozen=True, slots=True)
class Aliveness:
    """When ``left`` is reached, some session of ``role`` under the name that ``left``'s role has for it has run."""

    left: Point
    role: str


@dataclass(frozen=True, slots=True)
class Identifies:
    """Any two accepted sessions with equal ``tag`` agree on ``data``, or, for the channel, on all that both hold."""

    tag: Datum
    data: tuple[Datum, ...]
    channel: bool


@dataclass(frozen=True, slots=True)
class Reachable:
    """Some honest run gets there."""

    point: Point


@dataclass(frozen=True, slots=True)
class Observational:
    """A claim about what an observer can tell: indistinguishability, unlinkability or resistance to guessing."""

    word: Literal["indistinguishable", "unlinkable", "resists guessing", "lengths"]
    subject: Datum
    role: str
    sides: tuple[str, str] = ("", "")
    """What the subject is on the left and on the right."""
    measured: str = ""
    """The name whose length varies, for a claim about lengths; "" if none is named."""
    bound: int = 0
    """How many bytes long that name is at most."""

    @property
    def headings(self) -> tuple[str, str]:
        """What the two sides are, in words."""
        left, right = self.sides
        again, another = (", as in another session", ", unlike there") if self.word == "unlinkable" else ("", "")
        return f"left: `{self.subject}` is {left}{again}", f"right: `{self.subject}` is {right}{another}"


Property: TypeAlias = Secrecy | Agreement | Aliveness | Identifies | Reachable | Observational


@dataclass(frozen=True, slots=True)
class Fact:
    """Premise: a value is this constant (or among these), or a branch was taken."""

    subject: Datum
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Partner:
    """Premise: the judged session agrees with an honest session on the data."""

    judged: Point
    role: str
    data: tuple[Datum, ...]


Premise: TypeAlias = Fact | Partner


@dataclass(frozen=True, slots=True)
class Leak:
    """The attacker learns data: of the judged session and its partners, of all others, or of all sessions."""

    data: tuple[Datum, ...]
    owner: Literal["own", "other", "all"]
    after: Point | None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Weak:
    """A primitive is weak, everywhere or in the sessions where ``when`` holds."""

    form: str
    when: Fact | None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Dishonest:
    """The party with this name is the attacker."""

    name: str


@dataclass(frozen=True, slots=True)
class UncheckedPossession:
    """Any known public key may be certified in this family under a dishonest name."""

    family: str


Power: TypeAlias = Leak | Weak | Dishonest | UncheckedPossession


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim with its attacker and the verdict that the author expects."""

    name: str
    text: str
    kind: str
    property: Property
    premise: Premise | None
    powers: tuple[Power, ...]
    passive: bool
    expected: Literal["holds", "attack"]
    reason: str
    ids: tuple[str, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Written:
    """A protocol's own lines, its variant's edits applied: what pictures of the flow are drawn from."""

    protocol: str
    declarations: tuple[file_tree.Declaration, ...]
    statements: tuple[flow_tree.Statement, ...]


@dataclass(frozen=True, slots=True)
class Protocol:
    """A resolved protocol, ready to be projected and checked."""

    name: str
    title: str
    sources: tuple[tuple[str, ...], ...]
    roles: tuple[Role, ...]
    families: tuple[Family, ...]
    enumerations: tuple[Enumeration, ...]
    paths: tuple[Path, ...]
    claims: tuple[Claim, ...]
    beside: tuple[Protocol, ...]
    """Protocols whose sessions run beside this one's: those it comes `after`, or those it is composed of."""
    span: Span = field(compare=False)
    continued: tuple[str, ...] = ()
    """The protocols whose sessions go on in this one's; their names are this protocol's too."""
    written: tuple[Written, ...] = field(default=(), compare=False, repr=False)
    """The lines of the continued protocols, oldest first, and its own; empty for a composition."""

    def with_beside(self) -> Iterator[Protocol]:
        """Yield the protocol and all protocols beside it, each once."""
        seen = {self.name}
        todo = [self]
        while todo:
            protocol = todo.pop(0)
            yield protocol
            for other in protocol.beside:
                if other.name not in seen:
                    seen.add(other.name)
                    todo.append(other)

    def key_families(self) -> dict[str, Family]:
        """Return the key families of the protocol and all beside it, by name."""
        return {family.name: family for protocol in self.with_beside() for family in protocol.families}

    def finite_sorts(self) -> dict[str, tuple[str, ...]]:
        """Return the values of the enumerations of the protocol and all beside it, and of the sorts of sets of them."""
        found: dict[str, tuple[str, ...]] = {}
        for protocol in self.with_beside():
            for enumeration in protocol.enumerations:
                found[enumeration.name] = enumeration.values
                found[f"set of {enumeration.name}"] = subsets(enumeration.values)
        return found

    def role(self, name: str) -> Role:
        """Return the role called ``name``; raise KeyError if there is none."""
        for role in self.roles:
            if role.name == name:
                return role
        raise KeyError(name)


def subsets(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of sort ``set of V``: the nonempty subsets of ``values``, larger first, spelled ``{a, b}``."""
    return tuple(
        "{" + ", ".join(chosen) + "}" for size in range(len(values), 0, -1) for chosen in combinations(values, size)
    )


def set_members(spelled: str) -> tuple[str, ...]:
    """Return the members of a set that :func:`subsets` spelled."""
    return tuple(spelled.strip("{}").split(", "))


def set_choices(order: tuple[str, ...], sets: tuple[str, ...], rule: str) -> tuple[str, ...]:
    """Return what a role may pick from what is in all the sets: any such value, or the first of ``order`` if ``best``."""
    common = tuple(value for value in order if all(value in set_members(one) for one in sets))
    return common[:1] if rule == "best" else common
