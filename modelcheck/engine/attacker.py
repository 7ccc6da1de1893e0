"""The attacker's knowledge, on demand: how each demanded pattern is built, taken out of messages, or had anyway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelcheck.engine.clauses import (
    ATTACKER,
    ClauseSet,
    Condition,
    Exposure,
    Literal,
    Origin,
    base_name,
)
from modelcheck.engine.possession import untied
from modelcheck.engine.steps import (
    add_block,
    declare_role,
    expose_block,
    expose_weak,
    session_literal,
    state_literal,
    substituted,
)
from modelcheck.engine.supplies import APART, ON_ONE_SIDE, SENT, Supplier, Supply, sent
from modelcheck.machines.blocks import blocks
from modelcheck.machines.machine import Create, Keep, Recall, Receive, RoleMachine, Send, fixed_values, simple
from modelcheck.protocol.biterms import IN_TWO_FORMS, LEFT, RIGHT, differs, halves
from modelcheck.protocol.model import Family, Path, Weak
from modelcheck.protocol.terms import (
    NAME,
    STORED,
    TWO,
    App,
    Key,
    Term,
    Var,
    renamed,
    sort_of,
    substitute,
    subterms,
    unify,
    unify_all,
)
from modelcheck.protocol.theory import is_data, recipes


def build(
    machines: tuple[RoleMachine, ...],
    families: dict[str, Family],
    enumerations: dict[str, tuple[str, ...]],
    weak: tuple[Weak, ...] = (),
    possession: tuple[str, ...] = (),
    paths: Mapping[str, tuple[Path, ...]] | None = None,
    *,
    passive: bool = False,
    hidden: frozenset[str] = frozenset(),
    paired: bool = False,
    certified: Mapping[Var, tuple[str, Var]] | None = None,
) -> ClauseSet:
    """Return the clauses of the machines running side by side; knowledge is added as it is demanded.

    A ``passive`` attacker reads every message and sends none. Leaves of ``hidden`` sorts are not known to everybody.
    The terms of ``paired`` machines may have another form in a second system; ``certified`` says for variables that stand for
    the key in a certificate already which family and name that has.
    """
    everywhere = frozenset(power.form for power in weak if power.when is None)
    loosened = [untied(machine, possession) for machine in machines]
    machines = tuple(machine for machine, _ in loosened)
    clauses = ClauseSet(machines, families, everywhere, enumerations, passive, hidden, paired)
    clauses.certified_keys = dict(certified or {})
    for _, table in loosened:
        clauses.certified_keys.update(table)
    _register(clauses)
    for machine in machines:
        declare_role(clauses, machine)
    recalls = {
        tuple(name for name, _ in state.step.items)
        for machine in machines for state in machine.states if isinstance(state.step, Recall)
    }  # fmt: skip
    for machine in machines:
        for block in blocks(machine):
            clauses.blocks.append(block)
            expose_block(clauses, block, recalls)
            for power in weak:
                if power.when is not None and power.when.subject.owner in ("", machine.protocol):
                    expose_weak(clauses, block, power.form, power.when, (paths or {})[machine.protocol])
    for block in clauses.blocks:
        add_block(clauses, block)
    close(clauses)
    return clauses


def _register(clauses: ClauseSet) -> None:
    """Fill the tables about stored values and about who holds which key."""
    clauses.sent_openly = frozenset(
        base_name(part) for machine in clauses.machines for state in machine.states
        if isinstance(state.step, Send) for part in _open_leaves(state.step.term)
    )  # fmt: skip
    for machine in clauses.machines:
        created = {
            base_name(state.step.variable): simple(other.role.name)
            for other in clauses.machines if other.protocol == machine.protocol
            for state in other.states if isinstance(state.step, Create)
        }  # fmt: skip
        clauses.register_shapes(_terms(machine), created)
    for family in clauses.families.values():
        clauses.holders[family.name] = _holder_positions(clauses, family)


def _open_leaves(term: Term) -> Iterator[Var]:
    """Yield the variables that everybody can read off a sent term."""
    if isinstance(term, Var):
        yield term
    elif isinstance(term, App) and is_data(term.function):
        for argument in term.arguments:
            yield from _open_leaves(argument)


def _terms(machine: RoleMachine) -> Iterator[Term]:
    for state in machine.states:
        match state.step:
            case Send(term=term) | Receive(pattern=term):
                yield term
            case Keep(items) | Recall(items):
                yield from (term for _, term in items)
            case _:
                pass
        for view in state.views.values():
            yield from (own for own in view.known.values() if own.variables)


def _holder_positions(clauses: ClauseSet, family: Family) -> tuple[int, ...]:
    """Return the positions of the index whose party holds the key: all, unless the family says who holds it."""
    if not family.holders:
        return tuple(range(family.arity))
    found = {
        position
        for machine in clauses.machines if simple(machine.role.name) in family.holders
        for term in _terms(machine) for part in subterms(term)
        if isinstance(part, Key) and part.family == family.name
        for position, name in enumerate(part.arguments) if name in machine.role.own
    }  # fmt: skip
    return tuple(sorted(found)) or tuple(range(family.arity))


def close(clauses: ClauseSet) -> None:
    """Add the rules of every demanded pattern, which may demand more, until all have theirs."""
    suppliers = (Supplier(clauses, LEFT), Supplier(clauses, RIGHT))
    while clauses._queue:
        kind, pattern, index = clauses._queue.pop(0)
        head = Literal(index, tuple(pattern.variables))
        if kind == ATTACKER:
            _given(clauses, pattern, head)
            _composed(clauses, pattern, head)
        elif kind in ON_ONE_SIDE:
            _on_one_side(clauses, suppliers[ON_ONE_SIDE.index(kind)], pattern, head)
        elif kind in APART:
            _apart(clauses, suppliers[APART.index(kind)], pattern, head)
        elif kind.startswith("channel "):
            _injected(clauses, kind, pattern, head)
        _exposed(clauses, kind, pattern, head)


def _given(clauses: ClauseSet, pattern: Term, head: Literal) -> None:
    """What the attacker has anyway: leaves it makes, keys of dishonest names, public halves, stored values it can build."""
    match pattern:
        case Var(_, sort) if sort.startswith(STORED):
            for shape in clauses.shapes[sort]:
                value = App(sort, (shape.term,))
                body = list(clauses.knows(shape.term))
                origin = Origin("compose", term=pattern, needs=(shape.term,))
                clauses.rule(Literal(head.predicate, (value,)), body, (), origin)
        case Var(_, sort):
            origin = Origin("given", term=pattern)
            clauses.rule(head, (), (Condition("public", pattern),), origin)
            for family in clauses.families.values():
                if family.sort == sort:
                    _dishonest(clauses, family, head.predicate)
        case Key(name, _, _):
            _dishonest(clauses, clauses.families[name], head.predicate, pattern)
        case App("pk" | "g" | "id", (Var(_, sort),)):
            for family in clauses.families.values():
                if family.sort == sort and _told_by_names(clauses, family, pattern):
                    key = _key(clauses, family)
                    body = [literal for name in key.arguments for literal in clauses.knows(name)]
                    clauses.rule(Literal(head.predicate, (key,)), body, (), Origin("given", term=pattern))
        case App("pk" | "g" | "id", (Key(name, _, arguments),)):
            if _told_by_names(clauses, clauses.families[name], pattern):
                body = [literal for argument in arguments for literal in clauses.knows(argument)]
                clauses.rule(head, body, (), Origin("given", term=pattern))
        case _:
            pass


def _told_by_names(clauses: ClauseSet, family: Family, pattern: App) -> bool:
    """Return whether everybody who knows the names knows this public half or identity of the family's key.

    That names reveal identities matters only where names are secret: no trace claim rests on not knowing one.
    """
    return bool(clauses.hidden) if pattern.function == "id" else family.public


def _key(clauses: ClauseSet, family: Family) -> Key:
    return Key(family.name, family.sort, tuple(clauses.fresh(NAME) for _ in range(family.arity)))


def _dishonest(clauses: ClauseSet, family: Family, predicate: int, pattern: Term | None = None) -> None:
    """The attacker holds the keys whose index has a dishonest name in a holder's place."""
    key = pattern if isinstance(pattern, Key) else _key(clauses, family)
    for position in clauses.holders[family.name]:
        arguments = key.variables if pattern is not None else (key,)
        origin = Origin("given", term=key)
        body = [literal for name in key.arguments for literal in clauses.knows(name)]
        clauses.rule(
            Literal(predicate, tuple(arguments)), body, (Condition("dishonest", key.arguments[position]),), origin
        )


