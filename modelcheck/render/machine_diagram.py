"""The state machines of roles as pictures: what a role waits for, what it does then, and where it accepts.

A state is drawn where the role waits, decides or ends; the steps between two such states stand in one box on the edge.
What makes the role fail on that way stands below a line in the same box, from which a dashed edge leads to an error state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from modelcheck.machines.checks import failures
from modelcheck.machines.machine import Guard, Reach, Receive, RoleMachine, Send, State
from modelcheck.protocol.model import Path, Protocol
from modelcheck.protocol.terms import MESSAGE, App, Const, Key, Term, Var, show
from modelcheck.render.machine import describe, describe_failure
from modelcheck.render.picture import FAINT, INK, PAPER, SHADE, Picture, html_rows, html_text, new_graph
from modelcheck.render.wording import wrapped

if TYPE_CHECKING:
    import graphviz

WIDTH, NARROWEST, PAGE = 58, 30, 110
"""Characters in a line, at most and at least, and of all branches of a role beside each other."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Steps from one drawn state to another: lines of text, and the values that are new to the role."""

    start: int
    end: int
    lines: tuple[str, ...]
    new: frozenset[str]
    errors: tuple[str, ...] = ()
    """What makes the role fail on this edge, in the order in which it checks, indented below lines that say so."""


def picture(protocol: Protocol, machines: Sequence[RoleMachine], *, errors: bool = False) -> Picture:
    """Return the picture of some roles of a protocol, with the ways in which they fail if ``errors``."""
    graph = new_graph(protocol.name, rankdir="TB", nodesep="0.18" if errors else "0.3", ranksep="0.25")
    told = []
    branches = [sum(not following for following in machine.children) for machine in machines]
    for number, machine in enumerate(machines):
        edges = merged(protocol, machine, errors=errors)
        with graph.subgraph(name=f"cluster_{number}") as part:
            _draw(part, f"m{number}", machine, edges)
        if number and sum(branches) > len(machines):
            # Side by side the picture would be too wide for a page.
            above = machines[number - 1]
            for index, following in enumerate(above.children):
                if not following:
                    graph.edge(f"m{number - 1}s{index}", f"m{number}s0", style="invis", weight="0")
        told.append(_spoken(machine, edges))
    names = ", ".join(machine.role.name for machine in machines)
    roles = f"role {names}" if len(machines) == 1 else f"roles {names}"
    return Picture(graph.source, "dot", f"State machine of {roles} in {protocol.name}", " ".join(told))


def merged(protocol: Protocol, machine: RoleMachine, *, errors: bool = False) -> tuple[Edge, ...]:
    """Return the transitions of a role between the states that are worth drawing, in the order of states."""
    edges = []
    failing = _failing(protocol, machine) if errors else {}
    todo = [0]
    while todo:
        start = todo.pop(0)
        for child in machine.children[start]:
            states = [machine.states[child], *_following(machine, child)]
            lines = tuple(line for state in states for line in _lines(protocol, machine, state))
            before = set(machine.states[start].bound)
            new = frozenset(v.name for state in states for v in state.bound if v not in before)
            failed = [one for state in states for one in failing.get(state.index, ())]
            told = [[head, *(f"  {words}" for _, words in group)] for head, group in groupby(failed, itemgetter(0))]
            edges.append(Edge(start, states[-1].index, lines, new, tuple(chain(*told))))
            todo.append(states[-1].index)
    return tuple(edges)


def _failing(protocol: Protocol, machine: RoleMachine) -> dict[int, list[tuple[str, str]]]:
    """Return for each state what makes the role fail that should come to it, each below its heading."""
    found: dict[int, list[tuple[str, str]]] = {}
    for failure in failures(machine):
        state = machine.states[failure.end]
        words = _Words(machine, state, protocol.paths[min(state.views)])
        assert state.step is not None
        head = "error unless another branch fits:" if failure.others else "error:"
        told = describe_failure(state.step, failure.check, words.spelled)
        found.setdefault(failure.end, []).append((head, told))
    return found


