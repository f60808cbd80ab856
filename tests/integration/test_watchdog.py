"""The watchdog against the simulated Graph API, in a time that only the test moves."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import REGISTRY
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from graph.client import Client
from graph.subscribing import Subscribing
from graph.subscriptions import FIELDS
from hookline.accounts import store as accounts
from hookline.accounts.meta import Reached, UserToken
from runtime.database import transaction
from runtime.vault import Vault, new_key
from schemas.settings import VaultSettings
from schemas.tables import sightings
from simulator.graph.app_subscriptions import AppSubscription
from simulator.graph.faults import Fault
from simulator.graph.graph import Graph
from simulator.graph.options import GraphOptions
from simulator.graph.server import serve_graph
from workers.watchdog import store
from workers.watchdog.watchdog import Watchdog

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
INTERVAL: Final = 10 * MINUTE
CALLBACK: Final = "http://127.0.0.1:9/webhooks/instagram"
VERIFY_TOKEN: Final = "verify-me"
START: Final = datetime(2026, 12, 1, tzinfo=UTC)


@dataclass
class Site:
    """Accounts at a Graph API, a database, and watchdogs."""

    engine: AsyncEngine
    graph: Graph
    url: str
    vault: Vault
    stack: AsyncExitStack
    now: datetime = START
    logs: list[Any] = field(default_factory=list)

    @property
    def account_ids(self) -> list[str]:
        """All accounts."""
        return list(self.graph.directory.accounts)

    def clock(self) -> datetime:
        """The time."""
        return self.now

    async def watchdog(
        self, callback_url: str | None = CALLBACK, interval: timedelta = INTERVAL
    ) -> Watchdog:
        """Another one."""
        client = await self.stack.enter_async_context(Client(self.url, "v25.0", 5.0))
        options = self.graph.options
        secrets = [(options.app_id, options.app_secret.encode())]
        subscribing = Subscribing(client, callback_url, VERIFY_TOKEN)
        return Watchdog(self.engine, subscribing, self.vault, secrets, interval, self.clock)

    async def look(self, watchdog: Watchdog) -> None:
        """A round; what it tells is kept."""
        with capture_logs() as logs:
            await watchdog.look()
        self.logs += logs

    def told(self, event: str) -> list[Any]:
        """What was told of an event."""
        return [log for log in self.logs if log["event"] == event]

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """What is stored."""
        async with transaction(self.engine) as connection:
            return [dict(row) for row in (await connection.execute(text(query))).mappings()]

    async def operations(self) -> list[dict[str, Any]]:
        """The audit."""
        return await self.rows("SELECT * FROM hookline.operations ORDER BY started_at")

    async def standing(self, account_id: str) -> dict[str, Any]:
        """The row of an account; of the app, when it is empty."""
        [row] = await self.rows(
            f"SELECT * FROM hookline.subscription_checks WHERE account_id = '{account_id}'"
        )
        return row

    async def connect(self) -> None:
        """Connects all accounts with the tokens of their Pages."""
        options, tokens = self.graph.options, self.graph.tokens
        user = UserToken("EAA", options.app_id, b"", "1", [], [], None, None)
        found = [
            Reached(one.id, "brand", one.page_id, "Brand", tokens.page_token(one), [])
            for one in self.graph.directory.accounts.values()
        ]
        await accounts.connect(self.engine, self.vault, user, found, START)

    async def receive(self, deliveries: Iterable[tuple[str, datetime]]) -> None:
        """Deliveries of accounts, as dedupe has seen them."""
        rows = [
            {
                "received_at": received_at,
                "delivery_id": f"01920000-0000-7000-8000-{number:012d}",
                "position": "0.changes.0",
                "event_id": f"comments:{account_id}:{number}",
                "content_hash": "0",
                "verdict": "first",
            }
            for number, (account_id, received_at) in enumerate(deliveries)
        ]
        async with transaction(self.engine) as connection:
            await connection.execute(insert(sightings), rows)

    def subscribe_app(self, **changes: Any) -> None:
        """What the app is subscribed to."""
        told = {"callback_url": CALLBACK, "fields": dict.fromkeys(FIELDS, "v25.0"), **changes}
        self.graph.apps.put([AppSubscription(**told)])


@asynccontextmanager
async def site_with(engine: AsyncEngine, options: GraphOptions) -> AsyncIterator[Site]:
    """Accounts that are connected, and an app that is subscribed."""
    vault = Vault(VaultSettings.model_validate({"vault_keys": new_key()}))
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve_graph(options))
        site = Site(engine, server.graph, server.url, vault, stack)
        site.subscribe_app()
        await site.connect()
        yield site


@pytest.fixture
async def site(engine: AsyncEngine) -> AsyncIterator[Site]:
    """Three accounts, all subscribed."""
    async with site_with(engine, GraphOptions(accounts=3, page_fields=("feed",))) as made:
        yield made


@asynccontextmanager
async def callback() -> AsyncIterator[str]:
    """The URL of one that answers Meta's handshake."""

    async def handle(request: web.Request) -> web.Response:
        right = request.query["hub.verify_token"] == VERIFY_TOKEN
        return web.Response(text=request.query["hub.challenge"], status=200 if right else 403)

    app = web.Application()
    app.router.add_get("/webhooks/instagram", handle)
    async with TestServer(app) as server:
        yield str(server.make_url("/webhooks/instagram"))


