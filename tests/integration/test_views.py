"""The views of `analytics`, over rows written by hand, against values written by hand."""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from schemas.tables import metadata

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]

PAGE: Final = Path(__file__).parents[2] / "docs" / "tables.md"

ACCOUNT: Final = "17841400000000001"
BOOSTED: Final = "17981480000000001"
"""A comment on a post, told again from two ads made of it, and under the same id from a live."""
QUIET: Final = "17981480000000002"
"""A comment of which Meta told nothing but the id."""
POST, AD, DYNAMIC_AD, LIVE = "1792140001", "1808349001", "1808349002", "1795550001"
MENTIONING, STORY = "1801110001", "1802330001"
SENT: Final = datetime(2026, 11, 22, 11, 59, tzinfo=UTC)
TOLD: Final = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


def at(hour: int, minute: int) -> datetime:
    """A time of receipt, on the day of all these rows."""
    return datetime(2026, 11, 22, hour, minute, tzinfo=UTC)


def number(delivery: int) -> str:
    """The id of a delivery."""
    return f"01920000-0000-7000-8000-{delivery:012d}"


def delivery(delivery: int, received_at: datetime, changes: Mapping[str, int]) -> Row:
    """A row of `deliveries`."""
    return {
        "received_at": received_at,
        "delivery_id": number(delivery),
        "body": b"{}",
        "sha256": f"{delivery:064d}",
        "signature": "sha256=",
        "app_id": "1",
        "fields": list(changes),
        "changes": changes,
        "source": "webhook",
    }


def claim(
    delivery: int, received_at: datetime, event_id: str, content_hash: str, item: int = 0
) -> Row:
    """A row of `claims`, by the change at this place."""
    return {
        "received_at": received_at,
        "delivery_id": number(delivery),
        "position": f"0.changes.{item}",
        "event_id": event_id,
        "content_hash": content_hash,
    }


def sighting(
    delivery: int, received_at: datetime, event_id: str, content_hash: str, item: int = 0
) -> Row:
    """A row of `sightings`. Its verdict is one that no view may rely on."""
    row = claim(delivery, received_at, event_id, content_hash, item)
    return {**row, "sent_at": SENT, "verdict": "unused"}


def head(delivery: int, *content_hashes: str) -> Row:
    """The columns of a row that tell its first content, and all of them where there are several."""
    row: Row = {
        "delivery_id": number(delivery),
        "position": "0.changes.0",
        "content_hash": content_hashes[0],
    }
    if len(content_hashes) > 1:
        row["contents"] = [{"content_hash": content_hash} for content_hash in content_hashes]
    return row


def letter(delivery: int, stage: str, source_topic: str, **others: Any) -> Row:
    """A row of `dead_letters`, about a record of this delivery."""
    return {
        "dead_letter_id": str(uuid.uuid4()),
        "stage": stage,
        "state": "parked",
        "reason": "sqlstate_22021",
        "detail": "",
        "fingerprint": "f" * 16,
        "source_topic": source_topic,
        "source_partition": 0,
        "source_offset": delivery,
        "delivery_id": number(delivery),
        "headers": {},
        "version": "0.1.0",
        "first_failed_at": TOLD,
        "parked_at": TOLD,
        **others,
    }


def comment(
    comment_id: str, field: str, received_at: datetime, delivery: int, *content_hashes: str
) -> Row:
    """A row of `comments` of which nothing but its ids is told."""
    return {
        "account_id": ACCOUNT,
        "comment_id": comment_id,
        "field": field,
        "first_received_at": received_at,
        "last_received_at": received_at,
        **head(delivery, *content_hashes),
    }


COMMENT_EVENT: Final = f"comments:{ACCOUNT}:{BOOSTED}"
LIVE_EVENT: Final = f"live_comments:{ACCOUNT}:{BOOSTED}"
QUIET_EVENT: Final = f"comments:{ACCOUNT}:{QUIET}"
MENTION_EVENT: Final = f"mentions:{ACCOUNT}:{MENTIONING}:{BOOSTED}"
CAPTION_EVENT: Final = f"mentions:{ACCOUNT}:{MENTIONING}:-"
STORY_EVENT: Final = f"story_insights:{ACCOUNT}:{STORY}"
TEST_EVENT: Final = f"comments:0:test:{number(7)}:0.changes.0"

