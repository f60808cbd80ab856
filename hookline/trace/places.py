"""Where records stand in Kafka, while it keeps them. Owns how far is looked, and for how long."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from aiokafka import TopicPartition

from hookline.trace.reader import Reader, Span, open_reader
from runtime.kafka import partition_of
from schemas.events import MalformedEventError, decode_event
from schemas.settings import KafkaSettings

LOOK_TIMEOUT_S: Final = 10.0
LOOK_RECORDS: Final = 20_000
"""So many records of a partition are looked at, from the time of receipt on."""

CLOCK_SLACK: Final = timedelta(seconds=2)
"""Records carry the time of the process that sent them, not of the one that received."""

Standing: TypeAlias = Literal["retained", "past_retention", "not_found", "not_reached"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record to find: its topic and key, the delivery it is of, and its earliest time.

    Of an event's record also its content: one delivery may tell several of one event.
    """

    topic: str
    key: bytes
    delivery_id: str
    since: datetime
    content_hash: str | None = None

    def is_it(self, message: Any) -> bool:
        """Whether a record of the partition is this one."""
        told = dict(message.headers).get("delivery-id", b"").decode("ascii", "replace")
        return (message.key, told) == (self.key, self.delivery_id) and (
            self.content_hash is None or self.content_hash == _content_hash(message.value)
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record is, or why it is not told.

    `past_retention`: Kafka has deleted records from that time on. `not_found`: it is not there,
    sent later or never. `not_reached`: too many records, or too little time.
    """

    topic: str
    partition: int
    offset: int | None
    standing: Standing


def _content_hash(value: bytes | None) -> str | None:
    """The content that an event's record tells; None when it is no event."""
    try:
        return decode_event(value or b"").content_hash
    except MalformedEventError:
        return None


async def find_places(settings: KafkaSettings, wanted: Iterable[Wanted]) -> dict[Wanted, Place]:
    """The first place of each record that is wanted.

    Raises:
        DependencyError: Kafka cannot be reached.
    """
    async with open_reader(settings) as reader:
        counts = await reader.partition_counts({one.topic for one in wanted})
        by_partition: dict[TopicPartition, list[Wanted]] = {}
        for one in wanted:
            if one.topic in counts:
                number = partition_of(one.key, counts[one.topic])
                by_partition.setdefault(TopicPartition(one.topic, number), []).append(one)
        look = _Look(by_partition)
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                await look.run(reader)
        except TimeoutError:
            pass  # what was found by then is told; the rest was not reached
        return dict(look.places())


class _Look:
    """One look at some partitions."""

    def __init__(self, by_partition: Mapping[TopicPartition, list[Wanted]]) -> None:
        self._wanted = by_partition
        self._missing = {partition: list(ones) for partition, ones in by_partition.items()}
        self._spans: dict[TopicPartition, Span] = {}
        self._read: set[TopicPartition] = set()
        self._offsets: dict[Wanted, int] = {}

    async def run(self, reader: Reader) -> None:
        """Reads each partition from the first time wanted, until all is found or too much read."""
        since = {
            partition: min(one.since for one in ones) - CLOCK_SLACK
            for partition, ones in self._wanted.items()
        }
        self._spans = await reader.spans(since)
        limited = {p: span.at_most(LOOK_RECORDS) for p, span in self._spans.items()}
        async for partition, message in reader.read(limited):
            self._see(partition, message)
            if not self._missing[partition]:
                reader.skip_rest(partition)
        self._read = {p for p, span in self._spans.items() if span == limited[p]}

    def _see(self, partition: TopicPartition, message: Any) -> None:
        missing = self._missing[partition]
        found = next((one for one in missing if one.is_it(message)), None)
        if found is not None:
            missing.remove(found)
            self._offsets[found] = message.offset

    def places(self) -> Iterator[tuple[Wanted, Place]]:
        """What came of it."""
        for partition, ones in self._wanted.items():
            for one in ones:
                offset = self._offsets.get(one)
                standing = self._standing(partition, offset)
                yield one, Place(partition.topic, partition.partition, offset, standing)

    def _standing(self, partition: TopicPartition, offset: int | None) -> Standing:
        if offset is not None:
            return "retained"
        span = self._spans.get(partition)
        if span is not None and span.begins_late:
            return "past_retention"
        return "not_found" if partition in self._read else "not_reached"
