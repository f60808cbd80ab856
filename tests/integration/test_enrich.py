"""Enrichment on a real Kafka and PostgreSQL: what is asked for, how often, and what comes of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.budget.ledger import Ledger
from graph.client import Client
from graph.requests import MAX_BATCH
from graph.tokens import Tokens
from hookline.accounts.meta import Reached, UserToken
from hookline.accounts.store import connect
from runtime.database import transaction
from runtime.health import Readiness
from runtime.publisher import Publisher
from runtime.retry import Retry
from runtime.vault import Vault, new_key
from runtime.worker import Record
from schemas.events import format_time
from schemas.settings import EnrichSettings
from schemas.topics import ENRICHED_TOPICS
from tests.integration.broker import Broker, until
from tests.integration.handled import Handled, consumed, received
from tests.integration.metas_graph import Graph, graph_api
from workers.enrich.handler import EnrichHandler
from workers.enrich.queue import Queue
from workers.enrich.runner import Runner

ACCOUNT: Final = "17841400000000001"
OTHER: Final = "17841400000000002"
APP, SECRET, TOKEN = "1001", b"the-app-secret", "EAAUserToken"
MEDIA: Final = "18000000000000001"


def bodies(*changes: tuple[str, Any], account: str = ACCOUNT) -> list[bytes]:
    """Deliveries of up to a thousand changes."""
    listed = [{"field": name, "value": value} for name, value in changes]
    return [
        json.dumps(
            {
                "object": "instagram",
                "entry": [{"id": account, "time": 1734638812, "changes": listed[at : at + 1000]}],
            }
        ).encode()
        for at in range(0, len(listed), 1000)
    ]


def comments(count: int, first: int = 0, name: str = "comments") -> list[tuple[str, Any]]:
    """Comments on one media."""
    return [
        (name, {"id": f"{17_000_000_000_000_000 + first + number}", "media": {"id": MEDIA}})
        for number in range(count)
    ]


@dataclass
class Enrichment:
    """The parts of the worker, on one database."""

    engine: AsyncEngine
    broker: Broker
    graph: Graph
    settings: EnrichSettings
    line: Handled
    handler: EnrichHandler
    publisher: Publisher
    client: Client
    readiness: Readiness = field(default_factory=Readiness)

    async def store(self, delivered: Sequence[bytes]) -> list[Record]:
        """Deliveries up to their rows and tasks; gives the events."""
        events = consumed(await self.line.store([received(body) for body in delivered]))
        for at in range(0, len(events), 500):
            await self.handler.handle(events[at : at + 500])
        return events

    @asynccontextmanager
    async def replicas(self, count: int = 1, lease_s: float = 60) -> AsyncIterator[None]:
        """Runners at work."""
        stop = asyncio.Event()
        running = [
            asyncio.create_task(self._runner(lease_s).run(asyncio.Event(), stop))
            for _ in range(count)
        ]
        try:
            yield
            for task in running:
                assert not task.done(), task
        finally:
            stop.set()
            await asyncio.wait(running, timeout=10)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _runner(self, lease_s: float) -> Runner:
        return Runner(
            Queue(self.engine, lease_s),
            self.client,
            Tokens(self.engine, Vault(self.settings), self.settings.secrets_by_app()),
            Ledger(self.engine, self.settings.graph_target_utilisation, 30),
            self.publisher,
            Retry(self.readiness, "enrich", 0.5),
            self.settings,
        )

    async def connect(self, account_id: str = ACCOUNT, token: str = TOKEN) -> None:
        """An operator connects the account."""
        user = UserToken(token, APP, SECRET, "1", [], [], None, None)
        found = Reached(account_id, "brand", "17", "Brand", "EAAPageToken", ["MANAGE"])
        await connect(self.engine, Vault(self.settings), user, [found], datetime.now(UTC))

    async def waiting(self) -> int:
        """Tasks that are there."""
        return int(await self.scalar("SELECT count(*) FROM hookline.enrichment_tasks"))

    async def done(self) -> bool:
        """Whether nothing waits any more."""
        return await self.waiting() == 0

    async def scalar(self, query: str) -> Any:
        """One value."""
        async with transaction(self.engine) as connection:
            return await connection.scalar(text(query))

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows of a view."""
        async with transaction(self.engine) as connection:
            return [dict(row) for row in (await connection.execute(text(query))).mappings()]

    async def merged(self, before: Any) -> int:
        """Persists what was published since a look at the ends; gives how many records."""
        records = await self.broker.new_records(before)
        await self.line.persist.handle(records)
        return len(records)

    async def ends(self) -> Any:
        """A look at the enriched topics."""
        return await self.broker.ends(ENRICHED_TOPICS)


