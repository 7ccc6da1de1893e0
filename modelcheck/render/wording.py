"""The constructs of a flow as a reader writes them, on one line each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import assert_never

from modelcheck.syntax import tree


def expression(term: tree.Expression) -> str:
    """Return a term in the notation of specs."""
    match term:
        case tree.Ref(name):
            return name.text
        case tree.Text(value):
            return f'"{value}"'
        case tree.This():
            return "this"
        case tree.Transcript():
            return "transcript"
        case tree.TranscriptRange(first, last):
            return f"transcript({first.text}..{last.text})"
        case tree.Without(whole, name):
            return f"{expression(whole)} without {name.text}"
        case tree.Power(base, exponent):
            return f"{expression(base)}^{expression(exponent)}"
        case tree.Product(factors):
            return f"({'*'.join(map(expression, factors))})"
        case tree.TupleOf(items):
            return f"({listed(items)})"
        case tree.Call():
            return call(term)
        case tree.MessageLiteral(message):
            return f"{title(message)} {{ {', '.join(contents(message))} }}"
        case _:
            assert_never(term)


def listed(terms: Iterable[tree.Expression]) -> str:
    """Return terms with commas between them."""
    return ", ".join(map(expression, terms))


def call(term: tree.Call) -> str:
    """Return a function with its arguments."""
    return f"{term.function.text}({', '.join(map(argument, term.arguments))})"


def argument(one: tree.Argument) -> str:
    """Return an argument, its label before it if it has one."""
    return f"{one.label.text}: {expression(one.value)}" if one.label else expression(one.value)


def title(message: tree.Message) -> str:
    """Return a message's name, and its second one."""
    return f"{message.name.text} as {message.label.text}" if message.label else message.name.text


def contents(message: tree.Message) -> tuple[str, ...]:
    """Return one text for each field of a message, or for each of its bare contents."""
    return (*map(field, message.fields), *map(expression, message.contents))


def field(one: tree.Field) -> str:
    """Return a field with its value and when it is there, without its size."""
    return f"{one.name.text}: {expression(one.value)}{suffix(one.guard, one.unchecked)}"


def suffix(guard: tree.Guard | None, unchecked: tree.Unchecked | None = None) -> str:
    """Return what stands behind a value: when it is there, and that the receiver does not compare it."""
    text = ""
    if guard is not None:
        text = f" when {condition(guard.condition)}"
        if guard.otherwise is not None:
            text += f" else {expression(guard.otherwise)}"
    if unchecked is not None:
        text += f" (unchecked by {unchecked.by.text})" if unchecked.by else " (unchecked)"
    return text


def condition(one: tree.Condition) -> str:
    """Return a condition."""
    return " and ".join(map(test, one.tests))


def test(one: tree.Test) -> str:
    """Return one comparison of a condition."""
    match one:
        case tree.Equal(left, right):
            return f"{expression(left)} = {expression(right)}"
        case tree.Differ(left, right):
            return f"{expression(left)} != {expression(right)}"
        case tree.Member(left, right):
            return f"{expression(left)} in {expression(right)}"
        case tree.IsNew(value):
            return f"{expression(value)} is new"
        case tree.Taken(label):
            return label.text
        case _:
            assert_never(one)


def decision(one: tree.Decision) -> str:
    """Return what decides which branch is taken."""
    match one:
        case tree.Opens(role, target):
            return f"{role.text} opens {target.text}"
        case tree.Chooses(role, label):
            return f"{role.text} chooses {label.text}"
        case tree.When(what):
            return f"when {condition(what)}"
        case _:
            assert_never(one)


Act = (
    tree.Creates | tree.Renews | tree.Picks | tree.PicksIn | tree.Keeps | tree.Recalls | tree.Checks | tree.CheckOrder
    | tree.FailsAlike
)  # fmt: skip


def act(one: Act) -> tuple[str, str]:
    """Return what a role does between messages: the verb, and to what."""
    match one:
        case tree.Creates(values=values):
            return "creates", ", ".join(value.name.text for value in values)
        case tree.Picks(name=name, sort=sort):
            return "picks", f"{name.text}: {'set of ' if sort.is_set else ''}{sort.name.text}"
        case tree.PicksIn(best=best, name=name, sets=sets):
            return "picks", f"{'best ' if best else ''}{name.text} in {listed(sets)}"
        case tree.Renews(names=names):
            return "renews", _names(names)
        case tree.Keeps(names=names):
            return "keeps", _names(names)
        case tree.Recalls(names=names):
            return "recalls", _names(names)
        case tree.Checks(condition=what, when=when):
            return "checks", condition(what) + (f" when {condition(when)}" if when else "")
        case tree.CheckOrder(target=target, order=order):
            return "checks", f"{target.text} {order}"
        case tree.FailsAlike(names=names):
            return "fails alike", f"on {_names(names)}" if names else ""
        case _:
            assert_never(one)


def _names(names: Iterable[tree.Name]) -> str:
    return ", ".join(name.text for name in names)


def wrapped(text: str, width: int, indent: int = 0, hanging: int = 4) -> list[str]:
    """Return a text in lines of at most ``width`` characters, broken at blanks and behind opening brackets.

    A no-break space stays where it is, and so does what stands in quotes and fits in a line. A word that is longer than a
    line is broken behind a dot if it has one.

    >>> wrapped("hkdf_extract(derived(early), g^(x*y))", 24)
    ['hkdf_extract(derived(', '    early), g^(x*y))']
    >>> wrapped('derive_secret(master, "c ap traffic", transcript)', 30)
    ['derive_secret(master,', '    "c ap traffic",', '    transcript)']
    >>> wrapped('hash("ech accept confirmation", z)', 24)
    ['hash("ech accept', '    confirmation", z)']
    """
    lines, line, margin = [], " " * indent, " " * (indent + hanging)
    quoted = max(0, width - len(margin) - len('"",'))
    for piece in re.findall(rf' *(?:"[^"]{{0,{quoted}}}"|[^ (])*\(?', text.strip()):
        if line.strip() and len(line) + len(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = margin + piece.lstrip()
        else:
            line += piece
        while len(line) > width:
            cut = line.rfind(".", len(margin) + 1, width) + 1 or width
            lines.append(line[:cut])
            line = margin + line[cut:]
    return [*lines, line] if line.strip() else lines
