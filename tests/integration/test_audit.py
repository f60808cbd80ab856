"""`hookline audit` on a real PostgreSQL: all green over a clean run, and each fault named alone."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.audit.document import document
from hookline.audit.run import audit, settled, with_raw_records
from hookline.audit.scope import Scope
from hookline.cli.options import json_text
from runtime.database import transaction
from runtime.errors import RejectError
from runtime.publisher import OutRecord, Publisher
from schemas.deliveries import Delivery
from schemas.topics import DEAD_LETTERS, RAW_TOPICS
from simulator.cases import CASES
from simulator.expected import expect
from simulator.traffic import mixed, of_case
from tests.integration.broker import Broker
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.handled import (
    Handled,
    consumed,
    isolated,
    letter_records,
    raw_records,
    received,
)
from tests.integration.test_trace import (
    ACCOUNT,
    comment_body,
    mention_and_story,
    operator,
    run_hookline,
)

HOUR: Final = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
AFTER: Final = HOUR + timedelta(hours=3)
GRACE: Final = timedelta(minutes=10)
SCOPE: Final = Scope(AFTER, GRACE)

EVENT: Final = f"comments:{ACCOUNT}:1"


async def found(engine: AsyncEngine, scope: Scope = SCOPE, examples: int = 20) -> Any:
    """The JSON of an audit, through its text."""
    return json.loads(json_text(document(await audit(engine, scope, examples))))


def named(told: Any) -> dict[str, int]:
    """The kinds of faults that an audit names, with their numbers."""
    return {name: fault["count"] for name, fault in told["faults"].items() if fault["count"]}


async def change(engine: AsyncEngine, statement: str, **values: object) -> None:
    """Something done to the tables by hand."""
    async with transaction(engine) as connection:
        done = await connection.execute(text(statement), values)
        assert done.rowcount > 0, "nothing was changed"


@pytest.fixture
async def deliveries(engine: AsyncEngine) -> list[Delivery]:
    """Five deliveries, stored: a comment, its repeat, its ad, two more comments, other fields."""
    bodies = [
        comment_body("1"),
        comment_body("1"),
        comment_body("1", ad_id="69", original_media_id="1792140001"),
        comment_body("2"),
        mention_and_story("180233"),
    ]
    sent = [received(body, HOUR + timedelta(seconds=n)) for n, body in enumerate(bodies)]
    await Handled(engine).store(sent)
    return sent


async def test_a_clean_run_is_green(engine: AsyncEngine) -> None:
    """Every shape that Meta is known to send, hostile ones too: it adds up, to what was sent."""
    told = [one for one in mixed(5, 250) if one.status == 200]
    told += [one for case in CASES for one in of_case(case, 7) if one.status == 200]
    handled = Handled(engine)
    for start in range(0, len(told), 60):
        await handled.store(received(one.body, HOUR) for one in told[start : start + 60])
    result = await found(engine)
    assert result["adds_up"], named(result)
    expected = expect(told)
    assert result["received"] == expected.changes.total() + expected.unreadable
    assert result["repeats"] == expected.repeats
    assert result["parked"] == expected.unreadable > 0
    assert result["stored"] == expected.contents + expected.tests
    assert (result["dead"], result["in_flight"]) == (0, 0)
    assert set(result["faults"]) == set(document(await audit(engine, SCOPE, 1))["faults"])


async def test_the_ledger_is_by_hour_and_field(
    engine: AsyncEngine, deliveries: list[Delivery]
) -> None:
    """Hours of UTC; the scope cuts both ways."""
    await Handled(engine).store([received(comment_body("3"), HOUR + timedelta(hours=1))])
    result = await found(engine)
    assert result["adds_up"]
    assert [(one["hour"][11:16], one["field"], one["received"]) for one in result["hours"]] == [
        ("12:00", "comments", 4),
        ("12:00", "mentions", 1),
        ("12:00", "story_insights", 1),
        ("13:00", "comments", 1),
    ]
    later = await found(engine, replace(SCOPE, since=HOUR + timedelta(minutes=30)))
    assert (later["received"], later["stored"]) == (1, 1)
    mentions = await found(engine, replace(SCOPE, field="mentions"))
    assert (mentions["received"], mentions["stored"]) == (1, 1)
    before = await found(engine, replace(SCOPE, until=deliveries[1].received_at))
    assert (before["received"], before["stored"]) == (1, 1)


BY_HAND: Final[dict[str, tuple[str, dict[str, int]]]] = {
    "a row is deleted": (
        "DELETE FROM hookline.comments WHERE comment_id = '2'",
        {"claims_without_row": 1},
    ),
    "a row lost one of its contents": (
        "UPDATE hookline.comments SET contents = NULL WHERE comment_id = '1'",
        {"claims_without_row": 1},
    ),
    "a claim is deleted": (
        "DELETE FROM hookline.claims WHERE split_part(event_id, ':', 3) = '2'",
        {"sightings_without_claim": 1, "rows_without_claim": 1},
    ),
    "a sighting is deleted": (
        "DELETE FROM hookline.sightings WHERE split_part(event_id, ':', 3) = '2'",
        {"unsplit_changes": 1, "claims_without_sighting": 1},
    ),
    "the sighting of a repeat is deleted": (
        "DELETE FROM hookline.sightings WHERE verdict = 'repeat'",
        {"unsplit_changes": 1},
    ),
    "a delivery is deleted": (
        "DELETE FROM hookline.deliveries WHERE changes ? 'mentions'",
        {"sightings_without_delivery": 2},
    ),
    "a row is invented": (
        (
            "INSERT INTO hookline.comments (account_id, comment_id, field, first_received_at, "
            "last_received_at, delivery_id, position, content_hash) "
            "SELECT account_id, '99', field, first_received_at, last_received_at, delivery_id, "
            "position, content_hash FROM hookline.comments WHERE comment_id = '2'"
        ),
        {"rows_without_claim": 1},
    ),
    "an ad's sighting is invented": (
        (
            "INSERT INTO hookline.ad_sightings (account_id, comment_id, media_id, ad_id, "
            "first_received_at, delivery_id, position, content_hash) "
            "SELECT account_id, comment_id, media_id, 'x', first_received_at, delivery_id, "
            "position, 'x' FROM hookline.ad_sightings"
        ),
        {"rows_without_claim": 1},
    ),
    "an event has two rows": (
        (
            "INSERT INTO hookline.other_events (event_id, value, is_test, received_at, "
            "delivery_id, position, content_hash) SELECT event_id, '{}', false, "
            "received_at, delivery_id, position, content_hash FROM hookline.claims "
            "WHERE split_part(event_id, ':', 3) = '2'"
        ),
        {"doubled_rows": 1},
    ),
    "a sighting is invented": (
        (
            "INSERT INTO hookline.sightings (received_at, delivery_id, position, event_id, "
            "content_hash, verdict) SELECT received_at, delivery_id, '0.changes.7', event_id, "
            "content_hash, 'repeat' FROM hookline.sightings "
            "WHERE split_part(event_id, ':', 3) = '2'"
        ),
        {"invented_sightings": 1},
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
async def test_each_fault_is_named_and_no_other(
    engine: AsyncEngine, deliveries: list[Delivery], name: str
) -> None:
    """What was done by hand, exactly that; and it does not add up."""
    assert len(deliveries) == 5
    assert (await found(engine))["adds_up"]
    statement, faults = BY_HAND[name]
    await change(engine, statement)
    result = await found(engine)
    assert named(result) == faults
    assert result["adds_up"] is False
    assert sum(len(fault["examples"]) for fault in result["faults"].values()) == sum(
        faults.values()
    )


async def test_a_delivery_archived_twice_is_named(
    engine: AsyncEngine, deliveries: list[Delivery]
) -> None:
    """At two times: its changes at the second one were never seen either."""
    await change(
        engine,
        "INSERT INTO hookline.deliveries SELECT received_at + interval '1 s', delivery_id, body, "
        "sha256, signature, app_id, fields, changes, source FROM hookline.deliveries "
        "WHERE delivery_id = CAST(:id AS uuid)",
        id=deliveries[3].delivery_id,
    )
    result = await found(engine)
    assert named(result) == {"doubled_deliveries": 1, "unsplit_changes": 1}
    (example,) = result["faults"]["doubled_deliveries"]["examples"]
    assert (example["delivery_id"], example["times"]) == (deliveries[3].delivery_id, 2)


async def test_a_damaged_body_is_named_when_bodies_are_read(
    engine: AsyncEngine, deliveries: list[Delivery]
) -> None:
    """The archive promises the exact bytes."""
    await change(
        engine,
        "UPDATE hookline.deliveries SET body = body || '\\x20' WHERE delivery_id = "
        "CAST(:id AS uuid)",
        id=deliveries[3].delivery_id,
    )
    assert (await audit(engine, SCOPE, 20)).adds_up
    (fault,) = (await audit(engine, SCOPE, 20, bodies=True)).faults
    assert (fault.name, fault.count) == ("damaged_deliveries", 1)
    assert [one["delivery_id"] for one in fault.examples] == [deliveries[3].delivery_id]
    others = replace(SCOPE, field="mentions")
    assert (await audit(engine, others, 20, bodies=True)).adds_up


async def test_the_missing_are_named_by_delivery_position_and_event(
    engine: AsyncEngine, deliveries: list[Delivery]
) -> None:
    """Also where no table knows the change any more: the archived body does."""
    await change(engine, "DELETE FROM hookline.sightings WHERE split_part(event_id, ':', 3) = '2'")
    await change(engine, "DELETE FROM hookline.claims WHERE split_part(event_id, ':', 3) = '2'")
    await change(engine, "DELETE FROM hookline.comments WHERE comment_id = '2'")
    result = await found(engine)
    assert named(result) == {"unsplit_changes": 1}
    (example,) = result["faults"]["unsplit_changes"]["examples"]
    assert example["delivery_id"] == deliveries[3].delivery_id
    assert example["position"] == "0.changes.0"
    assert example["event_id"] == f"comments:{ACCOUNT}:2"
    assert (result["received"], result["stored"], result["overdue"]) == (6, 4, 1)


async def test_an_invented_sighting_is_named_by_its_position(
    engine: AsyncEngine, deliveries: list[Delivery]
) -> None:
    """The archived body has nothing there; more ended than was received."""
    await change(engine, BY_HAND["a sighting is invented"][0])
    result = await found(engine)
    (example,) = result["faults"]["invented_sightings"]["examples"]
    assert (example["delivery_id"], example["position"]) == (
        deliveries[3].delivery_id,
        "0.changes.7",
    )
    assert [one["difference"] for one in result["hours"] if one["field"] == "comments"] == [1]


async def test_more_faults_are_counted_than_named(
    engine: AsyncEngine, deliveries: list[Delivery]
) -> None:
    """Up to a number."""
    assert deliveries
    await change(engine, "DELETE FROM hookline.deliveries")
    result = await found(engine, examples=2)
    fault = result["faults"]["sightings_without_delivery"]
    assert (fault["count"], len(fault["examples"])) == (6, 2)


async def test_what_is_on_its_way_is_no_fault_until_its_time_is_over(engine: AsyncEngine) -> None:
    """Archived and not yet split: in flight; past the grace: missing."""
    handled = Handled(engine)
    records = raw_records([received(comment_body("1"), HOUR)])
    await handled.archive.handle(records)
    soon = await found(engine, replace(SCOPE, at=HOUR + timedelta(minutes=9)))
    assert soon["adds_up"]
    assert (soon["received"], soon["in_flight"], soon["overdue"]) == (1, 1, 0)
    late = await found(engine, replace(SCOPE, at=HOUR + timedelta(minutes=11)))
    assert (late["adds_up"], late["overdue"]) == (False, 1)
    assert named(late) == {"unsplit_changes": 1}
    assert not await settled(engine, SCOPE, 0)


async def test_waiting_ends_when_everything_has_ended(engine: AsyncEngine) -> None:
    """The rest is handled meanwhile."""
    handled, delivery = Handled(engine), received(comment_body("1"), HOUR)
    await handled.archive.handle(raw_records([delivery]))
    waiting = asyncio.create_task(settled(engine, SCOPE, 30))
    await asyncio.sleep(0)
    await handled.store([delivery])
    assert await waiting


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("parked", {"parked": 1}),
        ("discarded", {"dead": 1}),
        ("resolved", {"dead": 1}),
        ("redriven", {"in_flight": 1}),
    ],
)
@pytest.mark.parametrize("stage", ["dedupe", "persist"])
async def test_a_dead_letter_is_an_end_unless_it_was_sent_again(
    engine: AsyncEngine, state: str, expected: dict[str, int], stage: str
) -> None:
    """Parked, given up, or on its way again, with its time anew."""
    body = b"no JSON" if stage == "dedupe" else comment_body("1")
    await Handled(engine).store([received(body, HOUR)])
    if stage == "persist":
        await _refuse(engine)
    letters = "UPDATE hookline.dead_letters SET state = :state, state_changed_at = :at"
    await change(engine, letters, state=state, at=AFTER)
    result = await found(engine)
    assert result["adds_up"], named(result)
    ends = {name: result[name] for name in ("stored", "dead", "parked", "in_flight", "overdue")}
    assert {name: count for name, count in ends.items() if count} == expected
    if state == "redriven":
        late = await found(engine, replace(SCOPE, at=AFTER + 2 * GRACE))
        assert named(late) == {"unsplit_changes" if stage == "dedupe" else "claims_without_row": 1}


async def test_a_letter_about_what_the_graph_told_excuses_no_missing_row(
    engine: AsyncEngine,
) -> None:
    """The change itself is not dead: its row should be there."""
    await Handled(engine).store([received(comment_body("1"), HOUR)])
    await _refuse(engine, "instagram.enriched.comments")
    result = await found(engine)
    assert named(result) == {"claims_without_row": 1}
    query = text("SELECT outcome FROM analytics.outcomes")
    async with engine.connect() as connection:
        assert (await connection.execute(query)).scalars().all() == ["in_flight"]


async def _refuse(engine: AsyncEngine, topic: str = "instagram.events.comments") -> None:
    """The comment's row is gone, and a record about it is a dead letter of persist."""

    async def refuse(_: object) -> Any:
        raise RejectError("sqlstate_22021", "DataError")

    async with engine.connect() as connection:
        row = (
            await connection.execute(
                text("SELECT event_id, delivery_id::text FROM hookline.claims")
            )
        ).one()
    out = OutRecord(topic, row[0].encode(), b"{}", [("delivery-id", row[1].encode())])
    outcome = await isolated("persist", refuse, consumed([out]))
    await Handled(engine).archive.handle(letter_records(outcome.dead))
    await change(engine, "DELETE FROM hookline.comments")


