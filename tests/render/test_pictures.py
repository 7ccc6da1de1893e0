"""Pictures: nothing lies over anything else, colours are not needed, the bytes are the same every time."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from modelcheck.diagram import KINDS, Kind, draw, draw_attack
from modelcheck.pipeline import Library, check_claim, open_library, select_claims
from modelcheck.protocol.model import Protocol
from modelcheck.render import ladder as ladder_picture
from modelcheck.render.ladder_rows import ladder
from modelcheck.render.ladder_text import WIDTH
from modelcheck.render.picture import DARK, FAINT, INK, PAPER, PENS, SHADE
from modelcheck.resources import specs_folder
from modelcheck.verdict import Attack
from tests.render import drawn
from tests.render.flows import BRANCHES, one
from tests.render.test_ladder_text import all_protocols
from tests.support import FAST, SIGNED, library

SMALL = SIGNED + "  c: secret k at Client despite leak of signing(server) after Client accepts\n"
PAGE = 1300
"""Points that a picture may be wide."""


@pytest.fixture(scope="module")
def packaged() -> Library:
    """All packaged protocols in one library."""
    return Library((), tuple(all_protocols()), ())


def everything() -> list[tuple[Protocol, Kind, bool]]:
    """Every kind of picture of every packaged protocol, role machines also with the ways in which they fail."""
    kinds = [*((kind, False) for kind in KINDS), ("machine", True)]
    return [(protocol, kind, errors) for protocol in all_protocols() for kind, errors in kinds]


@pytest.mark.parametrize(("protocol", "kind", "errors"), everything(), ids=lambda one: getattr(one, "name", one))
def test_no_picture_has_overlapping_texts_or_lines_through_texts(
    packaged: Library, protocol: Protocol, kind: Kind, errors: bool
) -> None:
    svg = draw(packaged, protocol, kind, errors=errors).picture().svg()
    assert drawn.words(svg)
    assert drawn.flaws(svg) == []
    assert drawn.size(svg)[0] <= PAGE


@pytest.mark.parametrize(
    "name",
    ["classics/private_authentication", "classics/subscriber_identity", "classics/vote", "ech/esni", "ech/compression"],
)
def test_attacks_that_tell_two_systems_apart_are_clean(name: str) -> None:
    path = specs_folder() / f"{name}.flow"
    found = [check_claim(task, FAST) for task in select_claims(open_library([path]), [path])
             if task.what.expected == "attack"]  # fmt: skip
    drawings = [draw_attack(one) for one in found if isinstance(one.verdict, Attack) and one.verdict.sides[0]]
    assert drawings
    for attack in drawings:
        svg = attack.picture().svg()
        assert drawn.flaws(svg) == []
        assert drawn.size(svg)[0] <= PAGE
        assert max(map(len, attack.text.splitlines())) <= WIDTH
        assert "@" not in attack.text


@pytest.mark.parametrize("kind", KINDS)
def test_the_proxy_with_branches_is_clean_too(kind: Kind) -> None:
    found = library(BRANCHES)
    svg = draw(found, found.protocols[0], kind).picture().svg()
    assert drawn.flaws(svg) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["svg", "png", "pdf", "dot", "tikz"])
def test_the_same_picture_gives_the_same_bytes(kind: Kind, form: str) -> None:
    signatures = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "tikz": b"% "}
    first, second = (draw(found, found.protocols[0], kind).render(form)  # type: ignore[arg-type]
                     for found in (library(SMALL), library(SMALL)))  # fmt: skip
    assert first == second
    assert first.startswith(signatures[form])


def test_alternative_text_says_what_the_ladder_shows() -> None:
    root = ElementTree.fromstring(ladder_picture.picture(ladder(one(BRANCHES))).svg())
    title, desc = (root.find(f"{drawn.SVG}{tag}") for tag in ("title", "desc"))
    assert title is not None
    assert desc is not None
    assert title.text == "Message flow of relay"
    assert desc.text == (
        "A proxy, two branches, channels of several kinds: roles Client, Proxy, Server; 5 transmissions, from top to "
        "bottom. Client sends Hello to Proxy over a secret channel. Proxy forwards Hello to Server. Server sends Share to "
        "Client. Block: alt when mode = fast as quick. Server sends (Reply, (Inner) encrypted under session(client, server)) encrypted under k "
        "to Client. Else as slow. Server sends Reply as clear_reply to Client. Block: opt Client chooses more. End of "
        "block. End of block. Client accepts. Server stops."
    )
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"


def test_two_pictures_on_one_page_share_no_names() -> None:
    names = [
        ladder_picture.picture(ladder(one(text))).svg().split('id="')[1].split('"')[0] for text in (SMALL, BRANCHES)
    ]
    assert names[0] != names[1]


def test_every_colour_has_one_for_dark_pages() -> None:
    used = {INK, PAPER, FAINT, SHADE, *(pen.colour for pen in PENS), *(pen.surface for pen in PENS)}
    assert used == set(DARK)
    svg = ladder_picture.picture(ladder(one(BRANCHES))).svg()
    plain = svg[: svg.index("<style>")] + svg[svg.index("</style>") + len("</style>") :]
    shapes = ElementTree.fromstring(plain).iter()
    colours = {shape.get(name) for shape in shapes for name in ("fill", "stroke")} - {None, "none", "transparent"}
    assert colours <= used


def test_keys_are_told_apart_without_colour() -> None:
    assert len({(pen.style, pen.rings) for pen in PENS}) == len(PENS)


@pytest.mark.parametrize(("ground", "theme"), [(PAPER, "light"), (DARK[PAPER], "dark")])
def test_texts_can_be_read_on_either_page(ground: str, theme: str) -> None:
    """Contrast of at least 4.5 to 1, as WCAG 2 asks for texts."""
    for colour, surface in [(INK, SHADE), (FAINT, PAPER), *((pen.colour, pen.surface) for pen in PENS)]:
        front, back = (colour, surface) if theme == "light" else (DARK[colour], DARK[surface])
        assert contrast(front, back) >= 4.5
        assert contrast(front, ground) >= 4.5


def contrast(one: str, other: str) -> float:
    """The ratio of luminances of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
