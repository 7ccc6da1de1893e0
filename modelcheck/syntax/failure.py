"""Where and in which state of the parser a text stops following the grammar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from lark import Token, UnexpectedCharacters, UnexpectedInput
from lark.parsers.lalr_analysis import Shift

from modelcheck.syntax.tables import grammar

END = "$END"
"""What lark calls the end of a text."""


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of a text (``end`` not included) and what could stand there, as it is written."""

    start: int
    end: int
    expected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """The first piece that cannot stand where it stands, the parser's state there, and the piece before it.

    ``kind`` is the piece's terminal, ``END`` at the end of the text, "" if the text has no terminal there.
    """

    here: Place
    kind: str
    state: int
    before: Place | None


class NotParsed(Exception):
    """The text does not follow the grammar; ``failure`` says where."""

    def __init__(self, failure: Failure) -> None:
        """Carry the place."""
        super().__init__(f"the text does not follow the grammar at offset {failure.here.start}")
        self.failure = failure


def locate(text: str, problem: UnexpectedInput) -> Failure:
    """Return the failure behind lark's finding, by reading the text once more up to it."""
    taken = _tokens_taken(text)
    steps: list[tuple[Token, list[int]]] = []
    again = grammar().parse_interactive(text)
    stack: list[int] = again.parser_state.state_stack
    try:
        for number, token in enumerate(again.iter_parse(), 3):
            if number > taken:
                steps = [*steps[-1:], (token, list(stack))]
    except UnexpectedInput as found:
        problem = found
    culprit: object = getattr(problem, "token", None)
    kind = culprit.type if isinstance(culprit, Token) else ""
    start = len(text) if kind == END else problem.pos_in_stream or 0
    failed = bool(steps) and steps[-1][0].start_pos == start
    at = steps.pop()[1] if failed else list(stack)
    states = again.parser_state.parse_conf.states
    end = start if kind == END else start + max(1, len(culprit) if isinstance(culprit, Token) else 0)
    before = None
    if steps:
        last, older = steps[-1]
        before = Place(last.start_pos or 0, last.end_pos or 0, _accepted(states, older))
    if isinstance(problem, UnexpectedCharacters):
        kind = ""
    return Failure(Place(start, end, _accepted(states, at)), kind, _state(problem, at), before)


def _tokens_taken(text: str) -> int:
    """Return how many tokens lark reads before it gives up: only the stacks at the last of them are worth a copy."""
    count = 0
    try:
        for _ in grammar().parse_interactive(text).iter_parse():
            count += 1
    except UnexpectedInput:
        pass
    return count


def _state(problem: UnexpectedInput, stack: list[int]) -> int:
    """Return the state in which lark gave up, after the reductions that it made in view of the failing token."""
    found = getattr(problem.state, "state_stack", None)
    return int(found[-1]) if found else stack[-1]


def _accepted(states: Mapping[int, Mapping[str, Any]], stack: list[int]) -> tuple[str, ...]:
    """Return what can follow in a state of the parser, as it is written, in alphabetical order."""
    terminals = (name for name in states[stack[-1]] if name.isupper() and _shifts(states, list(stack), name))
    return tuple(sorted(filter(None, _spelled(terminals))))


def _shifts(states: Mapping[int, Mapping[str, Any]], stack: list[int], terminal: str) -> bool:
    """Return whether the parser, after the reductions it makes in view of a terminal, takes it."""
    while terminal in states[stack[-1]]:
        action, argument = states[stack[-1]][terminal]
        if action is Shift:
            return True
        size = len(argument.expansion)
        if size:
            del stack[-size:]
        stack.append(states[stack[-1]][argument.origin.name][1])
    return False


def _spelled(terminals: Iterable[str]) -> Iterable[str]:
    return (_by_terminal().get(terminal, "") for terminal in terminals)


def spellings() -> frozenset[str]:
    """Return all words and signs of the language."""
    return frozenset(_by_terminal().values())


@cache
def _by_terminal() -> dict[str, str]:
    """Return how terminals are written; those that are written in many ways are described."""
    fixed = {one.name: str(one.pattern.value) for one in grammar().terminals if one.pattern.type == "str"}
    return fixed | {"NAME": "a name", "STRING": "a text", "INT": "a number", "ARROW": "->", "CITE": "an id like T13-06"}
