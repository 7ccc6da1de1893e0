"""No pick that changes the form of messages is called hidden if an explicit search of both sides tells it apart."""

from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement
from random import Random

import pytest

from modelcheck.engine.boxes import Budget
from modelcheck.engine.comparable import picked_alike
from modelcheck.engine.forms import decide_forms
from modelcheck.engine.judged import Unsupported
from modelcheck.engine.probing import probed
from modelcheck.engine.prover import Proof
from modelcheck.machines.branches import undecided
from modelcheck.pipeline import ClaimTask
from modelcheck.protocol.model import Leak, Observational, Weak
from tests.laws import judged
from tests.laws.explicit import start
from tests.laws.two_ways import Ways
from tests.laws.two_worlds import Different
from tests.support import only_claim

OTHERS = [("Alice", ("A", "B")), ("Alice", ("A", "i")), ("Bob", ("B",)), ("Bob", ("A",))]
VALUES = {"Vote": ("yes", "no"), "Mood": ("good", "bad")}
HEAD = """\
protocol random{seed}
  role Alice is a given b
  role Bob is b
  key dec(Name): EncryptionKey published
  key sig(Name): SigningKey certified
  values Vote = yes, no
  values Mood = good, bad
flow
  Alice picks v: Vote
  Alice creates n: Nonce, m: Nonce, o: Opaque, x: Exponent
"""
CLEAR = ["m", "hash(n)", "hash(n, m)", "o", "g^x", "sign(sig(a), m)", "hash(m)"]
SEALED = [
    "encrypt(kdf(n), m)", 'encrypt(kdf(n), "yes", m)', "encrypt(kdf(n), m, a)", "encrypt(kdf(n), sign(sig(a), n))", "o",
    "hash(n, m)", "pk_encrypt(pk(dec(b)), n, m)", 'pk_encrypt(pk(dec(b)), "no", n)', "pk_encrypt(pk(dec(b)), n, a)",
    "encrypt(kdf(n), g^x)", "pk_encrypt(pk(dec(b)), n, o)", "encrypt(kdf(m), n)", 'encrypt(kdf(n), "no", n)',
]  # fmt: skip
ANSWERS = [
    "k", "encrypt(kdf(n), k)", "encrypt(kdf(n), k, b)", "hash(n, k)", "encrypt(kdf(n, 1), k)", "sign(sig(b), n)",
    "encrypt(kdf(n), sign(sig(b), n))", "hash(k)",
]  # fmt: skip

POWERS = (
    "leak of dec(b)", "leak of sig(b) after Alice accepts", "leak of dec after Alice accepts", "leak of n", "leak of m",
    "leak of x after Alice accepts", "leak of n of other sessions", "leak of k", "leak of k of other sessions",
    "leak of k of all sessions", "weak dh", "weak aead", "weak pk_encrypt", "weak sign", "weak hash",
)  # fmt: skip
"""What may follow `despite`."""


STRONGER = [
    *((1, power) for power in ("leak of dec(b)", "leak of n", "leak of m", "leak of k of other sessions", "leak of k", "weak hash",
                               "weak aead", "leak of n of other sessions", "leak of sig(b) after Alice accepts")),
    *((30, power) for power in ("leak of dec(b)", "leak of dec after Alice accepts", "weak pk_encrypt")),
]  # fmt: skip
"""Protocols in which the pick is hidden from an attacker to whom nothing is given, with something that is."""


