"""Certificates without proof of possession: a dishonest name may be certified for any public key (RFC 8844, section 4).

A role then no longer ties the key in a certificate to the name: each such key is a variable of the role, related to the
name by a certificate that honest names have for their own key only.
"""

from __future__ import annotations

from dataclasses import replace

from modelcheck.machines.machine import Guard, Keep, Pick, Recall, Receive, RoleMachine, Send, State, Step
from modelcheck.machines.view import View
from modelcheck.protocol.terms import Key, Term, Var, exchange, subterms


def untied(machine: RoleMachine, families: tuple[str, ...]) -> tuple[RoleMachine, dict[Var, tuple[str, Var]]]:
    """Return the machine with the certified keys of others as variables, and what each variable is certified as."""
    mine = (*machine.role.own, *machine.role.hosts)
    table: dict[Term, Var] = {}
    meaning: dict[Var, tuple[str, Var]] = {}
    for state in machine.states:
        for term in _terms(state.step):
            for part in subterms(term):
                if isinstance(part, Key) and part.family in families and part.arguments[0] not in mine:
                    (name,) = part.arguments
                    assert isinstance(name, Var)
                    variable = Var(f"{part.family} of {name.name}", part.sort)
                    table[part] = variable
                    meaning[variable] = (part.family, name)
    if not table:
        return machine, {}
    return replace(machine, states=_states(machine, table)), meaning


def _states(machine: RoleMachine, table: dict[Term, Var]) -> tuple[State, ...]:
    states: list[State] = []
    for state in machine.states:
        step = _changed(state.step, table)
        bound = state.bound
        if state.index:
            seen = [v for v in table.values() if v in states[state.parent].bound]
            new = [v for v in table.values() if v not in seen and any(v in t.variables for t in _terms(step))]
            bound = (*bound, *seen, *new)
        views = {path: _view(view, table) for path, view in state.views.items()}
        states.append(State(state.index, state.parent, step, bound, views))
    return tuple(states)


def _view(view: View, table: dict[Term, Var]) -> View:
    twin = view.copy()
    twin.swapped = table
    twin.known = {honest: exchange(own, table) for honest, own in twin.known.items()}
    return twin


def _terms(step: Step | None) -> tuple[Term, ...]:
    match step:
        case Receive(pattern=term) | Send(term=term):
            return (term,)
        case Guard(_, left, right):
            return (left,) if right is None else (left, right)
        case Keep(items) | Recall(items):
            return tuple(term for _, term in items)
        case Pick(value, _, sources):
            return (value, *sources)
        case _:
            return ()


def _changed(step: Step | None, table: dict[Term, Var]) -> Step | None:
    match step:
        case Receive(pattern=term):
            return replace(step, pattern=exchange(term, table))
        case Send(term=term):
            return replace(step, term=exchange(term, table))
        case Guard(_, left, right):
            return replace(step, left=exchange(left, table), right=None if right is None else exchange(right, table))
        case Keep(items) | Recall(items):
            return replace(step, items=tuple((name, exchange(term, table)) for name, term in items))
        case _:
            return step
