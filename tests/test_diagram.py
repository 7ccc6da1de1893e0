"""Diagrams for programs and notebooks, and what cannot be drawn."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from modelcheck.diagram import KINDS, Kind, NoDiagram, open_spec
from modelcheck.render.picture import MissingExtra
from tests.support import SIGNED

TWO = (
    SIGNED
    + "  c: secret k at Client\n  lost: secret k at Client despite leak of x expect attack\nvariant q of p\n  drop Proof\nclaims\n  c: expect attack\n"
)
SIDE_BY_SIDE = TWO + 'compose both of p, q sharing signing "p beside q"\nclaims\n  d: reachable p.Client accepts\n'


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A file with two protocols and their composition."""
    path = tmp_path / "two.flow"
    path.write_text(SIDE_BY_SIDE, encoding="utf-8")
    return path


def test_the_first_protocol_is_the_default(spec: Path) -> None:
    found = open_spec(spec)
    assert found.ladder().protocol == "p"
    assert str(found.ladder()).startswith("                         signed Diffie-Hellman")
    assert found.ladder("q").protocol == "q"
    assert [found.ladder().kind, found.machine().kind, found.keys().kind] == list(KINDS)


def test_notebooks_show_svg(spec: Path) -> None:
    found = open_spec(spec)
    for shown in (found.ladder(), found.machine(role="Server"), found.keys(), found.ladder().picture()):
        assert shown._repr_svg_().startswith("<svg ")


def test_text_is_one_of_the_formats(spec: Path) -> None:
    keys = open_spec(spec).keys()
    assert keys.render("text") == f"{keys.text}\n".encode()


def test_machines_of_all_roles_or_of_one(spec: Path) -> None:
    found = open_spec(spec)
    assert [line for line in found.machine().text.splitlines() if not line.startswith(" ") and line] == [
        "p: Client is client given server", "p: Server is server",
    ]  # fmt: skip
    assert "Client is" not in found.machine(role="Server").text


def test_machines_with_their_errors(spec: Path) -> None:
    found = open_spec(spec)
    assert "  0 -> error  no Hello\n  0 -> 1  receives Hello" in found.machine(role="Server", errors=True).text
    assert "error" not in found.machine(role="Server").text
    assert found.machine(errors=True).text == found.diagram("machine", errors=True).text


@pytest.mark.parametrize("kind", KINDS)
def test_a_composition_has_no_flow(spec: Path, kind: Kind) -> None:
    with pytest.raises(NoDiagram, match=r"`both` is a composition without a flow of its own; draw p, q instead"):
        getattr(open_spec(spec), kind)("both")


def test_names_that_do_not_exist(spec: Path) -> None:
    found = open_spec(spec)
    with pytest.raises(NoDiagram, match=r"there is no protocol `r` in .*; there are p, q, both"):
        found.ladder("r")
    with pytest.raises(NoDiagram, match=r"`p` has no role `Servr`; did you mean `Server`\?"):
        found.machine(role="Servr")
    with pytest.raises(NoDiagram, match=r"`p` has no role `Zoe`; its roles are Client, Server"):
        found.machine(role="Zoe")


def test_an_attack_is_drawn_for_a_claim(spec: Path) -> None:
    found = open_spec(spec)
    attack = found.attack("p.lost")
    assert (attack.protocol, attack.kind) == ("p", "attack")
    assert attack.text == found.diagram("attack", "p", claim="lost").text
    assert "Attack on p.lost" in attack.text
    assert attack._repr_svg_().startswith("<svg ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "attack", "claim": "lots"}, r"no claim is called `lots`; did you mean `lost`\?"),
        ({"kind": "attack", "claim": "c"}, "several claims are called `c`: p.c, q.c"),
        ({"kind": "attack", "claim": "p.c"}, "there is no attack to draw: the verdict on `p.c` is holds"),
        ({"kind": "attack"}, "an attack is drawn for a claim: use --kind attack with --claim"),
        ({"kind": "keys", "claim": "c"}, "only an attack is drawn for a claim"),
        (
            {"kind": "keys", "errors": True},
            "only a state machine has edges for errors: use --kind machine with --errors",
        ),
    ],
)
def test_attacks_that_cannot_be_drawn(spec: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(NoDiagram, match=message):
        open_spec(spec).diagram(**options)


@pytest.mark.parametrize("package", ["graphviz", "pygraphviz"])
def test_without_the_extra_the_error_says_what_to_install(
    spec: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == package:
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    ladder = open_spec(spec).ladder()
    assert ladder.text
    with pytest.raises(MissingExtra, match=r"pip install 'modelcheck\[pictures\]'"):
        ladder._repr_svg_()
