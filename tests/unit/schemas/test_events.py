"""Events survive the topic, whatever Meta put into them."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.decoding import UnreadableError
from schemas.events import (
    Event,
    MalformedEventError,
    brought_by,
    decode_event,
    encode_event,
    format_time,
    parse_time,
)
from schemas.identity import ClaimKey, identify, is_own
from schemas.splitting import Change, split
from tests.unit.schemas.values import (
    any_bytes,
    change_body,
    documents,
    json_values,
    nested,
    untimed,
)

DELIVERY = "01920000-0000-7000-8000-000000000001"
RECEIVED = datetime(2026, 11, 22, 10, 30, 0, 123456, tzinfo=UTC)
MEMBERS = {
    "event_id",
    "field",
    "platform_field",
    "object",
    "account_id",
    "natural_key",
    "content_hash",
    "delivery_id",
    "position",
    "received_at",
    "sent_at",
    "is_test",
    "is_own",
    "value",
}

moments = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001  # strategies want naive bounds
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def encoded(change: Change) -> bytes:
    """The record of a change."""
    key = ClaimKey(RECEIVED, DELIVERY, change.position)
    return encode_event(change, identify(change, DELIVERY), key)


def check_round_trip(change: Change) -> None:
    """What went in comes out, member for member."""
    identity = identify(change, DELIVERY)
    assert decode_event(encoded(change)) == Event(
        event_id=identity.event_id,
        field=change.field,
        platform_field=change.platform_field,
        object=change.object_type,
        account_id=change.account_id,
        natural_key=identity.natural_key,
        content_hash=identity.content_hash,
        delivery_id=DELIVERY,
        position=str(change.position),
        received_at=RECEIVED,
        sent_at=change.sent_at,
        is_test=identity.is_test,
        is_own=is_own(change.account_id, change.value),
        value=change.value,
    )


@untimed
@given(documents)
def test_events_of_any_body_round_trip(document: Any) -> None:
    """Also those that are none of Meta's."""
    try:
        changes = split(json.dumps(document).encode())
    except UnreadableError:
        return
    for change in changes:
        check_round_trip(change)


@untimed
@given(json_values)
def test_values_round_trip_exactly(value: Any) -> None:
    """An amendment of 1.0 to 1 stays one: types survive too."""
    (change,) = split(change_body("comments", value))
    found = decode_event(encoded(change)).value
    assert found == value
    assert json.dumps(found, sort_keys=True) == json.dumps(value, sort_keys=True)


@untimed
@given(json_values)
def test_events_tell_who_brought_them(value: Any) -> None:
    """The webhook, unless they say otherwise; who brings one last counts."""
    (change,) = split(change_body("comments", value))
    event = encoded(change)
    assert decode_event(event).source == "webhook"
    again = decode_event(brought_by("replay", brought_by("reconciler", event)))
    assert again == decode_event(event).model_copy(update={"source": "replay"})


@pytest.mark.parametrize(
    "value",
    [
        {"text": "\ud83d", "\udc00": 1},
        {"n": int("9" * 100)},
        {"n": -int("9" * 100), "s": "\ud800"},
        {"n": [2**64 - 1, 2**64, -(2**63), -(2**63) - 1]},
        {"deep": nested(500, "x")},
        {"deep": nested(500, int("9" * 100)), "s": "\udfff"},
        {"text": "NUL \0 and \x1f and é字😀"},
    ],
    ids=["surrogates", "digits", "both", "64 bits", "deep", "all", "controls"],
)
def test_what_the_fast_encoder_refuses_round_trips(value: Any) -> None:
    """Lone surrogates, 100 digits, 500 levels: the slow one takes over."""
    (change,) = split(change_body("comments", value))
    check_round_trip(change)


def test_the_record_of_an_event() -> None:
    """Literally, so that other programs can read it."""
    value = {"id": "1", "from": {"id": "17841400000000001"}}
    (change,) = split(change_body("comments", value))
    document = json.loads(encoded(change))
    assert set(document) == MEMBERS
    text = b'{"from":{"id":"17841400000000001"},"id":"1"}'
    assert document.pop("content_hash") == hashlib.sha256(text).hexdigest()
    assert document == {
        "event_id": "comments:17841400000000001:1",
        "field": "comments",
        "platform_field": "comments",
        "object": "instagram",
        "account_id": "17841400000000001",
        "natural_key": "1",
        "delivery_id": DELIVERY,
        "position": "0.changes.0",
        "received_at": "2026-11-22T10:30:00.123456Z",
        "sent_at": "2024-12-19T20:06:52.000000Z",
        "is_test": False,
        "is_own": True,
        "value": value,
    }


def test_the_key_is_the_claims() -> None:
    """Folding orders contents by it."""
    (change,) = split(change_body("comments", {"id": "1"}))
    assert decode_event(encoded(change)).key == ClaimKey(RECEIVED, DELIVERY, change.position)


def test_members_that_are_not_known_yet_are_passed_over() -> None:
    """A newer dedupe may write more; an older persist reads on."""
    (change,) = split(change_body("comments", {"id": "1"}))
    document = json.loads(encoded(change)) | {"region": "eu"}
    assert decode_event(json.dumps(document).encode()) == decode_event(encoded(change))


