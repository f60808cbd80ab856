"""`hookline up`: the whole pipeline on this machine, until Ctrl-C."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from hookline.embedded.pipeline import Plan

READY: Final = """
Ready. Webhooks are received at {url}/webhooks/instagram
  try it      hookline simulate send --data {folder}
  connect     eval "$(hookline env --data {folder})"
  logs        {folder}/logs
  stop        Ctrl-C
"""


def worker_counts(text: str) -> dict[str, int]:
    """Replicas by worker, from `dedupe=2,persist=3`.

    Raises:
        typer.BadParameter: another form, an unknown worker, or a count that is none.
    """
    from workers.registry import WORKERS  # noqa: PLC0415

    counts: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        name, _, count = part.strip().partition("=")
        if name not in WORKERS:
            raise typer.BadParameter(f"there is no worker {name!r}, only {', '.join(WORKERS)}")
        if not count.isdecimal() or not 1 <= int(count) <= 64:
            raise typer.BadParameter(f"{name} needs a number from 1 to 64")
        counts[name] = int(count)
    return counts


def up(
    data: Annotated[Path, typer.Option(help="Folder where everything is kept.")] = Path(
        ".hookline"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of ingest.")] = 8080,
    workers: Annotated[
        str,
        typer.Option(
            metavar="NAME=N,…", help="Replicas of workers, such as dedupe=2,persist=2; else one."
        ),
    ] = "",
) -> None:
    """Run Kafka, PostgreSQL, ingest and all workers here, until Ctrl-C.

    What was received stays in --data and is there again next time.

    To use servers of your own instead of private ones, set
    HOOKLINE_KAFKA_BOOTSTRAP or HOOKLINE_DATABASE_URL, or both.
    """
    from hookline.cli.progress import download_progress, say  # noqa: PLC0415
    from hookline.embedded.elsewhere import named_elsewhere  # noqa: PLC0415
    from hookline.embedded.pipeline import Plan  # noqa: PLC0415

    counts = worker_counts(workers)
    elsewhere = named_elsewhere()
    with download_progress() as progress:
        plan = Plan(data, port, counts, say, progress, elsewhere)
        for name in ("kafka_bootstrap", "database_url"):
            if getattr(elsewhere, name):
                say(
                    f"HOOKLINE_{name.upper()} is set: that server is used, and no private one "
                    "started."
                )
        ready = asyncio.run(_run(plan))
    if not ready:
        raise typer.Exit(1)


async def _run(plan: "Plan") -> bool:
    """Runs until a signal; tells whether it had been ready by then."""
    from hookline.cli.progress import say  # noqa: PLC0415
    from hookline.embedded.pipeline import open_pipeline  # noqa: PLC0415

    stop = _StopSignal()
    try:
        async with open_pipeline(plan) as pipeline:
            stop.wait_for_it()
            say(READY.format(url=pipeline.state.ingest_url, folder=plan.folder))
            await stop.event.wait()
            say("Stopping …")
    except asyncio.CancelledError:
        say("Stopped before it was ready.")
        return False
    say(f"Stopped. The data are in {plan.folder}.")
    return True


class _StopSignal:
    """Ctrl-C, SIGTERM and a closed terminal. The first one counts: stopping is not interrupted.

    Until somebody waits for the event, it cancels the task that made this instead.
    """

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self._starting = asyncio.current_task()
        loop = asyncio.get_running_loop()
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup stays as it is
            numbers.append(signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self._stop)

    def wait_for_it(self) -> None:
        """From now on a signal sets the event."""
        self._starting = None

    def _stop(self) -> None:
        if not self.event.is_set() and self._starting is not None:
            self._starting.cancel()
        self.event.set()
