"""A line of single services beside a simulated Graph API; who measures starts and stops enrich."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import asyncpg

from benchmarks.bench import Bench, Service
from benchmarks.load import LoadError, paced
from benchmarks.requests import built
from hookline.accounts.connecting import connect
from hookline.embedded.ports import HOST
from hookline.embedded.state import State
from runtime.configuration import load
from runtime.database import dispose, new_engine
from runtime.vault import new_key
from schemas.settings import AccountsSettings
from schemas.tables import SCHEMA
from simulator.graph.graph import Graph
from simulator.graph.options import DAY_S, GraphOptions
from simulator.graph.server import GraphServer, serve_graph
from simulator.graph.usage import Limit

OTHERS: Final = ("archive", "dedupe", "persist")

TOLD_AFTER: Final = 5
"""Calls before headers tell anything."""

AMPLE: Final = Limit(10_000_000, DAY_S, told_after=TOLD_AFTER)

POLL_S: Final = 0.2
QUIET_S: Final = 5.0
TIMEOUT_S: Final = 600.0


class GraphLine:
    """A running line without enrich."""

    def __init__(self, bench: Bench, server: GraphServer, state: State) -> None:
        self.state = state
        self.bench = bench
        self._server = server

    @property
    def graph(self) -> Graph:
        """What the Graph API was asked for, and how it answers."""
        return self._server.graph

    @asynccontextmanager
    async def enrich(self, graph_url: str | None = None) -> AsyncIterator[Service]:
        """`hookline worker enrich`, asking the simulated Graph API or whatever is elsewhere."""
        settings = {
            "GRAPH_URL": graph_url or self._server.url,
            "VAULT_KEYS": self.state.vault_keys,
        }
        async with self.bench.worker("enrich", settings) as service:
            yield service

    async def send(self, bodies: Sequence[bytes], rate: float) -> None:
        """Delivers bodies at a steady rate.

        Raises:
            LoadError: not all were accepted.
        """
        port = int(self.state.ingest_url.rpartition(":")[2])
        requests = iter(built(bodies, self.bench.app))
        load = await paced(port, requests, rate=rate, count=len(bodies))
        if set(load.statuses) != {200}:
            raise LoadError(f"answers other than 200: {dict(load.statuses)}")

    async def passed_on(self, worker: str) -> None:
        """Returns when dedupe, and then a worker behind it, have committed all they were given."""
        async with asyncio.timeout(TIMEOUT_S):
            for name in ("dedupe", worker):
                while await self.bench.groups.lag(name):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)  # other processes commit

    async def waiting(self) -> int:
        """How many reads wait."""
        [row] = await self.rows(f"SELECT count(*) FROM {SCHEMA}.enrichment_tasks")
        return int(row[0])

    async def idle(self) -> None:
        """Returns when nobody has asked the Graph API for a while.

        Nothing waits then, or no call is left for it.
        """
        async with asyncio.timeout(TIMEOUT_S):
            before = -1
            while (now := self.graph.statistics.requests) != before:
                before = now
                await asyncio.sleep(QUIET_S)

    async def forget(self) -> None:
        """Nothing waits, and nothing is known of budgets. enrich must not run."""
        await self.passed_on("persist")
        await self.bench.groups.skip_backlog("enrich")
        await self.rows(f"TRUNCATE {SCHEMA}.enrichment_tasks, {SCHEMA}.graph_usage")

    async def rows(self, query: str, *values: object) -> list[Any]:
        """What a statement gives."""
        connection = await asyncpg.connect(self.state.database_url)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()


@asynccontextmanager
async def open_graph_line(bench: Bench, options: GraphOptions) -> AsyncIterator[GraphLine]:
    """Ingest, archive, dedupe and persist, with every account of the Graph API connected."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve_graph(options))
        ingest = await stack.enter_async_context(bench.ingest())
        pids = {}
        for name in OTHERS:
            pids[name] = (await stack.enter_async_context(bench.worker(name))).pid
        state = State(
            ingest_url=f"http://{HOST}:{ingest.port}",
            kafka_bootstrap=bench.kafka_bootstrap,
            database_url=bench.stack.database_url,
            metrics_urls={},
            pids={**bench.stack.pids, **pids, "ingest": ingest.pid},
            app_id=bench.app.app_id,
            app_secret=bench.app.secret.decode(),
            verify_token="benchmarks",
            vault_keys=new_key(),
            graph_url=server.url,
        )
        await _connect(state, server)
        yield GraphLine(bench, server, state)


async def _connect(state: State, server: GraphServer) -> None:
    settings = load(
        AccountsSettings,
        {
            "database_url": state.database_url,
            "app_secrets": f"{state.app_id}:{state.app_secret}",
            "vault_keys": state.vault_keys,
            "graph_url": state.graph_url,
        },
    )
    engine = new_engine(settings, "bench")
    try:
        for user in range(server.graph.options.users):
            token = server.graph.tokens.user_token(user)
            await connect(engine, settings, token, (), dry_run=False)
    finally:
        await dispose(engine)
