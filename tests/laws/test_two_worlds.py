"""No name is called hidden that an explicit search of both sides tells apart, on random small protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations_with_replacement, product
from random import Random

import pytest

from modelcheck.engine.bibench import Bench
from modelcheck.engine.boxes import Budget
from modelcheck.engine.solver import Solver
from modelcheck.pipeline import ClaimTask, check_claim
from modelcheck.protocol.model import Leak, Observational, UncheckedPossession, Weak
from modelcheck.verdict import Holds
from tests.laws import judged
from tests.laws.explicit import start
from tests.laws.judged import OPTIONS
from tests.laws.two_worlds import Comparison, Different, Twins, observed, read_apart
from tests.support import only_claim

OTHERS = [("Alice", ("A", "B")), ("Alice", ("A", "C")), ("Alice", ("A", "i")), ("Alice", ("C", "B")),
          ("Alice", ("B", "D")), ("Alice", ("B", "i")), ("Bob", ("B",)), ("Bob", ("C",)), ("Bob", ("D",))]  # fmt: skip
HEAD = """\
protocol random{seed}
  role Alice is a given b
  role Bob is b
  key dec(Name): EncryptionKey published
  key sig(Name): SigningKey certified
  key st(Name): Exponent published
flow
"""


POWERS = ("leak of dec(b)", "leak of sig(a)", "leak of sig", "leak of sig(b) after Alice accepts", "leak of dec after Alice accepts",
          "leak of n", "leak of k", "leak of x after Alice accepts", "leak of n after Alice accepts", "leak of n of other sessions",
          "leak of k of all sessions", "leak of y of all sessions", "weak dh", "weak aead", "weak pk_encrypt", "weak sign",
          "weak hash")  # fmt: skip
"""What may follow `despite`."""


def protocol(seed: int, power: str = "") -> str:
    """A protocol of one to three messages in which names may be hidden or not, its claim despite a power if one is given."""
    random = Random(seed)
    first = random.choice([
        "pk_encrypt(pk(dec(b)), n, a)", "pk_encrypt(pk(dec(b)), n, a, b)", "n, pk_encrypt(pk(dec(b)), n, a)",
        "a, pk_encrypt(pk(dec(b)), n)", "pk_encrypt(pk(dec(b)), n, sign(sig(a), n, b), a)", "n, a, b",
        "a, sign(sig(a), n, b), n", "pk_encrypt(pk(dec(b)), a, m), n", "hash(n, b), pk_encrypt(pk(dec(b)), n, a)",
        "hash(b), pk_encrypt(pk(dec(b)), n, a)", "g^x, a, n",
    ])  # fmt: skip
    second = random.choice([
        "", "hash(n)", "hash(n, b)", "encrypt(kdf(n), b)", "encrypt(kdf(n), k)", "k", "sign(sig(b), n)",
        "encrypt(kdf(n), sign(sig(b), n, k), k)", "pk_encrypt(pk(dec(a)), n, k)", "pk_encrypt(pk(dec(a)), k), hash(k, n)",
        "g^y, encrypt(kdf(g^(x*y)), b, sign(sig(b), g^x, g^y))",
    ])  # fmt: skip
    third = random.choice(["", "hash(k)", "hash(b, k)", "encrypt(kdf(k), b, n)", "pk_encrypt(pk(dec(b)), k, n)"])
    lines = [HEAD.format(seed=seed), "  Alice creates n: Nonce, m: Nonce, x: Exponent\n"]
    lines.append(f"  Alice -> Bob: M0 {{ {first} }}\n  Bob creates k: Nonce, y: Exponent\n")
    if second:
        lines.append(f"  Bob -> Alice: M1 {{ {second} }}\n")
    if second and third:
        lines.append(f"  Alice -> Bob: M2 {{ {third} }}\n")
    lines.append(
        f"  Alice accepts\n  Bob accepts\nclaims\n  c: {random.choice('ab')} indistinguishable among {{ B, C }} at Alice"
        f"{' despite ' if power else ''}{power}\n"
    )
    return "".join(lines)


def exchange(seed: int) -> str:
    """A protocol of one to three messages in which long-term exponents hide names or not."""
    random = Random(seed)
    first = random.choice([
        "g^x, encrypt(kdf(g^(x*st(b))), n, a)", "g^x, encrypt(kdf(g^(x*st(b))), n)", "g^x, hash(g^(x*st(b)), b)",
        "g^x, n, encrypt(kdf(g^(st(a)*st(b)), g^x), n)", "g^x, encrypt(kdf(g^(x*st(b))), g^st(a), n)",
        "g^x, a, hmac(kdf(g^(st(a)*st(b))), g^x)", "g^x, encrypt(kdf(g^(x*st(b))), a, hmac(kdf(g^(st(a)*st(b))), g^x), n)",
        "pk_encrypt(pk(dec(b)), n, g^x, a)", "pk_encrypt(pk(dec(b)), n, g^x, g^st(a))",
    ])  # fmt: skip
    second = random.choice([
        "", "hash(n)", "g^y, encrypt(kdf(g^(x*y), g^(x*st(b))), b, k)", "g^y, hmac(kdf(g^(y*st(a))), g^x)",
        "g^y, encrypt(kdf(g^(x*y), g^(y*st(a))), k)", "g^y, encrypt(kdf(g^(x*st(b)), g^(y*st(a))), k, g^x)",
    ])  # fmt: skip
    reply = f"  Bob -> Alice: M1 {{ {second} }}\n" if second else ""
    power = random.choice(
        ["", "", " despite leak of st(b)", " despite leak of st(a) after Alice accepts", " despite leak of y"]
    )
    return (
        f"{HEAD.format(seed=seed)}  Alice creates n: Nonce, x: Exponent\n  Alice -> Bob: M0 {{ {first} }}\n"
        f"  Bob creates k: Nonce, y: Exponent\n{reply}  Alice accepts\n  Bob accepts\nclaims\n"
        f"  c: {random.choice('ab')} indistinguishable among {{ B, C }} at Alice{power}\n"
    )


def moded(seed: int) -> str:
    """A protocol with two modes, in one of which a primitive is weak, in most a hash: signatures of one role serve the other."""
    random = Random(seed)
    sealed = random.choice(["pk_encrypt(pk(dec(b)), a, m)", "pk_encrypt(pk(dec(b)), a, b, m, sign(sig(a), n))"])
    first = random.choice([
        f"n, {sealed}", f"n, hash(sign(sig(a), n)), {sealed}", f"n, hash(sign(sig(a), n), m), {sealed}",
        f"n, hash(sign(sig(b), n)), {sealed}", "pk_encrypt(pk(dec(b)), n, a, b, m), g^x",
        f"n, pk_encrypt(pk(dec(b)), sign(sig(a), n)), {sealed}",
    ])  # fmt: skip
    second = random.choice([
        "k, sign(sig(b), k)", "k, encrypt(kdf(m), sign(sig(b), n, k))", "k, pk_encrypt(pk(dec(a)), sign(sig(b), k), n)",
        "k, encrypt(kdf(m), sign(sig(b), k, mode), n)", "k, encrypt(kdf(st(b)), sign(sig(b), k))", "k, sign(sig(b), n, k, m)",
    ])  # fmt: skip
    check = random.choice(["", "  Alice checks mode = new\n", "  Alice checks mode = new\n"])
    other = random.choice(["", "", "  Bob checks mode = new\n"])
    form = random.choice(["hash", "hash", "hash", "aead", "pk_encrypt", "sign"])
    return (
        f"{HEAD.format(seed=seed)}".replace("flow\n", "  values Mode = old, new\nflow\n")
        + f"  Alice picks mode: Mode\n{check}  Alice creates n: Nonce, m: Nonce, x: Exponent\n"
        f"  Alice -> Bob: M0 {{ mode, {first} }}\n{other}  Bob creates k: Nonce, y: Exponent\n  Bob -> Alice: M1 {{ {second} }}\n"
        f"  Alice accepts\n  Bob accepts\nclaims\n  c: {random.choice('ab')} indistinguishable among {{ B, C }} at Alice"
        f" despite weak {form} when mode = {random.choice(['old', 'old', 'new'])}\n"
    )


def claim_of(seed: int, power: str = "") -> ClaimTask | None:
    """The claim of a random protocol, None if its roles cannot do what it says."""
    return only_claim(protocol(seed, power))


def told_apart(
    task: ClaimTask, first: str = "B", second: str = "C", most: int = 120,
    others: Sequence[tuple[str, tuple[str, ...]]] = OTHERS,
) -> bool:  # fmt: skip
    """Whether two further sessions are enough to see a difference, in whichever system it is looked for."""
    machines = {machine.role.name: machine for machine in task.library.system(task.owner).machines}
    assert isinstance(task.what.property, Observational)
    own = task.what.property.subject.name == "a"
    powers = [power for power in task.what.powers if isinstance(power, Leak | Weak | UncheckedPossession)]
    values = task.owner.finite_sorts()
    published = frozenset(name for name, family in task.owner.key_families().items() if family.public)
    for sides in ((first, second), (second, first)):
        names = [(name, "D") if own else ("A", name) for name in sides]
        star = tuple(start("judged", machines["Alice"], chosen) for chosen in names)
        for pair in combinations_with_replacement(others, 2):
            beside = tuple(
                (one, one) for n, (role, names) in enumerate(pair) for one in [start(f"{n}", machines[role], names)]
            )
            world = Twins(((star[0], star[1]), *beside), frozenset())
            try:
                Comparison(published, most, values, powers=powers).explore(world)
            except Different:
                return True
    return False


def test_no_name_that_is_told_apart_is_called_hidden() -> None:
    """`holds` is never contradicted by explicit search of both sides."""
    seen = judged.verdicts_beside(map(claim_of, range(22)), lambda task: told_apart(task, most=8))
    assert seen["Attack", True] > 10
    assert seen["Holds", False] > 1


def test_no_name_of_a_long_term_exponent_is_called_hidden_that_is_told_apart() -> None:
    """Shared secrets of pairs of exponents are the same in either order, on each side by itself."""
    tasks = [only_claim(exchange(seed)) for seed in (0, 2, 5, 9, 12, 13, 17, 20, 27, 30, 34)]
    seen = judged.verdicts_beside(tasks, lambda task: told_apart(task, most=4))
    assert sum(seen.values()) == len(tasks)
    assert seen["Attack", True] > 6
    assert seen["Holds", False] > 2


@pytest.mark.parametrize(("seed", "first"), [(5, 2), (13, 1), (57, 0)])
def test_no_name_is_called_hidden_from_a_stronger_attacker_who_tells_it_apart(seed: int, first: int) -> None:
    """In these protocols the name is hidden as long as nothing leaks and no primitive is weak."""
    tasks = [claim_of(seed, power) for power in POWERS[first::3]]
    seen = judged.verdicts_beside(tasks, lambda task: told_apart(task, most=8))
    assert sum(seen.values()) == len(tasks)
    assert seen["Attack", True] > 0
    assert seen["Holds", False] > 1


def test_no_name_is_called_hidden_that_a_primitive_gives_away_in_some_sessions() -> None:
    """In some of these protocols only a signature that is moved to another message tells the sides apart."""
    tasks = [only_claim(moded(seed)) for seed in (7, 9, 11, 18, 24, 27)]
    seen = judged.verdicts_beside(tasks, lambda task: told_apart(task, most=4))
    assert sum(seen.values()) == len(tasks)
    assert seen["Attack", True] > 1
    assert seen["Holds", False] > 1


@pytest.mark.parametrize("seed", range(12))
def test_swapping_the_sides_keeps_the_verdict(seed: int) -> None:
    judged.swapping_the_sides_keeps_the_verdict(claim_of(seed))


@pytest.mark.parametrize("seed", range(20))
def test_an_attacker_who_sends_sees_what_an_observer_sees(seed: int) -> None:
    judged.an_attacker_who_sends_sees_what_an_observer_sees(claim_of(seed))


@pytest.mark.parametrize("seed", [2, 5, 9, 13, 57, 86, 95, 116])
def test_who_sees_less_tells_no_more_apart(seed: int) -> None:
    """Where all failures look alike a hidden name stays hidden, and none is called hidden that explicit search tells apart."""
    text = protocol(seed)
    alike = text.replace("  Alice accepts", "  Alice fails alike\n  Bob fails alike\n  Alice accepts")
    before, after = only_claim(text), only_claim(alike)
    assert before is not None
    assert after is not None
    hidden = [isinstance(check_claim(task, OPTIONS).verdict, Holds) for task in (before, after)]
    assert hidden[1] or not hidden[0]
    assert hidden == [False, True] or seed < 60
    assert not (hidden[1] and told_apart(after, most=8))


def told_apart_by_reading(task: ClaimTask) -> bool:
    """Whether reading the judged run and one run of each other kind shows a difference, whichever side is called left."""
    machines = {machine.role.name: machine for machine in task.library.system(task.owner).machines}
    assert isinstance(task.what.property, Observational)
    own = task.what.property.subject.name == "a"
    others = [
        term
        for pair in product(("A", "B", "C", "D", "i"), repeat=2)
        for term in observed(machines, (pair[0], pair[1]), ",".join(pair))
    ]
    judged_runs = [observed(machines, (side, "D") if own else ("A", side), "judged") for side in ("B", "C")]
    return read_apart(judged_runs, others)


def test_no_name_that_a_reader_tells_apart_is_called_hidden_from_one() -> None:
    """Against a passive attacker `holds` means that reading tells nothing, and an attack that it does."""
    tasks = (task and replace(task, what=replace(task.what, passive=True)) for task in map(claim_of, range(60)))
    seen = judged.verdicts_beside(tasks, told_apart_by_reading, exact=True)
    assert seen["Attack", True] > 10
    assert seen["Holds", False] > 10


def test_one_name_on_both_sides_is_never_told_apart() -> None:
    """The explicit search sees no difference between a system and itself, and the fixpoint derives none."""
    for seed in range(20):
        task = claim_of(seed)
        if task is None:
            continue
        assert seed > 5 or not told_apart(task, "B", "B", 6), protocol(seed)
        assert isinstance(task.what.property, Observational)
        same = replace(task.what.property, sides=("B", "B"))
        case = Bench(task.library.system(task.owner), replace(task.what, property=same), same).case()
        assert case.goals
        assert Solver(Budget(OPTIONS.budget)).solve(case).goal is None, protocol(seed)
