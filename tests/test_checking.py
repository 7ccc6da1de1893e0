"""Many claims, in one process or several: the same results in the same order, and none takes another with it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelcheck import checking
from modelcheck.cache import VerdictCache
from modelcheck.checking import Plan, check_all
from modelcheck.options import Options
from modelcheck.pipeline import ClaimTask, audit_file, check_claim, open_library, select_claims
from modelcheck.verdict import ClaimResult, Holds, InternalError, exit_code
from tests.support import SIGNED

SPEC = SIGNED + (
    "  one: secret k at Client\n  two: secret k at Client despite leak of x expect attack\n"
    "  three: Client agrees with Server on k\n  four: secret k at Server despite leak of y expect attack\n"
).replace("expect attack", 'expect attack "leaked"')


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "a.flow"
    path.write_text(SPEC, encoding="utf-8")
    return path


def plan(spec: Path, **settings: Any) -> tuple[Plan, Sequence[ClaimTask]]:
    library = open_library([spec])
    return Plan((spec,), None, Options(audit=False), **settings), select_claims(library, [spec])


def bare(results: Sequence[ClaimResult]) -> list[ClaimResult]:
    """The results without what differs from run to run."""
    return [replace(r, seconds=0.0, audit_seconds=0.0, cached=False) for r in results]


def test_processes_give_what_one_gives(spec: Path) -> None:
    serial = list(check_all(*plan(spec)))
    running: list[tuple[str, ...]] = []
    parallel = list(check_all(*plan(spec, jobs=2), running=lambda names: running.append(tuple(names))))
    assert bare(parallel) == bare(serial)
    assert [r.claim for r in parallel] == ["one", "two", "three", "four"]
    assert ("p.one", "p.two") in running
    assert running[-1] == ()


def test_a_mistake_in_one_claim_is_its_result(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(task: ClaimTask, *rest: Any) -> ClaimResult:
        if task.claim == "two":
            raise ZeroDivisionError("no such luck")
        return check_claim(task, *rest)

    monkeypatch.setattr(checking, "check_claim", broken)
    results = list(check_all(*plan(spec)))
    verdict = results[1].verdict
    assert isinstance(verdict, InternalError)
    assert verdict.reason == "ZeroDivisionError: no such luck"
    report = Path(verdict.report)
    assert "p.two" in report.read_text(encoding="utf-8")
    report.unlink()
    assert [r.ok for r in results] == [True, False, True, True]
    assert exit_code(results) == 101


def test_a_process_that_dies_takes_only_its_claim_along(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_work", dying_work)
    results = list(check_all(*plan(spec, jobs=2)))
    assert [isinstance(r.verdict, InternalError) for r in results] == [False, True, False, False]
    verdict = results[1].verdict
    assert isinstance(verdict, InternalError)
    assert verdict.reason == "its process ended with exit code 9"
    Path(verdict.report).unlink()


honest_check = checking.Checker.check


def dying_check(self: checking.Checker, task: ClaimTask) -> ClaimResult:
    if task.claim == "two":
        os._exit(9)
    return honest_check(self, task)


honest_work = checking._work


def dying_work(*arguments: Any) -> None:
    checking.Checker.check = dying_check  # type: ignore[method-assign]
    honest_work(*arguments)


def test_closing_the_iterator_ends_all_processes(spec: Path) -> None:
    stream = check_all(*plan(spec, jobs=2))
    assert next(iter(stream)).claim == "one"
    stream.close()  # type: ignore[attr-defined]
    import multiprocessing

    assert multiprocessing.active_children() == []


def test_the_cache_answers_the_second_time_and_keeps_the_evidence(spec: Path, tmp_path: Path) -> None:
    kept = VerdictCache(tmp_path / "cache")
    settings: dict[str, Any] = {"cache": kept, "evidence": tmp_path / "evidence"}
    wanted, tasks = plan(spec, **settings)
    wanted = replace(wanted, options=Options())
    first = list(check_all(wanted, tasks))
    files = sorted((tmp_path / "evidence").iterdir())
    assert [path.name for path in files] == ["p.one.json", "p.three.json"]
    texts = [path.read_bytes() for path in files]
    for path in files:
        path.unlink()
    second = list(check_all(wanted, tasks))
    assert bare(second) == bare(first)
    assert all(r.cached for r in second if isinstance(r.verdict, Holds))
    assert [path.read_bytes() for path in files] == texts
    assert audit_file(files[0])[0]


def test_an_edited_spec_is_checked_again(spec: Path, tmp_path: Path) -> None:
    kept = VerdictCache(tmp_path / "cache")
    list(check_all(*plan(spec, cache=kept)))
    spec.write_text(SPEC + "# a comment\n", encoding="utf-8")
    assert not any(r.cached for r in check_all(*plan(spec, cache=kept)))
