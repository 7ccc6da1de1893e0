"""The progress bar of a terminal. The only module that imports rich."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

MOST_NAMES = 3
"""Claims under way that are named."""


class Bar:
    """A bar on standard error that names the claims under way.

    It is off the screen while the report is written. It is not left to rich to lift lines above the bar: rich would
    take standard output over for that, and the report belongs there unchanged.
    """

    def __init__(self) -> None:
        columns = (
            TextColumn("checking"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
        )
        self.progress = Progress(
            *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self.task = self.progress.add_task("", total=None)

    def running(self, names: Sequence[str]) -> None:
        """Show what is being checked."""
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        self.progress.update(self.task, description=", ".join(names[:MOST_NAMES]) + more)

    @contextmanager
    def aside(self, done: int, total: int) -> Iterator[None]:
        """Return a context in which the report may be written; after it so many claims are done."""
        self.progress.stop()
        yield
        self.progress.update(self.task, completed=done, total=total)
        self.progress.start()


@contextmanager
def bar() -> Iterator[Bar]:
    """Return a bar that is on the screen inside this context."""
    shown = Bar()
    with shown.progress:
        yield shown
