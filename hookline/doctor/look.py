"""Looks at everything at once, and gives what was seen by the end of the time."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncEngine

from graph.client import Client
from hookline.accounts import store
from hookline.accounts.store import Sealed
from hookline.doctor.catalogue import NOT_WANTED
from hookline.doctor.checks import callback as of_callback
from hookline.doctor.checks import configured as of_settings
from hookline.doctor.checks import database as of_database
from hookline.doctor.checks import graph as of_graph
from hookline.doctor.checks import ingest as of_ingest
from hookline.doctor.checks import kafka as of_kafka
from hookline.doctor.facts import (
    Callback,
    Database,
    Deliveries,
    Disk,
    Facts,
    Group,
    Ingest,
    Kafka,
    Part,
    Stages,
)
from hookline.doctor.finding import Unseen
from hookline.doctor.meta import App, Connected, Graph
from hookline.doctor.probes import account, app, asking, callback, database, disk, graph, ingest
from hookline.doctor.probes import kafka as in_kafka
from hookline.doctor.setup import Setup
from hookline.subscriptions.survey import UnknownAccountError
from runtime.database import dispose, new_engine
from runtime.errors import HooklineError
from runtime.vault import Vault

Result = TypeVar("Result")

Advance = Callable[[int], None]

STATEMENT_TIMEOUT_S: Final = 8.0

DEFAULT_TIMEOUT_S: Final = 30.0
"""Where the setting itself is wrong."""

LOOKS: Final = 5
"""So many things are looked at at the same time."""


META: Final = "facebook.com"

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked at: parts, accounts (none: all), and the folder of a running line."""

    parts: Collection[Part]
    account_ids: Sequence[str] = ()
    folder: Path | None = None


def _now() -> datetime:
    return datetime.now(UTC)


