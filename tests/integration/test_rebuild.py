"""Rebuild on a real PostgreSQL: equal when all is right, and exact about what is not."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import typer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.rebuild import exchange
from hookline.rebuild.batches import Progress, plan
from hookline.rebuild.comparison import Comparison
from hookline.rebuild.exchange import Exchanged
from hookline.rebuild.process import drain
from hookline.rebuild.reads import plan_reads
from hookline.rebuild.run import Order, Report, rebuild
from hookline.rebuild.scratch import DEFAULT, RebuildError, begin, held
from runtime.database import transaction
from runtime.worker import Record
from schemas.events import decode_event
from tests.integration.answered import answer, merge, read_of, record
from tests.integration.archived import events, just_now, raw, store, traffic
from tests.integration.handled import received
from workers.archive.handler import ArchiveHandler
from workers.dedupe.handler import DedupeHandler
from workers.enrich.handler import new_tasks
from workers.enrich.queue import Queue, TaskState
from workers.enrich.task import TaskKey
from workers.enrich.wanted import Wanted
from workers.persist.handler import PersistHandler

SEED = 20261123
DELIVERIES = 400
VERIFY = Order(verify=True, workers=2, settle_s=0.01, limit=50)
SWAP = Order(swap=True, workers=2, settle_s=0.01, limit=50)

COMMENT = json.dumps(
    {
        "object": "instagram",
        "entry": [
            {
                "id": "17841400000000001",
                "time": 1734638812,
                "changes": [{"field": "comments", "value": {"id": "17900", "text": "a text"}}],
            }
        ],
    }
).encode()
WANTED = Wanted("comment", "17900")
ROW = "SELECT text, enrichment_status, enrichment_reason FROM hookline.comments WHERE comment_id = "


@pytest.fixture
async def live(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncEngine:
    """A database with mixed traffic; the processes of a rebuild find it by the environment."""
    monkeypatch.setenv("HOOKLINE_DATABASE_URL", database_url)
    told = await store(engine, traffic(SEED, DELIVERIES, just_now()), SEED)
    await answer(engine, told, SEED)
    return engine


async def run(engine: AsyncEngine, order: Order) -> Report:
    """A rebuild that nobody watches and everybody agrees to."""
    return await rebuild(engine, order, lambda _: None, lambda _: None, lambda _: None)


async def execute(engine: AsyncEngine, statement: str) -> None:
    """A statement that somebody should not have run."""
    async with transaction(engine) as connection:
        await connection.execute(text(statement))


async def rows(engine: AsyncEngine, query: str) -> list[tuple[object, ...]]:
    """What a query gives."""
    async with transaction(engine) as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


def found(report: Report) -> Comparison:
    """What was compared."""
    assert report.comparison is not None
    return report.comparison


async def test_traffic_in_any_order_is_equal_to_its_rebuild(live: AsyncEngine) -> None:
    """Rows that came shuffled are those that a rebuild makes in order, in two processes."""
    report = await run(live, VERIFY)
    assert found(report).differences == []
    assert found(report).equal
    assert {table.table for table in found(report).tables if table.live.rows == 0} == set()
    assert report.counts["read"] == DELIVERIES
    assert report.counts["failed"] > 0  # bodies that nobody can read
    assert report.counts["written"] + report.counts["duplicates"] == report.counts["changes"]
    assert (
        report.counts["changes"]
        == (await rows(live, "SELECT count(*) FROM hookline.sightings"))[0][0]
    )
    assert not report.scratch_left
    assert await rows(live, "SELECT to_regnamespace('hookline_rebuild')::text") == [(None,)]


async def test_verify_names_exactly_what_is_wrong(live: AsyncEngine) -> None:
    """A changed cell, a deleted row and a row of nobody's are named by their keys, and no other."""
    (changed,) = await rows(
        live,
        "UPDATE hookline.comments SET text = 'tampered' WHERE ctid = "
        "(SELECT ctid FROM hookline.comments WHERE text IS NOT NULL ORDER BY comment_id LIMIT 1) "
        "RETURNING account_id, comment_id, field",
    )
    (deleted,) = await rows(
        live,
        "DELETE FROM hookline.mentions WHERE ctid = "
        "(SELECT ctid FROM hookline.mentions ORDER BY media_id LIMIT 1) "
        "RETURNING account_id, media_id, comment_id",
    )
    await execute(
        live,
        "INSERT INTO hookline.story_insights SELECT account_id, 'nobodys', metric, value, "
        "suppressed, received_at, sent_at, delivery_id, position, content_hash, contents "
        "FROM hookline.story_insights LIMIT 1",
    )
    report = await run(live, VERIFY)
    named = {
        (one.table, one.kind, tuple(one.key.values()), tuple(one.columns))
        for one in found(report).differences
    }
    extra = next(key for table, _, key, _ in named if table == "story_insights")
    assert named == {
        ("comments", "different", changed, ("text",)),
        ("mentions", "missing", deleted, ()),
        ("story_insights", "extra", extra, ()),
    }
    assert extra[1] == "nobodys"
    assert not found(report).equal
    assert "tampered" not in str(report.document())


