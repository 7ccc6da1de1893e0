"""No claim is called true that an explicit search refutes, on random small protocols."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations_with_replacement, product

import pytest

from modelcheck.diagnostics import SpecRejected
from modelcheck.engine.judged import STAR
from modelcheck.machines.held import Held
from modelcheck.machines.machine import simple
from modelcheck.options import Options
from modelcheck.pipeline import ClaimTask, check_claim
from modelcheck.protocol.model import Agreement, Secrecy
from modelcheck.protocol.terms import Const, Term
from modelcheck.verdict import Holds
from tests.laws.explicit import Knowledge, Search, Session, World, settled, start
from tests.laws.protocols import CLAIMS, composition, protocol
from tests.support import tasks

OPTIONS = Options(audit=False, vacuity=False)
OTHERS = [("A", "B"), ("B", "A"), ("A", "i"), ("B", "i")]
"""What the further sessions are called, and with whom they talk."""


def claims_of(seed: int) -> list[ClaimTask]:
    """The claims of a random protocol that make sense for it, none if its roles cannot do what it says."""
    return _sensible(protocol(seed), CLAIMS)


def claims_of_composition(seed: int) -> list[ClaimTask]:
    """The claims about the first of two random protocols that run side by side."""
    return _sensible(composition(seed), re.sub(r"\b(?=Alice|Bob)", f"random{2 * seed}.", CLAIMS))


def _sensible(text: str, claims: str) -> list[ClaimTask]:
    found = []
    for line in claims.splitlines(keepends=True):
        try:
            (task,) = tasks(text + line)
            task.library.system(task.owner)
            check_claim(task, OPTIONS)
        except SpecRejected:
            continue
        found.append(task)
    return found


def refuted(task: ClaimTask) -> bool:
    """Whether two further sessions are enough for an attack on the claim."""
    system = task.library.system(task.owner)
    machines = {machine.role.name: machine for machine in system.machines}
    held = Held(task.owner, system.machines)
    claim = task.what.property
    assert isinstance(claim, Secrecy | Agreement)
    judged = (claim.points[0] if isinstance(claim, Secrecy) else claim.left).role
    cache: dict[frozenset[Term], Knowledge] = {}
    published = frozenset(name for name, family in task.owner.key_families().items() if family.public)
    first = start(STAR, machines[judged], ("A", "B") if simple(judged) == "Alice" else ("B", "A"))
    for pair in combinations_with_replacement(product(machines, OTHERS), 2):
        sessions = (first, *(start(f"{n}", machines[role], names) for n, (role, names) in enumerate(pair)))
        search = Search(published, 200, cache)
        for world in search.worlds(World(sessions, frozenset()), set()):
            if violated(world, claim, held, search):
                return True
    return False


def violated(world: World, claim: Secrecy | Agreement, held: Held, search: Search) -> bool:
    star = world.sessions[0]
    point = claim.points[0] if isinstance(claim, Secrecy) else claim.left
    done = {state.index for state in star.machine.lineage(settled(star))}
    if not any(state in done for state in star.machine.at(point.kind, point.name)):
        return False
    mine = values(star, claim, held)
    if isinstance(claim, Secrecy):
        known = search.knows(world.seen)
        return any(known.has(term) for term in mine)
    runs = held.last_sends(claim.left, claim.right.role)
    for session in world.sessions[1:]:
        passed = {state.index for state in session.machine.lineage(settled(session))}
        here = session.machine.role.name == claim.right.role and any(
            run.state in passed for run in runs)  # fmt: skip
        if here and values(session, claim, held) == mine:
            return False
    return True


def values(session: Session, claim: Secrecy | Agreement, held: Held) -> list[Term]:
    honest = held.paths[session.machine.protocol][0]
    view = session.machine.states[session.state].views[0]
    found: list[Term] = []
    for datum in claim.data:
        term = held.honest(honest, datum)
        own = view.of(term) if term is not None else None
        found.append(session.ground(own) if own is not None else Const("nothing", "Nonce"))
    return found


@pytest.mark.parametrize("block", range(4))
def test_no_refuted_claim_is_called_true(block: int) -> None:
    """`holds` is never contradicted by explicit search."""
    verdicts: Counter[tuple[bool, bool]] = Counter()
    for seed in range(block * 5, block * 5 + 4):
        for task in claims_of(seed):
            holds = isinstance(check_claim(task, OPTIONS).verdict, Holds)
            attacked = refuted(task)
            verdicts[holds, attacked] += 1
            assert not (holds and attacked), f"{task.claim} of\n{protocol(seed)}"
    assert verdicts.total() > 0


def test_the_search_finds_lowes_attack() -> None:
    text = protocol(0).split("flow")[0] + (
        "flow\n  Alice creates n_a: Nonce\n  Alice -> Bob: M0 { pk_encrypt(pk(dec(b)), n_a, a) }\n"
        "  Bob creates n_b: Nonce\n  Bob -> Alice: M1 { pk_encrypt(pk(dec(a)), n_a, n_b) }\n"
        "  Alice accepts\n  Alice -> Bob: M2 { pk_encrypt(pk(dec(b)), n_b) }\n  Bob accepts\nclaims\n"
        "  s: secret n_b at Bob\n  t: secret n_a at Alice\n"
    ).replace("Bob is b given a", "Bob is b given a")
    lowe, fine = tasks(text.replace("role Bob is b given a", "role Bob is b given a"))
    assert refuted(lowe)
    assert not refuted(fine)
