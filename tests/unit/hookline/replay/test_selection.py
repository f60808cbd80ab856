"""Which records of topics are meant."""

from datetime import UTC, datetime, timedelta

from hookline.replay.deliveries import event_records, raw_records, sightings
from hookline.replay.order import Order
from hookline.replay.selection import selects
from runtime.worker import Record
from schemas.dead_letters import Source
from schemas.events import decode_event
from schemas.topics import EVENTS_TOPICS, RAW_TOPICS
from tests.integration.archived import just_now, traffic
from workers.dedupe.sighting import least_by_content

NOW = datetime.now(UTC)


def test_the_topics_and_the_archive_give_the_same() -> None:
    """For any filter: what is selected of the records in topics is what the archive gives."""
    deliveries = traffic(8, 120, just_now())
    every = Order("persist")
    seen = list(sightings(every, deliveries))
    known = {content: one.key for content, one in least_by_content(seen).items()}
    events = list(event_records(seen, known))
    raws = list(raw_records(every, deliveries))
    some = decode_event(events[len(events) // 2].value or b"")
    middle = deliveries[60].received_at
    for given in (
        {},
        {"account": some.account_id},
        {"ids": frozenset({some.event_id})},
        {"since": middle},
        {"until": middle},
        {"since": middle, "account": some.account_id},
    ):
        order = Order("persist", **given)
        timely = [one for one in deliveries if order.means_time(one.received_at)]
        chosen = [one for one in raws if selects(order, one, NOW)]
        assert chosen == list(raw_records(order, timely))
        wanted = [one for one in sightings(order, timely) if known[one.content_id] == one.key]
        picked = [decode_event(one.value or b"") for one in events if selects(order, one, NOW)]
        assert [one.key for one in picked] == [one.key for one in wanted]
        assert chosen
        assert picked


def test_what_tells_no_time_is_judged_by_its_publication() -> None:
    """Records that nobody of ours wrote; they have no account and no event."""
    for topic in (next(iter(RAW_TOPICS)), next(iter(EVENTS_TOPICS))):
        junk = Record(Source(topic, 0, 0), None, b"junk", ())
        assert selects(Order("persist"), junk, NOW)
        assert selects(Order("persist", since=NOW), junk, NOW)
        assert not selects(Order("persist", until=NOW), junk, NOW)
        assert not selects(Order("persist", since=NOW + timedelta(1)), junk, NOW)
        assert not selects(Order("persist", account="1"), junk, NOW)
        assert not selects(Order("persist", ids=frozenset({"comments:1:2"})), junk, NOW)
