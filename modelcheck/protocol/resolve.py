"""Syntax trees to typed protocols: variants applied, chains of `continues` and `after` followed, claims resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from modelcheck import rules
from modelcheck.diagnostics import Diagnostic, Label, SpecRejected, did_you_mean, in_source_order
from modelcheck.protocol.claims import ClaimResolver, transcript_ranges, with_keys
from modelcheck.protocol.edits import Editor
from modelcheck.protocol.inherited import Stored, recalled_value, with_families
from modelcheck.protocol.model import Claim, Family, Protocol, Written
from modelcheck.protocol.scope import Scope
from modelcheck.protocol.terms import Var, sort_of
from modelcheck.protocol.unfold import unfold
from modelcheck.source import Span
from modelcheck.syntax import claim_tree, file_tree, flow_tree


@dataclass(frozen=True, slots=True)
class _Flat:
    """A protocol's tree with its variant edits applied: what it is made of, before names are resolved."""

    item: file_tree.Protocol | file_tree.Variant | file_tree.Composition
    headers: tuple[file_tree.Header, ...]
    declarations: tuple[file_tree.Declaration, ...]
    statements: tuple[flow_tree.Statement, ...]
    base_claims: dict[str, claim_tree.Claim]


class Resolver:
    """Resolves the protocols of a set of files against each other."""

    def __init__(self, files: Iterable[file_tree.File]) -> None:
        """Take the files; every protocol may name every other, wherever it stands."""
        self.items: dict[str, file_tree.Protocol | file_tree.Variant | file_tree.Composition] = {}
        self.found: list[Diagnostic] = []
        self.done: dict[str, Protocol | None] = {}
        self._flat: dict[str, _Flat | None] = {}
        self._open: list[str] = []
        for file in files:
            for item in file.items:
                if not isinstance(item, file_tree.Include):
                    self._register(item)

    def _register(self, item: file_tree.Protocol | file_tree.Variant | file_tree.Composition) -> None:
        known = self.items.get(item.name.text)
        if known is not None:
            self.found.append(Diagnostic(
                rules.NAME_TAKEN, f"there are two protocols `{item.name.text}`", Label(item.name.span),
                (Label(known.name.span, "the other one"),), "give one of them another name"))  # fmt: skip
        else:
            self.items[item.name.text] = item

    def all(self) -> tuple[Protocol, ...]:
        """Return every protocol; raise SpecRejected with all findings if there are any."""
        resolved = [self.protocol(name) for name in self.items]
        if self.found:
            raise SpecRejected(in_source_order(self.found))
        return tuple(protocol for protocol in resolved if protocol is not None)

    # -------------------------------------------------------------------------------- names of protocols

    def find(self, name: flow_tree.Name) -> bool:
        """Return whether there is a protocol of this name; report it if not, or if it leads back to itself."""
        if name.text not in self.items:
            self.found.append(Diagnostic(
                rules.UNKNOWN_PROTOCOL, f"there is no protocol `{name.text}`", Label(name.span), (),
                did_you_mean(name.text, self.items)
                or 'name its file: `include "..."`, or check the folder that holds it'))  # fmt: skip
            return False
        if name.text in self._open:
            chain = " -> ".join([*self._open[self._open.index(name.text) :], name.text])
            self.found.append(Diagnostic(
                rules.PROTOCOL_CYCLE, f"`{name.text}` is built from itself: {chain}", Label(name.span), (),
                "let one of them stand on its own"))  # fmt: skip
            return False
        return True

    def flat(self, name: str) -> _Flat | None:
        """Return a protocol's tree with variant edits applied."""
        if name not in self._flat:
            self._open.append(name)
            self._flat[name] = self._flatten(self.items[name])
            self._open.pop()
        return self._flat[name]

    def _flatten(self, item: file_tree.Protocol | file_tree.Variant | file_tree.Composition) -> _Flat | None:
        match item:
            case file_tree.Protocol():
                claims = {claim.name.text: claim for claim in item.claims}
                return _Flat(item, item.headers, item.declarations, item.statements, claims)
            case file_tree.Composition():
                return _Flat(item, item.headers, (), (), {})
            case file_tree.Variant():
                base = self.flat(item.base.text) if self.find(item.base) else None
                if base is None:
                    return None
                body = file_tree.Protocol(
                    item.name, item.title, base.headers, base.declarations, base.statements, (), item.span
                )
                editor = Editor(body)
                for edit in item.edits:
                    editor.apply(edit)
                self.found += editor.found
                headers = (*base.headers, *item.headers)
                claims = {**base.base_claims, **{c.name.text: c for c in item.claims if c.property is not None}}
                return _Flat(item, headers, editor.declarations, editor.statements, claims)

    # -------------------------------------------------------------------------------- one protocol

    def protocol(self, name: str) -> Protocol | None:
        """Return a resolved protocol, None if it has mistakes."""
        if name not in self.done:
            self._open.append(name)
            before = len(self.found)
            protocol = self._resolve(name)
            self.done[name] = protocol if len(self.found) == before else None
            self._open.pop()
        return self.done[name]

    def _resolve(self, name: str) -> Protocol | None:
        self._open.pop()
        flat = self.flat(name)
        self._open.append(name)
        if flat is None:
            return None
        if isinstance(flat.item, file_tree.Composition):
            return self._compose(flat.item)
        chain = self._chain(flat)
        beside = [p for one in chain for n in self._after(one) if (p := self._other(n)) is not None]
        scope = Scope()
        for declaration in (d for one in chain for d in one.declarations):
            scope.declare(declaration)
        for other in beside:
            self._inherit(scope, other)
        statements = tuple(s for one in chain for s in one.statements)
        written = self._claims(flat)
        ranges = [
            (r.first.text, r.last.text, r.span)
            for r in transcript_ranges(one for pair in written for one in pair if one is not None)
        ]
        paths = unfold(scope, statements, _records(scope, beside), flat.item.span, ranges)
        protocol = Protocol(
            name, flat.item.title, _sources(flat), tuple(scope.roles.values()), tuple(scope.families.values()),
            tuple(scope.enumerations.values()), paths, (), tuple(beside), flat.item.name.span,
            tuple(one.item.name.text for one in chain[:-1]),
            tuple(Written(one.item.name.text, one.declarations, one.statements) for one in chain))  # fmt: skip
        self.found += dict.fromkeys(scope.found)
        if scope.found:
            return None
        return self._with_claims(scope, protocol, written)

    def _with_claims(
        self, scope: Scope, protocol: Protocol, written: Sequence[tuple[claim_tree.Claim, claim_tree.Claim | None]]
    ) -> Protocol:
        resolver = ClaimResolver(scope, protocol)
        claims = tuple(c for claim, base in written if (c := resolver.claim(claim, base)) is not None)
        names: dict[str, claim_tree.Claim] = {}
        for claim, _ in written:
            if claim.name.text in names:
                scope.report(rules.NAME_TAKEN, f"there are two claims `{claim.name.text}`", claim.name.span,
                             "give one of them another name", names[claim.name.text].name.span, "the other one")  # fmt: skip
            names[claim.name.text] = claim
        self.found += dict.fromkeys(scope.found)
        families = {f.name: f for f in (*protocol.families, *(f for p in protocol.beside for f in p.families))}
        beside = tuple(_keyed(other, claims, families) for other in protocol.beside)
        return replace(protocol, paths=with_keys(protocol.paths, claims, families), claims=claims, beside=beside)

    def _claims(self, flat: _Flat) -> list[tuple[claim_tree.Claim, claim_tree.Claim | None]]:
        base = {}
        if isinstance(flat.item, file_tree.Variant):
            parent = self.flat(flat.item.base.text)
            base = parent.base_claims if parent is not None else {}
        return [(claim, base.get(claim.name.text)) for claim in flat.item.claims]

    def _chain(self, flat: _Flat) -> list[_Flat]:
        """Return the protocols whose sessions go on in this one, oldest first."""
        result = [flat]
        for header in flat.headers:
            if isinstance(header, file_tree.Continues) and self.find(header.name):
                self._open.append(header.name.text)
                inner = self.flat(header.name.text) if self._open.count(header.name.text) == 1 else None
                if inner is not None:
                    result = [*self._chain(inner), *result]
                self._open.pop()
        return result

    def _after(self, flat: _Flat) -> list[flow_tree.Name]:
        return [n for header in flat.headers if isinstance(header, file_tree.After) for n in header.names]

    def _other(self, name: flow_tree.Name) -> Protocol | None:
        return self.protocol(name.text) if self.find(name) else None

    def _inherit(self, scope: Scope, other: Protocol) -> None:
        """Make the keys and finite sorts of a protocol beside this one known; one name means the same in both."""
        for one in other.with_beside():
            for family in one.families:
                if scope.families.setdefault(family.name, family) != family:
                    self._differs(scope, family.name, scope.families[family.name].span, family.span)
            for enumeration in one.enumerations:
                if scope.enumerations.setdefault(enumeration.name, enumeration) != enumeration:
                    self._differs(scope, enumeration.name, scope.enumerations[enumeration.name].span, enumeration.span)

    @staticmethod
    def _differs(scope: Scope, name: str, here: Span, there: Span) -> None:
        scope.report(rules.NAME_TAKEN, f"`{name}` is declared in two ways by protocols that run side by side", here,
                     "declare it alike, or give one of them another name", there, "and here")  # fmt: skip

    def _compose(self, item: file_tree.Composition) -> Protocol | None:
        parts = [p for name in item.of if (p := self._other(name)) is not None]
        if len(parts) != len(item.of):
            return None
        scope = Scope()
        for family in item.sharing:
            if not all(any(f.name == family.text for f in part.families) for part in parts):
                scope.report(rules.NOT_SHARED, f"not every part has a key family `{family.text}`", family.span,
                             "share a family that all parts declare")  # fmt: skip
        shared = {name.text for name in item.sharing}
        parts = [_with_private_keys(part, _private_names(part, shared)) for part in parts]
        for part in parts:
            self._inherit(scope, part)
        families = {f.name: f for part in parts for f in part.families}
        protocol = Protocol(item.name.text, item.title, _headers_sources(item.headers), (), tuple(families.values()),
                            tuple(scope.enumerations.values()), (), (), tuple(parts), item.name.span)  # fmt: skip
        return self._with_claims(scope, protocol, [(claim, None) for claim in item.claims])


