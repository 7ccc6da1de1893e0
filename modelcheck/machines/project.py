"""From the flow to role machines: each path is projected onto each role, and equal beginnings are shared.

The rules are those of the language: a role checks everything it can check in what it receives, learns the rest, opens
or verifies later what it gets the key for later, and can send only what it can build.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace as replace_role

from modelcheck import rules
from modelcheck.diagnostics import Diagnostic, Label
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
from modelcheck.machines.view import Contradiction, TooLarge, View
from modelcheck.protocol.model import (
    Checked,
    Chosen,
    Created,
    Event,
    Family,
    Kept,
    Path,
    Picked,
    Protocol,
    Reached,
    Recalled,
    Role,
    Sent,
)
from modelcheck.protocol.terms import Term, Var, replace, show
from modelcheck.source import Span


@dataclass(frozen=True, slots=True)
class _Local:
    """One step of a role on one path, with what the role knows after it."""

    step: Step
    view: View


class _Walk:
    """Projects one path onto one role."""

    def __init__(
        self, prefix: str, role: Role, path: Path, families: dict[str, Family], made: frozenset[Var]
    ) -> None:  # fmt: skip
        self.prefix, self.role, self.path = prefix, role, path
        self.view = View(role, families, meant_by_sender(path, role), made)
        self.locals: list[_Local] = []
        self.diagnostics: list[Diagnostic] = []
        self.stages: list[Reached] = []
        self.done = False
        self.blocked = False
        self.guarded: set[Var] = set()

    def term(self, term: Term) -> Term:
        """Return the honest term as this role reads it: fields that others take unchecked are what the sender meant."""
        return replace(term, self.view.meant)

    def add(self, step: Step) -> None:
        self.locals.append(_Local(step, self.view.copy()))

    def run(self) -> None:
        for event in self.path.events:
            if self.done:
                break
            try:
                self.event(event)
                self.reach_stages()
            except Contradiction:
                self.done = self.blocked = True
            except TooLarge:
                self.diagnostics.append(Diagnostic(
                    rules.OPAQUE_TOO_LARGE,
                    f"{self.role.name} receives a part that it cannot open and that has too many fields to be modelled",
                    Label(event.span), hint="let the role hold the key, or send the part as a value of sort Opaque"))  # fmt: skip
                self.done = True

    def event(self, event: Event) -> None:
        mine = self.role.name
        match event:
            case Created(role, variable) if role == mine:
                self.add(Create(self.view.create(variable)))
                self.compare(self.view.settle(), event.span)
            case Picked(role=role) if role == mine:
                self.pick(event)
            case Chosen(role, label, taken) if role == mine:
                self.add(Choose(label, taken))
            case Sent(sender=sender) if sender == mine:
                self.send(event)
            case Sent(receiver=receiver) if receiver == mine:
                self.receive(event)
            case Checked(role=role) if role == mine:
                self.check(event)
            case Kept(role, items, span) if role == mine:
                self.add(Keep(tuple((name, self.build(term, span, name)) for name, term in items), span))
            case Recalled(role, items, span) if role == mine:
                self.recall(items, span)
            case Reached(role="", point=_):
                self.stages.append(event)
            case Reached(role, point, _, span) if role == mine:
                self.add(Reach(point, span))

    def reach_stages(self) -> None:
        for stage in list(self.stages):
            assert stage.term is not None
            if self.view.compose(self.term(stage.term)) is not None:
                self.stages.remove(stage)
                self.add(Reach(stage.point, stage.span))

    def pick(self, event: Picked) -> None:
        if not event.possible:
            self.done = self.blocked = True
            return
        sources = tuple(self.build(source, event.span, "the set") for source in event.sources)
        value: Term = event.variable
        allowed = None
        if isinstance(value, Var):
            allowed = self.path.domains.get(value)
            self.guarded.add(value)
            value = self.view.learn(value)
        self.add(Pick(value, event.rule, sources, allowed, event.span))

    def build(self, honest: Term, span: Span, what: str) -> Term:
        term = self.term(honest)
        for name in self.role.hosts:
            if name in term.variables and self.view.compose(term) is None and name not in self.view.known:
                self.guarded.add(name)
                self.add(Guard("hosted", self.view.learn(name), None, (), span))
        own = self.view.compose(term)
        if own is not None:
            return own
        missing = self.view.missing(self.term(honest))
        self.diagnostics.append(Diagnostic(
            rules.UNDERIVABLE_SEND,
            f"{self.role.name} cannot build {what}: it does not know `{self.spell(missing)}`",
            Label(span), hint=f"send `{self.spell(missing)}` to {self.role.name} before, or let it create the value"))  # fmt: skip
        return honest

    def spell(self, term: Term) -> str:
        for name, value in self.path.values.items():
            if value is term:
                return name
        text = show(term)
        return text if len(text) <= 60 else text[:57] + "..."

    def send(self, event: Sent) -> None:
        what = f"`{event.names[0].rpartition('.')[2]}`" if event.names else "this message"
        term = self.build(event.term, event.span, what)
        self.add(Send(term, event.names, event.channel, self.prefix + event.receiver, event.span))

    def receive(self, event: Sent) -> None:
        pattern, late = self.view.receive(self.term(event.term), tuple(map(self.term, event.sealed)))
        sender = self.prefix + event.sender
        self.add(Receive(pattern, event.names, event.channel, sender, event.span, event.readings))
        self.compare(late, event.span)
        self.restrict(event.span)

    def recall(self, items: tuple[tuple[str, Term], ...], span: Span) -> None:
        patterns = []
        late: list[tuple[Term, Term]] = []
        for name, term in items:
            pattern, more = self.view.receive(self.term(term))
            patterns.append((name, pattern))
            late += more
        self.add(Recall(tuple(patterns), span))
        self.compare(late, span)
        self.restrict(span)

    def restrict(self, span: Span) -> None:
        """Add the guards by which this path is recognised, and those on hosted names, once their values are known."""
        for variable, allowed in self.path.domains.items():
            own = self.view.known.get(variable)
            if own is not None and variable not in self.guarded:
                self.guarded.add(variable)
                self.add(Guard("among", own, None, allowed, span))
        for name in self.role.hosts:
            own = self.view.known.get(name)
            if own is not None and name not in self.guarded:
                self.guarded.add(name)
                self.add(Guard("hosted", own, None, (), span))

    def compare(self, late: Iterable[tuple[Term, Term]], span: Span) -> None:
        for left, right in late:
            self.add(Guard("equal", left, right, (), span))

    def check(self, event: Checked) -> None:
        left = self.build(event.left, event.span, "what it checks")
        right = self.build(event.right, event.span, "what it checks") if event.right is not None else None
        if event.test == "equal":
            assert right is not None
            self.compare(self.view.equate(left, right), event.span)
            self.compare(self.view.settle(), event.span)
        else:
            self.add(Guard(event.test, left, right, (), event.span))


def meant_by_sender(path: Path, role: Role) -> dict[Var, Term]:
    """Return what the sender put into the fields that others than ``role`` take unchecked on ``path``."""
    return {
        part: original
        for who, mapping in path.unchecked if role.name not in who
        for part, original in mapping.items()
    }  # fmt: skip


def project(protocol: Protocol, *, qualified: bool = False) -> tuple[tuple[RoleMachine, ...], tuple[Diagnostic, ...]]:
    """Return the machine of each role, and what is wrong with them.

    ``qualified`` puts the protocol's name before the roles' names, as for protocols that run beside another.
    """
    families = {family.name: family for one in (protocol, *protocol.beside) for family in one.families}
    prefix = f"{protocol.name}." if qualified else ""
    machines, diagnostics = [], []
    for role in protocol.roles:
        walks = []
        made = frozenset(
            event.variable for path in protocol.paths for event in path.events
            if isinstance(event, Created) and event.role == role.name
        )  # fmt: skip
        for path in protocol.paths:
            walk = _Walk(prefix, role, path, families, made)
            walk.run()
            walks.append(walk)
            diagnostics += walk.diagnostics
        states = _share(role, families, walks)
        blocked = frozenset(index for index, walk in enumerate(walks) if walk.blocked)
        machines.append(RoleMachine(protocol.name, replace_role(role, name=prefix + role.name), states, blocked))
    return tuple(machines), tuple(dict.fromkeys(diagnostics))


def project_all(protocol: Protocol) -> tuple[tuple[RoleMachine, ...], tuple[Diagnostic, ...]]:
    """Return the machines of a protocol and of all protocols beside it, and what is wrong with them."""
    machines: list[RoleMachine] = []
    diagnostics: list[Diagnostic] = []
    for one in protocol.with_beside():
        more, found = project(one, qualified=one is not protocol)
        machines += more
        diagnostics += found
    return tuple(machines), tuple(dict.fromkeys(diagnostics))


def _share(role: Role, families: dict[str, Family], walks: list[_Walk]) -> tuple[State, ...]:
    """Return the states of the tree in which paths with the same steps so far are one."""
    start = View(role, families, {})
    views: list[dict[int, View]] = [dict.fromkeys(range(len(walks)), start)]
    origin: list[tuple[int, Step | None]] = [(-1, None)]
    following: dict[tuple[int, Step], int] = {}
    for path, walk in enumerate(walks):
        at = 0
        for local in walk.locals:
            edge = (at, local.step)
            if edge not in following:
                following[edge] = len(origin)
                origin.append(edge)
                views.append({})
            at = following[edge]
            views[at][path] = local.view
    return tuple(
        State(index, parent, step, tuple(next(iter(views[index].values())).order), views[index])
        for index, (parent, step) in enumerate(origin)
    )
