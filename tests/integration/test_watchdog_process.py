"""`hookline worker watchdog`, as deployments run it."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from simulator.graph.options import GraphOptions
from simulator.graph.server import serve_graph
from tests.integration.broker import until
from tests.integration.operating import Operator
from tests.integration.process import process
from tests.integration.service import free_port


@pytest.fixture
async def operator(engine: AsyncEngine, database_url: str) -> AsyncIterator[Operator]:
    """With two accounts that are connected, and not subscribed."""
    async with serve_graph(GraphOptions(accounts=2)) as server:
        made = Operator(engine, database_url, server, WATCHDOG_INTERVAL_S="1")
        assert (await made.connect()).code == 0
        yield made


async def test_it_mends_while_it_runs(operator: Operator, tmp_path: Path) -> None:
    """At the start and once an account is dropped; two replicas; it tells no token, and stops."""
    accounts, pages = operator.graph.directory.accounts, operator.graph.pages
    log, port = tmp_path / "log", free_port()
    settings = {**operator.settings, "METRICS_PORT": str(port)}
    async with AsyncExitStack() as replicas:
        first = await replicas.enter_async_context(process(log, "worker", "watchdog", **settings))
        await until(lambda: all(pages.fields(one) for one in accounts))
        await until(lambda: "subscription_repaired" in log.read_text())
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/readyz")).status == 200
            for account in accounts:
                await until(lambda name=account: _told(client, name))
        await replicas.enter_async_context(
            process(log, "worker", "watchdog", "--replica", "2", **operator.settings)
        )
        assert operator.graph.statistics.endpoints["page_subscribe"] == 2
        first.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            assert await first.wait() == 0
        dropped = next(iter(accounts))
        pages.put(dropped, ())
        # As if the repair at the start had been an hour ago.
        await operator.execute(
            "UPDATE hookline.subscription_checks "
            "SET repair_tried_at = repair_tried_at - interval '1 hour'"
        )
        await until(lambda: pages.fields(dropped) == ("feed",))
    repairs = await operator.rows(
        "SELECT * FROM hookline.operations WHERE verb = 'watchdog repair'"
    )
    assert len(repairs) == 3
    text = log.read_text()
    assert all(json.loads(line)["event"] for line in text.splitlines())
    for one in accounts.values():
        assert operator.graph.tokens.page_token(one) not in text


async def _told(client: aiohttp.ClientSession, account: str) -> bool:
    """Whether the process tells the account's subscription: it does once it has looked."""
    page = await (await client.get("/metrics")).text()
    return f'hookline_subscribed{{account="{account}"}}' in page


async def test_without_accounts_it_is_ready_and_asks_nobody(
    engine: AsyncEngine, database_url: str, tmp_path: Path
) -> None:
    """So `hookline up` may start it always."""
    async with serve_graph(GraphOptions(accounts=1)) as server:
        operator = Operator(engine, database_url, server, WATCHDOG_INTERVAL_S="1")
        log = tmp_path / "log"
        async with process(log, "worker", "watchdog", **operator.settings) as running:
            await until(lambda: log.exists() and "watchdog_started" in log.read_text())
            await asyncio.sleep(2)
            assert running.returncode is None
        assert server.graph.statistics.endpoints.total() == 0
