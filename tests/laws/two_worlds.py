"""An explicit search for something that tells two systems apart, on ground terms, both executed side by side.

Every step is taken on both sides with messages that the attacker builds in the same way; whatever differs then is seen.
It shares nothing with the engines: no clauses, no pairs of leaves, no boxes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product as combinations

from modelcheck.machines.machine import Create, Guard, Pick, Reach, Receive, RoleMachine, Send, Step
from modelcheck.protocol.model import Datum, Fact, Leak, Power, Weak
from modelcheck.protocol.terms import NAME, App, Const, Key, Term, Var, rebuild, replace, subterms
from modelcheck.protocol.theory import FRESH_SORTS, is_data, match, openings, product, recipes
from tests.laws.explicit import ATTACKER, Session, start

NAMES = ("A", "B", "C", "D", "i")
SORTS = {"dec": "EncryptionKey", "sig": "SigningKey", "st": "Exponent"}
"""The families of long-term keys."""
Pairs = frozenset[tuple[Term, Term]]


class Different(Exception):
    """Something is seen on one side only."""


class Frames:
    """What the attacker has in both systems, taken apart; raises :class:`Different` if that tells them apart."""

    def __init__(
        self, pairs: Pairs, published: frozenset[str], weak: frozenset[str] = frozenset(),
        colliding: Pairs = frozenset(),
    ) -> None:  # fmt: skip
        """``colliding`` are signatures that fit other messages, too, in the hands of those who have them."""
        self.published, self.weak, self.colliding = published, weak, colliding
        self.pairs = set(pairs)
        self.memo: dict[Term, frozenset[Term]] = {}
        before = -1
        while before != len(self.pairs):
            before = len(self.pairs)
            self.memo.clear()
            for left, right in sorted(self.pairs, key=repr):
                self.take_apart(left, right)
        for left, right in self.pairs:
            if self.beside(left) != {right}:
                raise Different(f"{left} is {right} and {self.beside(left)}")

    def take_apart(self, left: Term, right: Term) -> None:
        if isinstance(left, App) and is_data(left.function):
            if not isinstance(right, App) or left.function != right.function:
                raise Different(f"{left} and {right} have different formats")
            self.pairs |= set(zip(left.arguments, right.arguments, strict=True))
            return
        if isinstance(left, App) and left.function == "sign":
            for public in self.beside(App("pk", left.arguments[:1])):
                if not isinstance(right, App) or App("pk", right.arguments[:1]) is not public:
                    raise Different(f"{left} can be verified, {right} cannot")
        for needs, content, opening in openings(left, self.weak):
            for keys in combinations(*map(self.beside, needs)):
                found = [other for other in openings(right, self.weak) if other[2] is opening and other[0] == keys]
                if not found:
                    raise Different(f"{left} can be opened, {right} cannot")
                self.pairs.add((content, found[0][1]))

    def beside(self, left: Term) -> frozenset[Term]:
        """The terms that are in the right system what the attacker can build as ``left`` in the left one."""
        if left not in self.memo:
            self.memo[left] = frozenset()
            self.memo[left] = frozenset(self._beside(left))
        return self.memo[left]

    def _beside(self, left: Term) -> Iterator[Term]:
        yield from (right for other, right in self.pairs if other is left)
        match left:
            case Const(value, sort) if sort not in FRESH_SORTS or value == ATTACKER:
                yield left
            case Key(_, _, arguments) if Const("i", NAME) in arguments:
                yield left
            case App("pk" | "g", (Key(family, _, _),)) if family in self.published:
                yield left
            case App("hash") if "hash" in self.weak:
                yield left
            case App("sign", (key, content)):
                for one, other in self.pairs if "hash" in self.weak else self.pairs & self.colliding:
                    if (
                        isinstance(one, App)
                        and isinstance(other, App)
                        and one.function == "sign"
                        and one.arguments[0] is key
                    ):
                        yield from (App("sign", (other.arguments[0], more)) for more in self.beside(content))
        for needs, recipe in recipes(left, self.weak):
            for parts in combinations(*map(self.beside, needs)):
                if recipe is None:
                    assert isinstance(left, App)
                    yield settled(App(left.function, parts), {})
                    continue
                found: dict[Var, Term] = {}
                if all(match(need, part, found) for need, part in zip(recipe.needs, parts, strict=True)):
                    yield settled(recipe.gives, found)


def settled(term: Term, values: Mapping[Var, Term]) -> Term:
    """A term with values put in, the exponents of shared secrets in one order."""
    inside = rebuild(replace(term, dict(values)), lambda part: settled(part, {}))
    return (
        product(*inside.arguments)
        if isinstance(inside, App) and inside.function == "dh" and not inside.variables
        else inside
    )


@dataclass(frozen=True)
class Twins:
    """All sessions on both sides, and what was sent in both."""

    sessions: tuple[tuple[Session, Session], ...]
    seen: Pairs


@dataclass(slots=True)
class Comparison:
    """Breadth-first search over the worlds that a few sessions reach on both sides.

    ``values`` are those of finite sorts, ``sides`` what the session ``judged`` picks on the left and on the right.
    """

    published: frozenset[str]
    left: int
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sides: tuple[str, str] | None = None
    powers: Sequence[Leak | Weak] = ()

    def explore(self, start: Twins) -> None:
        """Nothing; raises :class:`Different` as soon as something differs."""
        visited: set[Twins] = set()
        waiting = deque([start])
        while waiting and self.left > 0:
            world = waiting.popleft()
            if world in visited:
                continue
            visited.add(world)
            ahead = [index for index, (left, _) in enumerate(world.sessions) if goes_on(left)][:1]
            self.left -= not ahead
            frames = None if ahead else self.frames(world)
            for index in ahead or range(len(world.sessions)):
                for moved, sent in self.moves(*world.sessions[index], world, frames):
                    sessions = (*world.sessions[:index], moved, *world.sessions[index + 1 :])
                    waiting.append(Twins(sessions, world.seen | sent))

    def frames(self, world: Twins) -> Frames:
        known = world.seen | self.leaked(world) | frozenset(self.given_up(world))
        return Frames(known, self.published, self.weak, frozenset(self.colliding(world)))

    @property
    def weak(self) -> frozenset[str]:
        return frozenset(power.form for power in self.powers if isinstance(power, Weak) and power.when is None)

    def weakened(self, world: Twins) -> Iterator[tuple[str, Step, tuple[Session, Session]]]:
        """The primitives that are weak in sessions where a value is as a power says, with each step of those sessions."""
        for power in self.powers:
            for pair in world.sessions if isinstance(power, Weak) and power.when is not None else ():
                held = [{v.name: getattr(value, "value", "") for v, value in side.values} for side in pair]
                assert isinstance(power, Weak)
                assert power.when is not None
                if all(values.get(power.when.subject.name) in power.when.values for values in held):
                    done = (state.step for state in pair[0].machine.lineage(pair[0].state))
                    yield from ((power.form, step, pair) for step in done if step is not None)

    def colliding(self, world: Twins) -> Iterator[tuple[Term, Term]]:
        """The signatures that such sessions have sent, if it is the hash that is weak."""
        for form, step, (left, right) in self.weakened(world):
            for part in subterms(step.term) if form == "hash" and isinstance(step, Send) else ():
                if isinstance(part, App) and part.function == "sign":
                    yield ground(left, part), ground(right, part)

    def given_up(self, world: Twins) -> Iterator[tuple[Term, Term]]:
        """What other primitives give away of what such sessions have sent and received."""
        for form, step, (left, right) in self.weakened(world):
            term = step.term if isinstance(step, Send) else step.pattern if isinstance(step, Receive) else None
            for part in subterms(term) if term is not None else ():
                match part:
                    case App("dh") if form == "dh":
                        yield ground(left, part), ground(right, part)
                    case App("aead" | "pk_encrypt" as function, (*_, content)) if form == function:
                        yield ground(left, content), ground(right, content)
                    case App("sign", (key, _)) if form == "sign":
                        yield ground(left, key), ground(right, key)

    def leaked(self, world: Twins) -> Pairs:
        """What has leaked by now: keys by the names of the judged session, and values that sessions hold.

        Of sessions that are not judged only those of its own role are surely no partners.
        """
        judged = next(pair for pair in world.sessions if pair[0].label == "judged")
        found: set[tuple[Term, Term]] = set()
        for power in self.powers:
            if isinstance(power, Leak) and (power.after is None or ended(judged[0])):
                for datum in power.data:
                    if datum.kind == "key":
                        found |= {(key, key) for key in self.keys(datum, judged)}
                    for left, right in world.sessions if datum.kind == "value" else ():
                        mine, twin = left.label == "judged", left.machine is judged[0].machine
                        if power.owner == "all" or (mine if power.owner == "own" else twin and not mine):
                            found |= {
                                (dict(left.values)[v], dict(right.values)[v])
                                for v in had(left)
                                if v.name == datum.name and v in dict(right.values)
                            }
        return frozenset(found)

    def keys(self, datum: Datum, judged: tuple[Session, Session]) -> Iterator[Term]:
        """The long-term keys that a datum stands for: of the names on both sides, of all names if it says none."""
        said = [{value for side in judged for v, value in side.values if v.name == name} for name in datum.arguments]
        for names in combinations(*(said or [{Const(name, NAME) for name in NAMES}])):
            yield Key(datum.name, SORTS[datum.name], names)

    def moves(
        self, left: Session, right: Session, world: Twins, frames: Frames | None
    ) -> Iterator[tuple[tuple[Session, Session], Pairs]]:
        for child in left.machine.children[left.state]:
            step = left.machine.states[child].step
            match step:
                case Receive(pattern=pattern):
                    assert frames is not None
                    yield from (
                        (pair, frozenset()) for pair in self.received(left, right, child, pattern, world, frames)
                    )
                case Send(term=term):
                    yield (at(left, child), at(right, child)), frozenset([(ground(left, term), ground(right, term))])
                case Create(variable):
                    new = ((variable, Const(f"{variable.name}@{left.label}", variable.sort)),)
                    yield (at(left, child, new), at(right, child, new)), frozenset()
                case Pick(Var() as variable, "any", _, allowed):
                    for pair in self.picks(left, variable, allowed):
                        both = [((variable, Const(value, variable.sort)),) for value in pair]
                        yield (at(left, child, both[0]), at(right, child, both[1])), frozenset()
                case Guard("among", one, _, values):
                    outcomes = {getattr(ground(s, one), "value", None) in values for s in (left, right)}
                    if len(outcomes) == 2:
                        raise Different(f"a branch of {left.machine.role.name}")
                    if outcomes == {True}:
                        yield (at(left, child), at(right, child)), frozenset()
                case Guard("equal" | "differ" as test, one, other):
                    assert other is not None
                    outcomes = {(ground(s, one) is ground(s, other)) == (test == "equal") for s in (left, right)}
                    if len(outcomes) == 2:
                        raise Different(f"a comparison in {left.machine.role.name}")
                    if outcomes == {True}:
                        yield (at(left, child), at(right, child)), frozenset()
                case Guard():
                    raise NotImplementedError(step.test)
                case _:
                    yield (at(left, child), at(right, child)), frozenset()

    def picks(self, session: Session, variable: Var, allowed: tuple[str, ...] | None) -> Iterator[tuple[str, str]]:
        if session.label == "judged" and self.sides is not None:
            yield self.sides
        else:
            yield from ((v, v) for v in self.values[variable.sort] if allowed is None or v in allowed)

    def received(
        self, left: Session, right: Session, child: int, pattern: Term, world: Twins, frames: Frames
    ) -> Iterator[tuple[Session, Session]]:
        bound = {variable for variable, _ in left.values}
        free = [variable for variable in pattern.variables if variable not in bound]
        for moved in self.chosen(at(left, child), [*parts(pattern)], world, frames):
            for message in frames.beside(ground(moved, pattern)):
                values = fitting(ground(right, pattern), message)
                if values is None:
                    raise Different(f"{left.machine.role.name} receives {ground(moved, pattern)} and not {message}")
                yield moved, at(right, child, tuple((variable, values[variable]) for variable in free))

    def chosen(self, session: Session, needed: list[Term], world: Twins, frames: Frames) -> Iterator[Session]:
        """The session with values such that the attacker has all parts of a message."""
        if not needed:
            yield session
            return
        bound = {variable for variable, _ in session.values}
        free = [variable for variable in needed[0].variables if variable not in bound]
        for values in combinations(*(self.leaves(variable.sort, world) for variable in free)):
            further = at(session, session.state, tuple(zip(free, values, strict=True)))
            if frames.beside(ground(further, needed[0])):
                yield from self.chosen(further, needed[1:], world, frames)

    def leaves(self, sort: str, world: Twins) -> list[Term]:
        return [Const(value, sort) for value in self.values[sort]] if sort in self.values else leaves(sort, world)


def fitting(pattern: Term, message: Term) -> dict[Var, Term] | None:
    """What the variables of a pattern are in a message, the exponents of shared secrets in either order."""
    for one in turned(pattern):
        values: dict[Var, Term] = {}
        if match(one, message, values):
            return values
    return None


def turned(term: Term) -> Iterator[Term]:
    """A term with the exponents of each shared secret that still has variables in one order and in the other."""
    if not isinstance(term, App) or not term.variables:
        yield term
        return
    for arguments in combinations(*map(turned, term.arguments)):
        yield App(term.function, arguments)
        if term.function == "dh":
            yield App(term.function, arguments[::-1])


def parts(term: Term) -> Iterator[Term]:
    """The parts of a message that everybody can take out of it."""
    if isinstance(term, App) and is_data(term.function):
        for argument in term.arguments:
            yield from parts(argument)
    else:
        yield term


def had(session: Session) -> Iterator[Var]:
    """The values that a session creates, or reads off what it receives: not those that are sealed or hashed."""
    for state in session.machine.lineage(session.state):
        match state.step:
            case Create(variable):
                yield variable
            case Receive(pattern=pattern):
                yield from (part for part in parts(pattern) if isinstance(part, Var))


def goes_on(session: Session) -> bool:
    """Whether a session goes on by itself: no run is lost if it does so at once."""
    steps = [session.machine.states[child].step for child in session.machine.children[session.state]]
    return bool(steps) and not any(isinstance(step, Receive) for step in steps)


def ended(session: Session) -> bool:
    """Whether a session accepts."""
    return any(isinstance(one.step, Reach) for one in session.machine.lineage(session.state))


def ground(session: Session, term: Term) -> Term:
    """A term with the session's values, the exponents of shared secrets in one order."""

    return settled(session.ground(term), {})


