"""Records out of Kafka's topics: partition after partition, up to where they ended at the start.

In no consumer group: the place is kept with the rows that it stands for, in one transaction, which
no group's offsets could be. So nothing is left behind in Kafka, and no live group is touched.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiokafka import TopicPartition

from hookline.replay.batch import BATCH_BYTES, BATCH_READ, BATCH_RECORDS, Batch, Place
from hookline.replay.order import Order, ReplayError
from hookline.replay.selection import selects
from hookline.trace.reader import Reader, Span
from runtime.errors import TopicsMissingError
from runtime.worker import Record, size_bytes
from schemas.dead_letters import Source as RecordSource
from schemas.topics import events_topic, raw_topic

SLACK: Final = timedelta(minutes=10)
"""How far the clocks of those who received and those who published may differ. Nothing is
published before it is received, and everything is looked at by its own time of receipt."""


def topics_of(order: Order) -> list[str]:
    """The topics that the stage reads, of the fields that are meant."""
    name = events_topic if order.reads_events else raw_topic
    return [name(field) for field in order.fields]


class TopicSource:
    """Records of topics."""

    def __init__(
        self, reader: Reader, order: Order, spans: Sequence[tuple[TopicPartition, Span]]
    ) -> None:
        self._reader = reader
        self._order = order
        self._spans = spans

    @property
    def total(self) -> int:
        """How many records there are to read."""
        return sum(span.end - span.start for _, span in self._spans)

    @property
    def beginning(self) -> Place:
        """The first record of the first partition."""
        return self._place(0)

    def plan(self) -> dict[str, Any]:
        """The spans."""
        return {"spans": [[*partition, *span] for partition, span in self._spans]}

    async def batches(
        self, begin: Place, limit: int | None, cut_at: Place | None
    ) -> AsyncIterator[Batch]:
        """Everything from a place on, in the order of partitions and offsets.

        Raises:
            ReplayError: Kafka has deleted what was to be read.
            DependencyError: Kafka gives nothing for 30 s.
        """
        taking = _Taking(begin, limit)
        async for place, after, record, published_at in self._records(begin):
            meant = selects(self._order, record, published_at)
            if (meant and taking.is_too_much(record)) or taking.reaches(cut_at, place):
                yield taking.batch(place)
            taking.take(record, meant=meant)
            if taking.is_full:
                yield taking.batch(after)
            if taking.left == 0:
                return
        if taking.read:
            yield taking.batch(self._place(len(self._spans)))

    async def _records(self, begin: Place) -> AsyncIterator[tuple[Place, Place, Record, datetime]]:
        """Records with the places before and after them, and when they were published."""
        for index in range(begin[0], len(self._spans)):
            partition, span = self._spans[index]
            offset = begin[1] if index == begin[0] else span.start
            rest = {partition: span._replace(start=offset)}
            async for _, message in self._reader.read(rest):
                if message.offset != offset:
                    raise _deleted(self._order, partition.topic)
                offset += 1
                yield (
                    [index, message.offset],
                    [index, offset] if offset < span.end else self._place(index + 1),
                    _record(message),
                    datetime.fromtimestamp(message.timestamp / 1000, UTC),
                )

    def _place(self, index: int) -> Place:
        return [index, self._spans[index][1].start if index < len(self._spans) else 0]


class _Taking:
    """The batch that is being put together."""

    def __init__(self, begin: Place, limit: int | None) -> None:
        self.left = limit
        self._begin = begin
        self._forget()

    def _forget(self) -> None:
        self.read = 0
        self._records: list[Record] = []
        self._size_bytes = 0

    @property
    def is_full(self) -> bool:
        return len(self._records) >= BATCH_RECORDS or self.read >= BATCH_READ or self.left == 0

    def is_too_much(self, record: Record) -> bool:
        return bool(self._records) and self._size_bytes + size_bytes(record) > BATCH_BYTES

    def reaches(self, cut_at: Place | None, place: Place) -> bool:
        return cut_at is not None and self._begin < cut_at <= place and self.read > 0

    def take(self, record: Record, *, meant: bool) -> None:
        self.read += 1
        if not meant:
            return
        self._records.append(record)
        self._size_bytes += size_bytes(record)
        if self.left is not None:
            self.left -= 1

    def batch(self, end: Place) -> Batch:
        """What was taken; the next one begins at its end."""
        made = Batch(self._begin, end, self.read, len(self._records), self._records)
        self._begin = end
        self._forget()
        return made


async def find_spans(reader: Reader, order: Order) -> list[tuple[TopicPartition, Span]]:
    """What the topics hold now of what is meant, and a little more.

    Raises:
        TopicsMissingError: the topics are not there.
        ReplayError: Kafka's retention has taken some of it.
    """
    topics = topics_of(order)
    counts = await reader.partition_counts(topics)
    missing = sorted(set(topics) - set(counts))
    if missing:
        raise TopicsMissingError(
            f"Kafka has no topic {', '.join(missing)}. Run `hookline topics apply`."
        )
    since = None if order.since is None else order.since - SLACK
    wanted = {
        TopicPartition(topic, number): since for topic in topics for number in range(counts[topic])
    }
    spans = await reader.spans(wanted) if wanted else {}
    for partition in wanted:
        if spans[partition].begins_late:
            raise _deleted(order, partition.topic)
    return [(partition, spans[partition]) for partition in wanted]


def planned_spans(plan: Mapping[str, Any]) -> list[tuple[TopicPartition, Span]]:
    """The spans that `TopicSource.plan` told."""
    return [
        (TopicPartition(topic, partition), Span(*offsets))
        for topic, partition, *offsets in plan["spans"]
    ]


def _deleted(order: Order, topic: str) -> ReplayError:
    moved = "" if order.since is None else " later"
    if order.stage == "archive":
        otherwise = "that is lost to this stage, for the archive is what it writes"
    else:
        otherwise = "take it from the archived deliveries with --from archive"
    return ReplayError(
        f"{topic} no longer holds all of that: Kafka deletes records past their retention. "
        f"Either {otherwise}; or name a{moved} --since from which on the topic is whole."
    )


def _record(message: Any) -> Record:
    source = RecordSource(message.topic, message.partition, message.offset)
    return Record(source, message.key, message.value, tuple(message.headers))
