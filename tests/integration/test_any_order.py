"""Tables are a pure function of the set of deliveries: any order, batching and repetition."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from runtime.publisher import OutRecord
from runtime.worker import Record
from schemas.dead_letters import Source
from schemas.deliveries import Delivery, body_key, delivery_headers
from schemas.enriched import Endpoint, Read, Status, encode_enriched
from schemas.events import Event, decode_event
from schemas.splitting import fields_in
from schemas.topics import raw_topic
from workers.archive.handler import ArchiveHandler
from workers.dedupe.handler import DedupeHandler
from workers.persist.handler import PersistHandler

ACCOUNT = "17841400000000001"
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

# Verdicts are a story of what was handled when; everything else follows from the deliveries.
DUMPS = {
    "deliveries": "received_at, delivery_id, sha256, fields, changes",
    "sightings": "received_at, delivery_id, position, event_id, content_hash, sent_at",
    "claims": "event_id, content_hash, delivery_id, position, received_at",
    "comments": "*",
    "ad_sightings": "*",
    "mentions": "*",
    "story_insights": "*",
    "other_events": "*",
    "media": "*",
}


def _body(*changes: tuple[str, Any], time: int = 1734638812) -> bytes:
    listed = [{"field": field, "value": value} for field, value in changes]
    entry = {"id": ACCOUNT, "time": time, "changes": listed}
    return json.dumps({"entry": [entry], "object": "instagram"}).encode()


def _comment(number: int, **media: str) -> dict[str, Any]:
    return {
        "id": f"1798148000000000{number}",
        "text": f"text {number}",
        "from": {"id": "1281680000000001", "username": "user_a"},
        "media": {"id": "17921400000000001", "media_product_type": "FEED", **media},
    }


def _story(**metrics: int) -> dict[str, Any]:
    return {"media_id": "18023345989012587", **metrics}


_AD = {
    "id": "18083490000000001",
    "media_product_type": "AD",
    "original_media_id": "17921400000000001",
}


def _messages(*messages: dict[str, Any]) -> bytes:
    items = [{"sender": {"id": "1"}, "timestamp": 5, "message": message} for message in messages]
    entry = {"id": ACCOUNT, "time": 1668022334834, "messaging": items}
    return json.dumps({"object": "instagram", "entry": [entry]}).encode()


# Each content comes in several deliveries, so that any order lowers some claims.
BODIES = (
    _body(("comments", _comment(1))),
    _body(("comments", _comment(1, **_AD, ad_id="1"))),
    _body(("comments", _comment(1)), time=1734638900),
    _body(("comments", _comment(1, **_AD, ad_id="2", ad_title="Sale")), ("comments", _comment(2))),
    _body(("comments", _comment(1) | {"text": "another text", "likes": 3})),
    _body(("story_insights", _story(reach=17, exits=-1))),
    _body(("story_insights", _story(reach=20, views=4))),
    _body(("story_insights", _story(reach=17, exits=-1)), ("mentions", {"media_id": "1"})),
    _body(("story_insights", _story(reach=-1))),
    _body(("mentions", {"media_id": "1", "comment_id": "2"}), ("mentions", {"media_id": "1"})),
    _body(("message_reactions", {"a": 1.5}), ("message_reactions", {"a": 1.5})),
    _body(("comments", {"text": "NUL \0 and \ud800"}), ("likes", None)),
    _messages({"mid": "m", "text": "a"}, {"mid": "m", "is_deleted": True}),
)


def _records() -> list[Record]:
    records = []
    for number, body in enumerate(BODIES):
        delivery = Delivery(
            f"01920000-0000-7000-8000-{number:012d}",
            START + timedelta(seconds=number // 2),  # two at a time: ids decide between them
            "1",
            "sha256=" + "0" * 64,
            "webhook",
            body,
        )
        records += [
            Record(
                Source(raw_topic(field), 0, number),
                body_key(body),
                body,
                tuple(delivery_headers(delivery)),
            )
            for field in fields_in(body)
        ]
    return records


def _event_records(results: Sequence[OutRecord]) -> list[Record]:
    return [
        Record(Source(result.topic, 0, number), result.key, result.value, tuple(result.headers))
        for number, result in enumerate(results)
    ]


def _read_records(records: Sequence[Record]) -> list[Record]:
    """What the Graph API told about these events, at different times: answers, and none."""
    return [
        Record(
            Source(record.source.topic.replace("events", "enriched"), 0, number),
            record.key,
            encode_enriched(record.value or b"", read),
            record.headers,
        )
        for record in records
        for number, read in enumerate(_reads(decode_event(record.value or b"")))
    ]


def _reads(event: Event) -> list[Read]:
    """Pending, answered twice, and parked in the end; and their media, read twice."""
    endpoints: dict[str, Endpoint] = {
        "comments": "comment",
        "mentions": "mentioned_comment",
        "story_insights": "media",
    }
    if event.field not in endpoints:
        return []
    endpoint, object_id = endpoints[event.field], event.natural_key
    if event.field == "mentions":
        media_id, _, comment_id = event.natural_key.partition(":")
        in_caption = comment_id == "-"
        endpoint = "mentioned_media" if in_caption else "mentioned_comment"
        object_id = media_id if in_caption else comment_id
    media = {"id": "7", "media_type": "CAROUSEL_ALBUM"}
    answer = {"text": "NUL \0", "timestamp": "2017-05-19T23:27:28+0000", "media": media}
    told: list[tuple[Endpoint, Status, dict[str, Any] | None]] = [
        (endpoint, "pending", None),
        (endpoint, "done", answer | {"like_count": 1, "hidden": True}),
        (endpoint, "done", answer | {"like_count": 2, "username": "user_a"}),
        (endpoint, "parked", None),
        ("media", "done", {"media_type": "IMAGE", "caption": "a"}),
        ("media", "done", {"media_type": "CAROUSEL_ALBUM", "permalink": "https://b"}),
    ]
    return [
        Read(
            account_id=ACCOUNT,
            endpoint=told_of,
            object_id="7" if told_of == "media" else object_id,
            read_at=START + timedelta(hours=number),
            status=status,
            reason=None if given else status,
            answer=given,
        )
        for number, (told_of, status, given) in enumerate(told)
    ]


def _cut(records: Sequence[Record], sizes: Sequence[int]) -> Iterator[list[Record]]:
    rest = list(records)
    for size in [*sizes, len(rest)]:
        if rest:
            yield rest[:size]
            rest = rest[size:]


async def _empty(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        tables = ", ".join(f"hookline.{table}" for table in DUMPS)
        await connection.execute(text(f"TRUNCATE {tables}"))


async def _dump(engine: AsyncEngine) -> dict[str, list[str]]:
    async with engine.connect() as connection:
        return {
            table: [
                row[0]
                for row in await connection.execute(
                    text(
                        f"SELECT to_jsonb(t)::text FROM (SELECT {columns} FROM hookline.{table}) t"
                        " ORDER BY 1"
                    )
                )
            ]
            for table, columns in DUMPS.items()
        }


async def _run(engine: AsyncEngine, raw: Sequence[list[Record]], chance: Random | None) -> None:
    """Archive and dedupe in this order; the events reach persist shuffled and repeated."""
    archive, dedupe, persist = ArchiveHandler(engine), DedupeHandler(engine), PersistHandler(engine)
    waiting: list[Record] = []
    for batch in raw:
        await archive.handle(batch)
        events = _event_records((await dedupe.handle(batch)).results)
        waiting += [*events, *_read_records(events)]
        if chance is not None:
            chance.shuffle(waiting)
            now, waiting = waiting[: len(waiting) // 2], waiting[len(waiting) // 2 :]
            if now:
                await persist.handle(now)
                waiting += now[:1]
    if waiting:
        await persist.handle(waiting)


RECORDS = _records()


@pytest.fixture
async def expected(engine: AsyncEngine) -> dict[str, list[str]]:
    """The rows of an undisturbed run: everything once, in order, in one batch."""
    await _run(engine, [RECORDS], None)
    rows = await _dump(engine)
    assert len(rows["comments"]) == 2
    assert len(rows["story_insights"]) == 3
    (media,) = (json.loads(row) for row in rows["media"])
    assert (media["permalink"], media["caption"]) == ("https://b", None)
    first = json.loads(rows["comments"][0])
    assert (first["like_count"], first["hidden"], first["album_id"]) == (2, None, "7")
    assert (first["enrichment_status"], first["graph"]["from_username"]) == ("done", "user_a")
    return rows


@settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    order=st.permutations(range(len(RECORDS))),
    again=st.lists(st.integers(0, len(RECORDS) - 1), max_size=6),
    sizes=st.lists(st.integers(1, 5), max_size=12),
    seed=st.integers(0, 2**32),
)
async def test_any_order_batching_and_repetition_gives_the_same_rows(
    engine: AsyncEngine,
    expected: dict[str, list[str]],
    order: list[int],
    again: list[int],
    sizes: list[int],
    seed: int,
) -> None:
    """Whatever Kafka, crashes and retries make of the order, the tables come out alike."""
    await _empty(engine)
    records = [RECORDS[number] for number in (*order, *again)]
    await _run(engine, list(_cut(records, sizes)), Random(seed))
    found = await _dump(engine)
    for table, rows in expected.items():
        assert found[table] == rows, table
