"""Text to syntax tree."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from lark import Token, UnexpectedInput, v_args
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive

from modelcheck.source import Source, Span
from modelcheck.syntax import claim_tree, file_tree, flow_tree
from modelcheck.syntax.failure import NotParsed, locate
from modelcheck.syntax.tables import grammar

N = TypeVar("N")


def _pick(children: list[Any], kind: type[N]) -> N | None:
    """Return the first child of a kind, or None."""
    return next((child for child in children if isinstance(child, kind)), None)


def _all(children: list[Any], kind: type[N]) -> tuple[N, ...]:
    return tuple(child for child in children if isinstance(child, kind))


def _word(children: list[Any], *kinds: str) -> str:
    """Return the text of the first token of one of these terminals, "" if there is none."""
    return next((str(c) for c in children if isinstance(c, Token) and c.type in kinds), "")


def _integers(children: list[Any]) -> list[int]:
    return [int(child) for child in children if isinstance(child, Token) and child.type == "INT"]


_EXPRESSIONS = (
    flow_tree.Ref, flow_tree.Text, flow_tree.This, flow_tree.Transcript, flow_tree.TranscriptRange, flow_tree.Without, flow_tree.Power, flow_tree.Product,
    flow_tree.TupleOf, flow_tree.Call, flow_tree.MessageLiteral,
)  # fmt: skip
_TERMS = (flow_tree.Ref, claim_tree.TermCall, claim_tree.StageTerm, flow_tree.TranscriptRange)


class _Labelled:
    """A label, wrapped so that it is not taken for another name."""

    def __init__(self, name: flow_tree.Name) -> None:
        self.name = name


class _Contents(tuple[Any, ...]):
    """Bare contents of a message."""

    __slots__ = ()


class _Holders:
    def __init__(self, names: tuple[flow_tree.Name, ...]) -> None:
        self.names = names


class _Owner:
    def __init__(self, word: str) -> None:
        self.word = word


class _Moment:
    def __init__(self, word: str) -> None:
        self.word = word


class _Length:
    def __init__(self, of: flow_tree.Name | None, bound: int | None) -> None:
        self.of, self.bound = of, bound


class _Claims(tuple[claim_tree.Claim, ...]):
    __slots__ = ()


class _Powers(tuple[Any, ...]):
    __slots__ = ()


@v_args(meta=True)
class _Build(Transformer_NonRecursive[Token, Any]):
    """Builds tree classes bottom-up, without recursion, however deep the text nests."""

    def __init__(self, source: Source) -> None:
        super().__init__(visit_tokens=True)
        self.source = source

    def span(self, meta: Meta) -> Span:
        if meta.empty:
            return Span(self.source, 0, 0)
        return Span(self.source, meta.start_pos, meta.end_pos)

    # -------------------------------------------------------------------------------- words

    def _token(self, token: Token) -> flow_tree.Name:
        return flow_tree.Name(str(token), Span(self.source, cast("int", token.start_pos), cast("int", token.end_pos)))

    def NAME(self, token: Token) -> flow_tree.Name:  # noqa: N802 (lark calls the method named like the terminal)
        return self._token(token)

    def DOTTED(self, token: Token) -> flow_tree.Name:  # noqa: N802
        return self._token(token)

    def STRING(self, token: Token) -> flow_tree.Text:  # noqa: N802
        span = Span(self.source, cast("int", token.start_pos), cast("int", token.end_pos))
        return flow_tree.Text(str(token)[1:-1], span)

    def title(self, meta: Meta, c: list[Any]) -> str:
        return cast("str", c[0].value)

    def name_list(self, meta: Meta, c: list[Any]) -> tuple[flow_tree.Name, ...]:
        return tuple(c)

    def index(self, meta: Meta, c: list[Any]) -> tuple[flow_tree.Name, ...]:
        return tuple(c)

    def label(self, meta: Meta, c: list[Any]) -> _Labelled:
        return _Labelled(c[0])

    # -------------------------------------------------------------------------------- items

    def start(self, meta: Meta, c: list[Any]) -> file_tree.File:
        return file_tree.File(tuple(c), self.span(meta))

    def include(self, meta: Meta, c: list[Any]) -> file_tree.Include:
        return file_tree.Include(c[0].value, self.span(meta))

    def protocol(self, meta: Meta, c: list[Any]) -> file_tree.Protocol:
        return file_tree.Protocol(
            c[0], _pick(c, str) or "", _headers(c),
            _all(c, file_tree.Role | file_tree.Key | file_tree.Values | file_tree.Define | file_tree.SizeConstant),  # type: ignore[arg-type]
            tuple(x for x in c if isinstance(x, flow_tree.Statement)), _claims(c), self.span(meta))  # fmt: skip

    def variant(self, meta: Meta, c: list[Any]) -> file_tree.Variant:
        return file_tree.Variant(
            c[0], c[1], _pick(c, str) or "", _headers(c),
            tuple(x for x in c if isinstance(x, file_tree.Edit)), _claims(c), self.span(meta))  # fmt: skip

    def composition(self, meta: Meta, c: list[Any]) -> file_tree.Composition:
        sharing = c[2] if type(c[2]) is tuple else ()
        return file_tree.Composition(c[0], c[1], sharing, _pick(c, str) or "", _headers(c), _claims(c), self.span(meta))

    def source_(self, meta: Meta, c: list[Any]) -> file_tree.Source:
        return file_tree.Source(tuple(text.value for text in c), self.span(meta))

    def continues(self, meta: Meta, c: list[Any]) -> file_tree.Continues:
        return file_tree.Continues(c[0], self.span(meta))

    def after(self, meta: Meta, c: list[Any]) -> file_tree.After:
        return file_tree.After(tuple(c), self.span(meta))

    # -------------------------------------------------------------------------------- declarations

    def role(self, meta: Meta, c: list[Any]) -> file_tree.Role:
        return file_tree.Role(c[0], tuple(c[1:]), self.span(meta))

    def role_part(self, meta: Meta, c: list[Any]) -> file_tree.RolePart:
        return file_tree.RolePart(cast("Any", str(c[0])), tuple(c[1:]), self.span(meta))

    def parameter(self, meta: Meta, c: list[Any]) -> file_tree.Parameter:
        return file_tree.Parameter(c[0], c[1] if len(c) > 1 else None, self.span(meta))

    def sort(self, meta: Meta, c: list[Any]) -> flow_tree.Sort:
        return flow_tree.Sort(c[-1], len(c) > 1, self.span(meta))

    def key(self, meta: Meta, c: list[Any]) -> file_tree.Key:
        holders = c[-1].names if isinstance(c[-1], _Holders) else ()
        return file_tree.Key(c[0], c[1], c[2], cast("Any", _word(c, "KEY_KIND")), holders, self.span(meta))

    def held_by(self, meta: Meta, c: list[Any]) -> _Holders:
        return _Holders(tuple(c))

    def values(self, meta: Meta, c: list[Any]) -> file_tree.Values:
        return file_tree.Values(c[0], tuple(c[1:]), self.span(meta))

    def define(self, meta: Meta, c: list[Any]) -> file_tree.Define:
        return file_tree.Define(c[0], c[1], c[2] if len(c) > 2 else None, self.span(meta))

    def size_constant(self, meta: Meta, c: list[Any]) -> file_tree.SizeConstant:
        return file_tree.SizeConstant(c[0], int(c[1]), self.span(meta))

    # -------------------------------------------------------------------------------- flow

    def send(self, meta: Meta, c: list[Any]) -> flow_tree.Send:
        return flow_tree.Send(c[0], flow_tree.Arrow(str(c[1])), c[2], tuple(c[3:]), self.span(meta))

    def forward(self, meta: Meta, c: list[Any]) -> flow_tree.Forward:
        return flow_tree.Forward(c[0], flow_tree.Arrow(str(c[1])), c[2], tuple(c[3:]), self.span(meta))

    def creates(self, meta: Meta, c: list[Any]) -> flow_tree.Creates:
        return flow_tree.Creates(c[0], tuple(c[1:]), self.span(meta))

    def fresh(self, meta: Meta, c: list[Any]) -> flow_tree.Fresh:
        return flow_tree.Fresh(c[0], c[1], self.span(meta))

    def renews(self, meta: Meta, c: list[Any]) -> flow_tree.Renews:
        return flow_tree.Renews(c[0], tuple(c[1:]), self.span(meta))

    def picks(self, meta: Meta, c: list[Any]) -> flow_tree.Picks:
        return flow_tree.Picks(c[0], c[1], c[2], self.span(meta))

    def picks_in(self, meta: Meta, c: list[Any]) -> flow_tree.PicksIn:
        names = [x for x in c if isinstance(x, flow_tree.Name)]
        return flow_tree.PicksIn(names[0], bool(_word(c, "BEST")), names[1], _all(c, _EXPRESSIONS), self.span(meta))  # type: ignore[arg-type]

    def keeps(self, meta: Meta, c: list[Any]) -> flow_tree.Keeps:
        return flow_tree.Keeps(c[0], tuple(c[1:]), self.span(meta))

    def recalls(self, meta: Meta, c: list[Any]) -> flow_tree.Recalls:
        return flow_tree.Recalls(c[0], tuple(c[1:]), self.span(meta))

    def checks(self, meta: Meta, c: list[Any]) -> flow_tree.Checks:
        return flow_tree.Checks(c[0], c[1], c[2] if len(c) > 2 else None, self.span(meta))

    def check_order(self, meta: Meta, c: list[Any]) -> flow_tree.CheckOrder:
        return flow_tree.CheckOrder(c[0], c[1], cast("Any", str(c[2])), self.span(meta))

    def fails_alike(self, meta: Meta, c: list[Any]) -> flow_tree.FailsAlike:
        return flow_tree.FailsAlike(c[0], tuple(c[1:]), self.span(meta))

    def accepts(self, meta: Meta, c: list[Any]) -> flow_tree.Accepts:
        return flow_tree.Accepts(c[0], self.span(meta))

    def stops(self, meta: Meta, c: list[Any]) -> flow_tree.Stops:
        return flow_tree.Stops(c[0], self.span(meta))

    def let(self, meta: Meta, c: list[Any]) -> flow_tree.Let:
        when, otherwise = (c[2], c[3]) if len(c) > 2 else (None, None)
        return flow_tree.Let(c[0], c[1], when, otherwise, self.span(meta))

    def stage(self, meta: Meta, c: list[Any]) -> flow_tree.Stage:
        return flow_tree.Stage(int(c[0]), c[1], c[2], self.span(meta))

    def restart(self, meta: Meta, c: list[Any]) -> flow_tree.Restart:
        return flow_tree.Restart(tuple(c), self.span(meta))

    def statements(self, meta: Meta, c: list[Any]) -> list[Any]:
        return list(c)

    def alt(self, meta: Meta, c: list[Any]) -> flow_tree.Alt:
        body, otherwise = (x for x in c if isinstance(x, list))
        first = c[1].name if isinstance(c[1], _Labelled) else None
        second = next((x.name for x in c[2:] if isinstance(x, _Labelled)), None)
        return flow_tree.Alt(c[0], first, tuple(body), second, tuple(otherwise), self.span(meta))

    def opt(self, meta: Meta, c: list[Any]) -> flow_tree.Alt:
        first = c[1].name if isinstance(c[1], _Labelled) else None
        return flow_tree.Alt(c[0], first, tuple(c[-1]), None, None, self.span(meta))

    def opens(self, meta: Meta, c: list[Any]) -> flow_tree.Opens:
        return flow_tree.Opens(c[0], c[1], self.span(meta))

    def chooses(self, meta: Meta, c: list[Any]) -> flow_tree.Chooses:
        return flow_tree.Chooses(c[0], c[1], self.span(meta))

    def when(self, meta: Meta, c: list[Any]) -> flow_tree.When:
        return flow_tree.When(c[0], self.span(meta))

    # -------------------------------------------------------------------------------- messages

    def message(self, meta: Meta, c: list[Any]) -> flow_tree.Message:
        label = _pick(c, _Labelled)
        fields = next((x for x in c if isinstance(x, list)), [])
        contents = _pick(c, _Contents) or ()
        return flow_tree.Message(c[0], label.name if label else None, tuple(fields), tuple(contents), self.span(meta))

    def protected(self, meta: Meta, c: list[Any]) -> flow_tree.Protected:
        label = _pick(c, _Labelled)
        parts = next((x for x in c if isinstance(x, list)), [])
        contents = _pick(c, _Contents) or ()
        return flow_tree.Protected(c[0], label.name if label else None, tuple(parts), tuple(contents), self.span(meta))

    def fields(self, meta: Meta, c: list[Any]) -> list[Any]:
        return list(c)

    parts = fields

    def contents(self, meta: Meta, c: list[Any]) -> _Contents:
        return _Contents(c)

    def field(self, meta: Meta, c: list[Any]) -> flow_tree.Field:
        return _field(c[0], c[1], c[2:], self.span(meta))

    def part(self, meta: Meta, c: list[Any]) -> flow_tree.Part:
        return flow_tree.Part(c[0], _pick(c, flow_tree.Size), _pick(c, flow_tree.Guard), self.span(meta))

    def guard(self, meta: Meta, c: list[Any]) -> flow_tree.Guard:
        return flow_tree.Guard(c[0], c[1] if len(c) > 1 else None, self.span(meta))

    def unchecked(self, meta: Meta, c: list[Any]) -> flow_tree.Unchecked:
        return flow_tree.Unchecked(c[0] if c else None, self.span(meta))

    def size(self, meta: Meta, c: list[Any]) -> flow_tree.Size:
        kind = {"PADDED": "padded", "UP": "up to"}.get(c[0].type if isinstance(c[0], Token) else "", "exact")
        return flow_tree.Size(cast("Any", kind), c[-1], self.span(meta))

    def amount(self, meta: Meta, c: list[Any]) -> int | flow_tree.Name:
        return c[0] if isinstance(c[0], flow_tree.Name) else int(c[0])

    # -------------------------------------------------------------------------------- terms

    def ref(self, meta: Meta, c: list[Any]) -> flow_tree.Ref:
        return flow_tree.Ref(c[0], self.span(meta))

    claim_ref = ref

    def text(self, meta: Meta, c: list[Any]) -> flow_tree.Text:
        return cast("flow_tree.Text", c[0])

    def this(self, meta: Meta, c: list[Any]) -> flow_tree.This:
        return flow_tree.This(self.span(meta))

    def transcript(self, meta: Meta, c: list[Any]) -> flow_tree.Transcript:
        return flow_tree.Transcript(self.span(meta))

    def transcript_range(self, meta: Meta, c: list[Any]) -> flow_tree.TranscriptRange:
        return flow_tree.TranscriptRange(c[0], c[1], self.span(meta))

    claim_range = transcript_range

    def without(self, meta: Meta, c: list[Any]) -> flow_tree.Without:
        return flow_tree.Without(c[0], c[1], self.span(meta))

    def power(self, meta: Meta, c: list[Any]) -> flow_tree.Power:
        return flow_tree.Power(c[0], c[1], self.span(meta))

    def product(self, meta: Meta, c: list[Any]) -> flow_tree.Product:
        return flow_tree.Product(tuple(c), self.span(meta))

    def tuple_(self, meta: Meta, c: list[Any]) -> flow_tree.TupleOf:
        return flow_tree.TupleOf(tuple(c), self.span(meta))

    def call(self, meta: Meta, c: list[Any]) -> flow_tree.Call:
        return flow_tree.Call(c[0], tuple(c[1:]), self.span(meta))

    def argument(self, meta: Meta, c: list[Any]) -> flow_tree.Argument:
        return flow_tree.Argument(c[0] if len(c) > 1 else None, c[-1], self.span(meta))

    def message_literal(self, meta: Meta, c: list[Any]) -> flow_tree.MessageLiteral:
        return flow_tree.MessageLiteral(c[0], self.span(meta))

    def condition(self, meta: Meta, c: list[Any]) -> flow_tree.Condition:
        return flow_tree.Condition(tuple(c), self.span(meta))

    def equal(self, meta: Meta, c: list[Any]) -> flow_tree.Equal:
        return flow_tree.Equal(c[0], c[1], self.span(meta))

    def differ(self, meta: Meta, c: list[Any]) -> flow_tree.Differ:
        return flow_tree.Differ(c[0], c[1], self.span(meta))

    def member(self, meta: Meta, c: list[Any]) -> flow_tree.Member:
        return flow_tree.Member(c[0], c[-1], self.span(meta))

    def is_new(self, meta: Meta, c: list[Any]) -> flow_tree.IsNew:
        return flow_tree.IsNew(c[0], self.span(meta))

    def taken(self, meta: Meta, c: list[Any]) -> flow_tree.Taken:
        return flow_tree.Taken(c[0], self.span(meta))

    # -------------------------------------------------------------------------------- edits

    def replace_message(self, meta: Meta, c: list[Any]) -> file_tree.ReplaceMessage:
        return file_tree.ReplaceMessage(c[0], self.span(meta))

    def replace_field(self, meta: Meta, c: list[Any]) -> file_tree.ReplaceField:
        return file_tree.ReplaceField(c[0], _edited_field(c, self.span(meta)), self.span(meta))

    def replace_statement(self, meta: Meta, c: list[Any]) -> file_tree.ReplaceStatement:
        return file_tree.ReplaceStatement(c[0], self.span(meta))

    def drop(self, meta: Meta, c: list[Any]) -> file_tree.Drop:
        return file_tree.Drop(c[0], self.span(meta))

    def drop_statement(self, meta: Meta, c: list[Any]) -> file_tree.DropStatement:
        return file_tree.DropStatement(c[0], self.span(meta))

    def add_field(self, meta: Meta, c: list[Any]) -> file_tree.AddField:
        return file_tree.AddField(c[0], _edited_field(c, self.span(meta)), self.span(meta))

    def add_statement(self, meta: Meta, c: list[Any]) -> file_tree.AddStatement:
        return file_tree.AddStatement(cast("Any", str(c[0])), c[1], c[2], self.span(meta))

    def add_declaration(self, meta: Meta, c: list[Any]) -> file_tree.AddDeclaration:
        return file_tree.AddDeclaration(c[0], self.span(meta))

    # -------------------------------------------------------------------------------- claims

    def claims(self, meta: Meta, c: list[Any]) -> _Claims:
        return _Claims(tuple(c))

    def attackers(self, meta: Meta, c: list[Any]) -> _Powers:
        return _Powers(power for group in c for power in (group if isinstance(group, list) else [group]))

    def despite(self, meta: Meta, c: list[Any]) -> list[Any]:
        return list(c)

    def passive(self, meta: Meta, c: list[Any]) -> claim_tree.PassiveAttacker:
        return claim_tree.PassiveAttacker(self.span(meta))

    def claim(self, meta: Meta, c: list[Any]) -> claim_tree.Claim:
        powers = _pick(c, _Powers) or ()
        return claim_tree.Claim(
            c[0], next((x for x in c if isinstance(x, claim_tree.Property)), None),
            next((x for x in c if isinstance(x, claim_tree.Premise)), None), tuple(powers),
            _pick(c, claim_tree.Expectation), _pick(c, claim_tree.Citation), self.span(meta))  # fmt: skip

    def secret(self, meta: Meta, c: list[Any]) -> claim_tree.Secret:
        return claim_tree.Secret(c[0], c[1], self.span(meta))

    def agrees(self, meta: Meta, c: list[Any]) -> claim_tree.Agrees:
        return claim_tree.Agrees(c[0], c[1], _all(c, _TERMS), bool(_word(c, "INJECTIVELY")), self.span(meta))  # type: ignore[arg-type]

    def alive(self, meta: Meta, c: list[Any]) -> claim_tree.Alive:
        return claim_tree.Alive(c[0], c[1], self.span(meta))

    def identifies(self, meta: Meta, c: list[Any]) -> claim_tree.Identifies:
        return claim_tree.Identifies(c[0], () if _word(c, "CHANNEL") else c[1], self.span(meta))

    def indistinguishable(self, meta: Meta, c: list[Any]) -> claim_tree.Indistinguishable:
        length = _pick(c, _Length)
        return claim_tree.Indistinguishable(
            c[0], c[1], c[2], c[3], length is not None, length.of if length else None,
            length.bound if length else None, self.span(meta))  # fmt: skip

    def by_length(self, meta: Meta, c: list[Any]) -> _Length:
        return _Length(_pick(c, flow_tree.Name), next(iter(_integers(c)), None))

    def unlinkable(self, meta: Meta, c: list[Any]) -> claim_tree.Unlinkable:
        return claim_tree.Unlinkable(c[0], c[1], self.span(meta))

    def resists(self, meta: Meta, c: list[Any]) -> claim_tree.Resists:
        return claim_tree.Resists(c[0], _pick(c[1:], flow_tree.Name), self.span(meta))

    def reachable(self, meta: Meta, c: list[Any]) -> claim_tree.Reachable:
        return claim_tree.Reachable(c[0], self.span(meta))

    def terms(self, meta: Meta, c: list[Any]) -> Any:
        return tuple(c)

    parties = terms

    def claim_term(self, meta: Meta, c: list[Any]) -> Any:
        return c[0]

    def claim_call(self, meta: Meta, c: list[Any]) -> claim_tree.TermCall:
        return claim_tree.TermCall(c[0], c[1], self.span(meta))

    def claim_stage(self, meta: Meta, c: list[Any]) -> claim_tree.StageTerm:
        return claim_tree.StageTerm(int(c[0]), int(c[-1]), self.span(meta))

    def party(self, meta: Meta, c: list[Any]) -> claim_tree.Point:
        kinds = {"ACCEPTING": "stage", "SENDING": "sends", "RECEIVING": "receives", "STOPPING": "stops"}
        kind = next((kinds[x.type] for x in c if isinstance(x, Token) and x.type in kinds), "")
        return self._point(meta, c, kind)

    def point(self, meta: Meta, c: list[Any]) -> claim_tree.Point:
        kinds = {"ACCEPTS": "accepts", "SENDS": "sends", "RECEIVES": "receives", "STOPS": "stops"}
        kind = next((kinds[x.type] for x in c if isinstance(x, Token) and x.type in kinds), "")
        return self._point(meta, c, "stage" if _integers(c) else kind)

    def _point(self, meta: Meta, c: list[Any], kind: str) -> claim_tree.Point:
        names = _all(c, flow_tree.Name)
        stage = next(iter(_integers(c)), None)
        return claim_tree.Point(
            names[0], cast("Any", kind), names[1] if len(names) > 1 else None, stage, self.span(meta)
        )

    def leak(self, meta: Meta, c: list[Any]) -> claim_tree.LeakPower:
        owner = next((x.word for x in c if isinstance(x, _Owner)), "")
        moment = next((x.word for x in c if isinstance(x, _Moment)), "")
        return claim_tree.LeakPower(
            c[0], cast("Any", owner), cast("Any", moment), _pick(c, claim_tree.Point), self.span(meta)
        )

    def owner(self, meta: Meta, c: list[Any]) -> _Owner:
        return _Owner(str(c[0]))

    def moment(self, meta: Meta, c: list[Any]) -> _Moment:
        return _Moment(str(c[0]))

    def weak(self, meta: Meta, c: list[Any]) -> claim_tree.WeakPower:
        return claim_tree.WeakPower(c[0], c[1] if len(c) > 1 else None, self.span(meta))

    def dishonest(self, meta: Meta, c: list[Any]) -> claim_tree.DishonestPower:
        return claim_tree.DishonestPower(c[0], self.span(meta))

    def possession(self, meta: Meta, c: list[Any]) -> claim_tree.PossessionPower:
        return claim_tree.PossessionPower(c[0], self.span(meta))

    def premise(self, meta: Meta, c: list[Any]) -> Any:
        return c[0]

    def fact(self, meta: Meta, c: list[Any]) -> claim_tree.FactPremise:
        return claim_tree.FactPremise(c[0], "", None, self.span(meta))

    def fact_test(self, meta: Meta, c: list[Any]) -> claim_tree.FactPremise:
        return claim_tree.FactPremise(c[0], cast("Any", str(c[1])), c[2], self.span(meta))

    def agreed(self, meta: Meta, c: list[Any]) -> claim_tree.AgreedPremise:
        return claim_tree.AgreedPremise(c[0], c[1], c[2] if len(c) > 2 else (), self.span(meta))

    def expectation(self, meta: Meta, c: list[Any]) -> claim_tree.Expectation:
        reason = c[1].value if len(c) > 1 else ""
        return claim_tree.Expectation(cast("Any", str(c[0])), reason, self.span(meta))

    def citation(self, meta: Meta, c: list[Any]) -> claim_tree.Citation:
        source = _pick(c, flow_tree.Name)
        ids = tuple(str(x) for x in c if isinstance(x, Token) and x.type == "CITE")
        return claim_tree.Citation(ids, source.text if source else "", self.span(meta))


def _headers(children: list[Any]) -> tuple[Any, ...]:
    return tuple(x for x in children if isinstance(x, file_tree.Source | file_tree.Continues | file_tree.After))


def _claims(children: list[Any]) -> tuple[claim_tree.Claim, ...]:
    return tuple(_pick(children, _Claims) or ())


def _field(name: flow_tree.Name, value: Any, rest: list[Any], span: Span) -> flow_tree.Field:
    return flow_tree.Field(
        name, value, _pick(rest, flow_tree.Size), _pick(rest, flow_tree.Guard), _pick(rest, flow_tree.Unchecked), span
    )


def _edited_field(children: list[Any], span: Span) -> flow_tree.Field:
    target: flow_tree.Name = children[0]
    name = flow_tree.Name(target.parts[-1], target.span)
    return _field(name, children[1], children[2:], span)


def parse_text(source: Source) -> file_tree.File:
    """Return the syntax tree of a source text; raise NotParsed at the first place that is wrong."""
    try:
        parsed = grammar().parse(source.text)
    except UnexpectedInput as problem:
        raise NotParsed(locate(source.text, problem)) from None
    return cast("file_tree.File", _Build(source).transform(parsed))