@pytest.fixture
async def enrichment(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> AsyncIterator[Enrichment]:
    """Everything but the runners; nobody is connected."""
    async with graph_api() as graph:
        settings = EnrichSettings.model_validate(
            {
                "kafka_bootstrap": broker.bootstrap,
                "database_url": database_url,
                "app_secrets": f"{APP}:{SECRET.decode()}",
                "vault_keys": new_key(),
                "graph_url": graph.url,
            }
        )
        async with (
            Publisher(settings) as publisher,
            Client(graph.url, settings.graph_version, 2.0) as client,
        ):
            await publisher.learn(list(ENRICHED_TOPICS))
            line, handler = Handled(engine), EnrichHandler(engine)
            made = Enrichment(engine, broker, graph, settings, line, handler, publisher, client)
            made.readiness.ready("starting")
            yield made


async def test_what_only_the_graph_tells_comes_into_the_rows(enrichment: Enrichment) -> None:
    """Of every field, with the account's user token."""
    await enrichment.connect()
    before = await enrichment.ends()
    await enrichment.store(
        bodies(
            *comments(2),
            *comments(1, first=7, name="live_comments"),
            ("mentions", {"media_id": "1", "comment_id": "2"}),
            ("mentions", {"media_id": "3"}),
            ("story_insights", {"media_id": "4", "reach": 5}),
        )
    )
    async with enrichment.replicas():
        await until(enrichment.done)
    assert await enrichment.merged(before) == 7
    assert enrichment.graph.tokens == {TOKEN}
    assert set(enrichment.graph.read.values()) == {1}
    for row in await enrichment.rows("SELECT * FROM analytics.comments"):
        assert row["enrichment_status"] == "done"
        assert (row["text"], row["from_username"]) == (f"text of {row['comment_id']}", "somebody")
        assert row["permalink"] == f"https://instagram.example/{MEDIA}"
        assert format_time(row["commented_at"]) == "2026-11-20T10:00:00.000000Z"
    mentions = await enrichment.rows("SELECT * FROM analytics.mentions ORDER BY kind DESC")
    assert [row["text"] for row in mentions] == ["text of 2", "text of 3"]
    [story] = await enrichment.rows("SELECT * FROM analytics.stories")
    assert story["permalink"] == "https://instagram.example/4"


async def test_a_thousand_comments_on_one_media(enrichment: Enrichment) -> None:
    """One read of the media, twenty batches for the comments."""
    await enrichment.connect()
    # The first answers tell the budget how much there is; a known account is asked in batches.
    await enrichment.store(bodies(("mentions", {"media_id": "3"})))
    async with enrichment.replicas():
        await until(enrichment.done)
        await enrichment.store(bodies(*comments(1000)))
        await until(enrichment.done)
    assert enrichment.graph.read[MEDIA] == 1
    assert set(enrichment.graph.read.values()) == {1}
    assert len(enrichment.graph.batches) <= 21


async def test_a_budget_is_used_up_and_not_exceeded(enrichment: Enrichment) -> None:
    """Smaller than the backlog, shared by three replicas: 95 % of it, and not one throttle."""
    await enrichment.connect()
    enrichment.graph.limit = 1500
    await enrichment.store(bodies(*comments(2500)))
    async with enrichment.replicas(3):
        await until(lambda: enrichment.graph.calls["all"] >= 0.95 * 1500)
        await asyncio.sleep(1)
    assert enrichment.graph.throttled == 0
    assert enrichment.graph.calls["all"] < 1500
    assert await enrichment.waiting() > 900
    assert set(enrichment.graph.read.values()) == {1}


async def test_live_comments_do_not_wait_behind_a_backlog(enrichment: Enrichment) -> None:
    """Each is asked for before another turn of the others is over, while thousands wait."""
    await enrichment.connect()
    enrichment.graph.delay_s = 0.3
    await enrichment.store(bodies(*comments(8000)))
    between: list[int] = []
    async with enrichment.replicas(2):
        await until(lambda: enrichment.graph.calls["all"] > 50)
        for number in range(10):
            [(name, value)] = comments(1, first=50_000 + number, name="live_comments")
            await enrichment.store(bodies((name, value)))
            others = enrichment.graph.calls["all"]
            await until(lambda read=value["id"]: enrichment.graph.read[read])
            between.append(enrichment.graph.before[value["id"]] - others)
        assert await enrichment.waiting() > 0
    one_turn = 2 * enrichment.settings.graph_concurrency * MAX_BATCH
    assert max(between) <= 2 * one_turn, between


async def test_an_outage_of_the_graph_api_loses_nothing(enrichment: Enrichment) -> None:
    """It says that it is not ready, gives nothing up, and does everything afterwards."""
    await enrichment.connect()
    enrichment.graph.away = True
    before = await enrichment.ends()
    await enrichment.store(bodies(*comments(200)))
    async with enrichment.replicas():
        await until(lambda: enrichment.readiness.reasons == ["enrich"])
        await asyncio.sleep(1)
        assert await enrichment.waiting() == 201
        enrichment.graph.away = False
        await until(enrichment.done)
    assert await enrichment.merged(before) == 201
    assert not enrichment.readiness.reasons
    assert (
        await enrichment.scalar(
            "SELECT count(*) FROM hookline.comments WHERE enrichment_status = 'done'"
        )
        == 200
    )


async def test_a_dead_token_parks_its_account_alone(enrichment: Enrichment) -> None:
    """Its rows say why; connecting it again lets all that waited run."""
    await enrichment.connect()
    await enrichment.connect(OTHER)
    dead = {"code": 190, "error_subcode": 463}
    enrichment.graph.fails = {value["id"]: dead for _, value in comments(3)} | {MEDIA: dead}
    before = await enrichment.ends()
    await enrichment.store(bodies(*comments(3)))
    await enrichment.store(bodies(("mentions", {"media_id": "3"}), account=OTHER))
    async with enrichment.replicas():
        await until(lambda: _told(enrichment, ACCOUNT))
        await until(lambda: _tasks_of(enrichment, OTHER, 0))
        await enrichment.merged(before)
        parked = await enrichment.rows(
            "SELECT DISTINCT enrichment_status, enrichment_reason FROM hookline.comments "
            f"WHERE account_id = '{ACCOUNT}'"
        )
        assert parked == [{"enrichment_status": "parked", "enrichment_reason": "token_expired"}]
        calls = enrichment.graph.calls["all"]
        await asyncio.sleep(1.2)
        assert enrichment.graph.calls["all"] == calls
        enrichment.graph.fails.clear()
        between = await enrichment.ends()
        await enrichment.connect(token="EAAAnotherToken")
        await until(enrichment.done)
    await enrichment.merged(between)
    found = await enrichment.rows("SELECT DISTINCT enrichment_status FROM hookline.comments")
    assert found == [{"enrichment_status": "done"}]


async def test_nobody_connected(enrichment: Enrichment) -> None:
    """Nothing is asked for; the rows tell what they wait for."""
    before = await enrichment.ends()
    await enrichment.store(bodies(*comments(3)))
    async with enrichment.replicas():
        await until(lambda: _told(enrichment, ACCOUNT))
    await enrichment.merged(before)
    found = await enrichment.rows(
        "SELECT DISTINCT enrichment_status, enrichment_reason FROM hookline.comments"
    )
    assert found == [{"enrichment_status": "parked", "enrichment_reason": "not_connected"}]
    assert not enrichment.graph.calls


async def test_a_missing_permission_leaves_out_one_kind_of_read(enrichment: Enrichment) -> None:
    """The others go on."""
    await enrichment.connect()
    enrichment.graph.fails[MEDIA] = {"code": 10}
    await enrichment.store(bodies(*comments(3)))
    async with enrichment.replicas():
        await until(lambda: _tasks_of(enrichment, ACCOUNT, 1))
        await until(lambda: _told(enrichment, ACCOUNT))
    assert await enrichment.scalar("SELECT endpoint FROM hookline.enrichment_tasks") == "media"
    assert await enrichment.scalar("SELECT parked_endpoints FROM hookline.accounts") == {
        "media": "permission_missing"
    }


async def test_what_may_be_missing_is_pending_with_the_reason(enrichment: Enrichment) -> None:
    """And asked for again, not given up."""
    await enrichment.connect()
    [(_, value)] = comments(1)
    enrichment.graph.fails[value["id"]] = {"code": 100, "error_subcode": 33}
    before = await enrichment.ends()
    await enrichment.store(bodies(*comments(1)))
    async with enrichment.replicas():
        await until(lambda: _tasks_of(enrichment, ACCOUNT, 1))
        await until(lambda: _later(enrichment))
    await enrichment.merged(before)
    [row] = await enrichment.rows(
        "SELECT enrichment_status, enrichment_reason FROM hookline.comments"
    )
    assert row == {
        "enrichment_status": "pending",
        "enrichment_reason": "not_found_or_no_permission",
    }


async def test_replicas_never_read_the_same_twice(enrichment: Enrichment) -> None:
    """However many there are, and while more comes in."""
    await enrichment.connect()
    async with enrichment.replicas(4):
        for number in range(5):
            await enrichment.store(bodies(*comments(200, first=number * 150)))
        await until(enrichment.done)
    assert set(enrichment.graph.read.values()) == {1}
    assert len(enrichment.graph.read) == 801


async def _told(enrichment: Enrichment, account_id: str) -> bool:
    """Whether the rows of all of an account's tasks tell that they wait for a person."""
    query = (
        "SELECT coalesce(bool_and(parked_told), false) FROM hookline.enrichment_tasks "
        f"WHERE account_id = '{account_id}'"
    )
    return bool(await enrichment.scalar(query))


async def _tasks_of(enrichment: Enrichment, account_id: str, count: int) -> bool:
    query = f"SELECT count(*) FROM hookline.enrichment_tasks WHERE account_id = '{account_id}'"
    return bool(await enrichment.scalar(query) == count)


async def _later(enrichment: Enrichment) -> bool:
    query = "SELECT count(*) FROM hookline.enrichment_tasks WHERE due_at > now() + interval '1 min'"
    return bool(await enrichment.scalar(query))
