"""`hookline rebuild` as operators run it: killed in the middle, beside live traffic, its output."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, TypeAlias

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.rebuild.run import FEW_BATCHES
from runtime.database import transaction
from runtime.errors import RetryError
from runtime.worker import Record
from schemas.events import parse_time
from tests.integration.archived import events, just_now, raw, store, traffic
from workers.archive.handler import ArchiveHandler
from workers.dedupe.handler import DedupeHandler
from workers.persist.handler import PersistHandler

SEED = 31
WAIT_S = 120.0

Start: TypeAlias = Callable[..., Awaitable[Process]]


@pytest.fixture
def start(database_url: str) -> Start:
    """Starts `hookline rebuild` with these arguments on the test's database."""

    async def run(*arguments: str) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hookline",
            "rebuild",
            *arguments,
            env={"PATH": os.environ["PATH"], "HOOKLINE_DATABASE_URL": database_url},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )

    return run


async def finished(process: Process) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    async with asyncio.timeout(WAIT_S):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def number(engine: AsyncEngine, query: str) -> int:
    """The one number that a query gives."""
    async with transaction(engine) as connection:
        return int(await connection.scalar(text(query)) or 0)


async def test_output_is_one_document_and_the_code_tells(start: Start, engine: AsyncEngine) -> None:
    """Equal is 0, not equal 1 with the keys; nothing else is on standard output."""
    await store(engine, traffic(SEED, 150, just_now()), SEED)
    code, out, err = await finished(await start("--verify", "--json", "--workers", "2"))
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document["equal"] is True
    assert document["differences"] == []
    assert parse_time(document["until"]) < datetime.now(UTC)
    assert document["until"].endswith("Z")
    assert all(isinstance(document[n], int) for n in ("read", "written", "duplicates", "failed"))
    async with transaction(engine) as connection:
        await connection.execute(text("UPDATE hookline.comments SET text = 'my secret words'"))
    code, out, err = await finished(await start("--verify", "--max", "3"))
    assert code == 1
    assert out.count("different in text") == 3
    assert "--max names more of them" in out
    assert "rows differ; looking again" in err
    assert "secret words" not in out + err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--schema", "hookline"), "a name of its own"),
        (("--schema", "public; DROP"), "a name of its own"),
        (("--swap", "--yes", "--until", "2h"), "without --until"),
        (("--swap",), "needs --yes"),
        (("--verify", "--dry-run"), "goes with --swap"),
    ],
)
async def test_wrong_usage_is_refused_at_once(
    start: Start, arguments: tuple[str, ...], told: str
) -> None:
    """Before anything is done."""
    code, _, err = await finished(await start(*arguments))
    assert code == 2
    assert told in " ".join(err.replace("│", " ").split())


async def test_one_that_was_killed_goes_on_where_it_was(start: Start, engine: AsyncEngine) -> None:
    """SIGKILL in the middle: its processes end too, and the next run does the rest alone."""
    parts = 12
    for part in range(parts):  # more batches than are done without processes
        await store(engine, traffic(SEED + part, 400, just_now()), SEED)
    killed = await start("--workers", "2")
    done = "SELECT count(*) FROM hookline_rebuild.batches WHERE done_at IS NOT NULL"
    async with asyncio.timeout(WAIT_S):
        while not await number(engine, "SELECT to_regclass('hookline_rebuild.batches')::oid::int"):
            await asyncio.sleep(0.01)
        while not await number(engine, done):
            await asyncio.sleep(0.01)
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'hookline.rebuild'"
    )
    assert await number(engine, "SELECT count(*) FROM hookline_rebuild.batches") > FEW_BATCHES
    killed.send_signal(signal.SIGKILL)
    await killed.wait()
    left = "SELECT count(*) FROM hookline_rebuild.batches WHERE done_at IS NULL"
    async with asyncio.timeout(WAIT_S):
        while await number(engine, others):
            await asyncio.sleep(0.05)
    assert await number(engine, left) > 0, "it was done before it was killed: more deliveries"
    first = "SELECT extract(epoch FROM min(done_at)) * 1000000 FROM hookline_rebuild.batches"
    first_done = await number(engine, first)
    code, out, _ = await finished(await start("--json"))
    document = json.loads(out)
    assert (code, document["resumed"], document["read"]) == (0, True, parts * 400)
    assert await number(engine, first) == first_done, "what was done is done again"
    code, out, _ = await finished(await start("--verify", "--json", "--max", "5"))
    assert (code, json.loads(out)["differences"]) == (0, [])
    states = await number(
        engine, "SELECT count(*) FROM hookline.operations WHERE state = 'running'"
    )
    assert states == 1  # that of the killed one


