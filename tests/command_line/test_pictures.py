"""What the commands show of a protocol: `machine`, `diagram` and `attack`."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelcheck.resources import specs_folder
from modelcheck.starter import starting_spec
from tests.command_line.outcome import Run


class TestMachine:
    def test_states_and_transitions_of_each_role(self, run: Run, hello: str) -> None:
        code, out, err = run("machine", hello)
        assert (code, err) == (0, "")
        assert out == (
            "hello: Client is client given server\n"
            "  0 -> 1  creates x: Exponent\n"
            "  1 -> 2  sends Hello to Server: Hello { client, g^x }\n"
            '  2 -> 3  receives Reply from Server: Reply { g^y, sign(signing(server), ("server", g^x, g^y, client)) }\n'
            "  3 -> 4  accepts\n"
            '  4 -> 5  sends Proof to Server: Proof { sign(signing(client), ("client", g^y, g^x, server)) }\n'
            "\n"
            "hello: Server is server\n"
            "  0 -> 1  receives Hello from Client: Hello { client, g^x }\n"
            "  1 -> 2  creates y: Exponent\n"
            '  2 -> 3  sends Reply to Client: Reply { g^y, sign(signing(server), ("server", g^x, g^y, client)) }\n'
            '  3 -> 4  receives Proof from Client: Proof { sign(signing(client), ("client", g^y, g^x, server)) }\n'
            "  4 -> 5  accepts\n"
        )


def test_machines_show_their_errors_on_demand(run: Run, hello: str) -> None:
    code, out, err = run("machine", hello, "--errors")
    assert (code, err) == (0, "")
    assert "  2 -> error  no Reply\n" in out
    assert run("diagram", hello, "--kind", "machine", "--errors").out == out
    assert "error" not in run("machine", hello).out


def test_a_diagram_is_text_unless_told_otherwise(run: Run, hello: str) -> None:
    code, out, err = run("diagram", hello)
    assert (code, err) == (0, "")
    assert "Client" in out.splitlines()[2]
    assert run("diagram", hello, "--kind", "machine").out == run("machine", hello).out
    assert run("diagram", hello, "--kind", "keys").out.startswith("hello: key schedule\n")


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"digraph"), ("gv", b"digraph"), ("tex", b"% Message flow"), ("txt", b" ")])  # fmt: skip
def test_the_ending_of_the_file_is_the_format(run: Run, hello: str, ending: str, start: bytes) -> None:
    assert run("diagram", hello, "-o", f"out.{ending}") == (0, "", "")
    assert Path(f"out.{ending}").read_bytes().startswith(start)


def test_the_format_can_be_said(run: Run, hello: str) -> None:
    assert run("diagram", hello, "--format", "dot", "-o", "picture") == (0, "", "")
    assert Path("picture").read_text(encoding="utf-8") == run("diagram", hello, "--format", "dot").out


def test_an_attack_is_drawn(run: Run, hello: str) -> None:
    code, out, err = run("diagram", hello, "--kind", "attack", "--claim", "exponent_lost")
    assert (code, err) == (0, "")
    assert "Attack on hello.exponent_lost" in out


def test_other_protocols_of_the_spec_are_named(run: Run) -> None:
    Path("two.flow").write_text(starting_spec("one") + "variant two of one\n  replace let k = kdf(g^(x*y))\n")
    assert run("diagram", "two.flow", "-o", "a.txt").err == "drawn: one; with --protocol also two\n"
    assert run("diagram", "two.flow", "-o", "a.txt", "--protocol", "two").err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--protocol", "hallo"), "Error: there is no protocol `hallo` in `hello.flow`; did you mean `hello`?"),
        (("--kind", "machine", "--role", "Zoe"), "Error: `hello` has no role `Zoe`; its roles are Client, Server"),
        (
            ("--role", "Client"),
            "Error: only the machine of a role can be drawn on its own: use --kind machine with --role",
        ),
        (
            ("--errors",),
            "Error: only a state machine has edges for errors: use --kind machine with --errors",
        ),
        (("--kind", "attack"), "Error: an attack is drawn for a claim: use --kind attack with --claim, without --role"),
        (("-o", "a.jpeg"), "Error: there is no format for files that end in `.jpeg`; use --format"),
    ],
)
def test_what_cannot_be_drawn(run: Run, hello: str, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run("diagram", hello, *arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == message


@pytest.mark.parametrize(
    ("claim", "code", "last"),
    [
        (
            "password.ticket.guessing",
            0,
            "Decrypting Ticket (step 2) with password(A, B) succeeds only for the right guess.",
        ),
        ("password.encrypted.guessing", 1, "no attack; the verdict is: holds"),
        ("password.ticket.session_key", 1, "no attack with up to 2 sessions of each role"),
    ],
)
def test_an_attack_is_looked_for_in_the_way_of_its_claim(run: Run, claim: str, code: int, last: str) -> None:
    """What tells a guess apart is no trace property: the scenario query has nothing to say about it."""
    spec = str(specs_folder() / "passwords" / "challenge_response.flow")
    found = run("attack", spec, claim, "--sessions", "2")
    assert (found.code, found.err) == (code, "")
    assert found.out.splitlines()[-1].strip() == last
