"""Names indistinguishable: published verdicts in small, repairs beside attacks, and what is not covered says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelcheck.engine import bibench, bileaks, observations
from modelcheck.engine.audit import Stage, audit
from modelcheck.engine.bibench import Bench, Leaking, Others, Shown
from modelcheck.engine.boxes import Budget
from modelcheck.engine.equivalence import decide
from modelcheck.engine.prover import Proof
from modelcheck.engine.script import NotExecuted
from modelcheck.engine.solver import Solver
from modelcheck.engine.twosides import execute
from modelcheck.options import Options
from modelcheck.pipeline import check_claim
from modelcheck.protocol.model import Observational
from modelcheck.protocol.terms import App
from modelcheck.verdict import Attack, Holds, NotSupported, PossibleDifference, Vacuous, Verdict
from tests.support import results, tasks

FAST = Options(audit=False)

HELLO = """\
protocol p
  role Client given server
  role Server is server
  key enc(Name): EncryptionKey published
  key signing(Name): SigningKey certified
flow
  Client creates n: Nonce
  Client -> Server: Hello {{ {hello} }}
  Server creates m: Nonce
  Server -> Client: Reply {{ {reply} }}
  Client accepts
  Server accepts
claims
  c: server indistinguishable among {{ B1, B2 }} at Client{attacker}
"""

ESNI = """\
protocol p
  role Client given server, front
  role Server is front hosts server
  key esni(Name): KemKey published
  key signing(Name): SigningKey certified
flow
  Client creates r: Nonce, x: Exponent, nonce: Nonce, h: Coins
  Client -> Server: Hello {{ r, g^x, kem_ct(pk(esni(front)), h), aead(kem_ss(pk(esni(front)), h), aad: {bound}, nonce, server) }}
  Server creates y: Exponent
  Server -> Client: ServerHello {{ g^y }}
  let k = kdf(g^(x*y), transcript)
  Server -> Client: encrypted(k) {{ Flight {{ {flight} }} }}
  Client accepts
  Server accepts
claims
  c: server indistinguishable among {{ B1, B2 }} at Client
"""


def verdict(text: str, options: Options = FAST) -> Verdict:
    return results(text, options)["p.c"].verdict


def hello(message: str, reply: str = "hash(n, m), m", attacker: str = "") -> Verdict:
    return verdict(HELLO.format(hello=message, reply=reply, attacker=attacker))


def esni(bound: str = "(r, g^x)", flight: str = "nonce, server, sign(signing(server), transcript)") -> Verdict:
    return verdict(ESNI.format(bound=bound, flight=flight))


def test_a_name_in_clear_is_seen() -> None:
    found = hello("n, server")
    assert isinstance(found, Attack)
    assert [(step.text, step.right) for step in found.steps] == [
        ("Client #1 with B1 sends Hello", "Client #1 with B2 sends Hello"),
        ("the attacker finds B1 equal to what it can build", "there it builds B1 and finds B2"),
    ]
    assert found.conclusion == "The two sides of `server` look different."


def test_a_hash_of_a_name_is_seen_and_one_with_a_secret_is_not() -> None:
    assert isinstance(hello("hash(server), pk_encrypt(pk(enc(server)), n, server)", "hash(n, m), m"), Attack)
    assert isinstance(hello("hash(n, server), pk_encrypt(pk(enc(server)), n)", "m"), Attack)


def test_whose_key_encrypts_is_not_seen_but_who_can_answer_is() -> None:
    """Decryption under the wrong key is noticed: the attacker delivers the hello to one of the candidates."""
    assert isinstance(hello("pk_encrypt(pk(enc(server)), n)"), Attack)


def test_a_signature_shows_who_signs() -> None:
    assert isinstance(esni(flight="nonce, server, sign(signing(server), transcript)"), Holds)
    shown = ESNI.replace("encrypted(k) {{ Flight {{ {flight} }} }}", "Flight {{ {flight} }}")
    assert isinstance(verdict(shown.format(bound="(r, g^x)", flight="nonce, sign(signing(server), r)")), Attack)


def test_cut_and_paste_needs_an_unbound_name() -> None:
    assert isinstance(esni(), Holds)
    assert isinstance(esni(bound='"nothing"'), Attack)


def test_the_order_of_checks_matters() -> None:
    """A nonce that is looked at before the certificate stops the client's reaction to a test certificate."""
    assert isinstance(esni(flight="nonce, server, sign(signing(server), transcript)"), Holds)
    late = esni(flight="server, nonce, sign(signing(server), transcript)")
    assert isinstance(late, Attack)
    assert "Client, receiving Flight" in late.conclusion


