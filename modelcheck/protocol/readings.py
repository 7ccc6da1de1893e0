"""What a flow says about how roles check what they receive: in which order, and which failures look alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from modelcheck import rules
from modelcheck.diagnostics import did_you_mean
from modelcheck.protocol.evaluate import MessageRecord
from modelcheck.protocol.model import Place, Reading
from modelcheck.protocol.scope import Scope
from modelcheck.protocol.terms import Term
from modelcheck.protocol.theory import contents
from modelcheck.syntax import flow_tree

Statement = flow_tree.CheckOrder | flow_tree.FailsAlike


class Readings:
    """The statements of a flow about reading; they hold wherever their role receives the parts that they name."""

    def __init__(self, statements: Iterable[flow_tree.Statement]) -> None:
        """Gather them from all branches."""
        self.statements = tuple(_gathered(statements))
        self._found: set[tuple[str, str]] = set()
        self._received: dict[str, dict[str, None]] = {}

    def of(self, receiver: str, term: Term, messages: Mapping[str, MessageRecord]) -> tuple[Reading, ...]:
        """Return what they say about a message to ``receiver``; ``messages`` are those of the flow so far."""
        mine = [statement for statement in self.statements if statement.role.text == receiver]
        if not mine:
            return ()
        there = dict(_named(term, messages))
        self._received.setdefault(receiver, {}).update(dict.fromkeys(there))
        self._found |= {(receiver, name.text) for one in mine for name in _targets(one) if name.text in there}
        return tuple(dict.fromkeys(reading for statement in mine for reading in _readings(statement, there)))

    def report_missing(self, scope: Scope) -> None:
        """Report the names of parts that the role receives on no path."""
        for statement in self.statements:
            role = statement.role.text
            received = tuple(self._received.get(role, ()))
            for name in _targets(statement) if role in scope.roles else ():
                if (role, name.text) not in self._found:
                    hint = did_you_mean(name.text, received) or "name a message that it receives, or a field: `M.f`"
                    scope.report(rules.UNKNOWN_NAME, f"{role} receives no `{name.text}`", name.span, hint)


def _gathered(statements: Iterable[flow_tree.Statement]) -> Iterator[Statement]:
    for statement in statements:
        match statement:
            case flow_tree.CheckOrder() | flow_tree.FailsAlike():
                yield statement
            case flow_tree.Alt():
                yield from _gathered(statement.body)
                yield from _gathered(statement.otherwise or ())
            case _:
                pass


def _targets(statement: Statement) -> tuple[flow_tree.Name, ...]:
    return statement.names if isinstance(statement, flow_tree.FailsAlike) else (statement.target,)


def _readings(statement: Statement, there: Mapping[str, Place]) -> Iterator[Reading]:
    kind = "alike" if isinstance(statement, flow_tree.FailsAlike) else statement.order
    names = [name.text for name in _targets(statement)]
    for place in [there[name] for name in names if name in there] if names else [()]:
        yield Reading(kind, place, _words(statement))


def _named(term: Term, messages: Mapping[str, MessageRecord]) -> Iterator[tuple[str, Place]]:
    """Yield the messages that are in what is sent, and their fields, by name, with their places."""
    for name, record in messages.items():
        for place in _places(term, record.term):
            yield name, place
            yield from ((f"{name}.{field}", (*place, at)) for at, field in enumerate(record.fields))


def _places(term: Term, part: Term, place: Place = ()) -> Iterator[Place]:
    """Yield where a message stands in what is sent, also sealed, but not in what is computed from it."""
    if term is part:
        yield place
        return
    for at, inside in contents(term):
        yield from _places(inside, part, (*place, at))


def _words(statement: Statement) -> str:
    """Return a statement as the flow writes it."""
    match statement:
        case flow_tree.CheckOrder(role, target, order):
            return f"{role.text} checks {target.text} {order}"
        case flow_tree.FailsAlike(role, names):
            return " ".join([f"{role.text} fails alike", *(["on", ", ".join(n.text for n in names)] if names else [])])
