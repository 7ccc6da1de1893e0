"""Processes that work on numbered orders; one that dies takes nothing but its own order with it."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from time import monotonic
from typing import Any, Literal, TypeAlias

Work: TypeAlias = Callable[[Any], Any]

GRACE = 5.0
"""Seconds that a worker may go on after the deadline before it is ended."""

FROM_OUTSIDE = ("SIGHUP", "SIGKILL", "SIGTERM", "SIGXCPU")
"""What the system and its users end processes with; no mistake of a program raises one of these."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order.

    It is ``done`` with a value, ``failed`` with a trace, ``killed`` or ``lost`` with how its worker ended, by somebody
    else's hand or by itself, ``stopped`` since it was still being worked on after the deadline, or ``late``: not begun
    before it.
    """

    index: int
    what: Literal["done", "failed", "killed", "lost", "stopped", "late"]
    value: Any


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    index: int | None = None
    """The order that it works on."""


@dataclass(slots=True)
class Pool:
    """So many processes; each calls ``opener`` with ``argument`` once, and what that returns with every order.

    Both must be picklable: the processes are started afresh, on every system.
    """

    jobs: int
    opener: Callable[[Any], Work]
    argument: Any
    watch: Callable[[tuple[int, ...]], None]
    """Told which orders are being worked on, whenever that changes."""
    _workers: list[_Worker] = field(default_factory=list)

    def run(
        self, indices: Sequence[int], order: Callable[[int], Any], deadline: float | None = None
    ) -> Iterator[Outcome]:
        """Yield the outcome of each order as soon as it is there; the workers are gone when this ends, however it does.

        ``order`` gives what is sent for an index, at the moment when it is sent; ``deadline`` is a moment on the
        monotonic clock.
        """
        waiting = list(reversed(indices))
        try:
            while waiting or self._busy():
                late = deadline is not None and monotonic() > deadline
                while late and waiting:
                    yield Outcome(waiting.pop(), "late", None)
                self._hand_out(waiting, order)
                self.watch(tuple(sorted(worker.index for worker in self._busy() if worker.index is not None)))
                yield from self._collect(deadline)
        finally:
            self.close()

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        for worker in self._workers:
            _end(worker)
        self._workers.clear()

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.index is not None]

    def _hand_out(self, waiting: list[int], order: Callable[[int], Any]) -> None:
        while waiting and len(self._busy()) < self.jobs:
            idle = next((worker for worker in self._workers if worker.index is None), None)
            if idle is None:
                idle = self._start()
            idle.index = waiting.pop()
            # A worker that has died meanwhile is found to be lost when its answer is awaited.
            with suppress(OSError):
                idle.connection.send(order(idle.index))

    def _start(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, self.opener, self.argument), daemon=True)
        with _interruptions_held():
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _collect(self, deadline: float | None) -> Iterator[Outcome]:
        """Yield what the next workers to answer have to say, and what is known when time is up."""
        busy = self._busy()
        if not busy:
            return
        limit = None if deadline is None else max(0.0, deadline + GRACE - monotonic())
        ready = wait([worker.connection for worker in busy], limit)
        for worker in busy:
            assert worker.index is not None
            if worker.connection in ready:
                yield self._answer(worker, worker.index)
            elif not ready:
                yield Outcome(worker.index, "stopped", None)
                self._drop(worker)

    def _answer(self, worker: _Worker, index: int) -> Outcome:
        try:
            what, value = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join()
            outcome = _death(index, worker.process.exitcode)
            self._drop(worker)
            return outcome
        worker.index = None
        return Outcome(index, what, value)

    def _drop(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        _end(worker)


def limit_memory(mebibytes: int) -> None:
    """Return nothing; from here on this process fails when it wants more memory for its data than that.

    Python raises MemoryError then; a library may end the process. Raises OSError on systems that have no such limit.
    """
    try:
        import resource
    except ImportError:
        raise OSError("this system does not limit the memory of a process") from None
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = mebibytes << 20
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


def _death(index: int, code: int | None) -> Outcome:
    """Return what became of an order whose worker ended before it had answered."""
    if code is None or code >= 0:
        return Outcome(index, "lost", f"its process ended with exit code {code}")
    name = {one.value: one.name for one in signal.Signals}.get(-code, f"signal {-code}")
    if name in FROM_OUTSIDE:
        return Outcome(index, "killed", f"its process was killed ({name})")
    return Outcome(index, "lost", f"its process was ended by {name}")


def _end(worker: _Worker) -> None:
    worker.connection.close()
    worker.process.terminate()
    worker.process.join(1.0)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.process.close()


@contextmanager
def _interruptions_held() -> Iterator[None]:
    """Start a process in this context, and Ctrl-C reaches its parent only, which then ends it.

    A process inherits the signals that are held back. Those that arrive meanwhile are delivered to the parent afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def serve(connection: Connection, opener: Callable[[Any], Work], argument: Any) -> None:
    """Answer orders until there are no more: with what came of them, or with the trace of what went wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_follow_parent, daemon=True).start()
    work: Work | None = None
    while True:
        try:
            order = connection.recv()
        except (EOFError, OSError):
            return
        try:
            work = work or opener(argument)
            answer = ("done", work(order))
        except Exception:  # noqa: BLE001 (whatever goes wrong with one order is told, and the next one is taken)
            answer = ("failed", traceback.format_exc())
        connection.send(answer)


def _follow_parent() -> None:
    """End this process with its parent, which may be killed without a chance to end its workers."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