@untimed
@given(any_bytes)
def test_other_records_raise_only_our_error(record: bytes) -> None:
    """A topic can hold anything."""
    with pytest.raises(MalformedEventError):
        decode_event(record)


@pytest.mark.parametrize("missing", sorted(MEMBERS))
def test_every_member_is_needed(missing: str) -> None:
    """The error names the one that is not there."""
    (change,) = split(change_body("comments", {"id": "1"}))
    document = json.loads(encoded(change))
    del document[missing]
    with pytest.raises(MalformedEventError, match=f"^{missing}$"):
        decode_event(json.dumps(document).encode())


@untimed
@given(st.sampled_from(sorted(MEMBERS - {"value"})), json_values)
def test_wrong_members_are_an_event_or_our_error_that_quotes_nothing(
    member: str, value: Any
) -> None:
    """People's words must not reach a dead letter's detail."""
    (change,) = split(change_body("comments", {"id": "1", "text": "a private word"}))
    document = json.loads(encoded(change)) | {member: value, "extra": "a private word"}
    detail = member
    try:
        decode_event(json.dumps(document).encode())
    except MalformedEventError as error:
        detail = str(error)
    assert detail in {member, "unreadable"}


def test_a_malformed_event_is_named_without_its_content() -> None:
    """Members at fault, sorted; nothing that somebody wrote."""
    record = b'{"field": "private words", "event_id": ["private"], "value": "private"}'
    with pytest.raises(MalformedEventError) as caught:
        decode_event(record)
    assert "private" not in str(caught.value)
    assert str(caught.value).split(", ") == sorted(MEMBERS - {"value"})


@pytest.mark.parametrize(
    ("record", "message"),
    [(b"", "unreadable"), (b"private", "unreadable"), (b"[1]", "no object"), (b'"x"', "no object")],
)
def test_records_that_are_no_object(record: bytes, message: str) -> None:
    """They have no members to name."""
    with pytest.raises(MalformedEventError, match=f"^{message}$"):
        decode_event(record)


@pytest.mark.parametrize("position", ["", "x", "0.changes", "a.changes.0", "0.changes.0.0"])
def test_an_event_has_a_position(position: str) -> None:
    """Else it has no place in a fold."""
    (change,) = split(change_body("comments", {"id": "1"}))
    document = json.loads(encoded(change)) | {"position": position}
    with pytest.raises(MalformedEventError, match=r"^unreadable$"):
        decode_event(json.dumps(document).encode())


@given(moments)
def test_times_round_trip(moment: datetime) -> None:
    """To the microsecond."""
    assert parse_time(format_time(moment)) == moment
    assert parse_time(format_time(moment)).tzinfo is UTC


@given(moments, st.integers(-23, 23))
def test_times_are_told_as_by_the_standard_library(moment: datetime, offset_h: int) -> None:
    """In UTC, wherever they are from, with six digits after the point."""
    utc = moment.replace(tzinfo=None)
    there = moment.astimezone(timezone(timedelta(hours=offset_h)))
    assert format_time(there) == utc.isoformat(timespec="microseconds") + "Z"


@given(moments, moments)
def test_times_sort_as_their_text(one: datetime, other: datetime) -> None:
    """All are UTC and of one width."""
    assert (format_time(one) < format_time(other)) == (one < other)


def test_the_form_of_a_time() -> None:
    """RFC 3339, UTC, microseconds also where there are none."""
    berlin = timezone(timedelta(hours=1))
    assert format_time(datetime(2026, 1, 2, 3, 4, 5, tzinfo=berlin)) == (
        "2026-01-02T02:04:05.000000Z"
    )
    assert format_time(datetime(5, 1, 2, tzinfo=UTC)) == "0005-01-02T00:00:00.000000Z"


def test_offsets_are_read() -> None:
    """Other programs may write theirs."""
    expected = datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert parse_time("2026-01-02T03:04:05+01:00") == expected


@pytest.mark.parametrize("text", ["", "soon", "2026-01-02", "2026-01-02T03:04:05", "1734638812"])
def test_times_without_an_offset_are_refused(text: str) -> None:
    """A guess would be off by hours."""
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)


@pytest.mark.parametrize(
    "moment", ["2026-01-01T00:00:00", "2026-01-01", 5, None, "0001-01-01T00:00:00+05:00"]
)
def test_a_time_without_an_offset_is_malformed(moment: object) -> None:
    """A time that could not be compared would stop the worker for good."""
    [change] = split(change_body("comments", {"id": "1"}))
    record = json.loads(encoded(change))
    with pytest.raises(MalformedEventError, match="received_at"):
        decode_event(json.dumps(record | {"received_at": moment}).encode())


def test_a_delivery_id_is_a_uuid() -> None:
    """Any other text would be refused by the table."""
    [change] = split(change_body("comments", {"id": "1"}))
    record = json.loads(encoded(change))
    with pytest.raises(MalformedEventError, match="delivery_id"):
        decode_event(json.dumps(record | {"delivery_id": "1"}).encode())