NAMED = ESNI.format(bound="(r, g^x)", flight="nonce: nonce, name: server, sig: sign(signing(server), transcript)")


def stated(*statements: str, despite: str = "") -> Verdict:
    """The verdict where the client also says how it checks."""
    said = "".join(f"  Client {one}\n" for one in statements)
    return verdict(NAMED.replace("  Client accepts\n", f"{said}  Client accepts\n").rstrip() + despite)


def test_a_flow_may_state_another_order_of_checks() -> None:
    assert isinstance(stated(), Holds)
    late = stated("checks Flight.nonce last")
    assert isinstance(late, Attack)
    assert late.steps[-1].text == "Client finds no signature that verifies with pk(signing(B1)) in Flight"
    assert late.steps[-1].right == "Client finds another value than B2 in Flight"
    assert isinstance(stated("checks Flight.name last"), Holds)


def test_a_key_that_a_role_has_is_not_told_as_the_attackers() -> None:
    """The key covers the name: a message under the key for one name is opened on one side only."""
    found = verdict(NAMED.replace("kdf(g^(x*y), transcript)", "kdf(g^(x*y), server)"))
    assert isinstance(found, Attack)
    assert found.steps[-1].right.startswith("Client cannot decrypt with ")
    assert all("(nothing)" not in (step.text, step.right) for step in found.steps)


def test_failures_that_look_alike_tell_nothing() -> None:
    """A certificate for a name that is tried fails by its signature on one side, by its name on the other."""
    late = "checks Flight.nonce last"
    assert isinstance(stated(late, "fails alike on Flight.name, Flight.sig"), Holds)
    assert isinstance(stated(late, "fails alike on Flight.name, Flight.nonce"), Attack)
    assert isinstance(stated(late, "fails alike"), Holds)


def test_who_can_sign_gets_past_checks_that_fail_alike() -> None:
    """With a good signature over what it sent itself the attacker gets as far as the nonce, which fails differently."""
    alike = ("checks Flight.nonce last", "fails alike on Flight.name, Flight.sig")
    assert isinstance(stated(*alike, despite=" despite leak of signing"), Attack)
    assert isinstance(stated("checks Flight.nonce last", "fails alike", despite=" despite leak of signing"), Holds)


def test_a_comparison_after_a_message_whose_failures_look_alike_is_refused() -> None:
    text = NAMED.replace("  Client accepts\n", "  Client fails alike\n  Client checks x != nonce\n  Client accepts\n")
    text = text.replace("x: Exponent, nonce: Nonce", "x: Exponent, nonce: Nonce, other: Nonce").replace(
        "x != nonce", "other != nonce"
    )
    assert isinstance(verdict(text), NotSupported)
    assert isinstance(verdict(text.replace("fails alike\n", "fails alike on Flight\n")), Holds)


def test_an_engine_that_took_all_failures_for_one_would_miss_the_reaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observations, "told_apart", lambda checked: [term for _, term in checked][-1:])
    assert isinstance(stated("checks Flight.nonce last"), Holds)


@pytest.mark.parametrize("power", ["leak of esni(front)", "leak of esni", "dishonest front"])
def test_a_stronger_attacker_turns_the_verdict(power: str) -> None:
    text = ESNI.format(bound="(r, g^x)", flight="nonce, server, sign(signing(server), transcript)")
    assert isinstance(verdict(text.rstrip() + f" despite {power}\n"), Attack)


