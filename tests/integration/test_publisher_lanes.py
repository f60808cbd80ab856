"""A lane outlives whatever its producer raises."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hookline.embedded.stack import EmbeddedStack
from runtime.errors import KafkaUnavailableError
from runtime.publisher import OutRecord, Publisher
from runtime.topics import apply_topics
from schemas.settings import TopicsSettings

TOPIC = "instagram.raw.other"
TIMEOUT_S = 30


@pytest.fixture
async def publisher(stack: EmbeddedStack) -> AsyncIterator[Publisher]:
    """A publisher on the embedded Kafka."""
    settings = TopicsSettings(kafka_bootstrap=stack.kafka_bootstrap)
    await apply_topics(settings)
    async with Publisher(settings) as opened:
        await opened.learn([TOPIC])
        yield opened


async def test_an_unexpected_error_fails_its_records_and_no_later_ones(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The producer is replaced; the next record of the same partition arrives."""

    async def refuse(*_: object, **__: object) -> None:
        raise AssertionError("Unrecognized partition")

    monkeypatch.setattr(publisher.producer, "send_batch", refuse)
    record = OutRecord(TOPIC, b"key", b"value", [])
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(KafkaUnavailableError):
            await publisher.publish(record)
        await publisher.publish(record)


async def test_a_producer_is_replaced_until_one_starts(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While there is none, nothing is lost and the publisher says so."""
    old = publisher.producer

    async def refuse(*_: object, **__: object) -> None:
        raise AssertionError("Unrecognized partition")

    monkeypatch.setattr(old, "send_batch", refuse)
    first = publisher.publish(OutRecord(TOPIC, b"key", b"value", []))
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(KafkaUnavailableError):
            await first
        assert not publisher.usable
        await publisher.publish(OutRecord(TOPIC, b"key", b"value", []))
    assert publisher.usable
    assert publisher.producer is not old
