"""The record of a Graph read."""

import json
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import column_json
from schemas.enriched import Read, decode_enriched, encode_enriched
from schemas.events import MalformedEventError, decode_event, encode_event
from schemas.identity import ClaimKey, identify
from schemas.splitting import split
from tests.unit.schemas.values import json_values, texts

BODY = orjson.dumps(
    {
        "object": "instagram",
        "entry": [
            {
                "id": "17841400000000001",
                "time": 1734638812,
                "changes": [{"field": "mentions", "value": {"media_id": "18", "comment_id": "17"}}],
            }
        ],
    }
)
DELIVERY_ID = "01920000-0000-7000-8000-000000000001"
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def event() -> bytes:
    """The event of a mention, as its topic carries it."""
    change = split(BODY)[0]
    return encode_event(
        change, identify(change, DELIVERY_ID), ClaimKey(NOW, DELIVERY_ID, change.position)
    )


def read(**told: object) -> Read:
    """A read of that mention."""
    known = {
        "account_id": "17841400000000001",
        "endpoint": "mentioned_comment",
        "object_id": "17",
        "read_at": NOW,
        "status": "done",
    }
    return Read.model_validate(known | told)


@given(answer=st.none() | st.dictionaries(texts, json_values, max_size=4))
def test_what_is_encoded_comes_out_as_it_is_kept(answer: dict[str, object] | None) -> None:
    """The answer as PostgreSQL holds it, whatever Meta told; the event member for member."""
    told = read(answer=answer, api_version="v25.0")
    kept = None if answer is None else json.loads(column_json(answer))
    enriched = decode_enriched(encode_enriched(event(), told))
    assert enriched.read == told.model_copy(update={"answer": kept})
    assert enriched.event == decode_event(event())


@pytest.mark.parametrize(
    "record", [b"", b"[]", b"{}", b'{"event":{},"read":{}}', b'{"event":null,"read":1}', b"\xff"]
)
def test_anything_else_is_named_malformed(record: bytes) -> None:
    """Without quoting it."""
    with pytest.raises(MalformedEventError):
        decode_enriched(record)


def test_an_answer_outranks_its_absence_and_then_the_later_one() -> None:
    """A token that died afterwards takes nothing away."""
    later = NOW.replace(hour=7)
    reads = [
        read(status="pending"),
        read(status="unreadable", read_at=later),
        read(status="done"),
        read(status="partial", read_at=later),
    ]
    assert sorted(reads, key=lambda one: one.rank) == reads