@pytest.mark.parametrize(
    ("statement", "table", "kind"),
    [
        ("UPDATE hookline.claims SET position = '99.changes.0' {one}", "claims", "different"),
        ("DELETE FROM hookline.claims {one}", "claims", "missing"),
        ("DELETE FROM hookline.sightings {one}", "sightings", "missing"),
        (
            "UPDATE hookline.other_events SET value = '{{\"a\": 1}}' {one}",
            "other_events",
            "different",
        ),
        ("UPDATE hookline.story_insights SET value = -7 {one}", "story_insights", "different"),
        ("UPDATE hookline.ad_sightings SET ad_title = 'x' {one}", "ad_sightings", "different"),
    ],
)
async def test_verify_looks_into_every_table(
    live: AsyncEngine, statement: str, table: str, kind: str
) -> None:
    """One row that is not right is one difference, in whatever table it is."""
    name = f"hookline.{table}"
    one = f"WHERE (tableoid, ctid) = (SELECT tableoid, ctid FROM {name} LIMIT 1)"
    await execute(live, statement.format(one=one))
    report = await run(live, VERIFY)
    assert [(d.table, d.kind) for d in found(report).differences] == [(table, kind)]


async def test_rows_that_changed_after_the_cut_are_left_out(live: AsyncEngine) -> None:
    """What arrived later may have changed rows of before: no difference is made of it."""
    later = traffic(SEED, DELIVERIES, datetime.now(UTC) + timedelta(hours=1))
    await store(live, later + traffic(SEED + 1, 100, datetime.now(UTC) + timedelta(hours=1)), 1)
    cut = datetime.now(UTC) + timedelta(minutes=30)
    report = await run(live, replace(VERIFY, until=cut))
    assert found(report).differences == []
    assert found(report).equal
    assert report.counts["read"] == DELIVERIES


async def test_what_nobody_stores_is_missing(live: AsyncEngine) -> None:
    """Archived and not stored: told once the patience is over, and not when it is there."""
    fresh = [record for one in traffic(5, 30, just_now()) for record in raw(one)]
    await ArchiveHandler(live).handle(fresh)
    report = await run(live, VERIFY)
    assert not found(report).equal
    assert {one.kind for one in found(report).differences} <= {"missing", "different"}


async def test_a_change_still_on_its_way_is_waited_for(live: AsyncEngine) -> None:
    """Archived before the cut and stored while it compares: nothing is wrong."""
    fresh = [record for one in traffic(5, 30, just_now()) for record in raw(one)]
    await ArchiveHandler(live).handle(fresh)

    async def store_late() -> None:
        # Not before the first comparison has found something missing.
        there = "SELECT to_regclass('hookline_rebuild.differing_comments') IS NOT NULL"
        while await rows(live, there) != [(True,)]:
            await asyncio.sleep(0.02)
        waiting = await DedupeHandler(live).handle(fresh)
        await PersistHandler(live).handle(events(waiting.results))

    late = asyncio.create_task(store_late())
    report = await run(live, replace(VERIFY, settle_s=30))
    await late
    assert found(report).equal


