"""Expressions to terms, on one path: what names mean there, messages with their fields, the transcript."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modelcheck import rules
from modelcheck.diagnostics import did_you_mean
from modelcheck.protocol.model import Family, Size
from modelcheck.protocol.scope import Scope
from modelcheck.protocol.terms import (
    LABEL,
    MESSAGE,
    NAME,
    STORED,
    App,
    Const,
    Key,
    Term,
    Var,
    is_stored,
    rebuild,
    sort_of,
)
from modelcheck.protocol.theory import ABSENT, PRIMITIVES, ZERO, Primitive, call, key_sort, power, product
from modelcheck.source import Span
from modelcheck.syntax import file_tree, flow_tree

STRUCTURE = frozenset({"aead", "pk_encrypt", "sign", "tuple", "g", "pk", "kem_ct", "oprf_blind", "oprf_evaluate"})
"""Functions whose terms are kept as they are; other composites that a role keeps count as one value of their own sort."""


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message of the path: its names, its content, its fields."""

    names: tuple[str, ...]
    term: Term
    fields: Mapping[str, Term]


@dataclass(slots=True)
class TranscriptList:
    """The named messages so far, since the last restart, and the list as it was when each message was added."""

    entries: list[tuple[frozenset[str], Term]] = field(default_factory=list)
    snapshots: dict[str, list[tuple[frozenset[str], Term]]] = field(default_factory=dict)

    def add(self, names: Iterable[str], term: Term) -> None:
        """Add a message under its names."""
        self.entries.append((frozenset(names), term))
        for name in names:
            self.snapshots[name] = list(self.entries)

    def restart(self, terms: Sequence[Term]) -> None:
        """Start again with some terms in front; the messages so far are folded into the first of them."""
        folded = frozenset(name for names, _ in self.entries for name in names)
        self.entries = [(folded if index == 0 else frozenset(), term) for index, term in enumerate(terms)]

    def term(self) -> Term:
        """Return the transcript as one term."""
        return App("tuple", tuple(term for _, term in self.entries))

    def range(self, first: str, last: str) -> Term | None:
        """Return the part from one message (or the restart that folded it in) to another, None if there is none."""
        entries = self.snapshots.get(last)
        if entries is None:
            return None
        start = next((index for index, (names, _) in enumerate(entries) if first in names), None)
        return None if start is None else App("tuple", tuple(term for _, term in entries[start:]))


