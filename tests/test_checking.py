"""Runs of many claims: the same results in whatever way they come about, and what happens when something goes wrong."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from modelcheck import checking, pipeline, workers
from modelcheck.cache import user_cache
from modelcheck.checking import Decided, Request, check_all, open_desk, prepare
from modelcheck.diagnostics import SpecRejected
from modelcheck.options import Options
from modelcheck.pipeline import audit_file, check_claim
from modelcheck.starter import starting_spec
from modelcheck.verdict import ClaimResult, Holds, InternalError, Undecided, verdict_word

MINE = """
variant mine of hello
  replace Proof { sign(signing(client), "client", g^y, g^x, server) }
claims
  secrecy: expect holds
"""
CLAIMS = ["secrecy", "forward_secrecy", "server_auth", "client_auth", "same_ends", "exponent_lost"]
FAST = Options(audit=False)
KILLED = (
    "its process was killed (SIGKILL) before it had a verdict on hello.server_auth, probably for lack of memory; "
    "let fewer work at once (--jobs), or limit the memory of each (--memory)"
)


@pytest.fixture
def hello(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec with six claims in an empty folder, where reports of mistakes go too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = Path("hello.flow")
    path.write_text(starting_spec("hello"), encoding="utf-8")
    return path


@pytest.fixture
def cached() -> Request:
    return Request(FAST, cache=user_cache())


def results(files: list[Path], request: Request) -> list[ClaimResult]:
    return list(check_all(prepare(files, request), request))


def timeless(found: list[ClaimResult]) -> list[ClaimResult]:
    return [replace(one, seconds=0.0, audit_seconds=0.0, cached=False) for one in found]


def forbid(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> None:
    def called(*_: object) -> None:
        raise AssertionError(f"{name} is called")

    monkeypatch.setattr(module, name, called)


class TestRuns:
    def test_results_say_where_their_claims_stand(self, hello: Path) -> None:
        found = results([hello], Request(FAST))
        lines = hello.read_text(encoding="utf-8").splitlines()
        assert [one.claim for one in found] == CLAIMS
        assert all(lines[one.line - 1][one.column - 1 :].startswith(f"{one.claim}:") for one in found)

    def test_processes_give_the_same_results_in_the_same_order(self, hello: Path) -> None:
        alone, together = (results([hello], Request(Options(), jobs)) for jobs in (1, 2))
        assert timeless(alone) == timeless(together)

    def test_processes_write_the_same_evidence(self, hello: Path) -> None:
        for jobs in (1, 2):
            results([hello], Request(FAST, jobs, None, Path(f"evidence{jobs}")))
        alone, together = ({p.name: p.read_text() for p in Path(f"evidence{jobs}").iterdir()} for jobs in (1, 2))
        assert len(alone) == 5
        assert alone == together

    def test_workers_decide_the_texts_that_were_planned(self, hello: Path) -> None:
        request = Request(FAST, 2, user_cache())
        prepared = prepare([hello], request)
        hello.write_text("protocol changed_meanwhile", encoding="utf-8")
        assert [one.claim for one in check_all(prepared, request)] == CLAIMS

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_the_watcher_is_told_what_is_running(self, hello: Path, jobs: int) -> None:
        seen: list[Sequence[str]] = []
        request = Request(FAST, jobs)
        list(check_all(prepare([hello], request), request, seen.append))
        assert {name for names in seen for name in names} == {f"hello.{claim}" for claim in CLAIMS}


class TestCache:
    def test_what_is_known_is_neither_read_nor_decided_again(
        self, hello: Path, cached: Request, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = results([hello], cached)
        forbid(monkeypatch, pipeline, "open_library")
        forbid(monkeypatch, checking, "check_claim")
        assert results([hello], cached) == [replace(one, cached=True) for one in first]

    def test_a_claim_that_was_decided_alone_is_known(self, hello: Path, cached: Request) -> None:
        list(check_all(prepare([hello], cached).only("server_auth"), cached))
        assert [one.claim for one in results([hello], cached) if one.cached] == ["server_auth"]

    def test_other_options_are_another_question(self, hello: Path, cached: Request) -> None:
        results([hello], cached)
        assert not any(one.cached for one in results([hello], replace(cached, options=replace(FAST, budget=10**6))))

    def test_only_what_depends_on_a_changed_protocol_is_decided_again(self, hello: Path, cached: Request) -> None:
        text = hello.read_text(encoding="utf-8")
        hello.write_text(text + MINE, encoding="utf-8")
        other = Path("other.flow")
        other.write_text(starting_spec("other"), encoding="utf-8")
        results([hello, other], cached)
        other.write_text(starting_spec("other").replace("g^x", "g^x ", 1) + "\n# more\n", encoding="utf-8")
        again = results([hello, other], cached)
        assert {(one.protocol, one.cached) for one in again} == {("hello", True), ("mine", True), ("other", False)}
        hello.write_text(hello.read_text(encoding="utf-8").replace("  Client accepts", "  Client  accepts"))
        again = results([hello, other], cached)
        assert {(one.protocol, one.cached) for one in again} == {("hello", False), ("mine", False), ("other", True)}

    def test_claims_that_have_moved_are_known_at_their_new_place(self, hello: Path, cached: Request) -> None:
        first = results([hello], cached)
        hello.write_text("# one more line\n" + hello.read_text(encoding="utf-8"), encoding="utf-8")
        assert results([hello], cached) == [replace(one, line=one.line + 1, cached=True) for one in first]

    def test_a_changed_include_is_noticed(self, hello: Path, cached: Request) -> None:
        top = Path("top.flow")
        top.write_text('include "hello.flow"\n' + MINE, encoding="utf-8")
        assert [one.cached for one in results([top], cached)] == [False]
        assert [one.cached for one in results([top], cached)] == [True]
        hello.write_text(hello.read_text(encoding="utf-8").replace("  Client accepts", "  Client  accepts"))
        assert [one.cached for one in results([top], cached)] == [False]
        hello.unlink()
        with pytest.raises(SpecRejected):
            prepare([top], cached)

    def test_notes_are_those_of_the_first_run(self, hello: Path, cached: Request) -> None:
        notes = [prepare([hello], cached).notes_of("hello") for _ in range(2)]
        assert notes == [("type-flaw resistant: attackers who respect message formats lose nothing",)] * 2

    def test_kept_evidence_is_the_evidence_of_the_first_run(self, hello: Path, cached: Request) -> None:
        results([hello], replace(cached, evidence_folder=Path("first")))
        again = results([hello], replace(cached, evidence_folder=Path("second")))
        assert all(one.cached for one in again)
        first, second = ({p.name: p.read_text() for p in Path(name).iterdir()} for name in ("first", "second"))
        assert first == second
        assert audit_file(Path("second/hello.secrecy.json"))[0]

    def test_a_proof_whose_evidence_is_gone_is_proven_again(
        self, hello: Path, cached: Request, own_cache: Path
    ) -> None:
        results([hello], cached)
        for path in own_cache.rglob("*.evidence"):
            path.write_text("damaged", encoding="utf-8")
        again = results([hello], replace(cached, evidence_folder=Path("evidence")))
        assert [one.claim for one in again if one.cached] == ["exponent_lost"]
        assert len(list(Path("evidence").iterdir())) == 5

    def test_a_proof_that_never_had_evidence_is_known(
        self, hello: Path, cached: Request, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checking, "check_claim", lambda task, *_: pipeline.result_of(task, Holds(True, 3)))
        results([hello], cached)
        again = results([hello], replace(cached, evidence_folder=Path("evidence")))
        assert all(one.cached for one in again)
        assert not Path("evidence").exists()

    def test_a_file_that_cannot_be_read_is_rejected_with_all_others(self, hello: Path, cached: Request) -> None:
        Path("a.flow").write_bytes(b"\x80")
        with pytest.raises(SpecRejected) as rejected:
            prepare([Path("a.flow"), hello, Path("b.flow")], cached)
        assert [one.primary.span.source.path for one in rejected.value.diagnostics] == ["a.flow", "b.flow"]


def open_bad_desk(desk: Any) -> Callable[[Any], Decided]:
    """What a worker does that goes wrong with two claims, is killed with a third, and hangs with a fourth."""
    work = open_desk(desk)

    def bad(order: Any) -> Decided:
        if order.claim == "secrecy":
            raise AssertionError("a mistake")
        if order.claim == "forward_secrecy":
            os.abort()
        if order.claim == "server_auth":
            os.kill(os.getpid(), signal.SIGKILL)
        if order.claim == "exponent_lost" and order.seconds is not None:
            time.sleep(100)
        return work(order)

    return bad


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on Unix")
class TestMishaps:
    def test_a_mistake_with_one_claim_leaves_the_others_alone(
        self, hello: Path, cached: Request, monkeypatch: pytest.MonkeyPatch
    ) -> None:

        def broken(task: pipeline.ClaimTask, *rest: Any) -> ClaimResult:
            if task.claim == "server_auth":
                raise AssertionError("a mistake")
            return check_claim(task, *rest)

        with monkeypatch.context() as patched:
            patched.setattr(checking, "check_claim", broken)
            found = results([hello], cached)
        verdict = next(one.verdict for one in found if isinstance(one.verdict, InternalError))
        assert verdict.reason == "AssertionError: a mistake"
        report = Path(verdict.report).read_text(encoding="utf-8")
        assert "hello.flow: hello.server_auth\n\nTraceback (most recent call last):\n" in report
        assert [verdict_word(one.verdict) for one in found].count("internal error") == 1
        assert [one.claim for one in results([hello], cached) if not one.cached] == ["server_auth"]

    def test_workers_that_fail_or_die_take_only_their_claims_with_them(
        self, hello: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checking, "open_desk", open_bad_desk)
        found = results([hello], Request(FAST, 2))
        assert [one.claim for one in found] == CLAIMS
        assert {one.claim: one.verdict.reason for one in found if isinstance(one.verdict, InternalError)} == {
            "secrecy": "AssertionError: a mistake",
            "forward_secrecy": "its process was ended by SIGABRT",
        }
        assert {one.claim: one.verdict for one in found if isinstance(one.verdict, Undecided)} == {
            "server_auth": Undecided(KILLED)
        }
        assert {one.claim for one in found if one.ok} == {"client_auth", "same_ends", "exponent_lost"}

    def test_a_claim_that_wants_too_much_memory_is_undecided_and_not_kept(
        self, hello: Path, cached: Request, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def hungry(task: pipeline.ClaimTask, *rest: Any) -> ClaimResult:
            if task.claim == "server_auth":
                raise MemoryError
            return check_claim(task, *rest)

        with monkeypatch.context() as patched:
            patched.setattr(checking, "check_claim", hungry)
            found = {one.claim: one for one in results([hello], cached)}
        assert found["server_auth"].verdict == Undecided("the memory ran out (raise it with --memory)")
        assert all(one.ok for claim, one in found.items() if claim != "server_auth")
        assert [one.claim for one in results([hello], cached) if not one.cached] == ["server_auth"]

    def test_workers_that_die_under_a_limit_of_memory_leave_their_claims_undecided(
        self, hello: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checking, "open_desk", open_bad_desk)
        found = {one.claim: one.verdict for one in results([hello], Request(FAST, memory=1024))}
        assert found["server_auth"] == Undecided(KILLED)
        assert found["forward_secrecy"] == Undecided(
            "its process was ended by SIGABRT; it may have wanted more than 1024 MiB (raise it with --memory)"
        )
        assert [claim for claim, verdict in found.items() if isinstance(verdict, InternalError)] == ["secrecy"]

    def test_a_claim_that_does_not_stop_in_time_is_stopped(self, hello: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checking, "open_desk", open_bad_desk)
        monkeypatch.setattr(workers, "GRACE", 0.1)
        request = Request(replace(FAST, timeout=1.0), 2)
        prepared = prepare([hello], request)
        found = list(check_all(replace(prepared, claims=prepared.claims[-2:]), request))
        assert found[-1].verdict == Undecided("the time ran out (raise it with --timeout)")

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_what_is_not_started_in_time_is_undecided_and_not_kept(
        self, hello: Path, cached: Request, jobs: int
    ) -> None:
        late = replace(cached, jobs=jobs, options=replace(FAST, timeout=0.0))
        assert {one.verdict for one in results([hello], late)} == {Undecided("it was not started within 0 seconds")}
        assert not any(one.cached for one in results([hello], cached))

    def test_an_interruption_first_gives_what_is_there(
        self, hello: Path, cached: Request, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prepared = prepare([hello], cached)
        list(check_all(prepared.only("same_ends"), cached))

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(checking, "check_claim", interrupted)
        found: list[str] = []
        with pytest.raises(KeyboardInterrupt):
            found.extend(one.claim for one in check_all(prepared, cached))
        assert found == ["same_ends"]
