"""Frames: what an observer can tell from messages, and the comparison of two frames against an explicit search."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from modelcheck.engine import frames
from modelcheck.engine.deduction import KeyRing
from modelcheck.engine.frames import Frame, Sights
from modelcheck.engine.seen import Different, Seen
from modelcheck.protocol.terms import App, Const, Term
from modelcheck.protocol.theory import product
from tests.laws.two_worlds import Different as Differs
from tests.laws.two_worlds import Frames as ExplicitFrames

RING = KeyRing({}, {})
N, M, P = (Const(name, "Nonce") for name in "nmp")
K, L = (Const(name, "SymmetricKey") for name in "kl")
SK, TK = (Const(name, "EncryptionKey") for name in ("sk", "tk"))
SIG = Const("sig", "SigningKey")
KEM = Const("kem", "KemKey")
COINS, COINS2 = Const("c", "Coins"), Const("d", "Coins")
X, Y, Z = (Const(name, "Exponent") for name in "xyz")
ONE, TWO = Const("one", "Label"), Const("two", "Label")


def f(name: str, *arguments: Term) -> App:
    return App(name, arguments)


def sealed(key: Term, content: Term) -> App:
    return f("aead", key, ONE, ONE, content)


def alike(left: list[Term], right: list[Term]) -> bool:
    sights = Sights()
    return Frame(left, RING, sights).look() == Frame(right, RING, sights).look()


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ([N], [M], True),
        ([N, N], [N, M], False),
        ([ONE], [TWO], False),
        ([ONE], [N], False),
        ([f("hash", N)], [M], True),
        ([N, f("hash", N)], [N, M], False),
        ([f("hash", N), N], [f("hash", N), N], True),
        ([sealed(K, ONE)], [sealed(L, TWO)], True),
        ([sealed(K, ONE), K], [sealed(K, TWO), K], False),
        ([sealed(K, N), K], [sealed(K, M), K], True),
        ([sealed(K, ONE), K], [sealed(L, ONE), K], False),
        ([sealed(K, L), K, sealed(L, ONE)], [sealed(K, L), K, sealed(L, TWO)], False),
        ([f("pk_encrypt", f("pk", SK), ONE), f("pk", SK)], [f("pk_encrypt", f("pk", SK), TWO), f("pk", SK)], False),
        ([f("pk_encrypt", f("pk", SK), N), f("pk", SK)], [f("pk_encrypt", f("pk", TK), N), f("pk", SK)], True),
        ([f("sign", SIG, N)], [f("sign", SIG, M)], True),
        ([f("sign", SIG, ONE)], [f("sign", SIG, TWO)], False),
        ([f("sign", SIG, ONE)], [N], False),
        ([f("sign", SIG, N), f("pk", SIG)], [f("sign", SIG, N), f("pk", SK)], False),
        ([f("g", X), f("g", Y), product(X, Y)], [f("g", X), f("g", Y), product(X, Z)], True),
        ([X, f("g", Y), product(X, Y)], [X, f("g", Y), product(X, Z)], False),
        ([X, Y, product(X, Y)], [Y, X, product(X, Y)], True),
        ([KEM, f("kem_ct", f("pk", KEM), COINS), f("kem_ss", f("pk", KEM), COINS)],
         [KEM, f("kem_ct", f("pk", KEM), COINS), f("kem_ss", f("pk", KEM), COINS2)], False),
        ([f("kem_ct", f("pk", KEM), COINS), f("kem_ss", f("pk", KEM), COINS)], [N, M], True),
        ([KEM, f("kem_ct", f("pk", KEM), COINS)], [KEM, N], False),
        ([f("tuple", N, ONE)], [f("tuple", M, ONE)], True),
        ([f("tuple", N, ONE)], [M], False),
    ],
)  # fmt: skip
def test_what_an_observer_tells_apart(left: list[Term], right: list[Term], same: bool) -> None:
    assert alike(left, right) is alike(right, left) is same


def random_term(random: Random, depth: int) -> Term:
    if depth == 0 or random.random() < 0.25:
        return random.choice([N, M, P, K, L, ONE, TWO])
    inside = random_term(random, depth - 1)
    return random.choice([
        f("hash", inside), sealed(random.choice([K, L, f("hash", N), product(X, Y)]), inside),
        f("pk_encrypt", f("pk", random.choice([SK, TK])), inside), f("sign", SIG, inside),
        f("tuple", inside, random_term(random, depth - 1)), random.choice([f("g", X), f("g", Y), product(X, Y), X, SK]),
    ])  # fmt: skip


def changed(random: Random, term: Term) -> Term:
    """The term with some of its parts exchanged."""
    if random.random() < 0.06:
        return random.choice([N, M, P, K, L, random_term(random, 1)])
    if isinstance(term, App):
        new = tuple(changed(random, part) if term.function != "dh" else part for part in term.arguments)
        return App(term.function, new)
    return term


def told_apart(left: list[Term], right: list[Term]) -> bool:
    """Whether the explicit search of either side sees a difference."""
    pairs = list(zip(left, right, strict=True))
    try:
        ExplicitFrames(frozenset(pairs), frozenset())
        ExplicitFrames(frozenset((b, a) for a, b in pairs), frozenset())
    except Differs:
        return True
    return False


def replayed_apart(left: list[Term], right: list[Term]) -> bool:
    """Whether the replayer of two systems sees a difference."""
    pairs = list(zip(left, right, strict=True))
    try:
        Seen(pairs, {})
        Seen([(b, a) for a, b in pairs], {})
    except Different:
        return True
    return False


def random_frames(seed: int) -> tuple[list[Term], list[Term]]:
    random = Random(seed)
    left = [random_term(random, 3) for _ in range(random.choice([1, 2, 3, 4]))]
    return left, [changed(random, term) for term in left]


def test_frames_are_compared_as_an_explicit_search_does() -> None:
    """Random frames: descriptions are equal exactly if no test of either search comes out differently."""
    seen: Counter[bool] = Counter()
    for seed in range(800):
        left, right = random_frames(seed)
        same = alike(left, right)
        assert same is not told_apart(left, right), (left, right)
        assert same is not replayed_apart(left, right), (left, right)
        seen[same] += 1
    assert min(seen.values()) > 80, seen


def test_more_messages_never_hide_a_difference() -> None:
    for seed in range(120):
        left, right = random_frames(seed)
        if not alike(left, right):
            more = random_term(Random(seed), 2)
            assert not alike([*left, more], [*right, more])


def test_wrong_comparisons_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames that were not taken apart, or in which nothing was built, would hide differences that are there."""

    def missed() -> int:
        return sum(alike(*pair) and told_apart(*pair) for pair in map(random_frames, range(150)))

    assert missed() == 0
    with monkeypatch.context() as patched:
        patched.setattr(frames.Frame, "_take_apart", lambda self: None)
        assert missed() > 0
    with monkeypatch.context() as patched:
        patched.setattr(frames.Frame, "_ways", lambda self, term: iter(()))
        assert missed() > 0
    with monkeypatch.context() as patched:
        patched.setattr(frames.Frame, "_tests", lambda self, term: iter(()))
        assert missed() > 0
