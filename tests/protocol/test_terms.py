"""Terms are interned, and unification is typed."""

from __future__ import annotations

import pickle

from hypothesis import given, settings
from hypothesis import strategies as st

from modelcheck.protocol.terms import App, Const, Key, Term, Var, canonical, renamed, show, substitute, unify

X, Y, N = Var("x", "Exponent"), Var("y", "Exponent"), Var("n", "Nonce")
LEAVES = st.sampled_from([X, Y, N, Var("m", "Nonce"), Const("a", "Label"), Const("b", "Label")])
TERMS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda f, args: App(f, tuple(args)), st.sampled_from(["hash", "pair"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def test_equal_terms_are_one_object() -> None:
    assert App("hash", (N,)) is App("hash", (Var("n", "Nonce"),))
    assert pickle.loads(pickle.dumps(App("hash", (N,)))) is App("hash", (N,))


def test_diffie_hellman_unifies_both_ways() -> None:
    a, b = Var("a", "Exponent"), Var("b", "Exponent")
    found = [(m[a], m[b]) for m in unify(App("dh", (a, b)), App("dh", (X, Y)))]
    assert found == [(X, Y), (Y, X)]


def test_sorts_keep_leaves_apart() -> None:
    assert list(unify(X, N)) == []
    assert list(unify(Var("k", "Psk"), Key("psk", "Psk", (Const("A", "Name"),)))) != []


def test_a_term_reads_like_the_spec() -> None:
    assert show(App("kdf", (App("dh", (X, Y)), Const("label", "Label")))) == 'kdf(g^(x*y), "label")'


@settings(max_examples=80, deadline=None)
@given(TERMS, TERMS)
def test_a_unifier_makes_terms_equal(left: Term, right: Term) -> None:
    """Every unifier yields one common instance."""
    apart = renamed(right, "'")
    for mapping in unify(left, apart):
        assert substitute(left, mapping) is substitute(apart, mapping)


@settings(max_examples=80, deadline=None)
@given(TERMS)
def test_the_skeleton_does_not_depend_on_names(term: Term) -> None:
    """Renaming variables keeps the skeleton."""
    assert canonical(renamed(term, "z"))[0] is canonical(term)[0]
