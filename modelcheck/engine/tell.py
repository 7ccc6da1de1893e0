"""An attack as a person reads it: numbered steps in the spec's words, and the sentence that says what is broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from modelcheck.engine.deduction import ATTACKER_VALUES, Built, Had, Opened, Seen
from modelcheck.engine.offline import OfflineTest
from modelcheck.engine.replay import Session, World
from modelcheck.engine.trace import Advance, Reveal, SessionStart, Trace
from modelcheck.engine.violation import Replayed
from modelcheck.machines.machine import (
    Guard,
    Keep,
    Pick,
    Reach,
    Recall,
    Receive,
    RoleMachine,
    Send,
    State,
    fresh_values,
)
from modelcheck.protocol.model import (
    Agreement,
    Aliveness,
    Claim,
    Fact,
    Identifies,
    Leak,
    Observational,
    Protocol,
    Secrecy,
    Weak,
)
from modelcheck.protocol.terms import LABEL, MESSAGE, NAME, App, Const, Key, Term, Var, exchange, show, subterms
from modelcheck.protocol.theory import DISHONEST, is_data, open_parts
from modelcheck.verdict import Attack, AttackSession, AttackStep

LONGEST = 70
"""Characters of a term that are shown in a sentence."""

QUIET = ("g", "pk")
"""Functions whose values are written out rather than called by the flow's name for them."""


def tell(protocol: Protocol, machines: Sequence[RoleMachine], claim: Claim, trace: Trace, replayed: Replayed) -> Attack:
    """Return a replayed trace in words."""
    teller = Teller(protocol, machines, claim, trace, replayed)
    steps = tuple(teller.steps())
    sessions = tuple(AttackSession(s.label, s.role, s.names, teller.party(s)) for s in trace.sessions)
    return Attack(sessions, steps, teller.conclusion())