def protocol(seed: int, power: str = "") -> str:
    """Alice says one thing or another, Bob answers each of them or both alike; the claim is despite a power if one is given."""
    random = Random(seed)
    common, rest = random.choice([
        ("pk_encrypt(pk(dec(b)), n), ", ""), ("pk_encrypt(pk(dec(b)), n), ", ""), ("", ""), ("hash(n), ", ""),
        ("pk_encrypt(pk(dec(b)), n, ", ")"), ("pk_encrypt(pk(dec(b)), n), encrypt(kdf(n), ", ")"),
        ("pk_encrypt(pk(dec(b)), n), encrypt(kdf(n), ", ")"), ("pk_encrypt(pk(dec(b)), n, a, ", ")"),
    ])  # fmt: skip
    bodies = [f"{common}{random.choice(SEALED if random.random() < 0.8 else CLEAR)}{rest}" for _ in range(2)]
    leak = random.choice(["", "", "", "leak of sig"])
    both, *answers = (random.choice(ANSWERS) for _ in range(3))
    apart = random.random() < 0.5
    last = random.choice(["", "  Alice -> Bob: M2 { hash(n, m) }\n", "  Alice -> Bob: M2 { encrypt(kdf(n, 2), m) }\n"])
    lines = [HEAD.format(seed=seed)]
    for word, body, answer in zip(("alt when v = yes", "else"), bodies, answers, strict=True):
        lines.append(f"  {word}\n    Alice -> Bob: M0 {{ {body} }}\n")
        if apart:
            lines.append(f"    Bob creates k: Nonce\n    Bob -> Alice: M1 {{ {answer} }}\n")
    lines.append("  end\n")
    if not apart:
        lines.append(f"  Bob creates k: Nonce\n  Bob -> Alice: M1 {{ {both} }}\n")
    lines.append(f"{last}  Alice accepts\n  Bob accepts\nclaims\n")
    despite = power or leak
    lines.append(f"  c: v indistinguishable among {{ yes, no }} at Alice{' despite ' if despite else ''}{despite}\n")
    return "".join(lines).replace("kdf(n, 1)", 'kdf(n, "1")').replace("kdf(n, 2)", 'kdf(n, "2")')


def exchange(seed: int, power: str = "") -> str:
    """After an exchange of shares, signed or not, Alice says one thing or another under the shared secret, or beside it."""
    random = Random(seed)
    answer = random.choice([
        "g^y, sign(sig(b), g^x, g^y)", "g^y, encrypt(kdf(g^(x*y)), sign(sig(b), g^x, g^y))", "g^y, sign(sig(b), g^y)", "g^y",
    ])  # fmt: skip
    key = random.choice(["kdf(g^(x*y))", "kdf(g^(x*y), 1)", "kdf(g^(x*y), n)"])
    sealed = [
        f"encrypt({key}, m)", f"encrypt({key}, a, sign(sig(a), g^y))", f'encrypt({key}, "yes", m)', f"encrypt({key}, hash(m))",
        f"encrypt({key}, encrypt(kdf(m), m))", f"encrypt({key}, g^x)", f"encrypt({key}, sign(sig(a), g^x, g^y), m)",
    ]  # fmt: skip
    clear = ["hash(g^(x*y))", "pk_encrypt(pk(dec(b)), m)", "m", "sign(sig(a), g^y)"]
    replies = ["", f"encrypt({key}, k)", f"encrypt({key}, k, b)", "hash(g^(x*y), k)", "k"]
    both = random.choice(replies)
    apart = random.random() < 0.5
    lines = [HEAD.format(seed=seed).replace("  Alice picks v: Vote\n", "").replace("o: Opaque, ", "")]
    lines.append(
        f"  Alice -> Bob: M0 {{ n, g^x }}\n  Bob creates y: Exponent, k: Nonce\n  Bob -> Alice: M1 {{ {answer} }}\n"
    )
    lines.append("  Alice picks v: Vote\n")
    for word in ("alt when v = yes", "else"):
        said = random.choice(sealed if random.random() < 0.8 else clear)
        reply = random.choice(replies) if apart else both
        lines.append(f"  {word}\n    Alice -> Bob: M2 {{ {said} }}\n")
        lines.append(f"    Bob -> Alice: M3 {{ {reply} }}\n" if reply else "")
    lines.append("  end\n  Alice accepts\n  Bob accepts\nclaims\n")
    despite = power or random.choice(["", "", "leak of sig after Alice accepts", "leak of dec", "leak of sig(a)"])
    lines.append(f"  c: v indistinguishable among {{ yes, no }} at Alice{' despite ' if despite else ''}{despite}\n")
    return "".join(lines).replace("g^(x*y), 1)", 'g^(x*y), "1")')


