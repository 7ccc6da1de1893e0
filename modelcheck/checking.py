"""Checking many claims: one after the other or in several processes, with the verdicts of earlier runs.

Results come in the order of the claims. A claim that goes wrong, or whose process dies, takes no other with it.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic

from modelcheck.cache import VerdictCache, key_of, related, texts_with_includes
from modelcheck.crash import write_crash
from modelcheck.files import write_atomically
from modelcheck.options import Options
from modelcheck.pipeline import ClaimTask, check_claim, evidence_text, open_library, select_claims, skipped
from modelcheck.verdict import ClaimResult, Holds, InternalError

Running = Callable[[Sequence[str]], None]
"""Called with the claims that are being checked whenever these change."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to check and how."""

    files: tuple[Path, ...]
    pattern: str | None
    options: Options
    jobs: int = 1
    cache: VerdictCache | None = None
    evidence: Path | None = None
    """The folder into which the evidence of proofs goes."""


@dataclass(slots=True)
class Checker:
    """Checks single claims by a plan."""

    plan: Plan
    deadline: float | None
    _texts: Mapping[Path, str] = field(default_factory=dict)
    _related: dict[Path, tuple[Path, ...]] = field(default_factory=dict)

    def check(self, task: ClaimTask) -> ClaimResult:
        """Return the result of a claim, from the cache if it is there; whatever goes wrong is a result too."""
        try:
            return self._check(task)
        except Exception:  # noqa: BLE001 (a mistake of ours in one claim is reported as such, the others go on)
            return crashed(task, traceback.format_exc())

    def _check(self, task: ClaimTask) -> ClaimResult:
        cache = self.plan.cache
        key = self._key(task) if cache is not None else ""
        if cache is not None and (known := cache.get(key)) is not None:
            self._save(task, known, cache.evidence(key) if self.plan.evidence is not None else None)
            return replace(known, file=task.file)
        if self.deadline is not None and monotonic() > self.deadline:
            return skipped(task, self.plan.options.timeout)
        result = check_claim(task, self.plan.options, self.deadline)
        wanted = cache is not None or self.plan.evidence is not None
        evidence = evidence_text(result) if wanted else None
        if cache is not None:
            cache.put(key, result, evidence)
        self._save(task, result, evidence)
        return _light(result)

    def _save(self, task: ClaimTask, result: ClaimResult, evidence: str | None) -> None:
        if self.plan.evidence is not None and evidence is not None and isinstance(result.verdict, Holds):
            write_atomically(self.plan.evidence / f"{task.protocol}.{task.claim}.json", evidence)

    def _key(self, task: ClaimTask) -> str:
        if not self._texts:
            self._texts = texts_with_includes(self.plan.files)
        file = Path(task.file).resolve()
        if file not in self._related:
            self._related[file] = related(self._texts, file)
        return key_of(self._texts, self._related[file], ("claim", task.protocol, task.claim), self.plan.options)


def _light(result: ClaimResult) -> ClaimResult:
    """Return a result without its invariant, which is large and of no use to reports."""
    if isinstance(result.verdict, Holds) and not isinstance(result.verdict.evidence, tuple):
        return replace(result, verdict=replace(result.verdict, evidence=None))
    return result


def crashed(task: ClaimTask, why: str) -> ClaimResult:
    """Return the result of a claim on which the program made a mistake; what is needed to report it is in a file."""
    path = write_crash(f"{task.file}: {task.protocol}.{task.claim}\n\n{why}")
    last = why.strip().splitlines()[-1] if why.strip() else "the process ended"
    verdict = InternalError(last, path)
    return replace(skipped(task, 0.0), verdict=verdict)


def check_all(plan: Plan, tasks: Sequence[ClaimTask], running: Running | None = None) -> Iterator[ClaimResult]:
    """Yield the results of the claims in their order; closing the iterator stops everything."""
    timeout = plan.options.timeout
    deadline = None if timeout is None else monotonic() + timeout
    tell = running or _silent
    if plan.jobs > 1 and len(tasks) > 1:
        yield from _Pool(plan, tasks, deadline, tell).results()
        return
    checker = Checker(plan, deadline)
    for task in tasks:
        tell((f"{task.protocol}.{task.claim}",))
        yield checker.check(task)


def _silent(names: Sequence[str]) -> None:
    """Tell nobody."""


# ------------------------------------------------------------------------------------------------ processes


def _work(connection: Connection, plan: Plan, deadline: float | None) -> None:
    """Check the claims whose numbers come over the connection until it is closed; the parent is the one to interrupt."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tasks = select_claims(open_library(plan.files), plan.files, plan.pattern)
    checker = Checker(plan, deadline)
    try:
        while True:
            connection.send(checker.check(tasks[connection.recv()]))
    except EOFError:
        return


@dataclass(slots=True, eq=False)
class _Worker:
    process: BaseProcess
    connection: Connection
    task: int | None = None


class _Pool:
    """Processes that check claims; one that dies is replaced and its claim reported."""

    def __init__(self, plan: Plan, tasks: Sequence[ClaimTask], deadline: float | None, running: Running) -> None:
        self.plan, self.tasks, self.deadline, self.running = plan, tasks, deadline, running
        self.context = multiprocessing.get_context("spawn")
        self.waiting = list(range(len(tasks)))[::-1]
        self.done: dict[int, ClaimResult] = {}
        self.workers: list[_Worker] = []

    def results(self) -> Iterator[ClaimResult]:
        """Yield the results in the order of the claims."""
        try:
            for _ in range(min(self.plan.jobs, len(self.tasks))):
                self.give(self.start())
            for number in range(len(self.tasks)):
                while number not in self.done:
                    self.collect()
                yield self.done.pop(number)
        finally:
            self.stop()

    def start(self) -> _Worker:
        """Return a new worker."""
        here, there = self.context.Pipe()
        process = self.context.Process(target=_work, args=(there, self.plan, self.deadline), daemon=True)
        process.start()
        there.close()
        worker = _Worker(process, here)
        self.workers.append(worker)
        return worker

    def give(self, worker: _Worker) -> None:
        """Give a worker the next claim, if there is one."""
        worker.task = self.waiting.pop() if self.waiting else None
        if worker.task is not None:
            worker.connection.send(worker.task)
        busy = [self.tasks[w.task] for w in self.workers if w.task is not None]
        self.running([f"{task.protocol}.{task.claim}" for task in busy])

    def collect(self) -> None:
        """Wait until a worker has a result or has died."""
        busy = [worker for worker in self.workers if worker.task is not None]
        for ready in wait([worker.connection for worker in busy]):
            worker = next(w for w in busy if w.connection is ready)
            assert worker.task is not None
            try:
                self.done[worker.task] = worker.connection.recv()
            except (EOFError, OSError):
                worker.process.join()
                why = f"its process ended with exit code {worker.process.exitcode}"
                self.done[worker.task] = crashed(self.tasks[worker.task], why)
                self.workers.remove(worker)
                worker = self.start()
            self.give(worker)

    def stop(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.process.terminate()
        for worker in self.workers:
            worker.process.join()
            worker.connection.close()
