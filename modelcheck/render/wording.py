"""The constructs of a flow as a reader writes them, on one line each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import assert_never

from modelcheck.syntax import flow_tree


def expression(term: flow_tree.Expression) -> str:
    """Return a term in the notation of specs."""
    match term:
        case flow_tree.Ref(name):
            return name.text
        case flow_tree.Text(value):
            return f'"{value}"'
        case flow_tree.This():
            return "this"
        case flow_tree.Transcript():
            return "transcript"
        case flow_tree.TranscriptRange(first, last):
            return f"transcript({first.text}..{last.text})"
        case flow_tree.Without(whole, name):
            return f"{expression(whole)} without {name.text}"
        case flow_tree.Power(base, exponent):
            return f"{expression(base)}^{expression(exponent)}"
        case flow_tree.Product(factors):
            return f"({'*'.join(map(expression, factors))})"
        case flow_tree.TupleOf(items):
            return f"({listed(items)})"
        case flow_tree.Call():
            return call(term)
        case flow_tree.MessageLiteral(message):
            return f"{title(message)} {{ {', '.join(contents(message))} }}"
        case _:
            assert_never(term)


def listed(terms: Iterable[flow_tree.Expression]) -> str:
    """Return terms with commas between them."""
    return ", ".join(map(expression, terms))


def call(term: flow_tree.Call) -> str:
    """Return a function with its arguments."""
    return f"{term.function.text}({', '.join(map(argument, term.arguments))})"


def argument(one: flow_tree.Argument) -> str:
    """Return an argument, its label before it if it has one."""
    return f"{one.label.text}: {expression(one.value)}" if one.label else expression(one.value)


def title(message: flow_tree.Message) -> str:
    """Return a message's name, and its second one."""
    return f"{message.name.text} as {message.label.text}" if message.label else message.name.text


def contents(message: flow_tree.Message) -> tuple[str, ...]:
    """Return one text for each field of a message, or for each of its bare contents."""
    return (*map(field, message.fields), *map(expression, message.contents))


def field(one: flow_tree.Field) -> str:
    """Return a field with its value and when it is there, without its size."""
    return f"{one.name.text}: {expression(one.value)}{suffix(one.guard, one.unchecked)}"


def suffix(guard: flow_tree.Guard | None, unchecked: flow_tree.Unchecked | None = None) -> str:
    """Return what stands behind a value: when it is there, and that the receiver does not compare it."""
    text = ""
    if guard is not None:
        text = f" when {condition(guard.condition)}"
        if guard.otherwise is not None:
            text += f" else {expression(guard.otherwise)}"
    if unchecked is not None:
        text += f" (unchecked by {unchecked.by.text})" if unchecked.by else " (unchecked)"
    return text


def condition(one: flow_tree.Condition) -> str:
    """Return a condition."""
    return " and ".join(map(test, one.tests))


def test(one: flow_tree.Test) -> str:
    """Return one comparison of a condition."""
    match one:
        case flow_tree.Equal(left, right):
            return f"{expression(left)} = {expression(right)}"
        case flow_tree.Differ(left, right):
            return f"{expression(left)} != {expression(right)}"
        case flow_tree.Member(left, right):
            return f"{expression(left)} in {expression(right)}"
        case flow_tree.IsNew(value):
            return f"{expression(value)} is new"
        case flow_tree.Taken(label):
            return label.text
        case _:
            assert_never(one)


def decision(one: flow_tree.Decision) -> str:
    """Return what decides which branch is taken."""
    match one:
        case flow_tree.Opens(role, target):
            return f"{role.text} opens {target.text}"
        case flow_tree.Chooses(role, label):
            return f"{role.text} chooses {label.text}"
        case flow_tree.When(what):
            return f"when {condition(what)}"
        case _:
            assert_never(one)


def act(
    one: flow_tree.Act | flow_tree.Checks | flow_tree.CheckOrder | flow_tree.FailsAlike,
) -> tuple[str, str]:
    """Return what a role does between messages: the verb, and to what."""
    match one:
        case flow_tree.Creates(values=values):
            return "creates", ", ".join(value.name.text for value in values)
        case flow_tree.Picks(name=name, sort=sort):
            return "picks", f"{name.text}: {'set of ' if sort.is_set else ''}{sort.name.text}"
        case flow_tree.PicksIn(best=best, name=name, sets=sets):
            return "picks", f"{'best ' if best else ''}{name.text} in {listed(sets)}"
        case flow_tree.Renews(names=names):
            return "renews", _names(names)
        case flow_tree.Keeps(names=names):
            return "keeps", _names(names)
        case flow_tree.Recalls(names=names):
            return "recalls", _names(names)
        case flow_tree.Checks(condition=what, when=when):
            return "checks", condition(what) + (f" when {condition(when)}" if when else "")
        case flow_tree.CheckOrder(target=target, order=order):
            return "checks", f"{target.text} {order}"
        case flow_tree.FailsAlike(names=names):
            return "fails alike", f"on {_names(names)}" if names else ""
        case _:
            assert_never(one)


def _names(names: Iterable[flow_tree.Name]) -> str:
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
