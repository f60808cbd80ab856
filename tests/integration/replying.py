"""The parts of the worker reply on one database, and a simulated Graph API that takes answers."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any, Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.budget.ledger import Ledger
from graph.client import Client, Credentials
from graph.requests import read
from graph.tokens import Tokens
from hookline.accounts.meta import Reached, UserToken
from hookline.accounts.store import connect
from runtime.database import transaction
from runtime.health import Readiness
from runtime.retry import Retry
from runtime.vault import Vault, new_key
from runtime.worker import Record
from schemas.crash_points import CrashPoint
from schemas.dead_letters import Source
from schemas.enriched import Endpoint, Read, encode_enriched
from schemas.events import brought_by, decode_event
from schemas.settings import ReplySettings
from schemas.splitting import id_text
from schemas.topics import enriched_topic
from simulator.graph.faults import Fault
from simulator.graph.graph import Graph
from simulator.graph.options import GraphOptions
from simulator.graph.server import serve_graph
from tests.integration.enriching import ACCOUNT, AMPLE, MEDIA, bodies
from tests.integration.handled import Handled, received
from workers.reply import sender
from workers.reply.deciding import Decision, Hold, Rules, Sent
from workers.reply.facts import Facts
from workers.reply.handler import ReplyHandler
from workers.reply.outbox import Outbox
from workers.reply.sender import Sender

OTHERS: Final = "18099999999990001"
"""Media of somebody else."""

RULE: Final = "thanks"


def simulated(**changed: Any) -> GraphOptions:
    """A Graph API with calls enough for both accounts."""
    given = {"users": 2, "accounts": 2, "album_share": 0.0, "require_proof": True}
    return GraphOptions(**{"account_limit": AMPLE, "app_limit": AMPLE, **given, **changed})


def mentions(count: int, first: int = 0) -> list[tuple[str, Any]]:
    """Mentions in comments on somebody's media."""
    return [
        ("mentions", {"media_id": OTHERS, "comment_id": f"{17_000_000_000_000_000 + number}"})
        for number in range(first, first + count)
    ]


def comment(number: int, **more: Any) -> tuple[str, Any]:
    """A comment on our own media, that is not hidden."""
    value = {
        "id": f"{17_100_000_000_000_000 + number}",
        "text": "Nice!",
        "from": {"id": f"90{number}", "username": f"person_{number}"},
        "media": {"id": MEDIA, "media_product_type": "FEED"},
    }
    return ("comments", value | more)


@dataclass
class ChangingRules:
    """Answers everything, in words that name who is answered; all of it can be changed."""

    rule: str | None = RULE
    message: str = "Thank you, {username}!"
    dry_run: bool = False
    stopped: bool = False
    held: Hold | None = None
    max_per_hour: int = 10**6
    seen: list[Sent] = field(default_factory=list)

    def current(self) -> Rules:
        """Itself."""
        return self

    @property
    def sending(self) -> Collection[str]:
        """Its one rule, unless it has stopped."""
        return () if self.rule is None or self.stopped else (self.rule,)

    def decide(self, facts: Facts) -> Decision | None:
        """The answer."""
        if self.rule is None:
            return None
        return Decision(self.rule, self.message.format(username=facts.username), self.dry_run)

    def hold(self, sent: Sent) -> Hold | None:
        """What is told to it, or an hour's limit."""
        self.seen.append(sent)
        if self.held is None and len(sent.last_hour) >= self.max_per_hour:
            return Hold("hour_limit", sent.last_hour[-self.max_per_hour] + timedelta(hours=1))
        return self.held