BOOSTED_CONTENTS: Final = ("organic", "on the ad", "on the dynamic ad")

CONTENTS: Final[list[tuple[int, datetime, str, str, int]]] = [
    (1, at(12, 0), COMMENT_EVENT, "organic", 0),
    (2, at(12, 10), COMMENT_EVENT, "on the ad", 0),
    (3, at(12, 20), MENTION_EVENT, "mention", 1),
    (3, at(12, 20), CAPTION_EVENT, "caption", 2),
    (4, at(12, 30), COMMENT_EVENT, "on the dynamic ad", 0),
    (5, at(12, 40), LIVE_EVENT, "live", 0),
    (6, at(13, 0), QUIET_EVENT, "quiet", 0),
    (6, at(13, 0), STORY_EVENT, "early numbers", 1),
    (7, at(13, 10), TEST_EVENT, "pressed", 0),
    (8, at(13, 20), STORY_EVENT, "late numbers", 0),
]
REPEATS: Final[list[tuple[int, datetime, str, str, int]]] = [
    (3, at(12, 20), COMMENT_EVENT, "organic", 0),
    (9, at(14, 0), MENTION_EVENT, "mention", 0),
]

KNOWN: Final[Rows] = {
    "deliveries": [
        delivery(1, at(12, 0), {"comments": 1}),
        delivery(2, at(12, 10), {"comments": 1}),
        delivery(3, at(12, 20), {"comments": 1, "mentions": 2}),
        delivery(4, at(12, 30), {"comments": 1}),
        delivery(5, at(12, 40), {"live_comments": 1}),
        delivery(6, at(13, 0), {"comments": 1, "story_insights": 1}),
        delivery(7, at(13, 10), {"comments": 1}),
        delivery(8, at(13, 20), {"story_insights": 1}),
        delivery(9, at(14, 0), {"mentions": 1}),
        delivery(10, at(13, 40), {"comments": 3}),
    ],
    "sightings": [sighting(*place) for place in (*CONTENTS, *REPEATS)],
    "claims": [claim(*place) for place in CONTENTS],
    "comments": [
        {
            **comment(BOOSTED, "comments", at(12, 0), 1, *BOOSTED_CONTENTS),
            "text": "Lovely",
            "from_id": "1281680001",
            "from_username": "user_a",
            "is_own": False,
            "parent_id": "17981470000000009",
            "media_id": POST,
            "media_product_type": "FEED",
            "ad_id": "6900000001",
            "ad_title": "Sale",
            "original_media_id": POST,
            "canonical_media_id": POST,
            "album_id": "1700000001",
            "commented_at": at(11, 58),
            "like_count": 3,
            "hidden": False,
            "last_received_at": at(12, 30),
            "sent_at": SENT,
            "enrichment_status": "partial",
            "enrichment_reason": "no_author",
            "enriched_at": TOLD,
            "deleted_at": TOLD,
            "extra": {"new": 1},
        },
        {
            **comment(BOOSTED, "live_comments", at(12, 40), 5, "live"),
            "text": "Live",
            "from_id": "1281680002",
            "from_username": "user_b",
            "is_own": True,
            "media_id": LIVE,
            "media_product_type": "LIVE",
            "canonical_media_id": LIVE,
        },
        comment(QUIET, "comments", at(13, 0), 6, "quiet"),
    ],
    "ad_sightings": [
        {
            "account_id": ACCOUNT,
            "comment_id": BOOSTED,
            "media_id": AD,
            "ad_id": "6900000001",
            "ad_title": "Sale",
            "original_media_id": POST,
            "first_received_at": at(12, 10),
            **head(2, "on the ad"),
        },
        {
            "account_id": ACCOUNT,
            "comment_id": BOOSTED,
            "media_id": DYNAMIC_AD,
            "ad_id": "",
            "first_received_at": at(12, 30),
            **head(4, "on the dynamic ad"),
        },
    ],
    "mentions": [
        {
            "account_id": ACCOUNT,
            "media_id": MENTIONING,
            "comment_id": BOOSTED,
            "kind": "comment",
            "text": "@us look",
            "media_type": "IMAGE",
            "media_url": "https://example.com/1.jpg",
            "username": "user_c",
            "mentioned_at": at(11, 57),
            "like_count": 4,
            "first_received_at": at(12, 20),
            "last_received_at": at(12, 21),
            "sent_at": SENT,
            "enrichment_status": "done",
            "enrichment_reason": "read",
            "enriched_at": TOLD,
            "deleted_at": TOLD,
            "extra": {"new": 2},
            **head(3, "mention"),
        },
        {
            "account_id": ACCOUNT,
            "media_id": MENTIONING,
            "comment_id": "",
            "kind": "caption",
            "first_received_at": at(12, 20),
            "last_received_at": at(12, 20),
            **head(3, "caption"),
        },
    ],
    "story_insights": [
        {
            "account_id": ACCOUNT,
            "media_id": STORY,
            "metric": metric,
            "value": value,
            "suppressed": value is None,
            "received_at": received_at,
            "sent_at": SENT + (received_at - at(13, 0)),
            **head(latest, *contents),
        }
        for metric, value, received_at, latest, contents in (
            ("impressions", 84, at(13, 20), 8, ("late numbers", "early numbers")),
            ("reach", 70, at(13, 20), 8, ("late numbers", "early numbers")),
            ("replies", None, at(13, 20), 8, ("late numbers",)),
            ("taps_forward", 42, at(13, 0), 6, ("early numbers",)),
            ("taps_back", 0, at(13, 0), 6, ("early numbers",)),
            ("exits", None, at(13, 0), 6, ("early numbers",)),
            ("views", 90, at(13, 20), 8, ("late numbers",)),
        )
    ],
    "other_events": [
        {
            "event_id": TEST_EVENT,
            "platform_field": "comments",
            "object": "instagram",
            "account_id": "0",
            "value": {"id": "17865799348089039"},
            "is_test": True,
            "received_at": at(13, 10),
            **head(7, "pressed"),
        }
    ],
    "dead_letters": [letter(10, "dedupe", "instagram.raw.comments")],
}


