"""What the attacker can supply that is as expected on one side only."""

from __future__ import annotations

import pytest

from modelcheck.engine import supplies
from modelcheck.engine.forms import _Bench
from modelcheck.engine.supplies import APART, ON_ONE_SIDE, SENT, Supplier, Supply, unless_equal
from modelcheck.protocol.biterms import LEFT, SIDES
from modelcheck.protocol.model import Observational
from modelcheck.protocol.terms import ANYTHING, App, Const, Term, Var, show, subterms
from tests.support import tasks

TEXT = """\
protocol p
  role Client is client given server
  role Store
  role Other
  values Mode = real, cover
flow
  Client picks mode: Mode
  Client creates n: Nonce, m: Nonce, k: SymmetricKey
  Client -> Store: Hello { x: hash(n) when mode = real else hash(n, m) }
  Client -> Other: Note { encrypt(k, m) }
  Client accepts
claims
  c: mode indistinguishable among { real, cover } at Client
"""

N, M, X = Var("n", "Nonce"), Var("m", "Nonce"), Var("x", "Exponent")
ONE, BOTH = App("hash", (N,)), App("hash", (N, M))
"""What the hello holds on the left and on the right."""
WORD = Const("word", "Label")


@pytest.fixture(scope="module")
def suppliers() -> tuple[Supplier, Supplier]:
    (task,) = tasks(TEXT)
    assert isinstance(task.what.property, Observational)
    clauses = _Bench(task.library.system(task.owner), task.what, task.what.property).clauses
    left, right = (Supplier(clauses, side) for side in SIDES)
    return left, right


def ways(supplier: Supplier, term: Term, *expected: Term) -> list[tuple[dict[str, str], list[tuple[str, str, str]]]]:
    """When something is ``term`` on one side and none of ``expected`` on the other: values, and what must differ."""
    return [
        (
            {show(v): show(value) for v, value in way.mapping.items()},
            [(c.test, show(c.left), "" if c.right is None else show(c.right)) for c in way.conditions],
        )
        for way in supplier.ways_apart(App(APART[supplier.side], (term, *expected)))
    ]


def test_what_is_sent_in_two_forms_is_seen_from_either_side(suppliers: tuple[Supplier, Supplier]) -> None:
    left, right = suppliers
    assert [(show(mine), show(other)) for _, mine, other in left.sent] == [("hash(sent n)", "hash(sent n, sent m)")]
    assert [(other, mine) for _, mine, other in right.sent] == [(mine, other) for _, mine, other in left.sent]
    assert all(v.name.startswith(SENT) for _, mine, _ in left.sent for v in mine.variables)


@pytest.mark.parametrize(
    ("term", "left", "right"),
    [
        (ONE, True, False),
        (BOTH, False, True),
        (App("hash", (ONE, WORD)), True, False),
        (App("kdf", (BOTH,)), False, True),
        (App("aead", (N, WORD, WORD, M)), False, False),
        (N, False, False),
        (WORD, False, False),
        (ANYTHING, False, False),
    ],
)
def test_what_may_have_a_part_that_was_sent_in_two_forms(
    term: Term, left: bool, right: bool, suppliers: tuple[Supplier, Supplier]
) -> None:
    """Constructions too, for the attacker builds them on both sides."""
    assert [supplier.touched(term) for supplier in suppliers] == [left, right]


def test_what_is_the_same_on_both_sides_is_as_expected(suppliers: tuple[Supplier, Supplier]) -> None:
    left, right = suppliers
    assert left.apart(BOTH, [BOTH]) is None
    assert right.apart(ONE, [ONE]) is None
    assert left.apart(N, [M, N]) is None
    assert left.apart(ANYTHING, [N, ANYTHING]) is None


def test_something_that_nobody_reads_is_always_there(suppliers: tuple[Supplier, Supplier]) -> None:
    assert suppliers[LEFT].apart(ANYTHING, [N]) == ()