async def test_raw_records_that_nobody_archived_are_named(
    engine: AsyncEngine,
    broker: Broker,
    database_url: str,
    worker_settings: MakeWorkerSettings,
) -> None:
    """Archived ones, dead letters and what is on its way are not."""
    started = datetime.now(UTC)
    ends = await broker.ends([*RAW_TOPICS, DEAD_LETTERS])
    lost, stored, young = (received(comment_body(str(n))) for n in (1, 2, 3))
    lost, stored = (one._replace(received_at=started - 2 * GRACE) for one in (lost, stored))
    foreign = OutRecord("instagram.raw.comments", b"k", b"not by ingest", [])
    settings = worker_settings()
    async with Publisher(settings) as publisher:
        await publisher.learn([*RAW_TOPICS])
        records = raw_records([lost, stored, young])
        published = [
            *(OutRecord(r.source.topic, r.key, r.value, list(r.headers)) for r in records),
            foreign,
        ]
        await asyncio.gather(*(publisher.publish(one) for one in published))
    await Handled(engine).store([stored])
    stands = await broker.new_records(ends)
    (place,) = [one.source for one in stands if one.value == lost.body]
    operating = operator(broker.bootstrap, database_url)

    async def compare(at: datetime) -> Any:
        scope = Scope(at, GRACE, since=started - 3 * GRACE)
        # Older records of other tests belong to other databases.
        done = await with_raw_records(
            await audit(engine, scope, 500), engine, operating, 500, lambda _read, _of: None
        )
        told = json.loads(json_text(document(done)))
        assert told["raw_records"] >= len(published)
        return [
            (one["delivery_id"], one["topic"], one["partition"], one["offset"])
            for one in told["faults"]["raw_records_without_delivery"]["examples"]
        ]

    ids = {lost.delivery_id, stored.delivery_id, young.delivery_id}
    now = [one for one in await compare(datetime.now(UTC)) if one[0] in ids]
    assert now == [(lost.delivery_id, *place)]
    later = await compare(datetime.now(UTC) + 2 * GRACE)
    assert {one[0] for one in later if one[0] in ids} == {lost.delivery_id, young.delivery_id}
    (strange,) = [one.source for one in stands if one.value == b"not by ingest"]
    assert (None, *strange) in later


