"""The pytest plugin, in projects of its own: what is collected, what fails and how it reads, and that it stays out of the way."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from modelcheck import checking
from modelcheck.pipeline import check_claim
from modelcheck.starter import starting_spec
from modelcheck.verdict import NotSupported

pytest_plugins = ["pytester"]

CLAIMS = ["secrecy", "forward_secrecy", "server_auth", "client_auth", "same_ends", "exponent_lost"]
WRONG = "  wrong: secret k at Client despite leak of x\n"
# Registered already where the package is installed; a plugin is registered once.
LOADED = [] if entry_points(group="pytest11", name="modelcheck") else ["-p", "modelcheck.pytest_plugin"]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project whose tests load the plugin, with a spec of six claims."""
    pytester.makepyprojecttoml("[tool.modelcheck]\naudit = false\n")
    write(pytester, "hello.flow", starting_spec("hello"))
    pytester.plugins = []
    return pytester


def write(pytester: pytest.Pytester, name: str, text: str) -> None:
    path = pytester.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess(*LOADED, "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments)


class TestCollection:
    def test_every_claim_is_a_test(self, project: pytest.Pytester) -> None:
        result = run(project, "-v")
        result.assert_outcomes(passed=6)
        result.stdout.fnmatch_lines([f"hello.flow::hello.{claim} PASSED*" for claim in CLAIMS], consecutive=True)

    def test_a_single_claim_is_named_by_its_id(self, project: pytest.Pytester) -> None:
        run(project, "hello.flow::hello.secrecy").assert_outcomes(passed=1)

    def test_words_choose_claims(self, project: pytest.Pytester) -> None:
        run(project, "-k", "secrecy and not forward").assert_outcomes(passed=1, deselected=5)

    def test_the_marker_chooses_claims(self, project: pytest.Pytester) -> None:
        project.makepyfile("def test_something(): pass")
        run(project, "-m", "flow", "--strict-markers").assert_outcomes(passed=6, deselected=1)
        run(project, "-m", "not flow").assert_outcomes(passed=1, deselected=6)

    def test_python_tests_beside_specs_are_collected_as_ever(self, project: pytest.Pytester) -> None:
        project.makepyfile("def test_something(): pass")
        run(project).assert_outcomes(passed=7)

    def test_specs_are_left_alone_if_asked_to(self, project: pytest.Pytester) -> None:
        assert run(project, "--no-flow").ret == pytest.ExitCode.NO_TESTS_COLLECTED

    def test_specs_are_left_alone_if_configured_so(self, project: pytest.Pytester) -> None:
        project.makeini("[pytest]\nflow_collect = false\n")
        assert run(project).ret == pytest.ExitCode.NO_TESTS_COLLECTED

    def test_includes_are_read_and_their_claims_are_those_of_their_file(self, project: pytest.Pytester) -> None:
        write(project, "hello.flow", starting_spec("hello"))
        write(project, "top/mine.flow", (
            'include "../hello.flow"\nvariant mine of hello\n'
            '  replace Proof { sign(signing(client), "client", g^y, g^x, server) }\n'
            "claims\n  secrecy: expect holds\n"))  # fmt: skip
        result = run(project, "top", "-v")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["top/mine.flow::mine.secrecy PASSED*"])


