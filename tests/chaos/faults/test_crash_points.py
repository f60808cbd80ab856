"""Each named crash point: the real process dies there by SIGKILL, and is started again.

Nothing is lost and nothing doubled: the tables are those of a line that never crashed.
"""

import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from aiohttp import ClientError, ClientSession
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.delivery_id import uuid7
from ingest.service import PATH
from runtime.database import transaction
from runtime.kafka import new_consumer, start_client, stop_client
from runtime.publisher import OutRecord, Publisher
from schemas.crash_points import CrashPoint
from schemas.deliveries import Delivery, body_key, delivery_headers
from schemas.settings import WorkerSettings
from schemas.topics import DEAD_LETTERS, consumer_group, raw_topic
from simulator.signing import headers, signature
from tests.integration.broker import Broker, until
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.process import process
from tests.integration.service import free_port
from workers.archive.handler import ArchiveHandler
from workers.dedupe.handler import DedupeHandler
from workers.persist.handler import PersistHandler

ACCOUNT: Final = "17841400000000001"
SECRET: Final = b"first-secret"
BAD: Final = b"{not json"

TOPICS: Final = {
    "archive": ArchiveHandler.topics,
    "dedupe": DedupeHandler.topics,
    "persist": PersistHandler.topics,
}


class Line:
    """Workers as processes, on topics that others have used too and a database of their own."""

    def __init__(self, broker: Broker, settings: WorkerSettings, folder: Path) -> None:
        self._broker = broker
        self._settings = settings
        self._folder = folder
        self.environment = {
            "KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "WORKER_MAX_RECORDS": "5",
        }

    async def skip_backlog(self) -> None:
        """Whatever other tests have left is not ours."""
        for worker, topics in TOPICS.items():
            consumer = new_consumer(self._settings, consumer_group(worker))
            await start_client(consumer, self._settings.kafka_bootstrap)
            try:
                ends = await self._broker.ends(topics)
                consumer.assign(list(ends))
                await consumer.commit(ends)
            finally:
                await stop_client(consumer)

    async def publish(self, bodies: Sequence[bytes]) -> None:
        """As ingest does."""
        async with Publisher(self._settings) as publisher:
            await publisher.learn([raw_topic("comments")])
            await asyncio.gather(*(publisher.publish(_record(body)) for body in bodies))

    async def dies_at(self, worker: str, point: CrashPoint) -> None:
        """Runs a worker until it is killed there."""
        async with self.running(worker, CRASH_POINT=point) as armed:
            await _killed(armed)

    async def done(self, worker: str) -> None:
        """Runs a worker until it has committed everything."""
        async with self.running(worker):
            await until(lambda: self.has_done(worker), 60)

    async def has_done(self, worker: str) -> bool:
        """Whether a worker's group has committed everything."""
        ends = await self._broker.ends(TOPICS[worker])
        committed = await self._broker.committed(consumer_group(worker))
        return all(committed.get(one, 0) >= end for one, end in ends.items())

    def running(self, worker: str, **settings: str) -> AbstractAsyncContextManager[Process]:
        """A worker's process."""
        log = self._folder / f"{worker}.log"
        return process(log, "worker", worker, **self.environment, **settings)


@pytest.fixture
async def line(
    broker: Broker, worker_settings: MakeWorkerSettings, database_url: str, tmp_path: Path
) -> Line:
    """Nothing in it yet."""
    made = Line(broker, worker_settings(database_url=database_url), tmp_path)
    await made.skip_backlog()
    return made


def body(number: int) -> bytes:
    """A delivery of one comment."""
    value = {
        "id": f"1798{number:013d}",
        "text": "a text",
        "from": {"id": "1281680000000001", "username": "user_a"},
        "media": {"id": "17921400000000001", "media_product_type": "FEED"},
    }
    entry = {"id": ACCOUNT, "time": 1734638812, "changes": [{"field": "comments", "value": value}]}
    return json.dumps({"entry": [entry], "object": "instagram"}).encode()


def _record(sent: bytes) -> OutRecord:
    now = datetime.now(UTC)
    delivery_id = uuid7(int(now.timestamp() * 1000), os.urandom(10))
    delivery = Delivery(delivery_id, now, "1001", signature(sent, SECRET), "webhook", sent)
    return OutRecord(raw_topic("comments"), body_key(sent), sent, delivery_headers(delivery))


