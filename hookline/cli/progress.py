"""What commands tell a person meanwhile. Standard error only; bars only on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TransferSpeedColumn,
)

console = Console(stderr=True, highlight=False)


def say(message: str) -> None:
    """A line for a person."""
    console.print(message, soft_wrap=True, markup=False)


@contextmanager
def counting_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar that is told how many more are done; it shows on a terminal only."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda number: progress.advance(task, number)


@contextmanager
def download_progress() -> Iterator[Callable[[int], None] | None]:
    """A bar that appears with the first bytes of a download; nothing where there is no terminal."""
    from hookline.embedded.jars import TOTAL_BYTES  # noqa: PLC0415

    if not console.is_terminal:
        yield None
        return
    progress = Progress(
        TextColumn("  {task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
    )
    task = progress.add_task("Kafka", total=TOTAL_BYTES)

    def advance(size_bytes: int) -> None:
        progress.start()
        progress.advance(task, size_bytes)
        if progress.tasks[0].completed >= TOTAL_BYTES:
            progress.stop()

    try:
        yield advance
    finally:
        progress.stop()
