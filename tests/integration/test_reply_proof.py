"""The proof of replies, in small and without Kafka: `make prove` has all of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from schemas.crash_points import CrashPoint
from tests.chaos.replies import outbox
from tests.chaos.replies.events import event_of
from tests.chaos.replies.faults import EveryWrite
from tests.chaos.replies.returns import Comings, form_of, returns_of
from tests.chaos.replies.verdict import Event, Found, Written, judge, loop_checks
from tests.faults.clock import Clock
from tests.integration.broker import until
from tests.integration.enriching import ACCOUNT, OTHER
from tests.integration.handled import received
from tests.integration.replying import (
    RULE,
    Replying,
    comment,
    mentions,
    replayed,
    replying,
)
from workers.reply import sender

DEADLINE_S = 0.5
LEASE_S = 1.5
POLL_S = 0.05
SEED = 7


BEGUN = CrashPoint.REPLY_BEGUN
ANSWERED = CrashPoint.REPLY_ANSWERED
SETTLED = CrashPoint.REPLY_SETTLED

HOURS = 4
"""Between two times that people write."""

OTHERS_MEDIA = "18000000000000002"
"""Of the other account."""


class Day:
    """People write, and what is answered comes back.

    Attributes:
        events: what people wrote.
        came_back: how many deliveries there were of what we wrote.
    """

    def __init__(self, line: Replying, comings: Comings) -> None:
        self.events: list[Event] = []
        self.came_back = 0
        self._line = line
        self._comings = comings
        self._over = 0

    async def people_write(self, hour: int) -> None:
        """A comment, two kinds of mentions, and a comment on media of one that names the other."""
        on_media = comment(100 + hour, media={"id": OTHERS_MEDIA, "media_product_type": "FEED"})
        named = {"media_id": OTHERS_MEDIA, "comment_id": on_media[1]["id"]}
        caption = {"media_id": f"{18_099_999_999_990_100 + hour}"}
        await self._plan(OTHER, on_media)
        await self._plan(ACCOUNT, comment(hour), *mentions(1, hour), ("mentions", caption))
        await self._plan(ACCOUNT, ("mentions", named))

    async def _plan(self, account: str, *changes: tuple[str, Any]) -> None:
        records = await self._line.plan(*changes, account=account)
        self.events += [event_of((one.key or b"").decode(), RULE) for one in records]

    @asynccontextmanager
    async def returning(self) -> AsyncIterator[None]:
        """What is written comes back at once meanwhile, also what was not settled yet."""
        task = asyncio.create_task(self._return())
        try:
            yield
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def is_over(self) -> bool:
        """Whether everything has come back."""
        return self._over == len(self._line.graph.writes)

    async def _return(self) -> None:
        while True:
            for write in self._line.graph.writes[self._over :]:
                form = self._comings.forms[write.id] = form_of(SEED, write)
                for one in [*returns_of(self._line.graph, write, form)] * form.times:
                    self.came_back += 1
                    await self._arrive(one.body)
                self._over += 1
            await asyncio.sleep(POLL_S / 5)

    async def _arrive(self, body: bytes) -> None:
        events = await self._line.line.store([received(body)])
        records = [await self._line.record(one.value or b"", 0) for one in events]
        await self._line.handle(records)


def _line(
    engine: AsyncEngine, database_url: str, clock: Clock
) -> AbstractAsyncContextManager[Replying]:
    return replying(
        engine, database_url, timeout_s=DEADLINE_S, clock=clock.time, reply_pause_max_s=0
    )


async def _found(line: Replying, database_url: str) -> Found:
    rows = await outbox.rows(database_url)
    unknown = [row.reply_key for row in rows if row.state == "unknown"]
    written = [Written(one.account_id, one.target, one.id) for one in line.graph.writes]
    return Found(written, rows, listed=unknown)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Senders look all the time."""
    monkeypatch.setattr(sender, "LOOK_INTERVAL_S", POLL_S)
    monkeypatch.setattr(sender, "TIDY_INTERVAL_S", POLL_S)


async def test_a_hundred_mentions_with_a_fault_on_every_write(
    engine: AsyncEngine, database_url: str
) -> None:
    """Replicas that die, two replays: each is answered once at most, and told truly how."""
    clock = Clock()
    await clock.install(database_url)
    async with _line(engine, database_url, clock) as line:
        line.graph.faults = EveryWrite(SEED)
        changes = [*mentions(100), *(comment(number) for number in range(10))]
        records = await line.enriched(*changes)
        await line.handle([one for one in records if (one.key or b"").startswith(b"mentions")][:60])
        for point in (BEGUN, ANSWERED, SETTLED, BEGUN, ANSWERED):
            await line.dies_at(point, LEASE_S)
        async with line.replicas(3, LEASE_S):
            line.handler.to_replayed = True
            for again in (records, [replayed(one) for one in records], records):
                await line.handle(again)
            passed = await outbox.settled(database_url, [RULE], clock)
        assert passed > timedelta(hours=1)  # answers to comments were looked for to the end
        events = [event_of(one.key.decode(), RULE) for one in records if one.key]
        verdict = judge(events, found := await _found(line, database_url))
    assert not [check for check in verdict.checks if not check.holds]
    assert (verdict.events, len(found.rows)) == (110, 110)
    assert {"sent", "failed", "unknown"} <= set(verdict.states)
    assert verdict.reasons["unknown: sender_died"] >= 2


async def test_a_day_in_which_every_answer_comes_back(
    engine: AsyncEngine, database_url: str
) -> None:
    """Two accounts that name each other in all they write: nobody answers an answer."""
    clock = Clock()
    await clock.install(database_url)
    async with _line(engine, database_url, clock) as line:
        await line.connect(OTHER)
        names = [one.username for one in line.graph.directory.accounts.values()]
        line.rules.message = "Thanks! " + " ".join(f"@{name}" for name in names)
        line.rules.max_per_hour = 5
        line.graph.faults = comings = Comings(SEED, int(DEADLINE_S * 500))
        day = Day(line, comings)
        async with line.replicas(3, LEASE_S), day.returning():
            for hour in range(0, 24, HOURS):
                await day.people_write(hour)
                await outbox.settled(database_url, [RULE], clock=None)
                await clock.forward(timedelta(hours=HOURS))
            await outbox.settled(database_url, [RULE], clock)
            await until(day.is_over)
            await outbox.settled(database_url, [RULE], clock)
        found = await _found(line, database_url)
    checks = [*loop_checks(day.events, found), *judge(day.events, found).checks]
    assert not [check for check in checks if not check.holds]
    assert len(day.events) == 24 // HOURS * 5
    assert day.came_back > len(day.events)