async def insert(engine: AsyncEngine, rows: Rows) -> None:
    """Writes these rows, by table."""
    async with transaction(engine) as connection:
        for name, values in rows.items():
            for row in values:
                await connection.execute(metadata.tables[f"hookline.{name}"].insert(), row)


async def select(engine: AsyncEngine, query: str) -> list[Row]:
    """What a query gives, column by column, to a session that does not live in UTC."""
    async with transaction(engine) as connection:
        await connection.execute(text("SET LOCAL TIME ZONE 'Asia/Kolkata'"))
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


@pytest.fixture
async def known(engine: AsyncEngine) -> AsyncEngine:
    """A database that holds the known rows."""
    await insert(engine, KNOWN)
    return engine


async def test_comments(known: AsyncEngine) -> None:
    """One row a comment and field, with every column; nulls for what was not told."""
    boosted, quiet, live = await select(
        known, "SELECT * FROM analytics.comments ORDER BY field, comment_id"
    )
    assert boosted == {
        "account_id": ACCOUNT,
        "comment_id": BOOSTED,
        "field": "comments",
        "is_live": False,
        "text": "Lovely",
        "from_id": "1281680001",
        "from_username": "user_a",
        "is_own": False,
        "parent_id": "17981470000000009",
        "is_reply": True,
        "media_id": POST,
        "canonical_media_id": POST,
        "original_media_id": POST,
        "media_product_type": "FEED",
        "is_ad": True,
        "ad_id": "6900000001",
        "ad_title": "Sale",
        "album_id": "1700000001",
        "like_count": 3,
        "hidden": False,
        "commented_at": at(11, 58),
        "sent_at": SENT,
        "first_received_at": at(12, 0),
        "last_received_at": at(12, 30),
        "enrichment_status": "partial",
        "enrichment_reason": "no_author",
        "deleted_at": TOLD,
        "extra": {"new": 1},
        "enriched_at": TOLD,
        "permalink": None,
        "media_caption": None,
        "media_posted_at": None,
    }
    told = {
        "account_id": ACCOUNT,
        "comment_id": QUIET,
        "field": "comments",
        "is_live": False,
        "is_reply": False,
        "is_ad": False,
        "first_received_at": at(13, 0),
        "last_received_at": at(13, 0),
        "enrichment_status": "pending",
    }
    assert quiet == dict.fromkeys(quiet) | told
    assert (live["comment_id"], live["field"], live["is_live"]) == (BOOSTED, "live_comments", True)
    assert (live["is_own"], live["is_reply"]) == (True, False)


