"""A day in which every answer comes back, while the clock runs: nobody answers an answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from simulator import comments, mentions, shapes
from simulator.delivery import Delivery
from simulator.sender import SenderOptions, send
from simulator.target import Target
from simulator.wire import Notification
from simulator.world import Account, World
from tests.chaos.drain import drained
from tests.chaos.line import Line
from tests.chaos.replies import outbox
from tests.chaos.replies.events import AGAIN_SHARE, event_of
from tests.chaos.replies.faults import DEADLINE_S
from tests.chaos.replies.graph import FailingGraph
from tests.chaos.replies.returns import Comings, form_of, returns_of
from tests.chaos.replies.rules import EVERYONE, NAMED
from tests.chaos.replies.verdict import LISTED, Event, Found
from tests.faults.clock import Clock

HOURS: Final = 24
HOUR_S: Final = 1.5
"""How long an hour takes."""

LATE_MS: Final = int(DEADLINE_S * 600)
"""An answer that takes so long comes back before it is known to be there."""

POLL_S: Final = 0.02


class Day:
    """Some accounts that name each other in all they write, and people who write to them.

    Attributes:
        events: what people wrote.
        came_back: how many deliveries there were of what we wrote.
    """

    def __init__(self, line: Line, graph: FailingGraph, clock: Clock, seed: int) -> None:
        self.events: list[Event] = []
        self.came_back = 0
        self._line = line
        self._graph = graph
        self._clock = clock
        self._seed = seed
        self._comings = Comings(seed, LATE_MS)
        self._world = World(seed + 1, accounts=NAMED, start_s=int(time.time()))
        self._first = self._over = len(graph.writes)

    async def run(self) -> Found:
        """Has it pass; gives what came of it.

        Raises:
            NotDrainedError: something stays on its way.
            NotSettledError: something stays due.
        """
        self._graph.faults = self._comings
        url = self._line.database_url
        before = {row.reply_key for row in await outbox.rows(url)}
        async with self._returning():
            for _ in range(HOURS):
                await self._send(list(self._people_write()))
                await asyncio.sleep(HOUR_S)
                await self._clock.forward(timedelta(hours=1))
            await self._rest()
        rows = [row for row in await outbox.rows(url) if row.reply_key not in before]
        unknown = [row.reply_key for row in rows if row.state == LISTED]
        return Found(self._graph.written[self._first :], rows, listed=unknown)

    async def _rest(self) -> None:
        """Until everything was sent, and what came back of it was read."""
        done = -1
        while done != len(self._graph.writes):
            done = len(self._graph.writes)
            await outbox.settled(self._line.database_url, (EVERYONE,), self._clock)
            while self._over < len(self._graph.writes):
                await asyncio.sleep(POLL_S)
            await drained(self._line.kafka_bootstrap, self._line.database_url)

    def _people_write(self) -> Iterator[Delivery]:
        """For each account a comment, two kinds of mentions, and a comment that names another."""
        world, accounts = self._world, self._world.accounts
        for number, account in enumerate(accounts):
            values = [
                ("comments", comments.organic(world, account)),
                ("mentions", mentions.in_comment(world)),
                ("mentions", mentions.in_caption(world)),
            ]
            for field, value in values:
                yield from self._told(account, Notification(field, value))
            comment = comments.organic(world, account)
            named = {"media_id": comment["media"]["id"], "comment_id": comment["id"]}
            yield from self._told(account, Notification("comments", comment))
            other = accounts[(number + 1) % len(accounts)]
            yield from self._told(other, Notification("mentions", named))

    def _told(self, account: Account, update: Notification) -> Iterator[Delivery]:
        delivery = shapes.batch(self._world, "people", account, [update])
        self._graph.tell(delivery.body)
        if update.field == "comments":
            self._graph.contents.give(update.value["id"], {"hidden": False})
        ids = (change.event_id for change in delivery.changes)
        self.events += [event_of(event_id, EVERYONE) for event_id in ids if event_id is not None]
        yield delivery
        if self._world.chance(AGAIN_SHARE):
            yield delivery

    @asynccontextmanager
    async def _returning(self) -> AsyncIterator[None]:
        """What is written comes back at once meanwhile, also what is not known to be there yet."""
        task = asyncio.create_task(self._return())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _return(self) -> None:
        while True:
            writes = self._graph.writes[self._over :]
            for write in writes:
                form = self._comings.forms[write.id] = form_of(self._seed, write)
                bodies = [one.body for one in returns_of(self._graph, write, form)] * form.times
                self.came_back += len(bodies)
                await self._send([Delivery("comes_back", body) for body in bodies])
            self._over += len(writes)
            await asyncio.sleep(POLL_S)

    async def _send(self, deliveries: list[Delivery]) -> None:
        state = self._line.state
        target = Target(state.ingest_url, state.app_secret.encode(), state.app_id)
        await send(target, deliveries, SenderOptions())
