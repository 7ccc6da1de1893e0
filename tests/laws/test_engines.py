"""The engines against each other and against explicit search, on random protocols and on mutations of real ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from modelcheck.diagnostics import SpecRejected
from modelcheck.engine import cnf, deduction, violation
from modelcheck.engine.agreement import TooMany
from modelcheck.engine.boxes import Budget, BudgetExceeded
from modelcheck.engine.judged import Unsupported
from modelcheck.engine.prover import Proof, System, prove
from modelcheck.engine.query import Query
from modelcheck.engine.replay import NotReplayed
from modelcheck.engine.trace import Advance, Trace
from modelcheck.engine.violation import replay
from modelcheck.pipeline import ClaimTask, open_library, select_claims
from modelcheck.protocol.model import Agreement, Aliveness, Claim, Identifies, Secrecy
from modelcheck.protocol.terms import App, Const, Key, Term, rebuild
from modelcheck.resources import specs_folder
from tests.laws.protocols import POWERS, protocol, with_kem
from tests.laws.test_explicit import claims_of, claims_of_composition, refuted
from tests.support import tasks

SOLVER, UNITS = 50_000_000, 2_000_000
SOURCES = ("classics/signed_dh.flow", "classics/needham_schroeder.flow", "kemtls/predistributed.flow",
           "tls13/external_psk.flow", "tls13/delayed_client_auth.flow")  # fmt: skip


def proven(system: System, claim: Claim) -> bool:
    """Whether the boxes prove a claim, whatever its spec expects."""
    try:
        return isinstance(prove(system, claim, Budget(UNITS)), Proof)
    except (BudgetExceeded, TooMany, Unsupported):
        return False


def found(system: System, claim: Claim, size: int) -> Trace | None:
    """A run that violates a claim with so many sessions of each role."""
    clauses = system.clauses(claim)
    return Query(clauses, system.held(clauses), [claim], size).find(claim, SOLVER)


def verdicts(task: ClaimTask, sizes: tuple[int, ...] = (1, 2)) -> tuple[bool, bool]:
    """Whether a claim is proven and whether a run violates it; every run replays, and never are both true."""
    system = task.library.system(task.owner)
    holds = proven(system, task.what)
    trace = next((run for size in sizes if (run := found(system, task.what, size)) is not None), None)
    if trace is not None:
        replay(task.owner, system.machines, task.what, trace)
    assert not (holds and trace is not None), f"{task.protocol}.{task.claim}"
    return holds, trace is not None


@pytest.mark.parametrize("block", range(4))
def test_random_protocols(block: int) -> None:
    """No engine contradicts another, and the scenario query finds what explicit search with three sessions finds."""
    counted: Counter[tuple[bool, bool, bool]] = Counter()
    for seed in range(block * 5, block * 5 + 3):
        for task in claims_of(seed):
            holds, attacked = verdicts(task, (1, 2, 3))
            explicit = refuted(task)
            assert not (explicit and (holds or not attacked)), f"{task.claim} of seed {seed}"
            counted[holds, attacked, explicit] += 1
    assert counted.total() > 5


def test_random_protocols_side_by_side() -> None:
    """No engine contradicts another on compositions, and the scenario query finds what explicit search finds."""
    counted: Counter[tuple[bool, bool]] = Counter()
    for seed in (2, 5):
        for task in claims_of_composition(seed):
            holds, attacked = verdicts(task, (1, 2))
            counted[holds, attacked] += 1
            assert not (refuted(task) and not attacked), f"{task.claim} of composition {seed}"
    assert counted[True, False] > 0
    assert counted[False, True] > 0


def powered(seed: int) -> Iterator[ClaimTask]:
    """Claims of a random protocol, with a KEM added, against attackers with more powers."""
    text = with_kem(protocol(seed))
    for number, power in enumerate(POWERS):
        for claim in ("secret n_a at Alice", "Alice agrees with Bob on a, b, n_a"):
            try:
                (task,) = tasks(f"{text}  c{number}: {claim} despite {power}\n")
                task.library.system(task.owner)
            except SpecRejected:
                continue
            yield task


@pytest.mark.parametrize("block", range(2))
def test_random_protocols_and_stronger_attackers(block: int) -> None:
    """No engine contradicts another when keys leak, primitives are weak or a party is dishonest."""
    counted: Counter[tuple[bool, bool]] = Counter()
    for seed in range(block * 3, block * 3 + 3):
        counted.update(verdicts(task) for task in powered(seed))
    assert counted[True, False] > 0
    assert counted[False, True] > 0


def mutations(text: str, random: Random) -> Iterator[str]:
    """Texts with one thing changed: a field or an argument dropped, two swapped, a check or a key's certificate gone."""
    arguments = [m for m in re.finditer(r", (?:\"[^\"]*\"|[\w^*()]+)(?=[,)])", text) if "given" not in m[0]]
    fields = list(re.finditer(r"\n +\w+: [^\n]*?(?=\n)", text))
    pairs = [m for m in re.finditer(r"([a-z]\w*), ([a-z]\w*)(?=[,)])", text) if m[1] != m[2]]
    checks = list(re.finditer(r"\n  \w+ checks [^\n]*", text))
    for one in (
        *random.sample(arguments, min(5, len(arguments))),
        *random.sample(fields, min(2, len(fields))),
        *checks,
    ):
        yield text[: one.start()] + text[one.end() :]
    for one in random.sample(pairs, min(3, len(pairs))):
        yield text[: one.start()] + f"{one[2]}, {one[1]}" + text[one.end() :]
    yield text.replace(" certified", "", 1)


