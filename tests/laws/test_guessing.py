"""No password is called safe from guessing that an explicit search of runs lets an attacker test, on random protocols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations_with_replacement
from random import Random

import pytest

from modelcheck.engine import offline
from modelcheck.engine.deduction import ATTACKER_VALUES, Knowledge, key_ring
from modelcheck.engine.guessing import OfflineTests
from modelcheck.options import Options
from modelcheck.pipeline import ClaimTask, check_claim
from modelcheck.protocol.model import Datum, Leak
from modelcheck.protocol.terms import NAME, Const, Key, Term, exchange
from modelcheck.protocol.theory import FRESH_SORTS
from modelcheck.verdict import Attack, Holds, PossibleDifference, Verdict
from tests.laws.explicit import ATTACKER, Search, Session, World, start
from tests.laws.two_worlds import Different, Frames
from tests.support import only_claim, tasks

OPTIONS = Options(audit=False, vacuity=False)
OTHERS = [("Alice", ("A", "B")), ("Alice", ("A", "i")), ("Bob", ("B", "A")), ("Bob", ("B", "i")), ("Bob", ("A", "B"))]
PASSWORD = Key("pw", "Password", (Const("A", NAME), Const("B", NAME)))
LEAKED = Key("dec", "EncryptionKey", (Const("B", NAME),))
WRONG = Const("wrong", "Password")
OWN_VALUES: dict[Term, Term] = {Const(ATTACKER, sort): Const(ATTACKER_VALUES[0], sort) for sort in FRESH_SORTS}
"""What the replayer calls the attacker's own values."""
HEAD = """\
protocol random{seed}
  role Alice is a given b
  role Bob is b given a
  key dec(Name): EncryptionKey published
  key sig(Name): SigningKey certified
  key pw(Name, Name): Password
flow
"""


def protocol(seed: int) -> str:
    """A protocol of one to three messages in which a password is used well or badly."""
    random = Random(seed)
    first = random.choice([
        "n", "a, n", "hash(pw(a, b), n)", "n, hash(pw(a, b), m)", "hmac(pw(a, b), n), n", "encrypt(pw(a, b), n)",
        "pk_encrypt(pk(dec(b)), n, pw(a, b))", "pk_encrypt(pk(dec(b)), pw(a, b)), n", "g^x",
        "pk_encrypt(pk(dec(b)), n)", "encrypt(kdf(n), pw(a, b)), pk_encrypt(pk(dec(b)), n)", "g^x, sign(sig(a), g^x)",
    ])  # fmt: skip
    second = random.choice([
        "", "k", "k, hash(n, k)", "encrypt(kdf(n), k)", "hash(k, pw(a, b))", "g^y", "g^y, hash(g^(x*y), pw(a, b))",
        "encrypt(kdf(g^(x*y)), k, pw(a, b)), g^y", "pk_encrypt(pk(dec(a)), k, n)", "sign(sig(b), n, hash(pw(a, b), k))",
        "g^y, encrypt(kdf(g^(x*y), pw(a, b)), k)", "hash(pw(a, b), k), encrypt(kdf(n), k)",
    ])  # fmt: skip
    third = random.choice(["", "hash(k, pw(a, b))", "k", "encrypt(kdf(pw(a, b), k), n)", "encrypt(kdf(k), pw(a, b))"])
    lines = [HEAD.format(seed=seed), "  Alice creates n: Nonce, m: Nonce, x: Exponent\n"]
    lines.append(f"  Alice -> Bob: M0 {{ {first} }}\n  Bob creates k: Nonce, y: Exponent\n")
    if second:
        lines.append(f"  Bob -> Alice: M1 {{ {second} }}\n")
    if second and third:
        lines.append(f"  Alice -> Bob: M2 {{ {third} }}\n")
    lines.append("  Alice accepts\n  Bob accepts\nclaims\n  c: pw(a, b) resists guessing\n")
    return "".join(lines)


def claim_of(seed: int) -> ClaimTask | None:
    """The claim of a random protocol, None if its roles cannot do what it says."""
    return only_claim(protocol(seed))


SEEDS = [seed for seed in range(24) if claim_of(seed) is not None]


class Relayed(Search):
    """Runs before an attacker who only listens: a message is received if it was sent."""

    def received(
        self, session: Session, child: int, pattern: Term, world: World
    ) -> Iterator[tuple[Session, frozenset[Term]]]:
        for moved, seen in super().received(session, child, pattern, world):
            if moved.ground(pattern) in world.seen:
                yield moved, seen


def worlds(
    task: ClaimTask, most: int, leaked: frozenset[Term] = frozenset(), search: type[Search] = Search
) -> list[frozenset[Term]]:
    """What the attacker has seen in the runs of two sessions, if it is given something before."""
    machines = {machine.role.name: machine for machine in task.library.system(task.owner).machines}
    found: dict[frozenset[Term], None] = {}
    for pair in combinations_with_replacement(OTHERS, 2):
        sessions = tuple(start(f"{n}", machines[role], names) for n, (role, names) in enumerate(pair))
        searched = search(frozenset({"dec", "sig"}), most, {})
        found |= {world.seen: None for world in searched.worlds(World(sessions, leaked), set())}
    return list(found)


