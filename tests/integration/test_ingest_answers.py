"""Ingest answers as the contract says (design B2), and Kafka has exactly what it accepted (B3)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from multidict import CIMultiDict

from ingest.service import PATH
from schemas.probe import USER_AGENT
from schemas.topics import RAW_TOPICS
from simulator.signing import SHA256_HEADER, Signing, headers, signature
from simulator.wire import Entry, Notification, encode, envelope
from tests.integration.broker import Broker, grown
from tests.integration.service import (
    NEXT_SECRET,
    SECRET,
    VERIFY_TOKEN,
    Ingest,
    running_ingest,
)

ACCOUNT = "17841405726653026"
TIME_S = 1734638812

VALUES: Mapping[str, Mapping[str, Any]] = {
    "comments": {"id": "17865799348089039", "text": "Ünïcode 🔥", "from": {"id": "7"}},
    "live_comments": {"id": "17865799348089040", "text": "live"},
    "mentions": {"media_id": "17918195224117851", "comment_id": "17894227972186120"},
    "story_insights": {"media_id": "17864812217007932", "reach": 44, "exits": -1},
    "messages": {"anything": "else"},
}


def body_of(*fields: str) -> bytes:
    """A delivery with one change of each of these platform fields."""
    changes = [Notification(field, VALUES[field]) for field in fields]
    return encode(envelope([Entry(ACCOUNT, TIME_S, changes)]))


@pytest.mark.parametrize("field", list(VALUES))
async def test_a_signed_delivery_is_in_its_topic_exactly(
    ingest: Ingest, broker: Broker, field: str
) -> None:
    """Key, value and headers are the documented ones, and no other topic has the delivery."""
    body = body_of(field)
    signed = signature(body, NEXT_SECRET)
    before = await broker.ends(RAW_TOPICS)
    sent_at = datetime.now(UTC)
    answer = await ingest.post(body, headers(body, NEXT_SECRET))
    answered_at = datetime.now(UTC)
    assert answer.status == 200

    (record,) = await broker.new_records(before)
    told = dict(record.headers)
    topic = f"instagram.raw.{field}" if field != "messages" else "instagram.raw.other"
    assert record.source.topic == topic
    assert (record.key, record.value) == (sha256(body).hexdigest().encode(), body)
    assert [name for name, _ in record.headers] == [
        "delivery-id",
        "received-at",
        "app-id",
        "signature",
        "source",
    ]
    assert UUID(told["delivery-id"].decode()).version == 7
    received_at = told["received-at"].decode()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", received_at)
    assert sent_at <= datetime.fromisoformat(received_at) <= answered_at
    assert (told["app-id"], told["signature"]) == (b"1002", signed.encode())
    assert told["source"] == b"webhook"


async def test_a_delivery_of_several_fields_is_in_the_topic_of_each(
    ingest: Ingest, broker: Broker
) -> None:
    """Once in each, whole, under one delivery id."""
    body = body_of("comments", "comments", "mentions", "messages")
    before = await broker.ends(RAW_TOPICS)
    assert (await ingest.post(body)).status == 200
    records = await broker.new_records(before)
    assert [record.source.topic for record in records] == [
        "instagram.raw.comments",
        "instagram.raw.mentions",
        "instagram.raw.other",
    ]
    assert len({(record.key, record.value, record.headers) for record in records}) == 1
    assert records[0].value == body


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"\xff\x00\xfe", b"[]", b'{"entry": 1}', b"[NaN]", b"[" * 5000],
    ids=["nothing", "text", "bytes", "list", "no_entries", "nan", "deep"],
)
async def test_what_nobody_can_read_is_kept_when_signed(
    ingest: Ingest, broker: Broker, body: bytes
) -> None:
    """A resend cannot help, so it is accepted: what it means is decided downstream."""
    before = await broker.ends(RAW_TOPICS)
    assert (await ingest.post(body)).status == 200
    (record,) = await broker.new_records(before)
    assert (record.source.topic, record.value) == ("instagram.raw.other", body)


async def test_nothing_unsigned_reaches_kafka(ingest: Ingest, broker: Broker) -> None:
    """Every wrong signature is a 401 with its slug, and no topic grows."""
    body = body_of("comments", "mentions")
    right = signature(body, SECRET)
    before = await broker.ends(RAW_TOPICS)
    answers = {
        kind: await ingest.post(body, headers(body, SECRET, kind))
        for kind in Signing
        if kind is not Signing.VALID
    }
    for spoilt in (right.upper(), right + "0", f"{right},{right}", f"{right}\t;", "é" * 71):
        answer = await ingest.post(body, CIMultiDict({SHA256_HEADER: spoilt}))
        assert (answer.status, answer.reason) == (401, "signature_malformed")
    assert {kind: answer.status for kind, answer in answers.items()} == dict.fromkeys(answers, 401)
    reasons = {kind: answer.reason for kind, answer in answers.items()}
    assert reasons == {
        Signing.MISSING: "signature_missing",
        Signing.SHA1_ONLY: "signature_missing",
        Signing.DUPLICATE: "signature_repeated",
        Signing.WRONG_SECRET: "signature_mismatch",
        Signing.OTHER_BODY: "signature_mismatch",
        Signing.UPPER_CASE: "signature_malformed",
        Signing.TRUNCATED: "signature_malformed",
        Signing.NO_PREFIX: "signature_malformed",
        Signing.NOT_ASCII: "signature_malformed",
        Signing.EMPTY: "signature_malformed",
    }
    assert grown(before, await broker.ends(RAW_TOPICS)) == 0


@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        ({}, 200, "1158201444"),
        ({"hub.challenge": "a.B_c-9"}, 200, "a.B_c-9"),
        ({"hub.challenge": "x" * 256}, 200, "x" * 256),
        ({"hub.mode": "unsubscribe"}, 403, "handshake_mode"),
        ({"hub.mode": None}, 403, "handshake_mode"),
        ({"hub.verify_token": "wrong"}, 403, "handshake_token"),
        ({"hub.verify_token": None}, 403, "handshake_token"),
        ({"hub.verify_token": "wrong", "hub.challenge": "<b>"}, 403, "handshake_token"),
        ({"hub.challenge": "<script>"}, 400, "handshake_challenge"),
        ({"hub.challenge": "1\n"}, 400, "handshake_challenge"),
        ({"hub.challenge": "x" * 257}, 400, "handshake_challenge"),
        ({"hub.challenge": ""}, 400, "handshake_challenge"),
        ({"hub.challenge": None}, 400, "handshake_challenge"),
    ],
)
async def test_the_handshake(
    ingest: Ingest, changes: Mapping[str, str | None], status: int, expected: str
) -> None:
    """The challenge and nothing else, as plain text; or the refusal, the token's first."""
    query = {
        "hub.mode": "subscribe",
        "hub.verify_token": VERIFY_TOKEN,
        "hub.challenge": "1158201444",
        **changes,
    }
    given = {name: value for name, value in query.items() if value is not None}
    answer = await ingest.ask("GET", PATH, params=given)
    assert answer.status == status
    if status == 200:
        assert answer.body == expected.encode()
        assert answer.headers["Content-Type"].startswith("text/plain")
    else:
        assert answer.reason == expected


