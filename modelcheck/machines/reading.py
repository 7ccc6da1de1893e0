"""The order in which a role reads what it receives: outer parts before inner ones, otherwise as the message is written.

What can be opened or compared only with something that another part of the message brings is read as soon as that part
has been. A flow may say that a role checks some part ``first`` or ``last``: it is then read before or after everything
else that is received with it, as far as the parts that it needs, or that need it, allow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from modelcheck.protocol.model import Place, Reading
from modelcheck.protocol.terms import ANYTHING, LABEL, MESSAGE, App, Const, Key, Term, Var, exchange, rebuild, sort_of
from modelcheck.protocol.theory import ABSENT, contents, is_data

TAKEN = frozenset({"g", "pk", "oprf_blind", "oprf_evaluate"})
"""Functions whose values a role takes as they are where it does not know them yet."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message as it is read: whether it is a message of its name, opens, verifies, or has its value."""

    place: Place
    term: Term
    message: str
    """The innermost message around the part, its own name for a message, empty for data without one."""
    alike: str
    """The statement of the flow by which a failure here looks like others of that statement, empty if it stands alone."""
    unread: tuple[Place, ...]
    """The places of the parts that are read later."""
    early: bool
    """Whether the part is opened although it needs something that only unread parts bring."""


def parts(pattern: Term, bound: Iterable[Var], readings: Collection[Reading] = ()) -> Iterator[Part]:
    """Yield the parts of a message in the order in which a role reads them whose variables ``bound`` have a value."""
    seen = set(bound)
    unread: list[tuple[Place, Term, str]] = [((), pattern, "")]
    while unread:
        index, early = _next(unread, seen, readings)
        place, term, message = unread.pop(index)
        inside = tuple(_inside(term, seen))
        if isinstance(term, App) and term.function.startswith(MESSAGE):
            message = term.function.removeprefix(MESSAGE)
        unread[index:index] = [((*place, at), part, message) for at, part in inside]
        if not _is_bracket(term):
            yield Part(place, term, message, _alike(place, readings), tuple(one for one, _, _ in unread), early)
        hidden = {at for at, _ in inside}
        for at, part in enumerate(term.arguments if isinstance(term, App) else ()):
            if at not in hidden:
                seen.update(part.variables)
        if not inside:
            seen.update(term.variables)


def beginnings(
    pattern: Term, bound: Iterable[Var], readings: Collection[Reading] = ()
) -> Iterator[tuple[Part, Term]]:  # fmt: skip
    """Yield the parts of a message, each with what the message must look like so that it and those before are passed.

    What is read later is :data:`ANYTHING`. A role that computes with a message of which it has not compared some part
    yet (a transcript) takes that part as it came: it is a variable in both places. With the last part it is the pattern.
    """
    messages = tuple(messages_in(pattern))
    watched = {term for _, message in messages for term in _mentions(message)}
    used: list[tuple[Place, Term]] = []
    for part in parts(pattern, bound, readings):
        used += [(part.place, term) for term in _used(part.term) if term in watched]
        unread = frozenset(part.unread)
        ahead = {place: came for place, message in messages if (came := _ahead(place, message, used, unread))}
        beginning = _begun(pattern, unread, ahead, ())
        whole = {old: new for came in ahead.values() for old, new in came.items() if not _is_bracket(old)}
        yield part, exchange(beginning, whole) if whole else beginning


def _ahead(
    place: Place, message: App, used: Collection[tuple[Place, Term]], unread: frozenset[Place]
) -> dict[Term, Term]:
    """Return by which terms a role computed with a message before it had read all of it, each as it came.

    That is the message itself, or inside it `this`, with or without a field.
    """
    terms = {term for where, term in used if not _is_bracket(term) or _within(where, place)}
    mentions = _mentions(message)
    if terms.isdisjoint(mentions):
        return {}
    came = zip(mentions, _mentions(_as_it_came(message, unread, place)), strict=True)
    return {old: new for old, new in came if old in terms and old is not new}


def _begun(term: Term, unread: Collection[Place], ahead: Mapping[Place, Mapping[Term, Term]], place: Place) -> Term:
    """Return a part as far as it was read; ``ahead`` are the messages that a role computed with before."""
    if place in unread:
        tied = any(_within(one, place) or _within(place, one) for one in ahead)
        return _as_it_came(term, unread, place) if tied else ANYTHING
    if not isinstance(term, App) or not any(_within(one, place) for one in unread):
        return term
    arguments = (_begun(part, unread, ahead, (*place, at)) for at, part in enumerate(term.arguments))
    return App(term.function, tuple(_with_this(part, ahead.get(place, {})) for part in arguments))


