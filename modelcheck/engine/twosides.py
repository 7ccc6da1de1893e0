"""The replayer of two systems: it executes a script on the role machines of both sides until something differs.

The attacker does the same on both sides: a message of the left system is built from what it has seen, and what the same
way of building gives in the right system is delivered there. The replayer knows role machines and the table of
primitives, nothing of clauses, boxes and scenes. Only what it sees differ is an attack on indistinguishability.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product as combinations
from typing import Literal as OneOf

from modelcheck.machines.held import Held, Stance
from modelcheck.machines.machine import Create, Guard, Pick, Receive, RoleMachine, Send, Step, fixed_values
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


def spelled(saying: Saying, name: Callable[[Term], str] = lambda term: f"`{_brief(term)}`") -> str:
    """Return a sentence, its terms by their names."""
    return "".join(part if isinstance(part, str) else name(part) for part in saying)


class NotExecuted(Exception):
    """A script is no run of both systems; ``move`` is the number of the first move that cannot be made."""

    def __init__(self, reason: str, move: int | None = None) -> None:
        """``reason`` says why."""
        super().__init__(reason)
        self.move = move


@dataclass(frozen=True, slots=True)
class Move:
    """A session gets to a state; ``values`` are those of the role's variables on the left."""

    session: str
    state: int
    values: Mapping[Var, Term]


@dataclass(frozen=True, slots=True)
class Start:
    """A session as it begins: its role, and its names on the left and on the right."""

    session: str
    role: str
    names: tuple[tuple[str, str], ...]
    picks: tuple[tuple[Var, tuple[str, str]], ...] = ()
    """What it picks differently on the left and on the right."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A last message for a session in a state: what is supplied on the left, and the check that it may pass or not."""

    session: str
    state: int
    expected: Term
    supplied: Term
    values: Mapping[Var, Term]


@dataclass(frozen=True, slots=True)
class Leaked:
    """A datum of a session that leaks: the role's terms for it, each from a state on; a power of the claim allows it."""

    session: str
    power: int
    terms: tuple[tuple[int, Term], ...]
    owner: OneOf["own", "other", "all"]
    """Whether the session has to be the judged one or its partner, must not be, or may be any."""
    later: bool = False
    """Whether it leaks when all moves are made."""


@dataclass(frozen=True, slots=True)
class Script:
    """Sessions, what they do in order, what leaks, and a last delivery if the difference is a role's."""

    starts: tuple[Start, ...]
    moves: tuple[Move, ...]
    leaked: tuple[Term, ...]
    last: Delivery | None
    later: tuple[Term, ...] = ()
    """The keys that leak when all moves are made."""
    after: tuple[frozenset[int], ...] = ()
    """For each moment after which something leaks, the states of which the judged session has to be past one."""
    passive: bool = False
    """Whether the attacker only listens: roles then receive what roles sent to them."""
    values: tuple[Leaked, ...] = ()
    judged: str = ""
    """The session that differs from side to side."""
    partners: tuple[str, ...] = ()
    """The roles of which the session is its partner that made the first value which it received of theirs."""
    weak: frozenset[str] = frozenset()
    """The primitives that are weak."""


@dataclass(slots=True)
class _Session:
    machine: RoleMachine
    state: int
    left: dict[Var, Term]
    right: dict[Var, Term]
    picks: Mapping[Var, tuple[str, str]]


