"""The key schedule of a protocol: from secrets through derivations to keys, with the transcripts that enter them.

Nodes are the spec's `let` and `stage` lines; a name that two branches define has a node for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from modelcheck.protocol.model import Agreement, Claim, Datum, Identifies, Leak, Protocol, Secrecy
from modelcheck.render import wording
from modelcheck.render.picture import FAINT, INK, PAPER, SHADE, Picture, html_rows, html_text, new_graph
from modelcheck.syntax import file_tree, flow_tree

WIDTH = 28
"""Characters in a line."""

SECRET_SORTS = frozenset(
    ("Exponent", "SigningKey", "KemKey", "EncryptionKey", "RsaKey", "SymmetricKey", "Psk", "Password", "Coins",
     "Blind", "OprfKey")
)  # fmt: skip
KEYED = frozenset(("kdf", "prf", "hkdf_extract", "hkdf_expand", "derive_secret", "derived", "stretch"))
"""Functions whose first argument is a secret."""
SHARED = frozenset(("kem_ss", "auth_kem_ss", "oprf_output"))
"""Functions whose value both sides compute from what each of them holds: the graph starts there."""


@dataclass(slots=True)
class Node:
    """A secret, a transcript, or a derived value."""

    name: str
    kind: Literal["secret", "transcript", "derived"]
    text: str
    sources: list[int] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """What claims may call it, or for a secret the values that it is made of."""
    stage: int | None = None
    protects: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)


def key_schedule(protocol: Protocol) -> tuple[Node, ...]:
    """Return the nodes of a protocol's key schedule, each after those that it follows from."""
    walk = _Walk(_senders(protocol))
    for section in protocol.written:
        walk.declare(section.declarations)
        walk.follow(section.statements, "")
    kept = _connected(walk.nodes)
    for claim in protocol.claims:
        _remark(kept, claim)
    return kept


def render_key_schedule(protocol: Protocol) -> str:
    """Return the key schedule as lines of text."""
    nodes = key_schedule(protocol)
    lines = [f"{protocol.name}: key schedule"]
    for node in nodes:
        if node.kind == "derived":
            lines.append(f"  {_title(node)} = {node.text}")
        elif node.kind == "secret":
            lines.append(f"  {node.text}")
        else:
            continue
        came = [nodes[source].text for source in node.sources if nodes[source].kind == "transcript"]
        lines += [f"      transcript: {text}" for text in came]
        lines += [f"      {remark}" for remark in _remarks(node)]
    return "\n".join(lines if nodes else [*lines, "  no keys are derived"])


def picture(protocol: Protocol) -> Picture:
    """Return the picture of a protocol's key schedule."""
    nodes = key_schedule(protocol)
    graph = new_graph(protocol.name, rankdir="LR", nodesep="0.25", ranksep="0.35")
    graph.attr("node", shape="box", style="filled", fillcolor=PAPER)
    for index, node in enumerate(nodes):
        match node.kind:
            case "secret":
                look = {"style": "rounded,filled,bold", "fillcolor": SHADE}
            case "transcript":
                look = {"shape": "note", "color": FAINT}
            case _:
                look = {"peripheries": "2"} if node.protects or node.stage is not None else {}
        graph.node(f"n{index}", html_rows(_rows(node)), **look)
        for source in node.sources:
            dashed = {"style": "dashed", "color": FAINT} if nodes[source].kind == "transcript" else {"color": INK}
            graph.edge(f"n{source}", f"n{index}", **dashed)
    if not nodes:
        graph.node("none", "no keys are derived", shape="plain")
    said = " ".join(_spoken(nodes, node) for node in nodes if node.kind == "derived")
    return Picture(graph.source, "dot", f"Key schedule of {protocol.name}", said or "No keys are derived.")


def _rows(node: Node) -> Iterator[str]:
    if node.kind == "derived":
        yield html_text(_title(node), strong=True)
    yield from map(html_text, wording.wrapped(node.text, WIDTH, hanging=2))
    for remark in _remarks(node):
        yield from map(html_text, wording.wrapped(remark, WIDTH, hanging=2))


def _title(node: Node) -> str:
    return node.name if node.stage is None else f"{node.name} (stage {node.stage})"


def _remarks(node: Node) -> Iterator[str]:
    if node.protects:
        yield f"encrypts {', '.join(node.protects)}"
    yield from node.claims


def _spoken(nodes: Sequence[Node], node: Node) -> str:
    sources = [nodes[index].name if nodes[index].kind == "derived" else nodes[index].text for index in node.sources]
    after = f" from {', '.join(sources)}" if sources else ""
    remarks = "; ".join(_remarks(node))
    return f"{_title(node)} is {node.text}{after}{f' ({remarks})' if remarks else ''}."


# ------------------------------------------------------------------------------------------------ from lines to nodes


