"""Role state machines as text."""

from __future__ import annotations

from collections.abc import Iterator

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
from modelcheck.protocol.terms import show

WIDTH = 110


def render_machine(machine: RoleMachine) -> str:
    """Return the states and transitions of a role, one transition a line, branches indented."""
    role = machine.role
    parts = [f"{word} {', '.join(dict.fromkeys(v.name for v in names))}" for word, names in
             (("is", role.own), ("given", role.given), ("hosts", role.hosts)) if names]  # fmt: skip
    head = f"{machine.protocol}: {role.name} {' '.join(parts)}".rstrip()
    return "\n".join([head, *_from(machine, 0, 1)])


def _from(machine: RoleMachine, state: int, depth: int) -> Iterator[str]:
    following = machine.children[state]
    for number, child in enumerate(following):
        step = machine.states[child].step
        assert step is not None
        if len(following) > 1:
            yield f"{'  ' * depth}branch {number + 1} of {len(following)} from state {state}"
        deeper = depth + 1 if len(following) > 1 else depth
        line = f"{'  ' * deeper}{state} -> {child}  {describe(step)}"
        yield line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."
        yield from _from(machine, child, deeper)


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


def _titles(names: tuple[str, ...]) -> str:
    return ", ".join(name for name in names if "." not in name) or "data"