async def look(
    setup: Setup, wanted: Wanted, advance: Advance = lambda _: None, clock: Clock = _now
) -> Facts:
    """All facts. What could not be looked at, or not in time, is told in them.

    Raises:
        UnknownAccountError: one of the accounts is not connected.
    """
    return await _Look(setup, wanted, advance, clock).facts()


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the database tells, and what Meta does about that."""

    database: Database | Unseen
    stages: Stages | Unseen
    deliveries: Deliveries | Unseen
    apps: tuple[App, ...] | Unseen
    accounts: tuple[Connected, ...] | Unseen


class _Look:
    def __init__(self, setup: Setup, wanted: Wanted, advance: Advance, clock: Clock) -> None:
        examination = setup.examination
        self._setup = setup
        self._wanted = wanted
        self._advance = advance
        self._clock = clock
        self._timeout_s = (
            DEFAULT_TIMEOUT_S if isinstance(examination, Unseen) else examination.doctor_timeout_s
        )
        self._until_s = asyncio.get_running_loop().time() + self._timeout_s
        self._strangers: list[str] = []

    async def facts(self) -> Facts:
        async with asyncio.TaskGroup() as group:
            callback_ = group.create_task(self._callback())
            ingest_ = group.create_task(self._ingest())
            graph_ = group.create_task(self._graph())
            kafka_ = group.create_task(self._kafka())
            stored_ = group.create_task(self._stored())
        if self._strangers:
            raise UnknownAccountError(
                f"Not connected: {', '.join(self._strangers)}. Which are: hookline accounts list"
            )
        kafka, groups = kafka_.result()
        stored = stored_.result()
        return Facts(
            self._clock(),
            self._setup.configured,
            callback_.result(),
            ingest_.result(),
            graph_.result(),
            stored.apps,
            stored.accounts,
            kafka,
            groups,
            stored.database,
            stored.stages,
            stored.deliveries,
            await asyncio.to_thread(self._disks),
        )

    async def _within(self, work: Awaitable[Result], blame: str) -> Result | Unseen:
        """What comes of it in time. Whatever goes wrong hides nothing else that is looked at."""
        try:
            async with asyncio.timeout_at(self._until_s):
                return await work
        except TimeoutError:
            return Unseen(f"not done within {self._timeout_s:g} s", blame)
        except Exception as error:  # noqa: BLE001  # a fault of ours is one more that is red
            return Unseen(f"looking at it failed ({type(error).__name__})", blame)

    def _wants(self, *parts: Part) -> bool:
        return not set(parts).isdisjoint(self._wanted.parts)

    async def _callback(self) -> Callback | Unseen:
        settings, call = self._setup.callback, self._setup.call
        if not self._wants("callback"):
            return NOT_WANTED
        if isinstance(settings, Unseen):
            return settings
        if settings.callback_url is None:
            return Unseen("HOOKLINE_PUBLIC_URL is not set", of_settings.SLUG)
        host = "" if isinstance(call, Unseen) else urlsplit(call.graph_url).hostname or ""
        of_meta = not host or host == META or host.endswith(f".{META}")
        token = settings.verify_token
        looked = callback.look(
            settings.callback_url, token.get_secret_value() if token else None, of_meta=of_meta
        )
        return await self._done(self._within(looked, of_callback.ROOT))

    async def _ingest(self) -> Ingest | Unseen | None:
        settings = self._setup.examination
        if not self._wants("ingest"):
            return NOT_WANTED
        if isinstance(settings, Unseen) or settings.ingest_url is None:
            return settings if isinstance(settings, Unseen) else None
        return await self._done(self._within(ingest.look(settings.ingest_url), of_ingest.ROOT))

    async def _graph(self) -> Graph | Unseen:
        settings = self._setup.call
        if not self._wants("graph"):
            return NOT_WANTED
        if isinstance(settings, Unseen):
            return settings
        return await self._done(self._within(graph.look(settings, self._clock), of_graph.ROOT))

    async def _kafka(self) -> tuple[Kafka | Unseen, tuple[Group, ...] | Unseen]:
        settings = self._setup.topics
        if not self._wants("kafka", "groups"):
            return NOT_WANTED, NOT_WANTED
        if isinstance(settings, Unseen):
            return settings, settings
        seen = await self._done(self._within(in_kafka.look(settings), of_kafka.ROOT))
        return (seen, seen) if isinstance(seen, Unseen) else seen

    async def _stored(self) -> _Stored:
        settings = self._setup.database
        if not self._wants("database", "stages", "deliveries", "accounts", "apps"):
            return _Stored(*[NOT_WANTED] * 5)
        if isinstance(settings, Unseen):
            apps, accounts = await self._done(self._meta(settings))
            return _Stored(settings, settings, settings, apps, accounts)
        engine = new_engine(settings, "doctor", command_timeout_s=STATEMENT_TIMEOUT_S)
        try:
            return await self._done(self._in_database(engine))
        finally:
            await dispose(engine)

    async def _in_database(self, engine: AsyncEngine) -> _Stored:
        found = await self._within(database.look(engine, self._clock), of_database.ROOT)
        tables = _tables(found)
        if isinstance(tables, Unseen):
            apps, accounts = await self._meta(tables)
            return _Stored(found, tables, tables, apps, accounts)
        watch = self._setup.watch
        if isinstance(watch, Unseen):
            deliveries: Deliveries | Unseen = watch
        else:
            interval = timedelta(seconds=watch.watchdog_interval_s)
            looked = database.look_at_deliveries(engine, interval)
            deliveries = await self._within(looked, of_database.ROOT)
        stages = await self._within(database.look_at_stages(engine), of_database.ROOT)
        rows = await self._within(self._rows(engine), of_database.ROOT)
        apps, accounts = await self._meta(rows)
        return _Stored(found, stages, deliveries, apps, accounts)

    async def _rows(self, engine: AsyncEngine) -> list[Sealed] | Unseen:
        """The wanted accounts."""
        try:
            rows = await store.connected(engine)
        except HooklineError as error:
            return database.unreadable(error)
        wanted = self._wanted.account_ids
        self._strangers = sorted(set(wanted) - {row.account.account_id for row in rows})
        return [row for row in rows if not wanted or row.account.account_id in wanted]

    async def _meta(
        self, rows: list[Sealed] | Unseen
    ) -> tuple[tuple[App, ...] | Unseen, tuple[Connected, ...] | Unseen]:
        """Apps and accounts, as Meta sees them."""
        call = self._setup.call
        if not self._wants("apps", "accounts"):
            return NOT_WANTED, NOT_WANTED
        if isinstance(call, Unseen):
            return call, rows if isinstance(rows, Unseen) else call
        async with Client(call.graph_url, call.graph_version, call.graph_timeout_s) as client:
            meta = asking.Asking(client, self._until_s)
            return await asyncio.gather(
                self._within(self._apps(meta, rows), of_graph.ROOT),
                self._within(self._accounts(meta, rows), of_graph.ROOT),
            )

    async def _apps(
        self, meta: asking.Asking, rows: list[Sealed] | Unseen
    ) -> tuple[App, ...] | Unseen:
        settings, told = self._setup.apps, self._setup.callback
        if isinstance(settings, Unseen):
            return settings
        secrets = settings.secrets_by_app()
        of_accounts = [] if isinstance(rows, Unseen) else [row.account.app_id for row in rows]
        all_apps = [] if self._wanted.account_ids else [app_id for app_id, _ in secrets]
        callback_url = None if isinstance(told, Unseen) else told.callback_url
        today = self._clock().date()
        return await app.look(meta, [*of_accounts, *all_apps], secrets, callback_url, today)

    async def _accounts(
        self, meta: asking.Asking, rows: list[Sealed] | Unseen
    ) -> tuple[Connected, ...] | Unseen:
        if isinstance(rows, Unseen):
            return rows
        apps, vault = self._setup.apps, self._setup.vault
        accounts = account.Accounts(
            meta,
            apps if isinstance(apps, Unseen) else apps.secrets_by_app(),
            vault if isinstance(vault, Unseen) else Vault(vault),
            self._clock().date(),
        )
        return await accounts.look(rows)

    def _disks(self) -> tuple[Disk | Unseen, ...]:
        """Those of this machine. They never keep anybody waiting."""
        spool, folder = self._setup.spool, self._wanted.folder
        found = []
        if not isinstance(spool, Unseen) and spool.ingest_spool_dir is not None:
            needs = spool.ingest_spool_max_bytes
            found.append(disk.look("the spool", spool.ingest_spool_dir, needs))
        if folder is not None:
            found.append(disk.look("the folder", folder))
        return tuple(found)

    async def _done(self, work: Awaitable[Result]) -> Result:
        result = await work
        self._advance(1)
        return result


def _tables(seen: Database | Unseen) -> Database | Unseen:
    """Whether there are tables to be looked at, as this release has them."""
    if isinstance(seen, Database) and (seen.revision is None or seen.revision < seen.needed):
        return Unseen("the tables are not as this release needs them", of_database.REVISION)
    return seen