def claim_of(seed: int, power: str = "") -> ClaimTask | None:
    """The claim of a random protocol whose sides differ in form.

    None if its roles cannot do what it says, or cannot tell which of two branches a message is for.
    """
    return _plain(only_claim(protocol(seed, power)))


def _plain(task: ClaimTask | None) -> ClaimTask | None:
    if task is None:
        return None
    system = task.library.system(task.owner)
    assert isinstance(task.what.property, Observational)
    plain = picked_alike(system, task.what.property) is None and not any(
        next(undecided(m), None) for m in system.machines
    )
    return task if plain else None


def told_apart(task: ClaimTask, sides: tuple[str, str], most: int) -> bool:
    """Whether two further sessions are enough to see a difference, in whichever system it is looked for."""
    machines = {machine.role.name: machine for machine in task.library.system(task.owner).machines}
    powers = [power for power in task.what.powers if isinstance(power, Leak | Weak)]
    for chosen in (sides, sides[::-1]):
        for pair in combinations_with_replacement(OTHERS, 2):
            everybody = zip(("judged", "0", "1"), (("Alice", ("A", "B")), *pair), strict=True)
            sessions = tuple(start(label, machines[role], names) for label, (role, names) in everybody)
            try:
                ways = Ways(frozenset({"dec", "sig"}), most, VALUES, chosen, powers)
                for world in ways.start(sessions):
                    ways.explore(world, set())
            except Different:
                return True
    return False


def test_no_pick_that_is_told_apart_is_called_hidden() -> None:
    """`holds` is never contradicted by explicit search of both sides."""
    tasks = [task for task in map(claim_of, range(36)) if task is not None]
    seen = judged.verdicts_beside(tasks, lambda task: told_apart(task, ("yes", "no"), most=6))
    assert seen["Attack", True] > 5
    assert seen["Holds", False] > 2


def test_what_is_proven_cannot_be_executed() -> None:
    """The search that executes role machines finds nothing where the clauses of paired machines exclude every difference."""
    seen = Counter[str]()
    for seed in range(200, 260):
        task = claim_of(seed, POWERS[seed % len(POWERS)])
        if task is None or not isinstance(wanted := task.what.property, Observational):
            continue
        system = task.library.system(task.owner)
        try:
            found = decide_forms(system, task.what, wanted, Budget(10**8), vacuity=False)
            shown = probed(system, task.what, wanted) if isinstance(found, Proof) else None
        except Unsupported:
            continue
        assert shown is None, seed
        seen[type(found).__name__] += 1
    assert seen["Proof"] > 4
    assert seen["Derived"] > 8


def test_no_pick_is_called_hidden_from_a_stronger_attacker_who_tells_it_apart() -> None:
    tasks = [claim_of(seed, power) for seed, power in STRONGER]
    seen = judged.verdicts_beside(tasks, lambda task: told_apart(task, ("yes", "no"), most=8))
    assert seen["Attack", True] > 3
    assert seen["Holds", False] > 5


def test_no_pick_after_an_exchange_of_shares_is_called_hidden_that_is_told_apart() -> None:
    tasks = [_plain(only_claim(exchange(seed))) for seed in range(9)]
    seen = judged.verdicts_beside(tasks, lambda task: told_apart(task, ("yes", "no"), most=4))
    assert seen["Attack", True] > 1
    assert seen["Holds", False] > 1


@pytest.mark.parametrize("seed", range(20))
def test_swapping_the_sides_keeps_the_verdict(seed: int) -> None:
    judged.swapping_the_sides_keeps_the_verdict(claim_of(seed))
