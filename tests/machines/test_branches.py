"""Branches between which a role cannot tell, because one of them takes for random bytes what the other reads."""

from __future__ import annotations

import pytest

from modelcheck.machines.branches import undecided
from modelcheck.protocol.terms import show
from tests.support import library

TEXT = """\
protocol p
  role Client is client given server
  role Server is server
  key enc(Name): EncryptionKey published
  values Mode = one, other
flow
  Client picks mode: Mode
  Client creates n: Nonce, m: Nonce, x: Exponent, noise: Opaque, more: Opaque
  Client {arrow} Server: Hello {{ {hello} }}
  Client accepts
  Server accepts
"""
SEALED = "pk_encrypt(pk(enc(server)), n)"


def found(hello: str, arrow: str = "->") -> list[tuple[str, str]]:
    """What the two branches of a server expect between which it cannot tell."""
    read = library(TEXT.format(hello=hello, arrow=arrow))
    server = next(m for m in read.system(read.protocols[0]).machines if m.role.name == "Server")
    return [(show(first.pattern), show(second.pattern)) for first, second in undecided(server)]


def test_noise_after_all_that_is_sealed_alike_is_told_apart() -> None:
    """What is sealed for the server it opens whatever it holds, and it tries that first."""
    assert found(f"x: {SEALED} when mode = one else noise") == []


def test_noise_before_what_is_sealed_takes_it() -> None:
    assert found(f"x: noise when mode = one else {SEALED}") == [("Hello { noise }", f"Hello {{ {SEALED} }}")]


def test_what_has_to_fit_another_part_is_noise_where_it_does_not() -> None:
    """Somebody may put another nonce beside what is sealed: the server opens that, and then takes it for noise."""
    assert found(f"x: {SEALED} when mode = one else noise, n: m") == []
    assert len(found("n: m, x: pk_encrypt(pk(enc(server)), m, n) when mode = one else noise")) == 1


def test_opaque_values_inside_of_the_same_construction_count_too() -> None:
    sealed = "x: pk_encrypt(pk(enc(server)), noise) when mode = one else pk_encrypt(pk(enc(server)), hash(n))"
    assert len(found(sealed)) == 1


@pytest.mark.parametrize(
    "hello",
    [
        "x: noise when mode = one else more",
        "x: n when mode = one else hash(m)",
        f"x: {SEALED} when mode = one else hash(n, m)",
        'a: "one", x: noise',
        'a: "one" when mode = one else "other", x: noise when mode = one else hash(n)',
    ],
)
def test_without_noise_beside_something_else_nothing_is_in_doubt(hello: str) -> None:
    assert found(hello) == []