async def test_ad_comments(known: AsyncEngine) -> None:
    """One row an ad, also where the comment's id came as a live comment as well."""
    rows = await select(known, "SELECT * FROM analytics.ad_comments ORDER BY media_id")
    shared = {
        "account_id": ACCOUNT,
        "comment_id": BOOSTED,
        "canonical_media_id": POST,
        "field": "comments",
        "text": "Lovely",
        "from_id": "1281680001",
        "from_username": "user_a",
    }
    assert rows == [
        shared
        | {
            "media_id": AD,
            "ad_id": "6900000001",
            "ad_title": "Sale",
            "original_media_id": POST,
            "first_received_at": at(12, 10),
        },
        shared
        | {
            "media_id": DYNAMIC_AD,
            "ad_id": None,
            "ad_title": None,
            "original_media_id": None,
            "first_received_at": at(12, 30),
        },
    ]


async def test_an_ad_that_a_live_comment_told(known: AsyncEngine) -> None:
    """The comment of an ad is the one that was told with it, not the first of that id."""
    seen = {"account_id": ACCOUNT, "comment_id": BOOSTED, "media_id": LIVE, "ad_id": "6900000003"}
    row = {**seen, "first_received_at": at(12, 40), **head(5, "live")}
    await insert(known, {"ad_sightings": [row]})
    [found] = await select(
        known, "SELECT field, text FROM analytics.ad_comments WHERE ad_id = '6900000003'"
    )
    assert found == {"field": "live_comments", "text": "Live"}


async def test_mentions(known: AsyncEngine) -> None:
    """Mentions of both kinds, with every column."""
    comment_mention, caption_mention = await select(
        known, "SELECT * FROM analytics.mentions ORDER BY kind DESC"
    )
    assert comment_mention == {
        "account_id": ACCOUNT,
        "media_id": MENTIONING,
        "comment_id": BOOSTED,
        "kind": "comment",
        "text": "@us look",
        "media_type": "IMAGE",
        "media_url": "https://example.com/1.jpg",
        "username": "user_c",
        "mentioned_at": at(11, 57),
        "like_count": 4,
        "sent_at": SENT,
        "first_received_at": at(12, 20),
        "last_received_at": at(12, 21),
        "enrichment_status": "done",
        "enrichment_reason": "read",
        "deleted_at": TOLD,
        "extra": {"new": 2},
        "enriched_at": TOLD,
    }
    told = {
        "account_id": ACCOUNT,
        "media_id": MENTIONING,
        "kind": "caption",
        "first_received_at": at(12, 20),
        "last_received_at": at(12, 20),
        "enrichment_status": "pending",
    }
    assert caption_mention == dict.fromkeys(caption_mention) | told


async def test_stories(known: AsyncEngine) -> None:
    """One row a story: suppressed metrics are null and listed, zero stays zero."""
    assert await select(known, "SELECT * FROM analytics.stories") == [
        {
            "account_id": ACCOUNT,
            "media_id": STORY,
            "impressions": 84,
            "reach": 70,
            "replies": None,
            "taps_forward": 42,
            "taps_back": 0,
            "exits": None,
            "metrics": {
                "impressions": 84,
                "reach": 70,
                "replies": None,
                "taps_forward": 42,
                "taps_back": 0,
                "exits": None,
                "views": 90,
            },
            "suppressed_metrics": ["exits", "replies"],
            "sent_at": SENT + timedelta(minutes=20),
            "last_received_at": at(13, 20),
            "media_type": None,
            "permalink": None,
            "posted_at": None,
        }
    ]


