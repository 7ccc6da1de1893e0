"""An attack as the rows of ladders: honest sessions at the sides, the attacker, who carries every message, between them.

An attack on one system is one ladder. One that tells two systems apart is a ladder of each, its last step marked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from modelcheck.render.ladder import drawn
from modelcheck.render.ladder_pair import Pair, Side, pair_sheet, pair_text
from modelcheck.render.ladder_rows import Acts, Broken, End, Ladder, Lane, Line, Marked, Message, Row, merged
from modelcheck.render.ladder_text import WIDTH, render_ladder
from modelcheck.render.picture import Picture
from modelcheck.render.wording import wrapped
from modelcheck.verdict import Attack, AttackStep, ClaimResult

ATTACKER = "attacker"
MOST_LANES = 3
"""Lanes that fit on a page of text."""
DEED = re.compile(r"(?:^|,? )(?:and )?(?=(?:receives|sends|recalls|keeps|picks|accepts|stops)\b)")
ORIGIN = re.compile(r" (relayed from step \d+|replayed from step \d+|from the attacker)$")
OVERHEARD = re.compile(r"(?P<sender>[\w ]+) to (?P<receiver>[\w ]+): (?P<names>.*)", re.DOTALL)
"""A message that nobody touches on its way."""
DELIVERS = re.compile(r"the attacker sends (?P<session>.+) (?P<what>a message)")
SUBJECT = re.compile(r"^(?:the attacker|the observer|there it) ")
"""Who acts, in sentences that stand in the attacker's lane."""
NOTHING = "(nothing)"
"""The text of a step that the other side alone has."""


def attack_ladder(result: ClaimResult, attack: Attack) -> Ladder:
    """Return the ladder of an attack on one system: a lane for each session, the steps numbered as reports do."""
    rows = merged(row for number, step in enumerate(attack.steps, 1) for row in _rows(number, step))
    return Ladder(result.protocol, _title(result), _lanes(attack), (*rows, Broken(attack.conclusion)))


def attack_pair(result: ClaimResult, attack: Attack) -> Pair:
    """Return the ladders of an attack that tells two systems apart, steps with the same number opposite each other."""
    left, right = (
        Side(Ladder(result.protocol, name, _lanes(one), ()), _steps(one))
        for name, one in zip(attack.sides, _sides(attack), strict=True)
    )
    return Pair(left, right, _difference(attack))


def attack_text(result: ClaimResult, attack: Attack) -> str:
    """Return an attack as text: ladders, or its numbered steps where there are more sessions than a page is wide."""
    if len(_lanes(attack)) > MOST_LANES:
        return "\n".join([*wrapped(_title(result), WIDTH, hanging=0), "", *_listed(attack)])
    if attack.sides[0]:
        heading = (line.center(WIDTH).rstrip() for line in wrapped(_title(result), WIDTH, hanging=0))
        return "\n".join([*heading, "", pair_text(attack_pair(result, attack))])
    return render_ladder(attack_ladder(result, attack))


def attack_picture(result: ClaimResult, attack: Attack) -> Picture:
    """Return the picture of an attack."""
    title = f"Attack on {result.protocol}.{result.claim}"
    told = " ".join(" ".join([f"{name}:"] * bool(name) + [f"{step}." for step in _told(one)])
                    for name, one in zip(attack.sides, _sides(attack), strict=False))  # fmt: skip
    described = f"{_title(result)}. {told} {_difference(attack)}"
    if not attack.sides[0]:
        return drawn(attack_ladder(result, attack), title, described)
    return Picture(pair_sheet(attack_pair(result, attack)).dot(result.protocol), "nop", title, described)


def _title(result: ClaimResult) -> str:
    return f"Attack on {result.protocol}.{result.claim}" + (f": {result.reason}" if result.reason else "")


def _sides(attack: Attack) -> tuple[Attack, ...]:
    """Return an attack as it is on each side: one of one system is itself."""
    if not attack.sides[0]:
        return (attack,)
    right = tuple(replace(step, text=step.right or step.text, right=step.text) for step in attack.steps)
    called = {step.session: DEED.split(step.text)[0] for step in reversed(right) if step.kind == "session"}
    sessions = tuple(
        replace(session, description=name) if (name := called.get(session.label, "")).startswith(session.label) else session
        for session in attack.sessions
    )  # fmt: skip
    return attack, replace(attack, sessions=sessions, steps=right)


def _difference(attack: Attack) -> str:
    """Return what an attack achieves; of two sides, also where they differ."""
    if not attack.sides[0]:
        return attack.conclusion
    join = ", " if attack.conclusion.startswith("so ") else ". "
    return f"Step {len(attack.steps)} differs{join}{attack.conclusion}"


def _told(attack: Attack) -> Iterator[str]:
    """Yield what happens, numbered."""
    return (f"{number}. {step.text}" for number, step in enumerate(attack.steps, 1) if step.text != NOTHING)


def _listed(attack: Attack) -> Iterator[str]:
    """Yield the lines of an attack's numbered steps, side after side, the step that differs marked."""
    two_sides = bool(attack.sides[0])
    for name, one in zip(attack.sides, _sides(attack), strict=False):
        if two_sides:
            yield from (name, "")
        for text in _told(one):
            number = text.partition(".")[0]
            mark = "#" if two_sides and number == str(len(attack.steps)) else ""
            yield from wrapped(mark + text, WIDTH, max(0, 3 - len(mark + number)))
        yield ""
    yield from wrapped(_difference(attack), WIDTH, hanging=0)


def _lanes(attack: Attack) -> tuple[Lane, ...]:
    """Return a lane for each session and the attacker's between them; beside parties whom it only listens to, the last."""
    lanes = [Lane(s.label, s.description.removeprefix(s.label).strip()) for s in attack.sessions]
    if lanes:
        lanes.insert((len(lanes) + 1) // 2, Lane(ATTACKER, "carries all messages"))
        return tuple(lanes)
    heard = (OVERHEARD.fullmatch(text) for step in attack.steps for text in (step.text, step.right))
    parties = dict.fromkeys(name for one in heard if one for name in (one["sender"], one["receiver"]))
    return (*(Lane(party, "") for party in parties), Lane(ATTACKER, "reads all messages"))


def _steps(attack: Attack) -> tuple[tuple[Row, ...], ...]:
    """Return the rows of each step of a side, the last one marked; what the other side alone does has none."""
    *steps, (number, last) = enumerate(attack.steps, 1)
    rows = [tuple(merged(_rows(at, step))) if step.text != NOTHING else () for at, step in steps]
    return (*rows, (Marked(ATTACKER, f"{number}. {SUBJECT.sub('', last.text)}"),))


def _rows(number: int, step: AttackStep) -> Iterator[Row]:
    """Yield the rows of a step; only the first has its number."""
    first = f"{number}. "
    if step.kind == "session" and not step.session and (heard := OVERHEARD.fullmatch(step.text)):
        yield Message(heard["sender"], heard["receiver"], "", (Line(first + heard["names"], 0, True),))
        return
    if step.kind == "attacker" and step.session and (given := DELIVERS.fullmatch(step.text)):
        yield Message(ATTACKER, step.session, "", (Line(first + given["what"], 0, True),))
        return
    if step.kind != "session" or not step.session:
        yield Acts(ATTACKER, (first + SUBJECT.sub("", step.text),))
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