def _private_names(part: Protocol, shared: set[str]) -> dict[str, str]:
    """Return names for the key families that a part of a composition does not share: those of who declares them first."""
    declared: dict[str, str] = {}
    for one in part.with_beside():  # the earlier protocols come later here
        for family in one.families:
            declared[family.name] = one.name
    return {family: f"{owner}.{family}" for family, owner in declared.items() if family not in shared}


def _with_private_keys(part: Protocol, names: Mapping[str, str]) -> Protocol:
    """Return a part of a composition, with all beside it, whose key families have names of their own."""
    if not names:
        return part
    return replace(
        part,
        families=tuple(replace(f, name=names.get(f.name, f.name)) for f in part.families),
        paths=tuple(with_families(path, names) for path in part.paths),
        beside=tuple(_with_private_keys(other, names) for other in part.beside),
    )


def _keyed(protocol: Protocol, claims: Sequence[Claim], families: dict[str, Family]) -> Protocol:
    return replace(
        protocol,
        paths=with_keys(protocol.paths, claims, families),
        beside=tuple(_keyed(other, claims, families) for other in protocol.beside),
    )


def _records(scope: Scope, beside: Sequence[Protocol]) -> dict[str, Stored]:
    """Return what the roles of earlier protocols keep, as it reads in a later one.

    A value of a finite sort may be another one on each path, so it is a variable; other values have one sort on all.
    """
    records: dict[str, Stored] = {}
    for protocol in beside:
        for path in protocol.paths:
            for name, value in path.stored.items():
                sort = sort_of(value)
                kept = Var(name, sort) if sort is not None and scope.domain(sort) else value
                known = records.setdefault(name, Stored(recalled_value(kept, dict(path.stored), protocol.name)))
                if sort_of(known.value) != sort:
                    scope.report(
                        rules.KEPT_IN_TWO_FORMATS, f"`{name}` is kept in two formats", protocol.span,
                        "keep the values of different branches under different names")  # fmt: skip
    return records


def _sources(flat: _Flat) -> tuple[tuple[str, ...], ...]:
    return _headers_sources(flat.headers)


def _headers_sources(headers: Iterable[file_tree.Header]) -> tuple[tuple[str, ...], ...]:
    return tuple(header.texts for header in headers if isinstance(header, file_tree.Source))
