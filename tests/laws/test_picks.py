"""No pick is called hidden that an explicit search of both sides tells apart, on random small protocols."""

from __future__ import annotations

from itertools import combinations_with_replacement
from random import Random

import pytest

from modelcheck.engine.comparable import picked_alike
from modelcheck.pipeline import ClaimTask
from modelcheck.protocol.model import Observational
from tests.laws import judged
from tests.laws.explicit import start
from tests.laws.two_worlds import Comparison, Different, Twins
from tests.support import only_claim

OTHERS = [("Alice", ("A", "B")), ("Alice", ("A", "i")), ("Bob", ("B",)), ("Bob", ("A",))]
VALUES = {"Vote": ("yes", "no", "none"), "Mood": ("good", "bad")}
HEAD = """\
protocol random{seed}
  role Alice is a given b
  role Bob is b
  key dec(Name): EncryptionKey published
  key sig(Name): SigningKey certified
  values Vote = yes, no, none
  values Mood = good, bad
flow
"""


def protocol(seed: int) -> str:
    """A protocol of up to three messages with a vote and a reaction that may depend on it."""
    random = Random(seed)
    first = random.choice([
        "pk_encrypt(pk(dec(b)), n, v)", "pk_encrypt(pk(dec(b)), v)", "n, pk_encrypt(pk(dec(b)), n, v)",
        "hash(n, v), pk_encrypt(pk(dec(b)), n, v)", "hash(n, v), n, pk_encrypt(pk(dec(b)), v, m)",
        "pk_encrypt(pk(dec(b)), n, v, a), sign(sig(a), n, b)", "pk_encrypt(pk(dec(b)), n, a), encrypt(kdf(n), v)",
        "g^x, pk_encrypt(pk(dec(b)), n, v)", "pk_encrypt(pk(dec(b)), n, v), pk_encrypt(pk(dec(b)), n, m)",
    ])  # fmt: skip
    check = random.choice(["", "", "", "  Bob checks v = yes\n", "  Bob checks v != none\n", "  Bob checks v != yes\n"])
    second = random.choice([
        "", "k", "hash(n, v), k", "encrypt(kdf(n), v, k)", "encrypt(kdf(n), k), hash(k)", "mood, k",
        "encrypt(kdf(n), mood), k", "pk_encrypt(pk(dec(a)), n, mood, k)",
    ])  # fmt: skip
    third = random.choice(["", "hash(k, v)", "hash(n, k)", "pk_encrypt(pk(dec(b)), k, v)"])
    lines = [HEAD.format(seed=seed), "  Alice picks v: Vote\n  Alice creates n: Nonce, m: Nonce, x: Exponent\n"]
    lines.append(f"  Alice -> Bob: M0 {{ {first} }}\n{check}  Bob picks mood: Mood\n  Bob creates k: Nonce\n")
    if second:
        lines.append(f"  Bob -> Alice: M1 {{ {second} }}\n")
    if second and third:
        lines.append(f"  Alice -> Bob: M2 {{ {third} }}\n")
    lines.append("  Alice accepts\n  Bob accepts\nclaims\n  c: v indistinguishable among { yes, no } at Alice\n")
    return "".join(lines)


def claim_of(seed: int) -> ClaimTask | None:
    """The claim of a random protocol, None if its roles cannot do what it says."""
    return only_claim(protocol(seed))


def told_apart(task: ClaimTask, sides: tuple[str, str], most: int) -> bool:
    """Whether two further sessions are enough to see a difference, in whichever system it is looked for."""
    machines = {machine.role.name: machine for machine in task.library.system(task.owner).machines}
    for chosen in (sides, sides[::-1]):
        for pair in combinations_with_replacement(OTHERS, 2):
            everybody = zip(("judged", "0", "1"), (("Alice", ("A", "B")), *pair), strict=True)
            sessions = [start(label, machines[role], names) for label, (role, names) in everybody]
            try:
                comparison = Comparison(frozenset({"dec", "sig"}), most, VALUES, chosen)
                comparison.explore(Twins(tuple((one, one) for one in sessions), frozenset()))
            except Different:
                return True
    return False


def test_no_pick_that_is_told_apart_is_called_hidden() -> None:
    """`holds` is never contradicted by explicit search of both sides."""
    tasks = [task for task in map(claim_of, range(40)) if task is not None]
    for task in tasks:
        assert isinstance(task.what.property, Observational)
        assert picked_alike(task.library.system(task.owner), task.what.property) is not None
    seen = judged.verdicts_beside(tasks, lambda task: told_apart(task, ("yes", "no"), most=8))
    assert seen["Attack", True] > 8
    assert seen["Holds", False] > 4


@pytest.mark.parametrize("seed", range(10))
def test_swapping_the_sides_keeps_the_verdict(seed: int) -> None:
    judged.swapping_the_sides_keeps_the_verdict(claim_of(seed))


def test_one_value_on_both_sides_is_never_told_apart() -> None:
    """The explicit search sees no difference between a system and itself."""
    for seed in range(8):
        task = claim_of(seed)
        assert task is None or not told_apart(task, ("yes", "yes"), 6), protocol(seed)


@pytest.mark.parametrize("seed", range(20))
def test_an_attacker_who_sends_sees_what_an_observer_sees(seed: int) -> None:
    judged.an_attacker_who_sends_sees_what_an_observer_sees(claim_of(seed))
