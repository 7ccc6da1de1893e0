"""Runs of many claims: what is known from earlier runs is looked up, the rest is decided here or in processes."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import assert_never

from modelcheck import pipeline
from modelcheck.cache import (
    Included,
    Note,
    Plan,
    Planned,
    VerdictCache,
    claim_key,
    digest,
    program,
    text_closure,
)
from modelcheck.crash import write_crash
from modelcheck.diagnostics import SpecRejected
from modelcheck.engine.evidence import Certificate
from modelcheck.files import resolved, write_atomically
from modelcheck.options import Options
from modelcheck.pipeline import ClaimTask, Library, check_claim
from modelcheck.protocol.model import Protocol
from modelcheck.source import Source
from modelcheck.syntax.load import read_source
from modelcheck.verdict import ClaimResult, Holds, InternalError, Undecided
from modelcheck.workers import Outcome, Pool, limit_memory

ELSEWHERE = "a text of its own"
"""What stands for invariants in results: they are large, and of no use to reports."""


@dataclass(frozen=True, slots=True)
class Request:
    """How the claims of a run are to be decided."""

    options: Options = field(default_factory=Options)
    jobs: int = 1
    cache: VerdictCache | None = None
    evidence_folder: Path | None = None
    """Where the evidence of each proof is written to, if anywhere."""
    memory: int | None = None
    """Mebibytes for each process; with a limit claims are decided in other processes than this one."""


@dataclass(slots=True)
class Prepared:
    """The claims of some files; the files are resolved against each other when a claim has to be decided."""

    files: tuple[Path, ...]
    claims: tuple[Planned, ...]
    notes: tuple[Note, ...]
    _sources: dict[Path, Source]
    _library: Library | None = field(default=None, repr=False)

    def only(self, *patterns: str) -> Prepared:
        """Return the claims with one of some labels, or with ``protocol.label``."""
        wanted = tuple(one for one in self.claims if {one.claim, f"{one.protocol}.{one.claim}"} & set(patterns))
        return replace(self, claims=wanted)

    def notes_of(self, protocol: str) -> tuple[str, ...]:
        """Return what a reader of a protocol's verdicts should know."""
        return next((note.sentences for note in self.notes if note.protocol == protocol), ())

    def library(self) -> Library:
        """Return the resolved protocols, of the texts that the plan was made for."""
        if self._library is None:
            self._library = pipeline.open_library(self.files, self._sources)
            self._sources |= _by_path(self._library)
        return self._library

    def texts(self) -> dict[Path, Source]:
        """Return every text that was read, by its resolved path."""
        self.library()
        return self._sources


def prepare(files: Sequence[Path], request: Request) -> Prepared:
    """Return the claims of some files with the keys of their verdicts, from an earlier run if nothing has changed.

    Raises SpecRejected with everything that is wrong with the files.
    """
    found = tuple(files)
    try:
        sources = {resolved(path): read_source(path) for path in found}
    except SpecRejected:
        sources = {}  # opening the library says of all files what is wrong
    key = _plan_key(found, sources, request.options)
    if request.cache is not None and len(sources) == len({resolved(path) for path in found}):
        known = request.cache.plan(key)
        if known is not None and (more := _unchanged(known)) is not None:
            return Prepared(found, known.claims, known.notes, sources | more)
    library = pipeline.open_library(found, sources)
    plan = _plan(library, found, request.options)
    if request.cache is not None:
        request.cache.keep_plan(key, plan)
    return Prepared(found, plan.claims, plan.notes, _by_path(library), library)


def prepare_protocol(library: Library, protocol: Protocol, request: Request) -> Prepared:
    """Return the claims of one protocol of a library that is open."""
    files = (Path(protocol.span.source.path),)
    plan = _plan(library, files, request.options)
    claims = tuple(one for one in plan.claims if one.protocol == protocol.name)
    return Prepared(files, claims, plan.notes, _by_path(library), library)


def _plan_key(files: Sequence[Path], sources: dict[Path, Source], options: Options) -> str:
    texts = [
        (str(path), str(resolved(path)), sources[resolved(path)].text) for path in files if resolved(path) in sources
    ]
    return digest(program(), claim_key({}, "", "", options), texts)


def _by_path(library: Library) -> dict[Path, Source]:
    return {resolved(source.path): source for source in library.sources}


def _unchanged(plan: Plan) -> dict[Path, Source] | None:
    """Return the texts that files include, None if they are not as they were."""
    found = {}
    for one in plan.included:
        try:
            source = read_source(Path(one.path))
        except SpecRejected:
            return None
        if digest(source.text) != one.digest:
            return None
        found[resolved(one.path)] = source
    return found


