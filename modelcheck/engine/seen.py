"""What the attacker has of two systems: pairs of terms, taken apart and built side by side until something tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product as combinations

from modelcheck.protocol.model import Family
from modelcheck.protocol.terms import (
    ANYTHING,
    NAME,
    App,
    Const,
    Key,
    Term,
    Var,
    rebuild,
    replace,
    show,
    sort_of,
    subterms,
)
from modelcheck.protocol.theory import (
    DISHONEST,
    FRESH_SORTS,
    Recipe,
    is_data,
    is_weak,
    match,
    openings,
    product,
    recipes,
)

ATTACKER = "the attacker's"
"""The fresh value of each sort that the attacker makes."""

Pair = tuple[Term, Term]

Saying = tuple[str | Term, ...]
"""A sentence with terms in it."""

Weakness = frozenset[str | Term]


@dataclass(frozen=True, slots=True)
class Opening:
    """Something that the attacker opened on both sides: the term, the keys, what it found."""

    source: Pair
    keys: tuple[Pair, ...]
    content: Pair


class Different(Exception):
    """Something is seen on one side only; the arguments are what is seen on the left and on the right (:data:`Saying`)."""

    def __init__(self, left: Saying, right: Saying, trail: Sequence[Opening] = ()) -> None:
        """``trail`` is what was opened to get there."""
        super().__init__(left, right)
        self.trail = tuple(trail)


def spelled(saying: Saying, name: Callable[[Term], str] = lambda term: f"`{brief(term)}`") -> str:
    """Return a sentence, its terms by their names."""
    return "".join(part if isinstance(part, str) else name(part) for part in saying)


class Seen:
    """What the attacker has on both sides, taken apart; making one raises :class:`Different` if that tells them apart."""

    def __init__(
        self, pairs: Sequence[Pair], families: Mapping[str, Family], weak: Weakness = frozenset(),
        there: Weakness | None = None,
    ) -> None:  # fmt: skip
        """``weak`` are primitives, and terms in which one is weak, on the left; ``there`` on the right if others are."""
        self.families, self.weak = families, weak
        self.there = weak if there is None else there
        self.pairs: dict[Pair, None] = {}
        self.rights: dict[Term, dict[Term, None]] = {}
        self.memo: dict[Term, dict[Term, None]] = {}
        self.came: dict[Pair, Opening | Pair] = {}
        """How a pair was found: by an opening, or as a part of another."""
        self._add(pairs)
        before = -1
        while before != len(self.pairs):
            before = len(self.pairs)
            self.memo.clear()
            for left, right in list(self.pairs):
                self._take_apart(left, right)
        # Small terms say most, and the parts of a message are compared by themselves.
        for left, right in sorted(self.pairs, key=lambda pair: sum(1 for _ in subterms(pair[0]))):
            for other in () if isinstance(left, App) and is_data(left.function) else self.beside(left):
                if other is not right:
                    raise Different(("the attacker finds ", left, " equal to what it can build"),
                                    ("there it builds ", other, " and finds ", right),
                                    self._trail((left, right)))  # fmt: skip

    def _add(self, pairs: Iterable[Pair], source: Pair | None = None, keys: tuple[Pair, ...] = ()) -> None:
        for pair in pairs:
            if source is not None and pair not in self.pairs:
                readable = is_data(source[0].fields[0]) or source[0].fields[0] == "sign"
                self.came[pair] = source if readable else Opening(source, keys, pair)
            self.pairs[pair] = None
            self.rights.setdefault(pair[0], {})[pair[1]] = None

    def _trail(self, pair: Pair) -> list[Opening]:
        """Return what was opened to find a pair, outer layers first."""
        found: list[Opening] = []
        while pair in self.came:
            way = self.came[pair]
            if isinstance(way, Opening):
                found.append(way)
            pair = way.source if isinstance(way, Opening) else way
        return found[::-1]

    def _take_apart(self, left: Term, right: Term) -> None:
        if isinstance(left, App) and is_data(left.function):
            if not isinstance(right, App) or (left.function, len(left.arguments)) != (
                right.function,
                len(right.arguments),
            ):
                raise Different(("a message ", left), ("a message ", right))
            self._add(zip(left.arguments, right.arguments, strict=True), (left, right))
            return
        if isinstance(left, App) and left.function == "sign":
            for public in self.beside(App("pk", left.arguments[:1])):
                if not isinstance(right, App) or App("pk", right.arguments[:1]) is not public:
                    raise Different(
                        (left, " verifies with ", App("pk", left.arguments[:1])),
                        (right, " does not verify with ", public), self._trail((left, right)))  # fmt: skip
        for needs, content, opening in openings(left, self.weak):
            for keys in combinations(*(tuple(self.beside(need)) for need in needs)):
                found = [other for other in openings(right, self.there) if other[2] is opening and other[0] == keys]
                if not found:
                    who, other = _list(needs) or ("the attacker",), _list(keys) or ("the attacker",)
                    raise Different((*who, " opens ", left), (*other, " does not open ", right),
                                    self._trail((left, right)))  # fmt: skip
                self._add([(content, found[0][1])], (left, right), tuple(zip(needs, keys, strict=True)))

    def beside(self, left: Term) -> dict[Term, None]:
        """Return what the attacker has in the right system where it has ``left`` in the left one."""
        if left not in self.memo:
            self.memo[left] = {}
            self.memo[left] = dict.fromkeys(self._beside(left))
        return self.memo[left]

    def _beside(self, left: Term) -> Iterator[Term]:
        yield from list(self.rights.get(left, ()))
        match left:
            case Const(value, sort) if sort not in FRESH_SORTS or value == ATTACKER:
                yield left
            case Key(_, _, arguments) if Const(DISHONEST, NAME) in arguments:
                if not self.families[left.family].holders:
                    yield left
            case App("pk" | "g", (Key(family, _, _),)) if self.families[family].public:
                yield left
            case App("id", (Key(),)):
                # Identities are public, and so are all names.
                yield left
            case App("hash") if "hash" in self.weak:
                yield left
            case App("sign", (key, content)) if "hash" in self.weak:
                yield from self._moved(key, content)
        for needs, recipe in recipes(left, self.weak):
            for parts in combinations(*(tuple(self.beside(need)) for need in needs)):
                yield self._built(left, parts, recipe)

    def _built(self, left: Term, parts: tuple[Term, ...], recipe: Recipe | None) -> Term:
        """Return what a way of building ``left`` gives from the parts of the right system; rubbish if it does not fit them."""
        assert isinstance(left, App)
        if recipe is None:
            return App(left.function, parts)
        bound: dict[Var, Term] = {}
        if all(match(need, part, bound) for need, part in zip(recipe.needs, parts, strict=True)):
            built = ground(recipe.gives, bound, ())
            if not recipe.weak or is_weak(recipe.weak, built, self.there):
                return built
        return App(f"rubbish from {left.function}", parts)

    def _moved(self, key: Term, content: Term) -> Iterator[Term]:
        """Yield signatures moved to another message: a colliding hash makes each of a key fit all that the attacker has."""
        for left, right in list(self.pairs):
            if isinstance(left, App) and left.function == "sign" and left.arguments[0] is key:
                match right:
                    case App("sign", (by, _)):
                        yield from (App("sign", (by, other)) for other in self.beside(content))
                    case _:
                        yield from (App("rubbish from sign", (right, other)) for other in self.beside(content))


def fillings(term: Term, seen: Seen) -> Iterator[Term]:
    """Yield messages of a shape: something of the attacker's, or what it was given, wherever anything may stand."""
    if not any(part is ANYTHING for part in subterms(term)):
        yield term
    elif isinstance(term, App) and is_data(term.function):
        for parts in combinations(*(tuple(fillings(part, seen)) for part in term.arguments)):
            yield App(term.function, parts)
    else:
        yield from (left for left, _ in list(seen.pairs) if term is not ANYTHING and fit(term, left, {}) is not None)
        yield filled(term)


