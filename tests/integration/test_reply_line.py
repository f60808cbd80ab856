"""Answers over a real Kafka: replicas that come and go, records that come again, rebuilt tables."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.rebuild.run import Order, rebuild
from runtime.kafka import new_consumer, start_client, stop_client
from runtime.publisher import OutRecord, Publisher
from runtime.worker import Record
from schemas.settings import WorkerSettings
from schemas.topics import consumer_group
from tests.integration.broker import Broker, until
from tests.integration.replica import running
from tests.integration.replying import Replying, comment, mentions, replayed, replying
from workers.reply.handler import ReplyHandler


class Line:
    """The worker's loops on the real topics, and what its group has committed."""

    def __init__(self, parts: Replying, broker: Broker, settings: WorkerSettings) -> None:
        self._parts = parts
        self._broker = broker
        self._settings = settings

    async def skip_backlog(self) -> None:
        """Whatever other tests have left is not ours."""
        consumer = new_consumer(self._settings, consumer_group("reply"))
        await start_client(consumer, self._settings.kafka_bootstrap)
        try:
            ends = await self._broker.ends(ReplyHandler.topics)
            consumer.assign(list(ends))
            await consumer.commit(ends)
        finally:
            await stop_client(consumer)

    async def publish(self, records: Sequence[Record]) -> None:
        """As enrich does."""
        async with Publisher(self._settings) as publisher:
            await publisher.learn(list(ReplyHandler.topics))
            out = [OutRecord(one.source.topic, one.key, one.value, []) for one in records]
            await asyncio.gather(*map(publisher.publish, out))

    async def consumed(self, replicas: int = 2) -> None:
        """Runs replicas of loop and sender until everything is read and sent."""
        async with AsyncExitStack() as opened:
            for _ in range(replicas):
                handler = ReplyHandler(self._parts.engine)
                handler.rules, handler.some = self._parts.rules, self._parts.handler.some
                await opened.enter_async_context(running(handler, self._settings))
            await opened.enter_async_context(self._parts.replicas(replicas))
            await until(self._all_committed, 60)
            await until(lambda: self._parts.all_are("sent"), 60)

    async def _all_committed(self) -> bool:
        ends = await self._broker.ends(ReplyHandler.topics)
        committed = await self._broker.committed(consumer_group("reply"))
        return all(committed.get(place, 0) == end for place, end in ends.items())


async def test_once_over_redelivery_replays_and_a_rebuild(
    engine: AsyncEngine, database_url: str, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two replicas, and every record four times."""
    monkeypatch.setenv("HOOKLINE_DATABASE_URL", database_url)
    async with replying(engine, database_url) as parts:
        settings = WorkerSettings.model_validate(
            {"kafka_bootstrap": broker.bootstrap, "database_url": database_url}
        )
        line = Line(parts, broker, settings)
        await line.skip_backlog()
        records = await parts.enriched(*mentions(60), *(comment(n) for n in range(20)))
        await line.publish([*records, *records[:40]])
        await line.consumed()
        before = await parts.rows()
        assert len(before) == len(parts.graph.writes) == 80
        await line.publish([replayed(one) for one in records])
        await parts.execute("TRUNCATE hookline.mentions")
        order = Order(swap=True, workers=1, settle_s=0.01)
        report = await rebuild(engine, order, lambda _: None, lambda _: None, lambda _: None)
        assert report.exchanged["mentions"].new == 60
        await line.publish(records)
        await line.consumed()
        assert await parts.rows() == before
        assert set(parts.answers().values()) == {1}
        assert len(parts.graph.writes) == 80
