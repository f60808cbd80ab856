"""Letters are resolved when their stage has done their records, whatever they hold, and whoever
brought it about.
"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.dead_letters.enrichment import asked_by
from hookline.dead_letters.settlement import settle
from runtime.database import transaction
from runtime.errors import RejectError
from runtime.publisher import OutRecord
from runtime.worker import Record, dead_letter
from simulator.traffic import burst, mixed
from tests.integration.answered import enriched, merge, reads_about, record
from tests.integration.handled import (
    Handled,
    consumed,
    letter_records,
    raw_records,
    received,
)
from workers.dedupe.sighting import sightings_in
from workers.enrich.handler import EnrichHandler

RESOLVED: Final = """
SELECT stage, state = 'resolved', count(*) FROM hookline.dead_letters GROUP BY 1, 2
"""


@pytest.mark.parametrize("state", ["parked", "redriven"])
async def test_each_stage_resolves_its_own_letters(engine: AsyncEngine, state: str) -> None:
    """Of every kind of event and delivery: not before the stage has done it, and all of them then;
    what dedupe refused ends with the last of its changes.
    """
    line = Handled(engine)
    now = datetime.now(UTC)
    deliveries = [received(sent.body, now) for sent in mixed(7, 120)]
    records = [record for record in raw_records(deliveries) if _is_readable(record)]
    # Repeats among them, and events that dedupe publishes of each kind.
    events = consumed((await Handled(engine).dedupe.handle(records)).results)
    async with transaction(engine) as connection:
        await connection.execute(text("TRUNCATE hookline.sightings, hookline.claims"))
    letters = [
        *(dead_letter("archive", record, "why", "a test") for record in records),
        *(dead_letter("dedupe", record, "why", "a test") for record in records),
        *(dead_letter("persist", record, "why", "a test") for record in events),
    ]
    await line.archive.handle(letter_records(letters))
    async with transaction(engine) as connection:
        await connection.execute(text(f"UPDATE hookline.dead_letters SET state = '{state}'"))
    counted = Counter(letter.stage for letter in letters)
    assert min(counted.values()) > 0

    assert await _resolved_by(engine) == {}
    await line.archive.handle(records)
    empty = sum(not sightings_in(record) for record in records)  # nothing in it to wait for
    assert await _resolved_by(engine) == {"archive": counted["archive"], "dedupe": empty}
    split = await line.dedupe.handle(records)
    assert len(split.results) == len(events)
    sighted = await _resolved_by(engine)
    assert sighted["archive"] == counted["archive"]
    assert "persist" not in sighted
    await line.persist.handle(consumed(split.results))
    assert await _resolved_by(engine) == counted
    async with transaction(engine) as connection:
        query = text("SELECT DISTINCT outcome FROM analytics.outcomes")
        assert set((await connection.execute(query)).scalars()) <= {"stored", "repeat"}


async def test_what_failed_again_ends_as_its_newest_letter(engine: AsyncEngine) -> None:
    """All of its older ones at once; until then they stay, whatever the tables tell of it."""
    line = Handled(engine)
    (record, *_) = raw_records([received(b"no json")])
    letter = dead_letter("dedupe", record, "why", "a test")
    again = [
        letter._replace(
            attempt=attempt,
            source=letter.source._replace(offset=attempt),
            headers=(*letter.headers, ("first-source", b"0/0")),
        )
        for attempt in (2, 3)
    ]
    await line.archive.handle([record, *letter_records([letter, *again])])
    async with transaction(engine) as connection:
        await connection.execute(
            text("UPDATE hookline.dead_letters SET state = 'redriven' WHERE attempts = 2")
        )
    await settle(engine)
    assert await _states(engine) == ["parked", "redriven", "parked"]
    async with transaction(engine) as connection:
        await connection.execute(
            text("UPDATE hookline.dead_letters SET state = 'discarded' WHERE attempts = 3")
        )
    await settle(engine)
    assert await _states(engine) == ["discarded"] * 3


async def test_letters_about_enrichment_are_no_end_of_a_change(engine: AsyncEngine) -> None:
    """Its own event is not stored, whatever became of reads about it; nor are these done when it
    is.
    """
    line = Handled(engine)
    sent = next(burst(7, accounts=1))
    records = raw_records([received(sent.body)])
    events = consumed((await line.dedupe.handle(records)).results)
    enriched = [
        replace(event, source=event.source._replace(topic="instagram.enriched.comments"))
        for event in events
    ]
    letters = [
        *(dead_letter("dedupe", record, "why", "a test") for record in records),
        *(dead_letter("enrich", record, "why", "a test") for record in events),
        *(dead_letter("persist", record, "why", "a test") for record in enriched),
    ]
    await line.archive.handle([*records, *letter_records(letters)])
    assert await _resolved_by(engine) == {}
    await line.persist.handle(events)
    assert await _resolved_by(engine) == {"dedupe": 1}


async def test_what_was_enriched_resolves_its_letters(engine: AsyncEngine) -> None:
    """Enrich's once its reads are put down, and still when they are answered; persist's once rows
    hold an answer as late.
    """
    line = Handled(engine)
    now = datetime.now(UTC)
    records = raw_records([received(sent.body, now) for sent in mixed(7, 120)])
    readable = [one for one in records if _is_readable(one)]
    events = [
        event
        for event in consumed((await line.dedupe.handle(readable)).results)
        if asked_by(event.value or b"")
    ]
    reads = reads_about(events, 7)
    told = consumed(
        OutRecord(one.source.topic, one.key, one.value or b"", []) for one in map(enriched, reads)
    )
    await line.archive.handle(
        letter_records(
            [
                *(dead_letter("enrich", event, "why", "a test") for event in events),
                *(dead_letter("persist", read, "why", "a test") for read in told),
            ]
        )
    )
    pending = [one for one in reads if one.read.status == "pending"]
    nothing_told = sum(one.read.endpoint == "media" and not one.read.answer for one in reads)
    await record(engine, pending)
    assert await _resolved_by(engine) == {"persist": nothing_told}

    await EnrichHandler(engine).handle(events[::2])
    half = (await _resolved_by(engine))["enrich"]
    assert len(events) / 2 <= half < len(events)  # some ask for media that others asked for
    await record(engine, [one for one in reads if one not in pending])
    async with transaction(engine) as connection:
        await connection.execute(text("TRUNCATE hookline.enrichment_tasks"))
    assert await _resolved_by(engine) == {"enrich": len(events), "persist": nothing_told}

    await merge(engine, pending)
    of_rows = sum(one.read.endpoint != "media" for one in pending)
    assert (await _resolved_by(engine))["persist"] == nothing_told + of_rows
    await merge(engine, reads)
    assert await _resolved_by(engine) == {"enrich": len(events), "persist": len(reads)}


def _is_readable(record: Record) -> bool:
    try:
        sightings_in(record)
    except RejectError:
        return False
    return True


async def _resolved_by(engine: AsyncEngine) -> dict[str, int]:
    """How many letters of each stage are resolved once all are looked at."""
    await settle(engine)
    async with transaction(engine) as connection:
        rows = [tuple(row) for row in await connection.execute(text(RESOLVED))]
    return {stage: number for stage, resolved, number in rows if resolved}


async def _states(engine: AsyncEngine) -> list[str]:
    query = "SELECT state FROM hookline.dead_letters ORDER BY attempts"
    async with transaction(engine) as connection:
        return list((await connection.execute(text(query))).scalars())