@pytest.mark.parametrize(
    "encodings", ["gzip", "deflate", "br", "zstd", "identity, gzip", "identity + gzip", "x"]
)
async def test_an_encoded_body_is_refused(ingest: Ingest, broker: Broker, encodings: str) -> None:
    """The signature is over the bytes on the wire, and nothing but identity is read."""
    body = body_of("comments")
    before = await broker.ends(RAW_TOPICS)
    given = headers(body, SECRET)
    for encoding in encodings.split(" + "):
        given.add("Content-Encoding", encoding)
    answer = await ingest.ask("POST", PATH, data=body, headers=given)
    assert (answer.status, answer.reason) == (415, "content_encoding")
    assert grown(before, await broker.ends(RAW_TOPICS)) == 0


async def test_an_unknown_expectation_is_refused(ingest: Ingest) -> None:
    """Before the body is asked for, and as every error is told."""
    given = headers(b"", SECRET)
    given["Expect"] = "miracles"
    answer = await ingest.ask("POST", PATH, headers=given)
    assert (answer.status, answer.reason) == (417, "expectation_unknown")


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/", 404, "not_found"),
        ("POST", "/webhooks", 404, "not_found"),
        ("POST", PATH + "/", 404, "not_found"),
        ("GET", "/webhooks/%69nstagram/x%00", 404, "not_found"),
        ("PUT", PATH, 405, "method_not_allowed"),
        ("DELETE", PATH, 405, "method_not_allowed"),
        ("OPTIONS", PATH, 405, "method_not_allowed"),
        ("POST", "/livez", 404, "not_found"),
    ],
)
async def test_what_is_not_served_is_told_in_json(
    ingest: Ingest, method: str, path: str, status: int, reason: str
) -> None:
    """Other paths and methods have error bodies of the one form."""
    answer = await ingest.ask(method, path)
    assert (answer.status, answer.reason) == (status, reason)
    if status == 405:
        assert answer.headers["Allow"] == "GET, POST"