class TestFailures:
    def test_a_failure_shows_the_line_and_the_attack(self, project: pytest.Pytester) -> None:
        write(project, "specs/hello.flow", starting_spec("hello") + WRONG)
        result = run(project, "specs")
        result.assert_outcomes(passed=6, failed=1)
        result.stdout.fnmatch_lines(
            [
                "*_ claim hello.wrong _*",
                "hello.wrong: attack (expected to hold)",
                "  --> specs/hello.flow:29:3",
                "   |",
                "29 |   wrong: secret k at Client despite leak of x",
                "   |   ^^^^^",
                "secret k at Client despite leak of x",
                "  1. Client #1 of A with B sends Hello",
            ],
            consecutive=True,
        )
        result.stdout.fnmatch_lines(
            [
                "The attacker knows `k` of Client #1 of A with B.",
                "*= short test summary info =*",
                "FAILED specs/hello.flow::hello.wrong - hello.wrong: attack (expected to hold)",
            ],
            consecutive=True,
        )
        result.stdout.no_fnmatch_line("*Traceback*")

    def test_a_claim_that_stays_open_fails(self, project: pytest.Pytester) -> None:
        project.makepyprojecttoml("[tool.modelcheck]\nbudget = 5\n")
        result = run(project, "-k", "forward_secrecy")
        result.assert_outcomes(failed=1, deselected=5)
        result.stdout.fnmatch_lines(["the budget of 5 work units ran out (raise it with --budget)"])

    def test_a_kind_of_claim_that_no_engine_decides_is_skipped(
        self, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            checking, "check_claim", lambda *rest: replace(check_claim(*rest), verdict=NotSupported("unlinkability"))
        )
        result = run(project, "-k", "client_auth", "-rs")
        result.assert_outcomes(skipped=1, deselected=5)
        result.stdout.fnmatch_lines(["SKIPPED *not supported yet: unlinkability"])

    def test_a_mistake_of_the_program_names_the_file_to_report(
        self, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise AssertionError("a mistake")

        monkeypatch.setattr("tempfile.tempdir", str(project.path))
        monkeypatch.setattr(checking, "check_claim", broken)
        result = run(project, "-k", "client_auth")
        result.assert_outcomes(failed=1, deselected=5)
        result.stdout.fnmatch_lines(["*AssertionError: a mistake", "please report it with the spec and the file *"])

    def test_a_rejected_spec_is_an_error_with_its_diagnostics(self, project: pytest.Pytester) -> None:
        write(project, "bad.flow", "protocol p\nrole\n")
        result = run(project)
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["error?MC110 syntax-error?: something is missing here", "  --> bad.flow:2:5"])
        result.stdout.no_fnmatch_line("*Traceback*")

    def test_a_wrong_setting_is_an_error_with_its_place(self, project: pytest.Pytester) -> None:
        project.makepyprojecttoml("[tool.modelcheck]\nbugdet = 5\n")
        result = run(project)
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["  --> pyproject.toml:2:1", "*did you mean `budget`?"])


class TestOptions:
    def test_the_number_of_sessions_bounds_the_search(
        self, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []

        def watched(task: object, options: object, *rest: object) -> object:
            seen.append(options.sessions)  # type: ignore[attr-defined]
            return check_claim(task, options, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(checking, "check_claim", watched)
        run(project, "-k", "client_auth", "--flow-sessions", "2").assert_outcomes(passed=1, deselected=5)
        run(project, "-k", "client_auth").assert_outcomes(passed=1, deselected=5)
        assert seen == [2, 4]

    @pytest.mark.parametrize("number", ["0", "65", "many"])
    def test_what_is_no_number_of_sessions(self, project: pytest.Pytester, number: str) -> None:
        result = run(project, "--flow-sessions", number)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"*--flow-sessions: `{number}` is no whole number from 1 to 64"])

    def test_the_verdict_is_a_property_of_the_report(self, project: pytest.Pytester) -> None:
        run(project, "-k", "exponent_lost", "--junit-xml", "report.xml").assert_outcomes(passed=1, deselected=5)
        assert '<property name="verdict" value="attack"' in (project.path / "report.xml").read_text(encoding="utf-8")


class TestCompany:
    def test_processes_of_xdist_share_the_claims(self, project: pytest.Pytester) -> None:
        write(project, "more.flow", starting_spec("more") + WRONG.replace("wrong", "lost"))
        result = project.runpytest_subprocess(*LOADED, "-p", "no:hypothesispytest", "-n", "2")
        result.assert_outcomes(passed=12, failed=1)
        result.stdout.fnmatch_lines(["more.lost: attack (expected to hold)"])

    def test_a_second_run_takes_the_verdicts_of_the_first(
        self, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run(project).assert_outcomes(passed=6)

        def broken(*_: object) -> None:
            raise AssertionError("decided again")

        monkeypatch.setattr(checking, "check_claim", broken)
        run(project).assert_outcomes(passed=6)

    def test_a_project_without_specs_imports_nothing_heavy(self, tmp_path: Path) -> None:
        (tmp_path / "test_a.py").write_text("def test_a(): pass\n", encoding="utf-8")
        (tmp_path / "conftest.py").write_text(
            "import sys\ndef pytest_unconfigure():\n"
            "    print('LOADED', *(m for m in sys.modules if m.split('.')[0] in ('modelcheck', 'z3', 'lark', 'networkx')))\n",
            encoding="utf-8",
        )
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", *LOADED],
            cwd=tmp_path, text=True, capture_output=True, check=True, timeout=60)  # fmt: skip
        assert done.stdout.splitlines()[-1] == "LOADED modelcheck modelcheck.pytest_plugin"
