"""Every documented shape has the identity of design B4, written out."""

import hashlib
import json
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.decoding import UnreadableError
from schemas.identity import (
    ClaimKey,
    Identity,
    comment_id,
    identify,
    is_own,
    is_typed,
)
from schemas.splitting import Position, split
from tests.unit.schemas.values import body, change_body, documents, untimed, values

A = "17841400000000001"
B = "17841400000000002"
DELIVERY = "01920000-0000-7000-8000-000000000001"


def sha(canonical: str) -> str:
    """The natural key of a value without one, from its canonical text."""
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def ids(data: bytes) -> list[str]:
    """The event ids of a body, in order."""
    return [identify(change, DELIVERY).event_id for change in split(data)]


def identities(data: bytes) -> list[Identity]:
    """The identities of a body, in order; none if nobody can read it."""
    try:
        return [identify(change, DELIVERY) for change in split(data)]
    except UnreadableError:
        return []


def message(payload: Any, timestamp: Any = 1668022334834) -> dict[str, Any]:
    """A messaging item."""
    return {"sender": {"id": "55"}, "recipient": {"id": A}, "timestamp": timestamp, **payload}


CAPTURED_ORGANIC = (
    b'{"object":"instagram","entry":[{"id":"17841400000000001","time":1734638812,"changes":'
    b'[{"field":"comments","value":{"from":{"id":"1281680000000001","username":"user_a"},'
    b'"media":{"id":"17921400000000001","media_product_type":"FEED"},'
    b'"id":"17981480000000001","text":"hello"}}]}]}'
)

STORY = '{"media_id": "17887498072083520", "impressions": 444, "reach": 44, "exits": -1}'

