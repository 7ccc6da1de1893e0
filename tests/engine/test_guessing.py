"""Resistance to guessing: published verdicts in small, evidence, vacuity, and what is not covered says so."""

from __future__ import annotations

import pytest

from modelcheck.diagnostics import SpecRejected
from modelcheck.engine import confirm, guessing
from modelcheck.engine.audit import Stage, audit
from modelcheck.engine.boxes import Budget
from modelcheck.engine.guessing import OfflineTests, decide
from modelcheck.engine.offline import WRONG, Guesser
from modelcheck.engine.prover import Proof
from modelcheck.engine.replay import NotReplayed
from modelcheck.engine.trace import Advance, SessionStart, Trace
from modelcheck.engine.violation import replay
from modelcheck.options import Options
from modelcheck.pipeline import ClaimTask, check_claim
from modelcheck.protocol.model import Observational
from modelcheck.protocol.terms import NAME, App, Const, Key
from modelcheck.resources import specs_folder
from modelcheck.verdict import Attack, Holds, NotSupported, PossibleDifference, Vacuous, Verdict
from tests.support import results, tasks

FAST = Options(audit=False)

LOGIN = """\
protocol p
  role Client is client given server
  role Server is server given client
  key pw(Name, Name): Password
  key box(Name): EncryptionKey published
flow
  Server creates n: Nonce
  Server -> Client: Challenge {{ n }}
  Client creates r: Nonce
  Client -> Server: Response {{ {response} }}
  Client accepts
  Server accepts
claims
  c: {subject} resists guessing{attacker}
"""
SEALED = "pk_encrypt(pk(box(server)), r, hash(pw(client, server), n))"
A, B = Const("A", NAME), Const("B", NAME)


def task(response: str, attacker: str = "", subject: str = "pw(client, server)") -> ClaimTask:
    (found,) = tasks(LOGIN.format(response=response, attacker=attacker, subject=subject))
    return found


def login(response: str, attacker: str = "", subject: str = "pw(client, server)", options: Options = FAST) -> Verdict:
    return check_claim(task(response, attacker, subject), options).verdict


# ------------------------------------------------------------------------------------------------ verdicts


@pytest.mark.parametrize(
    "response",
    ["hash(pw(client, server), n)", "encrypt(pw(client, server), n)", "pk_encrypt(pk(box(server)), pw(client, server))",
     "r, hash(pw(client, server), r)", "pw(client, server)", "encrypt(stretch(pw(client, server), n), r)"],
)  # fmt: skip
def test_what_the_attacker_can_compute_again_is_a_test(response: str) -> None:
    assert isinstance(login(response), Attack)
    assert isinstance(login(response, " against a passive attacker"), Attack)


@pytest.mark.parametrize("response", [SEALED, "hash(pw(client, server), r, n)", "pk_encrypt(pk(box(server)), r)"])
def test_what_rests_on_another_secret_is_none(response: str) -> None:
    assert isinstance(login(response, options=Options(vacuity=False)), Holds)


@pytest.mark.parametrize(
    "power", ["leak of pw(client, server)", "leak of pw", "leak of box(server)", "leak of r", "leak of r of all sessions", "leak of r of other sessions",
              "weak pk_encrypt", "leak of box(server) after Client accepts", "leak of box"],
)  # fmt: skip
def test_a_stronger_attacker_turns_the_verdict(power: str) -> None:
    assert isinstance(login(SEALED, f" despite {power}"), Attack)


@pytest.mark.parametrize("power", ["leak of box(client)", "leak of n", "leak of n of all sessions", "weak sign"])
def test_what_gives_away_something_else_does_not(power: str) -> None:
    assert isinstance(login(SEALED, f" despite {power}"), Holds)


def test_the_identity_of_a_key_is_no_function_of_its_value() -> None:
    assert isinstance(login(f"id(pw(client, server)), {SEALED}"), Holds)
    assert isinstance(login("id(pw(client, server)), hash(pw(client, server), n)"), Attack)


@pytest.mark.parametrize("order", ["", " unordered"])
@pytest.mark.parametrize("response", ["hash(pw(client, server), n)", SEALED])
def test_either_party_may_be_the_client(order: str, response: str) -> None:
    text = LOGIN.format(response=response, attacker="", subject="pw(server, client)")
    found = results(text.replace("Password\n", f"Password{order}\n"), FAST)["p.c"].verdict
    assert isinstance(found, Holds if response == SEALED else Attack)


def test_a_value_that_a_role_creates() -> None:
    assert isinstance(login("r, hash(n, r)", subject="n"), Attack)
    assert isinstance(login("hash(r, n)", subject="r"), Attack)
    assert isinstance(login("pk_encrypt(pk(box(server)), r, n)", subject="r"), Attack)