async def test_the_verb_tells_people_and_programs(
    engine: AsyncEngine, broker: Broker, database_url: str, deliveries: list[Delivery]
) -> None:
    """Exit code 0 and 1; the page says what is missing; JSON is one document."""
    given = {"KAFKA_BOOTSTRAP": broker.bootstrap, "DATABASE_URL": database_url}
    fine = await asyncio.to_thread(run_hookline, "audit", **given)
    assert fine.returncode == 0, fine.stderr
    assert "Everything adds up" in fine.stdout
    await change(engine, "DELETE FROM hookline.comments WHERE comment_id = '2'")
    page = await asyncio.to_thread(run_hookline, "audit", "--wait", "1", **given)
    assert page.returncode == 1
    for words in ("does not add up", "claims_without_row", deliveries[3].delivery_id):
        assert words in page.stdout
    told = await asyncio.to_thread(run_hookline, "audit", "--json", "--grace", "2h", **given)
    assert told.returncode == 1, "these are of yesterday"
    assert json.loads(told.stdout)["grace_s"] == 7200
    wrong = await asyncio.to_thread(run_hookline, "audit", "--grace", "soon", **given)
    assert wrong.returncode == 2
    never = ("--since", "1h", "--until", "2h")
    assert (await asyncio.to_thread(run_hookline, "audit", *never, **given)).returncode == 2


async def test_without_postgres_it_is_unreachable() -> None:
    """Exit code 3, which is not the same as not adding up."""
    given = {"KAFKA_BOOTSTRAP": "127.0.0.1:9", "DATABASE_URL": "postgresql://a:b@127.0.0.1:9/c"}
    done = await asyncio.to_thread(run_hookline, "audit", **given)
    assert done.returncode == 3
    assert "Does it run?" in done.stderr
