"""Claims with their terms resolved: what each name in a claim denotes, and for whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from modelcheck import rules
from modelcheck.diagnostics import did_you_mean
from modelcheck.protocol.model import (
    Agreement,
    Aliveness,
    Claim,
    Created,
    Datum,
    Dishonest,
    Fact,
    Family,
    Identifies,
    Leak,
    Observational,
    Partner,
    Path,
    Point,
    Power,
    Premise,
    Property,
    Protocol,
    Reachable,
    Role,
    Secrecy,
    UncheckedPossession,
    Weak,
    set_members,
)
from modelcheck.protocol.scope import Scope
from modelcheck.protocol.terms import Key, Term, sort_of
from modelcheck.protocol.theory import WEAK_FORMS
from modelcheck.syntax import claim_tree, flow_tree


def transcript_ranges(claims: Iterable[claim_tree.Claim]) -> Iterator[flow_tree.TranscriptRange]:
    """Yield the transcript ranges that claims speak of."""
    for claim in claims:
        for term in _terms_of(claim):
            if isinstance(term, flow_tree.TranscriptRange):
                yield term


def _terms_of(claim: claim_tree.Claim) -> Iterator[claim_tree.Term]:
    match claim.property:
        case claim_tree.Secret(terms) | claim_tree.Agrees(_, _, terms) | claim_tree.Identifies(_, terms):
            yield from terms
        case _:
            pass
    if isinstance(claim.property, claim_tree.Identifies):
        yield claim.property.tag
    if isinstance(claim.premise, claim_tree.AgreedPremise):
        yield from claim.premise.terms
    for power in claim.attackers:
        if isinstance(power, claim_tree.LeakPower):
            yield from power.terms


class ClaimResolver:
    """Resolves the claims of one protocol against its paths and those of the protocols beside it."""

    def __init__(self, scope: Scope, protocol: Protocol) -> None:
        """Take the protocol with its paths; its claims are still missing."""
        self.scope = scope
        self.protocol = protocol
        self.all = {one.name: one for one in _closure(protocol)}
        self.owners = {name: one for one in self.all.values() for name in (*one.continued, one.name)}
        self.keys: dict[str, Term] = {}

    def claim(self, claim: claim_tree.Claim, base: claim_tree.Claim | None) -> Claim | None:
        """Return a claim; a bare label takes its sentence from ``base``. None if it cannot be understood."""
        before = len(self.scope.found)
        sentence = claim if claim.property is not None else base
        if sentence is None or sentence.property is None:
            self.scope.report(rules.UNKNOWN_CLAIM, f"the base has no claim `{claim.name.text}` to take the sentence from",
                              claim.name.span, "write the whole claim")  # fmt: skip
            return None
        what = self.property(sentence.property)
        premise = self.premise(sentence.premise, what) if what is not None else None
        powers = [p for power in sentence.attackers if (p := self.power(power, what)) is not None]
        if what is None or len(self.scope.found) > before:
            return None
        expectation, citation = claim.expectation, claim.citation
        return Claim(
            claim.name.text, _sentence(sentence), _kind(what), what, premise, tuple(powers),
            any(isinstance(power, claim_tree.PassiveAttacker) for power in sentence.attackers),
            "holds" if expectation is None else expectation.verdict,
            "" if expectation is None else expectation.reason,
            () if citation is None else citation.ids, claim.span)  # fmt: skip

    # -------------------------------------------------------------------------------- parties and points

    def role(self, name: flow_tree.Name) -> tuple[Protocol, Role] | None:
        """Return a role and its protocol: one of this protocol's, or `P.Role` for a protocol beside it."""
        whole, _, part = name.text.rpartition(".")
        protocol = self.all.get(whole) if whole else self.protocol
        if protocol is not None:
            for role in protocol.roles:
                if role.name == part:
                    return protocol, role
        known = [r.name if p is self.protocol else f"{p.name}.{r.name}" for p in self.all.values() for r in p.roles]
        self.scope.report(rules.UNKNOWN_NAME, f"there is no role `{name.text}`", name.span,
                          did_you_mean(name.text, known) or f"the roles are {', '.join(known)}")  # fmt: skip
        return None

    def point(self, point: claim_tree.Point) -> Point | None:
        """Return a point that exists on some path; the default is the role's acceptance."""
        found = self.role(point.role)
        if found is None:
            return None
        protocol, role = found
        kind = point.kind or "accepts"
        name = str(point.stage) if point.stage is not None else point.name.text if point.name is not None else ""
        if not _exists(protocol, role, kind, name):
            self._no_point(protocol, role, point, kind, name)
            return None
        return Point(point.role.text, kind, name)

    def _no_point(self, protocol: Protocol, role: Role, point: claim_tree.Point, kind: str, name: str) -> None:
        if kind == "accepts":
            message, hint = f"{role.name} never accepts", f"write `{role.name} accepts` in the flow, or name a point"
        elif kind == "stops":
            message, hint = f"{role.name} never stops", "judge it where it accepts"
        elif kind == "stage":
            stages = sorted({str(n) for path in protocol.paths for n in path.stages})
            message, hint = (
                f"there is no stage {name}",
                f"the stages are {', '.join(stages)}" if stages else "declare it",
            )
        else:
            names = _exchanged(protocol, role, kind)
            message = f"{role.name} never {kind} `{name}`"
            hint = did_you_mean(name, names) or f"{role.name} {kind} {', '.join(names)}"
        self.scope.report(rules.NO_SUCH_POINT, message, point.span, hint)

    # -------------------------------------------------------------------------------- data

    def data(self, terms: Iterable[claim_tree.Term], protocol: Protocol) -> tuple[Datum, ...]:
        """Return what the terms of a claim denote in ``protocol``; unknown ones are reported and left out."""
        return tuple(datum for term in terms for datum in self.datum(term, protocol))

    def datum(self, term: claim_tree.Term, protocol: Protocol) -> Iterator[Datum]:
        """Yield the data of one term: a stage range denotes several."""
        match term:
            case claim_tree.StageTerm(first, last, span):
                for number in range(first, last + 1):
                    if any(number in path.stages for path in protocol.paths):
                        yield Datum("stage", str(number), span=span)
                    else:
                        self.scope.report(rules.NO_SUCH_POINT, f"there is no stage {number}", span, "count the stages")
            case flow_tree.TranscriptRange(first_name, last_name, span):
                ends = (first_name.text, last_name.text)
                if any(ends in path.ranges for path in protocol.paths):
                    yield Datum("range", "transcript", ends, span=span)
                else:
                    self.scope.report(rules.NO_SUCH_RANGE, f"no transcript runs from `{ends[0]}` to `{ends[1]}`", span,
                                      "name two messages in the order in which they are sent")  # fmt: skip
            case claim_tree.TermCall():
                yield from self.long_term_key(term, protocol)
            case flow_tree.Ref(name):
                yield from self.reference(name, protocol)

    def long_term_key(self, term: claim_tree.TermCall, protocol: Protocol) -> Iterator[Datum]:
        """Yield a long-term key of a family for names that the role holds."""
        family = next((f for p in self.all.values() for f in p.families if f.name == term.function.text), None)
        if family is None:
            known = [f.name for p in self.all.values() for f in p.families]
            self.scope.report(rules.UNKNOWN_NAME, f"there is no key family `{term.function.text}`", term.function.span,
                              did_you_mean(term.function.text, known) or "name a declared key family")  # fmt: skip
            return
        names = [a.name.text for a in term.arguments if isinstance(a, flow_tree.Ref)]
        if len(names) != family.arity or len(names) != len(term.arguments):
            self.scope.report(rules.WRONG_ARITY, f"`{family.name}` has {family.arity} names", term.span,
                              "give one name for each index", family.span, "declared here")  # fmt: skip
            return
        for name, written in zip(names, term.arguments, strict=True):
            if not any(name in path.values for path in protocol.paths):
                self.scope.report(rules.UNKNOWN_NAME, f"there is no name `{name}` here", written.span,
                                  "use a name that a role has")  # fmt: skip
                return
        yield Datum("key", family.name, tuple(names), span=term.span)

    def reference(self, name: flow_tree.Name, protocol: Protocol) -> Iterator[Datum]:
        """Yield what a bare or dotted name denotes."""
        text = name.text
        kind = _kind_of(text, protocol)
        families = [family.name for one in self.all.values() for family in one.families]
        if kind is None and text not in families:
            for owner, other in self.owners.items():
                if text.startswith(owner + "."):
                    inner = flow_tree.Name(text.removeprefix(owner + "."), name.span)
                    outside = "" if other is protocol else other.name
                    yield from (replace(datum, owner=outside) for datum in self.reference(inner, other))
                    return
        if kind == "message" and "." not in text and (senders := _senders(text, protocol)) and len(senders) > 1:
            choices = ", ".join(f"`{sender}.{text}`" for sender in senders)
            self.scope.report(rules.AMBIGUOUS_MESSAGE, f"`{text}` is sent by more than one role", name.span,
                              f"write one of {choices}")  # fmt: skip
            return
        if kind is not None:
            yield Datum(kind, text, span=name.span)  # type: ignore[arg-type]
        elif text in families:
            yield Datum("key", text, span=name.span)
        else:
            known = [
                *(v for p in protocol.paths for v in (*p.values, *p.messages)),
                *(f.name for f in protocol.families),
            ]
            self.scope.report(rules.UNKNOWN_NAME, f"there is no `{text}` in `{protocol.name}`", name.span,
                              did_you_mean(text, known) or "name a value, a message, a key or a branch of the flow")  # fmt: skip

    # -------------------------------------------------------------------------------- properties

    def property(self, written: claim_tree.Property) -> Property | None:
        """Return the property of a claim."""
        match written:
            case claim_tree.Secret(terms, points):
                ends = [end for point in points if (end := self.point(point)) is not None]
                return Secrecy(self.data(terms, self._of(ends[0])), tuple(ends)) if ends else None
            case claim_tree.Agrees(left, right, terms, injectively):
                return self.agreement(left, right, terms, injectively)
            case claim_tree.Alive(left, role):
                end, other = self.point(left), self.role(role)
                return Aliveness(end, role.text) if end is not None and other is not None else None
            case claim_tree.Identifies(tag, terms):
                tags = self.data([tag], self.protocol)
                return Identifies(tags[0], self.data(terms, self._owner(tags[0])), not terms) if tags else None
            case claim_tree.Reachable(point):
                end = self.point(point)
                return Reachable(end) if end is not None else None
            case claim_tree.Indistinguishable(subject, first, second, role, by_length, length_of, bound):
                self._values_exist(subject, (first, second))
                what = self.observational("lengths" if by_length else "indistinguishable", subject, role)
                measured = "" if length_of is None else length_of.text
                sides = (first.text, second.text)
                return None if what is None else replace(what, sides=sides, measured=measured, bound=bound or 0)
            case claim_tree.Unlinkable(subject, role):
                return self.observational("unlinkable", subject, role)
            case claim_tree.Resists(subject, role):
                return self.guessing(subject, role)

    def _owner(self, datum: Datum) -> Protocol:
        """Return the protocol that a datum belongs to."""
        return self.all.get(datum.owner, self.protocol)

    def _of(self, point: Point) -> Protocol:
        """Return the protocol of a point's role."""
        return self.all.get(point.role.rpartition(".")[0], self.protocol)

    def agreement(
        self, left: claim_tree.Point, right: claim_tree.Point, terms: tuple[claim_tree.Term, ...], injectively: bool
    ) -> Agreement | None:
        """Return an agreement; without a point of its own the second role is judged by its last send."""
        end = self.point(left)
        if right.kind:
            other = self.point(right)
        else:
            other = Point(right.role.text, "accepts") if self.role(right.role) is not None else None
        if end is None or other is None:
            return None
        return Agreement(end, other, bool(right.kind), self.data(terms, self._of(end)), injectively)

    def observational(self, word: str, subject: claim_tree.Term, role: flow_tree.Name) -> Observational | None:
        """Return a claim about what an observer can tell."""
        found = self.role(role)
        data = self.data([subject], found[0]) if found is not None else ()
        return Observational(word, data[0], role.text) if data else None  # type: ignore[arg-type]

    def guessing(self, subject: claim_tree.Term, role: flow_tree.Name | None) -> Observational | None:
        """Return a claim about guesses, judged for a role that starts from the names of the key or creates the value."""
        found = None if role is None else self.role(role)
        if role is not None and found is None:
            return None
        everybody = (self.protocol, *(p for p in self.all.values() if p is not self.protocol))
        owner = next(p for p in everybody if p.roles) if found is None else found[0]
        data = self.data([subject], owner)
        if not data:
            return None
        (datum,) = data
        having = [
            one.name if protocol is self.protocol else f"{protocol.name}.{one.name}"
            for protocol in everybody for one in protocol.roles if self._has(protocol, one, datum)
        ]  # fmt: skip
        if having and (role is None or role.text in having):
            return Observational("resists guessing", datum, having[0] if role is None else role.text)
        deed, negated = ("starts", "start") if datum.kind == "key" else ("creates", "create")
        whole = f"no role {deed}" if role is None else f"{role.text} does not {negated}"
        names = " from all names of" if datum.kind == "key" else ""
        self.scope.report(rules.NOT_HELD, f"{whole}{names} `{datum}`", subject.span,
                          "name a value that the role creates, or a long-term key with names that it starts from")  # fmt: skip
        return None

    def _has(self, protocol: Protocol, role: Role, datum: Datum) -> bool:
        """Return whether a role has a secret from the start of its sessions."""
        if datum.kind == "key":
            arity = next(f.arity for p in self.all.values() for f in p.families if f.name == datum.name)
            return len(datum.arguments) == arity and set(datum.arguments) <= {v.name for v in role.parameters}
        created = (e for path in protocol.paths for e in path.events if isinstance(e, Created))
        mine = datum.kind == "value" and datum.owner in ("", protocol.name)
        return mine and any(e.role == role.name and e.variable.name == datum.name for e in created)

    def _values_exist(self, subject: claim_tree.Term, names: tuple[flow_tree.Name, ...]) -> None:
        """For a picked value the two sides are values of its sort; for a name they are any two names."""
        if not isinstance(subject, flow_tree.Ref):
            return
        sorts = {sort_of(p.values[subject.name.text]) for p in self.protocol.paths if subject.name.text in p.values}
        for sort in sorts:
            domain = self.scope.domain(str(sort))
            for name in names:
                if domain and name.text not in domain:
                    self.scope.report(rules.UNKNOWN_NAME, f"`{name.text}` is no value of `{sort}`", name.span,
                                      did_you_mean(name.text, domain) or f"its values are {', '.join(domain)}")  # fmt: skip

    # -------------------------------------------------------------------------------- premises and powers

    def premise(self, written: claim_tree.Premise | None, what: Property) -> Premise | None:
        """Return a premise."""
        protocol = self._judged(what)
        match written:
            case None:
                return None
            case claim_tree.FactPremise():
                return self.fact(written, protocol)
            case claim_tree.AgreedPremise(left, right, terms):
                end, other = self.point(left), self.role(right.role)
                if end is None or other is None:
                    return None
                return Partner(end, right.role.text, self.data(terms, self._of(end)))

    def _judged(self, what: Property | None) -> Protocol:
        match what:
            case Secrecy(_, points):
                return self._of(points[0])
            case Agreement(left) | Aliveness(left):
                return self._of(left)
            case Reachable(point):
                return self._of(point)
            case Identifies(tag):
                return self._owner(tag)
            case Observational(role=role):
                return self.all.get(role.rpartition(".")[0], self.protocol)
            case _:
                return self.protocol

    def fact(self, written: claim_tree.FactPremise, protocol: Protocol) -> Fact | None:
        """Return a condition on a value or a branch."""
        subjects = self.data([written.subject], protocol)
        if not subjects:
            return None
        subject = subjects[0]
        if not written.relation:
            if subject.kind == "label":
                return Fact(subject, ("taken",))
            self._no_fact(written)
            return None
        if not isinstance(written.value, flow_tree.Ref):
            self._no_fact(written)
            return None
        if written.relation == "in":
            return self._member(written.value, subject, protocol, written)
        value, domain = written.value.name.text, self._domain(subject, protocol)
        if value not in domain:
            self.scope.report(rules.UNKNOWN_NAME, f"`{value}` is no value of `{subject.name}`", written.value.span,
                              did_you_mean(value, domain) or "compare a picked value with a value of its sort")  # fmt: skip
            return None
        return Fact(subject, (value,))

    def _member(
        self, chosen: flow_tree.Ref, value: Datum, protocol: Protocol, written: claim_tree.FactPremise
    ) -> Fact | None:
        """``if v in s``: the set that was picked contains a value."""
        for found in self.data([chosen], protocol):
            sets = tuple(one for one in self._domain(found, protocol) if value.name in set_members(one))
            if value.kind == "constant" and sets:
                return Fact(found, sets)
            self._no_fact(written)
        return None

    def _domain(self, datum: Datum, protocol: Protocol) -> tuple[str, ...]:
        """Return the values that a picked value can have."""
        home = self.all[datum.owner] if datum.owner else protocol
        sorts = {str(sort_of(path.values[datum.name])) for path in home.paths if datum.name in path.values}
        return self.scope.domain(next(iter(sorts), ""))

    def _no_fact(self, written: claim_tree.FactPremise) -> None:
        self.scope.report(rules.NOT_A_FACT, "a condition compares a picked value, or names a branch", written.span,
                          "write `if v = value`, `if value in set` or `if branch`")  # fmt: skip

    def power(self, written: claim_tree.Attacker, what: Property | None) -> Power | None:
        """Return an attacker power; None for the passive attacker, which is no power."""
        protocol = self._judged(what)
        match written:
            case claim_tree.PassiveAttacker():
                return None
            case claim_tree.LeakPower():
                return self.leak(written, protocol)
            case claim_tree.WeakPower(primitive, when, span):
                if primitive.text not in WEAK_FORMS:
                    self.scope.report(rules.UNKNOWN_NAME, f"there is no weak form `{primitive.text}`", primitive.span,
                                      did_you_mean(primitive.text, WEAK_FORMS)
                                      or f"the weak forms are {', '.join(WEAK_FORMS)}")  # fmt: skip
                    return None
                fact = self.fact(when, protocol) if when is not None else None
                return Weak(primitive.text, fact, span) if when is None or fact is not None else None
            case claim_tree.DishonestPower(name):
                names = [v.name for p in self.all.values() for r in p.roles for v in (*r.own, *r.given, *r.hosts)]
                if name.text in names:
                    return Dishonest(name.text)
                self.scope.report(rules.UNKNOWN_NAME, f"there is no name `{name.text}`", name.span,
                                  did_you_mean(name.text, names) or "name a party that a role is or knows")  # fmt: skip
            case claim_tree.PossessionPower(family):
                families = [f for p in self.all.values() for f in p.families if f.public and f.arity == 1]
                if any(f.name == family.text for f in families):
                    return UncheckedPossession(family.text)
                self.scope.report(rules.UNKNOWN_NAME, f"no name has certificates for keys `{family.text}`", family.span,
                                  "name a certified key family")  # fmt: skip
        return None

    def leak(self, written: claim_tree.LeakPower, protocol: Protocol) -> Leak | None:
        """Return a leak."""
        data = self.data(written.terms, protocol)
        after = None
        if written.moment == "after":
            assert written.point is not None
            after = self.point(written.point)
            if after is None:
                return None
        return Leak(data, written.owner or "own", after, written.span)