def _following(machine: RoleMachine, index: int) -> Iterator[State]:
    """Yield the states that the role goes on to without waiting, deciding or ending."""
    while len(machine.children[index]) == 1 and not _ends(machine.states[index]):
        (index,) = machine.children[index]
        if isinstance(machine.states[index].step, Receive):
            return
        yield machine.states[index]


def _ends(state: State) -> bool:
    return isinstance(state.step, Reach) and state.step.point in ("accepts", "stops")


def _lines(protocol: Protocol, machine: RoleMachine, state: State) -> Iterator[str]:
    """Yield the lines of one step; terms are shortened to the names that the spec gives them."""
    words = _Words(machine, state, protocol.paths[min(state.views)])
    match state.step:
        case Receive(pattern):
            yield from words.message("receives", pattern)
        case Send(term):
            yield from words.message("sends", term)
        case Guard(test, left, right, values):
            plain = Guard(
                test, words.short(left), None if right is None else words.short(right), values, state.step.span
            )
            yield describe(plain)
        case Reach("accepts" | "stops") | None:
            return
        case step:
            yield describe(step)


class _Words:
    """Terms in a role's view, written with the names of the spec's `let` lines."""

    def __init__(self, machine: RoleMachine, state: State, path: Path) -> None:
        view = state.views[min(state.views)]
        self.names: dict[Term, Term] = {}
        for name, term in path.values.items():
            own = view.compose(term) if "." not in name and isinstance(term, App) else None
            if own is not None and not (isinstance(own, App) and own.function in ("g", "dh", "tuple")):
                self.names.setdefault(own, Var(name, "let"))

    def message(self, verb: str, term: Term) -> Iterator[str]:
        """Yield what is received or sent, the messages in a protected block one below the other."""
        if isinstance(term, App) and term.function == "aead" and len(term.arguments) == 4:
            key, _, _, content = term.arguments
            parts = content.arguments if isinstance(content, App) and content.function == "tuple" else (content,)
            yield f"{verb}, encrypted under {show(self.short(key))}:"
            yield from (f"  {self._shown(part)}" for part in parts)
        elif isinstance(term, App) and term.function == "tuple" and any(map(_mentions_message, term.arguments)):
            yield f"{verb}:"
            yield from (f"  {self._shown(part)}" for part in term.arguments)
        else:
            yield f"{verb} {self._shown(term)}"

    def _shown(self, term: Term) -> str:
        if isinstance(term, App) and term.function.startswith(MESSAGE):
            inside = ", ".join(show(self.short(argument)) for argument in term.arguments)
            name = term.function.removeprefix(MESSAGE)
            return f"{name} {{ {inside} }}" if inside else name
        return show(self.short(term))

    def spelled(self, term: Term) -> str:
        """Return a term as text."""
        return show(self.short(term))

    def short(self, term: Term) -> Term:
        """Return a term with names for what has one, and transcripts and nested messages by their names."""
        if term in self.names:
            return self.names[term]
        match term:
            case App("tuple", arguments) if all(map(_mentions_message, arguments)):
                return Var("transcript", "let")
            case App(function, _) if function.startswith(MESSAGE):
                return Var(function.removeprefix(MESSAGE), "let")
            case App("aead", (key, Const(""), Const(""), content)):
                return App("aead", tuple(self.short(one) for one in _spread("aead", (key, content))))
            case App(function, arguments):
                return App(function, tuple(self.short(one) for one in _spread(function, arguments)))
            case Key(family, sort, arguments):
                return Key(family, sort, tuple(map(self.short, arguments)))
            case _:
                return term


def _spread(function: str, arguments: tuple[Term, ...]) -> tuple[Term, ...]:
    """Return the arguments of a function with a tuple in last place as arguments of their own, as specs write them."""
    last = arguments[-1] if function != "tuple" and len(arguments) > 1 else None
    if isinstance(last, App) and last.function == "tuple" and not all(map(_mentions_message, last.arguments)):
        return (*arguments[:-1], *last.arguments)
    return arguments


def _mentions_message(term: Term) -> bool:
    match term:
        case App(function, _) if function.startswith(MESSAGE):
            return True
        case App("tuple" | "hash", arguments):
            return any(map(_mentions_message, arguments))
        case _:
            return False