def _plan(library: Library, files: Sequence[Path], options: Options) -> Plan:
    tasks = pipeline.select_claims(library, files)
    first = {task.protocol: task for task in reversed(tasks)}
    closures = {protocol: text_closure(library.texts, protocol) for protocol in first}
    claims = []
    for task in tasks:
        line, column = task.what.span.source.position(task.what.span.start)
        key = claim_key(closures[task.protocol], task.protocol, task.claim, options)
        source = sha256(task.owner.span.source.text.encode()).hexdigest()
        claims.append(Planned(task.file, task.protocol, task.claim, line, column, key, source))
    named = {resolved(path) for path in files}
    included = tuple(
        Included(source.path, digest(source.text)) for path, source in _by_path(library).items() if path not in named
    )
    notes = tuple(Note(protocol, pipeline.warnings_of(first[protocol])) for protocol in sorted(first))
    return Plan(tuple(claims), notes, included)


# ------------------------------------------------------------------------------------------------ deciding


def check_all(
    prepared: Prepared, request: Request, watch: Callable[[Sequence[str]], None] | None = None
) -> Iterator[ClaimResult]:
    """Yield the result of every claim in the order of the specs, as soon as it and those before it are there.

    ``watch`` is told which claims are being decided. When interrupted, results that wait for their turn come before the
    interruption goes on. Raises OSError if evidence cannot be written.
    """
    done = _known(prepared, request)
    missing = [index for index in range(len(prepared.claims)) if index not in done]
    next_one = 0
    stream = _decided(prepared, request, missing, watch)
    try:
        while next_one < len(prepared.claims):
            while next_one not in done:
                index, result = next(stream)
                done[index] = result
            next_one += 1
            yield done[next_one - 1]
    except KeyboardInterrupt:
        yield from (done[index] for index in sorted(done) if index >= next_one)
        raise
    finally:
        stream.close()


def _known(prepared: Prepared, request: Request) -> dict[int, ClaimResult]:
    """Return the results of earlier runs, by the claim's place; their evidence is written if it is asked for."""
    found: dict[int, ClaimResult] = {}
    for index, planned in enumerate(prepared.claims):
        result = request.cache.result(planned) if request.cache is not None else None
        if result is None:
            continue
        if request.evidence_folder is not None and _has_evidence(result):
            assert request.cache is not None
            evidence = request.cache.evidence(planned)
            if evidence is None:
                continue
            _save(request.evidence_folder, planned, evidence)
        found[index] = result
    return found


def _has_evidence(result: ClaimResult) -> bool:
    """Return whether there is a text of evidence for a kept result; arithmetic and honest runs have none."""
    return isinstance(result.verdict, Holds) and result.verdict.evidence == ELSEWHERE


def _decided(
    prepared: Prepared, request: Request, indices: Sequence[int], watch: Callable[[Sequence[str]], None] | None
) -> Generator[tuple[int, ClaimResult], None, None]:
    """Yield results as soon as they are there, each with its claim's place."""
    if not indices:
        return
    library = prepared.library()
    tasks = _tasks(library, prepared.files)
    deadline = None if request.options.timeout is None else monotonic() + request.options.timeout

    def task_of(index: int) -> ClaimTask:
        planned = prepared.claims[index]
        return tasks[planned.protocol, planned.claim]

    def named(running: tuple[int, ...]) -> None:
        if watch is not None:
            watch(tuple(f"{prepared.claims[index].protocol}.{prepared.claims[index].claim}" for index in running))

    outcomes = (
        _one_by_one(prepared, request, indices, deadline, named, task_of)
        if min(request.jobs, len(indices)) < 2 and request.memory is None
        else _in_processes(prepared, request, indices, deadline, named)
    )
    try:
        for outcome in outcomes:
            planned = prepared.claims[outcome.index]
            decided = _outcome(task_of(outcome.index), outcome, request)
            if request.evidence_folder is not None and decided.evidence is not None:
                _save(request.evidence_folder, planned, decided.evidence)
            yield outcome.index, decided.result
    finally:
        outcomes.close()


def _tasks(library: Library, files: Sequence[Path]) -> dict[tuple[str, str], ClaimTask]:
    return {(task.protocol, task.claim): task for task in pipeline.select_claims(library, files)}


def _save(folder: Path, planned: Planned, evidence: str) -> None:
    write_atomically(folder / f"{planned.protocol}.{planned.claim}.json", evidence)


@dataclass(frozen=True, slots=True)
class Decided:
    """A result without its invariants, and their text if somebody wants it."""

    result: ClaimResult
    evidence: str | None = None