async def test_what_only_the_graph_tells(known: AsyncEngine) -> None:
    """It fills what the webhook left out and replaces nothing. Of an ad the organic post comes
    before the album, which is the ad's own and may be nobody's to read.
    """
    told = {"from_username": "user_g", "from_id": "9", "text": "Graph", "media_id": POST}
    told |= {"permalink": "https://example.com/ad"}
    async with known.begin() as connection:
        await connection.execute(
            text("UPDATE hookline.comments SET graph = cast(:told AS jsonb)"),
            {"told": json.dumps(told)},
        )
    media = [
        {
            "media_id": media_id,
            "account_id": ACCOUNT,
            "media_type": "IMAGE",
            "media_product_type": None,
            "permalink": f"https://example.com/{media_id}",
            "caption": "Caption",
            "posted_at": at(10, 0),
            "album_id": None,
            "fetched_at": TOLD,
        }
        for media_id in (POST, "1700000001", STORY)
    ]
    await insert(known, {"media": media})
    boosted, quiet, _ = await select(
        known, "SELECT * FROM analytics.comments ORDER BY field, comment_id"
    )
    assert (boosted["text"], boosted["from_username"]) == ("Lovely", "user_a")
    assert boosted["permalink"] == f"https://example.com/{POST}"
    assert (quiet["text"], quiet["from_username"], quiet["from_id"]) == ("Graph", "user_g", "9")
    assert (quiet["media_id"], quiet["canonical_media_id"]) == (POST, POST)
    assert (quiet["permalink"], quiet["media_caption"], quiet["media_posted_at"]) == (
        f"https://example.com/{POST}",
        "Caption",
        at(10, 0),
    )
    [story] = await select(known, "SELECT * FROM analytics.stories")
    assert (story["permalink"], story["media_type"]) == (f"https://example.com/{STORY}", "IMAGE")
    async with known.begin() as connection:  # as of a part of an album
        await connection.execute(
            text("UPDATE hookline.media SET permalink = NULL WHERE media_id = :id"), {"id": POST}
        )
    pages = "SELECT permalink FROM analytics.comments ORDER BY field, comment_id"
    assert (await select(known, pages))[0]["permalink"] == "https://example.com/1700000001"
    async with known.begin() as connection:
        await connection.execute(text("DELETE FROM hookline.media WHERE media_id = '1700000001'"))
    assert (await select(known, pages))[0]["permalink"] == "https://example.com/ad"


async def test_duplicates(known: AsyncEngine) -> None:
    """Each change of an event already seen, judged by time, never by the stored verdict."""
    rows = await select(known, "SELECT * FROM analytics.duplicates ORDER BY received_at")

    def seen(event_id: str, content_hash: str, kind: str, place: tuple[int, datetime]) -> Row:
        first = {COMMENT_EVENT: at(12, 0), STORY_EVENT: at(13, 0), MENTION_EVENT: at(12, 20)}
        return {
            "field": event_id.partition(":")[0],
            "account_id": ACCOUNT,
            "event_id": event_id,
            "content_hash": content_hash,
            "kind": kind,
            "received_at": place[1],
            "delivery_id": uuid.UUID(number(place[0])),
            "position": "0.changes.0",
            "first_received_at": first[event_id],
            "after_first": place[1] - first[event_id],
        }

    assert rows == [
        seen(COMMENT_EVENT, "on the ad", "amendment", (2, at(12, 10))),
        seen(COMMENT_EVENT, "organic", "repeat", (3, at(12, 20))),
        seen(COMMENT_EVENT, "on the dynamic ad", "amendment", (4, at(12, 30))),
        seen(STORY_EVENT, "late numbers", "amendment", (8, at(13, 20))),
        seen(MENTION_EVENT, "mention", "repeat", (9, at(14, 0))),
    ]
    assert rows[-1]["after_first"] == timedelta(minutes=100)


async def test_conservation(known: AsyncEngine) -> None:
    """Every change in one column, in changes: a raw record of three that died counts three."""
    columns = ("hour", "field", "received", "stored", "repeats", "dead", "in_flight")
    rows = await select(known, "SELECT * FROM analytics.conservation ORDER BY hour, field")
    assert rows == [
        dict(zip(columns, values, strict=True))
        for values in (
            (at(12, 0), "comments", 4, 3, 1, 0, 0),
            (at(12, 0), "live_comments", 1, 1, 0, 0, 0),
            (at(12, 0), "mentions", 2, 2, 0, 0, 0),
            (at(13, 0), "comments", 5, 2, 0, 3, 0),
            (at(13, 0), "story_insights", 2, 2, 0, 0, 0),
            (at(14, 0), "mentions", 1, 0, 1, 0, 0),
        )
    ]


