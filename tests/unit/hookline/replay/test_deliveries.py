"""Archived deliveries become the records that ingest and dedupe published."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hookline.replay.batch import BATCH_BYTES, BATCH_RECORDS
from hookline.replay.deliveries import (
    Key,
    cut,
    event_records,
    number_of,
    raw_records,
    sightings,
)
from hookline.replay.order import Order
from runtime.errors import RejectError
from runtime.worker import Record
from schemas.events import decode_event
from schemas.splitting import Position
from tests.integration.archived import just_now, raw, traffic
from workers.dedupe.sighting import Sighting, least_by_content, sightings_in

START = datetime(2026, 11, 22, tzinfo=UTC)
weights = st.tuples(st.integers(0, 3 * BATCH_BYTES), st.integers(0, 3 * BATCH_RECORDS))
positions = st.builds(
    Position,
    st.integers(0, 1000),
    st.sampled_from(["changes", "messaging", "standby", "flat", "changed_fields"]),
    st.integers(0, 999_999),
)


def keys_of(found: list[tuple[int, int]]) -> list[Key]:
    """Deliveries of these weights, one after another."""
    return [
        Key(START + timedelta(milliseconds=n), str(UUID(int=n)), *one)
        for n, one in enumerate(found)
    ]


@given(st.lists(weights, max_size=40), st.integers(0, 40))
def test_pieces_are_bounded_complete_and_the_same_from_any_beginning(
    found: list[tuple[int, int]], cut_number: int
) -> None:
    """A heavier delivery is alone; whoever goes on at a piece's beginning makes the same ones."""
    keys = keys_of(found)
    pieces = list(cut(keys, None))
    assert [key for piece in pieces for key in piece] == keys
    for piece in pieces:
        weight = (sum(k.size_bytes for k in piece), sum(k.changes for k in piece))
        assert len(piece) == 1 or (weight[0] <= BATCH_BYTES and weight[1] <= BATCH_RECORDS)
    for number in range(len(pieces)):
        rest = [key for piece in pieces[number:] for key in piece]
        assert list(cut(rest, None)) == pieces[number:]
    if cut_number < len(keys):
        place = keys[cut_number].place
        assert all(not (piece[0].place < place <= piece[-1].place) for piece in cut(keys, place))
    assert all(one[-1].place < other[0].place for one, other in pairwise(pieces))


def test_raw_records_are_those_that_ingest_published() -> None:
    """One in the topic of each field, with the same key, headers and body."""
    deliveries = traffic(3, 120, just_now())
    made = list(raw_records(Order("dedupe", "archive"), deliveries))
    published = [record for one in deliveries for record in raw(one)]
    assert [one[1:] for one in map(_parts, made)] == [one[1:] for one in map(_parts, published)]
    assert [one.source.topic for one in made] == [one.source.topic for one in published]
    assert {one.source.partition for one in made} == {-1}


def _parts(record: Record) -> tuple[object, ...]:
    return record.source, record.key, record.value, record.headers


def test_events_are_those_at_their_claims_keys() -> None:
    """Each content once, at the least key; the others are duplicates."""
    deliveries = traffic(3, 120, just_now())
    seen = list(sightings(Order("persist", "archive"), deliveries))
    known = {content: one.key for content, one in least_by_content(seen).items()}
    events = [decode_event(one.value or b"") for one in event_records(seen, known)]
    assert len(events) == len(known) < len(seen)
    assert {(e.event_id, e.content_hash): e.key for e in events} == known
    sources = [(one.source, one.headers) for one in event_records(seen, known)]
    assert len(set(sources)) == len(sources)


def test_filters_leave_exactly_the_chosen_changes() -> None:
    """By field, account and id, out of deliveries that hold others too."""
    deliveries = traffic(3, 120, just_now())
    every = list(sightings(Order("persist", "archive"), deliveries))
    one = every[len(every) // 2]
    cases: list[tuple[Order, Callable[[Sighting], bool]]] = [
        (Order("persist", field="mentions"), lambda s: s.change.field == "mentions"),
        (
            Order("persist", account=one.change.account_id),
            lambda s: s.change.account_id == one.change.account_id,
        ),
        (
            Order("persist", ids=frozenset({one.identity.event_id})),
            lambda s: s.identity.event_id == one.identity.event_id,
        ),
    ]
    for order, means in cases:
        found = list(sightings(order, deliveries))
        assert found == [change for change in every if means(change)]
        assert 0 < len(found) < len(every)
        raws = [record for delivery in deliveries for record in raw(delivery)]
        holding = [r for r in raws if any(change in found for change in _readable(r))]
        assert len(list(raw_records(order, deliveries))) == len(holding)


def _readable(record: Record) -> list[Sighting]:
    try:
        return sightings_in(record)
    except RejectError:
        return []


@given(st.sets(positions, max_size=20))
def test_each_change_has_a_number_of_its_own(found: set[Position]) -> None:
    """By which its dead letter is known."""
    assert len({number_of(one) for one in found}) == len(found)