def _with_this(term: Term, came: Mapping[Term, Term]) -> Term:
    """Return what a role computes in a field with the other fields as they came; `this` in another message is another."""
    if not came or (isinstance(term, App) and term.function.startswith(MESSAGE)):
        return term
    return came[term] if term in came else rebuild(term, lambda part: _with_this(part, came))


def messages_in(term: Term, place: Place = ()) -> Iterator[tuple[Place, App]]:
    """Yield the messages in what is sent, open or sealed, with their places."""
    if isinstance(term, App):
        if term.function.startswith(MESSAGE):
            yield place, term
        for at, part in contents(term):
            yield from messages_in(part, (*place, at))


def _used(term: Term) -> Iterator[Term]:
    """Yield what a role computes with to read a part; what comes to light by that is not among it, nor what messages hold."""
    found = {at for at, _ in contents(term)}
    todo = [part for at, part in enumerate(term.arguments if isinstance(term, App) else ()) if at not in found]
    while todo:
        part = todo.pop()
        yield part
        if isinstance(part, App) and not part.function.startswith(MESSAGE):
            todo += part.arguments


def _mentions(message: Term) -> tuple[Term, ...]:
    """Return the terms by which flows compute with a message: itself, `this`, and `without` each of its fields."""
    assert isinstance(message, App)
    fields = message.arguments
    without = (App("tuple", (*fields[:at], *fields[at + 1 :])) for at in range(len(fields)))
    return message, App("tuple", fields), *without


def _as_it_came(term: Term, unread: Collection[Place], place: Place) -> Term:
    """Return a part of a message with a variable for every leaf that is not read yet; text is format and stays."""
    if not any(_within(place, one) or _within(one, place) for one in unread):
        return term
    sort = sort_of(term)
    if sort is not None and any(_within(place, one) for one in unread):
        name = f"received {'.'.join(map(str, place))}"
        return term if isinstance(term, Const) and sort in (LABEL, str(sort_of(ABSENT))) else Var(name, sort)
    assert isinstance(term, App)
    return App(term.function, tuple(_as_it_came(part, unread, (*place, at)) for at, part in enumerate(term.arguments)))


def needed(term: Term) -> tuple[Term, ...]:
    """Return what a role needs to open a part of a message."""
    match term:
        case App("aead", (key, nonce, associated, _)):
            return key, nonce, associated
        case App("pk_encrypt", (key, _)):
            return (key,)
        case _:
            return ()


def _is_bracket(term: Term) -> bool:
    """Return whether a term only holds other parts together: reading it is no check."""
    return isinstance(term, App) and term.function == "tuple" and bool(term.arguments)


def _inside(term: Term, seen: Collection[Var]) -> Iterator[tuple[int, Term]]:
    """Yield the parts that come to light when a part is read, with their positions: also what a signature is made for."""
    match term:
        case App("sign", (_, content)) if not all(variable in seen for variable in content.variables):
            yield 1, content
        case _:
            yield from contents(term)


def _next(
    unread: list[tuple[Place, Term, str]], seen: set[Var], readings: Collection[Reading]
) -> tuple[int, bool]:  # fmt: skip
    """Return the index of the part that is read next, and whether that is too early for it."""
    order = sorted(range(len(unread)), key=lambda index: _rank(unread[index][0], readings))
    for index in order:
        missing = {variable for need in _wants(unread[index][1]) for variable in need.variables} - seen
        if not missing or not any(
            variable in missing
            for at, (_, other, _) in enumerate(unread)
            if at != index
            for variable in other.variables
        ):
            return index, False
    opened = [index for index in order if needed(unread[index][1])]
    return next((index for index in order if index not in opened), order[0]), len(opened) == len(order)


def _wants(term: Term) -> tuple[Term, ...]:
    """Return what other parts have to bring before a part is read, if they do: keys, and what a computed value is made of."""
    match term:
        case Var() | Key():
            return ()
        case App(function, _) if is_data(function) or function in TAKEN:
            return ()
        case App("kem_ct", (key, *_)):
            return (key,)
        case App("aead" | "pk_encrypt"):
            return needed(term)
        case App(_, arguments):
            return arguments
        case _:
            return ()


def _rank(place: Place, readings: Collection[Reading]) -> int:
    """Return 0 for what is read first, or leads there, 2 for what is read last, 1 for everything else."""
    if any(r.kind == "first" and (_within(place, r.place) or _within(r.place, place)) for r in readings):
        return 0
    return 2 if any(r.kind == "last" and _within(place, r.place) for r in readings) else 1


def _alike(place: Place, readings: Collection[Reading]) -> str:
    return next((r.words for r in readings if r.kind == "alike" and _within(place, r.place)), "")


def _within(place: Place, around: Place) -> bool:
    return place[: len(around)] == around