def has_test(seen: frozenset[Term]) -> bool:
    """Whether what was seen looks different beside the right guess and beside a wrong one."""
    try:
        Frames(frozenset({(term, term) for term in seen} | {(PASSWORD, WRONG)}), frozenset({"dec", "sig"}))
    except Different:
        return True
    return False


def verdict(task: ClaimTask) -> Verdict:
    return check_claim(task, OPTIONS).verdict


def contradictions(seeds: range, *, leak: bool = False) -> tuple[Counter[tuple[str, bool]], list[int]]:
    """How often each verdict meets a test found by search, and where `holds` meets one; B's key may leak to both."""
    seen: Counter[tuple[str, bool]] = Counter()
    wrong = []
    for seed in seeds:
        task = claim_of(seed)
        if task is None:
            continue
        power = Leak((Datum("key", "dec", ("b",)),), "own", None)
        found = verdict(replace(task, what=replace(task.what, powers=(power,))) if leak else task)
        assert isinstance(found, Attack | Holds | PossibleDifference), protocol(seed)
        tested = any(map(has_test, worlds(task, 60, frozenset({LEAKED}) if leak else frozenset())))
        seen[type(found).__name__, tested] += 1
        if isinstance(found, Holds) and tested:
            wrong.append(seed)
    return seen, wrong


def test_no_password_whose_guesses_can_be_tested_is_called_safe() -> None:
    """`holds` is never contradicted by explicit search, and most attacks are found by it too."""
    seen, wrong = contradictions(range(40))
    assert not wrong, protocol(wrong[0])
    assert seen["Attack", True] > 10
    assert seen["Holds", False] > 5
    assert not any(word == "PossibleDifference" for word, _ in seen)


def test_a_leaked_key_is_the_same_for_the_search() -> None:
    """With the responder's key in the attacker's hands more passwords fall, and still none that is called safe."""
    seen, wrong = contradictions(range(24), leak=True)
    assert not wrong, protocol(wrong[0])
    assert seen["Attack", True] > contradictions(range(24))[0]["Attack", True]
    assert not any(word == "PossibleDifference" for word, _ in seen)


def test_the_replayer_and_the_search_agree_on_what_can_be_tested() -> None:
    """Two programs look at the same ground messages and see a test or none."""
    outcomes: Counter[bool] = Counter()
    for seed in range(14):
        task = claim_of(seed)
        if task is None:
            continue
        ring = key_ring(task.owner.key_families(), task.library.system(task.owner).machines)
        for seen in worlds(task, 12):
            knowledge = Knowledge(ring)
            for number, term in enumerate(sorted(seen, key=repr)):
                knowledge.learn(exchange(term, OWN_VALUES), number)
            found = offline.Guesser(knowledge, PASSWORD).best() is not None
            assert found == has_test(seen), protocol(seed)
            outcomes[found] += 1
    assert outcomes[True] > 20
    assert outcomes[False] > 20


@pytest.mark.parametrize("wrong", ["of_exposures", "_computed"])
def test_an_engine_without_tests_or_without_guesses_is_caught(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """Seeing nothing, or computing nothing with the guess, is contradicted at once."""
    nothing = {"of_exposures": lambda _: iter(()), "_computed": lambda *_: None}[wrong]
    monkeypatch.setattr(OfflineTests, wrong, nothing)
    assert contradictions(range(12))[1]


@pytest.mark.parametrize("seed", SEEDS[:8])
def test_a_password_that_leaks_is_never_safe(seed: int) -> None:
    """Giving the attacker the value itself turns every verdict."""
    text = protocol(seed).replace("resists guessing", "resists guessing despite leak of pw(a, b)")
    (task,) = tasks(text)
    assert isinstance(verdict(task), Attack)


def test_what_a_recorded_run_tells_is_no_secret() -> None:
    """Against a passive attacker too, `holds` is never contradicted by explicit search."""
    seen: Counter[tuple[str, bool]] = Counter()
    for seed in SEEDS:
        task = claim_of(seed)
        assert task is not None
        found = verdict(replace(task, what=replace(task.what, passive=True)))
        tested = any(map(has_test, worlds(task, 60, search=Relayed)))
        seen[type(found).__name__, tested] += 1
        assert not (isinstance(found, Holds) and tested), protocol(seed)
    assert seen["Attack", True] > 3
    assert seen["Holds", False] > 5


@pytest.mark.parametrize("seed", SEEDS)
def test_an_attacker_who_only_listens_tests_no_more(seed: int) -> None:
    """A passive attacker never has an attack where an active one has none."""
    task = claim_of(seed)
    assert task is not None
    passive = verdict(replace(task, what=replace(task.what, passive=True)))
    assert isinstance(passive, Holds) or not isinstance(verdict(task), Holds)
