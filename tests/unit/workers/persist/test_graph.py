"""Reads find the rows of the events that asked for them."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.decoding import UnreadableError
from schemas.enriched import Read
from schemas.events import Event, decode_event, encode_event, parse_time
from schemas.identity import ClaimKey, identify
from schemas.splitting import split
from simulator.traffic import mixed
from tests.unit.schemas.values import json_values
from workers.enrich.wanted import wanted_by
from workers.persist.graph import GRAPH_TARGETS, ToldRead, graph_rows
from workers.persist.rows import rows_of

DELIVERY_ID = "01920000-0000-7000-8000-000000000001"
NOW = parse_time("2026-11-23T06:00:00.000000Z")


def check(body: bytes) -> int:
    """Compares the rows of each read with those of its event; gives how many there were."""
    found = 0
    for change in split(body):
        key = ClaimKey(NOW, DELIVERY_ID, change.position)
        event: Event = decode_event(encode_event(change, identify(change, DELIVERY_ID), key))
        for wanted in wanted_by(event):
            told = {"account_id": event.account_id, **wanted._asdict(), "read_at": NOW}
            read = Read.model_validate(told | {"status": "done", "answer": {}})
            for graph in GRAPH_TARGETS:
                rows = [row.key for row in rows_of(event) if row.target is graph.target]
                expected = [] if read.endpoint == "media" else rows
                told_read = ToldRead(event.event_id, read)
                assert [row.key for row in graph_rows(graph, [told_read])] == expected
                found += len(expected)
    return found


def test_a_read_is_about_the_row_of_its_event() -> None:
    """Whatever comes in traffic: comments, live ones, mentions in comments and captions."""
    assert sum(check(sent.body) for sent in mixed(20261123, 300) if _readable(sent.body)) > 100


@given(
    account=st.sampled_from(["17", "a:b", ":", "-", "mentions"]),
    field=st.sampled_from(["comments", "live_comments", "mentions"]),
    number=st.integers(0, 10**18),
    media=st.text(max_size=8) | st.integers(0, 9),
    more=st.dictionaries(st.sampled_from(["id", "comment_id", "media"]), json_values, max_size=2),
)
def test_ids_may_hold_colons(
    account: str, field: str, number: int, media: Any, more: dict[str, Any]
) -> None:
    """What is asked for is a number; what stands before it may be anything."""
    value = {"comment_id": str(number), "media_id": media} | more
    entry = {"id": account, "time": 1734638812, "changes": [{"field": field, "value": value}]}
    check(json.dumps({"object": "instagram", "entry": [entry]}).encode())  # compares by itself


def _readable(body: bytes) -> bool:
    try:
        split(body)
    except UnreadableError:
        return False
    return True