def _composed(clauses: ClauseSet, pattern: Term, head: Literal) -> None:
    if not isinstance(pattern, App):
        return
    if pattern.function in (TWO, IN_TWO_FORMS):
        _in_two_forms(clauses, pattern, head)
        return
    if "hash" in clauses.weak and pattern.function == "hash":
        # Where two systems are compared, this is a value that the attacker can name, the same in both; others it may build.
        alike = [Condition("alike", variable) for variable in pattern.variables] if clauses.hidden else []
        clauses.rule(head, (), alike, Origin("given", term=pattern))
        if not clauses.hidden:
            return
    for needs, _ in recipes(pattern, clauses.weak):
        names = {v: clauses.fresh(v.sort) for need in needs for v in need.variables if v not in pattern.variables}
        wanted = tuple(substitute(need, names) for need in needs)
        body = [literal for need in wanted for literal in clauses.knows(need)]
        clauses.rule(head, body, (), Origin("compose", term=pattern, needs=wanted))


def _in_two_forms(clauses: ClauseSet, pattern: App, head: Literal) -> None:
    """What the attacker has as one term on the left and another on the right, besides what roles sent like that.

    A pair may be one term after all. A message that has to differ is made of at least one part that does.
    """
    if pattern.function == TWO:
        left, right = pattern.arguments
        for mapping in unify(left, right):
            one = substitute(left, mapping)
            arguments = tuple(substitute(v, mapping) for v in pattern.variables)
            origin = Origin("compose", term=pattern, needs=(one,))
            clauses.rule(Literal(head.predicate, arguments), list(clauses.knows(one)), (), origin)
        return
    whole = pattern.arguments[0]
    for exposure in clauses.exposures:
        if exposure.kind == ATTACKER and differs(exposure.term):
            for mapping in unify_all(halves(whole), halves(renamed(exposure.term, SENT))):
                _supplied(clauses, pattern, head, sent(clauses, exposure, mapping))
    for needs, _ in recipes(whole, clauses.weak):
        for at, need in enumerate(needs):
            rest = (literal for place, other in enumerate(needs) if place != at for literal in clauses.knows(other))
            apart = clauses.knows(App(IN_TWO_FORMS, (need,)))
            clauses.rule(head, [*apart, *rest], (), Origin("compose", term=pattern, needs=needs))


