"""Role machines of two systems side by side: which pairs of states arise, where sessions part, and what is refused."""

from __future__ import annotations

import pytest

from modelcheck.machines import paired as side_by_side
from modelcheck.machines.machine import Create, Pick, Receive, Send
from modelcheck.machines.paired import Paired, Unpaired, Waiting, paired
from modelcheck.protocol.biterms import IN_TWO_FORMS, differs, half, halves
from modelcheck.protocol.terms import App, Const, Term, show
from tests.support import library

TEXT = """\
protocol p
  role Client is client given server
  role Server is server
  role Third is third given server
  key enc(Name): EncryptionKey published
  values Mode = real, cover
  values Suite = new, old
flow
{flow}  Client accepts
  Server accepts
"""
PICKS = "  Client picks mode: Mode\n  Client creates n: Nonce, m: Nonce\n"
SEALED = "pk_encrypt(pk(enc(server)), n) when mode = real else hash(n, m)"
HELLO = f"{PICKS}  Client -> Server: Hello {{ x: {SEALED} }}\n"
REPLY = "  Server creates q: Nonce\n  Server -> Client: Reply { q }\n"


def pairs(flow: str, sides: tuple[str, str] = ("real", "cover")) -> Paired:
    """The machines in which the judged client picks one mode on the left and another on the right."""
    found = library(TEXT.format(flow=flow))
    machines = found.system(found.protocols[0]).machines
    client = next(machine for machine in machines if machine.role.name == "Client")
    picked = {
        side: [s for s in client.states if isinstance(s.step, Pick) and is_mode(s.step.value, side)] for side in sides
    }
    both = [(a.index, b.index) for a in picked[sides[0]] for b in picked[sides[1]] if a.parent == b.parent]
    return paired(machines, "Client", both, sides)


def is_mode(value: Term, side: str) -> bool:
    return value == Const(side, "Mode") or (not isinstance(value, Const) and getattr(value, "sort", "") == "Mode")


def added(found: Paired, role: str) -> list[str]:
    """What a session does in the states of a role that no machine of one system has."""
    return [tell(state.step) for state in found.states[role][len(found.originals[role].states) :]]


def tell(step: object) -> str:
    match step:
        case Create(variable):
            return f"creates {variable.name}"
        case Send(term=term):
            return f"sends {show(term)}"
        case Receive(pattern=pattern):
            return f"receives {show(pattern)}"
        case _:
            return type(step).__name__


def waits(found: Paired, role: str) -> list[Waiting]:
    """Where sessions of a role wait that are not alike."""
    return [one for one in found.waiting if one.role == role and not one.alike]


def test_the_judged_session_is_on_both_ways_from_its_pick_on() -> None:
    found = pairs(HELLO + REPLY)
    assert added(found, "Client") == [
        "creates n", "creates m", "sends Hello { <pk_encrypt(pk(enc(server)), n) | hash(n, m)> }", "receives Reply { q }",
    ]  # fmt: skip
    (one,) = waits(found, "Client")
    assert one.judged
    assert one.left.state != one.right.state
    assert found.ends == [len(found.states["Client"]) - 1]
    assert found.partings == []


def test_a_message_of_two_forms_leads_another_session_to_two_branches() -> None:
    found = pairs(HELLO + REPLY)
    first, *rest = added(found, "Server")
    assert first == f"receives {IN_TWO_FORMS}(Hello {{ <pk_encrypt(pk(enc(server)), n) | hash(n', m)> }})"
    assert rest == ["creates q", "sends Reply { q }"]
    assert added(found, "Third") == []


def test_swapping_the_sides_swaps_the_halves_of_what_is_sent() -> None:
    sent = {}
    for sides in (("real", "cover"), ("cover", "real")):
        found = pairs(HELLO + REPLY, sides)
        steps = [state.step for state in found.states["Client"]]
        sent[sides] = [halves(s.term) for s in steps if isinstance(s, Send) and differs(s.term)]
    assert sent["cover", "real"] == [both[::-1] for both in sent["real", "cover"]]


def test_one_value_on_both_sides_parts_nobody() -> None:
    """The judged session goes one way twice; all that it sends is the same on both sides."""
    found = pairs(HELLO + REPLY, ("real", "real"))
    terms = [s.step.term for machine in found.machines for s in machine.states if isinstance(s.step, Send)]
    assert not any(map(differs, terms))
    assert added(found, "Server") == []


def test_only_what_was_sent_in_two_forms_can_lead_to_two_branches() -> None:
    """The first message depends on a pick that is the same on both sides."""
    suite = "  Client picks suite: Suite\n  Client -> Server: Early { x: hash(n) when suite = new else n }\n"
    found = pairs(PICKS + suite + f"  Client -> Server: Hello {{ x: {SEALED} }}\n")
    assert [text for text in added(found, "Server") if "Early" in text] == []
    assert [text.partition(" {")[0] for text in added(found, "Server")] == [f"receives {IN_TWO_FORMS}(Hello"] * 2