class _Walk:
    """Follows the lines of a flow and notes what each `let` is made of."""

    def __init__(self, senders: Mapping[str, set[str]]) -> None:
        """Take who sends the messages of each name: a name that several roles use needs its sender."""
        self.senders = senders
        self.nodes: list[Node] = []
        self.defined: dict[str, list[int]] = {}
        self.sorts: dict[str, str] = {}
        self.families: set[str] = set()
        self.starts: list[str] = []
        self.last = ""
        self.functions: dict[str, flow_tree.Expression] = {}

    def declare(self, declarations: Iterable[file_tree.Declaration]) -> None:
        """Note the families of keys and the functions that are notation."""
        for one in declarations:
            if isinstance(one, file_tree.Key):
                self.families.add(one.name.text)
            elif isinstance(one, file_tree.Define) and one.value is not None:
                self.functions[one.name.text] = one.value

    def follow(self, statements: Iterable[flow_tree.Statement], when: str) -> None:
        """Follow lines in order; ``when`` says on which branch they stand."""
        for one in statements:
            match one:
                case flow_tree.Creates(values=values):
                    self.sorts |= {value.name.text: value.sort.text for value in values}
                case flow_tree.Recalls(names=names):
                    self.sorts |= {name.text: "Psk" for name in names}
                case flow_tree.Send():
                    for sent in one.messages:
                        self.sent(one.sender.text, sent)
                case flow_tree.Restart(terms):
                    self.starts, self.last = [wording.listed(terms)] if terms else [], ""
                case flow_tree.Let(name, value, condition, otherwise):
                    self.derive(name.text, None, value, when, condition, otherwise)
                case flow_tree.Stage(number, name, value):
                    self.derive(name.text, number, value, when)
                case flow_tree.Alt():
                    self.branches(one)
                case _:
                    continue

    def branches(self, block: flow_tree.Alt) -> None:
        """Follow both branches from the same start; a name that both define has both meanings after them."""
        condition = wording.decision(block.decision).removeprefix("when ")
        defined, starts, last = (
            {name: list(nodes) for name, nodes in self.defined.items()},
            list(self.starts),
            self.last,
        )
        self.follow(block.body, condition)
        first, self.defined = self.defined, defined
        other_starts, self.starts = self.starts, starts
        other_last, self.last = self.last, last
        self.follow(block.otherwise or (), f"not {condition}")
        for name, nodes in first.items():
            known = self.defined.setdefault(name, [])
            known += [node for node in nodes if node not in known]
        self.starts = list(dict.fromkeys((*self.starts, *other_starts)))
        self.last = " or ".join(dict.fromkeys(filter(None, (other_last, self.last))))

    def sent(self, sender: str, sent: flow_tree.Message | flow_tree.Protected) -> None:
        """Note what is sent: it is part of the transcript, and its key protects it."""
        inside = (sent,) if isinstance(sent, flow_tree.Message) else tuple(part.message for part in sent.parts)
        names = [self.called(sender, (message.label or message.name).text) for message in inside]
        if isinstance(sent, flow_tree.Protected) and sent.call.arguments:
            key = sent.call.arguments[0].value
            for index in self.defined.get(key.name.text, []) if isinstance(key, flow_tree.Ref) else []:
                self.nodes[index].protects += names or [wording.listed(sent.contents)]
        if names:
            self.starts = self.starts or names[:1]
            self.last = names[-1]

    def called(self, sender: str, name: str) -> str:
        """Return a message's name, with its sender where several roles use it."""
        return f"{sender}.{name}" if len(self.senders[name]) > 1 else name

    def derive(
        self, name: str, stage: int | None, value: flow_tree.Expression, when: str,
        condition: flow_tree.Condition | None = None, otherwise: flow_tree.Expression | None = None,
    ) -> None:  # fmt: skip
        """Note a derived value and what it is made of."""
        text = wording.expression(value)
        if condition is not None and otherwise is not None:
            text += f" when {wording.condition(condition)} else {wording.expression(otherwise)}"
        if when:
            text += f" (if {when})"
        sources = dict.fromkeys(self.parts(value, main=True))
        if otherwise is not None:
            sources |= dict.fromkeys(self.parts(otherwise, main=True))
        self.nodes.append(Node(name, "derived", text, list(sources), {name}, stage))
        self.defined[name] = [len(self.nodes) - 1]

    def parts(self, term: flow_tree.Expression, *, main: bool = False) -> Iterator[int]:
        """Yield the nodes that a term is made of, making those of secrets and transcripts where they first occur.

        ``main``: the term stands where functions take their key, so that even a nonce there is a secret.
        """
        match term:
            case flow_tree.Ref(name) if name.text in self.defined:
                yield from self.defined[name.text]
            case flow_tree.Ref(name) if self.sorts.get(name.text) in SECRET_SORTS or (main and name.text in self.sorts):
                yield self.secret(name.text, {name.text})
            case flow_tree.Power():
                yield self.secret(wording.expression(term), {name.text for name in _refs(term)})
            case flow_tree.Call(function, _) if function.text in SHARED:
                yield self.secret(wording.expression(term), {name.text for name in _refs(term)})
            case flow_tree.Call(function, _) if function.text in self.families:
                yield self.secret(wording.expression(term), {function.text})
            case flow_tree.Call(function, arguments):
                if function.text in self.functions:
                    yield from self.parts(self.functions[function.text])
                for index, one in enumerate(arguments):
                    yield from self.parts(one.value, main=index == 0 and function.text in KEYED)
            case flow_tree.Transcript():
                yield self.transcript(" or ".join(self.starts), self.last)
            case flow_tree.TranscriptRange(first, last):
                yield self.transcript(first.text, last.text)
            case flow_tree.TupleOf(items) | flow_tree.Product(items):
                for item in items:
                    yield from self.parts(item)
            case _:
                return

    def secret(self, text: str, names: set[str]) -> int:
        """Return the node of a secret."""
        return self.shared("secret", text, names)

    def transcript(self, first: str, last: str) -> int:
        """Return the node of a transcript from one message to another."""
        text = " .. ".join(dict.fromkeys(filter(None, (first, last)))) or "empty transcript"
        return self.shared("transcript", text, set())

    def shared(self, kind: Literal["secret", "transcript"], text: str, names: set[str]) -> int:
        """Return the node with this text, made when it is first asked for."""
        for index, node in enumerate(self.nodes):
            if node.kind == kind and node.text == text:
                return index
        self.nodes.append(Node(text, kind, text, names=names))
        return len(self.nodes) - 1


