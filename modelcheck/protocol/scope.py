"""The declarations of a protocol: what its names may refer to, and the findings made on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from modelcheck import rules
from modelcheck.diagnostics import Diagnostic, Label, Rule, did_you_mean
from modelcheck.protocol.model import Enumeration, Family, Role, subsets
from modelcheck.protocol.terms import NAME, Var
from modelcheck.protocol.theory import FRESH_SORTS, PRIMITIVES
from modelcheck.source import Span
from modelcheck.syntax import file_tree, flow_tree


@dataclass(slots=True)
class Scope:
    """Declared roles, key families, finite sorts, definitions; ``found`` collects what is wrong."""

    roles: dict[str, Role] = field(default_factory=dict)
    families: dict[str, Family] = field(default_factory=dict)
    enumerations: dict[str, Enumeration] = field(default_factory=dict)
    definitions: dict[str, file_tree.Define] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    names: dict[str, Span] = field(default_factory=dict)
    """Where each declared name was declared."""
    found: list[Diagnostic] = field(default_factory=list)

    def report(
        self, rule: Rule, message: str, span: Span, hint: str | None = None, other: Span | None = None, note: str = ""
    ) -> None:
        """Add a finding; ``other`` is a second place and ``note`` what it has to do with it."""
        secondary = (Label(other, note),) if other is not None else ()
        self.found.append(Diagnostic(rule, message, Label(span), secondary, hint))

    def sorts(self) -> tuple[str, ...]:
        """Return the names of all sorts, enumerations included."""
        return (*FRESH_SORTS, NAME, *self.enumerations)

    def values(self) -> dict[str, str]:
        """Return for each value of a finite sort the sort's name; own sorts go before those of protocols beside."""
        return {value: e.name for e in reversed(self.enumerations.values()) for value in e.values}

    def domain(self, sort: str) -> tuple[str, ...]:
        """Return the values of a finite sort (``set of V`` included), best first; empty for other sorts."""
        if sort.startswith("set of "):
            return subsets(self.domain(sort.removeprefix("set of ")))
        return self.enumerations[sort].values if sort in self.enumerations else ()

    # -------------------------------------------------------------------------------- declaring

    def declare(self, declaration: file_tree.Declaration) -> None:
        """Add a declaration."""
        match declaration:
            case file_tree.Role():
                self._role(declaration)
            case file_tree.Key():
                if self._claim(declaration.name, "a key family"):
                    self._family(declaration)
            case file_tree.Values():
                if self._claim(declaration.name, "a sort"):
                    self._values(declaration)
            case file_tree.Define():
                if self._claim(declaration.name, "a function"):
                    self.definitions[declaration.name.text] = declaration
            case file_tree.SizeConstant():
                if self._claim(declaration.name, "a size"):
                    self.sizes[declaration.name.text] = declaration.amount

    def _claim(self, name: flow_tree.Name, what: str) -> bool:
        taken = self.names.get(name.text)
        if taken is not None:
            self.report(rules.NAME_TAKEN, f"`{name.text}` is used by two things", name.span,
                        "give one of them another name", taken, "also declared here")  # fmt: skip
            return False
        if name.text in PRIMITIVES and what == "a function":
            self.report(rules.NAME_TAKEN, f"`{name.text}` is a primitive of the language", name.span,
                        "choose another name")  # fmt: skip
            return False
        self.names[name.text] = name.span
        return True

    def _role(self, role: file_tree.Role) -> None:
        known = self.roles.get(role.name.text)
        if known is None and not self._claim(role.name, "a role"):
            return
        parts: dict[str, list[Var]] = {
            "is": list(known.own) if known else [],
            "given": list(known.given) if known else [],
            "hosts": list(known.hosts) if known else [],
        }
        for part in role.parts:
            for parameter in part.parameters:
                if parameter.sort is not None and parameter.sort.name.text != NAME:
                    self.report(rules.PARAMETER_SORT, f"`{parameter.name.text}` is not a Name", parameter.span,
                                "let the role pick the value: `R picks v: V`")  # fmt: skip
                parts[part.kind].append(Var(parameter.name.text, NAME))
        self.roles[role.name.text] = Role(
            role.name.text, tuple(parts["is"]), tuple(parts["given"]), tuple(parts["hosts"]), role.span
        )

    def _family(self, key: file_tree.Key) -> None:
        for index in key.index:
            if index.text != NAME:
                self.report(rules.UNKNOWN_SORT, f"a key is indexed by names, not by `{index.text}`", index.span,
                            "write `Name`")  # fmt: skip
        self.check_sort(key.sort, FRESH_SORTS)
        self.families[key.name.text] = Family(
            key.name.text, len(key.index), key.sort.text, key.kind, tuple(h.text for h in key.holders), key.span
        )

    def _values(self, values: file_tree.Values) -> None:
        for value in values.values:
            self._claim(value, "a value")
        self.enumerations[values.name.text] = Enumeration(
            values.name.text, tuple(value.text for value in values.values), values.span
        )

    def check_sort(self, name: flow_tree.Name, candidates: Iterable[str]) -> bool:
        """Return whether a sort exists among ``candidates``; report it if not."""
        known = tuple(candidates)
        if name.text in known:
            return True
        self.report(rules.UNKNOWN_SORT, f"there is no sort `{name.text}` here", name.span,
                    did_you_mean(name.text, known) or f"the sorts are {', '.join(known)}")  # fmt: skip
        return False