def test_a_session_that_has_parted_waits_in_a_state_of_either_branch() -> None:
    last = "  Client -> Server: Last { m }\n"
    found = pairs(HELLO + last)
    (one,) = waits(found, "Server")
    assert not one.judged
    machine = found.originals["Server"]
    expected = [machine.states[side.state].step for side in (one.left, one.right)]
    pattern = found.states["Server"][one.state].step
    assert isinstance(pattern, Receive)
    assert isinstance(pattern.pattern, App)
    for side, step in enumerate(expected):
        assert isinstance(step, Receive)
        name = half(pattern.pattern.arguments[0], side)
        assert isinstance(name, App)
        assert isinstance(step.pattern, App)
        assert name.function == step.pattern.function


def test_what_both_branches_learn_from_the_same_part_is_one_variable() -> None:
    both = "pk_encrypt(pk(enc(server)), n, m) when mode = real else pk_encrypt(pk(enc(server)), m, hash(n))"
    found = pairs(f"{PICKS}  Client -> Server: Hello {{ x: {both} }}\n")
    (first,) = added(found, "Server")
    assert first == f"receives {IN_TWO_FORMS}(Hello {{ pk_encrypt(pk(enc(server)), (n, <m | hash(n')>)) }})"


def test_who_can_be_in_a_state() -> None:
    """The judged session is in no state behind its pick that others are in; who has parted is in those of pairs."""
    found = pairs(HELLO + REPLY)
    count = len(found.originals["Client"].states)
    assert found.kinds("Client", 0) == ("judged", "alike")
    assert {found.kinds("Client", state) for state in range(1, count)} == {("alike",)}
    assert {found.kinds("Client", state) for state in range(count, len(found.states["Client"]))} == {("judged",)}
    assert found.kinds("Server", 0) == ("parted", "alike")
    count = len(found.originals["Server"].states)
    assert {found.kinds("Server", state) for state in range(1, count)} == {("alike",)}
    assert found.parted("Server") == {*range(count, len(found.states["Server"]))}
    assert found.parted("Client") == found.parted("Third") == set()


ONE_ANSWER = "  opt when mode = real\n    Server creates q: Nonce\n    Server -> Client: Reply { q }\n  end\n"
ELSEWHERE = """\
  alt when mode = real
    Client -> Server: One { n }
    Client -> Third: Two { m }
  else
    Client -> Third: Three { m }
    Client -> Server: Four { n }
  end
"""


@pytest.mark.parametrize(
    ("flow", "role", "words"),
    [
        (HELLO + ONE_ANSWER, "Server", "Server answers on one side only"),
        (HELLO + "  Client checks mode = real\n  Client -> Server: Last { m }\n", "Client", "Client answers on one side only"),
        (PICKS + ELSEWHERE, "Client", "Client sends to somebody else on one side"),
        (
            HELLO + REPLY + "  Client checks q != n when mode = real\n  Client -> Server: Last { m }\n", "Client",
            "Client compares or decides something on one side only",
        ),
    ],
)  # fmt: skip
def test_what_is_done_on_one_side_only_parts_the_sides(flow: str, role: str, words: str) -> None:
    found = pairs(flow)
    assert [(one.role, one.words) for one in found.partings] == [(role, words)]


def test_decisions_that_are_the_same_on_both_sides_are_taken_together() -> None:
    more = (
        "  alt Client chooses more\n    Client -> Server: Last { n }\n  else\n    Client -> Server: Lost { n }\n  end\n"
    )
    found = pairs(HELLO + more)
    assert added(found, "Client")[-4:] == ["Choose", "sends Last { n }", "Choose", "sends Lost { n }"]
    assert len(found.ends) == 2
    assert found.partings == []


def test_a_comparison_that_is_the_same_on_both_sides_is_made_together() -> None:
    found = pairs(HELLO + REPLY + "  Client checks q != n\n  Client -> Server: Last { m }\n")
    assert added(found, "Client")[-3:] == ["receives Reply { q }", "Guard", "sends Last { m }"]
    assert found.partings == []


FROM_SETS = """\
  Client picks all: set of Mode
  Client creates n: Nonce
  Server picks some: set of Mode
  Server -> Client: Offer { some }
  Client picks mode in all, some
  Client -> Server: Hello { x: n when mode = real else hash(n) }
"""
PROTECTED = """\
  Third picks suite: Suite
  Third creates a: Nonce
  Third -[secret]-> Server: Again { x: pk_encrypt(pk(enc(server)), a) when suite = new else hash(a, a) }
"""


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (FROM_SETS, "a pick from sets"),
        (HELLO.replace("->", "-[secret]->"), "messages of two forms on a protected channel"),
        (HELLO.replace("Server: Hello", "Third: Hello") + PROTECTED, "messages of two forms on a protected channel"),
        (HELLO + "  Client keeps n\n", "values that a session keeps for later ones behind the pick"),
        (HELLO + "  Client checks n != n\n", "a comparison that always fails"),
    ],
)
def test_what_does_not_go_side_by_side_is_refused(flow: str, words: str) -> None:
    with pytest.raises(Unpaired) as refused:
        pairs(flow)
    assert str(refused.value) == words


def test_too_many_pairs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "MOST_STATES", 3)
    with pytest.raises(Unpaired, match="more than 3 pairs of states"):
        pairs(HELLO + REPLY)
