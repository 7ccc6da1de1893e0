"""What a protocol takes over from others: values that they kept, and whole paths in compositions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as with_changes

from modelcheck.protocol.model import Path, with_terms
from modelcheck.protocol.terms import App, Const, Key, Term, Var, rebuild, sort_of


@dataclass(frozen=True, slots=True)
class Stored:
    """What a role of an earlier protocol kept under a name: the term there, its kept leaves as they are here."""

    value: Term


def recalled_value(value: Term, names: dict[str, Term], protocol: str) -> Term:
    """Return how a kept value reads in a later protocol: kept leaves under their names, others as that protocol's."""
    table: dict[Term, Term] = {}
    for name, kept in names.items():
        sort = sort_of(kept)
        if sort is not None and not isinstance(kept, Const):
            table[kept] = Var(name, sort)

    def go(term: Term) -> Term:
        if term in table:
            return table[term]
        if isinstance(term, Var):
            return Var(f"{protocol}.{term.name}", term.sort)
        if isinstance(term, App):
            return App(term.function, tuple(go(argument) for argument in term.arguments))
        if isinstance(term, Const):
            return term
        return type(term)(term.family, term.sort, tuple(go(argument) for argument in term.arguments))

    return go(value)


def with_families(path: Path, names: Mapping[str, str]) -> Path:
    """Return a path whose long-term keys belong to families of other names."""
    done: dict[Term, Term] = {}

    def go(term: Term) -> Term:
        if term not in done:
            inside = rebuild(term, go)
            if isinstance(inside, Key) and inside.family in names:
                inside = Key(names[inside.family], inside.sort, inside.arguments)
            done[term] = inside
        return done[term]

    return with_changes(
        path,
        events=tuple(with_terms(event, go) for event in path.events),
        values={name: go(term) for name, term in path.values.items()},
        messages={name: go(term) for name, term in path.messages.items()},
        ranges={ends: go(term) for ends, term in path.ranges.items()},
        stages={number: go(term) for number, term in path.stages.items()},
        unchecked=tuple((who, {part: go(t) for part, t in mapping.items()}) for who, mapping in path.unchecked),
        stored={name: go(term) for name, term in path.stored.items()},
        sizes={(go(message), position): size for (message, position), size in path.sizes.items()},
    )
