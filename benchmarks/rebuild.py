"""`python -m benchmarks.rebuild`: how long the tables take to be made again. Asserts nothing.

A private PostgreSQL is filled with archived deliveries of simulated comments; its other tables
are empty. `rebuild --swap` makes and stores them all, and `rebuild --verify` makes them once more
and compares.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Annotated, Any, Final

import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import forget_settings
from benchmarks.machine import describe
from hookline.cli.progress import say
from hookline.embedded.stack import Elsewhere, EmbeddedStack
from hookline.rebuild.line import raw_records
from ingest.delivery_id import uuid7
from migrations.apply import migrate
from runtime.database import dispose, new_engine
from runtime.worker import Record
from schemas.deliveries import Delivery
from schemas.settings import MigrateSettings
from simulator.traffic import burst
from workers.archive.handler import ArchiveHandler

FILL: Final = 500
"""Deliveries in one transaction of the archive."""

NO_KAFKA: Final = Elsewhere(kafka_bootstrap="unused:0")


def main(
    *,
    changes: Annotated[int, typer.Option(min=1000, help="Changes to rebuild.")] = 1_000_000,
    per_delivery: Annotated[int, typer.Option(min=1, max=1000, help="Changes a delivery.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes of the rebuild.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the traffic.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Measure `hookline rebuild` on this machine."""
    forget_settings()
    with tempfile.TemporaryDirectory(prefix="hookline-rebuild-") as folder:
        measured = asyncio.run(_measure(Path(folder), changes, per_delivery, workers, seed))
    if as_json:
        print(json.dumps(measured, indent=2))
        return
    table = Table("what", "seconds", "changes/s")
    for name, seconds in measured["seconds"].items():
        table.add_row(name, f"{seconds:.1f}", f"{changes / seconds:,.0f}")
    Console().print(table)


async def _measure(
    folder: Path, changes: int, per_delivery: int, workers: int, seed: int
) -> dict[str, Any]:
    async with EmbeddedStack(folder, {}, elsewhere=NO_KAFKA) as stack:
        settings = MigrateSettings.model_validate({"database_url": stack.database_url})
        await migrate(settings)
        say(f"Archiving {changes} changes, {per_delivery} a delivery …")
        await _fill(settings, changes // per_delivery, per_delivery, seed)
        seconds: dict[str, float] = {}
        used_s: dict[str, float] = {}
        postgres = psutil.Process(stack.pids["postgres"])
        for name, arguments in (("swap", ("--swap", "--yes")), ("verify", ("--verify",))):
            say(f"hookline rebuild {' '.join(arguments)} …")
            started_s, before_s = time.perf_counter(), _used_s(postgres)
            document = await _rebuild(stack.database_url, workers, *arguments)
            seconds[name] = time.perf_counter() - started_s
            used_s[name] = _used_s(postgres) - before_s
            seconds[f"{name}: of that the build"] = document["seconds"]
        return {
            "changes": document["changes"],
            "deliveries": document["read"],
            "equal": document["equal"],
            "workers": workers,
            "seconds": seconds,
            "processor_seconds": used_s,
            "largest_process_mib": getrusage(RUSAGE_CHILDREN).ru_maxrss / 1024,
            "load": os.getloadavg()[1],
            "machine": describe(),
        }


def _used_s(postgres: psutil.Process) -> float:
    """Processor time of the rebuild's processes that have ended, and of PostgreSQL's."""
    ended = getrusage(RUSAGE_CHILDREN)
    used_s = ended.ru_utime + ended.ru_stime
    own = postgres.cpu_times()
    used_s += own.user + own.system + own.children_user + own.children_system
    for backend in postgres.children():
        with suppress(psutil.NoSuchProcess):
            times = backend.cpu_times()
            used_s += times.user + times.system
    return used_s


async def _rebuild(database_url: str, workers: int, *arguments: str) -> dict[str, Any]:
    argv = [sys.executable, "-m", "hookline", "rebuild", "--json", f"--workers={workers}"]
    done = await asyncio.to_thread(
        subprocess.run,
        [*argv, *arguments],
        env={**os.environ, "HOOKLINE_DATABASE_URL": database_url},
        stdout=subprocess.PIPE,
        check=False,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


async def _fill(settings: MigrateSettings, number: int, per_delivery: int, seed: int) -> None:
    engine = new_engine(settings, "bench")
    try:
        archive = ArchiveHandler(engine)
        deliveries = _deliveries(number, per_delivery, seed)
        while records := _next(deliveries, max(1, FILL // per_delivery)):
            await archive.handle(records)
    finally:
        await dispose(engine)


def _next(deliveries: Iterator[Delivery], number: int) -> list[Record]:
    return [record for one in islice(deliveries, number) for record in raw_records(one)]


def _deliveries(number: int, per_delivery: int, seed: int) -> Iterator[Delivery]:
    """Comments, received one millisecond after another until just now."""
    start = datetime.now(UTC) - timedelta(milliseconds=number)
    for n, sent in enumerate(islice(burst(seed, per_delivery), number)):
        at = start + timedelta(milliseconds=n)
        delivery_id = uuid7(int(at.timestamp() * 1000), os.urandom(10))
        yield Delivery(delivery_id, at, "1", f"sha256={'0' * 64}", "webhook", sent.body)


if __name__ == "__main__":
    typer.run(main)
