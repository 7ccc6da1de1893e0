"""Role state machines as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import assert_never

from modelcheck.machines.checks import Check, Failure, failures
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
    Step,
)
from modelcheck.protocol.terms import App, Term, show

WIDTH = 110


def render_machine(machine: RoleMachine, *, errors: bool = False) -> str:
    """Return the states and transitions of a role, one transition a line, branches indented.

    With ``errors`` each transition comes after the edges to the error state that a role takes instead, in order.
    """
    role = machine.role
    parts = [f"{word} {', '.join(dict.fromkeys(v.name for v in names))}" for word, names in
             (("is", role.own), ("given", role.given), ("hosts", role.hosts)) if names]  # fmt: skip
    head = f"{machine.protocol}: {role.name} {' '.join(parts)}".rstrip()
    found = groupby(failures(machine), lambda failure: failure.end) if errors else ()
    return "\n".join([head, *_from(machine, {end: tuple(group) for end, group in found}, 0, 1)])


def _from(machine: RoleMachine, failing: dict[int, tuple[Failure, ...]], state: int, depth: int) -> Iterator[str]:
    following = machine.children[state]
    for number, child in enumerate(following):
        step = machine.states[child].step
        assert step is not None
        if len(following) > 1:
            yield f"{'  ' * depth}branch {number + 1} of {len(following)} from state {state}"
        deeper = depth + 1 if len(following) > 1 else depth
        for failure in failing.get(child, ()):
            unless = ", unless another branch fits" if failure.others else ""
            yield _fitted(f"{'  ' * deeper}{state} -> error{unless}  {describe_failure(step, failure.check)}")
        yield _fitted(f"{'  ' * deeper}{state} -> {child}  {describe(step)}")
        yield from _from(machine, failing, child, deeper)


def _fitted(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."


def describe(step: Step) -> str:
    """Return a step in words."""
    match step:
        case Create(variable):
            return f"creates {variable.name}: {variable.sort}"
        case Pick(value, rule, sources, allowed):
            how = {"any": "", "member": " in ", "best": " best in "}[rule] + ", ".join(map(show, sources))
            only = f" among {', '.join(allowed)}" if allowed else ""
            return f"picks {show(value)}{how}{only}"
        case Choose(label, taken):
            return f"chooses {label}" if taken else f"does not choose {label}"
        case Receive(pattern, names, _, sender):
            return f"receives {_titles(names)} from {sender}: {show(pattern)}"
        case Send(term, names, _, receiver):
            return f"sends {_titles(names)} to {receiver}: {show(term)}"
        case Guard(test, left, right, values):
            return _guard(test, show(left), "" if right is None else show(right), values)
        case Keep(items):
            return f"keeps {', '.join(name for name, _ in items)}"
        case Recall(items):
            return f"recalls {', '.join(name for name, _ in items)}"
        case Reach(point):
            return point if point in ("accepts", "stops") else f"accepts {point}"


def _guard(test: str, left: str, right: str, values: tuple[str, ...]) -> str:
    match test:
        case "equal":
            return f"checks {left} = {right}"
        case "differ":
            return f"checks {left} != {right}"
        case "among":
            return f"goes this way when {left} is {' or '.join(values)}"
        case "member":
            return f"checks {left} in {right}"
        case "new":
            return f"checks {left} is new"
        case _:
            return f"{left} is a name whose keys it holds"


def describe_failure(step: Step, check: Check | None, spell: Callable[[Term], str] = show) -> str:
    """Return how a role fails that should take a step: by a check of the message, or because the step cannot be taken."""
    if check is not None:
        where = f"{check.message}: " if check.message and check.kind != "format" else ""
        return where + _failed_check(check, spell)
    match step:
        case Guard(test, left, right, values):
            return _failed_guard(test, spell(left), "" if right is None else spell(right), values)
        case Pick(_, _, sources, allowed):
            return f"nothing to pick in {', '.join(map(spell, sources))}" + (
                f" among {', '.join(allowed)}" if allowed else "")  # fmt: skip
        case _:
            return "no record fits"


def _failed_check(check: Check, spell: Callable[[Term], str]) -> str:
    key = check.term.arguments[0] if isinstance(check.term, App) and check.term.arguments else check.term
    private = key.arguments[0] if isinstance(key, App) and key.function == "pk" else key
    match check.kind:
        case "format":
            return f"no {check.message}"
        case "decryption":
            return f"cannot be decrypted with {spell(private)}"
        case "decapsulation":
            return f"cannot be decapsulated with {spell(private)}"
        case "signature":
            return f"the signature does not verify under {spell(App('pk', (key,)))}"
        case "mac":
            return f"the MAC is wrong under {spell(key)}"
        case "value":
            return f"another value than {spell(check.term)}"
        case _:
            assert_never(check.kind)


def _failed_guard(test: str, left: str, right: str, values: tuple[str, ...]) -> str:
    match test:
        case "equal":
            return f"{left} is not {right}"
        case "differ":
            return f"{left} is {right}"
        case "among":
            return f"{left} is not {' or '.join(values)}"
        case "member":
            return f"{left} is not in {right}"
        case "new":
            return f"{left} is not new"
        case _:
            return f"holds no keys of {left}"


def _titles(names: tuple[str, ...]) -> str:
    return ", ".join(name for name in names if "." not in name) or "data"