def filled(term: Term) -> Term:
    """Return a term with something of the attacker's wherever anything may stand."""
    if term is ANYTHING:
        return Const(ATTACKER, "Opaque")
    return App(term.function, tuple(map(filled, term.arguments))) if isinstance(term, App) else term


def ground(term: Term, values: Mapping[Var, Term], unordered: Collection[str]) -> Term:
    """Return a term with values put in, exponents of shared secrets and ``unordered`` names of keys in one order."""
    done: dict[Term, Term] = {}

    def go(part: Term) -> Term:
        if part not in done:
            inside = rebuild(part, go)
            if isinstance(inside, App) and inside.function == "dh" and not inside.variables:
                inside = product(*inside.arguments)
            elif isinstance(inside, Key) and inside.family in unordered and not inside.variables:
                inside = Key(inside.family, inside.sort, tuple(sorted(inside.arguments, key=show)))
            done[part] = inside
        return done[part]

    return go(replace(term, values))


def fit(expected: Term, found: Term, bound: dict[Var, Term]) -> dict[Var, Term] | None:
    """Return what the variables of a pattern are in a message, None if the message does not have that shape.

    Opaque values may be anything: a role cannot look into them.
    """
    if expected is ANYTHING or expected is found:
        return bound
    if isinstance(expected, Var):
        if expected in bound:
            return bound if bound[expected] is found else None
        return {**bound, expected: found} if expected.sort in (sort_of(found), "Opaque") else None
    if not isinstance(expected, App | Key) or type(expected) is not type(found) or not isinstance(found, App | Key):
        return None
    if expected.fields[0] != found.fields[0] or len(expected.arguments) != len(found.arguments):
        return None
    orders = [found.arguments, found.arguments[::-1]] if expected.fields[0] == "dh" else [found.arguments]
    for order in orders:
        result: dict[Var, Term] | None = bound
        for one, other in zip(expected.arguments, order, strict=True):
            result = fit(one, other, result) if result is not None else None
        if result is not None:
            return result
    return None


def _list(terms: Sequence[Term]) -> Saying:
    """Return terms with what stands between them in a sentence."""
    return tuple(part for at, term in enumerate(terms) for part in ((" and ", term) if at else (term,)))


def brief(term: Term) -> str:
    return shortened(show(term))


def shortened(text: str) -> str:
    """Return a text of at most 70 characters."""
    return text if len(text) <= 70 else text[:67] + "..."
