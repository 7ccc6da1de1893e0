"""The flow unfolded into straight paths: every decision taken one way, every term definite.

A path is evaluated from the top with a list of outcomes for its decisions; a decision beyond the list is taken the
first way and the other way is noted for later. Conditions on finite sorts do not branch blindly: they restrict the
value that was picked, so that a path holds for a set of values and is never contradictory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from itertools import product

from modelcheck import rules
from modelcheck.protocol.evaluate import Evaluator, MessageRecord
from modelcheck.protocol.inherited import Stored
from modelcheck.protocol.model import (
    WHOLE,
    Checked,
    Chosen,
    Created,
    Event,
    Kept,
    Path,
    Picked,
    Reached,
    Recalled,
    Sent,
    set_choices,
    set_members,
    with_terms,
)
from modelcheck.protocol.readings import Readings
from modelcheck.protocol.scope import Scope
from modelcheck.protocol.terms import Const, Term, Var, replace, sort_of, subterms
from modelcheck.protocol.theory import ABSENT, FRESH_SORTS, call, openings, pack
from modelcheck.source import Span
from modelcheck.syntax import flow_tree

MOST_PATHS = 128
"""Paths that one protocol may have."""


def unfold(
    scope: Scope, statements: Sequence[flow_tree.Statement], records: dict[str, Stored], span: Span,
    ranges: Iterable[tuple[str, str, Span]],
) -> tuple[Path, ...]:  # fmt: skip
    """Return the paths of a flow; findings go to ``scope.found``, each once though several paths show it."""
    kept, ending = _kept_names(statements), _ending_roles(statements)
    readings = Readings(statements)
    paths: list[Path] = []
    todo: list[tuple[bool, ...]] = [()]
    while todo:
        walk = _Walk(scope, Decisions(todo.pop()), records, kept, ending, readings)
        walk.run(statements)
        todo.extend(walk.decisions.alternatives())
        paths.append(walk.path(tuple(ranges)))
        if len(paths) > MOST_PATHS:
            scope.report(rules.TOO_MANY_PATHS, f"the flow has more than {MOST_PATHS} ways to go", span,
                         "split it: put optional parts into protocols of their own with `continues`")  # fmt: skip
            break
    readings.report_missing(scope)
    return tuple(paths)


def _kept_names(statements: Iterable[flow_tree.Statement]) -> frozenset[str]:
    names: set[str] = set()
    for statement in statements:
        match statement:
            case flow_tree.Keeps():
                names.update(name.text for name in statement.names)
            case flow_tree.Alt():
                names |= _kept_names(statement.body) | _kept_names(statement.otherwise or ())
            case _:
                pass
    return frozenset(names)


def _ending_roles(statements: Iterable[flow_tree.Statement]) -> frozenset[str]:
    """Return the roles whose end the flow names with `accepts` or `stops`."""
    roles: set[str] = set()
    for statement in statements:
        match statement:
            case flow_tree.Accepts(role) | flow_tree.Stops(role):
                roles.add(role.text)
            case flow_tree.Alt():
                roles |= _ending_roles(statement.body) | _ending_roles(statement.otherwise or ())
            case _:
                pass
    return frozenset(roles)


@dataclass(slots=True)
class Decisions:
    """The outcomes of the decisions of one path: given ones first, then always the first way."""

    given: tuple[bool, ...]
    taken: list[bool] = field(default_factory=list)

    def decide(self) -> bool:
        """Return the outcome of the next decision."""
        position = len(self.taken)
        outcome = self.given[position] if position < len(self.given) else True
        self.taken.append(outcome)
        return outcome

    def alternatives(self) -> list[tuple[bool, ...]]:
        """Return the decision lists that go the other way at a decision that was not given."""
        return [
            (*self.taken[:position], False) for position in range(len(self.given), len(self.taken))
        ]  # fmt: skip


class _Walk(Evaluator):
    """Executes the statements of one path."""

    def __init__(
        self, scope: Scope, decisions: Decisions, records: dict[str, Stored], kept: frozenset[str],
        ending: frozenset[str], readings: Readings,
    ) -> None:  # fmt: skip
        super().__init__(scope, kept)
        self.decisions = decisions
        self.records = records
        self.events: list[Event] = []
        self.sealed: list[tuple[str, Term]] = []
        self.stages: dict[int, Term] = {}
        self.recalled: set[str] = set()
        self.bound_at: dict[str, Span] = {}
        self.ending = ending
        self.readings = readings

    # -------------------------------------------------------------------------------- statements

    def run(self, statements: Iterable[flow_tree.Statement]) -> None:
        for statement in statements:
            self.statement(statement)

    def statement(self, statement: flow_tree.Statement) -> None:
        match statement:
            case flow_tree.Send():
                self.send(statement)
            case flow_tree.Forward():
                self.forward(statement)
            case flow_tree.Checks():
                self.checks(statement)
            case flow_tree.CheckOrder(role) | flow_tree.FailsAlike(role):
                self.role(role)
            case flow_tree.Accepts(role, span) | flow_tree.Stops(role, span):
                if self.role(role):
                    point = "accepts" if isinstance(statement, flow_tree.Accepts) else "stops"
                    self.events.append(Reached(role.text, point, None, span))
            case flow_tree.Let():
                self.let(statement)
            case flow_tree.Stage():
                self.bind(statement.name, self.stored(statement.name.text, self.term(statement.value)))
                value = self.values[statement.name.text]
                self.stages[statement.number] = value
                self.events.append(Reached("", f"stage {statement.number}", value, statement.span))
            case flow_tree.Restart():
                self.transcript.restart([self.term(term) for term in statement.terms])
            case flow_tree.Alt():
                self.alt(statement)
            case _:
                if self.role(statement.role):
                    self.act(statement)

    def role(self, name: flow_tree.Name) -> bool:
        if name.text in self.scope.roles:
            return True
        self.unknown("role", name, self.scope.roles)
        return False

    def bind(self, name: flow_tree.Name, value: Term, *, again: bool = False) -> None:
        """Give a name its value; a second thing of the same name on one path is an error."""
        earlier = self.bound_at.get(name.text) or self.scope.names.get(name.text)
        if earlier is not None and not again and name.text not in self.recalled:
            self.scope.report(rules.NAME_TAKEN, f"`{name.text}` is used by two things", name.span,
                              "give one of them another name", earlier, "first used here")  # fmt: skip
        self.bound_at[name.text] = name.span
        self.values[name.text] = value

    def act(self, act: flow_tree.Act) -> None:
        role = act.role.text
        match act:
            case flow_tree.Creates():
                for fresh in act.values:
                    if self.scope.check_sort(fresh.sort, FRESH_SORTS):
                        variable = Var(fresh.name.text, fresh.sort.text)
                        self.bind(fresh.name, variable)
                        self.events.append(Created(role, variable, fresh.span))
                    else:
                        self.rejected.add(fresh.name.text)
            case flow_tree.Renews():
                for name in act.names:
                    self.renew(role, name)
            case flow_tree.Picks():
                if self.scope.check_sort(act.sort.name, (*self.scope.enumerations, *FRESH_SORTS)):
                    sort = f"set of {act.sort.name.text}" if act.sort.is_set else act.sort.name.text
                    self.pick(role, act.name, sort, "any", (), act.span)
                else:
                    self.rejected.add(act.name.text)
            case flow_tree.PicksIn():
                self.pick_in(act)
            case flow_tree.Keeps():
                items = tuple((n.text, v) for n in act.names if (v := self.lookup(n)) is not None)
                self.events.append(Kept(role, items, act.span))
            case flow_tree.Recalls():
                self.recall(role, act)

    def renew(self, role: str, name: flow_tree.Name) -> None:
        if name.text in self.rejected:
            return
        old = self.values.get(name.text)
        if not isinstance(old, Var):
            self.scope.report(rules.NOT_FRESH, f"`{name.text}` is not a fresh value, so it cannot be renewed", name.span,
                              "only what a role `creates` can be renewed")  # fmt: skip
            return
        new = Var(old.name + "'", old.sort)
        self.bind(name, new, again=True)
        self.events.append(Created(role, new, name.span))

    def pick(
        self, role: str, name: flow_tree.Name, sort: str, rule: str, sources: tuple[Term, ...], span: Span
    ) -> None:
        variable = Var(name.text, sort)
        self.bind(name, variable)
        if sort in FRESH_SORTS:
            self.events.append(Created(role, variable, span))
            return
        self.domains[variable] = self.scope.domain(sort)
        self.events.append(Picked(role, variable, rule, sources, span))  # type: ignore[arg-type]

    def pick_in(self, act: flow_tree.PicksIn) -> None:
        sources = tuple(self.term(one) for one in act.sets)
        sorts = {str(sort_of(source)) for source in sources}
        sort = next(iter(sorts))
        if len(sorts) != 1 or not sort.startswith("set of "):
            self.scope.report(rules.SORT_MISMATCH, f"`{act.name.text}` is picked from something that is no set of values",
                              act.span, "pick from values of one sort `set of V`")  # fmt: skip
            return
        rule = "best" if act.best else "member"
        self.pick(act.role.text, act.name, sort.removeprefix("set of "), rule, sources, act.span)

    def recall(self, role: str, act: flow_tree.Recalls) -> None:
        items = []
        for name in act.names:
            record = self.records.get(name.text)
            if record is None:
                hint = "name a value that a role of a protocol after `after` keeps"
                self.scope.report(rules.NOT_KEPT, f"nobody keeps `{name.text}`", name.span, hint)
                continue
            if name.text not in self.recalled:
                self.bind(name, record.value, again=name.text in self.values)
            self.recalled.add(name.text)
            if isinstance(record.value, Var) and (domain := self.scope.domain(record.value.sort)):
                self.domains.setdefault(record.value, domain)
            for inner in record.value.variables:
                self.values.setdefault(inner.name.rpartition(".")[2], inner)
            items.append((name.text, record.value))
        self.events.append(Recalled(role, tuple(items), act.span))

    def let(self, let: flow_tree.Let) -> None:
        if let.when is not None and not self.holds(let.when):
            assert let.otherwise is not None
            value = self.term(let.otherwise)
        else:
            value = self.term(let.value)
        self.bind(let.name, self.stored(let.name.text, value))

    def checks(self, checks: flow_tree.Checks) -> None:
        if not self.role(checks.role) or (checks.when is not None and not self.holds(checks.when)):
            return
        role = checks.role.text
        for test in checks.condition.tests:
            match test:
                case flow_tree.Equal(left, right, span):
                    self.events.append(Checked(role, "equal", self.term(left), self.term(right), span))
                case flow_tree.Differ(left, right, span):
                    self.events.append(Checked(role, "differ", self.term(left), self.term(right), span))
                case flow_tree.Member(left, right, span):
                    self.events.append(Checked(role, "member", self.term(left), self.term(right), span))
                case flow_tree.IsNew(value, span):
                    self.events.append(Checked(role, "new", self.term(value), None, span))
                case flow_tree.Taken(label, span):
                    self.scope.report(rules.NOT_A_CHECK, f"`{label.text}` is no comparison", span,
                                      "compare two terms with `=`, `!=` or `in`, or write `x is new`")  # fmt: skip

    # -------------------------------------------------------------------------------- decisions

    def alt(self, alt: flow_tree.Alt) -> None:
        taken = self.decision(alt.decision)
        if isinstance(alt.decision, flow_tree.Chooses):
            self.labels[alt.decision.label.text] = taken
        if alt.label is not None:
            self.labels[alt.label.text] = taken
        if alt.otherwise_label is not None:
            self.labels[alt.otherwise_label.text] = not taken
        self.run(alt.body if taken else alt.otherwise or ())

    def decision(self, decision: flow_tree.Decision) -> bool:
        match decision:
            case flow_tree.When(condition):
                return self.holds(condition)
            case flow_tree.Chooses(role, label, span):
                taken = self.decisions.decide()
                if self.role(role):
                    self.events.append(Chosen(role.text, label.text, taken, span))
                return taken
            case flow_tree.Opens(role, target):
                self.role(role)
                part = self.lookup(target)
                if part is None or not any(True for _ in openings(part)):
                    return False
                if self.decisions.decide():
                    return True
                self.sealed.append((target.text.rpartition(".")[0], part))
                return False

    def holds(self, condition: flow_tree.Condition) -> bool:
        """Return whether a condition holds on this path, deciding it if the path leaves it open."""
        return all(self.test(test) for test in condition.tests)

    def test(self, test: flow_tree.Test) -> bool:
        match test:
            case flow_tree.Taken(label):
                if label.text in self.labels:
                    return self.labels[label.text]
                self.unknown("branch", label, self.labels)
                return False
            case flow_tree.Equal(left, right):
                return self.compare(self.term(left), self.term(right), test.span)
            case flow_tree.Differ(left, right):
                return not self.compare(self.term(left), self.term(right), test.span)
            case flow_tree.Member(left, right):
                return self.member(self.term(left), self.term(right), test.span)
            case flow_tree.IsNew():
                self.undecidable(test.span)
                return False

    def compare(self, left: Term, right: Term, span: Span) -> bool:
        left, right = self.settled(left), self.settled(right)
        if isinstance(left, Const) and not isinstance(right, Const):
            left, right = right, left
        if isinstance(left, Const) and isinstance(right, Const):
            return left is right
        if not isinstance(left, Var) or left not in self.domains:
            self.undecidable(span)
            return False
        if not isinstance(right, Const):
            return any(
                self.restrict(left, (value,)) and self.compare(left, right, span) for value in self.domains[left]
            ) if isinstance(right, Var) and right in self.domains else self._refuse(span)  # fmt: skip
        return self.restrict(left, (right.value,))

    def _refuse(self, span: Span) -> bool:
        self.undecidable(span)
        return False

    def member(self, left: Term, right: Term, span: Span) -> bool:
        left, right = self.settled(left), self.settled(right)
        chosen = isinstance(right, Const) and right.sort.startswith("set of ")
        if not chosen and not (isinstance(right, Var) and right in self.domains):
            return self._refuse(span)
        if isinstance(left, Var) and left in self.domains:
            for value in self.domains[left]:
                if self.restrict(left, (value,)):
                    break
            left = self.settled(left)
        if not isinstance(left, Const):
            return self._refuse(span)
        if isinstance(right, Const):
            return left.value in set_members(right.value)
        assert isinstance(right, Var)
        return self.restrict(right, tuple(s for s in self.domains[right] if left.value in set_members(s)))

    def restrict(self, variable: Var, values: tuple[str, ...]) -> bool:
        """Return whether a picked value is among ``values``, deciding it if it may and may not be."""
        before = self.domains[variable]
        inside = tuple(value for value in before if value in values)
        outside = tuple(value for value in before if value not in values)
        outcome = bool(inside) if not (inside and outside) else self.decisions.decide()
        self.domains[variable] = inside if outcome else outside
        return outcome

    def settled(self, term: Term) -> Term:
        """Return the only value that the path leaves to a picked value, or the term itself."""
        if isinstance(term, Var) and len(self.domains.get(term, ())) == 1:
            return Const(self.domains[term][0], term.sort)
        return term

    def undecidable(self, span: Span) -> None:
        self.scope.report(rules.UNDECIDABLE_CONDITION, "the flow cannot branch on this", span,
                          "branch on a picked value, on a branch label, on what a role chooses or opens")  # fmt: skip

    # -------------------------------------------------------------------------------- messages

    def send(self, send: flow_tree.Send) -> None:
        if not (self.role(send.sender) and self.role(send.receiver)):
            return
        terms: list[Term] = []
        names: list[str] = []
        for item in send.messages:
            if isinstance(item, flow_tree.Message):
                terms.append(self.named_message(item, send, names))
            else:
                terms.append(self.protected(item, send, names))
        self.emit(send, pack(tuple(terms)), names, send.span)

    def emit(self, send: flow_tree.Send | flow_tree.Forward, term: Term, names: list[str], span: Span) -> None:
        channels = {flow_tree.Arrow.PUBLIC: "public", flow_tree.Arrow.AUTHENTIC: "authentic",
                    flow_tree.Arrow.SECRET: "secret", flow_tree.Arrow.SECURE: "secure"}  # fmt: skip
        channel = channels[send.arrow]
        readings = self.readings.of(send.receiver.text, term, self.messages)
        self.events.append(Sent(
            send.sender.text, send.receiver.text, channel, term, tuple(dict.fromkeys(names)), span,  # type: ignore[arg-type]
            readings=readings))  # fmt: skip

    def named_message(self, message: flow_tree.Message, send: flow_tree.Send, names: list[str]) -> Term:
        record = self.message(message, send.sender.text, send.receiver.text)
        self.register(message, record, send.sender.text)
        names += record.names
        return record.term

    def register(self, message: flow_tree.Message, record: MessageRecord, sender: str) -> None:
        """Make a message known under its label or name, bare and with its sender; it enters the transcript."""
        for name in record.names:
            self.messages[name] = record
        key = f"{sender}.{record.names[0]}"
        if key in self.sent_at and self.sent_at[key] != message.span:
            self.scope.report(rules.MESSAGE_TWICE, f"{sender} sends `{record.names[0]}` twice", message.name.span,
                              "label one of them: `M as second`", self.sent_at[key], "sent here before")  # fmt: skip
        self.sent_at[key] = message.span
        self.transcript.add(record.names, record.term)

    def protected(self, block: flow_tree.Protected, send: flow_tree.Send, names: list[str]) -> Term:
        if block.call.function.text != "encrypted" or len(block.call.arguments) != 1:
            self.scope.report(rules.NOT_A_PROTECTION, f"`{block.call.function.text}` does not protect messages",
                              block.call.span, "write `encrypted(k) { ... }`")  # fmt: skip
            return ABSENT
        key = self.term(block.call.arguments[0].value)
        contents: list[Term] = []
        for part in block.parts:
            if part.guard is None or self.holds(part.guard.condition):
                contents.append(self.named_message(part.message, send, names))
                self.sized(contents[-1], WHOLE, part.size)
        for expression in block.contents:
            contents.append(self.term(expression))
            if isinstance(expression, flow_tree.Ref):
                names.append(expression.name.text)
        whole = call("encrypted", (key, *contents), {})
        if block.label is not None:
            names.append(block.label.text)
            self.messages[block.label.text] = MessageRecord((block.label.text,), whole, {})
        return whole

    def forward(self, forward: flow_tree.Forward) -> None:
        if not (self.role(forward.sender) and self.role(forward.receiver)):
            return
        terms = [term for name in forward.names if (term := self.lookup(name)) is not None]
        names = [name.text for name in forward.names]
        if terms:
            self.emit(forward, pack(tuple(terms)), names, forward.span)

    # -------------------------------------------------------------------------------- the finished path

    def path(self, ranges: tuple[tuple[str, str, Span], ...]) -> Path:
        """Return the path, picked values that it fixes put in.

        A path that no honest run takes stays: a role cannot know what its peer really picked.
        """
        fixed: dict[Var, Term] = {
            v: Const(d[0], v.sort) for v, d in self.domains.items() if len(d) == 1
        }  # fmt: skip

        def put(term: Term) -> Term:
            return replace(term, fixed)

        values = {name: put(value) for name, value in self.values.items()}
        for name, record in self.messages.items():
            for field_name, value in record.fields.items():
                values.setdefault(f"{name}.{field_name}", put(value))
        found = {(a, b): put(term) for a, b, _ in ranges if (term := self.transcript.range(a, b)) is not None}
        return Path(
            tuple(self._fixed(event, fixed) for event in (*self.events, *self.ends())),
            tuple(self.labels.items()),
            values,
            {name: put(record.term) for name, record in self.messages.items()},
            found,
            {number: put(term) for number, term in self.stages.items()},
            {v: d for v, d in self.domains.items() if 1 < len(d) < len(self.scope.domain(v.sort))},
            tuple((who, {part: put(t) for part, t in mapping.items()}) for who, mapping in self.unchecked),
            {name: put(v) for name, v in self.values.items() if name in self.kept},
            all(map(self.possible, self.events)),
            {(put(message), position): size for (message, position), size in self.sizes.items()},
        )  # fmt: skip

    def ends(self) -> Iterator[Reached]:
        """Yield the acceptance of each role whose end the flow does not name: it accepts when it has done everything."""
        for role in self.scope.roles.values():
            if role.name not in self.ending:
                yield Reached(role.name, "accepts", None, role.span)

    def _fixed(self, event: Event, fixed: dict[Var, Term]) -> Event:
        if isinstance(event, Sent):
            sealed = tuple(
                part for message, part in self.sealed
                if message in event.names and any(part is inside for inside in subterms(event.term))
            )  # fmt: skip
            event = with_changes(event, sealed=sealed)
        if isinstance(event, Picked):
            event = with_changes(event, possible=self.possible(event))
        return with_terms(event, lambda term: replace(term, fixed))

    def possible(self, event: Event) -> bool:
        """Return whether an event is no pick, or the path's restrictions leave a value for it."""
        if not isinstance(event, Picked) or not event.sources or not isinstance(event.variable, Var):
            return True
        options = [self.domains.get(s, ()) if isinstance(s, Var) else () for s in event.sources]
        order = self.scope.domain(event.variable.sort)
        return any(
            chosen in self.domains[event.variable]
            for sets in product(*options)
            for chosen in set_choices(order, sets, event.rule)
        )