def _closure(protocol: Protocol) -> Iterator[Protocol]:
    yield protocol
    for other in protocol.beside:
        yield from _closure(other)


def _exists(protocol: Protocol, role: Role, kind: str, name: str) -> bool:
    if kind in ("accepts", "stops"):
        return any(getattr(e, "point", "") == kind and getattr(e, "role", "") == role.name
                   for path in protocol.paths for e in path.events)  # fmt: skip
    if kind == "stage":
        return any(int(name) in path.stages for path in protocol.paths)
    return name in _exchanged(protocol, role, kind)


def _exchanged(protocol: Protocol, role: Role, kind: str) -> list[str]:
    end = "sender" if kind == "sends" else "receiver"
    return list(dict.fromkeys(
        name for path in protocol.paths for event in path.events if getattr(event, end, "") == role.name
        for name in getattr(event, "names", ())))  # fmt: skip


def _kind_of(text: str, protocol: Protocol) -> str | None:
    for path in protocol.paths:
        if text in path.values:
            return "value"
    for path in protocol.paths:
        if text in path.messages:
            return "message"
        if text in dict(path.labels):
            return "label"
    return "constant" if any(text in e.values for e in protocol.enumerations) else None


def _senders(text: str, protocol: Protocol) -> list[str]:
    return list(dict.fromkeys(
        name.rpartition(".")[0] for path in protocol.paths for name in path.messages
        if "." in name and name.rpartition(".")[2] == text))  # fmt: skip