async def test_outcomes(known: AsyncEngine) -> None:
    """One row a change that was sighted, one for those of a record that were not."""
    rows = await select(
        known,
        "SELECT * FROM analytics.outcomes WHERE received_at BETWEEN '2026-11-22 12:15Z' AND "
        "'2026-11-22 12:25Z' OR position IS NULL ORDER BY received_at, position",
    )
    third = {"received_at": at(12, 20), "delivery_id": uuid.UUID(number(3)), "changes": 1}

    def change(item: int, event_id: str, content_hash: str, outcome: str) -> Row:
        return {
            **third,
            "position": f"0.changes.{item}",
            "field": event_id.partition(":")[0],
            "event_id": event_id,
            "content_hash": content_hash,
            "outcome": outcome,
        }

    assert rows == [
        change(0, COMMENT_EVENT, "organic", "repeat"),
        change(1, MENTION_EVENT, "mention", "stored"),
        change(2, CAPTION_EVENT, "caption", "stored"),
        {
            "received_at": at(13, 40),
            "delivery_id": uuid.UUID(number(10)),
            "position": None,
            "field": "comments",
            "event_id": None,
            "content_hash": None,
            "changes": 3,
            "outcome": "dead",
        },
    ]


async def _ends(engine: AsyncEngine, rows: Rows) -> dict[tuple[str, str], int]:
    """How the changes of these rows ended, by field; checks that conservation says the same."""
    await insert(engine, rows)
    listed = await select(engine, "SELECT field, outcome, changes FROM analytics.outcomes")
    ends: dict[tuple[str, str], int] = {}
    for row in listed:
        ends[row["field"], row["outcome"]] = (
            ends.get((row["field"], row["outcome"]), 0) + row["changes"]
        )
    names = {"stored": "stored", "repeats": "repeat", "dead": "dead", "in_flight": "in_flight"}
    totals = await select(engine, "SELECT * FROM analytics.conservation")
    for row in totals:
        assert row["received"] == sum(row[column] for column in names)
        for column, outcome in names.items():
            assert row[column] == ends.get((row["field"], outcome), 0)
    return ends


EVENT: Final = f"comments:{ACCOUNT}:{QUIET}"
HOUR: Final = at(12, 0)


async def test_a_delivery_that_nobody_has_seen_yet_is_in_flight(engine: AsyncEngine) -> None:
    """All its changes, by field."""
    rows = {"deliveries": [delivery(1, HOUR, {"comments": 2, "mentions": 1})]}
    assert await _ends(engine, rows) == {
        ("comments", "in_flight"): 2,
        ("mentions", "in_flight"): 1,
    }


async def test_an_amendment_is_stored_when_the_row_holds_it(engine: AsyncEngine) -> None:
    """A row of the event with another content of it is not enough."""
    contents = [(1, HOUR, EVENT, "first"), (2, HOUR, EVENT, "second")]
    rows = {
        "deliveries": [delivery(1, HOUR, {"comments": 1}), delivery(2, HOUR, {"comments": 1})],
        "sightings": [sighting(*place) for place in contents],
        "claims": [claim(*place) for place in contents],
        "comments": [comment(QUIET, "comments", HOUR, 1, "first")],
    }
    assert await _ends(engine, rows) == {("comments", "stored"): 1, ("comments", "in_flight"): 1}