def at(session: Session, state: int, more: tuple[tuple[Var, Term], ...] = ()) -> Session:
    return Session(session.label, session.machine, state, (*session.values, *more))


def leaves(sort: str, world: Twins) -> list[Term]:
    if sort == NAME:
        return [Const(name, NAME) for name in NAMES]
    made = [
        value for left, _ in world.sessions for _, value in left.values
        if isinstance(value, Const) and value.sort == sort
    ]  # fmt: skip
    return list(dict.fromkeys([Const(ATTACKER, sort), *made]))


def observed(
    machines: Mapping[str, RoleMachine], names: tuple[str, str], label: str, pick: str = "",
    powers: Sequence[Power] = (), *, silent: bool = False,
) -> list[Term]:  # fmt: skip
    """What is read of a run of Alice with Bob under some names, all messages of which go where they are sent.

    ``pick`` is what they pick. A message is taken by the first branch that it fits. The fresh values of dishonest parties are known,
    too, unless they are ``silent`` and do nothing; so is what ``powers`` give of this run.
    """
    parties = [(role, own) for role, own in (("Alice", names), ("Bob", names[1:])) if not (silent and own[0] == "i")]
    sessions = [start(f"{role} {label}", machines[role], own) for role, own in parties]
    seen: list[Term] = []
    waiting: list[Term] = []
    moved: Session | None = sessions[0]
    while moved is not None:
        moved = None
        for index, session in enumerate(sessions):
            moved = next(onwards(session, waiting, seen, pick), None)
            if moved is not None:
                sessions[index] = moved
                break
    assert silent or all(ended(session) for session in sessions)
    values = {v.name: value for session in sessions for v, value in session.values}
    sent = [term for term in seen if isinstance(term, App)]
    return [*seen, *(term for power in powers for term in given(power, values, sent, pick, own=label == "judged"))]


