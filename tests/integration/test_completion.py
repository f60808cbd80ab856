"""Deliveries that only some of their topics have become whole, without a hand."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from runtime.health import Readiness
from runtime.publisher import Publisher
from runtime.retry import Retry
from runtime.worker import Record, dead_letter
from schemas.deliveries import Delivery, read_delivery
from schemas.topics import RAW_TOPICS, raw_topic
from tests.integration.broker import Broker
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.handled import Handled, consumed, letter_records, raw_records, received
from tests.integration.test_trace import mention_and_story
from workers.archive.completion import PATIENCE, Completion

OUTCOMES: Final = """
SELECT field, outcome, sum(changes)::int FROM analytics.outcomes GROUP BY 1, 2 ORDER BY 1, 2
"""


@pytest.fixture
async def completion(
    broker: Broker, worker_settings: MakeWorkerSettings, engine: AsyncEngine
) -> AsyncIterator[Completion]:
    """On the test's own database and the session's Kafka."""
    assert broker.bootstrap
    async with Publisher(worker_settings()) as publisher:
        await publisher.learn(list(RAW_TOPICS))
        yield Completion(engine, publisher, Retry(Readiness(), "test"))


@pytest.fixture
def delivery() -> Delivery:
    """Of two fields, received long enough ago."""
    return received(mention_and_story("1790"), datetime.now(UTC) - PATIENCE * 1.1)


async def outcomes(engine: AsyncEngine) -> list[tuple[str, str, int]]:
    """How changes ended, by field."""
    async with transaction(engine) as connection:
        return [(row[0], row[1], row[2]) for row in await connection.execute(text(OUTCOMES))]


async def completed(completion: Completion, broker: Broker) -> list[Record]:
    """What a look of it put into the raw topics."""
    ends = await broker.ends(RAW_TOPICS)
    await completion.look()
    return await broker.new_records(ends)


async def half(engine: AsyncEngine, delivery: Delivery) -> Handled:
    """A line that got the delivery from one of its two topics."""
    line = Handled(engine)
    [record, _] = raw_records([delivery])
    await line.archive.handle([record])
    split = await line.dedupe.handle([record])
    await line.persist.handle(consumed(split.results))
    return line


async def test_what_one_topic_lacks_is_published_to_it(
    completion: Completion, broker: Broker, engine: AsyncEngine, delivery: Delivery
) -> None:
    """As it was received, once; then every change has its row."""
    line = await half(engine, delivery)
    assert await outcomes(engine) == [("mentions", "stored", 1), ("story_insights", "in_flight", 1)]
    [record] = await completed(completion, broker)
    assert record.source.topic == raw_topic("story_insights")
    assert read_delivery(record.headers, record.value) == delivery
    assert await completed(completion, broker) == []
    await line.archive.handle([record])
    split = await line.dedupe.handle([record])
    await line.persist.handle(consumed(split.results))
    assert await outcomes(engine) == [("mentions", "stored", 1), ("story_insights", "stored", 1)]


async def test_another_replica_finds_nothing_more_to_do(
    completion: Completion,
    broker: Broker,
    worker_settings: MakeWorkerSettings,
    engine: AsyncEngine,
    delivery: Delivery,
) -> None:
    """Once dedupe has seen what was completed."""
    line = await half(engine, delivery)
    await line.dedupe.handle(await completed(completion, broker))
    async with Publisher(worker_settings()) as publisher:
        await publisher.learn(list(RAW_TOPICS))
        other = Completion(engine, publisher, Retry(Readiness(), "test"))
        assert await completed(other, broker) == []


async def test_what_may_still_arrive_is_waited_for(
    completion: Completion, broker: Broker, engine: AsyncEngine, delivery: Delivery
) -> None:
    """A delivery of this minute, and one that dedupe has not come to."""
    now = datetime.now(UTC)
    await half(engine, received(mention_and_story("1791"), now))
    await Handled(engine).archive.handle(raw_records([delivery])[:1])
    assert await completed(completion, broker) == []


async def test_what_ended_as_a_dead_letter_has_ended(
    completion: Completion, broker: Broker, engine: AsyncEngine, delivery: Delivery
) -> None:
    """Sending it again would make another one."""
    line = await half(engine, delivery)
    [_, record] = raw_records([delivery])
    await line.archive.handle(letter_records([dead_letter("dedupe", record, "malformed", "odd")]))
    assert await completed(completion, broker) == []


async def test_what_is_long_past_is_left_to_the_audit(
    completion: Completion, broker: Broker, engine: AsyncEngine
) -> None:
    """Which names it."""
    past = datetime.now(UTC) - timedelta(days=2)
    await half(engine, received(mention_and_story("1792"), past))
    assert await completed(completion, broker) == []