def metric(name: str, **labels: str) -> float | None:
    """What a scrape would find."""
    return REGISTRY.get_sample_value(name, labels)


async def test_a_dropped_account_is_back_within_an_interval(site: Site) -> None:
    """With an audit row; the others, and a second look, are left alone."""
    watchdog = await site.watchdog()
    await site.look(watchdog)
    assert site.graph.statistics.endpoints["page_subscribe"] == 0
    dropped = site.account_ids[1]
    site.graph.pages.put(dropped, ())
    site.now += INTERVAL / 2
    await site.look(watchdog)
    assert site.graph.pages.fields(dropped) == ()
    site.now += INTERVAL / 2
    await site.look(watchdog)
    assert site.graph.pages.fields(dropped) == ("feed",)
    [operation] = await site.operations()
    assert (operation["verb"], operation["actor"]) == ("watchdog repair", "watchdog")
    assert (operation["state"], operation["counts"]) == ("done", {"repaired": 1})
    assert operation["arguments"] == {
        "account": dropped,
        "fields": ["feed"],
        "reason": "not_subscribed",
    }
    standing = await site.standing(dropped)
    assert (standing["state"], standing["reason"]) == ("subscribed", None)
    assert standing["repaired_at"] == standing["repair_tried_at"] == site.now
    assert [log["account"] for log in site.told("subscription_repaired")] == [dropped]
    assert metric("hookline_subscribed", account=dropped) == 1
    site.now += INTERVAL
    await site.look(watchdog)
    assert site.graph.statistics.endpoints["page_subscribe"] == 1


async def test_without_accounts_it_asks_nobody(site: Site) -> None:
    """And forgets what it knew of those that were removed."""
    watchdog = await site.watchdog()
    await site.look(watchdog)
    assert len(await site.rows("SELECT * FROM hookline.subscription_checks")) == 4
    for account_id in site.account_ids:
        await accounts.remove(site.engine, account_id, site.now)
    site.graph.clear_statistics()
    site.now += INTERVAL
    await site.look(watchdog)
    assert site.graph.statistics.endpoints.total() == 0
    assert await site.rows("SELECT * FROM hookline.subscription_checks") == []
    assert metric("hookline_subscribed", account=site.account_ids[0]) is None


async def test_a_refused_repair_is_tried_once_an_hour(engine: AsyncEngine) -> None:
    """Each time an alarm and an audit row; once Meta takes it, all is well."""
    async with site_with(engine, GraphOptions(accounts=1, refuse_pages=True)) as site:
        watchdog = await site.watchdog()
        for _ in range(18):
            await site.look(watchdog)
            site.now += INTERVAL
        assert site.graph.statistics.endpoints["page_subscribe"] == 3
        assert [row["state"] for row in await site.operations()] == ["failed"] * 3
        told = site.told("subscription_not_repaired")
        assert [log["log_level"] for log in told] == ["error"] * 3
        assert len(site.told("subscription_missing")) == 1
        [account_id] = site.account_ids
        assert metric("hookline_subscribed", account=account_id) == 0
        site.graph.pages.put(account_id, ("feed",))
        await site.look(watchdog)
        assert len(site.told("subscription_back")) == 1


