"""Deliveries keep their headers and bytes through a raw topic."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.deliveries import (
    Delivery,
    MalformedDeliveryError,
    body_key,
    delivery_headers,
    read_delivery,
)

SIGNATURE = "sha256=" + "0123456789abcdef" * 4
DELIVERY = Delivery(
    "01920000-0000-7000-8000-000000000001",
    datetime(2026, 11, 22, 10, 30, 0, 5, tzinfo=UTC),
    "123",
    SIGNATURE,
    "webhook",
    b'{"entry": []}',
)
NAMES = ["delivery-id", "received-at", "app-id", "signature", "source"]

printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)
deliveries = st.builds(
    Delivery,
    st.uuids().map(str),
    st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    printable,
    printable,
    st.sampled_from(["webhook", "reconciler"]),
    st.binary(),
)


@given(deliveries)
def test_headers_round_trip(delivery: Delivery) -> None:
    """Whatever the bytes are, they come back beside what was told of them."""
    assert read_delivery(delivery_headers(delivery), delivery.body) == delivery


def test_the_headers_of_a_delivery() -> None:
    """Literally, in their order."""
    assert delivery_headers(DELIVERY) == [
        ("delivery-id", b"01920000-0000-7000-8000-000000000001"),
        ("received-at", b"2026-11-22T10:30:00.000005Z"),
        ("app-id", b"123"),
        ("signature", SIGNATURE.encode()),
        ("source", b"webhook"),
    ]


def test_headers_in_any_order_and_beside_others() -> None:
    """A proxy between clusters may add its own."""
    headers = [("x", b"\xff"), *reversed(delivery_headers(DELIVERY)), ("y", b"")]
    assert read_delivery(headers, DELIVERY.body) == DELIVERY


@pytest.mark.parametrize("name", NAMES)
def test_every_header_is_needed(name: str) -> None:
    """The error names the one that is missing."""
    headers = [header for header in delivery_headers(DELIVERY) if header[0] != name]
    with pytest.raises(MalformedDeliveryError, match=f"^{name}$"):
        read_delivery(headers, b"")


@pytest.mark.parametrize("name", NAMES)
def test_every_header_is_ascii(name: str) -> None:
    """Other bytes were not written by ingest."""
    headers = [*delivery_headers(DELIVERY), (name, b"\xc3\xa9")]
    with pytest.raises(MalformedDeliveryError, match=f"^{name}$"):
        read_delivery(headers, b"")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("delivery-id", b""),
        ("delivery-id", b"1"),
        ("delivery-id", b"x1920000-0000-7000-8000-000000000001"),
        ("received-at", b""),
        ("received-at", b"soon"),
        ("received-at", b"2026-11-22T10:30:00"),
    ],
)
def test_headers_have_their_form(name: str, value: bytes) -> None:
    """The error names the one at fault, and quotes no value."""
    headers = [*delivery_headers(DELIVERY), (name, value)]
    with pytest.raises(MalformedDeliveryError, match=f"^{name}$"):
        read_delivery(headers, b"")


def test_a_delivery_has_a_body() -> None:
    """An empty one is a body, none is not."""
    headers = delivery_headers(DELIVERY)
    assert read_delivery(headers, b"").body == b""
    with pytest.raises(MalformedDeliveryError, match=r"^body$"):
        read_delivery(headers, None)


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.binary(max_size=40))), st.binary())
def test_any_headers_are_a_delivery_or_our_error(
    headers: list[tuple[str, bytes]], body: bytes
) -> None:
    """A topic can hold anything; the error names a header."""
    named = NAMES[0]
    try:
        assert read_delivery(headers, body).body == body
    except MalformedDeliveryError as error:
        named = str(error)
    assert named in NAMES


def test_ids_come_back_in_their_usual_form() -> None:
    """Lower case with hyphens, so that they compare as text."""
    headers = [*delivery_headers(DELIVERY), ("delivery-id", b"01920000ABCD70008000000000000001")]
    found = read_delivery(headers, b"").delivery_id
    assert found == "01920000-abcd-7000-8000-000000000001" == str(UUID(found))


@given(st.binary(), st.binary())
def test_equal_bodies_meet_and_others_do_not(one: bytes, other: bytes) -> None:
    """The key is the body's sha256 in hex."""
    assert body_key(one) == hashlib.sha256(one).hexdigest().encode()
    assert (body_key(one) == body_key(other)) == (one == other)


@pytest.mark.parametrize("name", ["delivery-id", "received-at", "app-id", "signature", "source"])
def test_a_null_header_is_a_missing_one(name: str) -> None:
    """Kafka allows headers without a value; such a record is rejected, and stops nobody."""
    headers = dict(delivery_headers(DELIVERY)) | {name: None}
    with pytest.raises(MalformedDeliveryError, match=name):
        read_delivery(headers.items(), b"")


def test_a_time_beyond_the_calendar_is_malformed() -> None:
    """The first hours of the year 1 do not exist in UTC."""
    headers = dict(delivery_headers(DELIVERY)) | {"received-at": b"0001-01-01T00:00:00+05:00"}
    with pytest.raises(MalformedDeliveryError, match="received-at"):
        read_delivery(headers.items(), b"")