class Teller:
    """Tells one trace; it executes it a second time to know at each step what the attacker had by then."""

    def __init__(
        self, protocol: Protocol, machines: Sequence[RoleMachine], claim: Claim, trace: Trace, replayed: Replayed
    ) -> None:
        self.claim, self.trace, self.replayed = claim, trace, replayed
        self.world = World(protocol, machines, claim)
        for start in trace.sessions:
            self.world.start(start)
        self.words = _words(replayed.world)
        facts = (claim.premise, *(power.when for power in claim.powers if isinstance(power, Weak)))
        self.conditions = {fact.subject.name for fact in facts if isinstance(fact, Fact)}
        """The values on which the claim or its attacker depends."""
        self.number = 0
        self.number_of: dict[int, int] = {}
        """For each step of the trace the number of its line."""
        self.told: set[Term] = set()
        self.delivered: set[tuple[Term, str]] = set()

    # -------------------------------------------------------------------------------- steps

    def steps(self) -> Iterator[AttackStep]:
        """Yield the steps in order, those of the attacker where it needs what they give."""
        for index, step in enumerate(self.trace.steps, 1):
            self.world.step = index
            match step:
                case Reveal():
                    yield self._line("reveal", step.session, f"{self._power(step)}: the attacker gets {self.name(step.term)}",
                                     (), (), (step.term,))  # fmt: skip
                    self.number_of[index] = self.number
                    self.told.add(step.term)
                    self.world.knowledge.learn(step.term, index)
                case Advance():
                    yield from self._advance(index, step)
        yield from self._afterwards()

    def _line(
        self, kind: str, session: str, text: str, receives: Sequence[str], sends: Sequence[str], terms: Sequence[Term]
    ) -> AttackStep:
        self.number += 1
        return AttackStep(kind, session, text, tuple(receives), tuple(sends), tuple(map(show, terms)))

    def _power(self, step: Reveal) -> str:
        power = self.claim.powers[step.power]
        if isinstance(power, Leak):
            of_keys = isinstance(step.term, Key)
            data = [d.name for d in power.data if (d.kind == "key") == of_keys] or [d.name for d in power.data]
            return f"leak of {data[0] if of_keys else ', '.join(data)}" + (
                f" of {self.called(step.session)}" if step.session else ""
            )
        assert isinstance(power, Weak)
        return f"weak {power.form} in {self.called(step.session)}"

    def _advance(self, index: int, step: Advance) -> Iterator[AttackStep]:
        session = self.world.sessions[step.session]
        way = [s for s in session.machine.lineage(step.state) if not session.has_passed(s.index)][::-1]
        incoming = next((s.step for s in way if isinstance(s.step, Receive)), None)
        arriving = ""
        if incoming is not None and step.received is not None and not self.claim.passive:
            message = self.world.ring.normal(step.received)
            if incoming.channel == "public" or self.world.knowledge.can(message):
                arriving = self._origin(message, step.session)
                if not arriving:
                    yield from self._explain(message, top=_listed(incoming.names))
                    arriving = "from the attacker"
        sent = self.world.advance(step)
        deeds = self._deeds(way, arriving, dict(step.decided))
        received = [n for s in way if isinstance(s.step, Receive) for n in _plain(s.step.names)]
        sending = [n for s in way if isinstance(s.step, Send) for n in _plain(s.step.names)]
        terms = ([] if step.received is None else [step.received]) + sent
        if deeds:
            yield self._line("session", step.session, f"{self.called(step.session)} {deeds}", received, sending, terms)
            self.number_of[index] = self.number
        for term in sent:
            self.told.add(term)

    def _deeds(self, way: Sequence[State], arriving: str, decided: Mapping[str, str]) -> str:
        deeds: list[str] = []
        for state in way:
            match state.step:
                case Receive(names=names):
                    deeds.append(f"receives {_listed(names)}" + (f" {arriving}" if arriving else ""))
                case Send(names=names):
                    deeds.append(f"sends {_listed(names)}")
                case Recall(items):
                    deeds.append(f"recalls {', '.join(name for name, _ in items)}")
                case Keep(items):
                    deeds.append(f"keeps {', '.join(name for name, _ in items)}")
                case Pick(value, _, _, _) if isinstance(value, Const):
                    deeds.append(f"picks {value.value}")
                case Pick(Var(name), _, _, _) if name in self.conditions:
                    deeds.append(f"picks {name} = {decided[name]}")
                case Reach(point):
                    deeds.append(point if point in ("accepts", "stops") else f"accepts {point}")
                case Guard():
                    pass
                case _:
                    pass
        return _joined(deeds)

    def _origin(self, message: Term, receiver: str) -> str:
        """Return from where a message comes as it is, "" if the attacker changed or made something."""
        way = self.world.knowledge.learned.get(message)
        if not isinstance(way, Seen):
            return ""
        again = (message, self.world.sessions[receiver].start.role) in self.delivered
        self.delivered.add((message, self.world.sessions[receiver].start.role))
        word = "replayed" if again else "relayed"
        return f"{word} from step {self.number_of.get(way.step, way.step)}"

    # -------------------------------------------------------------------------------- what the attacker does

    def explained(self, terms: Iterable[Term]) -> Iterator[AttackStep]:
        """Yield what the attacker does to have terms at the end."""
        for term in terms:
            yield from self._explain(term)

    def _explain(self, term: Term, *, top: str = "") -> Iterator[AttackStep]:
        """Yield what the attacker does to have a term, each thing once, what it takes first; ``top`` names a message."""
        term = self.world.ring.normal(term)
        if term in self.told:
            return
        self.told.add(term)
        match self.world.knowledge.way(term):
            case Opened(source, needs):
                for need in needs:
                    yield from self._explain(need)
                yield from self._explain(source)
                if needs and not is_data(_function(source)):
                    yield self.opens(source, needs, term)
            case Built(parts):
                for part in parts:
                    yield from self._explain(part)
                text = self._sent(term, top) if top else self._computed(term, parts)
                if text:
                    yield self._line("attacker", "", text, (), (), (term,))
            case Had() | Seen() | None:
                return

    def opens(self, source: Term, needs: Sequence[Term], content: Term) -> AttackStep:
        """Return the line in which the attacker opens something; it is not told again."""
        keys = ", ".join(map(self.name, needs))
        where = self._where(source)
        way = f" with {keys}" if keys else ""
        text = f"the attacker opens {where or self.name(source)}{way} and learns {self.name(content)}"
        self.told.add(content)
        return self._line("attacker", "", text, (), (), (content,))

    def noted(self, term: Term) -> str:
        """Return how a term that the attacker looks at is called: by its field or the message it stands in."""
        if (
            isinstance(term, App)
            and not is_data(term.function)
            and term.function not in QUIET
            and term not in self.words
        ):
            field = self._field(term)
            if field:
                return f"{field} = {self.name(term)}" if len(self.name(term)) < LONGEST // 2 else field
            inside = [m for m in self._messages_seen() if term in m.arguments]
            kind = {"sign": "the signature", "aead": "the ciphertext", "hmac": "the MAC"}.get(term.function)
            if inside and kind:
                return f"{kind} in {self.name(inside[0])}"
        return self.name(term)

    def _messages_seen(self) -> Iterator[App]:
        """Yield the named messages that roles have sent."""
        for terms in self.replayed.sent:
            for term in terms:
                for part in subterms(term):
                    if isinstance(part, App) and part.function.startswith(MESSAGE):
                        yield part

    def _sent(self, term: Term, names: str) -> str:
        """Return that the attacker builds a message that it sends, and what it puts in."""
        if isinstance(term, App) and term.function == "aead":
            return f"the attacker builds {names}, encrypted under {self.name(term.arguments[0])}"
        contents = list(dict.fromkeys(self.name(part) for part in _leaves_of_message(term)))
        return f"the attacker builds {names}" + (f" from {_joined(contents)}" if contents else "")

    def _computed(self, term: Term, parts: Sequence[Term]) -> str:
        """Return that the attacker computes a value that the flow has a word for, "" for others and for constants."""
        if term not in self.words or is_data(_function(term)) or _is_constant(term):
            return ""
        inside = [self.name(part) for part in parts if not _is_constant(part)]
        return f"the attacker computes {self.words[term]} from {_joined(inside)}"

    def _where(self, term: Term) -> str:
        """Return in which step the attacker saw a term or what it came in."""
        way = self.world.knowledge.learned.get(term)
        while isinstance(way, Opened):
            way = self.world.knowledge.learned.get(way.source)
        return f"step {self.number_of[way.step]}" if isinstance(way, Seen) and way.step in self.number_of else ""

    def _afterwards(self) -> Iterator[AttackStep]:
        if isinstance(self.claim.property, Secrecy):
            for _, value in self.replayed.violation.data:
                yield from self._explain(value)
        test = self.replayed.violation.test
        if test is not None:
            yield from self._explain(test.term)
            secret = self.name(self.replayed.violation.data[0][1])
            steps = [self.words[term] for term in test.steps if term in self.words and term is not test.term]
            text = f"the attacker guesses {secret}" + (f" and computes {_joined(steps)}" if steps else "")
            yield self._line("attacker", "", text, (), (), test.steps)

    # -------------------------------------------------------------------------------- words

    def party(self, start: SessionStart) -> str:
        """Return who a session is: its role, its own name, with whom it means to talk."""
        session = self.replayed.world.sessions[start.label]
        role = session.machine.role
        own = [_party(session.values[v]) for v in (*role.own, *role.hosts) if v in session.values]
        given = [_party(session.values[v]) for v in role.given if v in session.values]
        return start.label + (f" of {_joined(own)}" if own else "") + (f" with {_joined(given)}" if given else "")

    def called(self, label: str) -> str:
        """Return how a session is called in a sentence."""
        return self.party(self.replayed.world.sessions[label].start) if label else ""

    def name(self, term: Term) -> str:
        """Return how a ground term is called: by the flow's word for it and whose it is, else written out."""
        term = self.world.ring.normal(term)
        messages = [_function(part).removeprefix(MESSAGE) for part in _messages(term)]
        if messages:
            return _joined(messages)
        if term in self.words:
            return self.words[term]
        match term:
            case Const(value, sort):
                leaf, at, label = value.partition("@")
                if at:
                    return f"`{leaf}` of {label}"
                if value in ATTACKER_VALUES:
                    return "a value of its own"
                return f'"{value}"' if sort != NAME else _party(term)
            case Key(family, _, arguments):
                return f"{family}({', '.join(_party(a) for a in arguments)})"
        table = {
            part: Const(self._short(part), "") for part in subterms(term) if part is not term and self._short(part)
        }
        text = _tidy(show(exchange(term, table)))
        return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."

    def _short(self, part: Term) -> str:
        """Return a short word for a part of a term, "" if it is to be written out."""
        if isinstance(part, Const) and "@" in part.value:
            leaf, _, label = part.value.partition("@")
            return leaf if self._is_only(leaf) else f"{leaf} of {label}"
        if part is Const(DISHONEST, NAME):
            return "the attacker"
        return self.words.get(part, "")

    def _is_only(self, leaf: str) -> bool:
        """Return whether one session of the run makes a value of this name."""
        sessions = self.replayed.world.sessions.values()
        return sum(any(v.name == leaf for v in fresh_values(s.machine)) for s in sessions) == 1

    def conclusion(self) -> str:
        """Return the sentence that says why the claim is broken."""
        violation = self.replayed.violation
        who = [self.called(label) for label in violation.sessions]
        values = ", ".join(f"{name} = {self.name(value)}" for name, value in violation.data)
        match self.claim.property:
            case Secrecy():
                return f"The attacker knows `{violation.data[0][0]}` of {who[0]}."
            case Agreement(left, right) if len(who) > 1:
                return f"{who[0]} and {who[1]} commit to the same data, but only one {right.role} runs with {values}."
            case Agreement(left, right):
                return f"{who[0]}: {left}, but no {right.role} runs with {values}."
            case Aliveness(left, role):
                return f"{who[0]}: {left}, but no {role} with {values} has done anything."
            case Identifies(tag):
                rest = ", ".join(f"{name} = {self.name(value)}" for name, value in violation.data[1:])
                return f"{who[0]} and {who[1]} have the same `{tag}`" + (f", but {rest}." if rest else ".")
            case Observational() if violation.test is not None:
                return self._tested(violation.test)
            case _:
                return ""

    def _field(self, term: Term) -> str:
        """Return the field of a message that a term is, "" if it is none."""
        world = self.replayed.world
        named = (pair for session in world.sessions.values() for pair in _named(world, session, fields=True))
        return next((name for name, value in named if value is term and name.count(".") == 1), "")

    def _tested(self, test: OfflineTest) -> str:
        """Return the sentence that says which test only the right guess passes."""
        key, what, field = self.name(test.computed), self.name(test.term), self._field(test.term)
        where = self._where(test.term)
        place = f" ({where})" if where else ""
        match test.kind:
            case "open":
                assert isinstance(test.term, App)
                sealed = field or self.name(test.term.arguments[-1])
                return f"Decrypting {sealed}{place} with {key} succeeds only for the right guess."
            case "verify":
                return f"Verifying {field or what}{place} with {key} succeeds only for the right guess."
            case "compare":
                both = ", ".join(word for word in (field, where) if word)
                return (
                    f"Only the right guess {'gives' if test.steps else 'equals'} {what}{f' ({both})' if both else ''}."
                )


