"""Lengths: what the solver finds is recomputed by hand, and paddings hide what they are said to hide."""

from __future__ import annotations

import re

import pytest

from modelcheck.engine.lengths import AtLeast, Bytes, Length, NameLength, Padded, Total, Unknown, value
from modelcheck.options import Options
from modelcheck.verdict import Attack, Holds, NotSupported, Verdict
from tests.support import results

SPEC = """\
protocol p
  role Client given server
  role Server is server
  key enc(Name): EncryptionKey published
  size block = 16 bytes
flow
  Client creates n: Nonce, k: SymmetricKey
  Client -> Server: Hello {{ random: n [32 bytes], sealed: pk_encrypt(pk(enc(server)), k), box: encrypt(k, {content}) {outside} }}
  Client accepts
  Server accepts
claims
  c: server indistinguishable among {{ B1, B2 }} at Client by length with server up to {bound} bytes{more}
"""


def verdict(content: str, outside: str = "", bound: int = 40, more: str = "") -> Verdict:
    return results(SPEC.format(content=content, outside=outside, bound=bound, more=more), Options())["p.c"].verdict


@pytest.mark.parametrize(
    ("content", "outside", "bound", "hidden"),
    [
        ("Inner { name: server }", "", 40, False),
        ("Inner { name: server [up to 40 bytes] }", "", 40, False),
        ("Inner { name: server [40 bytes] }", "", 40, True),
        ("Inner { name: server [40 bytes] }", "", 41, False),
        ("Inner { name: server [padded to 32 bytes] }", "", 32, True),
        ("Inner { name: server [padded to 32 bytes] }", "", 33, False),
        ("Inner { name: server [padded to block] }", "", 16, True),
        ("Inner { name: server [padded to block] }", "", 17, False),
        ("Inner { name: server [40 bytes] }", "[padded to 32 bytes]", 40, True),
        ("Inner { name: hash(server) }", "", 40, True),
        ("server", "", 1, True),
        ("server", "", 2, False),
    ],
)
def test_padding_hides_names_up_to_its_size(content: str, outside: str, bound: int, hidden: bool) -> None:
    found = verdict(content, outside, bound)
    assert isinstance(found, Holds if hidden else Attack)


def test_a_block_boundary_is_found_whatever_surrounds_the_name() -> None:
    """Framing has no declared size, so some framing puts the boundary between two short names."""
    assert isinstance(verdict("Inner { name: server }", "[padded to 32 bytes]", 2), Attack)


def test_a_difference_is_told_with_both_byte_counts() -> None:
    found = verdict("Inner { name: server [padded to 32 bytes] }", bound=40)
    assert isinstance(found, Attack)
    (step,) = found.steps
    names = [int(re.search(r"name of (\d+) bytes", text).group(1)) for text in (step.text, step.right)]  # type: ignore[union-attr]
    totals = [int(re.search(r"has (\d+) bytes", text).group(1)) for text in (step.text, step.right)]  # type: ignore[union-attr]
    assert found.sides == ("left: `server` is B1", "right: `server` is B2")
    assert (names[0] <= 32) != (names[1] <= 32)
    assert abs(totals[0] - totals[1]) == 32
    assert found.conclusion == (
        f"so names of {names[0]} and of {names[1]} bytes are told apart by {totals[0]} and {totals[1]} bytes"
    )


def test_swapping_the_sides_keeps_the_verdict() -> None:
    for content in ("server", "Inner { name: server [40 bytes] }"):
        text = SPEC.format(content=content, outside="", bound=40, more="")
        swapped = text.replace("{ B1, B2 }", "{ B2, B1 }")
        assert type(results(text)["p.c"].verdict) is type(results(swapped)["p.c"].verdict)


PICKED = """\
protocol p
  role Client given server
  role Server is server
  values Mode = long, short
flow
  Client creates n: Nonce, k: SymmetricKey, noise: Opaque
  Client picks mode: Mode
  Client -> Server: Hello {{ random: n [32 bytes], box: encrypt(k, Inner {{ {content} }}) {outside} }}
  Client accepts
  Server accepts
claims
  c: mode indistinguishable among {{ {sides} }} at Client by length{more}
"""


