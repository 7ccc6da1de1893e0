"""Rules for the blocks of role machines, and what each block gives away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelcheck.engine.clauses import (
    ATTACKER,
    SESSION,
    ClauseSet,
    Condition,
    Exposure,
    Literal,
    Origin,
    Predicate,
)
from modelcheck.machines.blocks import Block, blocks
from modelcheck.machines.machine import (
    Guard,
    Keep,
    Pick,
    Recall,
    Receive,
    RoleMachine,
    Send,
    Step,
    fixed_values,
    simple,
)
from modelcheck.protocol.model import Channel, Fact, Path
from modelcheck.protocol.terms import NAME, App, Const, Term, Var, sort_of, substitute, subterms, unify
from modelcheck.protocol.theory import is_data, openings

IDENTITY = "#session"


def session_variable(prefix: str = "") -> Var:
    """Return the variable for the session class of a rule's role."""
    return Var(prefix + IDENTITY, SESSION)


def declare_role(clauses: ClauseSet, machine: RoleMachine) -> None:
    """Add the predicates of a role: one for its sessions, one for each cut state."""
    fixed = fixed_values(machine)
    name = machine.role.name
    clauses.session_of[name] = clauses.predicate(
        Predicate("session", name, (SESSION, *(variable.sort for variable in fixed)), fixed)
    )
    for block in blocks(machine):
        variables = tuple(v for v in machine.states[block.end].bound if v not in fixed)
        columns = (SESSION, *(column for v in variables for column in clauses.column_sorts(v.sort)))
        clauses.state_of[name, block.end] = clauses.predicate(
            Predicate("state", f"{name} {block.end}", columns, variables)
        )


def state_literal(clauses: ClauseSet, machine: RoleMachine, state: int, prefix: str = "") -> Literal:
    """Return the literal "a session is in cut state ``state``", its role's variables prefixed with ``prefix``."""
    index = clauses.state_of[machine.role.name, state]
    variables = clauses.predicates[index].variables
    return Literal(index, (session_variable(prefix), *(Var(prefix + v.name, v.sort) for v in variables)))


def session_literal(clauses: ClauseSet, machine: RoleMachine, prefix: str = "") -> Literal:
    """Return the literal that ties a session's class to its names and fresh values."""
    variables = fixed_values(machine)
    return Literal(
        clauses.session_of[machine.role.name],
        (session_variable(prefix), *(Var(prefix + v.name, v.sort) for v in variables)),
    )


@dataclass(slots=True)
class Draft:
    """A block's rule under construction: one alternative of the unifiers of its guards."""

    mapping: dict[Var, Term]
    body: list[Literal]
    conditions: list[Condition]


def add_block(clauses: ClauseSet, block: Block) -> None:
    """Add the rules by which a session takes a block."""
    machine = block.machine
    start: list[Literal] = [state_literal(clauses, machine, block.start)] if block.start else []
    drafts = [Draft({}, start, [])]
    for step in block.steps:
        drafts = [longer for draft in drafts for longer in extended(clauses, machine, draft, step)]
    origin = Origin("step", machine.role.name, block.end)
    tied = certificates(clauses, block)
    for draft in drafts:
        draft.body.extend(tied)
        head = substituted(state_literal(clauses, machine, block.end), draft.mapping)
        body = [substituted(literal, draft.mapping) for literal in draft.body]
        body = [*body, *tie_session(clauses, machine, (head, *body), draft.mapping)]
        conditions = [
            Condition(c.test, substitute(c.left, draft.mapping),
                      None if c.right is None else substitute(c.right, draft.mapping), c.values)
            for c in draft.conditions
        ]  # fmt: skip
        clauses.rule(head, body, conditions, origin)