def _on_one_side(clauses: ClauseSet, supplier: Supplier, pattern: Term, head: Literal) -> None:
    """What the attacker has of which it is known only what it is on one side."""
    clauses.rule(head, list(clauses.knows(pattern)), (), Origin("compose", term=pattern, needs=(pattern,)))
    for exposure, mine, _ in supplier.sent:
        for mapping in unify(pattern, mine):
            _supplied(clauses, pattern, head, sent(clauses, exposure, mapping))
    for needs, _ in recipes(pattern, clauses.weak):
        _supplied(clauses, pattern, head, Supply({}, tuple(one for need in needs for one in supplier.has(need))))


def _apart(clauses: ClauseSet, supplier: Supplier, pattern: Term, head: Literal) -> None:
    """What the attacker has that is something on one side, and on the other not what it should be."""
    assert isinstance(pattern, App)
    for supply in supplier.ways_apart(pattern):
        _supplied(clauses, pattern, head, supply)


def _supplied(clauses: ClauseSet, pattern: Term, head: Literal, supply: Supply) -> None:
    body, conditions = supply.settled()
    clauses.rule(substituted(head, supply.mapping), body, conditions, Origin("compose", term=pattern))


def _injected(clauses: ClauseSet, place: str, pattern: Term, head: Literal) -> None:
    """On a channel that says who sends, the attacker sends as an anonymous sender or under a dishonest name."""
    assert isinstance(pattern, App)
    conditions = writing(clauses, place, pattern)
    if conditions is not None:
        payload = pattern.arguments[-1]
        clauses.rule(head, list(clauses.knows(payload)), conditions, Origin("compose", term=pattern, needs=(payload,)))


