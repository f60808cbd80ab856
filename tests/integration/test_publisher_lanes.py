"""A lane outlives whatever its producer raises."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest
from aiokafka.errors import KafkaConnectionError

import runtime.publisher
from hookline.embedded.stack import EmbeddedStack
from runtime.errors import KafkaUnavailableError
from runtime.kafka import new_consumer, new_producer, start_client, stop_client
from runtime.publisher import OutRecord, Publisher
from runtime.topics import apply_topics
from schemas.settings import KafkaSettings, TopicsSettings
from tests.faults.proxy import before_kafka
from tests.integration.broker import Broker, until

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


async def test_whatever_keeps_a_producer_from_starting_another_one_is_tried(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what nobody thought of: without a producer nothing would ever be published again."""
    tried: list[None] = []

    async def surprise(*given: Any) -> None:
        tried.append(None)
        if len(tried) < 3:
            raise ZeroDivisionError
        await start_client(*given)

    monkeypatch.setattr(runtime.publisher, "start_client", surprise)
    publisher.abandon(0)
    assert publisher.usable  # nobody waits for anything
    waiting = publisher.publish(OutRecord(TOPIC, b"key", b"value", []))
    publisher.abandon(0)
    with pytest.raises(KafkaUnavailableError):
        await waiting
    async with asyncio.timeout(TIMEOUT_S):
        await publisher.publish(OutRecord(TOPIC, b"key", b"value", []))
    assert len(tried) == 3


async def test_kafka_is_taken_for_away_when_nothing_comes_from_it(broker: Broker) -> None:
    """What waits fails at once; what comes later arrives with another producer; nothing is left."""
    settings = KafkaSettings(kafka_bootstrap=broker.bootstrap)
    await apply_topics(TopicsSettings(kafka_bootstrap=broker.bootstrap))
    before = asyncio.all_tasks()
    async with Publisher(settings) as publisher:
        await publisher.learn([TOPIC])
        with broker.paused():
            waiting = [
                publisher.publish(OutRecord(TOPIC, b"%d" % number, b"value", []))
                for number in range(50)
            ]
            await asyncio.sleep(0.5)
            publisher.abandon(60)
            assert not any(one.done() for one in waiting)
            publisher.abandon(0.3)
            ended = await asyncio.gather(*waiting, return_exceptions=True)
            assert {type(one) for one in ended} == {KafkaUnavailableError}
            later = publisher.publish(OutRecord(TOPIC, b"key", b"value", []))
        async with asyncio.timeout(TIMEOUT_S):
            await later
    async with asyncio.timeout(TIMEOUT_S):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", ["producer", "consumer"])
async def test_a_client_that_cannot_stop_leaves_nothing(broker: Broker, kind: str) -> None:
    """While Kafka stands still its tasks and connections are ended without it."""
    settings = KafkaSettings(kafka_bootstrap=broker.bootstrap)
    topic = await broker.topic()
    before, sockets = asyncio.all_tasks(), _sockets()
    client: Any
    if kind == "producer":
        client = new_producer(settings, max_batch_bytes=1024)
        await start_client(client, broker.bootstrap)
        await client.send_and_wait(topic, b"value")
    else:
        client = new_consumer(settings, f"stopping-{uuid.uuid4().hex}")
        client.subscribe([topic])
        await start_client(client, broker.bootstrap)
        await until(client.assignment)
    assert _sockets() > sockets
    with broker.paused():
        if kind == "producer":
            sent = await client.send(topic, b"value")
        await stop_client(client)
        if kind == "producer":
            with pytest.raises(KafkaConnectionError):
                await sent
        async with asyncio.timeout(TIMEOUT_S):
            while asyncio.all_tasks() - before or _sockets() > sockets:
                await asyncio.sleep(0.05)


async def test_a_line_that_nobody_uses_is_closed(broker: Broker) -> None:
    """One that died meanwhile costs nobody a time-out; the next record opens another."""
    topic = await broker.topic()
    async with (
        before_kafka(broker.bootstrap) as (proxy,),
        Publisher(KafkaSettings(kafka_bootstrap=proxy.address)) as publisher,
    ):
        await publisher.learn([topic])
        await publisher.publish(OutRecord(topic, b"key", b"value", []))
        assert proxy.connections
        proxy.strand()
        await until(lambda: not proxy.connections)
        await publisher.publish(OutRecord(topic, b"key", b"value", []))
        assert publisher.usable


def _sockets() -> int:
    """Open connections of this process."""
    return len(psutil.Process().net_connections("tcp"))