@pytest.mark.parametrize(
    ("state", "outcome"),
    [("parked", "dead"), ("discarded", "dead"), ("resolved", "dead"), ("redriven", "in_flight")],
)
async def test_an_event_that_died_at_persist_is_one_change(
    engine: AsyncEngine, state: str, outcome: str
) -> None:
    """It is not stored as well, though its event has a row; sent again, it is on its way."""
    contents = [(1, HOUR, EVENT, "first"), (2, HOUR, EVENT, "second")]
    died = letter(2, "persist", "instagram.events.comments", key=EVENT.encode(), state=state)
    rows = {
        "deliveries": [delivery(1, HOUR, {"comments": 1}), delivery(2, HOUR, {"comments": 1})],
        "sightings": [sighting(*place) for place in contents],
        "claims": [claim(*place) for place in contents],
        "comments": [comment(QUIET, "comments", HOUR, 1, "first")],
        "dead_letters": [died],
    }
    assert await _ends(engine, rows) == {("comments", "stored"): 1, ("comments", outcome): 1}


async def test_a_letter_of_a_neighbour_in_the_delivery_changes_nothing(engine: AsyncEngine) -> None:
    """Letters at persist are about one event, not about all of the delivery."""
    other = EVENT + "9"
    contents = [(1, HOUR, EVENT, "first", 0), (1, HOUR, other, "first", 1)]
    rows = {
        "deliveries": [delivery(1, HOUR, {"comments": 2})],
        "sightings": [sighting(*place) for place in contents],
        "claims": [claim(*place) for place in contents],
        "dead_letters": [letter(1, "persist", "instagram.events.comments", key=other.encode())],
    }
    assert await _ends(engine, rows) == {("comments", "dead"): 1, ("comments", "in_flight"): 1}


async def test_a_key_that_is_not_text_breaks_nothing(engine: AsyncEngine) -> None:
    """Anybody who may write to Kafka can make such a letter."""
    rows = {
        "deliveries": [delivery(1, HOUR, {"comments": 1})],
        "sightings": [sighting(1, HOUR, EVENT, "first")],
        "claims": [claim(1, HOUR, EVENT, "first")],
        "dead_letters": [letter(1, "persist", "somewhere", key=b"\xff\x00", value=b"\xff")],
    }
    assert await _ends(engine, rows) == {("comments", "in_flight"): 1}


async def test_a_record_that_died_at_dedupe_is_all_its_changes(engine: AsyncEngine) -> None:
    """Of its topic's field, and once, however many letters tell of it."""
    rows = {
        "deliveries": [delivery(1, HOUR, {"comments": 40, "mentions": 2})],
        "dead_letters": [
            letter(1, "dedupe", "instagram.raw.comments"),
            letter(1, "dedupe", "instagram.raw.comments", attempts=2),
        ],
    }
    assert await _ends(engine, rows) == {("comments", "dead"): 40, ("mentions", "in_flight"): 2}


async def test_a_record_that_passed_after_all_is_not_dead(engine: AsyncEngine) -> None:
    """Sightings tell more than the letter that is still parked."""
    rows = {
        "deliveries": [delivery(1, HOUR, {"comments": 1})],
        "sightings": [sighting(1, HOUR, EVENT, "first")],
        "claims": [claim(1, HOUR, EVENT, "first")],
        "comments": [comment(QUIET, "comments", HOUR, 1, "first")],
        "dead_letters": [letter(1, "dedupe", "instagram.raw.comments")],
    }
    assert await _ends(engine, rows) == {("comments", "stored"): 1}


async def test_a_record_that_is_sent_again_is_in_flight(engine: AsyncEngine) -> None:
    """Until it is sighted."""
    rows = {
        "deliveries": [delivery(1, HOUR, {"comments": 2})],
        "dead_letters": [letter(1, "dedupe", "instagram.raw.comments", state="redriven")],
    }
    assert await _ends(engine, rows) == {("comments", "in_flight"): 2}


async def test_an_unreadable_body_is_one_change_wherever_it_was_published(
    engine: AsyncEngine,
) -> None:
    """The archive counts it as `other`; ingest reads roughly and may have found fields in it."""
    topics = ("instagram.raw.comments", "instagram.raw.mentions")
    rows = {
        "deliveries": [delivery(1, HOUR, {"other": 1})],
        "dead_letters": [letter(1, "dedupe", topic, reason="not_json") for topic in topics],
    }
    assert await _ends(engine, rows) == {("other", "dead"): 1}