async def test_swap_puts_right_what_is_wrong_and_keeps_what_was(live: AsyncEngine) -> None:
    """Wrong rows give way and are kept aside; views stay; what the Graph told is there again."""
    await execute(live, "CREATE VIEW analytics.my_own AS SELECT * FROM analytics.comments")
    before = await rows(live, "SELECT * FROM analytics.comments ORDER BY comment_id, field")
    mentions = await rows(live, "SELECT * FROM analytics.mentions ORDER BY 1, 2, 3")
    await execute(live, "UPDATE hookline.comments SET text = 'tampered', hidden = NOT hidden")
    await execute(live, "TRUNCATE hookline.mentions")
    await execute(live, "DELETE FROM hookline.claims WHERE event_id LIKE 'story_insights:%'")
    report = await run(live, replace(SWAP, verify=True))
    assert found(report).equal
    assert report.before is not None
    assert report.exchanged["comments"].changed == len(before)
    assert report.exchanged["mentions"].new == len(mentions)
    after = await rows(live, "SELECT * FROM analytics.my_own ORDER BY comment_id, field")
    assert after == before
    assert await rows(live, "SELECT * FROM analytics.mentions ORDER BY 1, 2, 3") == mentions
    kept = await rows(live, f"SELECT DISTINCT text FROM {report.before}.comments")
    assert kept == [("tampered",)]
    assert not report.scratch_left


async def test_swap_with_nothing_wrong_changes_nothing(live: AsyncEngine) -> None:
    """No row is written and no schema made."""
    before = await rows(live, "SELECT xmin::text, comment_id FROM hookline.comments ORDER BY 2, 1")
    report = await run(live, SWAP)
    assert report.before is None
    assert report.exchanged == {}
    after = await rows(live, "SELECT xmin::text, comment_id FROM hookline.comments ORDER BY 2, 1")
    assert after == before


async def test_a_dry_run_of_the_swap_changes_nothing(live: AsyncEngine) -> None:
    """It says what is wrong and leaves it."""
    await execute(live, "TRUNCATE hookline.mentions")
    report = await run(live, replace(SWAP, dry_run=True))
    assert {one.table for one in found(report).differences} == {"mentions"}
    assert await rows(live, "SELECT count(*) FROM hookline.mentions") == [(0,)]
    assert report.scratch_left


async def test_swap_leaves_alone_what_is_not_archived_yet(live: AsyncEngine) -> None:
    """The archive lags: rows of deliveries that it does not have yet are not extra, but early."""
    fresh = [record for one in traffic(77, 60, just_now()) for record in raw(one)]
    passed = await DedupeHandler(live).handle(fresh)
    await PersistHandler(live).handle(events(passed.results))
    count = (
        "SELECT (SELECT count(*) FROM hookline.comments), (SELECT count(*) FROM hookline.claims)"
    )
    before = await rows(live, count)
    await execute(
        live,
        "UPDATE hookline.comments SET text = 'x' WHERE comment_id = "
        "(SELECT min(comment_id) FROM hookline.comments)",
    )
    report = await run(live, SWAP)
    assert report.exchanged["comments"].kept > 0
    assert report.exchanged["claims"].removed == 0
    assert await rows(live, count) == before
    await ArchiveHandler(live).handle(fresh)
    assert found(await run(live, VERIFY)).equal