def certificates(clauses: ClauseSet, block: Block) -> list[Literal]:
    """Return the literals that tie the keys which the role first sees in this block to the names on certificates."""
    states = block.machine.states
    result = []
    for variable, (family, name) in clauses.certified_keys.items():
        if variable in states[block.end].bound and variable not in states[block.start].bound:
            columns = (name.sort, variable.sort)
            result.append(Literal(clauses.predicate(Predicate("certified", family, columns)), (name, variable)))
    return result


def tie_session(
    clauses: ClauseSet, machine: RoleMachine, literals: tuple[Literal, ...], mapping: dict[Var, Term], prefix: str = ""
) -> Iterator[Literal]:
    """Yield the session literal if the rule speaks of the session's names or fresh values, or has no other premise."""
    fixed = {Var(prefix + v.name, v.sort) for v in fixed_values(machine)}
    used = {variable for literal in literals for argument in literal.arguments for variable in argument.variables}
    touched = any(variable in mapping for variable in fixed)
    if fixed & used or touched or not literals[1:]:
        yield substituted(session_literal(clauses, machine, prefix), mapping)


def substituted(literal: Literal, mapping: Mapping[Var, Term]) -> Literal:
    """Return a literal with a substitution applied to its arguments."""
    return Literal(literal.predicate, tuple(substitute(argument, mapping) for argument in literal.arguments))


def arrival(clauses: ClauseSet, machine: RoleMachine, pattern: Term, channel: Channel, sender: str) -> tuple[Term, str]:
    """Return what has to be where for a role to receive a message of this shape: the attacker, a channel, a wire."""
    receiver = machine.role.name
    if clauses.passive:
        return pattern, wire_name(sender, receiver)
    if channel == "public":
        return pattern, ATTACKER
    return enclosed(clauses, machine, channel, sender, receiver, pattern), channel_name(channel, sender, receiver)


def extended(clauses: ClauseSet, machine: RoleMachine, draft: Draft, step: Step) -> Iterator[Draft]:
    """Yield the draft with a step added: none if its guard never holds, several if it can hold in several ways."""
    match step:
        case Receive(pattern, _, channel, sender):
            draft.body.extend(clauses.knows(*arrival(clauses, machine, pattern, channel, sender)))
            yield draft
        case Recall(items):
            record = owned(clauses, machine, tuple(term for _, term in items))
            draft.body.extend(clauses.knows(record, record_name(machine.role.name, tuple(name for name, _ in items))))
            yield draft
        case Pick(value, rule, sources, allowed):
            if rule != "any":
                draft.body.append(choice(clauses, rule, value, sources))
            if sort_of(value) in clauses.hidden:
                draft.body.append(picked(clauses, machine, value))
            if allowed is not None:
                draft.conditions.append(Condition("among", value, None, allowed))
            yield draft
        case Guard():
            yield from _guarded(clauses, draft, step)
        case _:
            yield draft


def _guarded(clauses: ClauseSet, draft: Draft, guard: Guard) -> Iterator[Draft]:
    """Yield the alternatives of a guard. ``new`` only restricts which sessions coexist, which no single run shows."""
    left, right = guard.left, guard.right
    match guard.test:
        case "equal":
            assert right is not None
            for mapping in unify(left, right, draft.mapping):
                yield Draft(mapping, list(draft.body), list(draft.conditions))
            return
        case "differ":
            assert right is not None
            if left is right:
                return
            if sort_of(left) is not None and sort_of(right) is not None:
                draft.conditions.append(Condition("differ", left, right))
        case "among":
            draft.conditions.append(Condition("among", left, None, guard.values))
        case "member":
            assert right is not None
            draft.body.append(choice(clauses, "member", left, (right,)))
        case "hosted":
            draft.conditions.append(Condition("honest", left))
        case "new":
            pass
    yield draft


def choice(clauses: ClauseSet, rule: str, value: Term, sources: tuple[Term, ...]) -> Literal:
    """Return the literal "``value`` is a member (or the best) of all ``sources``"."""
    columns = (str(sort_of(value)), *(str(sort_of(source)) for source in sources))
    return Literal(clauses.predicate(Predicate("choice", rule, columns)), (value, *sources))


