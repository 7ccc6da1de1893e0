"""Attacks as ladders: a lane for each honest session, the attacker between them, the broken claim at the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelcheck.render.attack_rows import attack_ladder, attack_pair, attack_picture, attack_text
from modelcheck.render.ladder_rows import Acts, Broken, End, Line, Marked, Message
from modelcheck.render.ladder_text import WIDTH, render_ladder
from modelcheck.verdict import Attack, AttackSession, AttackStep, ClaimResult
from tests.render import drawn
from tests.render.flows import POLL
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
    long = attack_text(replace(HOLDS, protocol="p", claim="c", reason=" ".join(["many"] * 30)), many).splitlines()
    assert max(map(len, long)) <= WIDTH
    assert " ".join(long).startswith(f"Attack on p.c: {' '.join(['many'] * 30)}")


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
    assert drawn.flaws(svg) == []
    assert picture.title == f"Attack on {claim}"
    assert all(step.text in picture.description for step in attack(result).steps)
    assert picture.description.endswith(attack(result).conclusion)


SIDES = ("left: `x` is p", "right: `x` is q")


def told_apart(sessions: int, *steps: AttackStep) -> Attack:
    """An attack on two sides: some sessions, some steps, and a last one that differs."""
    called = tuple(AttackSession(f"A #{n}", "A", ("p",), f"A #{n} of p") for n in range(1, sessions + 1))
    last = AttackStep("attacker", "", "the attacker finds p equal to what it can build", (), (), (),
                      right="there it builds p and finds q")  # fmt: skip
    return Attack(called, (*steps, last), "The two sides look different.", SIDES)


def step(kind: str, session: str, text: str, right: str = "") -> AttackStep:
    """A step without messages."""
    return AttackStep(kind, session, text, (), (), (), right=right)


def test_each_side_has_a_ladder_of_its_own_and_the_last_step_is_marked() -> None:
    sent = step("session", "A #1", "A #1 of p sends Hello", "A #1 of q sends Hello and accepts")
    pair = attack_pair(HOLDS, told_apart(1, sent))
    assert [side.ladder.title for side in (pair.left, pair.right)] == list(SIDES)
    assert [side.ladder.lanes[0].about for side in (pair.left, pair.right)] == ["of p", "of q"]
    hello = Message("A #1", "attacker", "", (Line("1. Hello", 0, True),))
    assert pair.left.rows == (hello, Marked("attacker", "2. finds p equal to what it can build"))
    assert pair.right.rows == (hello, End("A #1", "accepts"), Marked("attacker", "2. builds p and finds q"))
    assert pair.conclusion == "Step 2 differs. The two sides look different."


def test_steps_of_one_side_alone_leave_a_gap_on_the_other() -> None:
    steps = (
        step("attacker", "", "the attacker opens step 1", "(nothing)"),
        step("session", "A #1", "(nothing)", "A #1 of q sends Bye"),
        step("attacker", "A #1", "the attacker sends A #1 of p a message", "the attacker sends A #1 of q a message"),
    )
    found = told_apart(1, *steps)
    pair = attack_pair(HOLDS, found)
    assert [len(rows) for rows in pair.left.steps] == [1, 0, 1, 1]
    assert [len(rows) for rows in pair.right.steps] == [0, 1, 1, 1]
    assert pair.left.steps[2] == (Message("attacker", "A #1", "", (Line("3. a message", 0, True),)),)
    assert "(nothing)" not in attack_text(HOLDS, found) + attack_picture(HOLDS, found).description


def test_who_only_listens_stands_beside_those_who_talk() -> None:
    found = replace(
        told_apart(0, step("session", "", "A to B: Hello, Bye"), step("session", "", "the observer is given k"))
    )
    left = attack_pair(HOLDS, found).left
    assert [lane.role for lane in left.ladder.lanes] == ["A", "B", "attacker"]
    assert left.rows[:2] == (
        Message("A", "B", "", (Line("1. Hello, Bye", 0, True),)), Acts("attacker", ("2. is given k",))
    )  # fmt: skip


def test_a_party_that_only_one_side_hears_of_has_a_lane_on_both() -> None:
    steps = (step("session", "", "A to B: Hello"), step("attacker", "", "nothing more is sent", "B to C: Answer"))
    pair = attack_pair(HOLDS, Attack((), steps, "so they look different", SIDES))
    assert pair.left.ladder.lanes == pair.right.ladder.lanes
    assert [lane.role for lane in pair.left.ladder.lanes] == ["A", "B", "C", "attacker"]
    assert pair.conclusion == "Step 2 differs, so they look different"


def test_both_sides_are_told_in_steps_where_sessions_are_many() -> None:
    sent = (step("session", f"A #{n}", f"A #{n} of p sends Hello", f"A #{n} of q sends Hello") for n in (1, 2, 3))
    told = attack_text(replace(HOLDS, protocol="p", claim="c", reason="many"), told_apart(3, *sent)).splitlines()
    assert told == [
        "Attack on p.c: many", "",
        SIDES[0], "", "  1. A #1 of p sends Hello", "  2. A #2 of p sends Hello", "  3. A #3 of p sends Hello",
        " #4. the attacker finds p equal to what it can build", "",
        SIDES[1], "", "  1. A #1 of q sends Hello", "  2. A #2 of q sends Hello", "  3. A #3 of q sends Hello",
        " #4. there it builds p and finds q", "",
        "Step 4 differs. The two sides look different.",
    ]  # fmt: skip


@pytest.mark.parametrize("sessions", [1, 2, 3, 4])
def test_two_sides_fit_a_page_and_nothing_overlaps(sessions: int) -> None:
    """Few sessions stand side by side, many below each other."""
    long = "receives " + "Message, " * 12 + "Last from the attacker"
    sent = [step("session", f"A #{n}", f"A #{n} of p {long}", f"A #{n} of q {long} and accepts")
            for n in range(1, sessions + 1)]  # fmt: skip
    picture = attack_picture(HOLDS, told_apart(sessions, *sent))
    svg = picture.svg()
    assert drawn.flaws(svg) == []
    assert drawn.size(svg)[0] <= 1300
    titles = {one.text.replace("\xa0", " "): one for one in drawn.words(svg)}
    assert (titles[SIDES[0]].top == titles[SIDES[1]].top) == (sessions <= 2)
    assert picture.description.count("differs") == 1
    assert all(side in picture.description for side in SIDES)


def test_sides_below_each_other_have_their_lifelines_at_the_same_places() -> None:
    """Each side is wider than the other somewhere."""
    longer = "sends Hello, More of it, Rest, Remainder"
    sent = [step("session", "A #1", f"A #1 of p {longer}", "A #1 of q sends Hello"),
            step("session", "A #2", "A #2 of p sends Hello", f"A #2 of q {longer}, accepts"),
            step("session", "A #3", "A #3 of p sends Hello", f"A #3 of q {longer}")]  # fmt: skip
    svg = attack_picture(HOLDS, told_apart(3, *sent)).svg()
    heads = {name: [one.left for one in drawn.words(svg) if one.text.replace("\xa0", " ") == name]
             for name in ("A #1", "A #2", "attacker", "A #3")}  # fmt: skip
    assert [len(both) for both in heads.values()] == [2, 2, 2, 2]
    assert all(upper == lower for upper, lower in heads.values())


@pytest.mark.parametrize("claim", ["poll.active", "poll.passive"])
def test_pictures_of_two_sides_say_what_each_shows(claim: str) -> None:
    result = results(POLL)[claim]
    picture = attack_picture(result, attack(result))
    steps = attack(result).steps
    assert all(text in picture.description for one in steps for text in (one.text, one.right))
    assert "@" not in picture.description
    svg = picture.svg()
    assert drawn.flaws(svg) == []
    marked = attack_pair(result, attack(result)).left.rows[-1]
    assert isinstance(marked, Marked)
    assert max(map(len, attack_text(result, attack(result)).splitlines())) <= WIDTH
