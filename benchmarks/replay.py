"""`python -m benchmarks.replay`: what a replay costs live traffic. Asserts nothing.

A private line is filled with simulated comments, as if it had received them before. Deliveries come
at a steady rate, first alone, then while `hookline replay` does all that was there once more. Told
are the times from receipt to row of what came, and what the replay counted.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import INSERTED, Bench, forget_settings, open_bench
from benchmarks.line import _AGES as AGES
from benchmarks.load import Load, paced
from benchmarks.machine import describe
from benchmarks.measures import percentile
from benchmarks.requests import App, bodies, built
from hookline.cli.progress import say
from hookline.embedded.pipeline import Plan, open_pipeline
from hookline.embedded.state import State
from hookline.rebuild.line import event_records, raw_records
from ingest.delivery_id import uuid7
from runtime.database import dispose, new_engine
from runtime.publisher import OutRecord, Publisher
from runtime.worker import Record
from schemas.deliveries import Delivery
from schemas.settings import OperatorSettings
from schemas.tables import SCHEMA
from schemas.topics import EVENTS_TOPICS, RAW_TOPICS
from simulator.traffic import burst
from workers.registry import WORKERS, handler_of

FILL: Final = 500
"""Deliveries in one transaction of each worker."""

SETTLE_TIMEOUT_S: Final = 120.0


def main(  # noqa: PLR0913 - the options of a command
    *,
    changes: Annotated[int, typer.Option(min=1000, help="Changes to replay.")] = 100_000,
    per_delivery: Annotated[int, typer.Option(min=1, max=1000, help="Changes a delivery.")] = 2,
    stage: Annotated[str, typer.Option(help="Stage to replay.")] = "persist",
    origin: Annotated[str, typer.Option("--from", help="topic or archive.")] = "topic",
    rate: Annotated[int, typer.Option(min=1, help="The replay's --rate.")] = 1000,
    live_rate: Annotated[int, typer.Option(min=1, help="Live deliveries a second.")] = 50,
    alone_s: Annotated[int, typer.Option(min=1, help="Seconds of live traffic alone.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Measure live latency beside `hookline replay` on this machine."""
    forget_settings()
    arguments = ("--stage", stage, "--from", origin, "--rate", str(rate))
    with tempfile.TemporaryDirectory(prefix="hookline-replay-") as folder:
        measured = asyncio.run(
            _measure(Path(folder), changes, per_delivery, live_rate, alone_s, arguments)
        )
    if as_json:
        print(json.dumps(measured, indent=2))
        return
    table = Table("received → row", "deliveries", "p50 ms", "p99 ms", "slowest ms")
    for name in ("alone", "beside the replay"):
        ages = measured[name]
        table.add_row(name, *(f"{ages[key]:,.0f}" for key in ("deliveries", "p50", "p99", "max")))
    console = Console()
    console.print(table)
    console.print(f"replay {' '.join(arguments)}: {measured['replay']}", soft_wrap=True)


