"""No name is called hidden that an explicit search tells apart, where a dishonest name may have any public key certified."""

from __future__ import annotations

from random import Random

import pytest

from modelcheck.pipeline import ClaimTask, check_claim
from modelcheck.verdict import Holds
from tests.laws import judged
from tests.laws.judged import OPTIONS
from tests.laws.test_two_worlds import told_apart
from tests.support import only_claim

HEAD = """\
protocol random{seed}
  role Alice is a given b
  role Bob is b
  key dec(Name): EncryptionKey certified
  key sig(Name): SigningKey certified
  key log(Name): SigningKey certified
  key psk(Name, Name): Psk
flow
"""


OTHERS = [("Alice", ("A", "i")), ("Alice", ("B", "i")), ("Alice", ("B", "D")), ("Bob", ("B",)), ("Bob", ("D",))]
"""Sessions beside the judged one."""


def protocol(seed: int) -> str:
    """A protocol of one to three messages: names and signatures, most of them sealed, tied to each other or not."""
    random = Random(seed)

    def sealed(part: str) -> str:
        return part if random.random() < 0.05 else f"pk_encrypt(pk(dec(b)), {part})"

    name = random.choice(["a", "a", "a", "a, b", "a, pk(sig(a))", "a, sign(sig(a), m)"])
    tie = random.choice(["", "hmac(psk(a, b), n, m)", "hmac(psk(a, b), m, a)", "hmac(psk(a, b), m, n, pk(sig(a)))", "sign(log(a), n, m)",
                         "sign(log(a), m, b)", "sign(sig(a), n, m)"])  # fmt: skip
    proof = random.choice(["sign(sig(a), n)", "sign(sig(a), n)", "sign(sig(a), n, b)", "sign(sig(a), n, a)", "sign(sig(a), m, n)",
                           "pk(sig(a)), sign(sig(a), n)", "m, sign(sig(a), n)", "sign(sig(a), n, pk(sig(a)))",
                           ""])  # fmt: skip
    parts = random.choice([[f"m, {name}, {tie}" if tie else f"m, {name}", proof], [f"m, {name}", tie, proof]])
    first = ["n", *(sealed(part) for part in parts if part)]
    random.shuffle(first)
    second = random.choice(["", "", "", "", "k", "k", "k, encrypt(kdf(m), sign(sig(b), n, k))", "k, sign(sig(b), n, k)",
                            "k, pk_encrypt(pk(dec(a)), sign(sig(b), n, k))", "k, hmac(psk(a, b), k, n)"])  # fmt: skip
    third = random.choice(["", sealed("sign(sig(a), k, b)"), sealed("m, sign(sig(a), k, n)")]) if second else ""
    more = random.choice([""] * 7 + [" and leak of log(a)", " and leak of sig(b)", " and leak of k"])
    family = random.choice(["sig"] * 6 + ["dec", "log", "sig and unchecked possession of log"])
    replies = [
        f"  Bob -> Alice: M1 {{ {second} }}\n" if second else "",
        f"  Alice -> Bob: M2 {{ {third} }}\n" if third else "",
    ]
    return (
        f"{HEAD.format(seed=seed)}  Alice creates n: Nonce, m: Nonce\n  Alice -> Bob: M0 {{ {', '.join(first)} }}\n"
        f"  Bob creates k: Nonce\n{''.join(replies)}  Alice accepts\n  Bob accepts\nclaims\n"
        f"  c: {random.choice('aaaaaaaab')} indistinguishable among {{ B, C }} at Alice"
        f" despite unchecked possession of {family}{more}\n"
    )


def hidden(task: ClaimTask | None) -> bool:
    """Whether the engine calls the name hidden."""
    assert task is not None
    return isinstance(check_claim(task, OPTIONS).verdict, Holds)


def test_no_name_is_called_hidden_that_a_borrowed_key_tells_apart() -> None:
    """`holds` is never contradicted by explicit search of both sides."""
    tasks = [only_claim(protocol(seed)) for seed in (2, 5, 8, 10, 12, 16, 19, 21, 23)]
    seen = judged.verdicts_beside(tasks, lambda task: told_apart(task, most=2, others=OTHERS))
    assert sum(seen.values()) == len(tasks)
    assert seen["Attack", True] > 2
    assert seen["Holds", False] > 4


@pytest.mark.parametrize("seed", [24, 178, 190])
def test_both_see_what_only_a_borrowed_key_tells_apart(seed: int) -> None:
    """Without the power the name is hidden in these protocols."""
    text = protocol(seed)
    with_it, without = only_claim(text), only_claim(text.partition(" despite")[0] + "\n")
    assert hidden(without)
    assert not hidden(with_it)
    assert with_it is not None
    assert told_apart(with_it, most=4, others=OTHERS)
