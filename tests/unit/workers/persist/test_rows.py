"""Every event ends in a row of the right table, and nothing of it breaks the row."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.decoding import UnreadableError
from schemas.events import Event, decode_event, encode_event
from schemas.identity import ClaimKey, identify
from schemas.splitting import split
from tests.unit.schemas.values import body, change_body, documents, nested, texts, untimed, values
from workers.persist.handler import TARGETS, told_by
from workers.persist.rows import RowContent, rows_of
from workers.persist.targets import (
    AD_SIGHTINGS,
    COMMENTS,
    MENTIONS,
    OTHER_EVENTS,
    STORY_INSIGHTS,
)

A = "17841400000000001"
DELIVERY = "01920000-0000-7000-8000-000000000001"
RECEIVED = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
SENT = datetime(2024, 12, 19, 20, 6, 52, tzinfo=UTC)


def events_in(data: bytes) -> list[Event]:
    """The events of a body, as persist reads them from the topic."""
    return [
        decode_event(
            encode_event(
                change,
                identify(change, DELIVERY),
                ClaimKey(RECEIVED, DELIVERY, change.position),
            )
        )
        for change in split(data)
    ]


def event(field: Any, value: Any, account_id: Any = A) -> Event:
    """The event of one change."""
    (found,) = events_in(change_body(field, value, account_id))
    return found


def named(row: RowContent) -> dict[str, Any]:
    """A row's folded columns by name; `extra` and `value` read as JSON."""
    columns = dict(zip(row.target.folded, row.content.values, strict=True))
    for name in ("extra", "value"):
        if isinstance(columns.get(name), str):
            columns[name] = json.loads(columns[name])
    return columns


def only(rows: list[RowContent], target: Any) -> RowContent:
    """The one row of an event, which is of this table."""
    (row,) = rows
    assert row.target is target
    return row


def test_an_organic_comment() -> None:
    """Every column, and no ad sighting."""
    value = {
        "id": "17981480000000001",
        "from": {"id": "1281680000000001", "username": "user_a"},
        "media": {"id": "17921400000000001", "media_product_type": "FEED"},
        "text": "hello",
        "parent_id": "17981480000000000",
    }
    row = only(rows_of(event("comments", value)), COMMENTS)
    assert row.key == (A, "17981480000000001", "comments")
    assert row.content.key == ClaimKey(RECEIVED, DELIVERY, row.content.key.position)
    assert named(row) == {
        "text": "hello",
        "from_id": "1281680000000001",
        "from_username": "user_a",
        "is_own": False,
        "parent_id": "17981480000000000",
        "media_id": "17921400000000001",
        "media_product_type": "FEED",
        "ad_id": None,
        "ad_title": None,
        "original_media_id": None,
        "sent_at": SENT,
        "extra": None,
    }


def test_a_comment_on_an_ad() -> None:
    """The comment with its ad attributes, and a sighting of the ad."""
    value = {
        "id": "1",
        "text": "price?",
        "media": {
            "id": "2",
            "ad_id": "3",
            "ad_title": "Sale",
            "original_media_id": "4",
            "media_product_type": "AD",
        },
    }
    comment, sighting = rows_of(event("comments", value))
    columns = named(comment)
    assert (columns["media_id"], columns["ad_id"], columns["ad_title"]) == ("2", "3", "Sale")
    assert (columns["original_media_id"], columns["media_product_type"]) == ("4", "AD")
    assert sighting.target is AD_SIGHTINGS
    assert sighting.key == (A, "1", "2", "3")
    assert named(sighting) == {"ad_title": "Sale", "original_media_id": "4"}
    assert sighting.content.key == comment.content.key
    assert sighting.content.content_hash == comment.content.content_hash


@pytest.mark.parametrize(
    ("media", "key"),
    [
        ({"id": "2", "media_product_type": "AD"}, ("2", "")),
        ({"id": "2", "ad_id": "3"}, ("2", "3")),
        ({"id": "2", "ad_title": "Sale"}, ("2", "")),
        ({"id": "2", "original_media_id": "4"}, ("2", "")),
        ({"media_product_type": "AD"}, ("", "")),
        ({"ad_id": "3"}, ("", "3")),
        ({"id": "2", "media_product_type": "FEED"}, None),
        ({"id": "2", "ad_id": None, "ad_title": None, "original_media_id": None}, None),
        ({"id": "2", "ad_id": 1.5}, None),
        ({}, None),
        (None, None),
    ],
)
def test_what_makes_an_ad_sighting(media: Any, key: tuple[str, str] | None) -> None:
    """Any attribute of an ad, or the product type; what is not told is empty in the key."""
    rows = rows_of(event("comments", {"id": "1", "media": media}))
    sightings = [row.key for row in rows if row.target is AD_SIGHTINGS]
    assert sightings == ([] if key is None else [(A, "1", *key)])