# ------------------------------------------------------------------------------------------------ drawing


def _draw(graph: graphviz.Digraph, prefix: str, machine: RoleMachine, edges: Sequence[Edge]) -> None:
    role = machine.role
    parts = (("is", role.own), ("given", role.given), ("hosts", role.hosts))
    about = " ".join(f"{word} {', '.join(dict.fromkeys(v.name for v in names))}" for word, names in parts if names)
    graph.attr(label=f"<{html_text(role.name, strong=True)} {html_text(about)}>", color=FAINT, style="rounded",
               fontcolor=INK, margin="12")  # fmt: skip
    for index in sorted({0, *(edge.start for edge in edges), *(edge.end for edge in edges)}):
        _state(graph, f"{prefix}s{index}", machine.states[index], last=not machine.children[index])
    branches = sum(not following for following in machine.children)
    width = max(NARROWEST, min(WIDTH, PAGE // branches))
    for number, edge in enumerate(edges):
        box = f"{prefix}e{number}"
        start, end = f"{prefix}s{edge.start}", f"{prefix}s{edge.end}"
        if not edge.lines:
            graph.edge(start, end)
            continue
        graph.node(box, _label(edge, width), shape="box", style="filled", fillcolor=PAPER, color=FAINT, penwidth="0.6")
        graph.edge(start, box, arrowhead="none")
        graph.edge(box, end)
        if edge.errors:
            graph.node(f"{box}error", "error", shape="octagon", style="filled,dashed", fillcolor=PAPER, height="0.3",
                       margin="0.05,0.02")  # fmt: skip
            graph.edge(box, f"{box}error", style="dashed")


def _state(graph: graphviz.Digraph, name: str, state: State, *, last: bool) -> None:
    number = str(state.index)
    match state.step:
        case Reach("accepts"):
            graph.node(name, f"{number} accepts", shape="box", style="rounded,filled", fillcolor=SHADE,
                       peripheries="2", penwidth="1.2")  # fmt: skip
        case Reach("stops"):
            graph.node(name, f"{number} stops", shape="octagon", style="filled", fillcolor=PAPER)
        case _:
            graph.node(name, number, shape="circle", style="filled", fillcolor=SHADE if not last else PAPER,
                       width="0.3", fixedsize="true", penwidth="1" if not last else "2.4")  # fmt: skip


def _label(edge: Edge, width: int) -> str:
    rows: list[str | None] = []
    for line in edge.lines:
        indent = len(line) - len(line.lstrip())
        quoted = False
        for text in wrapped(line.replace(" }", "\u00a0}"), width, indent):
            rows.append(_marked(text, edge.new, quoted=quoted))
            quoted ^= text.count('"') % 2 == 1
    if edge.errors:
        rows.append(None)
        rows += [html_text(text) for one in edge.errors for text in wrapped(one, width, len(one) - len(one.lstrip()))]
    return html_rows(rows)


def _marked(text: str, new: frozenset[str], *, quoted: bool) -> str:
    """Return a line in which the values that are new to the role are bold; ``quoted``: it starts within a literal text."""
    marked = []
    for piece in re.split(r"([A-Za-z_][\w.]*[~']*\d*'*|\")", text):
        quoted ^= piece == '"'
        if piece:
            marked.append(html_text(piece, strong=piece in new and not quoted))
    return "".join(marked)


def _spoken(machine: RoleMachine, edges: Iterable[Edge]) -> str:
    """Return a machine in sentences."""
    sentences = []
    for edge in edges:
        state = machine.states[edge.end]
        end = f"state {edge.end}" + (f", where it {state.step.point}" if isinstance(state.step, Reach) else "")
        what = "; ".join(line.strip() for line in edge.lines)
        sentences.append(f"From state {edge.start} to {end}{': ' if what else ''}{what}.")
        if edge.errors:
            told = "; ".join(line.strip() for line in edge.errors).replace(":;", ":")
            sentences.append(f"Instead {told}.")
    return f"{machine.role.name}: {' '.join(sentences)}"