def given(power: Power, values: Mapping[str, Term], sent: Sequence[Term], pick: str, *, own: bool) -> list[Term]:
    """What a power gives of a run: values that leak, or the contents of ciphertexts where what is picked makes them weak."""
    match power:
        case Leak(data, owner):
            whose = owner == "all" or (owner == "own") == own
            return [values[datum.name] for datum in data if datum.kind == "value" and whose and datum.name in values]
        case Weak(form, Fact(_, chosen)) if pick in chosen:
            parts = [part for term in sent for part in subterms(term) if isinstance(part, App)]
            contents = {"aead": 3, "pk_encrypt": 1}
            return list(dict.fromkeys(part.arguments[contents[form]] for part in parts if part.function == form))
        case _:
            return []


def read_apart(runs: Sequence[Sequence[Term]], others: Sequence[Term], weak: frozenset[str] = frozenset()) -> bool:
    """Whether reading one of two runs beside others shows which one it is, whichever is called left."""
    if len(runs[0]) != len(runs[1]):
        return True
    for left, right in (runs, runs[::-1]):
        try:
            pairs = [*zip(left, right, strict=True), *((term, term) for term in others)]
            Frames(frozenset(pairs), frozenset({"dec", "sig"}), weak)
        except Different:
            return True
    return False


def onwards(session: Session, waiting: list[Term], seen: list[Term], pick: str) -> Iterator[Session]:
    """The session one step on, if there is one; what it sends waits for the other and is seen."""
    dishonest = dict(session.values)[session.machine.role.own[0]] is Const("i", NAME)
    for child in session.machine.children[session.state]:
        match session.machine.states[child].step:
            case Send(term=term):
                waiting.append(ground(session, term))
                seen.append(waiting[-1])
                yield at(session, child)
            case Create(variable):
                value = Const(f"{variable.name}@{session.label}", variable.sort)
                seen += [value] if dishonest else []
                yield at(session, child, ((variable, value),))
            case Pick(value=Const(value=value)):
                if value == pick:
                    yield at(session, child)
            case Pick(value=Var() as variable):
                yield at(session, child, ((variable, Const(pick, variable.sort)),))
            case Receive(pattern=pattern):
                found: dict[Var, Term] = {}
                if waiting and match(ground(session, pattern), waiting[-1], found):
                    waiting.pop()
                    bound = {variable for variable, _ in session.values}
                    yield at(session, child, tuple((v, value) for v, value in found.items() if v not in bound))
            case Reach():
                yield at(session, child)
            case step:
                raise NotImplementedError(step)
