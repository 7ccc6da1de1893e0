"""Attacks as ladders: a lane for each honest session, the attacker between them, the broken claim at the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelcheck.render.attack_rows import attack_ladder, attack_picture, attack_text
from modelcheck.render.ladder_rows import Acts, Broken, End, Line, Message
from modelcheck.render.ladder_text import WIDTH, render_ladder
from modelcheck.verdict import Attack, AttackSession, AttackStep, ClaimResult
from tests.render import drawn
from tests.render.results import HOLDS
from tests.support import results

LOWE = """\
protocol ns
  role I is a given b
  role R is b
  key private(Name): EncryptionKey published
flow
  I creates n: Nonce
  I -> R: Hello { pk_encrypt(pk(private(b)), n, a) }
  R creates m: Nonce
  R -> I: Answer { pk_encrypt(pk(private(a)), n, m) }
  I accepts
  I -> R: Proof { pk_encrypt(pk(private(b)), m) }
  R accepts
claims
  sure:  R agrees with I on a, b expect attack "Lowe"
  known: secret n at I despite leak of n expect attack
"""


@pytest.fixture(scope="module")
def found() -> dict[str, ClaimResult]:
    """The results of the claims."""
    return results(LOWE)


def attack(result: ClaimResult) -> Attack:
    """The attack that a verdict is."""
    assert isinstance(result.verdict, Attack)
    return result.verdict


def test_what_a_session_does_stands_in_its_lane(found: dict[str, ClaimResult]) -> None:
    result = found["ns.sure"]
    ladder = attack_ladder(result, attack(result))
    assert ladder.title == "Attack on ns.sure: Lowe"
    assert [(lane.role, lane.about) for lane in ladder.lanes] == [
        ("R #1", "of A"), ("attacker", "carries all messages"), ("I #1", "of B with the attacker"),
    ]  # fmt: skip
    assert ladder.rows[0] == Message("I #1", "attacker", "", (Line("1. Hello", 0, True),))
    assert Message("attacker", "I #1", "", (Line("5. Answer", 0, True), Line("relayed from step 4", 1))) in ladder.rows
    assert [row for row in ladder.rows if isinstance(row, End)] == [End("I #1", "accepts"), End("R #1", "accepts")]
    assert isinstance(ladder.rows[-1], Broken)
    assert ladder.rows[-1].text == attack(result).conclusion


def test_what_the_attacker_does_and_is_given_stands_in_its_lane(found: dict[str, ClaimResult]) -> None:
    result = found["ns.known"]
    texts = [text for row in attack_ladder(result, attack(result)).rows if isinstance(row, Acts) for text in row.texts]
    assert any("leak of" in text for text in texts)
    assert all(row.role == "attacker" for row in attack_ladder(result, attack(result)).rows if isinstance(row, Acts))


@pytest.mark.parametrize("claim", ["ns.sure", "ns.known"])
def test_every_step_is_numbered_once(found: dict[str, ClaimResult], claim: str) -> None:
    result = found[claim]
    text = render_ladder(attack_ladder(result, attack(result)))
    assert max(map(len, text.splitlines())) <= WIDTH
    for number in range(1, len(attack(result).steps) + 1):
        assert text.count(f"| {number}. ") == 1


def test_more_sessions_than_a_page_is_wide_are_told_in_steps() -> None:
    sessions = tuple(AttackSession(f"A #{n}", "A", ("A",), f"A #{n} of A") for n in range(1, 4))
    steps = tuple(
        AttackStep("session", s.label, f"{s.description} sends Hello", (), ("Hello",), ()) for s in sessions * 4
    )
    many = Attack(sessions, steps, "That is all.")
    told = attack_text(replace(HOLDS, protocol="p", claim="c", reason="many"), many).splitlines()
    assert told[:3] == ["Attack on p.c: many", "", "  1. A #1 of A sends Hello"]
    assert told[-3:] == [" 12. A #3 of A sends Hello", "", "That is all."]


def test_what_a_session_does_in_a_row_is_one_note() -> None:
    session = AttackSession("A #1", "A", ("A",), "A #1 of A")
    steps = (
        AttackStep(
            "session",
            "A #1",
            "A #1 of A recalls psk, key, picks fast, accepts stage 1 and sends Hello, Bye",
            (),
            (),
            (),
        ),
        AttackStep("attacker", "", "the attacker opens step 1", (), (), ()),
        AttackStep("reveal", "", "leak of k: the attacker gets k", (), (), ()),
    )
    ladder = attack_ladder(HOLDS, Attack((session,), steps, "Done."))
    assert ladder.rows == (
        Acts("A #1", ("1. recalls psk, key", "picks fast", "accepts stage 1")),
        Message("A #1", "attacker", "", (Line("Hello, Bye", 0, True),)),
        Acts("attacker", ("2. opens step 1", "3. leak of k: the attacker gets k")),
        Broken("Done."),
    )


@pytest.mark.parametrize("claim", ["ns.sure", "ns.known"])
def test_pictures_of_attacks_are_clean_and_described(found: dict[str, ClaimResult], claim: str) -> None:
    result = found[claim]
    picture = attack_picture(result, attack(result))
    svg = picture.svg()
    assert drawn.overlaps(svg) == []
    assert drawn.struck(svg) == []
    assert picture.title == f"Attack on {claim}"
    assert all(step.text in picture.description for step in attack(result).steps)
    assert picture.description.endswith(attack(result).conclusion)