async def _killed(dying: Process) -> None:
    async with asyncio.timeout(60):
        assert await dying.wait() == -signal.SIGKILL


async def counts(engine: AsyncEngine) -> Counter[str]:
    """How many rows each table has."""
    tables = ("deliveries", "sightings", "claims", "comments", "other_events", "dead_letters")
    found = Counter[str]()
    async with transaction(engine) as connection:
        for table in tables:
            found[table] = await connection.scalar(text(f"SELECT count(*) FROM hookline.{table}"))
    return +found


def of_comments(count: int, **more: int) -> Counter[str]:
    """The rows of so many comments, each delivered once."""
    tables = ("deliveries", "sightings", "claims", "comments")
    return Counter(dict.fromkeys(tables, count)) + Counter(more)


@pytest.mark.parametrize("point", [CrashPoint.EFFECT_DONE, CrashPoint.RESULTS_ACKED])
async def test_a_worker_dies_within_a_batch(
    line: Line, engine: AsyncEngine, point: CrashPoint
) -> None:
    """With its effect done and its results on the way, or acknowledged and not committed."""
    await line.publish([body(number) for number in range(30)])

    async def die_and_go_on(*workers: str) -> None:
        for worker in workers:
            await line.dies_at(worker, point)
            await line.done(worker)

    await asyncio.gather(die_and_go_on("dedupe", "persist"), die_and_go_on("archive"))
    assert await counts(engine) == of_comments(30)


async def test_a_worker_dies_after_a_dead_letter(line: Line, engine: AsyncEngine) -> None:
    """The letter is in Kafka twice then, and one row."""
    await line.publish([body(1), BAD, body(2)])
    before = await line._broker.ends([DEAD_LETTERS])
    await line.dies_at("dedupe", CrashPoint.DEAD_LETTER_ACKED)
    await line.done("dedupe")
    await line.done("persist")
    await line.done("archive")
    letters = await line._broker.new_records(before)
    assert [letter.value for letter in letters] == [BAD, BAD]
    assert await counts(engine) == of_comments(2, dead_letters=1, deliveries=1)


async def test_a_worker_dies_in_a_rebalance(line: Line, engine: AsyncEngine) -> None:
    """With a batch in flight; the replica that joined does the rest."""
    await line.publish([body(number) for number in range(300)])
    async with line.running("dedupe", CRASH_POINT=CrashPoint.REVOKED) as armed:
        await until(lambda: _some_claims(engine))
        async with line.running("dedupe"):
            await _killed(armed)
            await until(lambda: line.has_done("dedupe"), 60)
    await line.done("persist")
    await line.done("archive")
    assert await counts(engine) == of_comments(300)


async def _some_claims(engine: AsyncEngine) -> bool:
    return (await counts(engine))["claims"] > 0


async def test_ingest_dies_between_kafka_and_the_answer(
    line: Line, engine: AsyncEngine, tmp_path: Path
) -> None:
    """Meta resends what it got no answer for: two deliveries, and one comment."""
    port, sent = free_port(), body(7)
    settings = {
        "KAFKA_BOOTSTRAP": line.environment["KAFKA_BOOTSTRAP"],
        "APP_SECRETS": f"1001:{SECRET.decode()}",
        "VERIFY_TOKEN": "token",
        "INGEST_PORT": str(port),
    }
    url, log = f"http://127.0.0.1:{port}", tmp_path / "ingest.log"
    async with process(log, "ingest", CRASH_POINT=CrashPoint.INGEST_ACKED, **settings) as armed:
        await until(lambda: _status("GET", f"{url}/readyz"))
        assert await _status("POST", url + PATH, sent) is None
        await _killed(armed)
    async with process(log, "ingest", **settings):
        await until(lambda: _status("GET", f"{url}/readyz"))
        assert await _status("POST", url + PATH, sent) == 200
    for worker in TOPICS:
        await line.done(worker)
    await line.done("persist")
    assert await counts(engine) == of_comments(1, deliveries=1, sightings=1)


async def _status(method: str, url: str, sent: bytes | None = None) -> int | None:
    """None without an answer."""
    try:
        async with ClientSession() as client:
            signed = None if sent is None else headers(sent, SECRET)
            answer = await client.request(method, url, data=sent, headers=signed)
            return answer.status if answer.status != 503 else None
    except ClientError:
        return None
