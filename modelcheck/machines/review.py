"""What a designer should look at in the roles of a flow although nothing is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelcheck import rules
from modelcheck.diagnostics import Diagnostic, Label
from modelcheck.machines.machine import Receive, RoleMachine, Send
from modelcheck.protocol.model import Path, Protocol
from modelcheck.protocol.terms import App, Key, Term, show


def review(protocol: Protocol, machines: Sequence[RoleMachine]) -> tuple[Diagnostic, ...]:
    """Return the remarks on a protocol's own roles, each once, in the order of roles and states."""
    found: dict[Diagnostic, None] = {}
    for machine in machines:
        if machine.protocol == protocol.name:
            found |= dict.fromkeys((*_idle(machine), *_untied(machine), *_unchecked(machine, protocol.paths)))
    return tuple(found)


def _idle(machine: RoleMachine) -> Iterator[Diagnostic]:
    if not any(isinstance(state.step, Send | Receive) for state in machine.states):
        yield Diagnostic(
            rules.IDLE_ROLE, f"{machine.role.name} neither sends nor receives", Label(machine.role.span), (),
            "drop the role, or give it a message", "note")  # fmt: skip


def _untied(machine: RoleMachine) -> Iterator[Diagnostic]:
    """Yield a remark for each long-term key that the role takes from a message as whatever came."""
    for state in machine.states[1:]:
        if not isinstance(state.step, Receive):
            continue
        for path, view in state.views.items():
            before = machine.states[state.parent].views[path].known
            for honest, own in view.known.items():
                if honest not in before and (key := _public_half(honest)) is not None and own is not honest:
                    holder = ", ".join(map(show, key.arguments))
                    yield Diagnostic(
                        rules.UNTIED_KEY, f"{machine.role.name} cannot tie `{show(key)}` to `{holder}`",
                        Label(state.step.span), (), "declare the family `certified` or `published`", "note")  # fmt: skip


def _public_half(term: Term) -> Key | None:
    """Return the long-term key of which ``term`` is the public half, None if it is none."""
    match term:
        case App("pk" | "g", (Key() as key,)):
            return key
        case _:
            return None


def _unchecked(machine: RoleMachine, paths: tuple[Path, ...]) -> Iterator[Diagnostic]:
    """Yield a remark for each field that the flow tells the role not to compare."""
    for path in paths:
        for readers, parts in path.unchecked:
            if machine.role.name.rpartition(".")[2] in readers:
                field = next(iter(parts)).name.partition("~")[0]
                yield Diagnostic(
                    rules.UNCHECKED_FIELD, f"{machine.role.name} does not check `{field}`", Label(machine.role.span),
                    (), "drop `unchecked` if the role compares it", "note")  # fmt: skip
