"""Message terms: typed variables, constants, long-term keys and applications, hash-consed.

Two structurally equal terms are the same object, so equality and hashing cost nothing however deeply transcripts
nest (a TLS 1.3 server Finished after two resumptions has tens of thousands of nodes as a tree, a hundred as a graph).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeAlias
from weakref import WeakValueDictionary

LABEL = "Label"
"""The sort of text literals and of the markers that a message format fixes."""

NAME = "Name"


class _Interned:
    """Base of all terms: construction returns the existing object with the same fields, if there is one."""

    __slots__ = ("__weakref__", "fields", "variables")
    _table: ClassVar[WeakValueDictionary[tuple[Any, ...], _Interned]] = WeakValueDictionary()
    fields: tuple[Any, ...]
    variables: tuple[Var, ...]

    def __new__(cls, *fields: Any) -> Any:
        key = (cls, *fields)
        found = _Interned._table.get(key)
        if found is None:
            found = object.__new__(cls)
            found.fields = fields
            found.variables = found._variables()
            _Interned._table[key] = found
        return found

    def _variables(self) -> tuple[Var, ...]:
        return ()

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), self.fields)

    def __repr__(self) -> str:
        return show(self)  # type: ignore[arg-type]


def _union(terms: Iterable[Term]) -> tuple[Var, ...]:
    return tuple(dict.fromkeys(variable for term in terms for variable in term.variables))


class Var(_Interned):
    """A leaf that differs from session to session: ``Var(name, sort)``."""

    __slots__ = ()
    __match_args__ = ("name", "sort")

    def __new__(cls, name: str, sort: str) -> Var:
        """Return the variable ``name`` of ``sort``."""
        return super().__new__(cls, name, sort)  # type: ignore[no-any-return]

    def _variables(self) -> tuple[Var, ...]:
        return (self,)

    @property
    def name(self) -> str:
        """The variable's name."""
        return self.fields[0]  # type: ignore[no-any-return]

    @property
    def sort(self) -> str:
        """The variable's sort."""
        return self.fields[1]  # type: ignore[no-any-return]


class Const(_Interned):
    """A constant everybody knows: a text literal, a value of an enumeration, a name: ``Const(value, sort)``."""

    __slots__ = ()
    __match_args__ = ("value", "sort")

    def __new__(cls, value: str, sort: str) -> Const:
        """Return the constant ``value`` of ``sort``."""
        return super().__new__(cls, value, sort)  # type: ignore[no-any-return]

    @property
    def value(self) -> str:
        """The constant's spelling."""
        return self.fields[0]  # type: ignore[no-any-return]

    @property
    def sort(self) -> str:
        """The constant's sort."""
        return self.fields[1]  # type: ignore[no-any-return]


class Key(_Interned):
    """The long-term key of a family for given names: ``Key(family, sort, arguments)``."""

    __slots__ = ()
    __match_args__ = ("family", "sort", "arguments")

    def __new__(cls, family: str, sort: str, arguments: tuple[Term, ...]) -> Key:
        """Return the key of ``family`` whose index is ``arguments``."""
        return super().__new__(cls, family, sort, arguments)  # type: ignore[no-any-return]

    def _variables(self) -> tuple[Var, ...]:
        return _union(self.arguments)

    @property
    def family(self) -> str:
        """The family's name."""
        return self.fields[0]  # type: ignore[no-any-return]

    @property
    def sort(self) -> str:
        """The sort of every key in the family."""
        return self.fields[1]  # type: ignore[no-any-return]

    @property
    def arguments(self) -> tuple[Term, ...]:
        """The names that select one key."""
        return self.fields[2]  # type: ignore[no-any-return]