class Seen:
    """What the attacker has on both sides, taken apart; making one raises :class:`Different` if that tells them apart."""

    def __init__(
        self, pairs: Sequence[Pair], families: Mapping[str, Family], weak: frozenset[str] = frozenset()
    ) -> None:
        """``weak`` are the primitives that are weak."""
        self.families, self.weak = families, weak
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
            if not isinstance(right, App) or left.function != right.function:
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
                found = [other for other in openings(right, self.weak) if other[2] is opening and other[0] == keys]
                if not found:
                    raise Different((*_list(needs), " opens ", left), (*_list(keys), " does not open ", right),
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
        for needs, recipe in recipes(left, self.weak):
            for parts in combinations(*(tuple(self.beside(need)) for need in needs)):
                yield _built(left, parts, recipe)


def _built(left: Term, parts: tuple[Term, ...], recipe: Recipe | None) -> Term:
    """Return what a way of building ``left`` gives from the parts of the right system; rubbish if it does not fit them."""
    assert isinstance(left, App)
    if recipe is None:
        return App(left.function, parts)
    bound: dict[Var, Term] = {}
    if not all(match(need, part, bound) for need, part in zip(recipe.needs, parts, strict=True)):
        return App(f"rubbish from {left.function}", parts)
    return ground(recipe.gives, bound, ())


@dataclass(frozen=True, slots=True)
class Taken:
    """A move as it was made: the message that was received, if any, and all values of the session by then, on both sides."""

    move: Move
    received: Pair | None
    values: tuple[Mapping[Var, Term], Mapping[Var, Term]]


@dataclass(frozen=True, slots=True)
class Lost:
    """Something of a session that leaked, on both sides."""

    leak: Leaked
    value: Pair


@dataclass(frozen=True, slots=True)
class Executed:
    """A script up to its first difference, and what is then seen on the left and on the right."""

    script: Script
    taken: tuple[Taken | Lost, ...]
    seen: tuple[Saying, Saying]
    trail: tuple[Opening, ...]
    """What the attacker opens in the end to see it."""


def execute(machines: Mapping[str, RoleMachine], families: Mapping[str, Family], script: Script) -> Executed:
    """Return an executed script; raise :class:`NotExecuted` if it is no run, or nothing differs in the end."""
    run = _Run(machines, families, script)
    try:
        run.all()
    except Different as different:
        run.check_owners()
        left, right = different.args
        return Executed(script, tuple(run.taken), (left, right), different.trail)
    raise NotExecuted("nothing differs")


@dataclass(slots=True)
class _Run:
    machines: Mapping[str, RoleMachine]
    families: Mapping[str, Family]
    script: Script
    sessions: dict[str, _Session] = field(default_factory=dict)
    sent: list[Pair] = field(default_factory=list)
    signed: list[tuple[_Session, str, Pair]] = field(default_factory=list)
    """What was sent by which session, and to which role."""
    seen: Seen | None = None
    taken: list[Taken | Lost] = field(default_factory=list)
    received: Pair | None = None
    """What the session that moves has received on its way."""

    def all(self) -> None:
        self.sent += [(key, key) for key in self.script.leaked]
        for start in self.script.starts:
            self._start(start)
        self._leak()
        for number, move in enumerate(self.script.moves):
            try:
                self._move(self.sessions[move.session], move.session, move.state, move.values)
            except NotExecuted as problem:
                raise NotExecuted(str(problem), number) from None
            self._leak()
        if all(self._is_past(self.script.judged, states) for states in self.script.after):
            self.sent += [(key, key) for key in self.script.later]
            self._leak(later=True)
        self.seen = None
        self._look()
        if self.script.last is not None:
            self._deliver(self.script.last)

    def _is_past(self, label: str, states: frozenset[int]) -> bool:
        """Return whether a session has passed one of some states."""
        session = self.sessions.get(label)
        return session is not None and any(s.index in states for s in session.machine.lineage(session.state))

    def _leak(self, *, later: bool = False) -> None:
        """Give away what sessions hold by now of that which leaks, each thing once."""
        for leak in self.script.values:
            for state, term in leak.terms if later or not leak.later else ():
                if self._is_past(leak.session, frozenset((state,))):
                    session = self.sessions[leak.session]
                    lost = Lost(leak, (self._ground(term, session.left), self._ground(term, session.right)))
                    if lost not in self.taken:
                        self.taken.append(lost)
                        self.sent.append(lost.value)
                        self.seen = None

    def check_owners(self) -> None:
        """Nothing if only sessions of which the claim says so leak; raise :class:`NotExecuted` otherwise."""
        for lost in self.taken:
            if isinstance(lost, Lost) and lost.leak.owner != "all":
                own = self._is_partner(self.sessions[lost.leak.session])
                if own != (lost.leak.owner == "own"):
                    raise NotExecuted(f"{lost.leak.session} does not leak")

    def _is_partner(self, session: _Session) -> bool:
        """Return whether a session is the judged one, or the judged one got its first value of the role from it."""
        judged = self.sessions.get(self.script.judged)
        if judged is None or session is judged or session.machine.role.name not in self.script.partners:
            return session is judged
        shared = Held.first_shared(judged.machine, [Stance(judged.machine, judged.state, {})], session.machine)
        names = [v for v in session.machine.role.parameters if judged.left.get(v, v) is judged.right.get(v)]
        return (
            shared is not None
            and judged.left[shared] is session.left[shared]
            and all(judged.left[name] is session.left[name] for name in names)
        )

    def _ground(self, term: Term, values: Mapping[Var, Term]) -> Term:
        """Return a term with values put in, the index of a key in one order if its order is irrelevant."""
        unordered = {name for name, family in self.families.items() if family.kind == "unordered"}
        return ground(term, values, unordered)

    def _start(self, start: Start) -> None:
        if start.session != self.script.judged and any(left != right for left, right in start.names):
            raise NotExecuted("two sessions differ from side to side")
        machine = self.machines[start.role]
        sides = [
            {v: Const(names[at], NAME) for v, names in zip(machine.role.parameters, start.names, strict=True)}
            for at in (0, 1)
        ]  # fmt: skip
        for variable in fixed_values(machine)[len(machine.role.parameters) :]:
            for side in sides:
                side[variable] = Const(f"{variable.name}@{start.session}", variable.sort)
        self.sessions[start.session] = _Session(machine, 0, dict(sides[0]), dict(sides[1]), dict(start.picks))

    def _look(self) -> Seen:
        if self.seen is None or len(self.seen.pairs) < len(self.sent):
            self.seen = Seen(self.sent, self.families, self.script.weak)
        return self.seen

    def _move(self, session: _Session, label: str, state: int, values: Mapping[Var, Term]) -> None:
        way = []
        for passed in session.machine.lineage(state):
            if passed.index == session.state:
                break
            assert passed.step is not None
            way.append(passed.step)
        else:
            raise NotExecuted(f"{label} is not on its way")
        self.received = None
        for step in reversed(way):
            self._step(session, step, values)
        session.state = state
        both = (dict(session.left), dict(session.right))
        self.taken.append(Taken(Move(label, state, values), self.received, both))

    def _step(self, session: _Session, step: Step, values: Mapping[Var, Term]) -> None:
        match step:
            case Receive(pattern, _, "public", sender):
                self._receive(session, pattern, values)
                if self.script.passive:
                    self._relayed(session, pattern, sender)
            case Receive(pattern, _, "authentic", sender):
                self._receive(session, pattern, values)
                self._authentic(session, pattern, sender)
            case Send(term, _, "public" | "authentic", receiver):
                message = (self._ground(term, session.left), self._ground(term, session.right))
                self.sent.append(message)
                self.signed.append((session, receiver, message))
                self.seen = None
            case Send():
                raise NotExecuted("a secret channel")
            case Guard():
                self._guard(session, step, values)
            case Pick(value=Var() as variable) if variable in session.picks:
                for side, value in zip((session.left, session.right), session.picks[variable], strict=True):
                    side[variable] = Const(value, variable.sort)
            case Pick(value=Var() as variable) if variable in values:
                session.left[variable] = session.right[variable] = values[variable]
            case Create():
                pass
            case Receive() | Pick():
                raise NotExecuted("a protected channel, or a choice that the script does not make")
            case _:
                pass

    def _receive(self, session: _Session, pattern: Term, values: Mapping[Var, Term]) -> None:
        for variable in pattern.variables:
            if variable not in session.left:
                if variable not in values:
                    raise NotExecuted(f"no value for {variable.name}")
                session.left[variable] = values[variable]
        message = self._ground(pattern, session.left)
        for other in self._look().beside(message):
            bound = fit(self._ground(pattern, session.right), other, {})
            if bound is None:
                raise Different((f"{session.machine.role.name} goes on with the message",), ("there it does not",))
            session.right |= bound
            self.received = (message, other)
            return
        raise NotExecuted(f"the attacker does not have `{_brief(message)}`")

    def _relayed(self, session: _Session, pattern: Term, sender: str) -> None:
        """Refuse a message that no session of this role sent to the receiver's role."""
        message = (self._ground(pattern, session.left), self._ground(pattern, session.right))
        ends = sender, session.machine.role.name
        if not any(((other.machine.role.name, to), sent) == (ends, message) for other, to, sent in self.signed):
            raise NotExecuted(f"{sender} did not send that")

    def _authentic(self, session: _Session, pattern: Term, sender: str) -> None:
        """Refuse a message on an authentic channel that its sender did not send there, unless the sender is dishonest."""
        message = (self._ground(pattern, session.left), self._ground(pattern, session.right))
        own = self.machines[sender].role.own
        if own and all(session.left.get(name) is Const(DISHONEST, NAME) for name in own):
            return
        for other, receiver, sent in self.signed:
            names = all(
                name not in mine or mine[name] is theirs[name]
                for mine, theirs in ((session.left, other.left), (session.right, other.right)) for name in own
            )  # fmt: skip
            if (
                other.machine.role.name == sender
                and receiver == session.machine.role.name
                and sent == message
                and names
            ):
                return
        raise NotExecuted(f"{sender} did not send that")

    def _guard(self, session: _Session, guard: Guard, values: Mapping[Var, Term]) -> None:
        outcomes = []
        for side in (session.left, session.right):
            left = self._ground(guard.left, side)
            if guard.test == "hosted":
                if isinstance(guard.left, Var) and guard.left not in side:
                    side[guard.left] = left = values[guard.left]
                outcomes.append(left is not Const(DISHONEST, NAME))
            elif guard.test in ("equal", "differ") and guard.right is not None:
                outcomes.append((left is self._ground(guard.right, side)) == (guard.test == "equal"))
            elif guard.test == "among":
                outcomes.append(isinstance(left, Const) and left.value in guard.values)
            else:
                raise NotExecuted(f"the test {guard.test}")
        if outcomes[0] != outcomes[1]:
            role = session.machine.role.name
            ours, theirs = (f"{role} {'goes on' if passed else 'stops'} after a comparison" for passed in outcomes)
            raise Different((ours,), (theirs,))
        if not outcomes[0]:
            raise NotExecuted("a comparison fails")

    def _deliver(self, last: Delivery) -> None:
        if self.script.passive:
            raise NotExecuted("the attacker sends nothing")
        session = self.sessions[last.session]
        if session.state != last.state:
            raise NotExecuted(f"{last.session} does not wait for that")
        supplied = self._ground(last.supplied, last.values)
        seen = self._look()
        for message in _fillings(supplied, seen):
            for other in seen.beside(message):
                fits = [
                    fit(self._ground(last.expected, values), delivered, {}) is not None
                    for values, delivered in ((session.left, message), (session.right, other))
                ]
                if fits[0] != fits[1]:
                    role = session.machine.role.name
                    ours, theirs = (f"{role} finds what it checks" if ok else f"{role} does not" for ok in fits)
                    raise Different((ours,), (theirs,))
        raise NotExecuted("the last message makes no difference")


def _fillings(term: Term, seen: Seen) -> Iterator[Term]:
    """Yield messages of a shape: something of the attacker's, or what it was given, wherever anything may stand."""
    if not any(part is ANYTHING for part in subterms(term)):
        yield term
    elif isinstance(term, App) and is_data(term.function):
        for parts in combinations(*(tuple(_fillings(part, seen)) for part in term.arguments)):
            yield App(term.function, parts)
    else:
        yield from (left for left, _ in list(seen.pairs) if term is not ANYTHING and fit(term, left, {}) is not None)
        yield filled(term)


def filled(term: Term) -> Term:
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


def _brief(term: Term) -> str:
    text = show(term)
    return text if len(text) <= 70 else text[:67] + "..."