@pytest.mark.parametrize("name", SOURCES)
def test_mutations_of_real_specs(name: str) -> None:
    """No engine contradicts another on what is left of a real protocol when something is missing or swapped."""
    text = (specs_folder() / name).read_text(encoding="utf-8")
    counted: Counter[tuple[bool, bool]] = Counter()
    for mutant in mutations(text, Random(name)):
        try:
            mutated = [
                t for t in tasks(mutant) if isinstance(t.what.property, Secrecy | Agreement | Aliveness | Identifies)
            ]
            for task in mutated:
                task.library.system(task.owner)
        except SpecRejected:
            continue
        counted.update(verdicts(task) for task in mutated)
    assert counted[True, False] > 0
    assert counted[False, True] > 0


def attacks(count: int) -> Iterator[tuple[ClaimTask, Trace]]:
    """Some packaged claims with a run that violates each."""
    for name in SOURCES[:4]:
        for task in tasks((specs_folder() / name).read_text(encoding="utf-8")):
            if task.what.expected == "attack" and count > 0:
                trace = found(task.library.system(task.owner), task.what, 1)
                if trace is not None:
                    count -= 1
                    yield task, trace


def changed(term: Term, old: Term, new: Term) -> Term:
    return new if term is old else rebuild(term, lambda part: changed(part, old, new))


def broken(trace: Trace, random: Random) -> Iterator[Trace]:
    """Traces that are no runs: steps left out or moved to the front, a foreign value in a message, a step twice."""
    steps = list(trace.steps)
    for number in random.sample(range(len(steps)), min(4, len(steps))):
        yield replace(trace, steps=tuple(steps[:number] + steps[number + 1 :]))
        yield replace(trace, steps=(steps[number], *steps[:number], *steps[number + 1 :]))
        yield replace(trace, steps=(*steps[: number + 1], steps[number], *steps[number + 1 :]))
        step = steps[number]
        if isinstance(step, Advance) and step.received is not None:
            leaves = [p for p in _subterms(step.received) if isinstance(p, Const) and "@" in p.value]
            for leaf in leaves[:2]:
                other = replace(step, received=changed(step.received, leaf, Const(f"{leaf.value}'", leaf.sort)))
                yield replace(trace, steps=(*steps[:number], other, *steps[number + 1 :]))


def _subterms(term: Term) -> Iterator[Term]:
    yield term
    if isinstance(term, App | Key):
        for part in term.arguments:
            yield from _subterms(part)


def rejected(task: ClaimTask, trace: Trace) -> bool:
    try:
        replay(task.owner, task.library.system(task.owner).machines, task.what, trace)
    except NotReplayed:
        return True
    return False


def test_mutated_traces_are_rejected() -> None:
    """What is changed in a run makes it none, unless the change is harmless."""
    outcomes: Counter[bool] = Counter()
    for task, trace in attacks(8):
        judged = trace.sessions[0].label
        last = max(n for n, step in enumerate(trace.steps) if isinstance(step, Advance) and step.session == judged)
        assert rejected(task, replace(trace, steps=trace.steps[:last] + trace.steps[last + 1 :]))
        for other in broken(trace, Random(0)):
            if other != trace:
                outcomes[rejected(task, other)] += 1
    assert outcomes[True] > 40
    assert outcomes[False] < outcomes[True] / 5


# ------------------------------------------------------------------------------------------------ the fuzz is tested


def all_mutations() -> None:
    for name in SOURCES:
        test_mutations_of_real_specs(name)


def all_random() -> None:
    for block in range(4):
        test_random_protocols(block)


def test_a_replayer_that_does_not_ask_what_the_attacker_knows_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deduction.Knowledge, "can", lambda self, term: True)
    with pytest.raises(AssertionError):
        test_mutated_traces_are_rejected()


def test_a_replayer_that_sees_violations_everywhere_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(violation.Judge, "violation", lambda self: violation.Violation((), ()))
    with pytest.raises(AssertionError):
        test_mutated_traces_are_rejected()


def test_an_encoding_without_order_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the order of supports the query proposes runs that do not replay."""
    monkeypatch.setattr(cnf.Cnf, "forbid_cycles", lambda self: None)
    with pytest.raises(NotReplayed):
        all_mutations()


def test_a_prover_that_proves_everything_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.laws.test_engines.proven", lambda system, claim: True)
    with pytest.raises(AssertionError):
        test_mutations_of_real_specs(SOURCES[0])


def test_a_query_that_finds_nothing_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.laws.test_engines.found", lambda system, claim, size: None)
    with pytest.raises(AssertionError):
        all_random()


def test_packaged_specs_that_hold_have_no_attack() -> None:
    """What is proven of a packaged spec is violated by no run with one session of each role."""
    searched = 0
    for path in sorted(specs_folder().glob("*/*.flow")):
        for task in select_claims(open_library([path]), [path]) if path.parent.name != "ech" else ():
            if task.what.expected == "holds" and isinstance(task.what.property, Secrecy | Agreement | Identifies):
                assert found(task.library.system(task.owner), task.what, 1) is None, f"{task.protocol}.{task.claim}"
                searched += 1
    assert searched > 80