async def test_a_page_with_many_apps_is_left_alone(engine: AsyncEngine) -> None:
    """Ours is found wherever it stands in the list."""
    fields = ("leadgen", "ratings")
    options = GraphOptions(accounts=1, page_fields=fields, other_apps=7, page_size=3)
    async with site_with(engine, options) as site:
        await site.look(await site.watchdog())
        [account_id] = site.account_ids
        assert (await site.standing(account_id))["state"] == "subscribed"
        assert site.graph.pages.fields(account_id) == fields
        assert site.graph.statistics.endpoints["page_subscribe"] == 0


async def test_replicas_mend_a_page_once(site: Site) -> None:
    """However many look at the same time."""
    site.graph.pages.put(site.account_ids[0], ())
    watchdogs = [await site.watchdog() for _ in range(3)]
    for _ in range(3):
        await asyncio.gather(*(watchdog.look() for watchdog in watchdogs))
    assert site.graph.statistics.endpoints["page_subscribe"] == 1
    assert site.graph.statistics.endpoints["page_subscriptions"] == 4
    assert len(await site.operations()) == 1
    for account_id in site.account_ids:
        assert metric("hookline_subscribed", account=account_id) == 1


async def test_whoever_died_while_mending_has_tried(site: Site) -> None:
    """An attempt is noted before it is made: the next one is an hour later, whoever makes it."""
    watchdog = await site.watchdog()
    await site.look(watchdog)
    dropped = site.account_ids[0]
    site.graph.pages.put(dropped, ())
    standing = (await store.standings(site.engine))[site.graph.options.app_id, dropped]
    assert await store.begin_repair(site.engine, standing, ["feed"], site.now)
    for _ in range(5):
        site.now += INTERVAL
        await site.look(watchdog)
    assert site.graph.statistics.endpoints["page_subscribe"] == 0
    site.now += INTERVAL
    await site.look(watchdog)
    assert site.graph.pages.fields(dropped) == ("feed",)
    assert [row["state"] for row in await site.operations()] == ["running", "done"]


async def test_an_answer_that_is_lost_is_no_failure(site: Site) -> None:
    """Looking again tells that it was done."""
    site.graph.pages.put(site.account_ids[0], ())
    site.graph.faults.wanted = (Fault(kind="drop_after", endpoint="page_subscribe"),)
    await site.look(await site.watchdog())
    assert site.graph.pages.fields(site.account_ids[0]) == ("feed",)
    assert [row["state"] for row in await site.operations()] == ["done"]
    assert site.graph.statistics.endpoints["page_subscribe"] == 1


async def test_fields_of_the_app_are_added(site: Site) -> None:
    """At our own callback, which Meta asks first."""
    async with callback() as url:
        site.subscribe_app(callback_url=url, fields={"mentions": "v25.0", "messages": "v25.0"})
        await site.look(await site.watchdog(url))
        assert set(site.graph.apps.fields()) == {*FIELDS, "messages"}
    [operation] = await site.operations()
    app_id = site.graph.options.app_id
    assert operation["arguments"]["app"] == app_id
    assert operation["arguments"]["reason"] == "fields_missing"
    assert metric("hookline_app_subscribed", app=app_id) == 1


@pytest.mark.parametrize("case", ["elsewhere", "not told"])
async def test_a_callback_is_never_moved(site: Site, case: str) -> None:
    """It may be another line's. It is an alarm, once."""
    site.subscribe_app(fields={"mentions": "v25.0"}, callback_url="https://staging.example.com/")
    watchdog = await site.watchdog(CALLBACK if case == "elsewhere" else None)
    for _ in range(3):
        await site.look(watchdog)
        site.now += INTERVAL
    assert site.graph.statistics.endpoints["app_subscribe"] == 0
    assert await site.operations() == []
    [log] = site.told("subscription_missing")
    reason = "other_callback" if case == "elsewhere" else "callback_not_set"
    assert (log["log_level"], log["reason"]) == ("error", reason)


async def test_what_cannot_be_looked_at_is_told(site: Site) -> None:
    """A dead token by name; a Graph API that is away without an error, and nobody else is asked."""
    watchdog = await site.watchdog()
    site.graph.end_tokens(0, 460)
    await site.look(watchdog)
    told = site.told("subscription_unknown")
    assert {log["account"] for log in told} == set(site.account_ids)
    assert {(log["log_level"], log["reason"], log["code"]) for log in told} == {
        ("error", "token_password_changed", 190)
    }
    assert site.graph.statistics.endpoints["page_subscribe"] == 0
    value = metric("hookline_subscribed", account=site.account_ids[0])
    assert value is not None
    assert value != value  # noqa: PLR0124  # NaN
    await site.connect()
    site.graph.faults.wanted = (Fault(kind="drop_before"),)
    site.now += INTERVAL
    before, site.logs = site.graph.statistics.requests, []
    await site.look(watchdog)
    assert site.graph.statistics.requests == before
    assert [log["log_level"] for log in site.told("subscription_unknown")] == ["warning"]
    site.graph.faults.wanted = ()
    site.now += INTERVAL
    await site.look(watchdog)
    assert (await site.standing(site.account_ids[0]))["state"] == "subscribed"


