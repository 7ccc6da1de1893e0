"""The order in which roles read messages, and what a message looks like as far as it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelcheck.engine.seen import fit
from modelcheck.machines.machine import Receive, RoleMachine
from modelcheck.machines.reading import beginnings, parts
from modelcheck.protocol.model import Reading
from modelcheck.protocol.terms import ANYTHING, LABEL, MESSAGE, App, Const, Term, Var, show
from tests.support import tasks

HEAD = """\
protocol p
  role A
  role B
flow
  A creates k: SymmetricKey, n: Nonce, m: Nonce, o: Nonce
  A -[secure]-> B: Keys { k }
"""


def receiver(flow: str, role: str = "B") -> RoleMachine:
    (task,) = tasks(f"{HEAD}{flow}\n  A accepts\n  B accepts\nclaims\n  c: secret k at A\n")
    return next(m for m in task.library.system(task.owner).machines if m.role.name == role)


def order(flow: str) -> list[str]:
    """What B reads of its last message, part after part."""
    machine = receiver(flow)
    state = [state for state in machine.states if isinstance(state.step, Receive)][-1]
    assert isinstance(state.step, Receive)
    bound = machine.states[state.parent].bound
    return [show(part.term).partition(" {")[0] for part in parts(state.step.pattern, bound, state.step.readings)]


def test_outer_parts_come_before_inner_ones_in_the_order_written() -> None:
    assert order("A -> B: M { a: n, b: encrypt(k, m), c: o }") == ["M", "n", 'aead(k, "", "", m)', "m", "o"]


def test_what_another_part_opens_is_read_as_soon_as_that_part_is() -> None:
    flow = "A creates j: SymmetricKey\nA -> B: M { a: encrypt(j, m), b: (n, encrypt(k, j)), c: o }"
    assert order(flow) == ["M", "n", 'aead(k, "", "", j)', "j", 'aead(j, "", "", m)', "m", "o"]
    assert order("A -> B: M { a: hmac(k, n, m), b: n, c: m }") == ["M", "n", "m", "hmac(k, n, m)"]


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ("B checks M.c first", "M o n m"),
        ("B checks M.a last", "M m o n"),
        ("B checks M.a last  B checks M.c first", "M o m n"),
        ("B checks A.M.b first", "M m n o"),
        ("B checks M last", "M n m o"),
    ],
)
def test_a_flow_says_what_comes_first_or_last(statements: str, expected: str) -> None:
    assert order(f"A -> B: M {{ a: n, b: m, c: o }}\n  {statements}") == expected.split()


def test_statements_reach_into_what_is_sealed_and_hold_in_all_branches() -> None:
    sealed = "A -> B: encrypted(k) { M { a: n, b: m } N { o } }"
    assert order(f"{sealed}\n  B checks M.a last")[-3:] == ["N", "o", "n"]
    assert order(f"{sealed}\n  opt A chooses more\n    B checks N first\n  end")[1:3] == ["N", "o"]
    assert order("A -> B: M { a: encrypt(k, n), b: m } as_label\n".replace(" as_label", "") + "B checks M.b first") == [
        "M", "m", 'aead(k, "", "", n)', "n"]  # fmt: skip


def test_what_is_read_last_waits_for_nothing_that_needs_it() -> None:
    """The MAC needs the nonce: both come after everything else."""
    assert order("A -> B: M { a: n, b: hmac(k, n), c: m }\n  B checks M.a last") == ["M", "m", "n", "hmac(k, n)"]


def test_parts_that_open_each_other_are_read_too_early() -> None:
    one, other = Var("one", "SymmetricKey"), Var("other", "SymmetricKey")
    sealed = [App("aead", (key, Const("", LABEL), Const("", LABEL), content)) for key, content in
              ((one, other), (other, one))]  # fmt: skip
    assert [part.early for part in parts(App("tuple", tuple(sealed)), ())] == [True, False, False, False]


def test_failures_that_look_alike_share_their_statement() -> None:
    machine = receiver("A -> B: M { a: n, b: m }, N { a: o }\n  B fails alike on M.b, N")
    step = machine.states[-2].step
    assert isinstance(step, Receive)
    assert [(show(p.term).partition(" {")[0], p.alike) for p in parts(step.pattern, (), step.readings)] == [
        ("M", ""), ("n", ""), ("m", "B fails alike on M.b, N"), ("N", "B fails alike on M.b, N"),
        ("o", "B fails alike on M.b, N")]  # fmt: skip


def test_a_statement_without_parts_is_about_all_of_them() -> None:
    machine = receiver("A -> B: M { a: n, b: m }\n  B fails alike")
    for state in machine.states:
        if isinstance(state.step, Receive):
            assert state.step.readings == (Reading("alike", (), "B fails alike"),)
    assert all(not s.step.readings for s in receiver("B -> A: M { k }\n  B fails alike", "A").states
               if isinstance(s.step, Receive))  # fmt: skip


def test_the_whole_message_is_the_last_beginning() -> None:
    pattern = App("tuple", (Var("n", "Nonce"), App("hmac", (Var("k", "SymmetricKey"), Var("n", "Nonce")))))
    found = [term for _, term in beginnings(pattern, ())]
    assert found[0] == App("tuple", (Var("n", "Nonce"), ANYTHING))
    assert found[-1] is pattern


# ------------------------------------------------------------------------------------------------ a flight, step by step

KEY, OTHER = Const("k", "SymmetricKey"), Const("j", "SymmetricKey")
RIGHT, WRONG = Const("right", "Nonce"), Const("wrong", "Nonce")
PARTS = ("nonce", "name", "tag", "finished")


def flight(nonce: Term, name: Term, tag: Term, finished: Term) -> Term:
    """Four messages: two values, and two that cover the messages before them."""
    return App("tuple", tuple(App(MESSAGE + part, (value,)) for part, value in
                              zip(PARTS, (nonce, name, tag, finished), strict=True)))  # fmt: skip


def mac(covered: Mapping[str, Term], key: Term = KEY) -> Term:
    return App("hmac", (key, *(App(MESSAGE + part, (value,)) for part, value in covered.items())))


def stops_at(values: Mapping[str, Term], honest: Mapping[str, Term], wanted: Sequence[str]) -> str | None:
    """What a program finds wrong first that keeps its transcript from the bytes that came."""
    for part in wanted:
        if part in ("nonce", "name"):
            if values[part] is not honest[part]:
                return part
        else:
            covered = PARTS[: PARTS.index(part)]
            if values[part] is not mac({name: values[name] for name in covered}):
                return part
    return None


@given(
    st.sampled_from(list(product((RIGHT, WRONG), repeat=2))),
    st.sampled_from(["as it came", "as expected", "forged"]), st.sampled_from(["as it came", "as expected", "forged"]),
    st.lists(st.sampled_from(PARTS), max_size=2, unique=True), st.lists(st.sampled_from(PARTS), max_size=2, unique=True),
)  # fmt: skip
def test_a_role_computes_with_what_came_as_long_as_it_has_not_compared_it(
    sent: tuple[Term, Term], tag: str, finished: str, first: list[str], last: list[str]
) -> None:
    honest: dict[str, Term] = {"nonce": RIGHT, "name": RIGHT}
    honest["tag"] = mac(honest)
    honest["finished"] = mac(honest)
    values: dict[str, Term] = {"nonce": sent[0], "name": sent[1]}
    for part, kind in (("tag", tag), ("finished", finished)):
        forged = mac({name: values[name] for name in PARTS[: PARTS.index(part)]}, OTHER)
        values[part] = {"as it came": mac(values), "as expected": honest[part], "forged": forged}[kind]
    readings = [
        Reading(kind, (PARTS.index(part), 0), "")  # type: ignore[arg-type]
        for kind, chosen in (("first", first), ("last", last)) for part in chosen
    ]  # fmt: skip
    early = [part for part in PARTS if part in first]
    late = [part for part in PARTS if part in last and part not in first]
    wanted = [*early, *(part for part in PARTS if part not in (*first, *last)), *late]
    message, pattern = flight(**values), flight(**honest)
    stopped = next(
        (part.term for part, begin in beginnings(pattern, (), readings) if fit(begin, message, {}) is None), None
    )
    expected = stops_at(values, honest, wanted)
    assert stopped is (None if expected is None else honest[expected])
