"""`hookline up`: the whole pipeline on this machine, until Ctrl-C."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hookline.embedded.pipeline import Plan


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
        if not count.isdigit() or not 1 <= int(count) <= 64:
            raise typer.BadParameter(f"{name} needs a number from 1 to 64")
        counts[name] = int(count)
    return counts


def up(
    data: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path(".hookline"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of ingest.")] = 8080,
    workers: Annotated[str, typer.Option(help="Replicas, such as dedupe=2,persist=2.")] = "",
) -> None:
    """Run Kafka, PostgreSQL, ingest and all workers here, until Ctrl-C. Data stay in --data."""
    from hookline.cli.progress import download_progress, say  # noqa: PLC0415
    from hookline.embedded.pipeline import Plan  # noqa: PLC0415

    with download_progress() as progress:
        plan = Plan(data, port, worker_counts(workers), say, progress)
        asyncio.run(_run(plan))


async def _run(plan: "Plan") -> None:
    from hookline.cli.progress import say  # noqa: PLC0415
    from hookline.embedded.pipeline import open_pipeline  # noqa: PLC0415

    running = asyncio.current_task()
    stop = asyncio.Event()
    started = False

    def stop_now() -> None:
        stop.set()
        if not started and running is not None:
            running.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop_now)
    try:
        async with open_pipeline(plan) as pipeline:
            started = True
            say(
                f"\nReady. Webhooks are received at {pipeline.state.ingest_url}"
                "/webhooks/instagram\n"
                f"  try it      hookline simulate send --data {plan.folder}\n"
                f'  connect     eval "$(hookline env --data {plan.folder})"\n'
                f"  logs        {plan.folder / 'logs'}\n"
                "  stop        Ctrl-C\n"
            )
            await stop.wait()
            say("Stopping …")
    except asyncio.CancelledError:
        say("Stopped before it was ready.")
