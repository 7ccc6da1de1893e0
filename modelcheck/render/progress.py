"""The progress bar of a terminal. The only module that imports rich."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def bar(total: int) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Return a bar on standard error, as a function whose context is entered to report a claim.

    The bar is off the screen inside that context and one claim further after it. It is not left to rich to lift lines
    above the bar: rich would take standard output over for that, and the report belongs there unchanged.
    """
    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    )
    task = progress.add_task("claims", total=total)

    @contextmanager
    def aside() -> Iterator[None]:
        progress.stop()
        yield
        progress.advance(task)
        progress.start()

    with progress:
        yield aside