async def test_one_that_is_not_answered_about_keeps_nobody_waiting(site: Site) -> None:
    """However often it is asked for: the others have their turn before it."""
    site.graph.pages.put(site.account_ids[0], ())
    site.graph.faults.wanted = (Fault(kind="drop_before", endpoint="app_subscriptions"),)
    watchdog = await site.watchdog(interval=MINUTE)
    for _ in range(2):
        await site.look(watchdog)
        site.now += MINUTE
    assert site.graph.pages.fields(site.account_ids[0]) == ("feed",)


def arrivals(account_id: str, until: datetime, seed: int) -> list[tuple[str, datetime]]:
    """Six weeks and more of deliveries by chance, until a moment: some by day, few at night."""
    chance, found, moment = random.Random(seed), list[tuple[str, datetime]](), START - 42 * DAY
    while moment < until:
        if 8 <= moment.hour < 22 or chance.random() < 0.1:
            found.append((account_id, moment))
        moment += timedelta(hours=chance.expovariate(1.0))
    return found


async def test_a_month_with_a_quiet_account(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is repaired that is subscribed, however quiet it is: that is told, once. Whoever
    starts anew tells it neither again nor otherwise, also before it has read all the weeks.
    """
    quiet, *others = site.account_ids
    end, falls_quiet = START + 30 * DAY, START + 5 * DAY
    found = arrivals(quiet, falls_quiet, 1)
    for seed, account_id in enumerate(others):
        found += arrivals(account_id, end, seed + 2)
    watchdog = await site.watchdog(interval=6 * HOUR)
    found.sort(key=lambda one: one[1])
    await site.receive(found)  # rows of what is yet to come are not read before their time
    while site.now < end:
        await site.look(watchdog)
        site.now += 6 * HOUR
    assert site.graph.statistics.endpoints["page_subscribe"] == 0
    assert site.graph.statistics.endpoints["page_subscriptions"] >= 3 * 4 * 30
    assert await site.operations() == []
    [log] = site.told("account_quiet")
    assert (log["account"], log["state"]) == (quiet, "subscribed")
    assert site.told("line_silent") == []
    assert site.told("subscription_missing") == site.told("subscription_unknown") == []
    another = await site.watchdog(interval=6 * HOUR)
    with monkeypatch.context() as slow:
        slow.setattr("workers.watchdog.history.READ_TIME_S", 0.0)
        for _ in range(3):
            await site.look(another)
            assert (await site.standing(quiet))["activity"] == "quiet"
    await site.look(another)
    assert len(site.told("account_quiet")) == 1


async def test_nothing_comes_for_anybody(site: Site) -> None:
    """That is the line's fault, not the accounts'; all of them are looked at, at once."""
    falls_silent = START + 90 * MINUTE
    found = [
        one
        for seed, account_id in enumerate(site.account_ids)
        for one in arrivals(account_id, falls_silent, seed)
    ]
    await site.receive(found)
    watchdog = await site.watchdog(interval=DAY)
    site.now = falls_silent
    await site.look(watchdog)
    for account_id in site.account_ids:  # an hour of failing answers
        site.graph.pages.put(account_id, ())
    while not site.told("line_silent"):
        site.now += 10 * MINUTE
        assert site.now < falls_silent + 20 * HOUR
        await site.look(watchdog)
    [log] = site.told("line_silent")
    assert (log["log_level"], log["cause"]) == ("error", "nothing_arrives")
    assert site.told("account_quiet") == []
    assert metric("hookline_line_silent") == 1
    assert all(site.graph.pages.fields(account_id) for account_id in site.account_ids)
    assert len(await site.operations()) == 3
    # Of what is forgotten nobody knows what was usual; that is no end of it.
    site.now += 40 * DAY
    await site.look(watchdog)
    assert len(site.told("line_silent")) == 1
    assert metric("hookline_line_silent") == 1
