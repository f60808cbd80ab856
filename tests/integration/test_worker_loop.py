"""The loop that all workers share: what is committed, what comes again, what is given up."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import dispose, new_engine, transaction
from runtime.errors import DatabaseUnavailableError, RejectError, StopError
from runtime.publisher import OutRecord, Publisher, Settled
from runtime.worker import VERSION, Outcome, Record
from schemas.settings import DatabaseSettings
from schemas.topics import DEAD_LETTERS
from tests.faults.proxy import before_kafka
from tests.integration.broker import Broker, Offsets, grown, until
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.replica import Line, new_line, running


class HeldAcks(Publisher):
    """Tells of Kafka's acks only once the test allows it."""

    allowed = asyncio.Event()

    def publish(self, record: OutRecord) -> asyncio.Future[None]:
        """The real ack, held back."""
        acked = super().publish(record)

        async def held() -> None:
            await self.allowed.wait()
            await acked

        return asyncio.ensure_future(held())


async def test_offsets_are_committed_after_effect_and_acks(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Neither a batch whose effect is under way nor one without its acks is committed."""
    going_on = asyncio.Event()

    async def effect(records: Sequence[Record]) -> Outcome:
        await going_on.wait()
        return line.echo(records)

    line = await new_line(broker, effect)
    before = await broker.ends([line.out])
    values = await line.feed(worker_settings(), 10)
    HeldAcks.allowed.clear()
    async with running(line, worker_settings(), HeldAcks):
        await until(lambda: line.calls)
        await asyncio.sleep(0.3)
        assert await line.committed() == 0
        going_on.set()
        await until(lambda: _has_grown(broker, before, 10))
        await asyncio.sleep(0.3)
        assert await line.committed() == 0
        HeldAcks.allowed.set()
        await until(lambda: _committed(line, 10))
    assert [record.value for record in await broker.new_records(before)] == values


async def _has_grown(broker: Broker, before: Offsets, count: int) -> bool:
    return grown(before, await broker.ends({partition.topic for partition in before})) == count


async def _committed(line: Line, count: int) -> bool:
    return await line.committed() == count


async def test_a_crash_before_the_commit_repeats_the_batch(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Whoever comes next gets the same records."""
    forever = asyncio.Event()

    async def hang(_: Sequence[Record]) -> Outcome:
        await forever.wait()
        return Outcome()

    async def echo(records: Sequence[Record]) -> Outcome:
        return line.echo(records)

    line = await new_line(broker, hang)
    before = await broker.ends([line.out])
    values = await line.feed(worker_settings(), 5)
    async with running(line, worker_settings()) as crashing:
        await until(lambda: line.calls)
        crashing.running.cancel()
        await asyncio.wait((crashing.running,))
    assert await line.committed() == 0
    line.effect = echo
    async with running(line, worker_settings()):
        await until(lambda: _committed(line, 5))
    assert line.calls == [values, values]
    assert grown(before, await broker.ends([line.out])) == 5


async def test_a_dependency_that_is_away_is_waited_for(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Not ready, uncommitted, no dead letter; the same records till it is back; then ready."""
    away = True

    async def effect(records: Sequence[Record]) -> Outcome:
        if away:
            raise DatabaseUnavailableError("away")
        return line.echo(records)

    line = await new_line(broker, effect)
    letters = await broker.ends([DEAD_LETTERS])
    values = await line.feed(worker_settings(), 5)
    async with running(line, worker_settings()) as replica:
        await until(lambda: len(line.calls) >= 3)
        assert replica.readiness.reasons == ["dependency"]
        assert await line.committed() == 0
        away = False
        await until(lambda: _committed(line, 5))
        assert replica.readiness.reasons == []
    assert line.calls == [values] * len(line.calls)
    assert replica.readiness.reasons == ["draining"]
    assert grown(letters, await broker.ends([DEAD_LETTERS])) == 0


async def test_a_bad_record_is_given_up_and_no_other(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """It becomes a dead letter with all that the contract tells of it; its neighbours are done."""

    async def effect(records: Sequence[Record]) -> Outcome:
        if any(record.value in (b"7", b"13") for record in records):
            raise RejectError("bad_row", "a column refuses it")
        return line.echo(records)

    line = await new_line(broker, effect)
    before, letters = await broker.ends([line.out]), await broker.ends([DEAD_LETTERS])
    values = await line.feed(worker_settings(), 20)
    async with running(line, worker_settings()):
        await until(lambda: _committed(line, 20))
    done = [record.value for record in await broker.new_records(before)]
    assert done == [value for value in values if value not in (b"7", b"13")]
    found = sorted(await broker.new_records(letters), key=lambda letter: letter.value or b"")
    assert [(letter.key, letter.value) for letter in found] == [(b"13", b"13"), (b"7", b"7")]
    told = dict(found[1].headers)
    assert len(told.pop("fingerprint")) == 16
    assert told.pop("first-failed-at").endswith(b"Z")
    assert told == {
        "stage": line.name.encode(),
        "reason": b"bad_row",
        "detail": b"a column refuses it",
        "source-topic": line.topic.encode(),
        "source-partition": b"0",
        "source-offset": b"7",
        "attempt": b"1",
        "version": VERSION.encode(),
        "original-delivery-id": b"an-id",
    }


async def test_a_batch_that_takes_postgres_too_long_is_halved(
    broker: Broker, worker_settings: MakeWorkerSettings, database_url: str
) -> None:
    """Until it is fast enough; and then everything is done, in its order."""
    engine = _impatient(database_url)

    async def effect(records: Sequence[Record]) -> Outcome:
        await _sleep(engine, 0.3 * len(records))
        return line.echo(records)

    line = await new_line(broker, effect)
    before, letters = await broker.ends([line.out]), await broker.ends([DEAD_LETTERS])
    values = await line.feed(worker_settings(), 8)
    async with running(line, worker_settings()):
        await until(lambda: _committed(line, 8))
    await dispose(engine)
    assert [len(call) for call in line.calls] == [8, 4, 2, 2, 4, 2, 2]
    assert [record.value for record in await broker.new_records(before)] == values
    assert grown(letters, await broker.ends([DEAD_LETTERS])) == 0


async def test_a_record_that_takes_postgres_too_long_is_tried_again(
    broker: Broker, worker_settings: MakeWorkerSettings, database_url: str
) -> None:
    """That is no fault of its own: not ready, no dead letter, and its neighbours wait."""
    engine, slow = _impatient(database_url), True

    async def effect(records: Sequence[Record]) -> Outcome:
        if slow and b"3" in [record.value for record in records]:
            await _sleep(engine, 60)
        return line.echo(records)

    line = await new_line(broker, effect)
    letters = await broker.ends([DEAD_LETTERS])
    await line.feed(worker_settings(), 4)
    async with running(line, worker_settings()) as replica:
        await until(lambda: line.calls.count([b"3"]) > 1)
        assert replica.readiness.reasons == ["dependency"]
        slow = False
        await until(lambda: _committed(line, 4))
        assert replica.readiness.reasons == []
    await dispose(engine)
    assert grown(letters, await broker.ends([DEAD_LETTERS])) == 0


def _impatient(database_url: str) -> AsyncEngine:
    settings = DatabaseSettings.model_validate({"database_url": database_url})
    return new_engine(settings, "test", command_timeout_s=0.9)


async def _sleep(engine: AsyncEngine, duration_s: float) -> None:
    async with transaction(engine) as connection:
        await connection.execute(text("SELECT pg_sleep(:duration_s)"), {"duration_s": duration_s})


async def test_a_dead_letter_is_acknowledged_before_its_record_is_committed(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Until then the record is nobody else's, and comes again after a crash."""

    async def effect(_: Sequence[Record]) -> Outcome:
        raise RejectError("bad_row", "a column refuses it")

    line = await new_line(broker, effect)
    letters = await broker.ends([DEAD_LETTERS])
    await line.feed(worker_settings(), 1)
    HeldAcks.allowed.clear()
    async with running(line, worker_settings(), HeldAcks):
        await until(lambda: _has_grown(broker, letters, 1))
        await asyncio.sleep(0.3)
        assert await line.committed() == 0
        HeldAcks.allowed.set()
        await until(lambda: _committed(line, 1))


async def test_a_dead_letter_waits_for_kafka(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Not ready and uncommitted while it cannot be written; then it is there once."""

    async def effect(_: Sequence[Record]) -> Outcome:
        await kafka.refuse()
        raise RejectError("bad_row", "a column refuses it")

    line = await new_line(broker, effect)
    letters = await broker.ends([DEAD_LETTERS])
    await line.feed(worker_settings(), 1)
    async with before_kafka(broker.bootstrap) as (kafka,):
        away = worker_settings(kafka_bootstrap=kafka.address, worker_produce_timeout_s=0.5)
        async with running(line, away) as replica:
            await until(lambda: line.calls and "dependency" in replica.readiness.reasons)
            assert await line.committed() == 0
            assert grown(letters, await broker.ends([DEAD_LETTERS])) == 0
            await kafka.heal()
            await until(lambda: _committed(line, 1))
            await until(lambda: replica.readiness.reasons == [])
    assert grown(letters, await broker.ends([DEAD_LETTERS])) == 1


async def test_a_dead_letter_that_no_topic_takes_stops_the_worker_uncommitted(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """As when the largest body was lowered since: the record stays where it is."""

    async def effect(_: Sequence[Record]) -> Outcome:
        raise RejectError("bad_row", "a column refuses it")

    line = await new_line(broker, effect)
    large = OutRecord(line.topic, b"k", bytes(1_000_000), [])
    async with Publisher(worker_settings()) as publisher:
        await publisher.learn([line.topic])
        await publisher.publish(large)

    class Narrow(Publisher):
        """Refuses what is large."""

        def submit(self, record: OutRecord, settled: Settled) -> None:
            if record.size_bytes > 100_000:
                raise RejectError("too_large", f"larger than {record.topic} takes")
            super().submit(record, settled)

    async with running(line, worker_settings(), Narrow) as replica:
        with pytest.raises(StopError, match="a dead letter cannot be written: too_large"):
            await replica.ended()
    assert await line.committed() == 0


async def test_a_record_that_was_sent_again_tells_its_attempts(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """The next letter counts on from the header."""

    async def effect(_: Sequence[Record]) -> Outcome:
        raise RejectError("bad_row", "a column refuses it")

    line = await new_line(broker, effect)
    letters = await broker.ends([DEAD_LETTERS])
    async with Publisher(worker_settings()) as publisher:
        await publisher.learn([line.topic])
        await publisher.publish(OutRecord(line.topic, b"k", b"v", [("attempt", b"2")]))
    async with running(line, worker_settings()):
        await until(lambda: _committed(line, 1))
    (letter,) = await broker.new_records(letters)
    assert dict(letter.headers)["attempt"] == b"3"


async def test_a_result_that_no_topic_takes_condemns_its_record_alone(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """What grows too large on its way is a dead letter; the rest of the batch travels on."""

    async def effect(records: Sequence[Record]) -> Outcome:
        grown_values = [bytes(2_000_000) if one.value == b"3" else one.value for one in records]
        return Outcome([OutRecord(line.out, b"k", value, []) for value in grown_values])

    line = await new_line(broker, effect)
    letters = await broker.ends([DEAD_LETTERS])
    await line.feed(worker_settings(), 8)
    async with running(line, worker_settings(ingest_max_body_bytes=1024)):
        await until(lambda: _committed(line, 8))
    (letter,) = await broker.new_records(letters)
    assert (letter.value, dict(letter.headers)["reason"]) == (b"3", b"too_large")


async def test_an_unknown_error_stops_the_worker_uncommitted(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """A bug is no reason to throw people's messages away."""

    async def effect(_: Sequence[Record]) -> Outcome:
        raise LookupError("a bug")

    line = await new_line(broker, effect)
    letters = await broker.ends([DEAD_LETTERS])
    await line.feed(worker_settings(), 3)
    async with running(line, worker_settings()) as replica:
        with pytest.raises(LookupError, match="a bug"):
            await replica.ended()
    assert await line.committed() == 0
    assert grown(letters, await broker.ends([DEAD_LETTERS])) == 0


async def test_stopping_finishes_the_batch_in_flight(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """It is handled, published and committed; the next one is left to others."""
    going_on = asyncio.Event()

    async def effect(records: Sequence[Record]) -> Outcome:
        await going_on.wait()
        return line.echo(records)

    line = await new_line(broker, effect)
    before = await broker.ends([line.out])
    values = await line.feed(worker_settings(), 9)
    async with running(line, worker_settings(worker_max_records=5)) as replica:
        await until(lambda: line.calls)
        replica.stop.set()
        await asyncio.sleep(0.3)
        assert not replica.running.done()
        going_on.set()
        await replica.ended()
    assert line.calls == [values[:5]]
    assert await line.committed() == 5
    assert grown(before, await broker.ends([line.out])) == 5


async def test_stopping_does_not_wait_for_a_dependency_that_is_away(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """Nothing would come of the drain time: the records come again elsewhere."""

    async def effect(_: Sequence[Record]) -> Outcome:
        raise DatabaseUnavailableError("away")

    line = await new_line(broker, effect)
    await line.feed(worker_settings(), 3)
    async with running(line, worker_settings(drain_timeout_s=600)) as replica:
        await until(lambda: len(line.calls) >= 2)
        replica.stop.set()
        await replica.ended()
    assert await line.committed() == 0


async def test_a_drain_that_takes_too_long_is_cut(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """The batch stays uncommitted, so nothing of it is lost."""
    forever = asyncio.Event()

    async def effect(_: Sequence[Record]) -> Outcome:
        await forever.wait()
        return Outcome()

    line = await new_line(broker, effect)
    await line.feed(worker_settings(), 3)
    async with running(line, worker_settings(drain_timeout_s=0.3)) as replica:
        await until(lambda: line.calls)
        replica.stop.set()
        await replica.ended()
    assert await line.committed() == 0


async def test_acks_that_are_late_are_waited_for(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """While Kafka stands still the worker is not ready, and handles nothing twice."""
    paused = ExitStack()

    async def effect(records: Sequence[Record]) -> Outcome:
        paused.enter_context(broker.paused())
        return line.echo(records)

    line = await new_line(broker, effect)
    before = await broker.ends([line.out])
    await line.feed(worker_settings(), 5)
    with paused:
        async with running(line, worker_settings(worker_produce_timeout_s=0.3)) as replica:
            # A new group may have to wait for its place, too, before there is a batch.
            await until(lambda: line.calls and "dependency" in replica.readiness.reasons)
            paused.close()
            await until(lambda: _committed(line, 5))
            await until(lambda: replica.readiness.reasons == [])
    assert len(line.calls) == 1
    assert grown(before, await broker.ends([line.out])) == 5


async def test_a_handler_that_gathers_lets_records_come_together(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """After a batch that was not full it waits, but not when it is told to stop."""

    async def echo(records: Sequence[Record]) -> Outcome:
        return line.echo(records)

    line = await new_line(broker, echo)
    settings = worker_settings()
    line.gathers_s = 1000.0
    async with running(line, settings) as replica:
        first = await line.feed(settings, 1)
        await until(lambda: _committed(line, 1))
        later = await line.feed(settings, 2, start=1)
        await asyncio.sleep(0.5)  # long enough for a loop that does not wait
        assert line.calls == [first]
        replica.stop.set()
        await replica.ended()
    async with running(line, worker_settings(worker_max_records=1)):
        await until(lambda: _committed(line, 3))  # each batch was a full one
    assert sorted(value for call in line.calls for value in call) == sorted([*first, *later])