def picked(content: str, outside: str = "", sides: str = "long, short", more: str = "") -> Verdict:
    return results(PICKED.format(content=content, outside=outside, sides=sides, more=more), Options())["p.c"].verdict


@pytest.mark.parametrize(
    ("content", "outside", "hidden"),
    [
        ('x: "aaaa" when mode = long else "aa"', "", False),
        ('x: "aaaa" when mode = long else "bbbb"', "", True),
        ('x: "aaaa" [8 bytes] when mode = long else "aa"', "", True),
        ('x: "aaaa" [4 bytes] when mode = long else "aa"', "", True),
        # A text that is longer than it is said to be is not cut.
        ('x: "aaaa" [3 bytes] when mode = long else "aa"', "", False),
        ('x: "aaaa" [8 bytes] when mode = long', "", False),
        ('x: "aaaa" when mode = long else "aa"', "[padded to 32 bytes]", False),
        ("x: n [8 bytes] when mode = long else noise", "", True),
        ("x: n when mode = long else noise", "", False),
        ("x: server when mode = long else server", "", True),
        ("x: server when mode = long else n", "", False),
        ("x: mode", "", True),
    ],
)
def test_lengths_of_picks(content: str, outside: str, hidden: bool) -> None:
    found = picked(content, outside)
    assert isinstance(found, Holds if hidden else Attack)
    assert type(picked(content, outside, "short, long")) is type(found)
    assert isinstance(picked(content, outside, "long, long"), Holds)


def test_a_difference_between_picks_is_told() -> None:
    found = picked('x: "aaaa" [8 bytes] when mode = long', "[64 bytes]")
    assert isinstance(found, Holds)
    found = picked('x: "aaaa" [8 bytes] when mode = long')
    assert isinstance(found, Attack)
    (step,) = found.steps
    counts = [int(re.findall(r"has (\d+) bytes", text)[0]) for text in (step.text, step.right)]
    assert counts[0] - counts[1] == 8
    assert found.conclusion == f"so the two sides of `mode` are told apart by {counts[0]} and {counts[1]} bytes"


def test_what_is_not_covered_about_picks_says_so() -> None:
    found = picked('x: "aaaa"', more=" with mode up to 4 bytes")
    assert isinstance(found, NotSupported)
    assert found.construct == "a bound on the length of `mode`, which is picked,"
    text = PICKED.format(content='x: "aaaa"', outside="", sides="long, short", more="")
    more = text.replace(
        "  Client accepts\n", "  opt when mode = long\n    Client -> Server: More { n }\n  end\n  Client accepts\n", 1
    )
    found = results(more, Options())["p.c"].verdict
    assert found == NotSupported("lengths where `mode` changes which messages and fields there are,")


def test_what_is_not_covered_says_so() -> None:
    assert verdict("server", more=" despite leak of enc") == NotSupported(
        "an attacker or a premise in a claim about lengths"
    )
    other = SPEC.format(content="server", outside="", bound=40, more="").replace("length with server", "length with n")
    assert results(other)["p.c"].verdict == NotSupported("the length of `n`, which is not what differs")


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (Bytes(7), 7),
        (NameLength("s"), 33),
        (Unknown("k"), 5),
        (Unknown("other"), 0),
        (Total((Bytes(1), NameLength("s"))), 34),
        (Padded(NameLength("s"), 32), 64),
        (Padded(Bytes(64), 32), 64),
        (Padded(Bytes(0), 32), 0),
        (AtLeast(NameLength("s"), 64), 64),
        (AtLeast(NameLength("s"), 20), 33),
    ],
)
def test_lengths_are_computed_as_written(length: Length, expected: int) -> None:
    assert value(length, {"s": 33, "k": 5}) == expected
