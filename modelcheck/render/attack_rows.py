"""An attack as the rows of a ladder: honest sessions at the sides, the attacker, who carries every message, between them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelcheck.render.ladder import drawn
from modelcheck.render.ladder_rows import Acts, Broken, End, Ladder, Lane, Line, Message, Row, merged
from modelcheck.render.ladder_text import WIDTH, render_ladder
from modelcheck.render.picture import Picture
from modelcheck.render.wording import wrapped
from modelcheck.verdict import Attack, AttackStep, ClaimResult

ATTACKER = "attacker"
MOST_LANES = 3
"""Lanes that fit on a page of text."""
DEED = re.compile(r"(?:^|,? )(?:and )?(?=(?:receives|sends|recalls|keeps|picks|accepts|stops)\b)")
ORIGIN = re.compile(r" (relayed from step \d+|replayed from step \d+|from the attacker)$")


def attack_ladder(result: ClaimResult, attack: Attack) -> Ladder:
    """Return the ladder of an attack: a lane for each session, the steps numbered as reports number them."""
    lanes = [Lane(s.label, s.description.removeprefix(s.label).strip()) for s in attack.sessions]
    half = (len(lanes) + 1) // 2
    lanes.insert(half, Lane(ATTACKER, "carries all messages"))
    rows = merged(row for number, step in enumerate(attack.steps, 1) for row in _rows(number, step))
    title = f"Attack on {result.protocol}.{result.claim}" + (f": {result.reason}" if result.reason else "")
    return Ladder(result.protocol, title, tuple(lanes), (*rows, Broken(attack.conclusion)))


def attack_text(result: ClaimResult, attack: Attack) -> str:
    """Return an attack as text: a ladder, or its numbered steps where there are more sessions than a page is wide."""
    ladder = attack_ladder(result, attack)
    if len(ladder.lanes) <= MOST_LANES:
        return render_ladder(ladder)
    steps = (line for number, step in enumerate(attack.steps, 1)
             for line in wrapped(f"{number}. {step.text}", WIDTH, 1 if number > 9 else 2))  # fmt: skip
    return "\n".join([ladder.title, "", *steps, "", *wrapped(attack.conclusion, WIDTH, hanging=0)])


def attack_picture(result: ClaimResult, attack: Attack) -> Picture:
    """Return the picture of an attack."""
    ladder = attack_ladder(result, attack)
    steps = " ".join(f"{number}. {step.text}." for number, step in enumerate(attack.steps, 1))
    return drawn(ladder, f"Attack on {result.protocol}.{result.claim}", f"{ladder.title}. {steps} {attack.conclusion}")


def _rows(number: int, step: AttackStep) -> Iterator[Row]:
    """Yield the rows of a step; only the first has its number."""
    first = f"{number}. "
    if step.kind != "session" or not step.session:
        yield Acts(ATTACKER, (first + step.text.removeprefix("the attacker "),))
        return
    deeds = [deed for deed in DEED.split(step.text) if deed.strip()][1:]
    for deed in deeds:
        yield _deed(first, step, deed.rstrip(","))
        first = ""


def _deed(prefix: str, step: AttackStep, deed: str) -> Row:
    verb, _, what = deed.partition(" ")
    match verb:
        case "receives":
            origin = ORIGIN.search(what)
            names = Line(prefix + (what[: origin.start()] if origin else what), 0, True)
            said = (Line(origin[1], 1),) if origin else ()
            return Message(ATTACKER, step.session, "", (names, *said))
        case "sends":
            return Message(step.session, ATTACKER, "", (Line(prefix + what, 0, True),))
        case "accepts" | "stops" if not what:
            return End(step.session, verb)
        case _:
            return Acts(step.session, (prefix + deed,))
