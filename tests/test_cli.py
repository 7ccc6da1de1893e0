"""The command line, in this process: what each command prints, writes and exits with."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from modelcheck import __version__, checking, cli, pipeline
from modelcheck.cache import VerdictCache
from modelcheck.resources import specs_folder
from modelcheck.starter import starting_spec


class Outcome(NamedTuple):
    """What a command exited with and printed, times replaced by `#`."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


def without_times(report: str) -> str:
    return re.sub(r'("seconds": |"audit_seconds": |time=")[\d.]+', r"\1#", report)


BROKEN = starting_spec("hello").split("claims\n")[0] + "claims\n  broken: secret k at Client despite leak of x\n"
"""A spec whose one claim does not come out as expected."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    kept = tmp_path.with_name(f"{tmp_path.name} cache")
    monkeypatch.setattr(cli, "_cache", lambda: VerdictCache(kept))

    def command(*arguments: str) -> Outcome:
        code: object = 0
        try:
            cli.run(arguments)
        except SystemExit as exited:
            code = exited.code
        assert isinstance(code, int)
        captured = capsys.readouterr()
        out = re.sub(r" +\d+ ms", " # ms", re.sub(r"\d+\.\d+ s\b", "# s", captured.out))
        return Outcome(code, out, captured.err)

    return command


@pytest.fixture
def hello(run: Run) -> str:
    """Return the path of the spec that `modelcheck new hello` writes."""
    run("new", "hello")
    return "hello.flow"


def test_the_version(run: Run) -> None:
    assert run("--version") == (0, f"modelcheck, version {__version__}\n", "")


@pytest.mark.parametrize("command", ["check", "machine", "fmt", "explain", "new", "audit"])
def test_every_command_has_a_help_page_with_its_usage(run: Run, command: str) -> None:
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert re.match(rf"Usage: .* {command} ", out)
    assert "\\b" not in out


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


class TestReports:
    CLAIM = ("a.flow", "--claim", "broken", "--no-cache")

    @pytest.fixture(autouse=True)
    def broken(self, run: Run) -> None:
        Path("a.flow").write_text(BROKEN, encoding="utf-8")

    def test_concise(self, run: Run) -> None:
        line = BROKEN.splitlines().index("  broken: secret k at Client despite leak of x") + 1
        expected = f"a.flow:{line}:3: hello.broken: attack (expected to hold)\n"
        assert run("check", *self.CLAIM, "--format", "concise") == (1, expected, "")

    def test_sarif(self, run: Run) -> None:
        code, out, err = run("check", *self.CLAIM, "--format", "sarif")
        assert (code, err) == (1, "")
        ((one,),) = [found["results"] for found in json.loads(out)["runs"]]
        assert one["ruleId"] == "secrecy"
        assert one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a.flow"

    def test_junit(self, run: Run) -> None:
        code, out, err = run("check", *self.CLAIM, "--format", "junit")
        assert (code, err) == (1, "")
        assert [one.get("type") for one in ElementTree.fromstring(out.encode()).iter("failure")] == ["Attack"]

    def test_github(self, run: Run) -> None:
        code, out, err = run("check", *self.CLAIM, "--format", "github")
        assert (code, err) == (1, "")
        assert [line.split(" ")[0] for line in out.splitlines()] == ["::error", "::notice"]

    @pytest.mark.parametrize("style", ["concise", "json", "sarif", "junit", "github"])
    def test_a_report_can_go_to_a_file_while_the_terminal_shows_the_text(self, run: Run, style: str) -> None:
        _, text, _ = run("check", *self.CLAIM)
        assert run("check", *self.CLAIM, "--format", style, "--output", "out/report") == (1, text, "")
        written = Path("out/report").read_text(encoding="utf-8")
        _, printed, _ = run("check", *self.CLAIM, "--format", style)
        assert without_times(written) == without_times(printed)
        assert [path.name for path in Path("out").iterdir()] == ["report"]

    def test_the_text_can_go_to_a_file_too(self, run: Run) -> None:
        code, out, _ = run("check", *self.CLAIM, "-o", "report.txt")
        written = Path("report.txt").read_text(encoding="utf-8")
        assert code == 1
        assert re.sub(r" +\d+ ms", " # ms", re.sub(r"\d+\.\d+ s\b", "# s", written)) == out
        assert "  FAIL  broken " in out

    def test_a_file_is_replaced_whole_or_not_at_all(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("report.txt").write_text("old", encoding="utf-8")

        def fail(*_: object) -> None:
            raise PermissionError(13, "Permission denied", "report.txt")

        monkeypatch.setattr("os.replace", fail)
        code, _, err = run("check", *self.CLAIM, "-o", "report.txt")
        assert (code, err) == (2, "error: Permission denied: report.txt\n")
        assert Path("report.txt").read_text(encoding="utf-8") == "old"
        assert sorted(path.name for path in Path().iterdir()) == ["a.flow", "report.txt"]

    def test_a_folder_is_no_output(self, run: Run) -> None:
        Path("out").mkdir()
        code, out, err = run("check", *self.CLAIM, "-o", "out")
        assert (code, out) == (2, "")
        assert err.endswith("Error: Invalid value for '--output' / '-o': File 'out' is a directory.\n")

    def test_a_rejected_spec_leaves_no_report(self, run: Run) -> None:
        Path("a.flow").write_text("protocol", encoding="utf-8")
        code, out, _ = run("check", "a.flow", "--format", "sarif", "-o", "report.sarif")
        assert (code, out) == (2, "")
        assert not Path("report.sarif").exists()

    @pytest.mark.parametrize("style", ["text", "json", "sarif", "junit", "github"])
    def test_a_mistake_of_ours_is_told_at_its_claim(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, style: str
    ) -> None:
        def contradict(*_: object) -> None:
            raise pipeline.InvariantRejected("the invariant of case `a` is refuted")

        monkeypatch.setattr(checking, "check_claim", contradict)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        code, out, err = run("check", *self.CLAIM, "--format", style)
        assert (code, err) == (101, "")
        assert "the invariant of case `a` is refuted" in out
        assert run("check", *self.CLAIM, "--format", style, "-o", "report").code == 101
        assert "the invariant of case `a` is refuted" in Path("report").read_text(encoding="utf-8")


class TestSettings:
    @pytest.fixture(autouse=True)
    def project(self, run: Run, hello: str) -> None:
        Path("pyproject.toml").write_text(
            '[tool.modelcheck]\npaths = ["hello.flow"]\nformat = "concise"\naudit = false\nbudget = 5\nverbose = true\n',
            encoding="utf-8",
        )

    def test_settings_are_defaults(self, run: Run) -> None:
        code, out, err = run("check", "--claim", "secrecy")
        assert (code, err) == (3, "")
        assert re.fullmatch(r"hello\.flow:\d+:3: hello\.secrecy: undecided \(expected to hold\)\n", out)

    def test_processes_and_the_cache_are_settings_too(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("pyproject.toml").write_text('[tool.modelcheck]\njobs = "auto"\ncache = false\n', encoding="utf-8")
        monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
        first = run("check", "--claim", "secrecy", "--no-audit")
        assert first.code == 0
        assert run("check", "--claim", "secrecy", "--no-audit") == first

    def test_the_command_line_wins(self, run: Run) -> None:
        Path("other.flow").write_text(starting_spec("other"), encoding="utf-8")
        code, out, _ = run("check", "other.flow", "--claim", "secrecy", "--budget", "20000000", "--audit",
                           "--format", "text", "--no-verbose")  # fmt: skip
        assert (code, out) == (
            0,
            "other  (other.flow)\n"
            "  note  type-flaw resistant: attackers who respect message formats lose nothing\n"
            "  ok    secrecy              holds               as expected # ms\n"
            "1 claim: 1 holds; all as expected; prover # s, audit # s\n",
        )

    def test_they_hold_in_folders_below(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("sub").mkdir()
        monkeypatch.chdir("sub")
        code, out, _ = run("check", "--claim", "secrecy")
        assert code == 3
        assert out.startswith("../hello.flow:")

    def test_an_output_can_be_preset_and_undone(self, run: Run) -> None:
        with Path("pyproject.toml").open("a", encoding="utf-8") as file:
            file.write('output = "report.txt"\n')
        _, text, _ = run("check", "--claim", "secrecy")
        assert text.startswith("hello  (hello.flow)\n")
        written = Path("report.txt").read_text(encoding="utf-8")
        Path("report.txt").unlink()
        assert run("check", "--claim", "secrecy", "--output", "-") == (3, written, "")
        assert not Path("report.txt").exists()

    def test_mistakes_end_the_run_and_leave_help_alone(self, run: Run) -> None:
        Path("pyproject.toml").write_text("[tool.modelcheck]\nbudgt = 5\n", encoding="utf-8")
        assert run("check") == (
            2,
            "",
            "error[MC130 unknown-setting]: there is no setting `budgt`\n"
            "  --> pyproject.toml:2:1\n"
            "  |\n"
            "2 | budgt = 5\n"
            "  | ^^^^^\n"
            "  = hint: did you mean `budget`?\n"
            "\n"
            "1 error; `modelcheck explain CODE` tells more\n",
        )
        assert run("check", "--help").code == 0
        assert run("machine", "hello.flow").code == 0


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


class TestFormat:
    def test_a_formatted_file_stays_as_it_is(self, run: Run, hello: str) -> None:
        before = Path(hello).read_bytes()
        assert run("fmt", hello) == (0, "", "")
        assert Path(hello).read_bytes() == before

    def test_check_names_the_file_and_leaves_it(self, run: Run, hello: str) -> None:
        text = Path(hello).read_text(encoding="utf-8").replace("  role Client", "      role   Client")
        Path(hello).write_text(text, encoding="utf-8")
        assert run("fmt", "--check", hello) == (1, "would change hello.flow\n", "")
        assert Path(hello).read_text(encoding="utf-8") == text

    def test_formatting_twice_is_formatting_once(self, run: Run, hello: str) -> None:
        text = Path(hello).read_text(encoding="utf-8").replace("  role Client", "      role   Client")
        Path(hello).write_text(text, encoding="utf-8")
        assert run("fmt", hello) == (0, "changed hello.flow\n", "")
        assert run("fmt", "--check", hello) == (0, "", "")

    def test_a_file_that_does_not_parse_is_left_as_it_is(self, run: Run) -> None:
        Path("a.flow").write_text("protocol", encoding="utf-8")
        assert run("fmt", "a.flow").code == 2
        assert Path("a.flow").read_text(encoding="utf-8") == "protocol"


class TestExplain:
    @pytest.mark.parametrize("word", ["MC102", "mc102", "not-text"])
    def test_a_rule_is_found_by_code_and_by_name(self, run: Run, word: str) -> None:
        assert run("explain", word) == (
            0,
            "MC102 not-text: A file is not UTF-8 text\n"
            "\n"
            "A spec is a text file in UTF-8. This one has bytes that are no UTF-8 text, or a zero byte.\n"
            "\n"
            "Save it as UTF-8; perhaps the path names another file than you meant.\n",
            "",
        )

    def test_without_a_code_every_rule_is_listed(self, run: Run) -> None:
        out = run("explain").out
        codes = [line.split()[0] for line in out.splitlines()]
        assert codes == sorted(set(codes))
        assert codes[0] == "MC101"

    def test_an_unknown_code_gets_a_suggestion(self, run: Run) -> None:
        code, _, err = run("explain", "not-txt")
        assert code == 2
        assert err.endswith("Error: there is no diagnostic `not-txt`; did you mean `not-text`?\n")


class TestNew:
    @pytest.mark.parametrize("name", ["mine", "mine.flow"])
    def test_the_file_is_named_after_the_protocol(self, run: Run, name: str) -> None:
        assert run("new", name) == (0, "wrote mine.flow\nnow run: modelcheck check mine.flow\n", "")
        assert Path("mine.flow").read_text(encoding="utf-8") == starting_spec("mine")

    @pytest.mark.parametrize("name", ["", "two words", "../up", "a/b.flow", "1st", "é"])
    def test_what_is_no_name(self, run: Run, name: str) -> None:
        code, out, err = run("new", name)
        stem = name.removesuffix(".flow")
        assert (code, out) == (2, "")
        assert err.endswith(f"Error: `{stem}` is no name for a protocol: use letters, digits and `_`\n")

    def test_a_file_is_never_overwritten(self, run: Run, hello: str) -> None:
        Path(hello).write_text("mine", encoding="utf-8")
        code, _, err = run("new", "hello")
        assert code == 2
        assert err.endswith("Error: `hello.flow` exists; choose another name\n")
        assert Path(hello).read_text(encoding="utf-8") == "mine"

    @pytest.mark.parametrize("name", ["role", "flow", "protocol", "secret"])
    def test_words_of_the_language_are_names_too(self, run: Run, name: str) -> None:
        run("new", name)
        assert run("machine", f"{name}.flow").code == 0


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


# ------------------------------------------------------------------------------------------------ diagram


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


def test_machines_show_their_errors_on_demand(run: Run, hello: str) -> None:
    code, out, err = run("machine", hello, "--errors")
    assert (code, err) == (0, "")
    assert "  2 -> error  no Reply\n" in out
    assert run("diagram", hello, "--kind", "machine", "--errors").out == out
    assert "error" not in run("machine", hello).out


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
