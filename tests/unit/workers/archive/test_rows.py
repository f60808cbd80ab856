"""Every acknowledged delivery becomes a row, byte for byte; so does every dead letter."""

import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import RejectError
from runtime.worker import Record
from schemas.dead_letters import DeadLetter, Source, dead_letter_headers, fingerprint
from schemas.deliveries import Delivery, delivery_headers
from schemas.splitting import fields_in
from tests.unit.schemas.values import any_bytes, body, untimed
from workers.archive.rows import DeliveryRow, dead_letter_row, delivery_row

RECEIVED = datetime(2026, 11, 22, 10, 30, 0, 5, tzinfo=UTC)
NOW = datetime(2026, 11, 23, tzinfo=UTC)
DELIVERY_ID = "01920000-0000-7000-8000-000000000001"
SOURCE = Source("instagram.raw.comments", 3, 14)


def raw_record(data: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> Record:
    """A record as ingest writes it."""
    delivery = Delivery(DELIVERY_ID, RECEIVED, "123", "sha256=00", "webhook", data or b"")
    told = delivery_headers(delivery) if headers is None else headers
    return Record(SOURCE, b"key", data, tuple(told))


def test_the_row_of_a_delivery() -> None:
    """Literally: bytes, sum, signature, app, fields with their counts, source."""
    changes = [
        {"field": "mentions", "value": {"media_id": "1"}},
        {"field": "comments", "value": {"id": "1"}},
        {"field": "comments", "value": {"id": "2"}},
        {"field": "follow", "value": {}},
    ]
    data = body({"id": "17841400000000001", "changes": changes})
    row = delivery_row(raw_record(data))
    assert row._replace(changes="") == DeliveryRow(
        received_at=RECEIVED,
        delivery_id=DELIVERY_ID,
        body=data,
        sha256=hashlib.sha256(data).hexdigest(),
        signature="sha256=00",
        app_id="123",
        fields="comments,mentions,other",
        changes="",
        source="webhook",
    )
    assert json.loads(row.changes) == {"comments": 2, "mentions": 1, "other": 1}


@untimed
@given(any_bytes)
def test_any_body_is_kept_as_it_came(data: bytes) -> None:
    """And stands under the fields whose topics carry it."""
    row = delivery_row(raw_record(data))
    assert row.body == data
    assert tuple(row.fields.split(",")) == fields_in(data)
    counts = json.loads(row.changes)
    assert set(counts) == set(row.fields.split(",")) or counts == {}
    assert all(count > 0 for count in counts.values())


def test_an_unreadable_body_counts_as_one_change() -> None:
    """Its dead letter, so that what is received adds up; a body without changes counts none."""
    for data, counts in ((b"{", {"other": 1}), (b'{"entry": []}', {}), (b"{}", {"other": 1})):
        row = delivery_row(raw_record(data))
        assert (row.fields, json.loads(row.changes)) == ("other", counts)


@pytest.mark.parametrize("name", ["delivery-id", "received-at", "app-id", "signature", "source"])
def test_a_record_that_ingest_did_not_write_is_rejected(name: str) -> None:
    """The reason is a slug, the detail the header."""
    headers = [header for header in raw_record(b"").headers if header[0] != name]
    with pytest.raises(RejectError) as caught:
        delivery_row(raw_record(b"", headers))
    assert (caught.value.reason, caught.value.detail) == ("malformed_delivery", name)


def test_a_record_without_a_body_is_rejected() -> None:
    """A tombstone is no delivery."""
    with pytest.raises(RejectError) as caught:
        delivery_row(raw_record(None))
    assert (caught.value.reason, caught.value.detail) == ("malformed_delivery", "body")


LETTER = DeadLetter(
    "dedupe",
    "not_json",
    "the body is archived as it came",
    SOURCE,
    b"key",
    b"{",
    (("delivery-id", DELIVERY_ID.encode()), ("signature", b"\xff\0")),
    attempt=2,
)


def letter_record(letter: DeadLetter, offset: int = 0) -> Record:
    """A record of the dead letters topic."""
    headers = dead_letter_headers(letter, version="0.1.0", failed_at=RECEIVED)
    place = Source("instagram.dead_letters", 0, offset)
    return Record(place, letter.key, letter.value, tuple(headers))


def test_the_row_of_a_dead_letter() -> None:
    """Everything that its headers tell, with the value untouched."""
    row = dead_letter_row(letter_record(LETTER), NOW)
    assert row._replace(dead_letter_id="", headers="") == row._replace(
        dead_letter_id="",
        stage="dedupe",
        reason="not_json",
        detail="the body is archived as it came",
        fingerprint=fingerprint(LETTER),
        attempts=2,
        source_topic="instagram.raw.comments",
        source_partition=3,
        source_offset=14,
        delivery_id=DELIVERY_ID,
        key=b"key",
        value=b"{",
        headers="",
        version="0.1.0",
        first_failed_at=RECEIVED,
        parked_at=NOW,
    )
    headers = json.loads(row.headers)
    assert headers["original-delivery-id"] == DELIVERY_ID
    assert headers["original-signature"] == "\ufffd\ufffd"
    assert str(UUID(row.dead_letter_id)) == row.dead_letter_id


def test_a_letter_that_comes_twice_is_one_row() -> None:
    """A worker that crashed before its commit writes it again, at another offset, later."""
    one = dead_letter_row(letter_record(LETTER, 1), NOW)
    other = dead_letter_row(letter_record(LETTER, 2), RECEIVED)
    assert one.dead_letter_id == other.dead_letter_id


@pytest.mark.parametrize(
    "other",
    [
        LETTER._replace(stage="archive"),
        LETTER._replace(source=SOURCE._replace(topic="instagram.raw.other")),
        LETTER._replace(source=SOURCE._replace(partition=4)),
        LETTER._replace(source=SOURCE._replace(offset=15)),
        LETTER._replace(attempt=3),
        LETTER._replace(headers=()),
    ],
)
def test_letters_of_other_records_are_other_rows(other: DeadLetter) -> None:
    """Another stage, another place, another attempt, another delivery."""
    ids = {dead_letter_row(letter_record(each), NOW).dead_letter_id for each in (LETTER, other)}
    assert len(ids) == 2


NAMES = [
    "stage",
    "reason",
    "attempt",
    "source-topic",
    "source-partition",
    "source-offset",
    "version",
    "original-delivery-id",
]


@given(
    st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=5), st.binary(max_size=30))),
    st.none() | st.binary(),
)
def test_any_record_of_the_topic_has_a_row(
    headers: list[tuple[str, bytes]], value: bytes | None
) -> None:
    """What is not told stays empty; what is stored fits its column."""
    place = Source("instagram.dead_letters", 0, 0)
    row = dead_letter_row(Record(place, None, value, tuple(headers)), NOW)
    assert row.value == value
    assert 1 <= row.attempts <= 32767
    for number in (row.source_partition, row.source_offset):
        assert -1 <= number < 2**63
    for text in (row.stage, row.reason, row.detail, row.source_topic, row.version, row.headers):
        assert "\0" not in text
        text.encode()
    json.loads(row.headers)


@pytest.mark.parametrize(
    ("text", "attempts"),
    [(b"1", 1), (b"0", 1), (b"-3", 1), (b"x", 1), (b"70000", 32767), (b"9" * 40, 1)],
)
def test_attempts_fit_their_column(text: bytes, attempts: int) -> None:
    """A number of 16 bits, one at least."""
    record = letter_record(LETTER)
    headers = (*record.headers, ("attempt", text))
    row = dead_letter_row(Record(record.source, None, None, headers), NOW)
    assert row.attempts == attempts


@pytest.mark.parametrize("text", [b"", b"soon", b"2026-11-22T10:30:00"])
def test_a_letter_without_a_time_failed_now(text: bytes) -> None:
    """Rather than never."""
    record = letter_record(LETTER)
    headers = (*record.headers, ("first-failed-at", text))
    row = dead_letter_row(Record(record.source, None, None, headers), NOW)
    assert row.first_failed_at == NOW