class Traffic:
    """Live workers without Kafka: three queues between ingest, dedupe, archive and persist."""

    def __init__(self, engine: AsyncEngine, seed: int) -> None:
        self._engine = engine
        self._chance = Random(seed)
        self.received = 0
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """New deliveries until stopped; then what is on its way is finished."""
        archive = ArchiveHandler(self._engine)
        dedupe, persist = DedupeHandler(self._engine), PersistHandler(self._engine)
        to_archive: list[Record] = []
        to_persist: list[Record] = []
        while not self.stop.is_set():
            fresh = traffic(self._chance.randrange(2**31), 12, just_now())
            self.received += len(fresh)
            records = [record for one in fresh for record in raw(one)]
            self._chance.shuffle(records)
            to_archive += records
            to_persist += events((await _again(dedupe.handle, records)).results)
            # The archive and persist are sometimes behind, and sometimes ahead of each other.
            if self._chance.random() < 0.7:
                await _again(archive.handle, to_archive)
                to_archive = []
            if self._chance.random() < 0.7:
                await _again(persist.handle, to_persist)
                to_persist = []
            await asyncio.sleep(0.005)
        await _again(archive.handle, to_archive)
        await _again(persist.handle, to_persist)


async def _again(handle: Callable[[list[Record]], Awaitable[Any]], records: list[Record]) -> Any:
    """As the worker's loop: what cannot be done now is done again."""
    while True:
        try:
            return await handle(records)
        except RetryError:
            await asyncio.sleep(0.05)


async def test_swap_beside_live_traffic_loses_and_doubles_nothing(
    start: Start, engine: AsyncEngine
) -> None:
    """Half of the tables is wrong, deliveries come all the while, and in the end all is right."""
    await store(engine, traffic(SEED, 600, just_now()), SEED)
    async with transaction(engine) as connection:
        for statement in (
            "UPDATE hookline.comments SET text = 'wrong' WHERE hashtext(comment_id) % 2 = 0",
            "DELETE FROM hookline.mentions WHERE hashtext(media_id) % 2 = 0",
            "DELETE FROM hookline.claims WHERE hashtext(event_id) % 3 = 0",
            "UPDATE hookline.story_insights SET value = 0, suppressed = false",
        ):
            await connection.execute(text(statement))
    live = [Traffic(engine, SEED + 100), Traffic(engine, SEED + 200)]
    tasks = [asyncio.create_task(one.run()) for one in live]
    code, out, err = await finished(await start("--swap", "--yes", "--json", "--workers", "2"))
    during = sum(one.received for one in live)
    await asyncio.sleep(0.3)
    for one in live:
        one.stop.set()
    await asyncio.gather(*tasks)
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["exchanged"]["comments"]["changed"] > 0
    assert document["exchanged"]["mentions"]["new"] > 0
    assert during > 0
    assert await number(engine, "SELECT count(*) FROM hookline.deliveries") == 600 + sum(
        one.received for one in live
    )
    code, out, err = await finished(await start("--verify", "--json"))
    assert json.loads(out)["differences"] == []
    assert (code, err) == (0, "")
    # The bodies that nobody can read: here nobody publishes their dead letters.
    in_flight = "SELECT sum(in_flight) FROM analytics.conservation"
    assert await number(engine, in_flight) == json.loads(out)["failed"]
