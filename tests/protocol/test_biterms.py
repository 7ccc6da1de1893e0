"""Pairs of terms have one normal form, and their halves are what they were made of."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from modelcheck.protocol.biterms import LEFT, RIGHT, SIDES, differs, half, halves, settled, two
from modelcheck.protocol.terms import TWO, App, Const, Key, Term, Var, replace, subterms
from modelcheck.protocol.theory import product

X, Y, Z = (Var(name, "Exponent") for name in "xyz")
N, M = Var("n", "Nonce"), Var("m", "Nonce")
YES, NO = Const("yes", "Vote"), Const("no", "Vote")
KEYS = [Key("enc", "EncryptionKey", (Var(name, "Name"),)) for name in ("a", "b")]
LEAVES: st.SearchStrategy[Term] = st.sampled_from([X, N, M, YES, NO, *KEYS])
EXPONENTS = st.sampled_from([X, Y, Z])
SECRETS: st.SearchStrategy[Term] = st.builds(product, EXPONENTS, EXPONENTS)
TERMS: st.SearchStrategy[Term] = st.recursive(
    LEAVES | SECRETS,
    lambda inner: st.builds(
        lambda f, args: App(f, tuple(args)), st.sampled_from(["hash", "aead"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def pairs_in(term: Term) -> list[App]:
    return [part for part in subterms(term) if isinstance(part, App) and part.function == TWO]


@settings(max_examples=150, deadline=None)
@given(TERMS, TERMS)
def test_the_halves_of_a_pair_are_what_it_was_made_of(left: Term, right: Term) -> None:
    """halves(two(l, r)) == (l, r)"""
    pair = two(left, right)
    assert half(pair, LEFT) is left
    assert half(pair, RIGHT) is right
    assert halves(pair) == (left, right)


@settings(max_examples=150, deadline=None)
@given(TERMS, TERMS)
def test_a_pair_is_settled(left: Term, right: Term) -> None:
    """settled(two(l, r)) is two(l, r)"""
    assert settled(two(left, right)) is two(left, right)


@settings(max_examples=100, deadline=None)
@given(TERMS, TERMS)
def test_only_what_differs_is_a_pair(left: Term, right: Term) -> None:
    """differs(two(l, r)) iff l is not r, and no pair holds another or two terms that could be paired inside."""
    assert differs(two(left, right)) == (left is not right)
    for pair in pairs_in(two(left, right)):
        one, other = pair.arguments
        assert one is not other
        assert not differs(one)
        assert not differs(other)
        assert two(one, other) is pair


@settings(max_examples=100, deadline=None)
@given(TERMS, TERMS, TERMS)
def test_a_construction_on_both_sides_is_one_of_pairs(left: Term, right: Term, common: Term) -> None:
    """two(f(l, c), f(r, c)) is f(two(l, r), c)"""
    built = two(App("hash", (left, common)), App("hash", (right, common)))
    assert built is App("hash", (two(left, right), common))


@settings(max_examples=100, deadline=None)
@given(TERMS, TERMS)
def test_swapping_the_sides_swaps_the_halves(left: Term, right: Term) -> None:
    assert halves(two(right, left)) == halves(two(left, right))[::-1]


@settings(max_examples=100, deadline=None)
@given(TERMS, TERMS, TERMS)
def test_values_are_put_into_both_halves(left: Term, right: Term, value: Term) -> None:
    """half(settled(t[v := u]), side) is half(t, side)[v := u]"""
    values = {N: value}
    for side in SIDES:
        assert half(settled(replace(two(left, right), values)), side) is replace((left, right)[side], values)


def test_terms_of_one_form_stay_as_they_are() -> None:
    """What stands on both sides is one object, and no walk through it makes another."""
    term = App("hash", (N, App("aead", (M, YES))))
    assert two(term, term) is term
    assert settled(term) is term
    assert half(term, LEFT) is term


def test_how_many_arguments_there_are_is_a_difference_of_form() -> None:
    assert two(App("hash", (N,)), App("hash", (N, M))) is App(TWO, (App("hash", (N,)), App("hash", (N, M))))


def test_keys_of_two_parties_are_a_pair_of_keys() -> None:
    """A key is a leaf: no key belongs to a pair of names."""
    assert two(*KEYS) is App(TWO, tuple(KEYS))
    assert two(App("pk", (KEYS[0],)), App("pk", (KEYS[1],))) is App("pk", (App(TWO, tuple(KEYS)),))


def test_shared_secrets_have_the_exponent_outside_that_they_share() -> None:
    """In whichever place it stands: g^(x*y) is g^(y*x)."""
    assert two(product(X, Y), product(X, Z)) is product(X, two(Y, Z))
    assert two(product(Y, Z), product(X, Y)) is product(Y, two(Z, X))
    assert two(product(X, X), product(Y, Z)) is App(TWO, (product(X, X), product(Y, Z)))
