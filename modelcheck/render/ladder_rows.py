"""A protocol's flow as the rows of a ladder, from top to bottom; texts and pictures draw the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from modelcheck.protocol.model import Protocol
from modelcheck.render import wording
from modelcheck.syntax import flow_tree

SEALING = frozenset(
    ("aead", "encrypted", "encrypt", "pk_encrypt", "hpke_seal", "hpke_seal_psk", "hpke_seal_auth")
)  # fmt: skip
"""The functions that hide all but their key."""


DERIVES = ("let ", "stage ")
"""How remarks on values that follow begin."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a message's contents; the names of messages are strong."""

    text: str
    depth: int = 0
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Sealed:
    """Contents that are encrypted: the text before them, which names the key, and the key itself."""

    head: str
    key: str
    inside: tuple[Part, ...]
    depth: int = 0


Part: TypeAlias = Line | Sealed


@dataclass(frozen=True, slots=True)
class Message:
    """What one role sends to another in one go."""

    sender: str
    receiver: str
    channel: str
    """What the arrow is labelled with: the kind of a protected channel, ``forward``, or nothing."""
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Acts:
    """What a role does between messages, one text each."""

    role: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class End:
    """A role accepts, or stops without accepting."""

    role: str
    verb: Literal["accepts", "stops"]


@dataclass(frozen=True, slots=True)
class Across:
    """A remark that concerns all roles: which values follow now, or what the transcript is."""

    text: str


@dataclass(frozen=True, slots=True)
class Marked:
    """What is seen on one side of two only, beside the lifeline of the one who sees it."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Broken:
    """What an attack achieves."""

    text: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The edge of a block of branches: its top, the border between its branches, or its bottom."""

    edge: Literal["top", "middle", "bottom"]
    text: str = ""


Row: TypeAlias = Message | Acts | End | Across | Marked | Broken | Frame


@dataclass(frozen=True, slots=True)
class Lane:
    """A role: its name, and whose keys it acts with."""

    role: str
    about: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """The lanes from left to right and the rows from top to bottom."""

    protocol: str
    title: str
    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]

    @property
    def depth(self) -> int:
        """How many blocks are open at once."""
        deepest = depth = 0
        for row in self.rows:
            if isinstance(row, Frame) and row.edge != "middle":
                depth += 1 if row.edge == "top" else -1
                deepest = max(deepest, depth)
        return deepest


def ladder(protocol: Protocol) -> Ladder:
    """Return the ladder of a protocol's own flow; a composition has none."""
    assert protocol.written, protocol.name
    rows: list[Row] = []
    if protocol.continued:
        rows.append(Across(f"after {protocol.continued[-1]}, in the same session"))
    elif protocol.beside:
        rows.append(Across(f"after {', '.join(one.name for one in protocol.beside)}, in a new session"))
    rows += merged(tuple(_rows(protocol.written[-1].statements)))
    return Ladder(protocol.name, protocol.title, _lanes(protocol), tuple(rows))


def message_names(protocol: Protocol) -> tuple[str, ...]:
    """Return the names of the messages that a protocol's own flow sends, in order."""
    names: dict[str, None] = {}
    todo = list(reversed(protocol.written[-1].statements)) if protocol.written else []
    while todo:
        statement = todo.pop()
        if isinstance(statement, flow_tree.Alt):
            todo += reversed((*statement.body, *(statement.otherwise or ())))
        elif isinstance(statement, flow_tree.Send):
            for sent in statement.messages:
                inner = (sent,) if isinstance(sent, flow_tree.Message) else tuple(part.message for part in sent.parts)
                names |= dict.fromkeys((message.label or message.name).text for message in inner)
    return tuple(names)


def _lanes(protocol: Protocol) -> tuple[Lane, ...]:
    lanes = []
    for role in protocol.roles:
        parts = (("is", role.own), ("given", role.given), ("hosts", role.hosts))
        about = [f"{word} {', '.join(dict.fromkeys(v.name for v in names))}" for word, names in parts if names]
        lanes.append(Lane(role.name, ", ".join(about)))
    return tuple(lanes)


