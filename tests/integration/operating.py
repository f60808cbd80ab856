"""An operator with accounts at the simulated Graph API: verbs, the worker, and what is stored."""

import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from runtime.vault import new_key
from simulator.graph.server import GraphServer
from tests.integration.handled import Handled, consumed, received
from tests.integration.process import process
from tests.integration.verb import Ran, verb
from workers.enrich.handler import EnrichHandler

MEDIA: Final = "18000000000000001"


class Operator:
    """Who runs verbs and workers, with one set of settings."""

    def __init__(
        self, engine: AsyncEngine, database_url: str, server: GraphServer, **settings: str
    ) -> None:
        self._engine = engine
        self._line = Handled(engine)
        self._enrich = EnrichHandler(engine)
        self._commented = 0
        self.graph = server.graph
        self.key = new_key()
        options = server.graph.options
        self.settings = {
            "DATABASE_URL": database_url,
            "GRAPH_URL": server.url,
            "APP_SECRETS": f"7:another,{options.app_id}:{options.app_secret}",
            "VAULT_KEYS": self.key,
            **settings,
        }

    @property
    def token(self) -> str:
        """A short-lived user token."""
        return self.graph.tokens.user_token(0)

    async def verb(self, *arguments: str, stdin: str = "", **changed: str) -> Ran:
        """Runs `hookline …`."""
        return await verb(*arguments, stdin=stdin, **{**self.settings, **changed})

    async def connect(self, *arguments: str, token: str | None = None, **changed: str) -> Ran:
        """Connects with a token on standard input."""
        given = self.token if token is None else token
        told = ("accounts", "connect", "--token-file", "-", *arguments)
        return await self.verb(*told, stdin=given, **changed)

    @asynccontextmanager
    async def worker(self, log: Path, **changed: str) -> AsyncIterator[Process]:
        """The worker `enrich` as a process, whose output is added to a file."""
        settings = {**self.settings, **changed}
        async with process(log, "worker", "enrich", **settings) as started:
            yield started

    async def commented(self, account_id: str, count: int = 1) -> None:
        """So many comments came in, and are to be read with their media."""
        first = 17_000_000_000_000_000 + self._commented
        self._commented += count
        values = [{"id": str(first + number), "media": {"id": MEDIA}} for number in range(count)]
        changes = [{"field": "comments", "value": value} for value in values]
        entry = {"id": account_id, "time": 1734638812, "changes": changes}
        body = json.dumps({"object": "instagram", "entry": [entry]}).encode()
        await self._enrich.handle(consumed(await self._line.store([received(body)])))

    async def waiting(self, account_id: str) -> int:
        """How many reads wait for an account."""
        [row] = await self.rows(
            "SELECT count(*) AS waiting FROM hookline.enrichment_tasks "
            f"WHERE account_id = '{account_id}'"
        )
        return int(row["waiting"])

    async def parked(self, account_id: str) -> bool:
        """Whether the account waits for somebody to connect it."""
        return (await self.state(account_id))[0] == "parked"

    async def state(self, account_id: str) -> tuple[str, str | None]:
        """How an account stands, and why."""
        [row] = await self.rows(
            f"SELECT * FROM hookline.accounts WHERE account_id = '{account_id}'"
        )
        return row["state"], row["state_reason"]

    async def rows(self, query: str = "SELECT * FROM hookline.accounts") -> list[dict[str, Any]]:
        """What is stored."""
        async with transaction(self._engine) as connection:
            return [dict(row) for row in (await connection.execute(text(query))).mappings()]

    async def execute(self, statement: str) -> None:
        """Changes what is stored."""
        async with transaction(self._engine) as connection:
            await connection.execute(text(statement))