def test_a_live_comment_is_a_row_of_its_field() -> None:
    """The same id as a comment and as a live comment are two rows."""
    row = only(rows_of(event("live_comments", {"comment_id": 5})), COMMENTS)
    assert row.key == (A, "5", "live_comments")
    assert named(row)["extra"] is None


@pytest.mark.parametrize(
    ("author", "own"),
    [({"id": A}, True), ({"id": "5", "self_ig_scoped_id": "6"}, True), ({"id": "5"}, False)],
)
def test_own_comments_are_flagged(author: Any, own: bool) -> None:
    """So that they are never answered."""
    row = only(rows_of(event("comments", {"id": "1", "from": author})), COMMENTS)
    assert named(row)["is_own"] is own


@pytest.mark.parametrize("author", [None, {}, {"username": "x"}])
def test_a_comment_without_an_author_is_nobodys(author: Any) -> None:
    """Null, not false."""
    row = only(rows_of(event("comments", {"id": "1", "from": author})), COMMENTS)
    assert named(row)["is_own"] is None


def test_unknown_members_are_kept() -> None:
    """Nested where they stood, beside members of an unexpected type; null and empty are not."""
    value = {
        "id": "1",
        "comment_id": "7",
        "text": ["no", "text"],
        "from": {"id": 1.5, "username": "u", "self_ig_scoped_id": "6", "badge": True},
        "media": {"id": "2", "shop": {"sku": 1}, "none": None},
        "parent_id": {"id": "9"},
        "hidden": False,
        "zero": 0,
        "empty": {},
        "none": None,
    }
    row = only(rows_of(event("comments", value)), COMMENTS)
    columns = named(row)
    assert columns["extra"] == {
        "comment_id": "7",
        "text": ["no", "text"],
        "from": {"id": 1.5, "self_ig_scoped_id": "6", "badge": True},
        "media": {"shop": {"sku": 1}},
        "parent_id": {"id": "9"},
        "hidden": False,
        "zero": 0,
    }
    assert (columns["text"], columns["from_id"], columns["parent_id"]) == (None, None, None)
    assert columns["from_username"] == "u"


@pytest.mark.parametrize("odd", [3, "x", [], ["id"], True])
def test_nested_members_of_another_type_are_kept(odd: Any) -> None:
    """An author or a media that is no object goes to `extra`."""
    row = only(rows_of(event("comments", {"id": "1", "from": odd, "media": odd})), COMMENTS)
    assert named(row)["extra"] == {"from": odd, "media": odd}


@pytest.mark.parametrize(
    ("value", "key", "kind"),
    [
        ({"media_id": "1", "comment_id": "2"}, ("1", "2"), "comment"),
        ({"media_id": 1, "comment_id": 2}, ("1", "2"), "comment"),
        ({"media_id": "1"}, ("1", ""), "caption"),
        ({"media_id": "1", "comment_id": None}, ("1", ""), "caption"),
    ],
)
def test_mentions(value: Any, key: tuple[str, str], kind: str) -> None:
    """In a comment, or in the caption."""
    row = only(rows_of(event("mentions", value | {"new": [1]})), MENTIONS)
    assert row.key == (A, *key)
    assert named(row) == {"kind": kind, "sent_at": SENT, "extra": {"new": [1]}}


def test_story_metrics() -> None:
    """A row for each integer under any name; -1 is suppressed, 0 is a number."""
    value = {
        "media_id": "5",
        "impressions": 444,
        "exits": -1,
        "replies": 0,
        "views": 2**63 - 1,
        "odd": -2,
    }
    rows = rows_of(event("story_insights", value))
    assert all(row.target is STORY_INSIGHTS for row in rows)
    assert {row.key: (named(row)["value"], named(row)["suppressed"]) for row in rows} == {
        (A, "5", "impressions"): (444, False),
        (A, "5", "exits"): (None, True),
        (A, "5", "replies"): (0, False),
        (A, "5", "views"): (2**63 - 1, False),
        (A, "5", "odd"): (-2, False),
    }
    assert {named(row)["sent_at"] for row in rows} == {SENT}