def _rows(statements: Sequence[flow_tree.Statement]) -> Iterator[Row]:
    for one in statements:
        match one:
            case flow_tree.Send():
                channel = one.arrow.name.lower() if one.arrow is not flow_tree.Arrow.PUBLIC else ""
                parts = tuple(part for message in one.messages for part in _sent(message))
                yield Message(one.sender.text, one.receiver.text, channel, parts)
            case flow_tree.Forward():
                lines = tuple(Line(name.text, 0, True) for name in one.names)
                yield Message(one.sender.text, one.receiver.text, "forward", lines)
            case flow_tree.Accepts(role):
                yield End(role.text, "accepts")
            case flow_tree.Stops(role):
                yield End(role.text, "stops")
            case flow_tree.Let(name):
                yield Across(f"let {name.text}")
            case flow_tree.Stage(number, name):
                yield Across(f"stage {number} key {name.text}")
            case flow_tree.Restart(terms):
                yield Across("transcript restarts" + (f" with {wording.listed(terms)}" if terms else ""))
            case flow_tree.Alt():
                yield from _block(one)
            case _:
                verb, what = wording.act(one)
                yield Acts(one.role.text, (f"{verb} {what}",))


def _block(block: flow_tree.Alt) -> Iterator[Row]:
    word = "opt" if block.otherwise is None else "alt"
    named = f" as {block.label.text}" if block.label else ""
    yield Frame("top", f"{word} {wording.decision(block.decision)}{named}")
    yield from _rows(block.body)
    if block.otherwise is not None:
        named = f" as {block.otherwise_label.text}" if block.otherwise_label else ""
        yield Frame("middle", f"else{named}")
        yield from _rows(block.otherwise)
    yield Frame("bottom")


def merged(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows, what one role does in a row as one, and what follows in a row as one."""
    waiting: Row | None = None
    for row in rows:
        match waiting, row:
            case Acts(role, texts), Acts(other, more) if role == other:
                waiting = Acts(role, (*texts, *more))
            case Across(text), Across(other) if text.startswith(DERIVES) and other.startswith(DERIVES):
                goes_on = text.rfind("let ") > text.rfind("stage ")
                waiting = Across(f"{text}, {other.removeprefix('let ') if goes_on else other}")
            case _:
                if waiting is not None:
                    yield waiting
                waiting = row
    if waiting is not None:
        yield waiting


def _sent(sent: flow_tree.Message | flow_tree.Protected) -> Iterator[Part]:
    if isinstance(sent, flow_tree.Message):
        yield from _message(sent, 0)
        return
    inside = [part for one in sent.parts for part in _message(one.message, 0, wording.suffix(one.guard))]
    inside += [part for term in sent.contents for part in _value("", term, 0)]
    key = wording.argument(sent.call.arguments[0]) if sent.call.arguments else ""
    label = f" as {sent.label.text}" if sent.label else ""
    yield Sealed(f"{wording.call(sent.call)}{label}", key, tuple(inside))


def _message(message: flow_tree.Message, depth: int, suffix: str = "") -> Iterator[Part]:
    yield Line(wording.title(message) + suffix, depth, True)
    for field in message.fields:
        after = wording.suffix(field.guard, field.unchecked)
        yield from _value(f"{field.name.text}: ", field.value, depth + 1, after)
    for term in message.contents:
        yield from _value("", term, depth + 1)


def _value(before: str, term: flow_tree.Expression, depth: int, after: str = "") -> Iterator[Part]:
    """Yield a value: contents that are encrypted and messages within messages in lines of their own."""
    match term:
        case flow_tree.Call(function, arguments) if function.text in SEALING and len(arguments) > 1:
            key = wording.argument(arguments[0])
            inside = [part for one in arguments[1:] for part in _value(_label(one), one.value, 0)]
            yield Sealed(f"{before}{function.text}({key}){after}", key, tuple(inside), depth)
        case flow_tree.MessageLiteral(message):
            if before:
                yield Line(before.strip() + after, depth)
            yield from _message(message, depth + bool(before), "" if before else after)
        case _:
            yield Line(before + wording.expression(term) + after, depth)


def _label(argument: flow_tree.Argument) -> str:
    return f"{argument.label.text}: " if argument.label else ""
