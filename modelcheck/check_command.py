"""What `modelcheck check` does: claims on their way to verdicts, and the reports of them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Literal

import click

from modelcheck.options import Options

if TYPE_CHECKING:
    from modelcheck.cache import Planned, VerdictCache
    from modelcheck.pipeline import ClaimTask
    from modelcheck.render.progress import Bar
    from modelcheck.render.report import Style
    from modelcheck.verdict import ClaimResult

Running = Callable[[Sequence[str]], None]


@dataclass(slots=True, eq=False)
class Run:
    """The claims of some files on their way to verdicts: from the cache as a whole, or one by one."""

    files: tuple[Path, ...]
    patterns: tuple[str, ...]
    """Labels of the claims that are asked for, all claims if there are none."""
    options: Options
    jobs: int = 1
    cache: VerdictCache | None = None
    evidence: Path | None = None
    memory: int | None = None
    total: int = 0
    done: list[ClaimResult] = field(default_factory=list)
    notes: dict[str, Sequence[str]] = field(default_factory=dict)
    """What a reader should know of each protocol."""
    stopping: bool = False
    """Whether the user has asked to stop."""

    def results(self, running: Running | None = None) -> Iterator[ClaimResult]:
        """Yield each claim's result as soon as it is there, in the order of the claims."""
        from modelcheck.checking import Request, check_all, prepare

        request = Request(self.options, self.jobs, self.cache, self.evidence, self.memory)
        prepared = prepare(self.files, request)
        if self.patterns:
            unknown = [pattern for pattern in self.patterns if not prepared.only(pattern).claims]
            for pattern in unknown:
                say_unknown_claim(pattern, prepared.claims)
            prepared = prepared.only(*(() if unknown else self.patterns))
        self.total = len(prepared.claims)
        for result in check_all(prepared, request, running):
            self.notes[result.protocol] = prepared.notes_of(result.protocol)
            self.done.append(result)
            yield result
            if self.stopping:
                raise KeyboardInterrupt


def say_unknown_claim(pattern: str, claims: Sequence[ClaimTask | Planned]) -> None:
    """Say on standard error that no claim has this label, and which one may be meant."""
    from modelcheck.diagnostics import did_you_mean

    labels = [label for one in claims for label in (one.claim, f"{one.protocol}.{one.claim}")]
    hint = did_you_mean(pattern, labels) or "`modelcheck check` without --claim lists them all"
    click.echo(f"error: no claim is called `{pattern}`; {hint}", err=True)


@contextmanager
def _interruptions(run: Run) -> Iterator[None]:
    """In this context an interruption is remembered as well as raised.

    It may come while Python runs a callback of a weak reference, where an exception is printed and forgotten.
    """

    def interrupted(*_: object) -> None:
        run.stopping = True
        raise KeyboardInterrupt

    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def report(run: Run, style: Literal["text"] | Style, output: Path | None, *, verbose: bool) -> bool:
    """Return whether the run came to its end; its report is written, also if it was interrupted."""
    text, complete = "", True
    try:
        with _interruptions(run):
            if style == "text" or output is not None:
                text = _report_text(run, verbose=verbose)
            else:
                _check_silently(run)
    except KeyboardInterrupt:
        complete = False
    if style != "text":
        from modelcheck.render.report import report as rendered

        # JSON and lines are read by programs that find out by the exit code; the others would look complete.
        said = (
            ""
            if complete or style in ("json", "concise")
            else f"interrupted after {len(run.done)} of {run.total} claims"
        )
        text = rendered(style, run.done, said) or ""
        if output is None:
            click.echo(text, nl=False)
    if output is not None and (complete or style != "text"):
        from modelcheck.files import write_atomically

        # The names of files need not be text; standard output passes them on in the same way.
        write_atomically(output, text.encode(errors="surrogateescape"))
    if not complete:
        click.echo(f"interrupted after {len(run.done)} of {run.total} claims", err=True)
    return complete


def _check_silently(run: Run) -> None:
    """Check all claims and show nothing but progress."""
    with _progress() as shown:
        for _ in run.results(shown.running):
            with shown.aside(len(run.done), run.total):
                pass


def _report_text(run: Run, *, verbose: bool) -> str:
    """Print the report, claim by claim, and return it without colour; an interrupted run ends with its summary too."""
    from modelcheck.render.text import claim_line, details, summary

    heading, whole = "", []
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and not _is_plain_terminal()
    try:
        with _progress() as shown:
            for result in run.results(shown.running):
                lines = [claim_line(result)]
                if result.protocol != heading:
                    heading = result.protocol
                    notes = [f"  note  {note}" for note in run.notes[heading]]
                    lines = [f"{result.protocol}  ({result.file})", *notes, *lines]
                mark = len(lines) - 1
                lines += details(result, verbose=verbose)
                whole += lines
                if colour:
                    lines[mark] = click.style(lines[mark], fg="green" if result.ok else "red")
                with shown.aside(len(run.done), run.total):
                    click.echo("\n".join(lines))
    except KeyboardInterrupt:
        click.echo(summary(run.done))
        raise
    click.echo(summary(run.done))
    return "\n".join([*whole, summary(run.done), ""])


def _is_plain_terminal() -> bool:
    """Return whether the terminal says that it understands no commands."""
    return os.environ.get("TERM") in ("dumb", "unknown")


def _progress() -> AbstractContextManager[Shown | Bar]:
    """Return a progress bar on a terminal, nothing elsewhere and where it could not be removed."""
    if not sys.stderr.isatty() or _is_plain_terminal():
        return nullcontext(Shown())
    from modelcheck.render.progress import bar

    return bar()


class Shown:
    """Where progress is shown: here, nowhere."""

    def running(self, names: Sequence[str]) -> None:
        """Show what is being checked."""

    def aside(self, done: int, total: int) -> AbstractContextManager[None]:
        """Return a context in which the report may be written; after it so many claims are done."""
        return nullcontext()