def with_keys(paths: tuple[Path, ...], claims: Iterable[Claim], families: Mapping[str, Family]) -> tuple[Path, ...]:
    """Return the paths with the long-term keys that claims speak of among their values."""
    wanted = {datum for claim in claims for datum in _all_data(claim) if datum.kind == "key" and datum.arguments}
    result = []
    for path in paths:
        values = dict(path.values)
        for datum in wanted:
            if datum.name in families and all(name in path.values for name in datum.arguments):
                arguments = tuple(path.values[name] for name in datum.arguments)
                if families[datum.name].kind == "unordered":
                    arguments = tuple(sorted(arguments, key=repr))
                values[str(datum)] = Key(datum.name, families[datum.name].sort, arguments)
        result.append(replace(path, values=values))
    return tuple(result)


def _all_data(claim: Claim) -> Iterator[Datum]:
    match claim.property:
        case Secrecy(data) | Agreement(data=data):
            yield from data
        case Identifies(tag, data):
            yield tag
            yield from data
        case Observational(_, subject):
            yield subject
        case _:
            pass
    if isinstance(claim.premise, Partner):
        yield from claim.premise.data
    for power in claim.powers:
        if isinstance(power, Leak):
            yield from power.data


def _kind(what: Property) -> str:
    match what:
        case Secrecy():
            return "secrecy"
        case Agreement(data=data, injective=injective):
            return "injective agreement" if injective else "agreement" if data else "weak agreement"
        case Aliveness():
            return "aliveness"
        case Identifies(channel=channel):
            return "channel binding" if channel else "key uniqueness"
        case Reachable():
            return "reachability"
        case Observational(word):
            return {"indistinguishable": "indistinguishability", "unlinkable": "unlinkability",
                    "resists guessing": "guessing resistance", "lengths": "indistinguishability by length"}[word]  # fmt: skip


def _sentence(claim: claim_tree.Claim) -> str:
    """Return the claim's sentence as written: property, premise and attacker, white space folded."""
    assert claim.property is not None
    parts = [claim.property.span, *([claim.premise.span] if claim.premise else []), *(a.span for a in claim.attackers)]
    end = max(span.end for span in parts)
    lines = claim.property.span.source.text[claim.property.span.start : end].split("\n")
    return " ".join(" ".join(line.split("#")[0].split()) for line in lines).strip()