class Evaluator:
    """What the names of a flow mean at one place of one path."""

    def __init__(self, scope: Scope, kept: frozenset[str]) -> None:
        """Start with the names that the roles have."""
        self.scope = scope
        self.kept = kept
        self.values: dict[str, Term] = {
            variable.name: variable
            for role in scope.roles.values() for variable in (*role.own, *role.given, *role.hosts)
        }  # fmt: skip
        self.rejected: set[str] = set()
        """Names of values whose sort or term was reported: their uses would be reported for nothing."""
        self.domains: dict[Var, tuple[str, ...]] = {}
        self.labels: dict[str, bool] = {}
        self.messages: dict[str, MessageRecord] = {}
        self.sent_at: dict[str, Span] = {}
        self.transcript = TranscriptList()
        self.unchecked: list[tuple[frozenset[str], dict[Var, Term]]] = []
        self.sizes: dict[tuple[Term, int], tuple[Size, ...]] = {}
        self._this: list[dict[str, Term]] = []
        self._parties = ("", "")
        self._constants = scope.values()
        self._expanding: list[str] = []

    def holds(self, condition: flow_tree.Condition) -> bool:
        """Return whether a condition holds on this path."""
        raise NotImplementedError

    # -------------------------------------------------------------------------------- names

    def unknown(self, what: str, name: flow_tree.Name, candidates: Iterable[str]) -> None:
        """Report a name that means nothing here."""
        known = list(candidates)
        hint = did_you_mean(name.text, known)
        if hint is None:
            hint = f"known here: {', '.join(sorted(known)[:12])}" if known else "declare it before this place"
        self.scope.report(rules.UNKNOWN_NAME, f"there is no {what} `{name.text}` here", name.span, hint)

    def lookup(self, name: flow_tree.Name) -> Term | None:
        """Return what a name means here; report it and return None if it means nothing, unless it was reported before."""
        text = name.text
        if text in self.values:
            return self.values[text]
        if text in self.messages:
            return self.messages[text].term
        if text in self._constants:
            return Const(text, self._constants[text])
        if text == "zero":
            return ZERO
        if text in self.labels:
            return Const("taken" if self.labels[text] else "not taken", "branch")
        whole, _, part = text.rpartition(".")
        if whole in self.messages:
            fields = self.messages[whole].fields
            if part in fields:
                return fields[part]
            self.unknown(f"field of `{whole}`", flow_tree.Name(part, name.span), fields)
            return None
        if text not in self.rejected:
            self.unknown("value", name, (*self.values, *self.messages, *self._constants, "zero"))
        return None

    def stored(self, name: str, value: Term) -> Term:
        """Return a let's value, marked as one that some role keeps if it is and has no structure that anybody uses."""
        if name in self.kept and isinstance(value, App) and value.function not in STRUCTURE and not is_stored(value):
            return App(STORED + name, (value,))
        return value

    # -------------------------------------------------------------------------------- expressions

    def term(self, expression: flow_tree.Expression) -> Term:
        """Return the term that an expression denotes here; a mistake is reported and denotes the absent constant."""
        match expression:
            case flow_tree.Ref(name):
                return self.lookup(name) or ABSENT
            case flow_tree.Text(value):
                return Const(value, LABEL)
            case flow_tree.Transcript():
                return self.transcript.term()
            case flow_tree.TranscriptRange(first, last):
                return self.range(first, last)
            case flow_tree.This():
                return self.this(expression.span)
            case flow_tree.Without():
                return self.without(expression)
            case flow_tree.Power(base, exponent):
                return self.power(base, exponent)
            case flow_tree.Product(factors):
                self.scope.report(rules.BAD_PRODUCT, "a product stands only in an exponent", expression.span,
                                  "write `g^(x*y)`")  # fmt: skip
                del factors
                return ABSENT
            case flow_tree.TupleOf(items):
                return App("tuple", tuple(self.term(item) for item in items))
            case flow_tree.Call():
                return self.call(expression)
            case flow_tree.MessageLiteral(message):
                record = self.message(message, *self._parties)
                for name_ in record.names:
                    self.messages[name_] = record
                return record.term

    def range(self, first: flow_tree.Name, last: flow_tree.Name) -> Term:
        """Return a transcript range."""
        found = self.transcript.range(first.text, last.text)
        if found is None:
            self.scope.report(rules.NO_SUCH_RANGE, f"the transcript has no part from `{first.text}` to `{last.text}` here",
                              first.span.to(last.span), "name two messages above, in their order")  # fmt: skip
            return ABSENT
        return found

    def this(self, span: Span) -> Term:
        """Return the fields of the message that is being written, without those that speak of it."""
        if not self._this:
            self.scope.report(rules.NO_THIS, "`this` stands outside a message", span, "use it in a field only")
            return ABSENT
        return App("tuple", tuple(self._this[-1].values()))

    def without(self, expression: flow_tree.Without) -> Term:
        """Return a message less one field."""
        name = expression.field_name.text
        if isinstance(expression.whole, flow_tree.This):
            if not self._this:
                return self.this(expression.span)
            return App("tuple", tuple(value for key, value in self._this[-1].items() if key != name))
        if isinstance(expression.whole, flow_tree.Ref) and expression.whole.name.text in self.messages:
            fields = self.messages[expression.whole.name.text].fields
            if name not in fields:
                self.unknown("field", expression.field_name, fields)
            return App("tuple", tuple(value for key, value in fields.items() if key != name))
        self.scope.report(rules.NOT_A_MESSAGE, "only a message can be taken without a field", expression.span,
                          "name a message with fields")  # fmt: skip
        return ABSENT

    def power(self, base: flow_tree.Expression, exponent: flow_tree.Expression) -> Term:
        """Return a group element."""
        if isinstance(exponent, flow_tree.Product):
            factors = [self.term(factor) for factor in exponent.factors]
            if len(factors) != 2 or not self.is_generator(base):
                self.scope.report(rules.BAD_PRODUCT, "Diffie-Hellman values have the form `g^x` or `g^(x*y)`",
                                  exponent.span, "use two exponents")  # fmt: skip
                return ABSENT
            return product(factors[0], factors[1])
        one = self.term(exponent)
        if self.is_generator(base):
            return App("g", (one,))
        share = self.term(base)
        if isinstance(share, App) and share.function == "g":
            return power(share, one)
        self.scope.report(rules.BAD_PRODUCT, "the base of a power is `g` or a share `g^x`", exponent.span,
                          "raise `g` or a share")  # fmt: skip
        return ABSENT

    def is_generator(self, base: flow_tree.Expression) -> bool:
        """Return whether an expression is the generator."""
        return isinstance(base, flow_tree.Ref) and base.name.text == "g" and "g" not in self.values

    # -------------------------------------------------------------------------------- calls

    def call(self, expression: flow_tree.Call) -> Term:
        """Return the term of a call: a long-term key, a definition, a primitive."""
        name = expression.function.text
        if name in self.scope.families:
            return self.key(self.scope.families[name], expression)
        if name in self.scope.definitions:
            return self.defined(self.scope.definitions[name], expression)
        primitive = PRIMITIVES.get(name)
        if primitive is None:
            known = (*PRIMITIVES, *self.scope.families, *self.scope.definitions)
            self.scope.report(rules.UNKNOWN_FUNCTION, f"there is no function `{name}`", expression.function.span,
                              did_you_mean(name, known)
                              or "declare it with `define`, or see `modelcheck explain unknown-function`")  # fmt: skip
            return ABSENT
        plain = tuple(self.term(a.value) for a in expression.arguments if a.label is None)
        labelled = {a.label.text: self.term(a.value) for a in expression.arguments if a.label is not None}
        if not self.fits(primitive, expression, len(plain)):
            return ABSENT
        self.check_key(primitive, plain[0], expression)
        return call(name, plain, labelled)

    def fits(self, primitive: Primitive, expression: flow_tree.Call, count: int) -> bool:
        """Return whether a call has the right number and labels of arguments; report it if not."""
        for argument in expression.arguments:
            if argument.label is not None and argument.label.text not in primitive.labels:
                self.scope.report(rules.UNKNOWN_LABEL, f"`{primitive.name}` has no argument `{argument.label.text}:`",
                                  argument.span, did_you_mean(argument.label.text, primitive.labels)
                                  or "leave the label out")  # fmt: skip
                return False
        if count < primitive.least or (primitive.most is not None and count > primitive.most):
            wanted = _count(primitive)
            self.scope.report(rules.WRONG_ARITY, f"`{primitive.name}` takes {wanted}, not {count}", expression.span,
                              f"`{primitive.name}` is {primitive.doc}")  # fmt: skip
            return False
        return True

    def check_key(self, primitive: Primitive, first: Term, expression: flow_tree.Call) -> None:
        """Report a key of the wrong sort in first position."""
        if not primitive.key_sorts or first is ABSENT:
            return
        is_public = isinstance(first, App) and first.function == "pk"
        sort = key_sort(first)
        if sort is not None and sort not in primitive.key_sorts:
            self.scope.report(rules.SORT_MISMATCH, f"`{primitive.name}` takes a key of sort "
                              f"{' or '.join(primitive.key_sorts)}, not {sort}", expression.arguments[0].span,
                              "use a key of that sort")  # fmt: skip
        elif sort is not None and primitive.public_key != is_public:
            wanted = "the public half: `pk(k)`" if primitive.public_key else "the private key, without `pk`"
            self.scope.report(rules.SORT_MISMATCH, f"`{primitive.name}` takes {wanted}", expression.arguments[0].span,
                              f"write {'`pk(...)`' if primitive.public_key else 'the key itself'}")  # fmt: skip

    def key(self, family: Family, expression: flow_tree.Call) -> Term:
        """Return a long-term key."""
        arguments = tuple(self.term(argument.value) for argument in expression.arguments)
        if len(arguments) != family.arity:
            self.scope.report(rules.WRONG_ARITY, f"`{family.name}` has {family.arity} names, not {len(arguments)}",
                              expression.span, "give one name for each index", family.span, "declared here")  # fmt: skip
            return ABSENT
        for argument, written in zip(arguments, expression.arguments, strict=True):
            if sort_of(argument) != NAME:
                self.scope.report(rules.SORT_MISMATCH, f"a key of `{family.name}` is selected by names", written.span,
                                  "put the name of a party here", family.span, "declared here")  # fmt: skip
                return ABSENT
        if family.kind == "unordered":
            arguments = tuple(sorted(arguments, key=repr))
        return Key(family.name, family.sort, arguments)

    def defined(self, definition: file_tree.Define, expression: flow_tree.Call) -> Term:
        """Return a defined function's term; a definition without body is a new one-way function."""
        arguments = [self.term(argument.value) for argument in expression.arguments]
        name = definition.name.text
        if len(arguments) != len(definition.parameters):
            self.scope.report(rules.WRONG_ARITY, f"`{name}` takes {len(definition.parameters)} arguments, "
                              f"not {len(arguments)}", expression.span, "see its definition", definition.span,
                              "defined here")  # fmt: skip
            return ABSENT
        if definition.value is None:
            return App(name, tuple(arguments))
        if name in self._expanding:
            self.scope.report(rules.DEFINITION_CYCLE, f"`{name}` is defined by itself", definition.span,
                              "definitions are notation; they cannot recur")  # fmt: skip
            return ABSENT
        self._expanding.append(name)
        hidden = {p.text: self.values.get(p.text) for p in definition.parameters}
        self.values.update({p.text: a for p, a in zip(definition.parameters, arguments, strict=True)})
        value = self.term(definition.value)
        for parameter, old in hidden.items():
            if old is None:
                del self.values[parameter]
            else:
                self.values[parameter] = old
        self._expanding.pop()
        return value

    # -------------------------------------------------------------------------------- messages

    def message(self, message: flow_tree.Message, sender: str, receiver: str) -> MessageRecord:
        """Return a message with its fields evaluated, those that speak of ``this`` last."""
        name = message.name.text
        label = message.label.text if message.label is not None else name
        names = tuple(dict.fromkeys((label, f"{sender}.{label}"))) if sender else (label,)
        self._parties = (sender, receiver)
        if not message.fields:
            contents = tuple(self.term(expression) for expression in message.contents)
            return MessageRecord(names, App(MESSAGE + name, contents), {})
        order = {f.name.text: index for index, f in enumerate(message.fields)}
        if len(order) != len(message.fields):
            self.scope.report(rules.NAME_TAKEN, f"`{name}` has two fields of one name", message.span, "rename one")
        values: dict[str, Term] = {}
        unchecked: dict[Var, Term] = {}
        readers: set[str] = set()
        self._this.append(values)
        for item in sorted(message.fields, key=lambda f: _speaks_of_this(f.value)):
            value = self.field_value(item)
            if item.unchecked is not None:
                readers.add(item.unchecked.by.text if item.unchecked.by is not None else receiver)
                value = _apart(f"{label}.{item.name.text}", value, unchecked)
            values[item.name.text] = value
            ordered = dict(sorted(values.items(), key=lambda pair: order[pair[0]]))
            values.clear()
            values.update(ordered)
        self._this.pop()
        if unchecked:
            self.unchecked.append((frozenset(readers), unchecked))
        term = App(MESSAGE + name, tuple(values.values()))
        for position, item in enumerate(message.fields):
            self.sized(term, position, item.size)
        return MessageRecord(names, term, dict(values))

    def sized(self, message: Term, position: int, size: flow_tree.Size | None) -> None:
        """Note the size that the flow declares for a field of a message, or for the message."""
        if size is None:
            return
        amount = size.amount
        if isinstance(amount, flow_tree.Name):
            if amount.text not in self.scope.sizes:
                self.unknown("size", amount, self.scope.sizes)
                return
            amount = self.scope.sizes[amount.text]
        before = self.sizes.get((message, position), ())
        self.sizes[message, position] = tuple(dict.fromkeys((*before, Size(size.kind, amount))))

    def field_value(self, item: flow_tree.Field) -> Term:
        """Return what stands in a field on this path."""
        if item.guard is None or self.holds(item.guard.condition):
            return self.term(item.value)
        return ABSENT if item.guard.otherwise is None else self.term(item.guard.otherwise)


def _count(primitive: Primitive) -> str:
    if primitive.most is None:
        return f"at least {primitive.least} arguments" if primitive.least > 1 else "at least one argument"
    return f"{primitive.least} arguments" if primitive.least > 1 else "one argument"


def _speaks_of_this(expression: flow_tree.Expression) -> bool:
    match expression:
        case flow_tree.This():
            return True
        case flow_tree.Without(whole):
            return _speaks_of_this(whole)
        case flow_tree.Call(_, arguments):
            return any(_speaks_of_this(argument.value) for argument in arguments)
        case flow_tree.TupleOf(items) | flow_tree.Product(items):
            return any(map(_speaks_of_this, items))
        case flow_tree.Power(base, exponent):
            return _speaks_of_this(base) or _speaks_of_this(exponent)
        case _:
            return False


def _apart(place: str, value: Term, table: dict[Var, Term]) -> Term:
    """Return a term of the same shape with new variables for its leaves, entered into ``table`` with what they stand for."""
    sort = sort_of(value)
    if sort is not None:
        number = sum(1 for variable in table if variable.name.startswith(place))
        part = Var(place if number == 0 else f"{place}.{number + 1}", sort)
        table[part] = value
        return part
    return rebuild(value, lambda inside: _apart(place, inside, table))
