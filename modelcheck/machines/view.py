"""What one role knows on one path: honest terms, and the role's own view of each.

The *honest* term is what the flow says; the *view* is what the role has in its hands when the network is hostile: each
leaf that it cannot tie to something it knows is a variable of its own. A role ties what it can: it compares constants
and values it holds, rebuilds hashes and MACs, opens what it has the key for, verifies signatures, and does so later if
the key comes later (Alice-and-Bob semantics: Caleiro, Vigano, Basin 2006; Almousa, Moedersheim, Vigano 2015).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from modelcheck.protocol.model import Family, Role
from modelcheck.protocol.terms import (
    LABEL,
    App,
    Const,
    Key,
    Term,
    Var,
    exchange,
    is_stored,
    rebuild,
    replace,
    sort_of,
    substitute,
)
from modelcheck.protocol.theory import OPENINGS, SCHEMATIC, Opening, is_data, match, recipes

LARGEST_OPAQUE = 4000
"""Leaves that an unopened part may have; more is refused, for each becomes a variable of the role."""


class Contradiction(Exception):
    """A comparison that can never succeed: the role does not get past this step."""


class TooLarge(Exception):
    """An unopened part has too many leaves to be given a pattern."""


class View:
    """The knowledge of one role on one path, growing as the role goes on."""

    __slots__ = ("_cache", "_names", "_pending", "families", "known", "meant", "order", "role", "swapped")

    def __init__(
        self, role: Role, families: Mapping[str, Family], meant: Mapping[Var, Term], made: Iterable[Var] = ()
    ) -> None:  # fmt: skip
        """Start with the role's own names, the names it was told, and the keys that follow from those.

        ``meant`` gives, for the parts of fields that only others take unchecked, what their sender put there; ``made`` are
        the values that the role creates on any path.
        """
        self.role = role
        self.meant = meant
        self.swapped: Mapping[Term, Term] = {}
        self.families = families
        self.known: dict[Term, Term] = {}
        self.order: list[Var] = []
        # What a role creates is fixed for its session; what it learns of that name, perhaps on another path, is not.
        self._names = {variable.name: 1 for variable in made}
        self._pending: list[tuple[Term, Term]] = []
        self._cache: dict[Term, Term | None] = {}
        for name in role.parameters:
            self.learn(name)

    def copy(self) -> View:
        """Return a snapshot that later changes do not affect."""
        twin = object.__new__(View)
        twin.role, twin.families, twin.meant = self.role, self.families, self.meant
        twin.known, twin.order = dict(self.known), list(self.order)
        twin.swapped = self.swapped
        twin._names, twin._pending = dict(self._names), list(self._pending)
        twin._cache = dict(self._cache)
        return twin

    # -------------------------------------------------------------------------------- growing

    def create(self, variable: Var) -> Var:
        """Return the role's variable for a value that it creates."""
        self.order.append(variable)
        self._add(variable, variable)
        return variable

    def learn(self, variable: Var) -> Var:
        """Return the role's variable for a value that it picks or learns under its own name."""
        own = self._fresh(variable)
        self._add(variable, own)
        return own

    def receive(self, honest: Term, sealed: tuple[Term, ...] = ()) -> tuple[Term, list[tuple[Term, Term]]]:
        """Return the pattern of a received message and the comparisons with what was bound before.

        Raises :class:`Contradiction` if no message passes the checks, :class:`TooLarge` if a part is too large.
        """
        before = len(self.order)
        mapping: dict[Var, Term] = {}
        pattern = self._absorb(honest, frozenset(sealed), mapping)
        self._settle(mapping)
        old = set(self.order[:before])
        late: list[tuple[Term, Term]] = [(v, substitute(term, mapping)) for v, term in mapping.items() if v in old]
        self._forget(mapping)
        return substitute(pattern, mapping), late

    def settle(self) -> list[tuple[Term, Term]]:
        """Return the comparisons that have become possible, after carrying them out."""
        mapping: dict[Var, Term] = {}
        self._settle(mapping)
        late: list[tuple[Term, Term]] = [(v, substitute(term, mapping)) for v, term in mapping.items()]
        self._forget(mapping)
        return late

    def equate(self, left: Term, right: Term) -> list[tuple[Term, Term]]:
        """Return the comparisons that make two of the role's own terms equal, after carrying them out."""
        mapping: dict[Var, Term] = {}
        self._unify(left, right, mapping)
        late: list[tuple[Term, Term]] = [(v, substitute(term, mapping)) for v, term in mapping.items()]
        self._forget(mapping)
        return late

    def _forget(self, mapping: dict[Var, Term]) -> None:
        """Replace variables that turned out to equal something else, everywhere."""
        if mapping:
            self.known = {honest: substitute(own, mapping) for honest, own in self.known.items()}
            self._pending = [(honest, substitute(own, mapping)) for honest, own in self._pending]
            self.order = [variable for variable in self.order if variable not in mapping]
            self._cache.clear()

    def _add(self, honest: Term, own: Term) -> None:
        self.known[honest] = own
        self._cache.clear()

    def _fresh(self, variable: Var) -> Var:
        count = self._names.get(variable.name, 0) + 1
        self._names[variable.name] = count
        own = variable if count == 1 else Var(f"{variable.name}~{count}", variable.sort)
        self.order.append(own)
        return own

    # -------------------------------------------------------------------------------- reading a message

    def _absorb(self, honest: Term, sealed: frozenset[Term], mapping: dict[Var, Term]) -> Term:
        """Return the role's view of a received part, learning what it can."""
        own = None if _holds_sealed(honest, sealed) else self._composed_now(honest, mapping)
        if own is not None:
            return own
        match honest:
            case Var():
                return self.learn(honest)
            case App(function, _) if is_data(function):
                return rebuild(honest, lambda part: self._absorb(part, sealed, mapping))
            case _ if is_stored(honest):
                return self.learn_stored(honest)
        opaque = self._opaque(honest, [LARGEST_OPAQUE])
        self._tie(honest, opaque, sealed, mapping)
        return opaque

    def learn_stored(self, honest: Term) -> Var:
        """Return the role's variable for a stored value that it takes as it is."""
        sort = sort_of(honest)
        assert sort is not None
        own = self._fresh(Var(sort.removeprefix("stored "), sort))
        self._add(honest, own)
        return own

    def _opaque(self, honest: Term, left: list[int]) -> Term:
        """Return a term of the same shape whose leaves are all new variables; text literals stay, they are format."""
        left[0] -= 1
        if left[0] < 0:
            raise TooLarge
        match honest:
            case Var():
                return self._fresh(honest)
            case Const(_, sort):
                return honest if sort in (LABEL, "absent field") else self._fresh(Var("value", sort))
            case App(marker, _) if is_stored(honest):
                return self._fresh(Var(marker.removeprefix("stored "), marker))
            case _:
                return rebuild(honest, lambda part: self._opaque(part, left))

    def _tie(self, honest: Term, own: Term, sealed: frozenset[Term], mapping: dict[Var, Term]) -> None:
        """Relate a part the role has in its hands to the honest term: compare, open, verify, or keep for later."""
        known = None if _holds_sealed(honest, sealed) else self._composed_now(honest, mapping)
        if known is not None:
            self._unify(own, known, mapping)
            return
        if isinstance(honest, App) and is_data(honest.function):
            own = substitute(own, mapping)
            assert isinstance(own, App)
            for part, view in zip(honest.arguments, own.arguments, strict=True):
                self._tie(part, view, sealed, mapping)
            return
        self._add(honest, own)
        if sort_of(honest) is None and honest not in sealed and not self._open(honest, own, sealed, mapping):
            self._pending.append((honest, own))

    def _open(self, honest: Term, own: Term, sealed: frozenset[Term], mapping: dict[Var, Term]) -> bool:
        """Return whether the role can open ``honest`` now; if so, tie the keys and the content."""
        for opening, inside in _matching(honest):
            needs = [fill(need, inside) for need in (*opening.needs, *opening.role_needs)]
            self._learn_index(needs, substitute(own, mapping), opening, mapping)
            keys = [self._composed_now(need, mapping) for need in needs]
            if any(key is None for key in keys):
                continue
            shape: dict[Var, Term] = {}
            assert match(opening.sealed, substitute(own, mapping), shape)
            for need, key in zip((*opening.needs, *opening.role_needs), keys, strict=True):
                assert key is not None
                self._unify(fill(need, shape), key, mapping)
            if opening.gives is not None:
                self._tie(fill(opening.gives, inside), fill(opening.gives, shape), sealed, mapping)
            return True
        return False

    def _learn_index(self, needs: list[Term], own: Term, opening: Opening, mapping: dict[Var, Term]) -> None:
        """A key that the role holds for any partner opens the message: the partner's name is learned from it."""
        shape: dict[Var, Term] = {}
        if not match(opening.sealed, own, shape):
            return
        for need, schema in zip(needs, (*opening.needs, *opening.role_needs), strict=True):
            view = fill(schema, shape)
            if isinstance(need, Key) and isinstance(view, Key) and self.holds(need) and self.compose(need) is None:
                for name, part in zip(need.arguments, view.arguments, strict=True):
                    known = self.compose(name)
                    if known is None:
                        self._add(name, part)
                    else:
                        self._unify(part, known, mapping)

    def _composed_now(self, honest: Term, mapping: dict[Var, Term]) -> Term | None:
        """Return the view of ``honest`` while comparisons of the current message are still being made."""
        if mapping:
            self.known = {term: substitute(own, mapping) for term, own in self.known.items()}
            self._cache.clear()
        return self.compose(honest)

    def _settle(self, mapping: dict[Var, Term]) -> None:
        """Compare and open whatever has become possible, until nothing more is."""
        progress = True
        while progress:
            progress = False
            for item in list(self._pending):
                honest, own = item
                rebuilt = self._rebuild(honest, {})
                if rebuilt is not None:
                    self._unify(own, rebuilt, mapping)
                elif not self._open(honest, own, frozenset(), mapping):
                    continue
                self._pending.remove(item)
                progress = True

    def _unify(self, left: Term, right: Term, mapping: dict[Var, Term]) -> None:
        """Make two of the role's terms equal; of two variables the younger is replaced by the older."""
        left, right = substitute(left, mapping), substitute(right, mapping)
        if left is right:
            return
        if isinstance(left, Var) and isinstance(right, Var) and left.sort == right.sort:
            older, younger = sorted((left, right), key=self.order.index)
            mapping[younger] = older
        elif isinstance(left, Var) and sort_of(right) == left.sort and left not in right.variables:
            mapping[left] = right
        elif isinstance(right, Var) and sort_of(left) == right.sort and right not in left.variables:
            mapping[right] = left
        elif isinstance(left, App | Key) and type(left) is type(right) and left.fields[0] == right.fields[0]:
            assert isinstance(right, App | Key)
            if len(left.arguments) != len(right.arguments):
                raise Contradiction
            for one, other in zip(left.arguments, right.arguments, strict=True):
                self._unify(one, other, mapping)
        else:
            raise Contradiction
        self._cache.clear()

    # -------------------------------------------------------------------------------- building

    def of(self, honest: Term) -> Term | None:
        """Return the role's view of a term of the flow if the role can build it or has it, else None."""
        own = self.compose(replace(honest, self.meant))
        return exchange(own, self.swapped) if own is not None and self.swapped else own

    def trace(self, honest: Term) -> Term | None:
        """Return the view of ``honest``, or of a secret of which the role has only the public half: that pins it too."""
        own = self.of(honest)
        if own is None and isinstance(honest, Var):
            for half in ("g", "pk"):
                public = self.of(App(half, (honest,)))
                if isinstance(public, App) and public.function == half:
                    return public.arguments[0]
        return own

    def compose(self, honest: Term) -> Term | None:
        """Return the role's view of ``honest`` if it can build or has it, else None."""
        return self._compose(honest, self._cache)

    def _compose(self, honest: Term, memo: dict[Term, Term | None]) -> Term | None:
        if honest in memo:
            return memo[honest]
        own = self.known.get(honest)
        if own is None:
            own = self._rebuild(honest, memo)
        memo[honest] = own
        return own

    def _rebuild(self, honest: Term, memo: dict[Term, Term | None]) -> Term | None:
        """Return the view of ``honest`` made from its parts, or by another recipe, not looking at ``honest`` itself."""
        match honest:
            case Const():
                return honest
            case Var():
                return None
            case Key(family, sort, arguments):
                own = self._all(arguments, memo)
                return Key(family, sort, own) if own is not None and self.holds(honest) else None
            case App("pk", (Key(family, sort, arguments),)) if self.families[family].public:
                own = self._all(arguments, memo)
                return App("pk", (Key(family, sort, own),)) if own is not None else None
            case App("g", (Key(family, sort, arguments),)) if self.families[family].public:
                own = self._all(arguments, memo)
                return App("g", (Key(family, sort, own),)) if own is not None else None
            case App("id", (Key(family, sort, arguments),)) if self._all(arguments, memo) is not None:
                own = self._all(arguments, memo)
                assert own is not None
                return App("id", (Key(family, sort, own),))
        for schematic, recipe in recipes(honest):
            needs = self._filled(schematic)
            own = self._all(needs, memo)
            if own is None:
                continue
            if recipe is None:
                assert isinstance(honest, App)
                return App(honest.function, own)
            bound: dict[Var, Term] = {}
            if all(match(need, view, bound) for need, view in zip(recipe.needs, own, strict=True)):
                return fill(recipe.gives, bound)
        return None

    def _filled(self, needs: tuple[Term, ...]) -> tuple[Term, ...]:
        """Return a recipe's needs, parts that the result leaves open taken from something the role has."""
        if not any(SCHEMATIC in need.variables for need in needs):
            return needs
        for need in needs:
            for known in self.known:
                bound: dict[Var, Term] = {v: v for v in need.variables if v is not SCHEMATIC}
                if isinstance(need, App) and match(need, known, bound):
                    return tuple(fill(one, bound) for one in needs)
        return needs

    def _all(self, terms: tuple[Term, ...], memo: dict[Term, Term | None]) -> tuple[Term, ...] | None:
        views = []
        for term in terms:
            own = self._compose(term, memo)
            if own is None:
                return None
            views.append(own)
        return tuple(views)

    def holds(self, key: Term) -> bool:
        """Return whether this role holds a long-term key: one of its own or hosted names is in the key's index."""
        assert isinstance(key, Key)
        family = self.families[key.family]
        if family.holders:
            return self.role.name in family.holders
        return any(name in (*self.role.own, *self.role.hosts) for name in key.arguments)

    def missing(self, honest: Term) -> Term:
        """Return a smallest part of ``honest`` that the role would need and cannot build."""
        for needs, _ in recipes(honest):
            for need in needs:
                if self.compose(need) is None:
                    return self.missing(need)
        return honest


def _holds_sealed(honest: Term, sealed: frozenset[Term]) -> bool:
    """Return whether ``honest`` is, or has among its public parts, what stays closed here: no comparison opens it either."""
    if honest in sealed:
        return True
    return (
        isinstance(honest, App) and is_data(honest.function) and any(_holds_sealed(p, sealed) for p in honest.arguments)
    )


def _matching(honest: Term) -> Iterator[tuple[Opening, dict[Var, Term]]]:
    for opening in OPENINGS:
        bound: dict[Var, Term] = {}
        if not opening.weak and match(opening.sealed, honest, bound):
            yield opening, bound


def fill(schema: Term, bound: Mapping[Var, Term]) -> Term:
    """Return a recipe's schematic term with its variables replaced once by what they stand for."""
    match schema:
        case Var():
            return bound.get(schema, schema)
        case App(function, arguments):
            return App(function, tuple(fill(argument, bound) for argument in arguments))
        case _:
            return schema
