"""The parts of the worker enrich on one database, and a simulated Graph API for them to ask."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.budget.ledger import Ledger
from graph.client import Client
from graph.tokens import Tokens
from hookline.accounts.meta import Reached, UserToken
from hookline.accounts.store import connect
from runtime.database import transaction
from runtime.health import Readiness
from runtime.publisher import Publisher
from runtime.retry import Retry
from runtime.vault import Vault, new_key
from runtime.worker import Record
from schemas.settings import EnrichSettings
from schemas.topics import ENRICHED_TOPICS
from simulator.graph.faults import Fault
from simulator.graph.graph import Graph
from simulator.graph.options import DAY_S, GraphOptions
from simulator.graph.server import serve_graph
from simulator.graph.statistics import Reads
from simulator.graph.usage import Limit
from tests.integration.broker import Broker
from tests.integration.handled import Handled, consumed, received
from workers.enrich.handler import EnrichHandler
from workers.enrich.queue import Queue
from workers.enrich.runner import Runner

ACCOUNT: Final = "17841400000000001"
OTHER: Final = "17841400000000002"
"""Of another user."""

MEDIA: Final = "18000000000000001"

AMPLE: Final = Limit(1_000_000, DAY_S, told_after=5)


def options(**changed: Any) -> GraphOptions:
    """A Graph API for both accounts, with calls enough unless told otherwise."""
    given = {"users": 2, "accounts": 2, "album_share": 0.0, "require_proof": True}
    return GraphOptions(**{"account_limit": AMPLE, "app_limit": AMPLE, **given, **changed})


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
        """Deliveries up to their rows and tasks, known to the Graph API; gives the events."""
        for body in delivered:
            self.graph.tell(body)
        events = consumed(await self.line.store([received(body) for body in delivered]))
        for at in range(0, len(events), 500):
            outcome = await self.handler.handle(events[at : at + 500])
            assert not outcome.dead
        return events

    @asynccontextmanager
    async def replicas(self, count: int = 1, lease_s: float = 60) -> AsyncIterator[None]:
        """Runners at work."""
        stop = asyncio.Event()
        running = [
            asyncio.create_task(self._runner(lease_s).run(self.handler.some, stop))
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

    async def connect(self, account_id: str = ACCOUNT) -> None:
        """An operator connects the account, with its user's token of now."""
        told = self.graph.options
        account = self.graph.directory.accounts[account_id]
        token = self.graph.tokens.user_token(account.user, long_lived=True)
        user = UserToken(token, told.app_id, told.app_secret.encode(), "1", [], [], None, None)
        found = Reached(account_id, "brand", "17", "Brand", "EAANobodysToken", ["MANAGE"])
        await connect(self.engine, Vault(self.settings), user, [found], datetime.now(UTC))

    def fails(self, *faults: Fault) -> None:
        """What goes wrong from now on."""
        self.graph.faults.wanted = faults

    @property
    def reads(self) -> dict[str, Reads]:
        """What the Graph API was asked for, by id."""
        return self.graph.statistics.reads

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return self.graph.statistics.endpoints.total()

    async def waiting(self) -> int:
        """Tasks that are there."""
        return int(await self.scalar("SELECT count(*) FROM hookline.enrichment_tasks"))

    async def done(self) -> bool:
        """Whether nothing waits any more."""
        return await self.waiting() == 0

    async def time_passes(self, by: timedelta) -> None:
        """Everything that waits for a time has waited so much longer."""
        for table, columns in _TIMES.items():
            moved = ", ".join(f"{column} = {column} - CAST(:by AS interval)" for column in columns)
            async with transaction(self.engine) as connection:
                await connection.execute(
                    text(f"UPDATE hookline.{table} SET {moved}"),
                    {"by": by},
                )

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
        outcome = await self.line.persist.handle(records)
        assert not outcome.dead
        return len(records)

    async def ends(self) -> Any:
        """A look at the enriched topics."""
        return await self.broker.ends(ENRICHED_TOPICS)


_TIMES: Final = {
    "enrichment_tasks": ("due_at", "leased_until", "first_ambiguous_at"),
    "graph_usage": ("calls_since", "reserved_until", "blocked_until", "reported_at"),
}


@asynccontextmanager
async def enriching(
    engine: AsyncEngine,
    database_url: str,
    broker: Broker,
    simulated: GraphOptions | None = None,
    timeout_s: float = 2.0,
    **changed: Any,
) -> AsyncIterator[Enrichment]:
    """Everything but the runners; nobody is connected."""
    async with serve_graph(simulated or options()) as server:
        told = server.graph.options
        settings = EnrichSettings.model_validate(
            {
                "kafka_bootstrap": broker.bootstrap,
                "database_url": database_url,
                "app_secrets": f"{told.app_id}:{told.app_secret}",
                "vault_keys": new_key(),
                "graph_url": server.url,
                **changed,
            }
        )
        async with (
            Publisher(settings) as publisher,
            Client(server.url, settings.graph_version, timeout_s) as client,
        ):
            await publisher.learn(list(ENRICHED_TOPICS))
            made = Enrichment(
                engine,
                broker,
                server.graph,
                settings,
                Handled(engine),
                EnrichHandler(engine),
                publisher,
                client,
            )
            made.readiness.ready("starting")
            yield made
