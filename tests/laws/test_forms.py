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
from modelcheck.pipeline import ClaimTask
from modelcheck.protocol.model import Observational
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

POWERS = [
    "leak of n", "leak of m", "leak of x", "leak of o", "leak of k of all sessions", "leak of sig", "leak of dec(a)",
    "leak of dec(b)", "dishonest b", "weak aead", "weak pk_encrypt", "weak sign", "weak dh",
]  # fmt: skip
"""What an attacker may be given."""


def protocol(seed: int) -> str:
    """Alice says one thing or another, Bob answers each of them or both alike."""
    random = Random(seed)
    common, rest = random.choice([
        ("pk_encrypt(pk(dec(b)), n), ", ""), ("pk_encrypt(pk(dec(b)), n), ", ""), ("", ""), ("hash(n), ", ""),
        ("pk_encrypt(pk(dec(b)), n, ", ")"), ("pk_encrypt(pk(dec(b)), n), encrypt(kdf(n), ", ")"),
        ("pk_encrypt(pk(dec(b)), n), encrypt(kdf(n), ", ")"), ("pk_encrypt(pk(dec(b)), n, a, ", ")"),
    ])  # fmt: skip
    bodies = [f"{common}{random.choice(SEALED if random.random() < 0.8 else CLEAR)}{rest}" for _ in range(2)]
    leak = random.choice(["", "", "", " despite leak of sig"])
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
    lines.append(f"  c: v indistinguishable among {{ yes, no }} at Alice{leak}\n")
    return "".join(lines).replace("kdf(n, 1)", 'kdf(n, "1")').replace("kdf(n, 2)", 'kdf(n, "2")')


def claim_of(seed: int) -> ClaimTask | None:
    """The claim of a random protocol whose sides differ in form, None if its roles cannot do what it says."""
    task = only_claim(protocol(seed))
    if task is None:
        return None
    assert isinstance(task.what.property, Observational)
    return None if picked_alike(task.library.system(task.owner), task.what.property) is not None else task


def told_apart(task: ClaimTask, sides: tuple[str, str], most: int) -> bool:
    """Whether two further sessions are enough to see a difference, in whichever system it is looked for."""
    machines = {machine.role.name: machine for machine in task.library.system(task.owner).machines}
    leaked = frozenset({"sig"} if "leak of sig" in task.what.text else ())
    for chosen in (sides, sides[::-1]):
        for pair in combinations_with_replacement(OTHERS, 2):
            everybody = zip(("judged", "0", "1"), (("Alice", ("A", "B")), *pair), strict=True)
            sessions = tuple(start(label, machines[role], names) for label, (role, names) in everybody)
            try:
                ways = Ways(frozenset({"dec", "sig"}), most, VALUES, chosen, leaked)
                for world in ways.start(sessions):
                    ways.explore(world, set())
            except Different:
                return True
    return False


def test_no_pick_that_is_told_apart_is_called_hidden() -> None:
    """`holds` is never contradicted by explicit search of both sides."""
    tasks = [task for task in map(claim_of, range(60)) if task is not None]
    seen = judged.verdicts_beside(tasks, lambda task: told_apart(task, ("yes", "no"), most=30))
    assert seen["Attack", True] > 8
    assert seen["Holds", False] > 4


def given(seed: int) -> ClaimTask | None:
    """The claim of a random protocol before an attacker who is given more."""
    powers = Random(seed).sample(POWERS, 1 + seed % 2)
    text = protocol(seed).replace(" despite leak of sig", "").rstrip("\n")
    return only_claim(f"{text} despite {' and '.join(powers)}\n")


def test_what_is_proven_cannot_be_executed() -> None:
    """The search that executes role machines finds nothing where the clauses of paired machines exclude every difference."""
    seen = Counter[str]()
    for seed in range(200, 260):
        task = given(seed)
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
    assert seen["PossibleDifference"] > 8


@pytest.mark.parametrize("seed", range(20))
def test_swapping_the_sides_keeps_the_verdict(seed: int) -> None:
    judged.swapping_the_sides_keeps_the_verdict(claim_of(seed))