@dataclass
class Replying:
    """The parts of the worker, on one database."""

    engine: AsyncEngine
    graph: Graph
    settings: ReplySettings
    client: Client
    line: Handled
    handler: ReplyHandler
    rules: ChangingRules = field(default_factory=ChangingRules)
    readiness: Readiness = field(default_factory=Readiness)

    async def connect(self, account_id: str = ACCOUNT) -> None:
        """An operator connects the account."""
        told = self.graph.options
        account = self.graph.directory.accounts[account_id]
        token = self.graph.tokens.user_token(account.user, long_lived=True)
        user = UserToken(token, told.app_id, told.app_secret.encode(), "1", [], [], None, None)
        found = Reached(account_id, account.username, "17", "Brand", "EAANobody", ["MANAGE"])
        await connect(self.engine, Vault(self.settings), user, [found], datetime.now(UTC))

    async def enriched(
        self,
        *changes: tuple[str, Any],
        account: str = ACCOUNT,
        source: str = "webhook",
        hidden: bool | None = False,
    ) -> list[Record]:
        """What enrich publishes once it has read these; `hidden` comments, or None: unreadable."""
        for kind, value in changes:
            if kind == "comments" and "id" in value:  # one in fifty is hidden otherwise
                fields = None if hidden is None else {"hidden": hidden}
                self.graph.contents.give(value["id"], fields)
        events: list[bytes] = []
        for body in bodies(*changes, account=account):
            self.graph.tell(body)
            delivery = received(body)._replace(source=source)
            events += [one.value or b"" for one in await self.line.store([delivery])]
        return [await self.record(event, number) for number, event in enumerate(events)]

    async def record(self, event: bytes, number: int) -> Record:
        """What enrich publishes about an event."""
        told = decode_event(event)
        endpoint: Endpoint = "comment"
        object_id = id_text(told.value.get("id"))
        if told.field == "mentions":
            comment_id = id_text(told.value.get("comment_id"))
            endpoint = "mentioned_comment" if comment_id else "mentioned_media"
            object_id = comment_id or id_text(told.value.get("media_id"))
        answer = None
        if told.account_id in self.graph.directory.accounts and (object_id or "").isdecimal():
            account = self.graph.directory.accounts[told.account_id or ""]
            token = self.graph.tokens.user_token(account.user, long_lived=True)
            credentials = Credentials(token, self.graph.options.app_secret.encode())
            request = read(endpoint, told.account_id or "", object_id or "0")
            answer = (await self.client.read(request, credentials)).object
        made = Read.model_validate(
            {
                "account_id": told.account_id,
                "endpoint": endpoint,
                "object_id": object_id or "",
                "read_at": datetime.now(UTC),
                "status": "done" if answer else "unreadable",
                "answer": answer,
            }
        )
        value = encode_enriched(event, made)
        return Record(
            Source(enriched_topic(told.field), 0, number), told.event_id.encode(), value, ()
        )

    async def plan(self, *changes: tuple[str, Any], account: str = ACCOUNT) -> list[Record]:
        """These were read, and rules decided on them."""
        records = await self.enriched(*changes, account=account)
        await self.handle(records)
        return records

    async def handle(self, records: Sequence[Record]) -> None:
        """As the loop does with a batch."""
        outcome = await self.handler.handle(records)
        assert not outcome.dead

    @asynccontextmanager
    async def replicas(self, count: int = 1, lease_s: float = 30.0) -> AsyncIterator[None]:
        """Senders at work."""
        stop = asyncio.Event()
        running = [
            asyncio.create_task(self._sender(lease_s).run(self.handler.some, stop))
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

    async def dies_at(self, point: CrashPoint, lease_s: float) -> None:
        """A replica comes to a point, and nobody hears of it again."""

        def reached(at: CrashPoint) -> None:
            if at is point:
                raise _DiedError

        with pytest.MonkeyPatch.context() as patch, suppress(ExceptionGroup):
            patch.setattr(sender, "reached", reached)
            await self._sender(lease_s).run(self.handler.some, asyncio.Event())

    def _sender(self, lease_s: float) -> Sender:
        return Sender(
            Outbox(self.engine, lease_s),
            self.client,
            Tokens(self.engine, Vault(self.settings), self.settings.secrets_by_app()),
            Ledger(self.engine, self.settings.graph_target_utilisation, lease_s),
            self.rules,
            Retry(self.readiness, "reply", 0.5),
            self.settings,
        )

    def fails(self, *faults: Fault) -> None:
        """What goes wrong from now on."""
        self.graph.faults.wanted = faults

    def answers(self) -> Counter[str]:
        """How often each comment, or media, was answered at Meta."""
        return Counter(one.target for one in self.graph.writes)

    async def time_passes(self, by: timedelta) -> None:
        """Everything that waits for a time has waited so much longer."""
        columns = ("due_at", "leased_until", "sending_at", "created_at")
        moved = ", ".join(f"{name} = {name} - CAST(:by AS interval)" for name in columns)
        await self.execute(f"UPDATE hookline.replies SET {moved}", by=by)

    async def execute(self, statement: str, **values: Any) -> None:
        """Changes what is stored."""
        async with transaction(self.engine) as connection:
            await connection.execute(text(statement), values)

    async def rows(self) -> list[dict[str, Any]]:
        """The outbox, by key."""
        query = text("SELECT * FROM hookline.replies ORDER BY reply_key")
        async with transaction(self.engine) as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def states(self) -> Counter[str]:
        """How many there are in each state."""
        return Counter(row["state"] for row in await self.rows())

    async def all_are(self, *states: str) -> bool:
        """Whether all have come to one of these states."""
        return set(await self.states()) <= set(states)


class _DiedError(Exception):
    """Here it ended."""


def replayed(record: Record) -> Record:
    """The same, brought by a replay."""
    document = json.loads(record.value or b"")
    read_now = Read.model_validate(document["read"])
    event = brought_by("replay", json.dumps(document["event"]).encode())
    return Record(record.source, record.key, encode_enriched(event, read_now), record.headers)


def anonymous(record: Record, message: str) -> Record:
    """The same mention, of which Meta tells what it says and not who wrote it."""
    document = json.loads(record.value or b"")
    told = {"id": document["read"]["object_id"], "text": message}
    read_now = Read.model_validate(document["read"] | {"answer": told})
    event = json.dumps(document["event"]).encode()
    return replace(record, value=encode_enriched(event, read_now))


def unreadable(record: Record) -> Record:
    """The same, for good without an answer of the Graph API."""
    document = json.loads(record.value or b"")
    read_now = Read.model_validate(document["read"] | {"answer": None, "status": "unreadable"})
    event = json.dumps(document["event"]).encode()
    return replace(record, value=encode_enriched(event, read_now))


@asynccontextmanager
async def replying(
    engine: AsyncEngine,
    database_url: str,
    options: GraphOptions | None = None,
    timeout_s: float = 2.0,
    clock: Callable[[], float] = time,
    **changed: Any,
) -> AsyncIterator[Replying]:
    """Everything but the senders, with a connected account."""
    async with serve_graph(options or simulated(), clock=clock) as server:
        told = server.graph.options
        settings = ReplySettings.model_validate(
            {
                "kafka_bootstrap": "127.0.0.1:1",
                "database_url": database_url,
                "app_secrets": f"{told.app_id}:{told.app_secret}",
                "vault_keys": new_key(),
                "graph_url": server.url,
                **changed,
            }
        )
        async with Client(server.url, settings.graph_version, timeout_s) as client:
            made = Replying(
                engine, server.graph, settings, client, Handled(engine), ReplyHandler(engine)
            )
            made.handler.rules = made.rules
            made.readiness.ready("starting")
            await made.connect()
            yield made