def _outcome(task: ClaimTask, outcome: Outcome, request: Request) -> Decided:
    """Return what became of a claim as a result."""
    match outcome.what:
        case "done":
            assert isinstance(outcome.value, Decided)
            return outcome.value
        case "failed":
            return Decided(crashed(task, outcome.value.rstrip().rpartition("\n")[2], outcome.value))
        case "killed":
            reason = (
                f"{outcome.value} before it had a verdict on {task.protocol}.{task.claim}, probably for lack of memory; "
                "let fewer work at once (--jobs), or limit the memory of each (--memory)"
            )
            return Decided(pipeline.result_of(task, Undecided(reason)))
        case "lost" if request.memory is not None:
            reason = f"{outcome.value}; it may have wanted more than {request.memory} MiB (raise it with --memory)"
            return Decided(pipeline.result_of(task, Undecided(reason)))
        case "lost":
            return Decided(crashed(task, outcome.value, outcome.value))
        case "stopped":
            return Decided(pipeline.result_of(task, Undecided("the time ran out (raise it with --timeout)")))
        case "late":
            reason = f"it was not started within {request.options.timeout:g} seconds"
            return Decided(pipeline.result_of(task, Undecided(reason)))
        case _:
            assert_never(outcome.what)


def crashed(task: ClaimTask, reason: str, trace: str) -> ClaimResult:
    """Return the result of a claim on which the program made a mistake; what is needed to report it is in a file."""
    path = write_crash(f"{task.file}: {task.protocol}.{task.claim}\n\n{trace}")
    return pipeline.result_of(task, InternalError(reason, path))


def _decide(task: ClaimTask, key: str, request: Request, deadline: float | None) -> Decided:
    """Return the verdict on a claim, which is kept for later runs."""
    try:
        result = check_claim(task, request.options, deadline)
    except MemoryError:
        return Decided(pipeline.result_of(task, Undecided("the memory ran out (raise it with --memory)")))
    wanted = request.cache is not None or request.evidence_folder is not None
    evidence = pipeline.evidence_text(result) if wanted else None
    if isinstance(result.verdict, Holds) and isinstance(result.verdict.evidence, Certificate):
        result = replace(result, verdict=replace(result.verdict, evidence=ELSEWHERE))
    if request.cache is not None:
        request.cache.keep(key, result, evidence, timed=deadline is not None)
    return Decided(result, evidence if request.evidence_folder is not None else None)


def _one_by_one(
    prepared: Prepared, request: Request, indices: Sequence[int], deadline: float | None,
    watch: Callable[[tuple[int, ...]], None], task_of: Callable[[int], ClaimTask],
) -> Generator[Outcome, None, None]:  # fmt: skip
    for index in indices:
        if deadline is not None and monotonic() > deadline:
            yield Outcome(index, "late", None)
            continue
        watch((index,))
        try:
            outcome = Outcome(index, "done", _decide(task_of(index), prepared.claims[index].key, request, deadline))
        except Exception:  # noqa: BLE001 (a mistake with one claim is no reason to say nothing about the others)
            outcome = Outcome(index, "failed", traceback.format_exc())
        yield outcome


# ------------------------------------------------------------------------------------------------ in processes


@dataclass(frozen=True, slots=True)
class _Desk:
    """What a worker needs to know from the start: the files, with the texts that they had when the run was planned."""

    files: tuple[Path, ...]
    sources: dict[Path, Source]
    request: Request


@dataclass(frozen=True, slots=True)
class _Order:
    """A claim for a worker, and the seconds that are left for it."""

    protocol: str
    claim: str
    key: str
    seconds: float | None


def _in_processes(
    prepared: Prepared, request: Request, indices: Sequence[int], deadline: float | None,
    watch: Callable[[tuple[int, ...]], None],
) -> Generator[Outcome, None, None]:  # fmt: skip
    def order(index: int) -> _Order:
        planned = prepared.claims[index]
        left = None if deadline is None else max(0.0, deadline - monotonic())
        return _Order(planned.protocol, planned.claim, planned.key, left)

    desk = _Desk(prepared.files, prepared.texts(), request)
    yield from Pool(min(request.jobs, len(indices)), open_desk, desk, watch).run(indices, order, deadline)


def open_desk(desk: _Desk) -> Callable[[_Order], Decided]:
    """Return what a worker does with each order; the files are resolved once."""
    tasks = _tasks(pipeline.open_library(desk.files, desk.sources), desk.files)
    if desk.request.memory is not None:
        limit_memory(desk.request.memory)

    def work(order: _Order) -> Decided:
        deadline = None if order.seconds is None else monotonic() + order.seconds
        return _decide(tasks[order.protocol, order.claim], order.key, desk.request, deadline)

    return work
