"""The tests' own look at Kafka."""

from collections.abc import Sequence

from runtime.worker import Outcome, Record
from tests.integration.broker import Broker
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.replica import new_line


async def test_a_look_that_finds_nothing_does_not_spoil_the_next(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """All looks of a session share one consumer."""

    async def nothing(_: Sequence[Record]) -> Outcome:
        return Outcome()

    line = await new_line(broker, nothing)
    before = await broker.ends([line.topic])
    assert await broker.new_records(before) == []
    values = await line.feed(worker_settings(), 3)
    assert [record.value for record in await broker.new_records(before)] == values