async def test_letters_of_later_stages_end_no_change(engine: AsyncEngine) -> None:
    """An enrichment that fails takes no comment out of its table, and excuses none that is late."""
    late = EVENT + "9"
    contents = [(1, HOUR, EVENT, "first", 0), (1, HOUR, late, "first", 1)]
    rows = {
        "deliveries": [delivery(1, HOUR, {"comments": 2})],
        "sightings": [sighting(*place) for place in contents],
        "claims": [claim(*place) for place in contents],
        "comments": [comment(QUIET, "comments", HOUR, 1, "first")],
        "dead_letters": [
            letter(1, "enrich", "instagram.events.comments", key=event_id.encode())
            for event_id in (EVENT, late)
        ],
    }
    assert await _ends(engine, rows) == {("comments", "stored"): 1, ("comments", "in_flight"): 1}


async def test_a_letter_of_the_archive_does_not_excuse_dedupe(engine: AsyncEngine) -> None:
    """The delivery is archived after all; that nobody has split it is another matter."""
    rows = {
        "deliveries": [delivery(1, HOUR, {"comments": 2})],
        "dead_letters": [letter(1, "archive", "instagram.raw.comments")],
    }
    assert await _ends(engine, rows) == {("comments", "in_flight"): 2}


@pytest.mark.parametrize("died", [False, True])
async def test_a_change_whose_delivery_is_not_archived_is_not_done(
    engine: AsyncEngine, died: bool
) -> None:
    """However far it went: without its bytes it is not kept. It takes no other's place."""
    rows: dict[str, list[Row]] = {
        "deliveries": [delivery(2, HOUR, {"comments": 1})],
        "sightings": [sighting(1, HOUR, EVENT, "first")],
        "claims": [claim(1, HOUR, EVENT, "first")],
        "comments": [comment(QUIET, "comments", HOUR, 1, "first")],
        "dead_letters": [letter(1, "archive", "instagram.raw.comments")] if died else [],
    }
    expected = {("comments", "dead"): 1, ("comments", "in_flight"): 1}
    assert await _ends(engine, rows) == (expected if died else {("comments", "in_flight"): 2})


async def test_a_sighting_without_a_claim_is_not_done(engine: AsyncEngine) -> None:
    """It would be a repeat of nothing, and the row is that of no claim."""
    rows = {
        "deliveries": [delivery(1, HOUR, {"comments": 1})],
        "sightings": [sighting(1, HOUR, EVENT, "first")],
        "comments": [comment(QUIET, "comments", HOUR, 1, "first")],
    }
    assert await _ends(engine, rows) == {("comments", "in_flight"): 1}


async def test_a_lowered_claim_makes_the_later_change_the_repeat(engine: AsyncEngine) -> None:
    """The content is stored though its row still tells of the later delivery."""
    rows = {
        "deliveries": [delivery(1, HOUR, {"comments": 1}), delivery(2, HOUR, {"comments": 1})],
        "sightings": [sighting(2, HOUR, EVENT, "first"), sighting(1, HOUR, EVENT, "first")],
        "claims": [claim(1, HOUR, EVENT, "first")],
        "comments": [comment(QUIET, "comments", HOUR, 2, "first")],
    }
    assert await _ends(engine, rows) == {("comments", "stored"): 1, ("comments", "repeat"): 1}


async def test_a_change_told_twice_in_one_delivery_is_stored_once(engine: AsyncEngine) -> None:
    """The second place is a repeat."""
    rows = {
        "deliveries": [delivery(1, HOUR, {"comments": 2})],
        "sightings": [sighting(1, HOUR, EVENT, "first", item) for item in (0, 1)],
        "claims": [claim(1, HOUR, EVENT, "first")],
        "comments": [comment(QUIET, "comments", HOUR, 1, "first")],
    }
    assert await _ends(engine, rows) == {("comments", "stored"): 1, ("comments", "repeat"): 1}


async def test_the_page_names_every_column_of_every_view(engine: AsyncEngine) -> None:
    """And none that there is not."""
    columns = await select(
        engine,
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'analytics'",
    )
    sections = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    documented = {
        (found[1], column)
        for section in sections
        if (found := re.match(r"analytics\.(\w+)$", section, re.MULTILINE))
        for first_cell in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
        for column in re.findall(r"`(\w+)`", first_cell)
    }
    assert documented == {(row["table_name"], row["column_name"]) for row in columns}