def _tidy(text: str) -> str:
    """Return a shown term without what the table of primitives adds where the spec has nothing."""
    return text.replace(', "", ""', "")


def _function(term: Term) -> str:
    return term.function if isinstance(term, App) else ""


def _messages(term: Term) -> Iterator[Term]:
    if _function(term).startswith(MESSAGE):
        yield term
    elif _function(term) == "tuple":
        assert isinstance(term, App)
        for part in term.arguments:
            yield from _messages(part)


def _leaves_of_message(term: Term) -> Iterator[Term]:
    return (part for part in open_parts(term) if not (isinstance(part, Const) and part.sort in (LABEL, "absent field")))


def _is_constant(term: Term) -> bool:
    """Return whether nothing in a ground term comes from a session, a party or the attacker."""
    leaves = [part for part in subterms(term) if not isinstance(part, App)]
    return all(isinstance(leaf, Const) and leaf.sort in (LABEL, "absent field") for leaf in leaves)


def _party(term: Term) -> str:
    return "the attacker" if term is Const(DISHONEST, NAME) else show(term)


def _plain(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if "." not in name]


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(_plain(names)) or "a message"


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def _words(world: World) -> dict[Term, str]:
    """Return the flow's names for composite ground terms that sessions hold, with whose they are."""
    found: dict[Term, str] = {}
    for session in world.sessions.values():
        for name, value in _named(world, session):
            if isinstance(value, App) and value.function not in QUIET:
                found.setdefault(value, f"`{name}` of {session.start.label}")
    return found


def _named(world: World, session: Session, *, fields: bool = False) -> Iterator[tuple[str, Term]]:
    """Yield what a session holds, by the flow's words: values and messages, or the fields of messages."""
    for index, view in session.machine.states[session.state].views.items():
        path = world.held.paths[session.machine.protocol][index]
        for name, honest in (*path.values.items(), *path.messages.items()):
            own = view.of(honest) if ("." in name) == fields else None
            if own is not None and all(v in session.values for v in own.variables):
                yield name, world.ground(own, session.values)