async def _measure(
    folder: Path,
    changes: int,
    per_delivery: int,
    live_rate: int,
    alone_s: int,
    arguments: tuple[str, ...],
) -> dict[str, Any]:
    async with open_bench(folder, say) as bench:
        await bench.track_commits()
        say(f"Storing {changes} changes, {per_delivery} a delivery …")
        await _fill(bench, changes // per_delivery, per_delivery)
        for worker in WORKERS:
            await bench.groups.skip_backlog(worker)
    async with open_pipeline(Plan(folder, announce=say)) as pipeline:
        live = _Live(pipeline.state, live_rate)
        await live.run(asyncio.create_task(asyncio.sleep(5)))  # every process has done its work
        say(f"Live traffic alone, {live_rate} deliveries/s …")
        alone = await live.run(asyncio.create_task(asyncio.sleep(alone_s)))
        if "persist" in arguments:
            await _execute(pipeline.state, f"TRUNCATE {SCHEMA}.comments")
        say(f"The same beside hookline replay {' '.join(arguments)} …")
        replaying = asyncio.create_task(_replay(folder, *arguments))
        beside = await live.run(replaying)
        return {
            "alone": alone,
            "beside the replay": beside,
            "replay": await replaying,
            "load": os.getloadavg()[1],
            "machine": describe(),
        }


class _Live:
    """Deliveries of one comment each, at a steady rate."""

    def __init__(self, state: State, rate: int) -> None:
        self._state = state
        self._rate = rate
        self._seed = 1000

    async def run(self, other: "asyncio.Task[Any]") -> dict[str, float]:
        """Sends until the other task has ended; gives how long rows took, in milliseconds."""
        started, sent = datetime.now(UTC), 0
        while not other.done():
            sent += len((await self._second()).latencies_s)
        return await self._ages(started, sent)

    async def _second(self) -> Load:
        self._seed += 1
        app = App(self._state.app_id, self._state.app_secret.encode())
        requests = built(bodies(self._rate, changes=1, seed=self._seed), app)
        port = int(self._state.ingest_url.rpartition(":")[2])
        return await paced(port, iter(requests), rate=self._rate, count=self._rate)

    async def _ages(self, started: datetime, sent: int) -> dict[str, float]:
        query = AGES.format(table=INSERTED, received="first_received_at")
        deadline_s = time.monotonic() + SETTLE_TIMEOUT_S
        connection = await asyncpg.connect(self._state.database_url)
        try:
            ages = [float(row[0]) for row in await connection.fetch(query, started)]
            while len(ages) < sent and time.monotonic() < deadline_s:
                await asyncio.sleep(0.5)
                ages = [float(row[0]) for row in await connection.fetch(query, started)]
        finally:
            await connection.close()
        return {
            "deliveries": sent,
            "rows": len(ages),
            "p50": percentile(ages, 50),
            "p99": percentile(ages, 99),
            "max": max(ages),
        }


async def _replay(folder: Path, *arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hookline", "replay", *arguments, "--json"),
        *("--until", datetime.now(UTC).isoformat(), "--data", str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    document: dict[str, Any] = json.loads(out)
    return document


async def _execute(state: State, statement: str) -> None:
    connection = await asyncpg.connect(state.database_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _fill(bench: Bench, number: int, per_delivery: int) -> None:
    """What the line would have made of so many deliveries, in topics and tables."""
    settings = OperatorSettings.model_validate(
        {"kafka_bootstrap": bench.kafka_bootstrap, "database_url": bench.stack.database_url}
    )
    engine = new_engine(settings, "bench")
    archive, dedupe, persist = (
        handler_of(name)(engine) for name in ("archive", "dedupe", "persist")
    )
    deliveries = _deliveries(number, per_delivery)
    try:
        async with Publisher(settings) as publisher:
            await publisher.learn([*RAW_TOPICS, *EVENTS_TOPICS])
            while records := _next(deliveries, max(1, FILL // per_delivery)):
                await archive.handle(records)
                events = list(event_records((await dedupe.handle(records)).results))
                await persist.handle(events)
                await _publish(publisher, [*records, *events])
    finally:
        await dispose(engine)


async def _publish(publisher: Publisher, records: list[Record]) -> None:
    out = (OutRecord(r.source.topic, r.key, r.value, list(r.headers)) for r in records)
    await asyncio.gather(*(publisher.publish(one) for one in out))


def _next(deliveries: Iterator[Delivery], number: int) -> list[Record]:
    return [record for one in islice(deliveries, number) for record in raw_records(one)]


def _deliveries(number: int, per_delivery: int) -> Iterator[Delivery]:
    """Comments, received one millisecond after another until a minute ago."""
    start = datetime.now(UTC) - timedelta(seconds=60, milliseconds=number)
    for n, sent in enumerate(islice(burst(1, per_delivery), number)):
        at = start + timedelta(milliseconds=n)
        delivery_id = uuid7(int(at.timestamp() * 1000), os.urandom(10))
        yield Delivery(delivery_id, at, "1", f"sha256={'0' * 64}", "webhook", sent.body)


if __name__ == "__main__":
    typer.run(main)
