"""The reports of `modelcheck check`, and the settings that a project presets for it."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from modelcheck import checking, pipeline
from modelcheck.starter import starting_spec
from tests.command_line.outcome import BROKEN, Run


def without_times(report: str) -> str:
    return re.sub(r'("seconds": |"audit_seconds": |time=")[\d.]+', r"\1#", report)


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