SHAPES: dict[str, tuple[bytes, list[str]]] = {
    "object": (CAPTURED_ORGANIC, [f"comments:{A}:17981480000000001"]),
    "list wrapped": (b"[" + CAPTURED_ORGANIC + b"]", [f"comments:{A}:17981480000000001"]),
    "two wrapped": (
        b"[" + CAPTURED_ORGANIC + b"," + CAPTURED_ORGANIC + b"]",
        [f"comments:{A}:17981480000000001"] * 2,
    ),
    "on an ad": (
        change_body(
            "comments",
            {
                "id": "18220740000000001",
                "from": {"id": "742084000000001", "username": "user_b"},
                "text": "price?",
                "media": {
                    "id": "18083490000000001",
                    "ad_id": "120250780000000001",
                    "original_media_id": "18085700000000001",
                    "media_product_type": "AD",
                },
            },
        ),
        [f"comments:{A}:18220740000000001"],
    ),
    "comment_id for id": (
        change_body("comments", {"comment_id": "17865799348089039", "text": "x"}),
        [f"comments:{A}:17865799348089039"],
    ),
    "id before comment_id": (
        change_body("comments", {"comment_id": "1", "id": "2"}),
        [f"comments:{A}:2"],
    ),
    "comment_id where id is none": (
        change_body("comments", {"comment_id": "1", "id": ""}),
        [f"comments:{A}:1"],
    ),
    "live comment": (
        change_body("live_comments", {"id": "17981480000000001", "text": "hi"}),
        [f"live_comments:{A}:17981480000000001"],
    ),
    "flat": (
        body({"id": A, "time": 1, "field": "comments", "value": {"id": "17981480000000001"}}),
        [f"comments:{A}:17981480000000001"],
    ),
    "flat mention": (
        body({"id": A, "field": "mentions", "value": {"media_id": "3", "comment_id": "4"}}),
        [f"mentions:{A}:3:4"],
    ),
    "mention in a comment": (
        change_body("mentions", {"media_id": "17887498072083520", "comment_id": "1788749"}),
        [f"mentions:{A}:17887498072083520:1788749"],
    ),
    "mention in a caption": (
        change_body("mentions", {"media_id": "17887498072083520"}),
        [f"mentions:{A}:17887498072083520:-"],
    ),
    "mention with a null comment": (
        change_body("mentions", {"media_id": "17887498072083520", "comment_id": None}),
        [f"mentions:{A}:17887498072083520:-"],
    ),
    "story": (
        change_body("story_insights", json.loads(STORY)),
        [f"story_insights:{A}:17887498072083520"],
    ),
    "messages": (
        body(
            {
                "id": A,
                "time": 1668022335000,
                "messaging": [
                    message({"message": {"mid": "m_1", "text": "hi"}}),
                    message({"message": {"mid": "m_1", "is_deleted": True}}, 1668022334999),
                    message({"message_edit": {"mid": "m_1", "text": "ho", "num_edit": 1}}),
                    message({"reaction": {"mid": "m_1", "action": "react"}}),
                    message({"postback": {"mid": "m_2", "title": "Go"}}),
                    message({"read": {"mid": "m_2"}}),
                    message({"referral": {"ref": "r", "source": "SHORTLINK"}}),
                    message({"pass_thread_control": {"new_owner_app_id": "9"}}),
                    message({"optin": {}}, "1668022334834"),
                ],
            }
        ),
        [
            f"other:{A}:message:m_1:55:1668022334834",
            f"other:{A}:message:m_1:55:1668022334999",
            f"other:{A}:message_edit:m_1:55:1668022334834",
            f"other:{A}:reaction:m_1:55:1668022334834",
            f"other:{A}:postback:m_2:55:1668022334834",
            f"other:{A}:read:m_2:55:1668022334834",
            f"other:{A}:referral:-:55:1668022334834",
            f"other:{A}:pass_thread_control:-:55:1668022334834",
            f"other:{A}:optin:-:55:1668022334834",
        ],
    ),
    "standby": (
        body({"id": A, "standby": [message({"message": {"mid": "m_1"}})]}),
        [f"other:{A}:message:m_1:55:1668022334834"],
    ),
    "messaging in changes": (
        change_body("messages", message({"message": {"mid": "m_1"}})),
        [f"other:{A}:message:m_1:55:1668022334834"],
    ),
    "messaging without its parts": (
        body(
            {
                "id": A,
                "messaging": [
                    {"sender": {"id": "55"}, "timestamp": 1},
                    {"sender": {"id": "55"}, "message": {}},
                    {"timestamp": 1, "message": {}},
                    {"sender": "55", "timestamp": 1, "message": {}},
                    {"sender": {"id": 5.5}, "timestamp": 1, "message": {}},
                    "text",
                ],
            }
        ),
        [
            f"other:{A}:{sha(text)}"
            for text in (
                '{"sender":{"id":"55"},"timestamp":1}',
                '{"message":{},"sender":{"id":"55"}}',
                '{"message":{},"timestamp":1}',
                '{"message":{},"sender":"55","timestamp":1}',
                '{"message":{},"sender":{"id":5.5},"timestamp":1}',
                '"text"',
            )
        ],
    ),
    "changed_fields": (
        body({"id": A, "time": 1734638812, "changed_fields": ["comments", "mentions"]}),
        [f"other:{A}:{sha(text)}" for text in ('"comments"', '"mentions"')],
    ),
    "several accounts": (
        json.dumps(
            {
                "object": "instagram",
                "entry": [
                    {"id": A, "changes": [{"field": "comments", "value": {"id": "1"}}]},
                    {"id": B, "changes": [{"field": "comments", "value": {"id": "1"}}]},
                ],
            }
        ).encode(),
        [f"comments:{A}:1", f"comments:{B}:1"],
    ),
    "several lists": (
        body(
            {
                "id": A,
                "changes": [{"field": "comments", "value": {"id": "1"}}],
                "messaging": [message({"message": {"mid": "m_1"}})],
                "standby": [message({"read": {"mid": "m_1"}})],
            }
        ),
        [
            f"comments:{A}:1",
            f"other:{A}:message:m_1:55:1668022334834",
            f"other:{A}:read:m_1:55:1668022334834",
        ],
    ),
    "foreign object": (
        json.dumps(
            {
                "object": "page",
                "entry": [{"id": A, "changes": [{"field": "comments", "value": {"id": "1"}}]}],
            }
        ).encode(),
        [f"other:{A}:" + sha('{"id":"1"}')],
    ),
    "unknown field": (
        change_body("follow", {"b": "é", "a": 1}),
        [f"other:{A}:" + sha('{"a":1,"b":"é"}')],
    ),
    "field without a name": (
        change_body(None, {"id": "1"}),
        [f"other:{A}:" + sha('{"id":"1"}')],
    ),
    "numeric ids": (
        change_body("comments", {"id": 17981480000000001}, 17841400000000001),
        [f"comments:{A}:17981480000000001"],
    ),
    "ids beyond 64 bits": (
        change_body("comments", {"id": 123456789012345678901234567890}, 17841400000000001),
        [f"comments:{A}:123456789012345678901234567890"],
    ),
    "float id": (
        change_body("comments", {"id": 1.5}),
        [f"comments:{A}:" + sha('{"id":1.5}')],
    ),
    "bool id": (
        change_body("comments", {"id": True}),
        [f"comments:{A}:" + sha('{"id":true}')],
    ),
    "empty id": (
        change_body("comments", {"id": ""}),
        [f"comments:{A}:" + sha('{"id":""}')],
    ),
    "overlong id": (
        change_body("comments", {"id": "9" * 401}),
        [f"comments:{A}:" + sha(f'{{"id":"{"9" * 401}"}}')],
    ),
    "id with NUL": (
        change_body("comments", {"id": "1\0"}),
        [f"comments:{A}:" + sha('{"id":"1\\u0000"}')],
    ),
    "mention without media": (
        change_body("mentions", {"comment_id": "1"}),
        [f"mentions:{A}:" + sha('{"comment_id":"1"}')],
    ),
    "story without media": (
        change_body("story_insights", {"id": "1", "reach": 44}),
        [f"story_insights:{A}:" + sha('{"id":"1","reach":44}')],
    ),
    "values that are no objects": (
        body(
            {
                "id": A,
                "changes": [
                    {"field": "comments", "value": None},
                    {"field": "mentions", "value": []},
                    {"field": "story_insights", "value": "x"},
                    {"field": "live_comments", "value": 7},
                ],
            }
        ),
        [
            f"comments:{A}:" + sha("null"),
            f"mentions:{A}:" + sha("[]"),
            f"story_insights:{A}:" + sha('"x"'),
            f"live_comments:{A}:" + sha("7"),
        ],
    ),
    "no account": (
        body({"changes": [{"field": "comments", "value": {"id": "1"}}]}),
        ["comments:-:" + sha('{"id":"1"}')],
    ),
    "account of another type": (
        change_body("comments", {"id": "1"}, 1.0),
        ["comments:-:" + sha('{"id":"1"}')],
    ),
    "odd entries": (
        b'{"object":"instagram","entry":[null,{"id":"17841400000000001","x":1},[2]]}',
        [
            "other:-:" + sha("null"),
            f"other:{A}:" + sha(f'{{"id":"{A}","x":1}}'),
            "other:-:" + sha("[2]"),
        ],
    ),
    "odd changes": (
        body({"id": A, "changes": [7, {"field": "comments"}]}),
        [f"other:{A}:" + sha("7"), f"other:{A}:" + sha('{"field":"comments"}')],
    ),
    "odd top-level items": (
        b'["x",' + CAPTURED_ORGANIC + b',{"object":"instagram"}]',
        [
            "other:-:" + sha('"x"'),
            f"comments:{A}:17981480000000001",
            "other:-:" + sha('{"object":"instagram"}'),
        ],
    ),
    "dashboard tests": (
        json.dumps(
            [
                {
                    "object": "instagram",
                    "entry": [
                        {
                            "id": "0",
                            "time": "1527459824",
                            "changes": [
                                {"field": "comments", "value": {"id": "17865799348089039"}},
                                {"field": "mentions", "value": {"media_id": "1"}},
                                {"field": "messages", "value": message({"message": {"mid": "x"}})},
                            ],
                        },
                        {"id": 0, "field": "story_insights", "value": {"media_id": "1"}},
                    ],
                }
            ]
        ).encode(),
        [
            f"comments:0:test:{DELIVERY}:0.changes.0",
            f"mentions:0:test:{DELIVERY}:0.changes.1",
            f"other:0:test:{DELIVERY}:0.changes.2",
            f"story_insights:0:test:{DELIVERY}:1.flat.0",
        ],
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_event_ids_of_each_shape(shape: str) -> None:
    """Literally, for each documented shape and each odd one."""
    data, expected = SHAPES[shape]
    assert ids(data) == expected


def test_an_identity_is_told_whole() -> None:
    """Id, natural key, content hash and the mark of tests belong together."""
    (found,) = identities(change_body("comments", {"text": "x", "id": "1"}))
    digest = hashlib.sha256(b'{"id":"1","text":"x"}').hexdigest()
    assert found == Identity(f"comments:{A}:1", "1", digest, is_test=False)


def test_a_messaging_item_is_hashed_whole() -> None:
    """Its content is sender, recipient and time as well as the payload."""
    item = {"sender": {"id": "5"}, "timestamp": 1, "read": {"mid": "m"}}
    (found,) = identities(body({"id": A, "messaging": [item]}))
    text = b'{"read":{"mid":"m"},"sender":{"id":"5"},"timestamp":1}'
    assert found.content_hash == hashlib.sha256(text).hexdigest()


def test_every_press_of_the_test_button_is_an_event() -> None:
    """The same fake ids come at each press; another delivery is another event of equal content."""
    data = change_body("comments", {"id": "17865799348089039"}, "0")
    (change,) = split(data)
    one, other = identify(change, DELIVERY), identify(change, DELIVERY[:-1] + "2")
    assert one.is_test
    assert other.is_test
    assert one.event_id != other.event_id
    assert one.content_hash == other.content_hash


@untimed
@given(values, st.integers(0, 10**13), st.integers(0, 10**13))
def test_the_time_of_sending_is_no_part_of_identity(value: Any, one: int, other: int) -> None:
    """A retry may carry another `entry.time`."""
    entries = [
        {"id": A, "time": time, "changes": [{"field": "comments", "value": value}]}
        for time in (one, other)
    ]
    assert identities(body(entries[0])) == identities(body(entries[1]))


@untimed
@given(documents, st.randoms(use_true_random=False))
def test_key_order_is_no_part_of_identity(document: Any, chance: random.Random) -> None:
    """Meta's key order varies. Only which payload of several comes first names a message."""
    data, shuffled = json.dumps(document), json.dumps(_shuffled(document, chance))
    pairs = zip(identities(data.encode()), identities(shuffled.encode()), strict=True)
    for one, other in pairs:
        assert one.content_hash == other.content_hash
        if not one.event_id.startswith("other:"):
            assert one.event_id == other.event_id


@untimed
@given(documents)
def test_spelling_is_no_part_of_identity(document: Any) -> None:
    """Escapes, spaces and raw UTF-8 write the same value."""
    spaced = identities(json.dumps(document).encode())
    compact = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    assert identities(compact.encode("utf-8", "surrogatepass")) == spaced
    with suppress(TypeError):  # what orjson cannot write has only the other spellings
        assert identities(orjson.dumps(document)) == spaced


@untimed
@given(documents)
def test_identity_does_not_depend_on_the_parser(document: Any) -> None:
    """Half an emoji before the entries sends the same body through the standard parser."""
    items = document if isinstance(document, list) else [document]
    fast = identities(json.dumps(["x", *items]).encode())
    slow = identities(json.dumps(["\ud800", *items]).encode())
    assert slow[1:] == fast[1:]
    assert len(slow) == len(fast)


def test_only_the_last_of_duplicate_keys_counts() -> None:
    """In ids and in content, in either parser."""
    for tail in ("", r', "s": "\ud800"'):
        twice = f'{{"entry": [{{"id": "9", "id": "{A}", "changes": [{{"field": "mentions", \
"field": "comments", "value": {{"id": "1", "id": "2"{tail}}}}}]}}], "object": "instagram"}}'
        once = f'{{"entry": [{{"id": "{A}", "changes": [{{"field": "comments", \
"value": {{"id": "2"{tail}}}}}]}}], "object": "instagram"}}'
        assert identities(twice.encode()) == identities(once.encode())
        assert ids(once.encode()) == [f"comments:{A}:2"]


@untimed
@given(documents)
def test_ids_have_their_form(document: Any) -> None:
    """`<field>:<account>:<natural key>`, storable, and short enough for an index."""
    data = json.dumps(document).encode()
    try:
        changes = split(data)
    except UnreadableError:
        return
    for change in changes:
        found = identify(change, DELIVERY)
        prefix = f"{change.field}:{change.account_id or '-'}:"
        assert found.event_id == prefix + found.natural_key
        assert found.is_test == (change.account_id == "0")
        assert found.natural_key.startswith("test:") == found.is_test
        assert "\0" not in found.event_id
        assert len(found.event_id.encode()) <= 2704


@pytest.mark.parametrize("field", ["comments", "live_comments", "mentions", "story_insights"])
def test_typed_events_have_a_field_of_their_own_and_a_key(field: str) -> None:
    """Tests and values without a key are stored beside the others."""
    assert is_typed(field, "17981480000000001")
    assert not is_typed(field, "sha256:" + "0" * 64)
    assert not is_typed(field, f"test:{DELIVERY}:0.changes.0")
    assert not is_typed("other", "message:m:5:1")


@pytest.mark.parametrize(
    ("value", "own"),
    [
        ({"from": {"id": A}}, True),
        ({"from": {"id": 17841400000000001}}, True),
        ({"from": {"id": B}}, False),
        ({"from": {"id": B, "self_ig_scoped_id": "5"}}, True),
        ({"from": {"self_ig_scoped_id": "5"}}, True),
        ({"from": {"id": B, "self_ig_scoped_id": None}}, False),
        ({"from": {"id": A, "username": "brand"}}, True),
        ({"from": {"username": "brand"}}, None),
        ({"from": {"id": ""}}, None),
        ({"from": {}}, None),
        ({"from": None}, None),
        ({"from": A}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_own_comments_are_told_by_their_author(value: Any, own: bool | None) -> None:
    """The account's id, or the mark that Meta sets; null without an author."""
    assert is_own(A, value) is own


def test_nobody_is_the_author_for_an_unknown_account() -> None:
    """An author is told, and is not the account that is not told."""
    assert is_own(None, {"from": {"id": A}}) is False


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"id": "1"}, "1"),
        ({"comment_id": 2}, "2"),
        ({"id": 1.5, "comment_id": "2"}, "2"),
        ({"id": None}, None),
        ({}, None),
    ],
)
def test_comment_ids(value: dict[str, Any], expected: str | None) -> None:
    """`id`, else `comment_id`."""
    assert comment_id(value) == expected


def test_claim_keys_order_by_time_then_delivery_then_position() -> None:
    """And positions as numbers, not as text."""
    early = datetime(2026, 11, 22, tzinfo=UTC)
    late = early + timedelta(microseconds=1)
    two, ten = Position(0, "changes", 2), Position(0, "changes", 10)
    keys = [
        ClaimKey(early, "a", two),
        ClaimKey(early, "a", ten),
        ClaimKey(early, "b", two),
        ClaimKey(late, "a", two),
    ]
    assert sorted([keys[2], keys[0], keys[3], keys[1]]) == keys


def _shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: _shuffled(value[key], chance) for key in keys}
    return [_shuffled(member, chance) for member in value] if isinstance(value, list) else value