def _senders(protocol: Protocol) -> dict[str, set[str]]:
    """Return which roles send messages of each name."""
    senders: dict[str, set[str]] = {}
    todo = [statement for section in protocol.written for statement in section.statements]
    while todo:
        one = todo.pop()
        if isinstance(one, flow_tree.Alt):
            todo += (*one.body, *(one.otherwise or ()))
        elif isinstance(one, flow_tree.Send):
            for sent in one.messages:
                for message in (
                    (sent,) if isinstance(sent, flow_tree.Message) else (part.message for part in sent.parts)
                ):
                    senders.setdefault((message.label or message.name).text, set()).add(one.sender.text)
    return senders


def _refs(term: flow_tree.Expression) -> Iterator[flow_tree.Name]:
    match term:
        case flow_tree.Ref(name):
            yield name
        case flow_tree.Power(base, exponent):
            yield from _refs(base)
            yield from _refs(exponent)
        case flow_tree.Product(items) | flow_tree.TupleOf(items):
            for item in items:
                yield from _refs(item)
        case flow_tree.Call(function, arguments):
            yield function
            for one in arguments:
                yield from _refs(one.value)
        case _:
            return


def _connected(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Return the nodes that take part in a derivation, numbered anew: a `let` that only names a public value does not."""
    keyed: list[bool] = []
    for node in nodes:
        keyed.append(node.kind == "secret" or any(keyed[source] for source in node.sources if source < len(keyed)))
    used = {
        source for index, node in enumerate(nodes) if keyed[index] and node.kind == "derived" for source in node.sources
    }
    kept = [index for index, node in enumerate(nodes) if index in used or (keyed[index] and node.kind == "derived")]
    numbers = {index: number for number, index in enumerate(kept)}
    for index in kept:
        nodes[index].sources = [numbers[source] for source in nodes[index].sources if source in numbers]
    return tuple(nodes[index] for index in kept)


def _remark(nodes: Sequence[Node], claim: Claim) -> None:
    """Note at each key what a claim says of it."""
    match claim.property:
        case Secrecy(data, _):
            _note(nodes, data, "secret in", claim.name)
        case Agreement(data=data):
            _note(nodes, data, "agreed in", claim.name)
        case Identifies(tag, data, _):
            _note(nodes, (tag, *data), "unique in", claim.name)
        case _:
            pass
    for power in claim.powers:
        if isinstance(power, Leak):
            _note(nodes, power.data, "leaks in", claim.name)


def _note(nodes: Sequence[Node], data: Iterable[Datum], verb: str, name: str) -> None:
    for datum in data:
        for node in nodes:
            stage = datum.kind == "stage" and node.stage is not None and str(node.stage) == datum.name
            if stage or (datum.kind in ("value", "key") and not datum.owner and datum.name in node.names):
                _add(node.claims, verb, name)


def _add(remarks: list[str], verb: str, name: str) -> None:
    for index, remark in enumerate(remarks):
        if remark.startswith(verb):
            if name not in remark.removeprefix(verb).strip().split(", "):
                remarks[index] = f"{remark}, {name}"
            return
    remarks.append(f"{verb} {name}")