def writing(clauses: ClauseSet, place: str, envelope: App) -> tuple[Condition, ...] | None:
    """Return when the attacker writes on a channel: always if that hides senders, else under dishonest names; None if never."""
    _, channel, sender, _ = place.split(" ")
    if channel == "secret":
        return ()
    role = next((machine.role for machine in clauses.machines if machine.role.name == sender), None)
    if role is not None and role.hosts:
        return None
    own = len(role.own) if role is not None else 0
    return tuple(Condition("dishonest", name) for name in envelope.arguments[:-1][:own])


def _exposed(clauses: ClauseSet, kind: str, pattern: Term, head: Literal) -> None:
    """Add a rule for each thing that a role gave away and that can be an instance of the pattern."""
    seen = set()
    for exposure in _candidates(clauses, kind, pattern):
        for mapping in _fits(pattern, exposure):
            machine = next(
                m for m in clauses.machines if clauses.state_of.get((m.role.name, exposure.state)) == exposure.predicate
            )
            arguments = tuple(substitute(variable, mapping) for variable in pattern.variables)
            needs = tuple(substitute(need, mapping) for need in exposure.needs)
            if exposure.any_message and isinstance(pattern, App):
                needs = (*needs, substitute(pattern.arguments[1], mapping))
            key = (exposure.predicate, arguments, needs, exposure.conditions)
            if key in seen:
                continue
            seen.add(key)
            _expose(clauses, machine, exposure, Literal(head.predicate, arguments), needs, mapping)


def _expose(
    clauses: ClauseSet, machine: RoleMachine, exposure: Exposure, head: Literal, needs: tuple[Term, ...],
    mapping: dict[Var, Term],
) -> None:  # fmt: skip
    state = state_literal(clauses, machine, exposure.state)
    body = [Literal(state.predicate, tuple(substitute(a, mapping) for a in state.arguments))]
    body += [literal for need in needs for literal in clauses.knows(need)]
    session = session_literal(clauses, machine)
    fixed = fixed_values(machine)
    conditions = [Condition(c.test, substitute(c.left, mapping), None, c.values) for c in exposure.conditions]
    terms = (*(argument for literal in (head, *body) for argument in literal.arguments), *(c.left for c in conditions))
    used = {v for term in terms for v in term.variables}
    if any(variable in used or variable in mapping for variable in fixed):
        body.append(Literal(session.predicate, tuple(substitute(a, mapping) for a in session.arguments)))
    origin = Origin("expose", machine.role.name, exposure.state, exposure.sent, exposure.term, exposure.needs)
    clauses.rule(head, body, conditions, origin)


def _candidates(clauses: ClauseSet, kind: str, pattern: Term) -> Iterator[Exposure]:
    sort = sort_of(pattern)
    for exposure in clauses.exposures:
        if exposure.kind != kind:
            continue
        term = exposure.term
        if clauses.paired:
            yield exposure
        elif sort is not None:
            if sort_of(term) == sort:
                yield exposure
        elif isinstance(term, App) and isinstance(pattern, App) and term.function == pattern.function:
            yield exposure


def _fits(pattern: Term, exposure: Exposure) -> Iterator[dict[Var, Term]]:
    if exposure.any_message:
        assert isinstance(pattern, App) and isinstance(exposure.term, App)
        yield from unify(pattern.arguments[0], exposure.term.arguments[0])
    elif differs(pattern) or differs(exposure.term):
        yield from unify_all(halves(pattern), halves(exposure.term))
    else:
        yield from unify(pattern, exposure.term)
