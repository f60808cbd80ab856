"""Of each content exactly one sighting travels on: the one at its claim's key."""

import json
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import RejectError
from runtime.worker import Record
from schemas.dead_letters import Source
from schemas.deliveries import Delivery, delivery_headers
from schemas.fields import FIELDS, Field
from schemas.identity import ClaimKey, identify
from schemas.splitting import Position, split
from schemas.topics import raw_topic
from tests.unit.schemas.values import body, change_body, documents, untimed
from workers.dedupe.sighting import (
    Claim,
    ContentId,
    Sighting,
    least_by_content,
    lowered,
    sightings_in,
    verdicts,
)

START = datetime(2026, 11, 22, tzinfo=UTC)
ACCOUNT = "17841400000000001"


def delivery_id(number: int) -> str:
    """A delivery's id."""
    return f"01920000-0000-7000-8000-{number:012}"


def raw_record(data: bytes | None, field: Field = "comments", number: int = 1) -> Record:
    """A record of this field's raw topic."""
    delivery = Delivery(delivery_id(number), START, "1", "sha256=00", "webhook", data or b"")
    source = Source(raw_topic(field), 0, 0)
    return Record(source, b"", data, tuple(delivery_headers(delivery)))


def sighting(event: str, content: str, second: int, number: int = 0, item: int = 0) -> Sighting:
    """A comment with this text, seen at this second."""
    position = Position(0, "changes", item)
    (change,) = split(change_body("comments", {"id": event, "text": content}))
    change = change._replace(position=position)
    key = ClaimKey(START + timedelta(seconds=second), delivery_id(number), position)
    return Sighting(change, identify(change, key.delivery_id), key)


sightings = st.builds(
    sighting,
    st.sampled_from("12"),
    st.sampled_from("abc"),
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(0, 11),
)


class Claims:
    """What the claims table does, in memory: the least key of each content."""

    def __init__(self) -> None:
        self.held: dict[ContentId, ClaimKey] = {}

    def handle(self, batch: list[Sighting]) -> dict[ContentId, ClaimKey]:
        """Claims a batch as the worker does; gives the claims on its events."""
        least = least_by_content(batch)
        for content_id, seen in least.items():
            self.held.setdefault(content_id, seen.key)
        for claim in lowered(least, self.held):
            self.held[claim.content_id] = claim.key
        events = {content_id.event_id for content_id in least}
        return {id_: key for id_, key in self.held.items() if id_.event_id in events}


def split_into(batch: list[Sighting], sizes: list[int]) -> list[list[Sighting]]:
    """The sightings cut into batches of these sizes, and one of the rest."""
    cut, rest = [], batch
    for size in sizes:
        cut.append(rest[:size])
        rest = rest[size:]
    return [part for part in (*cut, rest) if part]


@untimed
@given(st.lists(sightings, min_size=1))
def test_the_sighting_at_the_claims_key_travels_on(batch: list[Sighting]) -> None:
    """In one batch: of each content the least key, and whatever stands at that key."""
    claims = Claims().handle(batch)
    for seen, verdict in zip(batch, verdicts(batch, claims), strict=True):
        same = [other.key for other in batch if other.content_id == seen.content_id]
        assert (verdict != "repeat") == (seen.key == min(same))


@untimed
@given(st.lists(sightings, min_size=1))
def test_each_event_has_one_first(batch: list[Sighting]) -> None:
    """Its least key of all contents; the least of every other content is an amendment."""
    claims = Claims().handle(batch)
    judged = list(zip(batch, verdicts(batch, claims), strict=True))
    for seen, verdict in judged:
        same_event = [o.key for o, _ in judged if o.identity.event_id == seen.identity.event_id]
        if verdict != "repeat":
            assert (verdict == "first") == (seen.key == min(same_event))


@untimed
@given(st.lists(sightings, min_size=1), st.lists(st.integers(1, 4)), st.data())
def test_claims_do_not_depend_on_order_batching_or_repetition(
    seen: list[Sighting], sizes: list[int], data: st.DataObject
) -> None:
    """They are the least key of each content, whatever came when, however often."""
    repeated = data.draw(st.permutations(seen + data.draw(st.lists(st.sampled_from(seen)))))
    claims = Claims()
    for batch in split_into(repeated, sizes):
        claims.handle(batch)
    once = Claims()
    once.handle(seen)
    assert claims.held == once.held
    by_content = sorted(seen, key=lambda each: each.content_id)
    assert claims.held == {
        content_id: min(each.key for each in group)
        for content_id, group in groupby(by_content, key=lambda each: each.content_id)
    }


@untimed
@given(st.lists(sightings, min_size=1), st.lists(st.integers(1, 4)))
def test_what_travels_on_reaches_the_least_key_of_every_content(
    seen: list[Sighting], sizes: list[int]
) -> None:
    """So that what is folded downstream does not depend on the order of arrival."""
    claims = Claims()
    emitted: dict[ContentId, list[ClaimKey]] = {}
    for batch in split_into(seen, sizes):
        held = claims.handle(batch)
        for each, verdict in zip(batch, verdicts(batch, held), strict=True):
            if verdict != "repeat":
                emitted.setdefault(each.content_id, []).append(each.key)
    assert {content_id: min(keys) for content_id, keys in emitted.items()} == claims.held


