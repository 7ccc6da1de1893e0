"""Workers: answers, mistakes, sudden deaths, time limits; nothing is left running."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

import pytest

from modelcheck import workers
from modelcheck.workers import Outcome, Pool

if sys.platform == "win32":
    pytest.skip("processes are watched as on Unix", allow_module_level=True)


def open_desk(factor: int) -> Callable[[Any], Any]:
    """What a worker does with an order: multiply numbers, and follow some instructions."""

    def work(order: Any) -> Any:
        if order == "raise":
            raise ValueError("no such order")
        if order == "exit":
            os._exit(7)
        if str(order).startswith("SIG"):
            os.kill(os.getpid(), signal.Signals[order])
        if order == "sleep":
            time.sleep(100)
        if order == "hungry":
            workers.limit_memory(256)
            return len(bytearray(1 << 30))
        return os.getpid() if order == "pid" else order * factor

    return work


def open_nothing(_: object) -> Callable[[Any], Any]:
    raise RuntimeError("there is no desk")


def unwatched(_: Iterable[int]) -> None:
    """Nobody looks at what is running."""


def outcomes(orders: list[Any], jobs: int = 2, deadline: float | None = None) -> list[Outcome]:
    pool = Pool(jobs, open_desk, 10, unwatched)
    return sorted(pool.run(range(len(orders)), orders.__getitem__, deadline), key=lambda one: one.index)


def test_a_limit_of_memory_fails_what_wants_more_and_nothing_after_it() -> None:
    hungry, fed = outcomes(["hungry", 2], jobs=1)
    assert hungry.what == "failed"
    assert hungry.value.rstrip().endswith("MemoryError")
    assert fed == Outcome(1, "done", 20)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_every_order_is_answered_once() -> None:
    assert outcomes([1, 2, 3, 4, 5]) == [Outcome(index, "done", 10 * (index + 1)) for index in range(5)]


def test_without_orders_no_worker_is_started() -> None:
    assert outcomes([]) == []


def test_there_are_as_many_workers_as_asked_for() -> None:
    processes = {outcome.value for outcome in outcomes(["pid"] * 6, jobs=2)}
    assert len(processes) <= 2
    assert os.getpid() not in processes
    assert not any(alive(process) for process in processes)


def test_a_mistake_with_one_order_is_told_with_its_trace() -> None:
    first, wrong, last = outcomes([1, "raise", 2], jobs=1)
    assert (first.value, last.value) == (10, 20)
    assert wrong.what == "failed"
    assert wrong.value.startswith("Traceback (most recent call last):\n")
    assert wrong.value.endswith("\nValueError: no such order\n")


@pytest.mark.parametrize(
    ("order", "what", "how"),
    [
        ("exit", "lost", "its process ended with exit code 7"),
        ("SIGSEGV", "lost", "its process was ended by SIGSEGV"),
        ("SIGKILL", "killed", "its process was killed (SIGKILL)"),
        ("SIGTERM", "killed", "its process was killed (SIGTERM)"),
    ],
)
def test_a_worker_that_dies_takes_only_its_own_order_with_it(
    order: str, what: Literal["lost", "killed"], how: str
) -> None:
    assert outcomes([1, order, 2, 3], jobs=2) == [
        Outcome(0, "done", 10), Outcome(1, what, how), Outcome(2, "done", 20), Outcome(3, "done", 30)]  # fmt: skip


def test_workers_that_cannot_start_answer_every_order_with_the_reason() -> None:
    found = list(Pool(1, open_nothing, None, unwatched).run(range(2), str))
    assert [(one.index, one.what, one.value.splitlines()[-1]) for one in found] == [
        (0, "failed", "RuntimeError: there is no desk"), (1, "failed", "RuntimeError: there is no desk")]  # fmt: skip


def test_what_goes_on_after_the_deadline_is_stopped_and_the_rest_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "GRACE", 0.1)
    started = time.monotonic()
    assert outcomes(["sleep", 1], jobs=1, deadline=started + 2) == [
        Outcome(0, "stopped", None), Outcome(1, "late", None)]  # fmt: skip
    assert time.monotonic() - started < 30


def test_who_stops_listening_leaves_nobody_working() -> None:
    pool = Pool(2, open_desk, 1, unwatched)
    stream = pool.run(range(3), ["pid", "sleep", "sleep"].__getitem__)
    process = next(stream).value
    assert alive(process)
    stream.close()  # type: ignore[attr-defined]
    assert not alive(process)


def test_the_watcher_is_told_what_is_running() -> None:
    seen: list[tuple[int, ...]] = []
    list(Pool(2, open_desk, 1, seen.append).run(range(3), lambda index: index))
    assert seen[0] == (0, 1)
    assert {index for running in seen for index in running} == {0, 1, 2}
    assert max(map(len, seen)) == 2