SEALED = ESNI.format(bound="(r, g^x)", flight="nonce, server, sign(signing(server), transcript)").rstrip()


def test_what_leaks_of_sessions_is_looked_at_by_tests_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sends the name or the server's view of it: only what leaks shows it."""
    text = HELLO.format(hello="n", reply="m", attacker="").rstrip() + " despite leak of server\n"
    anonymous = text.replace("role Server is server", "role Server")
    assert isinstance(verdict(anonymous), Attack)
    monkeypatch.setattr(bileaks, "given_tests", lambda clauses, given, needs: ())
    assert not isinstance(verdict(anonymous, Options(audit=False, vacuity=False)), Attack)


def test_a_leak_of_a_session_is_told_of_both_sides() -> None:
    found = verdict(SEALED + " despite leak of h\n")
    assert isinstance(found, Attack)
    assert found.steps[0].kind == "reveal"
    assert found.steps[0].text.startswith("leak of h of Client #1 with B1")
    assert found.steps[0].right.startswith("leak of h of Client #1 with B2")


def test_a_session_makes_no_check_again_that_it_is_past() -> None:
    """The nonce opens the client to test certificates, and is of no use once the client has accepted."""
    assert isinstance(verdict(SEALED + " despite leak of nonce\n"), Attack)
    assert isinstance(verdict(SEALED + " despite leak of nonce after Client accepts\n", Options()), Holds)


def test_the_replayer_says_whose_values_leak() -> None:
    """A run in which the partner's share leaks is none in which that of other sessions does."""
    found = verdict(SEALED + " despite leak of y\n")
    assert isinstance(found, Attack)
    (task,) = tasks(SEALED + " despite leak of y\n")
    assert isinstance(task.what.property, Observational)
    shown = decide(task.library.system(task.owner), task.what, task.what.property, Budget(10**8), vacuity=False)
    assert isinstance(shown, Shown)
    assert shown.seen is not None
    script = shown.seen.script
    machines = {machine.role.name: machine for machine in task.library.system(task.owner).machines}
    families = task.library.system(task.owner).protocol.key_families()
    assert execute(machines, families, script).seen == shown.seen.seen
    others = tuple(replace(leak, owner="other") for leak in script.values)
    with pytest.raises(NotExecuted, match="does not leak"):
        execute(machines, families, replace(script, values=others))


def test_a_later_leak_reads_what_was_recorded() -> None:
    text = ESNI.format(bound="(r, g^x)", flight="nonce, server, sign(signing(server), transcript)").rstrip()
    assert isinstance(verdict(text + " despite leak of esni(front) after Client accepts\n"), Attack)


def test_a_key_that_matters_to_nobody_may_leak() -> None:
    text = ESNI.format(bound="(r, g^x)", flight="nonce, server, sign(signing(server), transcript)").rstrip()
    assert isinstance(verdict(text + " despite leak of signing(server)\n"), Holds)


def test_swapping_the_sides_keeps_the_verdict() -> None:
    for text in (
        ESNI.format(bound="(r, g^x)", flight="nonce, server"),
        ESNI.format(bound='"-"', flight="nonce, server"),
    ):
        assert type(verdict(text)) is type(verdict(text.replace("{ B1, B2 }", "{ B2, B1 }")))


def test_a_subject_that_stands_nowhere_is_vacuous() -> None:
    """Nothing tells the sides apart because nothing depends on the name, whatever leaks."""
    text = HELLO.format(hello="n", reply="m", attacker="").replace("given server", "given server, friend")
    found = verdict(text.replace("server indistinguishable", "friend indistinguishable"))
    assert found == Vacuous(
        "even if all keys and all secrets of the judged session leaked, nobody could tell the sides apart"
    )


def test_a_proof_says_which_leak_would_turn_it() -> None:
    """The program tries more leaks on whatever it proves, and names the first that breaks the claim."""
    found = esni()
    assert isinstance(found, Holds)
    assert found.turned == "the key esni of the judged names"


