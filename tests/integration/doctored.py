"""A line for the doctor to look at: all of it real, but for Meta, and for the workers."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.client import Client
from graph.subscribing import Subscribing
from graph.subscriptions import FIELDS
from hookline.accounts.connecting import connect
from hookline.doctor.catalogue import CHECKS, examined, parts_of
from hookline.doctor.finding import Finding
from hookline.doctor.look import Wanted, look
from hookline.doctor.setup import setup
from runtime.configuration import load
from runtime.database import dispose, new_engine, transaction
from runtime.vault import Vault, new_key
from schemas.settings import WEBHOOK_PATH, AccountsSettings, MigrateSettings
from schemas.topics import consumer_group
from simulator.graph.app_subscriptions import AppSubscription
from simulator.graph.options import GraphOptions
from simulator.graph.server import GraphServer, serve_graph
from tests.conftest import copied
from tests.integration.broker import Broker, until
from tests.integration.front import Authority, Front, front_of
from tests.integration.handled import Handled, received
from tests.integration.process import process
from tests.integration.service import VERIFY_TOKEN, free_port
from tests.integration.verb import Ran, verb
from workers.registry import WORKERS, topics_of
from workers.watchdog.watchdog import Watchdog

ACCOUNTS: Final = ("17841400000000001", "17841400000000002")

Findings: TypeAlias = list[Finding]


@dataclass
class Line:
    """A whole line: who stands in for whom is said where it is made."""

    engine: AsyncEngine
    front: Front
    server: GraphServer
    ingest_url: str
    authority: Authority
    settings: dict[str, str]
    readers: dict[str, AIOKafkaConsumer] = field(default_factory=dict)
    ahead: timedelta = timedelta(0)
    changed: dict[str, str] = field(default_factory=dict)

    @property
    def graph(self) -> Any:
        """The simulated Graph API."""
        return self.server.graph

    @property
    def callback_url(self) -> str:
        """What the app is subscribed with."""
        return f"{self.front.url}{WEBHOOK_PATH}"

    async def examine(self, *checks: str, accounts: Sequence[str] = ()) -> Findings:
        """What the doctor finds."""
        given = {name: one for name, one in {**self.settings, **self.changed}.items() if one}
        facts = await look(
            setup(given),
            Wanted(parts_of(checks or CHECKS), accounts),
            clock=lambda: datetime.now(UTC) + self.ahead,
        )
        return examined(facts, checks or CHECKS)

    async def verb(self, *arguments: str, **changed: str) -> Ran:
        """`hookline doctor …` as a process."""
        given = {name.upper(): value for name, value in {**self.settings, **changed}.items()}
        return await verb("doctor", *arguments, **given)

    async def execute(self, statement: str) -> None:
        """Changes what is stored."""
        async with transaction(self.engine) as connection:
            await connection.execute(text(statement))

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """What is stored."""
        async with transaction(self.engine) as connection:
            return [dict(row) for row in (await connection.execute(text(query))).mappings()]

    async def connect(self) -> None:
        """The accounts, with the tokens that their user has now."""
        token = self.graph.tokens.user_token(0)
        await connect(self.engine, load(AccountsSettings, self.settings), token, (), dry_run=False)

    def subscribe_app(self, **changes: Any) -> None:
        """What the app is subscribed to."""
        told = {"callback_url": self.callback_url, "fields": dict.fromkeys(FIELDS, "v25.0")}
        self.graph.apps.put([AppSubscription(**{**told, **changes})])

    def grant(self, **changes: Any) -> None:
        """What the user granted; all of it at first."""
        grants = self.graph.grants
        grants.now = grants.first.model_copy(update=changes)

    async def read(self, worker: str) -> None:
        """A worker's group has a member, which has read everything."""
        reader = AIOKafkaConsumer(
            *topics_of(worker),
            bootstrap_servers=self.settings["kafka_bootstrap"],
            group_id=consumer_group(worker),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await reader.start()
        self.readers[worker] = reader
        await until(reader.assignment)
        await reader.commit(await reader.end_offsets(list(reader.assignment())))


@asynccontextmanager
async def whole_line(broker: Broker, template_url: str, folder: Path) -> AsyncIterator[Line]:
    """All real, but for Meta, and for the workers: of them only their groups are there."""
    authority, key, port = Authority(folder), new_key(), free_port()
    ingest_url = f"http://127.0.0.1:{port}"
    options = GraphOptions(accounts=2, page_fields=("feed",), app_secret="5ec2e7c0ffee")
    async with AsyncExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv(
            "SSL_CERT_FILE", str(authority.path)
        )
        front = await stack.enter_async_context(front_of(ingest_url, authority.certificate()))
        server = await stack.enter_async_context(serve_graph(options))
        url = await stack.enter_async_context(copied(template_url))
        settings = {
            "kafka_bootstrap": broker.bootstrap,
            "topic_partitions": "3",
            "database_url": url,
            "app_secrets": f"{options.app_id}:{options.app_secret}",
            "vault_keys": key,
            "graph_url": server.url,
            "public_url": front.url,
            "verify_token": VERIFY_TOKEN,
            "ingest_url": ingest_url,
        }
        started = {
            name.upper(): settings[name]
            for name in ("kafka_bootstrap", "app_secrets", "verify_token")
        }
        await stack.enter_async_context(
            process(folder / "ingest.log", "ingest", INGEST_PORT=str(port), **started)
        )
        engine = new_engine(load(MigrateSettings, settings), "test")
        stack.push_async_callback(dispose, engine)
        made = Line(engine, front, server, ingest_url, authority, settings)
        stack.push_async_callback(_stop_all, made)
        await _furnish(made)
        yield made


async def _furnish(made: Line) -> None:
    """Accounts, subscriptions, readers, a delivery, and a look of the watchdog."""
    made.subscribe_app()
    await asyncio.gather(made.connect(), *map(made.read, WORKERS), until(lambda: _ready(made)))
    change = {"field": "comments", "value": {"id": "17900000000000001", "text": "hello"}}
    entry = {"id": ACCOUNTS[0], "time": 1734638812, "changes": [change]}
    body = json.dumps({"object": "instagram", "entry": [entry]}).encode()
    await Handled(made.engine).store([received(body)])
    await _watch(made)


async def _watch(made: Line) -> None:
    options = made.graph.options
    async with Client(made.server.url, "v25.0", 5.0) as client:
        watchdog = Watchdog(
            made.engine,
            Subscribing(client, made.callback_url, VERIFY_TOKEN),
            Vault(load(AccountsSettings, made.settings)),
            [(options.app_id, options.app_secret.encode())],
            timedelta(minutes=10),
        )
        await watchdog.look()


async def _stop_all(made: Line) -> None:
    await asyncio.gather(*(reader.stop() for reader in made.readers.values()))


async def _ready(made: Line) -> bool:
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{made.ingest_url}/readyz") as answer,
        ):
            return answer.status == 200
    except aiohttp.ClientError:
        return False