def picked(clauses: ClauseSet, machine: RoleMachine, value: Term) -> Literal:
    """Return the literal "a session of the role may pick this", where what the judged one picks differs from the rest."""
    columns = (SESSION, str(sort_of(value)))
    name = f"{machine.role.name} {value.name}" if isinstance(value, Var) else machine.role.name
    return Literal(clauses.predicate(Predicate("picked", name, columns)), (session_variable(), value))


def channel_name(channel: Channel, sender: str, receiver: str) -> str:
    """Return the name of the protected channel of a kind between two roles."""
    return f"channel {channel} {sender} {receiver}"


def wire_name(sender: str, receiver: str) -> str:
    """Return the name of what one role sent to another, which a passive attacker leaves as it is."""
    return f"wire {sender} {receiver}"


def enclosed(
    clauses: ClauseSet, machine: RoleMachine, channel: Channel, sender: str, receiver: str, term: Term
) -> Term:
    """Return a message on a protected channel with the names of its ends, as far as this role knows them.

    A secret channel says who receives, not who sends.
    """
    tied = (receiver,) if channel == "secret" else (sender, receiver)
    ends = [m.role for name in tied for m in clauses.machines if m.role.name == name]
    known = {v for state in machine.states for v in state.bound} if machine.role.name else set()
    names = tuple(name if name in known else clauses.fresh(name.sort) for role in ends for name in role.own)
    return App("envelope", (*names, term))


def owned(clauses: ClauseSet, machine: RoleMachine, values: tuple[Term, ...]) -> Term:
    """Return a record with the names under which the party acts that stores it; what a role does not say is open.

    Two protocols may call the party's name differently: names correspond by their position.
    """
    alike = [m.role for m in clauses.machines if simple(m.role.name) == simple(machine.role.name)]
    own = machine.role.own
    unsaid = max(len(role.own) for role in alike) - len(own)
    return App("record", (*own, *(clauses.fresh(NAME) for _ in range(unsaid)), *values))


def record_name(role: str, names: tuple[str, ...]) -> str:
    """Return the name of the store from which a role recalls values of these names."""
    return f"record {simple(role)} {' '.join(names)}"


# ------------------------------------------------------------------------------------------------ what is given away


def expose_block(clauses: ClauseSet, block: Block, recalls: set[tuple[str, ...]]) -> None:
    """Add what the sends and keeps of a block give away, and to whom."""
    machine = block.machine
    predicate = clauses.state_of[machine.role.name, block.end]
    for step in block.steps:
        match step:
            case Send(term=term, channel=channel, receiver=receiver):
                if channel in ("public", "authentic"):
                    _expose(clauses, ATTACKER, predicate, block.end, term, ())
                else:
                    _expose_protected(clauses, machine, predicate, block.end, term, receiver)
                if clauses.passive:
                    place = wire_name(machine.role.name, receiver)
                    clauses.exposures.append(Exposure(place, predicate, term, (), (), term, block.end))
                elif channel != "public":
                    place = channel_name(channel, machine.role.name, receiver)
                    envelope = enclosed(clauses, machine, channel, machine.role.name, receiver, term)
                    clauses.exposures.append(Exposure(place, predicate, envelope, (), (), term, block.end))
            case Keep(items):
                values = dict(items)
                for names in sorted(recalls):
                    if all(name in values for name in names):
                        record = owned(clauses, machine, tuple(values[name] for name in names))
                        place = record_name(machine.role.name, names)
                        clauses.exposures.append(Exposure(place, predicate, record, (), (), record, block.end))
            case _:
                pass


def _expose_protected(
    clauses: ClauseSet, machine: RoleMachine, predicate: int, state: int, term: Term, receiver: str
) -> None:
    """An anonymous receiver, or one with a dishonest name, may be the attacker."""
    other = next((m.role for m in clauses.machines if m.role.name == receiver), None)
    if other is None or not (other.own or other.hosts):
        _expose(clauses, ATTACKER, predicate, state, term, ())
        return
    for name in (*other.own, *other.hosts):
        if name in machine.states[state].bound:
            _expose(clauses, ATTACKER, predicate, state, term, (Condition("dishonest", name),))