def test_what_is_no_count_is_no_metric() -> None:
    """Other types, and what no column holds, do not hurt the metrics beside them."""
    odd = {
        "a": None,
        "b": 1.0,
        "c": True,
        "d": "5",
        "e": [1],
        "f": {"total": 1},
        "g": 2**63,
        "h": -(2**63) - 1,
        "x" * 401: 1,
    }
    rows = rows_of(event("story_insights", {"media_id": "5", "reach": 44, **odd}))
    assert [row.key for row in rows] == [(A, "5", "reach")]
    row = only(rows_of(event("story_insights", {"media_id": "5", **odd})), OTHER_EVENTS)
    assert named(row)["value"] == {"media_id": "5", **odd}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("comments", {"text": "x"}),
        ("comments", {"id": ""}),
        ("comments", None),
        ("live_comments", [1]),
        ("mentions", {"comment_id": "1"}),
        ("story_insights", {"reach": 1}),
        ("story_insights", {"media_id": "5"}),
        ("messages", {"sender": {"id": "5"}, "timestamp": 1, "message": {"mid": "m"}}),
        ("follow", {"id": "1"}),
    ],
)
def test_what_has_no_table_of_its_own_is_kept_whole(field: str, value: Any) -> None:
    """Without a key, without a metric, of another field: all are in `other_events`."""
    told = event(field, value)
    row = only(rows_of(told), OTHER_EVENTS)
    assert row.key == (told.event_id,)
    assert named(row) == {
        "platform_field": field,
        "object": "instagram",
        "account_id": A,
        "value": value,
        "is_test": False,
        "sent_at": SENT,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("comments", {"id": "17865799348089039", "text": "This is an example."}),
        ("mentions", {"media_id": "17887498072083520", "comment_id": "17887498072083520"}),
        ("story_insights", {"media_id": "17887498072083520", "impressions": 444}),
    ],
)
@pytest.mark.parametrize("account_id", ["0", 0])
def test_tests_stay_out_of_the_typed_tables(field: str, value: Any, account_id: Any) -> None:
    """Whole, and marked."""
    row = only(rows_of(event(field, value, account_id)), OTHER_EVENTS)
    assert row.key == (f"{field}:0:test:{DELIVERY}:0.changes.0",)
    columns = named(row)
    assert (columns["is_test"], columns["value"]) == (True, value)
    assert (columns["platform_field"], columns["account_id"]) == (field, "0")


def test_events_without_an_account_are_kept() -> None:
    """Nobody's comment has no row among comments."""
    row = only(rows_of(event("comments", {"id": "1"}, None)), OTHER_EVENTS)
    assert named(row)["account_id"] is None


@given(texts, texts)
def test_text_never_breaks_a_row(text: str, name: str) -> None:
    """NUL and lone surrogates become U+FFFD in each text column and in jsonb."""
    value = {"id": "1", "text": text, "from": {"username": text}, name + "?": text}
    rows = rows_of(event("comments", value))
    assert rows
    for row in rows:
        check_storable(row)


@untimed
@given(st.sampled_from(["comments", "live_comments", "mentions", "story_insights", "x"]), values)
def test_every_event_has_rows_that_can_be_stored(field: str, value: Any) -> None:
    """Whatever the value: one row at least, each with its whole key and storable columns."""
    rows = rows_of(event(field, value))
    assert rows
    for row in rows:
        check_storable(row)


@untimed
@given(documents)
def test_every_event_of_any_body_ends_in_a_table(document: Any) -> None:
    """Once in each row that it tells about."""
    try:
        events = events_in(json.dumps(document).encode())
    except UnreadableError:
        return
    rows = [row for told in events for row in rows_of(told)]
    told = told_by(events)
    assert sum(len(contents) for table in told.values() for contents in table.values()) == len(rows)
    assert set(told) <= set(TARGETS)
    for row in rows:
        assert row.content in told[row.target][row.key]


def test_deep_and_long_values_are_stored() -> None:
    """500 levels and 100 digits, in `extra` and in `other_events`."""
    odd = {"deep": nested(500, "x"), "n": int("9" * 100)}
    row = only(rows_of(event("comments", {"id": "1", **odd})), COMMENTS)
    assert named(row)["extra"] == odd
    row = only(rows_of(event("comments", odd)), OTHER_EVENTS)
    assert named(row)["value"] == odd


def test_a_delivery_with_several_events() -> None:
    """Each in its own table."""
    changes = [
        {"field": "comments", "value": {"id": "1", "media": {"id": "2", "ad_id": "3"}}},
        {"field": "mentions", "value": {"media_id": "2"}},
        {"field": "story_insights", "value": {"media_id": "5", "reach": 1}},
        {"field": "follow", "value": {}},
    ]
    told = told_by(events_in(body({"id": A, "changes": changes})))
    assert {target: list(rows) for target, rows in told.items()} == {
        COMMENTS: [(A, "1", "comments")],
        AD_SIGHTINGS: [(A, "1", "2", "3")],
        MENTIONS: [(A, "2", "")],
        STORY_INSIGHTS: [(A, "5", "reach")],
        OTHER_EVENTS: [
            (f"other:{A}:sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",)
        ],
    }


def check_storable(row: RowContent) -> None:
    """PostgreSQL takes every column, and the key fits an index row."""
    assert len(row.key) == len(row.target.key)
    assert len(row.content.values) == len(row.target.folded)
    assert sum(len(part.encode()) for part in row.key) <= 2704
    for column in (*row.key, *row.content.values):
        if isinstance(column, str):
            column.encode()
            assert "\0" not in column
    for name in ("extra", "value"):
        text = dict(zip(row.target.folded, row.content.values, strict=True)).get(name)
        if isinstance(text, str):
            json.loads(text, parse_constant=pytest.fail)
