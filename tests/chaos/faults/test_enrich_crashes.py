"""enrich dies at each of its steps, as by SIGKILL: afterwards the rows are those of an undisturbed
run, and nothing was read twice but what was answered and not recorded.
"""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.accounts.connecting import connect
from runtime.configuration import load
from runtime.database import transaction
from runtime.kafka import new_consumer, start_client, stop_client
from runtime.publisher import OutRecord, Publisher
from runtime.vault import new_key
from schemas.crash_points import CrashPoint
from schemas.settings import AccountsSettings, WorkerSettings
from schemas.topics import ENRICHED_TOPICS, EVENTS_TOPICS, consumer_group
from simulator.graph.options import GraphOptions
from simulator.graph.server import GraphServer, serve_graph
from tests.integration.broker import Broker, until
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.handled import Handled, received
from tests.integration.process import process
from workers.enrich.handler import EnrichHandler

APP_ID, APP_SECRET = "1001", "the-app-secret"
ACCOUNT: Final = "17841400000000001"
MEDIA: Final = "18000000000000001"
COMMENTS: Final = 20

SNAPSHOT: Final = """
SELECT 'comment' AS kind, comment_id AS id, enrichment_status, enrichment_reason, text,
    like_count, hidden, commented_at, album_id, permalink
FROM analytics.comments
UNION ALL
SELECT 'mention', media_id || coalesce(comment_id, ''), enrichment_status, enrichment_reason, text,
    like_count, NULL, mentioned_at, NULL, media_url
FROM analytics.mentions
ORDER BY 1, 2
"""

TABLES: Final = (
    "comments, mentions, media, deliveries, sightings, claims, ad_sightings, other_events, "
    "enrichment_tasks, graph_reads"
)


class Line:
    """enrich as a process; what is before and after it is done by hand."""

    def __init__(
        self, engine: AsyncEngine, broker: Broker, settings: WorkerSettings, graph: GraphServer
    ) -> None:
        self._engine = engine
        self._broker = broker
        self._settings = settings
        self.graph = graph
        self.environment = {
            "KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "APP_SECRETS": f"{APP_ID}:{APP_SECRET}",
            "VAULT_KEYS": new_key(),
            "GRAPH_URL": graph.url,
            # Else another call may be between its answer and its record when this one dies.
            "GRAPH_CONCURRENCY": "1",
        }

    async def connect(self) -> None:
        """Connects the accounts."""
        given = {name.lower(): value for name, value in self.environment.items()}
        token = self.graph.graph.tokens.user_token(0)
        await connect(self._engine, load(AccountsSettings, given), token, (), dry_run=False)

    async def skip_backlog(self) -> None:
        """Whatever other tests have left is not ours."""
        consumer = new_consumer(self._settings, consumer_group("enrich"))
        await start_client(consumer, self._settings.kafka_bootstrap)
        try:
            ends = await self._broker.ends(EnrichHandler.topics)
            consumer.assign(list(ends))
            await consumer.commit(ends)
        finally:
            await stop_client(consumer)

    async def begin(self) -> list[OutRecord]:
        """Empty tables, then the same events as ever: stored, and given to enrich."""
        await self.execute(f"TRUNCATE hookline.{TABLES.replace(', ', ', hookline.')}")
        self.graph.graph.statistics.reads.clear()
        await self.skip_backlog()
        events = await Handled(self._engine).store([received(body())])
        async with Publisher(self._settings) as publisher:
            await publisher.learn(list(EVENTS_TOPICS))
            await asyncio.gather(*map(publisher.publish, events))
        return events

    def running(self, folder: Path, **settings: str) -> AbstractAsyncContextManager[Process]:
        """The worker's process."""
        return process(folder / "enrich.log", "worker", "enrich", **self.environment, **settings)

    async def dies_at(self, folder: Path, point: CrashPoint) -> None:
        """Runs it until it is killed there; what it had leased is free again at once."""
        async with self.running(folder, CRASH_POINT=point) as armed, asyncio.timeout(60):
            assert await armed.wait() == -signal.SIGKILL
        await self.execute(
            "UPDATE hookline.enrichment_tasks SET leased_until = now() - interval '1 s' "
            "WHERE leased_until IS NOT NULL"
        )

    async def done(self, folder: Path) -> None:
        """Runs it until all is read."""
        async with self.running(folder):
            await until(self._is_done, 60)

    async def _is_done(self) -> bool:
        ends = await self._broker.ends(EnrichHandler.topics)
        committed = await self._broker.committed(consumer_group("enrich"))
        if any(committed.get(one, 0) < end for one, end in ends.items()):
            return False
        # Looked at afterwards: what was committed has put its tasks down.
        async with transaction(self._engine) as connection:
            tasks = await connection.scalar(text("SELECT count(*) FROM hookline.enrichment_tasks"))
        return not tasks

    async def rows(self, before: Any) -> list[tuple[Any, ...]]:
        """The rows, once persist has what was published."""
        records = await self._broker.new_records(before)
        await Handled(self._engine).persist.handle(records)
        async with transaction(self._engine) as connection:
            return [tuple(row) for row in await connection.execute(text(SNAPSHOT))]

    async def ends(self) -> Any:
        """A look at the enriched topics."""
        return await self._broker.ends(ENRICHED_TOPICS)

    def calls(self) -> dict[str, int]:
        """How often each object was asked for."""
        return {key: one.calls for key, one in self.graph.graph.statistics.reads.items()}

    async def execute(self, statement: str) -> None:
        """Something done to the tables."""
        async with transaction(self._engine) as connection:
            await connection.execute(text(statement))