# ------------------------------------------------------------------------------------------------ evidence


def test_an_attack_ends_in_a_test_in_the_words_of_the_spec() -> None:
    found = login("proof: encrypt(kdf(pw(client, server)), n)")
    assert isinstance(found, Attack)
    assert [step.text for step in found.steps] == [
        "the attacker builds Challenge from a value of its own",
        "Client #1 of A with B receives Challenge from the attacker, sends Response and accepts",
        "the attacker guesses pw(A, B)",
    ]
    assert found.conclusion == (
        "Decrypting Response.proof (step 2) with kdf(pw(A, B)) succeeds only for the right guess."
    )


def test_a_computed_key_is_named_on_the_way() -> None:
    text = LOGIN.format(response="hash(k, n)", attacker="", subject="pw(client, server)")
    found = results(text.replace("  Client creates r", "  let k = kdf(pw(client, server))\n  Client creates r"), FAST)
    attack = found["p.c"].verdict
    assert isinstance(attack, Attack)
    assert attack.steps[-1].text == "the attacker guesses pw(A, B) and computes `k` of Client #1"
    assert attack.conclusion == "Only the right guess gives hash(`k` of Client #1, e1) (step 2)."


def test_a_secret_that_is_known_is_compared_with_guesses() -> None:
    found = login(SEALED, " despite leak of pw(client, server)")
    assert isinstance(found, Attack)
    assert found.conclusion == "Only the right guess equals pw(A, B) (step 1)."


def test_the_replayer_refuses_a_run_without_a_test() -> None:
    """A response that nobody can compute again ends no attack, whatever the trace does."""
    one = task(SEALED)
    sessions = (SessionStart("c", "Client", ("A", "B")), SessionStart("s", "Server", ("B", "A")))
    challenge = App("message Challenge", (Const("n@s", "Nonce"),))
    steps = (Advance("s", 2), Advance("c", 4, challenge))
    system = one.library.system(one.owner)
    with pytest.raises(NotReplayed, match="not violated"):
        replay(system.protocol, system.machines, one.what, Trace(sessions, steps))
    weak = task("hash(pw(client, server), n)")
    system = weak.library.system(weak.owner)
    test = replay(system.protocol, system.machines, weak.what, Trace(sessions, steps)).violation.test
    assert test is not None
    assert test.kind == "compare"
    attacker = (SessionStart("c", "Client", ("A", "i")),)
    with pytest.raises(NotReplayed, match="not violated"):
        replay(system.protocol, system.machines, weak.what, Trace(attacker, ()))


def test_a_wrong_guess_gives_something_else() -> None:
    one = task("hash(pw(client, server), n)")
    system = one.library.system(one.owner)
    sessions = (SessionStart("c", "Client", ("A", "B")), SessionStart("s", "Server", ("B", "A")))
    steps = (Advance("s", 2), Advance("c", 4, App("message Challenge", (Const("n@s", "Nonce"),))))
    world = replay(system.protocol, system.machines, one.what, Trace(sessions, steps)).world
    password = Key("pw", "Password", (A, B))
    guesser = Guesser(world.knowledge, password)
    nonce = Const("n@s", "Nonce")
    assert guesser.wrong(App("hash", (password, nonce))) is App("hash", (Const(WRONG, "Password"), nonce))
    assert guesser.wrong(App("hash", (nonce,))) is None
    assert guesser.wrong(App("hash", (password, Const("r@c", "Nonce")))) is None


def test_without_a_replayed_run_there_is_no_attack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guessing, "executed", lambda *_: None)
    found = login("hash(pw(client, server), n)")
    assert isinstance(found, PossibleDifference)
    assert found.conclusion == "so a guess for `pw(client, server)` can be tested"


