"""`modelcheck check` and `audit`: verdicts, evidence, what is no spec, what goes wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from modelcheck import __version__, checking, cli, pipeline
from tests.command_line.outcome import BROKEN, Run


class TestCheck:
    def test_the_starting_spec_checks_with_every_claim_as_expected(self, run: Run, hello: str) -> None:
        code, out, err = run("check", hello)
        assert (code, err) == (0, "")
        assert out.splitlines()[0] == "hello  (hello.flow)"
        assert out.splitlines()[-1] == ("6 claims: 1 attack, 5 holds; all as expected; prover # s, audit # s")

    def test_a_folder_is_searched_for_specs(self, run: Run, hello: str) -> None:
        assert run("check", ".", "--claim", "secrecy", "--no-audit") == (
            0,
            "hello  (hello.flow)\n"
            "  note  type-flaw resistant: attackers who respect message formats lose nothing\n"
            "  ok    secrecy              holds (not audited) as expected # ms\n"
            "1 claim: 1 holds (not audited); all as expected; prover # s, audit # s\n",
            "",
        )

    def test_a_claim_can_be_named_with_its_protocol(self, run: Run, hello: str) -> None:
        _, out, _ = run("check", hello, "--claim", "hello.secrecy", "--no-audit")
        assert [line.split()[1] for line in out.splitlines()[2:-1]] == ["secrecy"]

    def test_several_claims_can_be_named(self, run: Run, hello: str) -> None:
        asked = ("check", hello, "--claim", "hello.secrecy", "--claim", "exponent_lost", "--no-audit")
        code, out, err = run(*asked)
        assert (code, err) == (0, "")
        assert [line.split()[1] for line in out.splitlines()[2:-1]] == ["secrecy", "exponent_lost"]
        assert run(*asked, "--claim", "secrey") == (
            5, "no claims found\n", "error: no claim is called `secrey`; did you mean `secrecy`?\n")  # fmt: skip

    def test_a_misspelt_claim_gets_a_suggestion(self, run: Run, hello: str) -> None:
        assert run("check", hello, "--claim", "secrey") == (
            5, "no claims found\n", "error: no claim is called `secrey`; did you mean `secrecy`?\n")  # fmt: skip

    def test_an_unexpected_attack_is_told_step_by_step(self, run: Run) -> None:
        Path("a.flow").write_text(BROKEN, encoding="utf-8")
        code, out, _ = run("check", "a.flow")
        assert code == 1
        assert "  FAIL  broken               attack              expected to hold # ms\n" in out
        assert "          1. " in out
        assert "        The attacker knows `k` of Client #1 of " in out

    def test_a_small_budget_leaves_claims_undecided(self, run: Run, hello: str) -> None:
        code, out, _ = run("check", hello, "--claim", "secrecy", "--budget", "5")
        assert code == 3
        assert "        the budget of 5 work units ran out (raise it with --budget)\n" in out

    def test_claims_are_left_undecided_when_the_time_is_up(self, run: Run, hello: str) -> None:
        code, out, _ = run("check", hello, "--timeout", "0")
        assert code == 3
        assert "        it was not started within 0 seconds\n" in out

    def test_what_is_hidden_in_a_folder_is_left_alone(self, run: Run, hello: str) -> None:
        Path(".venv").mkdir()
        Path(".venv/hello.flow").write_text(Path(hello).read_text(encoding="utf-8"), encoding="utf-8")
        Path(".#hello.flow").symlink_to("nobody@nowhere")
        Path("folder.flow").mkdir()
        code, out, err = run("check", ".", "--claim", "secrecy", "--no-audit")
        assert (code, err) == (0, "")
        assert out.splitlines()[0] == "hello  (hello.flow)"

    def test_links_that_lead_in_a_circle(self, run: Run, hello: str) -> None:
        Path("circle.flow").symlink_to("circle.flow")
        assert "there is no file or folder `circle.flow`" in run("check", "circle.flow")[2]
        assert "`circle.flow` cannot be read: Too many levels" in run("check", ".")[2]
        Path(hello).write_text('include "circle.flow"\n', encoding="utf-8")
        code, _, err = run("check", hello)
        assert code == 2
        assert "the included file cannot be read: `circle.flow` cannot be read: Too many levels" in err

    def test_a_folder_without_specs_has_no_claims(self, run: Run) -> None:
        assert run("check") == (5, "no claims found\n", "")

    def test_a_path_that_does_not_exist(self, run: Run) -> None:
        assert run("check", "nowhere") == (
            2,
            "",
            "error[MC101 unreadable-file]: there is no file or folder `nowhere`\n"
            "  --> nowhere\n"
            "  = hint: check the path\n"
            "\n"
            "1 error; `modelcheck explain CODE` tells more\n",
        )

    @pytest.mark.parametrize(
        "text",
        [b"\x80\x81\x00", b"", b"(" * 10_000, b"protocol p\nrole", b"x" * 10_000_000],
        ids=["binary", "empty", "brackets", "truncated", "huge"],
    )
    def test_what_is_no_spec_is_rejected_with_a_diagnostic(self, run: Run, text: bytes) -> None:
        Path("a.flow").write_bytes(text)
        code, out, err = run("check", "a.flow")
        assert (code, out) == (2, "")
        assert re.match(r"error\[MC\d{3} [a-z-]+\]: ", err)
        assert err.endswith("1 error; `modelcheck explain CODE` tells more\n")

    def test_all_rejected_files_are_named_at_once(self, run: Run) -> None:
        Path("a.flow").write_bytes(b"\x80")
        Path("b.flow").write_bytes(b"\x80")
        code, _, err = run("check", "a.flow", "b.flow")
        assert code == 2
        assert re.findall(r"--> (\S+)", err) == ["a.flow", "b.flow"]
        assert err.endswith("2 errors; `modelcheck explain CODE` tells more\n")

    def test_json_has_one_entry_per_claim_in_the_order_of_the_spec(self, run: Run, hello: str) -> None:
        code, out, err = run("check", hello, "--format", "json", "--no-audit")
        assert (code, err) == (0, "")
        assert [(r["claim"], r["verdict"], r["expected"], r["ok"]) for r in json.loads(out)["results"]] == [
            ("secrecy", "holds", "holds", True),
            ("forward_secrecy", "holds", "holds", True),
            ("server_auth", "holds", "holds", True),
            ("client_auth", "holds", "holds", True),
            ("same_ends", "holds", "holds", True),
            ("exponent_lost", "attack", "attack", True),
        ]

    @pytest.mark.parametrize("arguments", [["--format", "xml"], ["--budget", "0"], ["--timeout", "soon"], ["--what"]])
    def test_wrong_usage(self, run: Run, arguments: list[str]) -> None:
        code, out, err = run("check", *arguments)
        assert (code, out) == (2, "")
        assert re.search("^Error: ", err, re.MULTILINE)

    def test_the_same_spec_gives_the_same_report(self, run: Run, hello: str) -> None:
        again = ("check", hello, "--no-audit", "--verbose", "--no-cache")
        assert run(*again) == run(*again)

    def test_a_kept_report_says_the_same_and_that_it_was_kept(self, run: Run, hello: str) -> None:
        code, out, _ = run("check", hello, "--no-audit", "--verbose")
        assert run("check", hello, "--no-audit", "--verbose") == (
            code,
            out.replace("6 claims:", "6 claims (6 cached):"),
            "",
        )

    def test_the_cache_can_be_emptied(self, run: Run, hello: str) -> None:
        run("check", hello, "--no-audit")
        assert run("cache", "path")[1].endswith(" cache\n")
        assert run("cache", "clear") == (0, "deleted 12 files\n", "")
        assert run("cache", "clear") == (0, "deleted 0 files\n", "")

    def test_processes_report_what_one_reports(self, run: Run, hello: str) -> None:
        alone = run("check", hello, "--no-audit", "--no-cache")
        assert run("check", hello, "--no-audit", "--no-cache", "-j", "2") == alone

    def test_auto_is_one_process_for_each_processor_that_may_be_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
        assert cli._workers("auto") == 3

    @pytest.mark.parametrize("jobs", ["0", "-1", "many"])
    def test_a_number_of_processes_is_positive(self, run: Run, hello: str, jobs: str) -> None:
        code, _, err = run("check", hello, "--jobs", jobs)
        assert code == 2
        assert err.endswith(f"Error: `{jobs}` is no number of processes: write a number, or `auto`\n")


class TestEvidence:
    def test_evidence_is_written_for_proofs_and_confirmed_later(self, run: Run, hello: str) -> None:
        run("check", hello, "--save-evidence", "evidence")
        names = sorted(path.name for path in Path("evidence").iterdir())
        claims = ["client_auth", "forward_secrecy", "same_ends", "secrecy", "server_auth"]
        assert names == [f"hello.{claim}.json" for claim in claims]
        code, out, _ = run("audit", "evidence/hello.secrecy.json")
        assert code == 0
        assert re.fullmatch(
            r"ok    evidence/hello\.secrecy\.json: hello\.secrecy: every invariant confirmed \(\d+ questions\)\n", out
        )

    @pytest.mark.parametrize("text", ["", "{}", "[1, 2]", "no JSON"])
    def test_what_is_no_evidence_is_not_confirmed(self, run: Run, text: str) -> None:
        Path("a.json").write_text(text, encoding="utf-8")
        code, out, err = run("audit", "a.json")
        assert (code, err) == (1, "")
        assert out.startswith("FAIL  a.json: ")

    def test_evidence_that_cannot_be_read(self, run: Run) -> None:
        Path("evidence").mkdir(exist_ok=True)
        for name, what in (("a.json", "there is no file `a.json`"), ("evidence", "`evidence` is a folder")):
            code, out, err = run("audit", name)
            assert (code, out) == (2, "")
            assert what in err
            assert "--save-evidence DIR` writes DIR/PROTOCOL.CLAIM.json" in err


class TestMishaps:
    def test_an_interruption_exits_with_130(self, run: Run, hello: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(checking, "check_claim", interrupted)
        code, _, err = run("check", hello, "--save-evidence", "evidence")
        assert (code, err.strip()) == (130, "interrupted after 0 of 6 claims")
        assert not Path("evidence").exists()

    def test_a_mistake_of_the_program_says_how_to_report_it(
        self, run: Run, hello: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def broken(*_: object) -> None:
            raise AssertionError("a mistake")

        monkeypatch.setattr(pipeline, "open_library", broken)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        code, _, err = run("check", hello)
        assert code == 101
        found = re.fullmatch(
            r"internal error: this is a mistake in modelcheck, not in your spec\.\n"
            r"Please report it with the spec and the file (\S+)\n",
            err,
        )
        assert found
        report = Path(found[1]).read_text(encoding="utf-8")
        assert report.startswith(f"modelcheck {__version__}, Python ")
        assert report.endswith("AssertionError: a mistake\n")