async def test_a_body_above_the_limit_is_refused(broker: Broker) -> None:
    """By its announced size or by what arrives; one byte less is accepted."""
    largest = body_of("comments").ljust(4096)
    async with running_ingest(broker.bootstrap, ingest_max_body_bytes=4096) as ingest:
        before = await broker.ends(RAW_TOPICS)
        larger = largest + b" "
        announced = await ingest.post(larger)
        chunks = (larger[place : place + 1000] for place in range(0, len(larger), 1000))
        streamed = await ingest.ask(
            "POST", PATH, data=_stream(list(chunks)), headers=headers(larger, SECRET)
        )
        assert (announced.status, announced.reason) == (413, "body_too_large")
        assert (streamed.status, streamed.reason) == (413, "body_too_large")
        assert grown(before, await broker.ends(RAW_TOPICS)) == 0
        assert (await ingest.post(largest)).status == 200
        assert grown(before, await broker.ends(RAW_TOPICS)) == 1


async def _stream(chunks: list[bytes]) -> Any:
    for chunk in chunks:
        yield chunk


async def test_a_streamed_body_is_read_whole(ingest: Ingest, broker: Broker) -> None:
    """Chunks on the wire leave no mark on the bytes."""
    body = body_of("comments", "story_insights")
    before = await broker.ends(RAW_TOPICS)
    chunks = [body[:1], body[1:50], body[50:]]
    given = headers(body, SECRET)
    assert (await ingest.ask("POST", PATH, data=_stream(chunks), headers=given)).status == 200
    assert {record.value for record in await broker.new_records(before)} == {body}


async def test_the_service_tells_its_state(ingest: Ingest) -> None:
    """Alive, ready, and counting each answer under its slug."""
    assert (await ingest.ask("GET", "/livez")).body == b"ok"
    assert (await ingest.ask("GET", "/readyz")).body == b"ready"
    before = await _counted(ingest, "deliveries", "outcome")
    await ingest.post(body_of("comments"))
    await ingest.post(b"x", CIMultiDict())
    after = await _counted(ingest, "deliveries", "outcome")
    for outcome in ("accepted", "signature_missing"):
        assert after.get(outcome, 0) == before.get(outcome, 0) + 1


async def test_what_is_no_delivery_is_counted_apart(ingest: Ingest) -> None:
    """Each refusal under its slug; a handshake that is answered is none."""
    before = await _counted(ingest, "refused_requests", "reason")
    query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1"}
    await ingest.ask("GET", PATH, params=query)
    await ingest.ask("GET", PATH, params=query | {"hub.verify_token": "wrong"})
    await ingest.ask("GET", "/wp-login.php")
    await ingest.ask("DELETE", PATH)
    after = await _counted(ingest, "refused_requests", "reason")
    expected = {"handshake_token": 1, "not_found": 1, "method_not_allowed": 1}
    assert {
        reason: count - before.get(reason, 0)
        for reason, count in after.items()
        if count != before.get(reason, 0)
    } == expected


async def test_a_probe_may_ask_for_the_head_alone(ingest: Ingest) -> None:
    """As with any page; what is not there is told by its status."""
    for path, status in (("/livez", 200), ("/readyz", 200), ("/metrics", 200), (PATH, 405)):
        answer = await ingest.ask("HEAD", path)
        assert (answer.status, answer.body) == (status, b"")


async def test_a_sender_that_waits_to_be_asked_is_asked(ingest: Ingest) -> None:
    """And its delivery is accepted. Senders wait like this before large bodies."""
    assert (await ingest.ask("GET", "/livez", expect100=True)).body == b"ok"
    body = body_of("comments")
    given = headers(body, SECRET)
    assert (await ingest.ask("POST", PATH, data=body, headers=given, expect100=True)).status == 200


@pytest.mark.parametrize(
    ("size_bytes", "reason"), [(100, "signature_mismatch"), (5000, "body_too_large")]
)
async def test_a_probe_of_the_doctor_is_no_delivery(
    broker: Broker, size_bytes: int, reason: str
) -> None:
    """It wants to be refused: nothing failed, and nobody is to be alarmed."""
    body = b"x" * size_bytes
    probe = headers(body, b"another")
    probe["User-Agent"] = USER_AGENT
    async with running_ingest(broker.bootstrap, ingest_max_body_bytes=4096) as ingest:
        refused = await _counted(ingest, "refused_requests", "reason")
        deliveries = await _counted(ingest, "deliveries", "outcome")
        assert (await ingest.post(body, probe)).reason == reason
        assert await _counted(ingest, "deliveries", "outcome") == deliveries
        after = await _counted(ingest, "refused_requests", "reason")
        assert after == {**refused, reason: refused.get(reason, 0) + 1}


async def _counted(ingest: Ingest, name: str, label: str) -> dict[str, float]:
    page = (await ingest.ask("GET", "/metrics")).body.decode()
    found = re.findall(rf'hookline_{name}_total{{{label}="(\w+)"}} (\S+)', page)
    return {value: float(count) for value, count in found}