def test_a_judged_session_that_never_finishes_is_vacuous() -> None:
    text = HELLO.format(hello="hash(n, server)", reply="m", attacker="")
    stuck = text.replace("creates n: Nonce", "creates n: Nonce, o: Nonce")
    stuck = stuck.replace("  Client accepts\n", "  Client checks o = n\n  Client accepts\n")
    assert verdict(stuck) == Vacuous("the judged session of Client never gets to one of its ends")


def test_who_may_write_on_an_authentic_channel_is_a_difference() -> None:
    """One of the candidates answers: the client takes that for an answer on one side only."""
    text = HELLO.format(hello="n", reply="m", attacker="").replace("Server -> Client", "Server -[authentic]-> Client")
    assert isinstance(verdict(text), PossibleDifference)


def test_an_attacker_who_hits_hash_values_still_builds_them() -> None:
    """What differs from side to side it cannot name, but may compute."""
    (task,) = tasks(HELLO.format(hello="n, server", reply="hash(n, m), m", attacker=" despite weak hash"))
    assert isinstance(task.what.property, Observational)
    rules = Bench(task.library.system(task.owner), task.what, task.what.property).clauses.rules
    made = {
        rule.origin.kind for rule in rules if isinstance(rule.origin.term, App) and rule.origin.term.function == "hash"
    }
    assert made >= {"given", "compose"}


def test_what_makes_a_hash_weak_may_not_differ() -> None:
    """The sessions in which it is weak would be others on the left than on the right."""
    text = HELLO.format(hello="mode: mode, n: n", reply="hash(n, m), m", attacker=" despite weak hash when mode = old")
    text = text.replace("  key enc", "  values Mode = old, new\n  key enc").replace(
        "flow\n", "flow\n  Client picks mode: Mode\n"
    )
    assert not isinstance(verdict(text), NotSupported)
    picked = text.replace("server indistinguishable among { B1, B2 }", "mode indistinguishable among { old, new }")
    assert verdict(picked) == NotSupported("weak hash when `mode` has a value, which may differ from side to side")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            ("server indistinguishable", "n indistinguishable"),
            "sides that differ in `n`, which Client neither starts from nor picks",
        ),
        (("at Client\n", "at Client if Client agrees with Server on m\n"), "a premise"),
        (("{ B1, B2 }", "{ B1, B1 }"), "two sides that are the same name"),
        (("at Client\n", "at Client despite dishonest server\n"), "a judged name that is the attacker's"),
    ],
)
def test_what_is_not_covered_says_so(change: tuple[str, str], reason: str) -> None:
    text = HELLO.format(hello="n", reply="hash(n, m), m", attacker="")
    assert change[0] in text
    found = verdict(text.replace(*change))
    assert isinstance(found, NotSupported)
    assert found.construct.startswith(reason)


def test_the_invariant_is_audited_and_no_damaged_one_passes() -> None:
    text = ESNI.format(bound="(r, g^x)", flight="nonce, server, sign(signing(server), transcript)")
    assert isinstance(verdict(text, Options()), Holds)
    (task,) = tasks(text)
    assert isinstance(task.what.property, Observational)
    system = task.library.system(task.owner)
    proof = decide(system, task.what, task.what.property, Budget(10**8), vacuity=False)
    assert isinstance(proof, Proof)
    ((program, fixpoint),) = proof.solved[0].stages
    assert audit([Stage(program, fixpoint.relations)], 10**9).accepted
    damaged = 0
    for predicate, boxes in fixpoint.relations.items():
        if damaged < 12 and len(boxes) > 1:
            without = {**fixpoint.relations, predicate: boxes[1:]}
            assert not audit([Stage(program, without)], 10**9).accepted
            damaged += 1
    assert damaged == 12


