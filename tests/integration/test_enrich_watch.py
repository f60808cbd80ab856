"""What a worker that runs for long tells of what ends meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from graph.client import Client
from graph.requests import media
from graph.tokens import Tokens
from hookline.accounts.account import NOTICE
from hookline.accounts.meta import Reached, UserToken
from hookline.accounts.store import connect, remove
from runtime.health import Readiness
from runtime.retry import Retry
from runtime.vault import Vault, new_key
from schemas.settings import VaultSettings
from workers.enrich import watch
from workers.enrich.watch import Watch

VERSION: Final = "v24.0"
VERSION_END: Final = datetime(2028, 2, 18, tzinfo=UTC)
DAY: Final = timedelta(days=1)
VAULT: Final = Vault(VaultSettings.model_validate({"vault_keys": new_key()}))


class Clock:
    """A time that only the test moves."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The time."""
        return self.now


@asynccontextmanager
async def watching(
    engine: AsyncEngine, clock: Clock, url: str = "http://127.0.0.1:9"
) -> AsyncIterator[tuple[Watch, Client]]:
    """A watch, and the client that it asks; what the client tells of today is not captured."""
    tokens = Tokens(engine, VAULT, [("1", b"secret")])
    async with Client(url, VERSION, 5.0) as client:
        yield Watch(client, tokens, Retry(Readiness(), "enrich"), clock), client


async def add(engine: AsyncEngine, account_id: str, ends_at: datetime | None) -> None:
    """An account whose token ends."""
    user = UserToken("EAAUser", "1", b"secret", "1", [], [], ends_at, None)
    found = Reached(account_id, "brand", "17", "Brand", "EAAPage", [])
    await connect(engine, VAULT, user, [found], datetime.now(UTC))


def metric(name: str, **labels: str) -> float | None:
    """What a scrape would find."""
    return REGISTRY.get_sample_value(name, labels)


def test_the_notice_is_that_of_the_operators_page() -> None:
    """Two packages know it, and neither may import the other."""
    assert watch.NOTICE == NOTICE


async def test_an_account_that_ends_is_told_once_a_day(engine: AsyncEngine) -> None:
    """From a week before; the metric is right at any time, also once it is gone."""
    ends_at = datetime(2026, 12, 10, 12, 0, tzinfo=UTC)
    await add(engine, "1", ends_at)
    await add(engine, "2", None)
    clock = Clock(ends_at - NOTICE - timedelta(hours=13))
    told: list[datetime] = []
    async with watching(engine, clock) as (watched, _):
        for _ in range(10):
            with capture_logs() as logs:
                await watched.look()
            told += [clock.now for log in logs if log["event"] == "account_expiring"]
            assert (
                metric("hookline_account_end_timestamp_seconds", account="1") == ends_at.timestamp()
            )
            clock.now += timedelta(hours=8)
        assert [at.date().isoformat() for at in told] == ["2026-12-04", "2026-12-05"]
        assert metric("hookline_account_end_timestamp_seconds", account="2") == float("inf")
        await remove(engine, "1", clock.now)
        await watched.look()
        assert metric("hookline_account_end_timestamp_seconds", account="1") is None


async def test_a_version_comes_near_its_end_while_the_worker_runs(engine: AsyncEngine) -> None:
    """Once a day from ninety days before, without a restart."""
    clock = Clock(VERSION_END - 92 * DAY)
    told: list[str] = []
    async with watching(engine, clock) as (watched, _):
        for _ in range(10):
            with capture_logs() as logs:
                await watched.look()
            told += [log["advice"] for log in logs if log["event"] == "graph_version_outlook"]
            clock.now += DAY / 2
    assert [advice.partition(":")[0] for advice in told] == [
        f"{VERSION} ends on 2028-02-18, in {days} days" for days in (90, 89, 88)
    ]
    end = metric("hookline_graph_version_end_timestamp_seconds", version=VERSION)
    assert end == VERSION_END.timestamp()


async def test_another_version_that_answers_is_told_each_day(engine: AsyncEngine) -> None:
    """And the metric says it until the pinned one is back."""
    answering = "v26.0"

    async def handle(_: web.Request) -> web.Response:
        return web.json_response({"id": "1"}, headers={"facebook-api-version": answering})

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    clock = Clock(datetime(2026, 12, 1, 12, 0, tzinfo=UTC))
    async with (
        TestServer(app) as server,
        watching(engine, clock, str(server.make_url("/"))) as (watched, client),
    ):
        await watched.look()
        await client.read(media("1"), None)
        told = []
        for _ in range(4):
            assert metric("hookline_graph_version_differs", version=VERSION) == 1
            clock.now += DAY / 2
            with capture_logs() as logs:
                await watched.look()
            told += [(log["event"], log["answering"]) for log in logs]
        assert told == [("graph_version_differs", "v26.0")] * 2
        answering = VERSION
        await client.read(media("1"), None)
        assert metric("hookline_graph_version_differs", version=VERSION) == 0


async def test_it_ends_when_it_is_told_to(engine: AsyncEngine) -> None:
    """It does not finish its minute."""
    stop = asyncio.Event()
    async with watching(engine, Clock(datetime.now(UTC))) as (watched, _), asyncio.timeout(30):
        running = asyncio.create_task(watched.run(stop))
        await asyncio.sleep(0.2)
        assert not running.done()
        stop.set()
        await running