def test_a_trace_that_does_not_replay_is_no_attack(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NotReplayed("no run")

    monkeypatch.setattr(confirm, "replay", refuse)
    assert isinstance(login("hash(pw(client, server), n)"), PossibleDifference)


# ------------------------------------------------------------------------------------------------ proofs


def test_the_invariant_is_audited_and_no_damaged_one_passes() -> None:
    assert isinstance(login(SEALED, options=Options()), Holds)
    one = task(SEALED)
    assert isinstance(one.what.property, Observational)
    system = one.library.system(one.owner)
    proof = decide(system, one.what, one.what.property, Budget(10**8), vacuity=False)
    assert isinstance(proof, Proof)
    ((program, fixpoint),) = proof.solved[0].stages
    assert audit([Stage(program, fixpoint.relations)], 10**9).accepted
    damaged = [predicate for predicate, boxes in fixpoint.relations.items() if boxes]
    assert len(damaged) > 10
    for predicate in damaged:
        without = {**fixpoint.relations, predicate: fixpoint.relations[predicate][1:]}
        assert not audit([Stage(program, without)], 10**9).accepted


@pytest.mark.parametrize("missing", ["of_exposures", "_computed"])
def test_an_engine_that_misses_tests_would_prove_anything(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Without the tests of messages, or without anything computed with the guess, a bare hash would be safe."""
    monkeypatch.setattr(OfflineTests, missing, lambda *_: iter(()))
    assert isinstance(login("hash(pw(client, server), n)", options=Options(audit=False, vacuity=False)), Holds)


def test_leaked_values_are_tested_like_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of a session is sent nowhere: only the leak shows it."""
    text = LOGIN.format(response="r", attacker=" despite leak of k", subject="pw(client, server)")
    text = text.replace("  Client accepts", "  let k = kdf(pw(client, server), n, r)\n  Client accepts")
    assert isinstance(results(text, FAST)["p.c"].verdict, Attack)
    monkeypatch.setattr(OfflineTests, "of_leaks", lambda *_: iter(()))
    assert not isinstance(results(text, FAST)["p.c"].verdict, Attack)


# ------------------------------------------------------------------------------------------------ what is refused


def test_a_secret_that_stands_nowhere_is_vacuous() -> None:
    found = login("r")
    assert found == Vacuous(
        "even if every other secret leaked, nothing would tell whether a guess for `pw(client, server)` is right"
    )


def test_a_protocol_that_cannot_finish_is_vacuous() -> None:
    text = LOGIN.format(response="r", attacker="", subject="pw(client, server)")
    stuck = text.replace("  Client accepts\n", "  Client checks n = r\n  Client accepts\n")
    assert isinstance(results(stuck, FAST)["p.c"].verdict, Vacuous)


@pytest.mark.parametrize(
    ("attacker", "subject", "reason"),
    [
        (" if Client agrees with Server on n", "pw(client, server)", "a premise"),
        (" despite weak hash", "pw(client, server)", "guessing with weak hash functions"),
        ("", "box(server)", "guessing of a key with a public half"),
        (" despite dishonest server", "pw(client, server)", "guessing of a key that the attacker shares"),
        (" despite leak of box(server) after Client accepts and leak of r after Client sends Response",
         "pw(client, server)", "guessing with leaks after more than one point"),
    ],
)  # fmt: skip
def test_what_is_not_covered_says_so(attacker: str, subject: str, reason: str) -> None:
    found = login(SEALED, attacker, subject)
    assert isinstance(found, NotSupported)
    assert found.construct.startswith(reason)


def test_a_leak_that_gives_nothing_is_no_reason_to_hold() -> None:
    """The key of the oblivious function is made at registration: the sessions of the login have no partner that made it."""
    text = (specs_folder() / "passwords" / "opaque.flow").read_text(encoding="utf-8")
    of_all = "opaque.registration.k, opaque.registration.envelope of all sessions"
    assert of_all in text
    found = {f"{one.protocol}.{one.claim}": one for one in tasks(text.replace(of_all, "k"))}["opaque.login.file_stolen"]
    verdict = check_claim(found, FAST).verdict
    assert verdict == NotSupported("a leak of `k`, which neither the judged session nor its partner makes")


@pytest.mark.parametrize("subject", ["pw", "k", "Response", "pw(client, nobody)"])
def test_a_subject_that_no_role_starts_with_is_refused(subject: str) -> None:
    text = LOGIN.format(response=SEALED, attacker="", subject=subject)
    with pytest.raises(SpecRejected):
        tasks(text.replace("  Client accepts", "  let k = kdf(n)\n  Client accepts"))


def test_the_judged_role_can_be_named() -> None:
    assert isinstance(login("hash(pw(client, server), n)", " at Server"), Attack)
    with pytest.raises(SpecRejected) as rejected:
        task(SEALED, " at Server", "r")
    (found,) = rejected.value.diagnostics
    assert found.message == "Server does not create `r`"


@pytest.mark.parametrize("claim", ["pw(client, server) resists guessing", "client unlinkable at Client"])
def test_a_leak_after_a_point_of_another_role_is_refused(claim: str) -> None:
    text = LOGIN.format(response=SEALED, attacker="", subject="pw(client, server)")
    later = f"{claim} despite leak of box(server) after Server accepts"
    (found,) = tasks(text.replace("pw(client, server) resists guessing", later))
    with pytest.raises(SpecRejected) as rejected:
        found.library.system(found.owner)
    (wrong,) = rejected.value.diagnostics
    assert wrong.message == "the leak comes after a point of Server, but the claim judges Client"