@pytest.mark.parametrize("side", SIDES)
def test_knowledge_of_one_side_is_asked_for_only_where_it_may_differ(
    side: int, suppliers: tuple[Supplier, Supplier]
) -> None:
    """has(t) is knowledge on both sides unless t, or a part, was sent in two forms."""
    supplier = suppliers[side]
    here, there = (ONE, BOTH)[side], (BOTH, ONE)[side]

    def kinds(term: Term) -> list[str]:
        return [supplier.clauses.predicates[literal.predicate].name for literal in supplier.has(term)]

    assert kinds(here) == [ON_ONE_SIDE[side]]
    assert kinds(there) == ["attacker"]
    assert kinds(App("tuple", (here, there))) == [ON_ONE_SIDE[side], "attacker"]


def test_what_was_sent_is_what_the_other_side_expects_if_that_is_it(suppliers: tuple[Supplier, Supplier]) -> None:
    """Of the hello the attacker has no other pair than the one that was sent: both nonces would have to be its own."""
    left, right = suppliers
    sent = ({"n": "sent n"}, [("differ", "m", "sent m")])
    assert sent in ways(left, ONE, BOTH)
    assert ({"n": "sent n", "m": "sent m"}, []) not in ways(right, BOTH, ONE)
    assert ({"n": "sent n", "m": "sent m"}, []) in ways(right, BOTH, BOTH)


def test_any_value_of_what_is_not_known_is_as_expected(suppliers: tuple[Supplier, Supplier]) -> None:
    """A role that learns the second nonce takes whichever it is."""
    literals = suppliers[LEFT].apart(ONE, [BOTH], known=[N])
    assert literals is not None
    (literal,) = literals
    pattern = suppliers[LEFT].clauses.predicates[literal.predicate].pattern
    assert isinstance(pattern, App)
    term, *expected = pattern.arguments
    assert {"n": "sent n"} not in [values for values, _ in ways(suppliers[LEFT], term, *expected)]
    marks = [part for one in expected for part in subterms(one) if isinstance(part, Const)]
    assert [mark.sort for mark in marks] == [f"{supplies.ANY}Nonce"]


def test_alike_on_both_sides_it_has_to_differ_from_what_is_expected() -> None:
    found = list(unless_equal(Supply({}), App("hash", (N, WORD)), [App("hash", (M, WORD)), BOTH], None))
    assert [[(c.test, c.left, c.right) for c in one.conditions] for one in found] == [[("differ", M, N)]]
    assert list(unless_equal(Supply({}), N, [N], None)) == []
    (other,) = unless_equal(Supply({}), ONE, [App("kdf", (N,))], None)
    assert other.conditions == ()


def test_of_each_thing_that_is_expected_some_part_has_to_differ() -> None:
    """Unequal pairs of nonces differ in the first or in the second."""
    a, b = Var("a", "Nonce"), Var("b", "Nonce")
    found = list(unless_equal(Supply({}), BOTH, [App("hash", (a, b))], None))
    assert [[(c.left, c.right) for c in one.conditions] for one in found] == [[(a, N)], [(b, M)]]


def test_with_too_many_ways_to_differ_everything_counts_as_different(monkeypatch: pytest.MonkeyPatch) -> None:
    """That may show a difference where there is none, and hides none."""
    monkeypatch.setattr(supplies, "MOST_CHOICES", 1)
    a, b = Var("a", "Nonce"), Var("b", "Nonce")
    (found,) = unless_equal(Supply({}), BOTH, [App("hash", (a, b))], None)
    assert found.conditions == ()
    assert list(unless_equal(Supply({}), BOTH, [BOTH, App("hash", (a, b))], None)) == []


def test_what_is_read_of_one_term_has_to_be_read_of_the_other() -> None:
    cut = App("hash", (N, ANYTHING))
    assert list(unless_equal(Supply({}), cut, [App("hash", (N, ANYTHING))], None)) == []
    (found,) = unless_equal(Supply({}), cut, [BOTH], None)
    assert found.conditions == ()


def test_shared_secrets_are_equal_in_either_order() -> None:
    y, a, b = (Var(name, "Exponent") for name in "yab")
    found = list(unless_equal(Supply({}), App("dh", (X, y)), [App("dh", (a, b))], None))
    assert {tuple((c.left, c.right) for c in one.conditions) for one in found} >= {((a, X), (a, y)), ((b, y), (b, X))}