def test_without_its_tests_the_comparison_would_prove_anything() -> None:
    """The goals are what finds the name in clear: the case holds one for each side and leaf."""
    (task,) = tasks(HELLO.format(hello="n, server", reply="hash(n, m), m", attacker=""))
    assert isinstance(task.what.property, Observational)
    bench = Bench(task.library.system(task.owner), task.what, task.what.property)
    case = bench.case()
    assert len(case.goals) == len(case.words) > 0
    assert len(bench.case(Leaking(tuple(bench.clauses.families), values=True)).goals) == len(case.goals)
    assert check_claim(replace(task), FAST).verdict != Holds(False, 0)


def test_a_passive_attacker_compares_what_roles_sent() -> None:
    """What is decided by an answer that somebody has to make up is no attack by an observer."""
    found = hello("n, server", attacker=" against a passive attacker")
    assert isinstance(found, Attack)
    assert found.steps[-1].right == "there it builds B1 and finds B2"
    assert isinstance(hello("pk_encrypt(pk(enc(server)), n)"), Attack)
    assert not isinstance(hello("pk_encrypt(pk(enc(server)), n)", attacker=" against a passive attacker"), Attack)


def test_without_first_checks_the_reaction_of_the_client_would_be_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison that only looked at whole messages would call the late nonce safe."""
    late = "server, nonce, sign(signing(server), transcript)"
    assert isinstance(esni(flight=late), Attack)
    whole = observations.checked_parts
    monkeypatch.setattr(observations, "checked_parts", lambda *given: list(whole(*given))[-1:])
    assert isinstance(esni(flight=late), Holds)


def test_without_the_attackers_tests_a_name_in_clear_would_be_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No role looks at the name: only the attacker's own comparison finds it."""
    text = HELLO.format(hello="n, server", reply="m", attacker="")
    anonymous = text.replace("role Server is server", "role Server")
    assert isinstance(verdict(anonymous), Attack)
    monkeypatch.setattr(bibench, "attacker_tests", lambda clauses, exposures: ())
    assert not isinstance(verdict(anonymous, Options(audit=False, vacuity=False)), Attack)


def test_sessions_that_the_attacker_could_play_need_not_be_told_apart() -> None:
    """With their fresh values given away, whatever is excluded stays excluded with the sessions as they are."""
    text = ESNI.format(bound="(r, g^x)", flight="nonce, server, sign(signing(server), transcript)")
    (task,) = tasks(text)
    assert isinstance(task.what.property, Observational)
    bench = Bench(task.library.system(task.owner), task.what, task.what.property)
    sizes = {}
    ways: tuple[Others, ...] = ("exposed", "all")
    for others in ways:
        solved = Solver(Budget(10**8)).solve(bench.case(others=others))
        assert solved.goal is None
        sizes[others] = sum(map(len, solved.stages[-1][1].relations.values()))
    assert sizes["exposed"] < sizes["all"]
    exposed = [session for session in bench.case(others="exposed").scene.sessions if session.exposed]
    assert {session.role for session in exposed} == {"Client"}


LEARNT = """\
protocol p
  role Client is client given server
  role Server is server
  key enc(Name): EncryptionKey published
  key psk(Name, Name): Psk
  key signing(Name): SigningKey certified
flow
  Client creates n: Nonce, z: Nonce
  Client -> Server: Hello {
      n, pk_encrypt(pk(enc(server)), client, z, n),
      pk_encrypt(pk(enc(server)), z, sign(signing(client), n)), pk_encrypt(pk(enc(server)), hmac(psk(client, server), z, n))
  }
  Server creates m: Nonce
  Server -> Client: Reply { m, encrypt(kdf(z), sign(signing(server), m)) }
  Client -> Server: Proof { pk_encrypt(pk(enc(server)), sign(signing(client), m, server)) }
  Client accepts
  Server accepts
claims
  c: client indistinguishable among { A1, A2 } at Client despite unchecked possession of signing
"""


def test_a_name_that_a_session_has_yet_to_learn_has_its_own_key_on_either_side() -> None:
    """The server hears `A1` on the left and `A2` on the right, both with their own keys: it goes on in both systems."""
    assert isinstance(verdict(LEARNT), PossibleDifference)
