"""Where a role fails: each check of what it receives, in the order in which it makes them."""

from __future__ import annotations

import pytest

from modelcheck.diagram import open_spec
from modelcheck.engine.observations import checked_parts
from modelcheck.machines.checks import checks, failures
from modelcheck.machines.machine import Receive, RoleMachine
from modelcheck.protocol.terms import MESSAGE, App, Term, Var, show, subterms
from modelcheck.render.machine import describe_failure, render_machine
from modelcheck.resources import specs_folder
from tests.support import EITHER, library


def machine(text: str, role: str) -> RoleMachine:
    """The machine of a role of a text's only protocol."""
    found = library(text)
    return next(m for m in found.system(found.protocols[0]).machines if m.role.name == role)


def told(text: str, role: str = "B") -> list[tuple[int, str, bool]]:
    """The failures of a role: state, words, whether another branch may fit."""
    one = machine(text, role)
    found = []
    for failure in failures(one):
        step = one.states[failure.end].step
        assert step is not None
        found.append((failure.start, describe_failure(step, failure.check), failure.others))
    return found


def protocol(flow: str, keys: str = "") -> str:
    """A protocol of two roles with this flow."""
    heads = ["protocol p", "role A is a given b", "role B is b", *keys.splitlines()]
    return "\n  ".join(heads) + "\nflow\n  " + "\n  ".join(flow.strip().splitlines()) + "\n"


def test_each_part_is_checked_in_the_order_in_which_it_is_read() -> None:
    keys = "key s(Name): SigningKey certified\nkey e(Name): EncryptionKey published\nkey k(Name, Name): SymmetricKey"
    flow = """
A creates n: Nonce, m: Nonce
A -> B: Hello { n, "v1", pk_encrypt(pk(e(b)), a, m) }
A -> B: encrypted(k(a, b)) { Sure { n, sign(s(a), m) } Done { hmac(m, n, b) } }
"""
    assert told(protocol(flow, keys)) == [
        (0, "no Hello", False),
        (0, 'Hello: another value than "v1"', False),
        (0, "Hello: cannot be decrypted with e(b)", False),
        (1, "cannot be decrypted with k(a, b)", False),
        (1, "no Sure", False),
        (1, "Sure: another value than n", False),
        (1, "Sure: the signature does not verify under pk(s(a))", False),
        (1, "no Done", False),
        (1, "Done: the MAC is wrong under m", False),
    ]


def test_what_needs_a_later_part_is_checked_after_it() -> None:
    """A MAC under a key that follows it, and an encryption within it; the key itself is new, hence no check."""
    flow = """
A creates n: Nonce, k: Symmetric
A -> B: Hello { encrypt(k, n), hmac(k, "tag"), k }
"""
    assert told(protocol(flow).replace("Symmetric\n", "SymmetricKey\n")) == [
        (0, "no Hello", False),
        (0, "Hello: cannot be decrypted with k", False),
        (0, "Hello: the MAC is wrong under k", False),
    ]


def test_a_key_is_taken_out_of_a_kem_ciphertext_before_it_opens_what_follows() -> None:
    flow = """
A creates c: Coins
A -> B: Hello { kem_ct(pk(e(b)), c), encrypt(kem_ss(pk(e(b)), c), a) }
"""
    assert [words for _, words, _ in told(protocol(flow, "key e(Name): KemKey published"))] == [
        "no Hello",
        "Hello: cannot be decapsulated with e(b)",
        "Hello: cannot be decrypted with kem_ss(pk(e(b)), c)",
    ]


def test_what_a_role_cannot_open_is_not_checked() -> None:
    flow = """
A creates n: Nonce
A -> B: Hello { encrypt(k(a), n), n }
B -> A: Back { n }
"""
    text = protocol(flow, "key k(Name): SymmetricKey")
    assert told(text) == [(0, "no Hello", False)]
    assert told(text, "A") == [(2, "no Back", False), (2, "Back: another value than n", False)]


def test_a_branch_that_does_not_fit_leaves_the_others() -> None:
    """What is compared right after receiving tells branches apart as well; what comes later does not."""
    assert told(EITHER) == [
        (0, "no Quick", True),
        (0, "Quick: another value than fast", True),
        (1, "no More", False),
        (1, "More: another value than fast", False),
        (0, "no Slow", True),
        (0, "Slow: another value than safe", True),
    ]


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        ("A creates n: Nonce\nA -> B: M { n }\nB checks n is new", "n is not new"),
        ("A creates n: Nonce, m: Nonce\nA -> B: M { n, m }\nB checks n != m", "n is m"),
        ("A creates n: Nonce, m: Nonce\nA -> B: M { hash(n) }\nA -> B: N { n }", "N: another value than n"),
    ],
)  # fmt: skip
def test_steps_that_cannot_be_taken(flow: str, words: str) -> None:
    assert words in [said for _, said, _ in told(protocol(flow))]


def test_a_record_has_to_be_there() -> None:
    spec = open_spec(specs_folder() / "passwords" / "verifier.flow")
    client = next(m for m in spec.library.system(spec.protocol("verifier.login")).machines if m.role.name == "Client")
    assert next((f.start, f.check) for f in failures(client)) == (0, None)
    assert "0 -> error  no record fits" in render_machine(client, errors=True)


def opened(term: Term) -> tuple[str, str] | None:
    """What of a part tells its place in the order: a message's name, or the key of an encryption."""
    match term:
        case App(function, _) if function.startswith(MESSAGE):
            return "format", function.removeprefix(MESSAGE)
        case App("aead" | "pk_encrypt", (key, *_)):
            return "decryption", show(key)
        case _:
            return None


def patterns(file: str) -> list[tuple[str, Term, tuple[Var, ...]]]:
    """The messages that the roles of a packaged spec receive, with what these know before."""
    spec = open_spec(specs_folder() / file)
    found = []
    for one in (p for p in spec.protocols if p.written):
        for role in spec.library.system(one).machines:
            for state in role.states:
                if isinstance(state.step, Receive):
                    found.append((one.name, state.step.pattern, role.states[state.parent].bound))
    return found


@pytest.mark.parametrize(
    "file", ["tls13/full.flow", "ech/ech.flow", "tls12/renegotiation.flow", "classics/needham_schroeder.flow"]
)
def test_the_order_is_that_of_comparisons(file: str) -> None:
    """Comparisons of two systems cut a message after each check; encryptions and messages come in the same order."""
    compared = 0
    for name, pattern, bound in patterns(file):
        cuts = [term for _, term in checked_parts(pattern, bound)]
        first: dict[tuple[str, str], int] = {}
        for number, cut in enumerate(cuts):
            for part in subterms(cut):
                if (place := opened(part)) is not None:
                    first.setdefault(place, number)
        places = [opened(check.term) for check in checks(pattern, bound) if check.kind in ("format", "decryption")]
        order = [first[place] for place in places if place is not None and places.count(place) == 1]
        assert order == sorted(order), name
        compared += len(order)
    assert compared > 10
