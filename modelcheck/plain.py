"""Dataclasses as JSON values and back, by the types of their fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class NotPlain(Exception):
    """A value is none that JSON values stand for."""


def to_plain(value: Any) -> Any:
    """Return a value as JSON values, a dataclass as an object with its name; raise NotPlain if that is not possible.

    >>> to_plain(("a", 1, None))
    ['a', 1, None]
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, tuple):
        return [to_plain(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {one.name: to_plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
        return {"is": type(value).__name__, **fields}
    raise NotPlain(type(value).__name__)


def from_plain(kind: type[T], plain: Any) -> T:
    """Return the value of a type that :func:`to_plain` turned into ``plain``; raise NotPlain if there is none.

    A field of type Any has texts, a text or nothing.
    """
    value: T = _read(kind, plain)
    return value


def _read(kind: Any, plain: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _one_of(get_args(kind), plain)
    if origin is tuple and isinstance(plain, list):
        element = get_args(kind)[0]
        return tuple(_read(element, one) for one in plain)
    if origin is Literal and plain in get_args(kind):
        return plain
    if kind is Any:
        return _read(tuple[str, ...] | str | None, plain)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and isinstance(plain, Mapping):
        hints = _hints(kind)
        names = [one.name for one in dataclasses.fields(kind)]
        if plain.get("is") != kind.__name__ or set(plain) != {"is", *names}:
            raise NotPlain(f"these are not the fields of {kind.__name__}")
        return kind(**{name: _read(hints[name], plain[name]) for name in names})
    if kind is float and isinstance(plain, int | float) and not isinstance(plain, bool):
        return float(plain)
    if type(plain) is (NoneType if kind is None else kind):
        return plain
    raise NotPlain(f"{plain!r} is no {kind}")


def _one_of(kinds: tuple[Any, ...], plain: Any) -> Any:
    for kind in kinds:
        try:
            return _read(kind, plain)
        except NotPlain:
            continue
    raise NotPlain(f"{plain!r} is none of {kinds}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