@untimed
@given(st.lists(sightings, min_size=1))
def test_a_batch_that_comes_again_gets_the_same_verdicts(batch: list[Sighting]) -> None:
    """After a crash between claim and publish the same events travel again."""
    claims = Claims()
    first = verdicts(batch, claims.handle(batch))
    assert verdicts(batch, claims.handle(batch)) == first


def test_the_life_of_a_boosted_comment() -> None:
    """First, its resend, its amendment by the ad, the resend of that."""
    claims = Claims()
    steps = [
        (sighting("1", "organic", 0, 1), "first"),
        (sighting("1", "organic", 5, 2), "repeat"),
        (sighting("1", "on an ad", 6, 3), "amendment"),
        (sighting("1", "on an ad", 7, 4), "repeat"),
        (sighting("2", "organic", 8, 5), "first"),
        (sighting("1", "organic", 0, 1), "first"),
    ]
    for seen, verdict in steps:
        assert verdicts([seen], claims.handle([seen])) == [verdict]


def test_an_earlier_sighting_that_comes_later_lowers_the_claim() -> None:
    """And travels on, for what is stored must not depend on which came first."""
    claims = Claims()
    late, early = sighting("1", "a", 9), sighting("1", "a", 1)
    claims.handle([late])
    assert lowered(least_by_content([early]), claims.held) == [Claim(early.content_id, early.key)]
    assert verdicts([early], claims.handle([early])) == ["first"]
    assert verdicts([late], claims.handle([late])) == ["repeat"]
    assert lowered(least_by_content([late]), claims.held) == []


def test_two_contents_in_one_delivery() -> None:
    """Positions decide, as numbers: 2 comes before 10."""
    batch = [sighting("1", "b", 0, item=10), sighting("1", "a", 0, item=2)]
    assert verdicts(batch, Claims().handle(batch)) == ["amendment", "first"]


def test_a_repeat_within_a_delivery() -> None:
    """The same content twice in one body travels once."""
    batch = [sighting("1", "a", 0, item=1), sighting("1", "a", 0, item=0)]
    assert verdicts(batch, Claims().handle(batch)) == ["repeat", "first"]


class TestSightingsIn:
    """What a raw record tells the reader of its topic."""

    def test_only_the_changes_of_the_topics_field(self) -> None:
        """The others are in their own topics."""
        changes = [
            {"field": "comments", "value": {"id": "1"}},
            {"field": "mentions", "value": {"media_id": "2"}},
            {"field": "follow", "value": {}},
            {"field": "comments", "value": {"id": "3"}},
        ]
        data = body({"id": ACCOUNT, "changes": changes})
        found = sightings_in(raw_record(data))
        assert [each.identity.event_id for each in found] == [
            f"comments:{ACCOUNT}:1",
            f"comments:{ACCOUNT}:3",
        ]
        assert [str(each.key.position) for each in found] == ["0.changes.0", "0.changes.3"]
        assert {each.key[:2] for each in found} == {(START, delivery_id(1))}
        assert sightings_in(raw_record(data, "story_insights")) == []

    @untimed
    @given(documents)
    def test_the_topics_together_hold_every_change_once(self, document: Any) -> None:
        """Nothing falls between two fields, and nothing is counted in both."""
        data = json.dumps(document).encode()
        try:
            found = [each for field in FIELDS for each in sightings_in(raw_record(data, field))]
        except RejectError as error:
            assert error.reason == "no_entry_list"  # noqa: PT017  # other outcomes are asserted below
            return
        changes = [each.change for each in found]
        assert sorted(changes, key=_place) == sorted(split(data), key=_place)
        assert all(each.key.position == each.change.position for each in found)

    def test_a_press_of_the_test_button_is_of_its_delivery(self) -> None:
        """So that a second press is not a repeat."""
        data = change_body("comments", {"id": "1"}, "0")
        one, other = (
            sightings_in(raw_record(data, number=number))[0].identity for number in (1, 2)
        )
        assert one.is_test
        assert one.event_id == f"comments:0:test:{delivery_id(1)}:0.changes.0"
        assert other.event_id == f"comments:0:test:{delivery_id(2)}:0.changes.0"

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "not_json"),
            (b"{", "not_json"),
            (b"[NaN]", "not_json"),
            (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
            (b"{}", "no_entry_list"),
            (None, "malformed_delivery"),
        ],
    )
    def test_what_nobody_can_read_is_rejected(self, data: bytes | None, reason: str) -> None:
        """With the slug of the dead letter, and a detail that quotes nothing."""
        with pytest.raises(RejectError) as caught:
            sightings_in(raw_record(data, "other"))
        assert caught.value.reason == reason
        assert caught.value.detail in {"the body is archived as it came", "body"}

    def test_a_record_that_ingest_did_not_write_is_rejected(self) -> None:
        """The detail names the header."""
        good = raw_record(b"{}")
        with pytest.raises(RejectError) as caught:
            sightings_in(Record(good.source, b"", b"{}", good.headers[1:]))
        assert (caught.value.reason, caught.value.detail) == ("malformed_delivery", "delivery-id")


def _place(change: Any) -> Position:
    position: Position = change.position
    return position