async def test_a_damaged_body_makes_no_row_and_takes_none(live: AsyncEngine) -> None:
    """Bytes that are not those received tell nothing: verify says so, swap leaves their rows."""
    await execute(
        live,
        "UPDATE hookline.deliveries SET body = '{}' WHERE delivery_id IN "
        "(SELECT delivery_id FROM hookline.comments WHERE contents IS NULL "
        "ORDER BY comment_id LIMIT 1)",
    )
    tables = "SELECT (SELECT count(*) FROM hookline.comments), count(*) FROM hookline.claims"
    before = await rows(live, tables)
    report = await run(live, VERIFY)
    assert report.counts["damaged"] == 1
    assert {(one.table, one.kind) for one in found(report).differences} >= {
        ("comments", "extra"),
        ("claims", "extra"),
    }
    report = await run(live, SWAP)
    kept = report.exchanged["comments"].kept
    assert kept > 0
    assert report.exchanged["comments"] == Exchanged(kept=kept)
    assert report.exchanged["claims"].removed == 0
    assert await rows(live, tables) == before


async def test_one_that_built_from_what_is_erased_since_begins_anew(live: AsyncEngine) -> None:
    """Else a swap would bring back what somebody asked to be erased."""
    await begin(live, DEFAULT, None)
    await plan(live, DEFAULT)
    await drain(live, DEFAULT)
    assert (await begin(live, DEFAULT, None)).resumed
    await execute(
        live,
        "DELETE FROM hookline.deliveries WHERE delivery_id IN "
        "(SELECT delivery_id FROM hookline.comments LIMIT 1)",
    )
    assert not (await begin(live, DEFAULT, None)).resumed


async def test_a_schema_of_somebody_else_is_refused(live: AsyncEngine) -> None:
    """A schema that no rebuild made is neither emptied nor dropped."""
    await execute(live, "CREATE SCHEMA precious")
    await execute(live, "CREATE TABLE precious.things (number int)")
    with pytest.raises(RebuildError, match="not made by a rebuild"):
        await run(live, replace(VERIFY, schema="precious"))
    assert await rows(live, "SELECT count(*) FROM precious.things") == [(0,)]


async def test_two_rebuilds_do_not_share_a_schema(live: AsyncEngine) -> None:
    """The second is told so at once; the first is not disturbed."""
    async with held(live, DEFAULT):
        with pytest.raises(RebuildError, match="Another rebuild is at work"):
            await run(live, VERIFY)
    assert found(await run(live, VERIFY)).equal


