"""Rules from a file, in the worker: they decide, hold back, and change while it runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime import metrics
from runtime.database import transaction
from runtime.publisher import Publisher
from runtime.retry import Retry
from schemas.enriched import decode_enriched
from schemas.tables import graph_reads
from tests.integration.broker import until
from tests.integration.enriching import ACCOUNT
from tests.integration.replying import Replying, comment, replying
from tests.integration.verb import verb
from workers.reply.worker import run_beside

RULES = """
[[rule]]
name = "greeting"
on = ["comment"]
words = ["straße", "👍"]
answers = ["Hello, {username}!"]

[[rule]]
name = "trial"
on = ["comment"]
pattern = '\\btrial\\b'
answers = ["Never sent"]
dry_run = true

[[rule]]
name = "once"
on = ["comment"]
words = ["me"]
answers = ["You"]
max_per_person = 1
"""


class Site:
    """A worker without its loop, and its file of rules."""

    def __init__(self, line: Replying, path: Path) -> None:
        self.line = line
        self.path = path

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """What it does beside its loop."""
        stop, line = asyncio.Event(), self.line
        retry = Retry(line.readiness, "reply", 0.5)
        beside = run_beside(
            line.handler, line.engine, Publisher(line.settings), retry, line.settings, stop
        )
        task = asyncio.create_task(beside)
        await asyncio.sleep(0)  # it reads its rules before its first wait
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(task, 10)

    async def says(self, number: int, text: str, person: str = "somebody") -> str:
        """Somebody comments; gives what the comment is answered with, or why it is not."""
        name, value = comment(number, text=text)
        value["from"] = {"id": f"90{person}", "username": person}
        await self.line.plan((name, value))
        key = f"comments:{ACCOUNT}:{value['id']}"
        await until(lambda: self._is_settled(key))
        row = await self._row(key)
        if row is None:
            return "no answer"
        return row["message"] if row["state"] == "sent" else f"{row['state']} {row['reason']}"

    async def _is_settled(self, event_id: str) -> bool:
        row = await self._row(event_id)
        return row is None or row["dry_run"] or row["state"] in ("sent", "failed")

    async def _row(self, event_id: str) -> dict[str, Any] | None:
        rows = [row for row in await self.line.rows() if row["event_id"] == event_id]
        return rows[0] if rows else None

    async def uses(self, *names: str) -> None:
        """Returns when these rules send."""

        async def used() -> bool:
            return tuple(self.line.handler.rules.current().sending) == names

        await until(used)


@pytest.fixture
async def site(engine: AsyncEngine, database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """A connected account, and rules."""
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    async with replying(engine, database_url, reply_rules=path) as line:
        yield Site(line, path)


async def test_rules_of_a_file(site: Site, database_url: str) -> None:
    """From the first answer over changes and a broken file to what an operator is told."""
    await site.line.plan(comment(1, text="planned, and nobody at work"))
    await site.line.execute(
        "UPDATE hookline.replies SET rule = 'greeting', asked_at = now() - interval '1 day 1 s'"
    )
    async with site.at_work():
        assert await site.says(3, "HAUPTSTRASSE? STRASSE!") == "Hello, somebody!"
        assert await site.says(4, "nothing") == "no answer"
        assert await site.says(5, "a trial") == "planned None"
        assert await site.says(6, "me", "ann") == "You"
        assert await site.says(7, "me", "ann") == "failed person_limit"
        assert await site.says(8, "me", "bob") == "You"

        site.path.write_text(RULES.replace("Hello", "Bonjour").replace("trial", "other"))
        (site.path.parent / "next").write_text(RULES.replace("Hello", "Salut").replace("once", "x"))
        (site.path.parent / "next").replace(site.path)
        await site.uses("greeting", "x")
        assert await site.says(9, "👍🏽") == "Salut, somebody!"

        site.path.write_text("[[rule]]\nname = 5")
        await until(_is_broken)
        assert await site.says(10, "👍") == "Salut, somebody!"
        site.path.write_text("# nothing is answered")
        await site.uses()
        assert await site.says(11, "👍") == "no answer"
    first = (await site.line.rows())[0]
    assert (first["state"], first["reason"]) == ("failed", "too_old")
    assert len(site.line.graph.writes) == 5

    await _told_to_an_operator(site, database_url)


async def _is_broken() -> bool:
    return bool(metrics.REPLY_RULES_BROKEN._value.get())


async def _told_to_an_operator(site: Site, database_url: str) -> None:
    """What the worker would decide on stored events, and why not."""
    site.path.write_text(RULES)
    hidden = await site.line.enriched(comment(20, text="👍"), hidden=True)
    fresh = await site.line.enriched(comment(21, text="a STRASSE", parent_id="1710"))
    await site.line.enriched(comment(22, text="👍"))
    await site.line.enriched(comment(23, text="👍", media={"id": "18", "ad_id": "5"}))
    async with transaction(site.line.engine) as connection:
        for record in [*hidden, *fresh]:
            told = decode_enriched(record.value or b"")
            row = told.read.model_dump() | {
                "event_id": told.event.event_id,
                "field": told.event.field,
            }
            await connection.execute(insert(graph_reads).values(row))

    ids = [comment(number)[1]["id"] for number in (20, 21, 22, 3, 23)]
    options = [option for one in ids for option in ("--event", one)]
    check = ("replies", "rules", "check", str(site.path), "--json", "--max", "3")
    ran = await verb(*check, *options, "--since", "1h", DATABASE_URL=database_url)
    assert ran.code == 0, ran.err
    found = {one["sample"].rpartition(":")[2]: one for one in ran.document["samples"]}
    assert found[ids[0]]["never"] == "hidden"
    assert (found[ids[1]]["rule"], found[ids[1]]["answer"]) == ("greeting", "Hello, person_21!")
    assert found[ids[2]]["never"] == "not_read"
    assert found[ids[4]]["rule"] == "greeting"
    assert found[ids[3]]["earlier"] == [{"rule": "greeting", "state": "sent"}]
    ran = await verb(*check, "--event", "1", DATABASE_URL=database_url)
    assert (ran.code, ran.out) == (1, "")
    assert "No mention or comment is stored under 1." in ran.err