class App(_Interned):
    """A function applied to arguments: ``App(function, arguments)``."""

    __slots__ = ()
    __match_args__ = ("function", "arguments")

    def __new__(cls, function: str, arguments: tuple[Term, ...]) -> App:
        """Return ``function(arguments)``."""
        return super().__new__(cls, function, arguments)  # type: ignore[no-any-return]

    def _variables(self) -> tuple[Var, ...]:
        return _union(self.arguments)

    @property
    def function(self) -> str:
        """The function's name."""
        return self.fields[0]  # type: ignore[no-any-return]

    @property
    def arguments(self) -> tuple[Term, ...]:
        """The arguments, in order."""
        return self.fields[1]  # type: ignore[no-any-return]


Term: TypeAlias = Var | Const | Key | App
Substitution: TypeAlias = Mapping[Var, Term]

MESSAGE = "message "
"""Prefix of the constructor of a named message: ``message ClientHello``."""

STORED = "stored "
"""Prefix of the marker around a value that a role keeps for later sessions: ``stored psk``."""

DH, G = "dh", "g"

TWO = "two"
"""The function of terms that are one thing in one of two systems and another in the other (:mod:`modelcheck.protocol.biterms`)."""

ANYTHING = Const("anything", "anything")
"""In a pattern: whatever stands here. It is equal to every term and binds nothing."""


def is_stored(term: Term) -> bool:
    """Return whether ``term`` is a value that a role keeps: it may stand where its sort's variable stands."""
    return isinstance(term, App) and term.function.startswith(STORED)


def sort_of(term: Term) -> str | None:
    """Return the sort of a leaf (a stored value counts as one, its sort is its marker), or None."""
    match term:
        case Var(_, sort) | Const(_, sort) | Key(_, sort, _):
            return sort
        case App(function, _) if function.startswith(STORED):
            return function
        case _:
            return None


def rebuild(term: Term, change: Callable[[Term], Term]) -> Term:
    """Return ``term`` with ``change`` applied to its direct arguments."""
    match term:
        case App(function, arguments):
            changed = tuple([change(argument) for argument in arguments])
            return term if changed == arguments else App(function, changed)
        case Key(family, sort, arguments):
            changed = tuple([change(argument) for argument in arguments])
            return term if changed == arguments else Key(family, sort, changed)
        case _:
            return term


def substitute(term: Term, mapping: Substitution) -> Term:
    """Return ``term`` with its variables replaced, repeatedly, by ``mapping`` (a triangular substitution)."""
    if not mapping:
        return term
    done: dict[Term, Term] = {}

    def go(part: Term) -> Term:
        found = done.get(part)
        if found is None:
            if isinstance(part, Var):
                bound = mapping.get(part)
                found = part if bound is None else go(bound)
            elif any(variable in mapping for variable in part.variables):
                found = rebuild(part, go)
            else:
                found = part
            done[part] = found
        return found

    return go(term)


def replace(term: Term, mapping: Substitution) -> Term:
    """Return ``term`` with its variables replaced once, all at the same time, by ``mapping`` (a renaming may permute)."""
    if not mapping:
        return term
    done: dict[Term, Term] = {}

    def go(part: Term) -> Term:
        found = done.get(part)
        if found is None:
            if isinstance(part, Var):
                found = mapping.get(part, part)
            elif any(variable in mapping for variable in part.variables):
                found = rebuild(part, go)
            else:
                found = part
            done[part] = found
        return found

    return go(term)


def exchange(term: Term, table: Mapping[Term, Term]) -> Term:
    """Return ``term`` with every subterm that ``table`` lists replaced by what it gives."""
    done: dict[Term, Term] = {}

    def go(part: Term) -> Term:
        if part not in done:
            done[part] = table[part] if part in table else rebuild(part, go)
        return done[part]

    return go(term)


def subterms(term: Term) -> Iterator[Term]:
    """Yield every distinct subterm of ``term``, itself included, outer before inner."""
    seen = {term}
    todo = [term]
    while todo:
        part = todo.pop()
        yield part
        if isinstance(part, App | Key):
            for argument in reversed(part.arguments):
                if argument not in seen:
                    seen.add(argument)
                    todo.append(argument)


