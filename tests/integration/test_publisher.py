"""Records reach Kafka in order and together, and everybody who waits is told how it ended."""

import asyncio
from collections.abc import Iterable
from contextlib import ExitStack

import pytest

from runtime.errors import KafkaUnavailableError, RecordTooLargeError, RejectError
from runtime.kafka import partition_of
from runtime.publisher import OutRecord, Publisher
from tests.integration.broker import WAIT_S, Broker, grown, until
from tests.integration.conftest import MakeWorkerSettings

HEADERS = [("a", b"1"), ("a", b"2"), ("empty", b"")]


def records(topic: str, values: Iterable[bytes], key: bytes | None = None) -> list[OutRecord]:
    """Records of one lane, or of the lanes of their values."""
    return [OutRecord(topic, key or value, value, HEADERS) for value in values]


async def done(acks: list[asyncio.Future[None]]) -> list[BaseException | None]:
    """How each of them ended; fails when one never does."""
    async with asyncio.timeout(WAIT_S):
        return await asyncio.gather(*acks, return_exceptions=True)


async def test_one_lane_keeps_its_order_and_shares_batches(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """What is published before the first ack travels in a few batches, as it was given."""
    topic = await broker.topic()
    before = await broker.ends([topic])
    values = [b"%d" % number for number in range(1000)]
    async with Publisher(worker_settings()) as publisher:
        await publisher.learn([topic])
        acks = [publisher.publish(record) for record in records(topic, values, b"key")]
        assert await done(acks) == [None] * len(values)
    found = await broker.new_records(before)
    assert [record.value for record in found] == values
    assert {(record.key, record.headers) for record in found} == {(b"key", tuple(HEADERS))}
    assert broker.batches(topic) <= 20


async def test_lanes_are_partitions_by_key(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """One key is always in one partition, keys are spread, and null records pass."""
    topic = await broker.topic(partitions=3)
    before = await broker.ends([topic])
    keys = [b"%d" % number for number in range(30)]
    async with Publisher(worker_settings()) as publisher:
        await publisher.learn([topic])
        for _ in range(3):
            out = [OutRecord(topic, key, key, []) for key in keys]
            assert await done([publisher.publish(record) for record in out]) == [None] * 30
        assert await done([publisher.publish(OutRecord(topic, None, None, []))]) == [None]
    places: dict[bytes | None, set[int]] = {}
    for record in await broker.new_records(before):
        places.setdefault(record.key, set()).add(record.source.partition)
    assert set(places) == {*keys, None}
    assert all(len(partitions) == 1 for partitions in places.values())
    assert set[int]().union(*places.values()) == {0, 1, 2}


async def test_a_record_that_no_topic_takes_is_rejected(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """At once, without a connection being lost: the next one passes."""
    topic = await broker.topic()
    async with Publisher(worker_settings(ingest_max_body_bytes=1024)) as publisher:
        await publisher.learn([topic])
        with pytest.raises(RejectError) as caught:
            await publisher.publish(OutRecord(topic, b"key", bytes(1024 * 1024), []))
        assert caught.value.reason == "too_large"
        assert await done([publisher.publish(OutRecord(topic, b"key", b"small", []))]) == [None]


async def test_a_producer_that_a_broker_refused_is_replaced(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Every future of the refused batch fails, and all lanes work again, each record once."""
    topic = await broker.topic(partitions=2, max_message_bytes="2048")
    before = await broker.ends([topic])
    keys = (b"0", b"1", b"2", b"3")
    async with Publisher(worker_settings()) as publisher:
        await publisher.learn([topic])
        small = [OutRecord(topic, key, b"before", []) for key in keys]
        assert await done([publisher.publish(record) for record in small]) == [None] * 4
        for _ in range(2):
            first = publisher.producer
            large = [OutRecord(topic, b"0", bytes(5000), []) for _ in range(3)]
            failures = await done([publisher.publish(record) for record in large])
            assert [type(failure) for failure in failures] == [RecordTooLargeError] * 3
            assert "MessageSizeTooLarge" in str(failures[0])
            small = [OutRecord(topic, key, b"after", []) for key in keys]
            assert await done([publisher.publish(record) for record in small]) == [None] * 4
            assert publisher.producer is not first
    values = [record.value for record in await broker.new_records(before)]
    assert sorted(values, key=str) == [b"after"] * 8 + [b"before"] * 4


async def test_leaving_flushes_what_is_pending(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Nobody has to await: what was published before the end is in Kafka."""
    topic = await broker.topic()
    before = await broker.ends([topic])
    async with Publisher(worker_settings()) as publisher:
        await publisher.learn([topic])
        values = [b"%d" % number for number in range(100)]
        acks = [publisher.publish(record) for record in records(topic, values, b"key")]
        assert not any(ack.done() for ack in acks)
    assert await done(acks) == [None] * 100
    assert grown(before, await broker.ends([topic])) == 100


async def test_records_wait_while_kafka_stands_still(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """They stay pending, in order, more than one batch of them, and all arrive once it goes on."""
    topic = await broker.topic()
    before = await broker.ends([topic])
    values = [b"%d" % number + bytes(300_000) for number in range(6)]
    async with Publisher(worker_settings()) as publisher:
        await publisher.learn([topic])
        with broker.paused():
            acks = [publisher.publish(record) for record in records(topic, values, b"key")]
            await asyncio.sleep(0.5)
            assert not any(ack.done() for ack in acks)
        assert await done(acks) == [None] * 6
    assert [record.value for record in await broker.new_records(before)] == values


async def test_leaving_without_kafka_ends_every_wait(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Sent or still in line behind: each is told that it may not have arrived."""
    topic = await broker.topic()
    with ExitStack() as going_on:
        async with Publisher(worker_settings()) as publisher:
            await publisher.learn([topic])
            going_on.enter_context(broker.paused())
            values = [bytes(300_000) for _ in range(6)]
            acks = [publisher.publish(record) for record in records(topic, values, b"key")]
        assert [type(failure) for failure in await done(acks)] == [KafkaUnavailableError] * 6


@pytest.mark.parametrize(
    ("turns", "partitions", "first"), [(False, 20, 20), (True, 20, 10), (True, 9, 6), (True, 5, 5)]
)
async def test_partitions_take_turns_where_asked(
    broker: Broker,
    worker_settings: MakeWorkerSettings,
    monkeypatch: pytest.MonkeyPatch,
    turns: bool,
    partitions: int,
    first: int,
) -> None:
    """Half of many go with the first round, few go together; nothing is left behind."""
    topic = await broker.topic(partitions=partitions)
    keys = {partition_of(b"%d" % number, partitions): b"%d" % number for number in range(999)}
    sent: list[int] = []
    sent_at_acks: list[int] = []
    async with Publisher(worker_settings(), turns=turns) as publisher:
        await publisher.learn([topic])
        # Before that, the leaders of a new topic may not be known yet.
        await done([publisher.publish(record) for record in records(topic, keys.values())])
        send_batch = publisher.producer.send_batch

        async def noted(batch: object, topic: str, *, partition: int) -> object:
            sent.append(partition)
            return await send_batch(batch, topic, partition=partition)

        monkeypatch.setattr(publisher.producer, "send_batch", noted)
        for record in records(topic, keys.values()):
            publisher.submit(record, lambda _: sent_at_acks.append(len(sent)))
        await until(lambda: len(sent_at_acks) == partitions)
    assert sent == list(keys)
    assert sent_at_acks[:first] == [first] * first
