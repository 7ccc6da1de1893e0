"""Picks on which the form of messages depends, before somebody who reads: explicit runs of both sides decide, too."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import product
from random import Random

import pytest

from modelcheck.engine.judged import Unsupported
from modelcheck.engine.observer import decide_observed
from modelcheck.engine.probing import probed
from modelcheck.pipeline import ClaimTask, check_claim
from modelcheck.protocol.model import Dishonest, Leak, Observational, Weak
from modelcheck.protocol.terms import NAME, Const, Key
from modelcheck.verdict import Attack
from tests.laws import judged
from tests.laws.judged import OPTIONS
from tests.laws.two_worlds import SORTS, observed, read_apart
from tests.support import only_claim

HEAD = """\
protocol random{seed}
  role Alice is a given b
  role Bob is b
  key dec(Name): EncryptionKey published
  key sig(Name): SigningKey certified
  values Mode = real, cover
flow
  Alice picks v: Mode
  Alice creates n: Nonce, m: Nonce, noise: Opaque, more: Opaque
"""
CONTENTS = (
    "noise", "more", "hash(n)", "hash(n, m)", "hash(a, b)", "encrypt(kdf(m), n)", "sign(sig(a), n)", "m",
    "pk_encrypt(pk(dec(b)), n)", "pk_encrypt(pk(dec(b)), n, m)", 'pk_encrypt(pk(dec(b)), "hello")',
    "pk_encrypt(pk(dec(b)), m, a)", "pk_encrypt(pk(dec(a)), m)",
)  # fmt: skip

POWERS = (
    "leak of n", "leak of m of other sessions", "leak of n of all sessions", "leak of k", "leak of dec(b)", "leak of sig",
    "weak hash", "weak pk_encrypt", "weak aead", "weak sign", "weak pk_encrypt when v = real",
    "weak pk_encrypt when v = cover", "weak aead when v = real", "weak aead when v = cover", "dishonest b",
)  # fmt: skip


def protocol(seed: int, powers: int = 0) -> str:
    """A protocol in which a field has one of two forms, and the answer may depend on whether it can be opened."""
    random = Random(seed)
    real, cover = random.sample(CONTENTS, 2)
    beside = random.choice(["", "", "n, ", "hash(m), ", "noise, ", "a, "])
    answers = random.choices(["k", "hash(k)", "chaff", '"ok"', "hash(k, b)"], k=2)
    lines = [HEAD.format(seed=seed)]
    first = "".join(f"f: {beside}" if beside else "")
    lines.append(f"  Alice -> Bob: M0 {{ {first}x: {real} when v = real else {cover} }}\n")
    lines.append("  Bob creates k: Nonce, chaff: Opaque\n")
    if random.random() < 0.5 and "dec(b)" in real:
        lines.append(f"  alt Bob opens M0.x\n    Bob -> Alice: M1 {{ {answers[0]} }}\n")
        lines.append(f"  else\n    Bob -> Alice: M1 as other {{ {answers[1]} }}\n  end\n")
    else:
        lines.append(f"  Bob -> Alice: M1 {{ {answers[0]} }}\n")
    lines.append("  Alice accepts\n  Bob accepts\nclaims\n")
    despite = " and ".join(random.sample(POWERS, powers))
    lines.append("  c: v indistinguishable among { real, cover } at Alice against a passive attacker")
    lines.append(f"{' despite ' if powers else ''}{despite}\n")
    return "".join(lines)


def claim_of(seed: int, powers: int = 0) -> ClaimTask | None:
    """The claim of a random protocol, None if its roles cannot do what it says."""
    return only_claim(protocol(seed, powers))


def told_apart(task: ClaimTask, sides: tuple[str, str] = ("real", "cover"), *, silent: bool = True) -> bool:
    """Whether reading the judged run beside one run of each other kind shows a difference, whichever side is called left.

    A dishonest party is ``silent``, or follows the flow and tells the observer all that it creates.
    """
    machines = {machine.role.name: machine for machine in task.library.system(task.owner).machines}
    powers = task.what.powers
    names = ("A", "i" if any(isinstance(power, Dishonest) for power in powers) else "B")
    others = [
        term
        for a, b, pick in product(("A", "B", "i"), ("A", "B", "i"), ("real", "cover"))
        for term in observed(machines, (a, b), f"{a},{b},{pick}", pick, powers)
    ]
    for datum in (datum for power in powers if isinstance(power, Leak) for datum in power.data):
        if datum.kind == "key":
            holders = names[1:] if datum.arguments else ("A", "B", "C", "D")
            others += [Key(datum.name, SORTS[datum.name], (Const(name, NAME),)) for name in holders]
    weak = frozenset(power.form for power in powers if isinstance(power, Weak) and power.when is None)
    runs = [observed(machines, names, "judged", side, powers, silent=silent) for side in sides]
    return read_apart(runs, others, weak)


def test_explicit_runs_decide_alike() -> None:
    """`holds` only if reading shows nothing, an attack only if it does."""
    seen = judged.verdicts_beside(map(claim_of, range(150)), told_apart, exact=True)
    assert seen["Attack", True] > 20
    assert seen["Holds", False] > 20


@pytest.mark.parametrize("powers", [1, 2])
def test_explicit_runs_decide_alike_whatever_leaks_or_is_weak(powers: int) -> None:
    """A dishonest party does nothing in an attack; where it follows the flow, what is called hidden is hidden as well."""
    tasks = [claim_of(seed, powers) for seed in range(150)]
    seen = judged.verdicts_beside(tasks, told_apart, exact=True)
    assert seen["Attack", True] > 20
    assert seen["Holds", False] > 20
    judged.verdicts_beside(tasks, partial(told_apart, silent=False))


@pytest.mark.parametrize("seed", range(20))
def test_swapping_the_sides_keeps_the_verdict(seed: int) -> None:
    judged.swapping_the_sides_keeps_the_verdict(claim_of(seed))


def test_one_value_on_both_sides_is_never_told_apart() -> None:
    """Reading shows no difference between a run and itself."""
    tasks = [task for task in map(claim_of, range(20)) if task is not None]
    assert tasks
    assert not any(told_apart(task, ("real", "real")) for task in tasks)


@pytest.mark.parametrize("seed", range(20))
def test_an_attacker_who_sends_sees_what_a_reader_sees(seed: int) -> None:
    """A stronger attacker never turns a difference into none."""
    task = claim_of(seed)
    if task is None:
        pytest.skip("no protocol")
    active = replace(task.what, passive=False)
    verdicts = [check_claim(replace(task, what=claim), OPTIONS).verdict for claim in (task.what, active)]
    assert isinstance(verdicts[1], Attack) or not isinstance(verdicts[0], Attack)


@pytest.mark.parametrize("powers", [0, 1, 2])
def test_one_value_on_both_sides_is_never_told_apart_whatever_leaks_or_is_weak(powers: int) -> None:
    """Neither to somebody who reads nor to an attacker who sends messages, whose runs are searched."""
    tasks = [task for seed in range(24) if (task := claim_of(seed, powers)) is not None]
    searched = 0
    for task in tasks:
        assert isinstance(task.what.property, Observational)
        wanted = replace(task.what.property, sides=("real", "real"))
        claim = replace(task.what, property=wanted)
        system = task.library.system(task.owner)
        assert not isinstance(decide_observed(system, claim, wanted, vacuity=False), Attack), protocol_text(task)
        with suppress(Unsupported):
            assert probed(system, replace(claim, passive=False), wanted) is None, protocol_text(task)
            searched += 1
    assert searched > 8


def protocol_text(task: ClaimTask) -> str:
    """The text of the protocol that a claim is about."""
    return task.owner.span.source.text