def canonical(term: Term) -> tuple[Term, tuple[Var, ...]]:
    """Return the skeleton of ``term``, its variables renamed by order of occurrence, and those variables."""
    names: dict[Var, Term] = {
        variable: Var(f"#{index}", variable.sort) for index, variable in enumerate(term.variables)
    }
    return replace(term, names), term.variables


def unify(left: Term, right: Term, start: Substitution | None = None) -> Iterator[dict[Var, Term]]:
    """Yield the most general typed unifiers of two terms; Diffie-Hellman gives several, as it commutes.

    A variable stands for a leaf of its sort: another variable, a constant, a long-term key, a stored value.
    """
    yield from _unify([(left, right)], dict(start or {}), set())


def unify_all(
    lefts: Iterable[Term], rights: Iterable[Term], start: Substitution | None = None
) -> Iterator[dict[Var, Term]]:
    """Yield the most general unifiers of two sequences of equal length."""
    yield from _unify(list(zip(lefts, rights, strict=True))[::-1], dict(start or {}), set())


def _walk(term: Term, mapping: Substitution) -> Term:
    while isinstance(term, Var):
        bound = mapping.get(term)
        if bound is None:
            break
        term = bound
    return term


def _unify(
    pairs: list[tuple[Term, Term]], mapping: dict[Var, Term], seen: set[tuple[Term, Term]]
) -> Iterator[dict[Var, Term]]:
    while pairs:
        left, right = (_walk(side, mapping) for side in pairs.pop())
        if left is right or left is ANYTHING or right is ANYTHING or (left, right) in seen:
            continue
        if isinstance(right, Var) and not isinstance(left, Var):
            left, right = right, left
        if isinstance(left, Var):
            if sort_of(right) != left.sort or _occurs(left, right, mapping):
                return
            mapping[left] = right
            continue
        if not isinstance(left, App | Key) or type(left) is not type(right):
            return
        assert isinstance(right, App | Key)
        if left.fields[0] != right.fields[0] or len(left.arguments) != len(right.arguments):
            return
        seen.add((left, right))
        straight = list(zip(left.arguments, right.arguments, strict=True))[::-1]
        if isinstance(left, App) and left.function == DH:
            crossed = [(left.arguments[0], right.arguments[1]), (left.arguments[1], right.arguments[0])]
            yield from _unify([*pairs, *straight], dict(mapping), set(seen))
            yield from _unify([*pairs, *crossed], dict(mapping), set(seen))
            return
        pairs.extend(straight)
    yield mapping


def _occurs(variable: Var, term: Term, mapping: Substitution) -> bool:
    """Return whether ``variable`` occurs in ``term`` under ``mapping`` (only long-term keys and stored values hold any)."""
    if isinstance(term, Var | Const):
        return False
    return variable in substitute(term, mapping).variables


def renamed(term: Term, prefix: str) -> Term:
    """Return ``term`` with ``prefix`` before the name of each variable."""
    return replace(term, {v: Var(prefix + v.name, v.sort) for v in term.variables})


def show(term: Term) -> str:
    """Return the term as a reader would write it."""
    match term:
        case Var(name, _):
            return name
        case Const(value, sort):
            return f'"{value}"' if sort == LABEL else value
        case Key(family, _, arguments):
            return f"{family}({', '.join(map(show, arguments))})"
        case App("g", (exponent,)):
            return f"g^{show(exponent)}"
        case App("dh", (left, right)):
            return f"g^({show(left)}*{show(right)})"
        case App("two", (left, right)):
            return f"<{show(left)} | {show(right)}>"
        case App("tuple", arguments):
            return f"({', '.join(map(show, arguments))})"
        case App(function, arguments) if function.startswith(MESSAGE):
            return f"{function.removeprefix(MESSAGE)} {{ {', '.join(map(show, arguments))} }}"
        case App(function, (inner,)) if function.startswith(STORED):
            return show(inner)
        case App(function, arguments):
            return f"{function}({', '.join(map(show, arguments))})"