def _expose(
    clauses: ClauseSet, kind: str, predicate: int, state: int, term: Term, conditions: tuple[Condition, ...]
) -> None:
    """Add every part that can be taken out of a sent term, with the keys that it takes."""
    seen: set[tuple[Term, tuple[Term, ...]]] = set()
    todo: list[tuple[Term, tuple[Term, ...]]] = [(term, ())]
    while todo:
        part, needs = todo.pop()
        if (part, needs) in seen:
            continue
        seen.add((part, needs))
        if isinstance(part, App) and is_data(part.function):
            todo.extend((argument, needs) for argument in part.arguments)
            continue
        if not clauses.is_public_leaf(part):
            clauses.exposures.append(Exposure(kind, predicate, part, needs, conditions, term, state))
        for more, content, _ in openings(part, clauses.weak):
            todo.append((content, tuple(dict.fromkeys((*needs, *more)))))
        moved = "hash" in clauses.weak and not clauses.paired
        if moved and isinstance(part, App) and part.function == "sign":
            clauses.exposures.append(Exposure(kind, predicate, part, needs, conditions, term, state, any_message=True))


def expose_weak(clauses: ClauseSet, block: Block, form: str, fact: Fact, paths: tuple[Path, ...]) -> None:
    """Add what a weak primitive gives away in the sessions where the condition of the claim holds.

    On a path that fixes the value, the value says whether it holds there; a role that never learns the value is taken
    to be in such a session, which only strengthens the attacker.
    """
    machine = block.machine
    predicate = clauses.state_of[machine.role.name, block.end]
    for index, view in machine.states[block.end].views.items():
        honest = paths[index].values.get(fact.subject.name)
        if honest is None or (isinstance(honest, Const) and honest.value not in fact.values):
            continue
        own = view.of(honest)
        if isinstance(own, Const) and own.value not in fact.values:
            continue
        among = isinstance(own, Var)
        conditions = (Condition("among", own, None, fact.values),) if among and own is not None else ()
        computed = tuple(own for value in paths[index].values.values() if (own := view.of(value)) is not None)
        collides = form == "hash"
        for part in weak_parts(block, form, computed):
            # A signature fits other messages in the hands of those who have it.
            needs = (part,) if collides else ()
            clauses.exposures.append(
                Exposure(ATTACKER, predicate, part, needs, conditions, part, block.end, any_message=collides, form=form)
            )


def weak_parts(block: Block, form: str, computed: tuple[Term, ...]) -> Iterator[Term]:
    """Yield what a weak primitive of this form reveals of the terms that a block sends, receives or computes."""
    terms = [s.term for s in block.steps if isinstance(s, Send)]
    received = [s.pattern for s in block.steps if isinstance(s, Receive)]
    seen = dict.fromkeys(part for term in (*terms, *received, *computed) for part in subterms(term))
    for part in seen:
        match part:
            case App("dh") if form == "dh":
                yield part
            case App("kem_ss") if form == "kem":
                yield part
            case App("aead", (_, _, _, content)) if form == "aead":
                yield content
            case App("pk_encrypt", (_, content)) if form == "pk_encrypt":
                yield content
            case App("sign") if form == "hash" and any(part in subterms(term) for term in terms):
                yield part
            case App("sign", (key, _)) if form in ("sign", "rsa") and sort_of(key) in _forgeable(form):
                yield key
            case App("pk_encrypt", (App("pk", (key,)), _)) if form == "rsa" and sort_of(key) == "RsaKey":
                yield key
            case _:
                pass


def _forgeable(form: str) -> tuple[str, ...]:
    return ("RsaKey",) if form == "rsa" else ("RsaKey", "SigningKey")