async def test_a_swap_that_gets_no_lock_leaves_everything_as_it_was(
    live: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open transaction has written to a table: it stands in our way, and in no reader's."""
    await execute(live, "DELETE FROM hookline.mentions")
    with monkeypatch.context() as impatient:
        impatient.setattr(exchange, "LOCK_TIMEOUT_S", 0.1)
        impatient.setattr(exchange, "LOCK_ATTEMPTS", 2)
        async with live.connect() as writer:
            await writer.execute(text("UPDATE hookline.comments SET hidden = true"))
            with pytest.raises(RebuildError, match="as they were"):
                await run(live, SWAP)
            await writer.rollback()
    assert await rows(live, "SELECT count(*) FROM hookline.mentions") == [(0,)]
    async with live.connect() as reader:
        await reader.execute(text("SELECT count(*) FROM hookline.comments"))
        assert (await run(live, SWAP)).exchanged["mentions"].new > 0


async def test_the_end_is_shown_before_anything_is_asked(live: AsyncEngine) -> None:
    """A bar that still moves would write over the question."""
    await execute(live, "DELETE FROM hookline.mentions")
    shown: list[Progress] = []

    def ask(_: Comparison) -> None:
        assert (shown[-1].left, shown[-1].read) == (0, DELIVERIES)

    await rebuild(live, SWAP, ask, shown.append, lambda _: None)


async def test_a_no_stops_it_and_changes_nothing(live: AsyncEngine) -> None:
    """It is the operator's, as Ctrl-C is, and no failure; what was built is gone on with."""
    await execute(live, "DELETE FROM hookline.mentions")

    def refuse(_: Comparison) -> None:
        raise typer.Abort

    with pytest.raises(typer.Abort):
        await rebuild(live, SWAP, refuse, lambda _: None, lambda _: None)
    assert await rows(live, "SELECT count(*) FROM hookline.mentions") == [(0,)]
    assert await rows(live, "SELECT state FROM hookline.operations") == [("stopped",)]
    assert (await run(live, SWAP)).resumed


async def test_each_run_has_its_row_in_the_audit(live: AsyncEngine) -> None:
    """Who rebuilt what, with the counts."""
    await run(live, VERIFY)
    found_rows = await rows(live, "SELECT verb, state, counts->>'read' FROM hookline.operations")
    assert Counter(found_rows) == Counter([("rebuild", "done", str(DELIVERIES))])


@pytest.mark.parametrize(
    ("statement", "table", "kind", "columns"),
    [
        (
            "UPDATE hookline.comments SET like_count = 77 {one}",
            "comments",
            "different",
            ["like_count"],
        ),
        ("UPDATE hookline.comments SET graph = '{{}}' {one}", "comments", "different", ["graph"]),
        ("UPDATE hookline.mentions SET text = 'x' {one}", "mentions", "different", ["text"]),
        (
            "UPDATE hookline.mentions SET enrichment_status = 'partial' {one}",
            "mentions",
            "different",
            ["enrichment_status"],
        ),
        (
            "UPDATE hookline.media SET media_type = 'VIDEO', caption = NULL {one}",
            "media",
            "different",
            ["media_type", "caption"],
        ),
        ("DELETE FROM hookline.media {one}", "media", "missing", []),
    ],
)
async def test_what_the_graph_told_is_compared_and_put_right(
    live: AsyncEngine, statement: str, table: str, kind: str, columns: list[str]
) -> None:
    """Its columns and its media follow from the reads that are recorded."""
    name = f"hookline.{table}"
    answered = "true" if table == "media" else "enrichment_status = 'done'"
    one = f"WHERE ctid = (SELECT ctid FROM {name} WHERE {answered} LIMIT 1)"
    before = await rows(live, f"SELECT * FROM {name} ORDER BY 1, 2, 3")
    await execute(live, statement.format(one=one))
    report = await run(live, VERIFY)
    assert [(d.table, d.kind, d.columns) for d in found(report).differences] == [
        (table, kind, columns)
    ]
    assert (await run(live, SWAP)).exchanged[table].kept == 0
    assert await rows(live, f"SELECT * FROM {name} ORDER BY 1, 2, 3") == before


async def test_media_that_no_read_tells_gives_way(live: AsyncEngine) -> None:
    """Media are a cache: what is not recorded is removed, kept aside, and read again."""
    await execute(
        live,
        "INSERT INTO hookline.media (media_id, account_id, fetched_at) VALUES ('1', '2', now())",
    )
    report = await run(live, SWAP)
    assert report.exchanged["media"] == Exchanged(removed=1)
    assert await rows(live, f"SELECT media_id FROM {report.before}.media") == [("1",)]


async def some_event(live: AsyncEngine) -> Record:
    """A comment that is there, and that nobody has read."""
    stored = events((await DedupeHandler(live).handle(await fresh_records(live, COMMENT))).results)
    await PersistHandler(live).handle(stored)
    return stored[0]


async def fresh_records(live: AsyncEngine, body: bytes) -> list[Record]:
    """The records of a delivery that has just been archived."""
    records = raw(received(body))
    await ArchiveHandler(live).handle(records)
    return records


async def test_an_answer_on_its_way_is_no_difference(live: AsyncEngine) -> None:
    """Recorded, and its task not ended: it may not be published yet, or for long."""
    event = await some_event(live)
    queue = Queue(live)
    now = datetime.now(UTC)
    decoded = decode_event(event.value or b"")
    await queue.put(new_tasks(decoded, (event.value or b"").decode(), now, now))
    read = read_of(event, WANTED, now, status="done", answer={"text": "a text"})
    key = TaskKey(decoded.account_id or "", *WANTED)
    await queue.record([read], [TaskState(key, now, 1, None, None, now)], [])
    assert found(await run(live, VERIFY)).equal
    await queue.published([read])
    [difference] = found(await run(live, VERIFY)).differences
    assert (difference.table, difference.key["comment_id"]) == ("comments", "17900")
    await merge(live, [read])
    assert found(await run(live, VERIFY)).equal


async def test_answers_after_the_cut_are_left_out(live: AsyncEngine) -> None:
    """A row that was read again since is not compared."""
    event = await some_event(live)
    cut = datetime.now(UTC)
    await record(live, [read_of(event, WANTED, cut, status="done", answer={"text": "a"})])
    assert found(await run(live, replace(VERIFY, until=cut))).equal
    assert not found(await run(live, VERIFY)).equal


async def test_a_row_that_waits_for_a_person_goes_on_waiting(live: AsyncEngine) -> None:
    """No read tells it: it is no difference, and a swap of the row does not lose it."""
    event = await some_event(live)
    now = datetime.now(UTC)
    looked = now - timedelta(minutes=1)
    await record(live, [read_of(event, WANTED, looked, status="pending", reason="ambiguous")])
    await merge(live, [read_of(event, WANTED, now, status="parked", reason="token_expired")])
    assert found(await run(live, VERIFY)).equal
    await execute(live, "UPDATE hookline.comments SET text = 'x' WHERE comment_id = '17900'")
    assert (await run(live, SWAP)).exchanged["comments"].changed == 1
    assert await rows(live, ROW + "'17900'") == [("a text", "parked", "token_expired")]
    # An answer that was recorded later says more.
    await record(live, [read_of(event, WANTED, datetime.now(UTC), status="done", answer={})])
    await run(live, SWAP)
    assert await rows(live, ROW + "'17900'") == [("a text", "done", None)]


async def test_a_lost_row_that_waited_for_a_person_is_told_so_again(live: AsyncEngine) -> None:
    """By the worker, which thinks that it has told it."""
    event = await some_event(live)
    now = datetime.now(UTC)
    decoded = decode_event(event.value or b"")
    await Queue(live).put(new_tasks(decoded, (event.value or b"").decode(), now, now))
    await execute(live, "UPDATE hookline.enrichment_tasks SET parked_told = true")
    told = "SELECT parked_told FROM hookline.enrichment_tasks"
    assert (await run(live, SWAP)).before is None
    assert await rows(live, told) == [(True,)]
    await execute(live, "DELETE FROM hookline.comments WHERE comment_id = '17900'")
    assert (await run(live, SWAP)).exchanged["comments"].new == 1
    assert await rows(live, told) == [(False,)]


async def test_an_answer_whose_record_is_gone_is_told_and_kept(live: AsyncEngine) -> None:
    """What was read on air cannot be read again: a swap does not take it away."""
    before = await rows(live, "SELECT * FROM analytics.comments ORDER BY comment_id, field")
    await execute(live, "DELETE FROM hookline.graph_reads WHERE endpoint <> 'media'")
    report = await run(live, VERIFY)
    answered = await rows(
        live, "SELECT count(*) FROM hookline.comments WHERE enrichment_status = 'done'"
    )
    assert {one.kind for one in found(report).differences} == {"different"}
    report = await run(live, SWAP)
    assert (report.exchanged["comments"].kept,) == answered[0]
    after = await rows(
        live, "SELECT * FROM analytics.comments WHERE enrichment_status = 'done' ORDER BY 2, 3"
    )
    assert [row for row in before if row in after] == after


async def test_one_that_used_a_read_that_is_erased_since_begins_anew(live: AsyncEngine) -> None:
    """As with deliveries: what somebody asked to be erased must not come back."""
    await begin(live, DEFAULT, None)
    await plan(live, DEFAULT)
    await drain(live, DEFAULT)
    await plan_reads(live, DEFAULT)
    await drain(live, DEFAULT)
    assert (await begin(live, DEFAULT, None)).resumed
    await execute(
        live,
        "DELETE FROM hookline.graph_reads "
        "WHERE ctid = (SELECT min(ctid) FROM hookline.graph_reads)",
    )
    assert not (await begin(live, DEFAULT, None)).resumed
