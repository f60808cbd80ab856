"""Spooled deliveries into Kafka, however often that takes."""

import asyncio
from collections.abc import Iterable
from typing import Final

import stamina

from ingest.spool.segment import Entry
from runtime.errors import KafkaUnavailableError, RecordTooLargeError, RejectError
from runtime.publisher import OutRecord, Publisher
from runtime.retry import BACKOFF_INITIAL_S, BACKOFF_MAX_S

_REFUSED: Final = (RecordTooLargeError, RejectError, KeyError)
"""It is larger than its topic takes, or than the settings allow by now, or its topic is unknown:
trying again does not help."""


async def send(publisher: Publisher, entries: list[Entry]) -> list[Entry]:
    """Returns when Kafka has them all, but for those given, which it refuses for good."""
    refused = await _send_together(publisher, entries)
    if len(entries) > 1:
        # Records that travelled with one too large were refused with it.
        refused = [one for one in refused if await _send_together(publisher, [one])]
    return refused


async def _send_together(publisher: Publisher, entries: Iterable[Entry]) -> list[Entry]:
    refused: list[Entry] = []
    waiting = list(entries)
    async for attempt in stamina.retry_context(
        on=KafkaUnavailableError,
        attempts=None,
        timeout=None,
        wait_initial=BACKOFF_INITIAL_S,
        wait_max=BACKOFF_MAX_S,
    ):
        with attempt:
            await publisher.wait_usable()
            failures = await asyncio.gather(*(_failure(publisher, entry) for entry in waiting))
            failed = [pair for pair in zip(waiting, failures, strict=True) if pair[1] is not None]
            refused += [entry for entry, failure in failed if isinstance(failure, _REFUSED)]
            waiting = [entry for entry, failure in failed if not isinstance(failure, _REFUSED)]
            if waiting:
                raise KafkaUnavailableError(f"{len(waiting)} deliveries not acknowledged")
    return refused


async def _failure(publisher: Publisher, entry: Entry) -> Exception | None:
    """What kept the delivery from one of its topics; None once all of them have it."""
    try:
        acks = [
            publisher.publish(OutRecord(topic, entry.key, entry.body, entry.headers))
            for topic in entry.topics
        ]
        await asyncio.gather(*acks)
    except (*_REFUSED, KafkaUnavailableError) as error:
        return error
    return None