def body() -> bytes:
    """Comments on one media, and mentions of both kinds."""
    changes: list[dict[str, Any]] = [
        {
            "field": "comments",
            "value": {"id": f"{17_000_000_000_000_000 + number}", "media": {"id": MEDIA}},
        }
        for number in range(COMMENTS)
    ]
    changes += [
        {"field": "mentions", "value": {"media_id": "17900000000000001"}},
        {
            "field": "mentions",
            "value": {"media_id": "17900000000000002", "comment_id": "17900000000000003"},
        },
    ]
    entry = {"id": ACCOUNT, "time": 1734638812, "changes": changes}
    return json.dumps({"entry": [entry], "object": "instagram"}).encode()


@pytest.fixture
async def line(
    engine: AsyncEngine,
    broker: Broker,
    worker_settings: MakeWorkerSettings,
    database_url: str,
) -> AsyncIterator[Line]:
    """With the account connected."""
    options = GraphOptions(
        app_id=APP_ID, app_secret=APP_SECRET, account_ids=(ACCOUNT,), require_proof=True
    )
    async with serve_graph(options) as graph:
        made = Line(engine, broker, worker_settings(database_url=database_url), graph)
        await made.connect()
        yield made


STEPS: Final = (
    (CrashPoint.EFFECT_DONE, 1),
    (CrashPoint.TASKS_TAKEN, 1),
    (CrashPoint.GRAPH_ANSWERED, 2),
    (CrashPoint.READS_RECORDED, 1),
    (CrashPoint.READS_PUBLISHED, 1),
)


@pytest.mark.timeout(300)
async def test_killed_at_any_step_the_rows_are_those_of_an_undisturbed_run(
    line: Line, tmp_path: Path
) -> None:
    """Each step in turn, on the same events."""
    before = await line.ends()
    await line.begin()
    await line.done(tmp_path)
    undisturbed = await line.rows(before)
    assert len(undisturbed) == COMMENTS + 2
    assert {row[2] for row in undisturbed} == {"done"}
    assert set(line.calls().values()) == {1}
    for point, most in STEPS:
        before = await line.ends()
        await line.begin()
        await line.dies_at(tmp_path, point)
        await line.done(tmp_path)
        assert await line.rows(before) == undisturbed, point
        assert max(line.calls().values()) == most, point
