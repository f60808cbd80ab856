"""`hookline replay` on a real Kafka and PostgreSQL: what is gone comes back as it was, what is
right stays, exactly what is chosen is touched, and a dry run tells all that and does none of it.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.embedded.stack import EmbeddedStack
from hookline.replay.enrichment import AskedAgain
from hookline.replay.order import Order, OrderError, ReplayError
from hookline.replay.run import Replay, Report
from hookline.replay.throttle import Limits
from hookline.replay.wanted import ids_from_sql
from runtime.database import transaction
from runtime.publisher import OutRecord, Publisher
from runtime.topics import apply_topics
from runtime.worker import Record
from schemas.deliveries import Delivery
from schemas.enriched import decode_enriched
from schemas.events import decode_event, format_time
from schemas.settings import OperatorSettings, TopicsSettings, WorkerSettings
from schemas.topics import (
    DEAD_LETTERS,
    ENRICHED_TOPICS,
    EVENTS_TOPICS,
    RAW_TOPICS,
    consumer_group,
)
from tests.integration.answered import answer
from tests.integration.archived import raw, traffic
from tests.integration.broker import WAIT_S, Broker, looking_at, until
from tests.integration.handled import Handled, consumed, isolated, letter_records
from tests.integration.replica import running
from workers.enrich.wanted import BACKFILL_PRIORITY
from workers.persist.graph import GRAPH_TARGETS
from workers.registry import WORKERS, handler_of

SEED: Final = 41
DELIVERIES: Final = 250
FAST: Final = Limits(rate=1_000_000, max_lag=1_000_000)

ROWS: Final = ("comments", "ad_sightings", "mentions", "story_insights", "other_events")

_hours = count(1)
"""Each test's deliveries were received in an hour of their own: the topics are everybody's."""


@dataclass(frozen=True)
class Window:
    """When the deliveries of a test were received."""

    since: datetime
    until: datetime

    def order(self, stage: str, **changes: Any) -> Order:
        """An order over all of them, unless something else is given."""
        return Order(stage, **{"since": self.since, "until": self.until, **changes})

    @property
    def arguments(self) -> tuple[str, ...]:
        """As options of the command."""
        return ("--since", format_time(self.since), "--until", format_time(self.until))


@dataclass
class Stored:
    """A database in which traffic is stored that stands in the topics too."""

    engine: AsyncEngine
    settings: OperatorSettings
    window: Window
    deliveries: list[Delivery]
    events: list[Record]

    async def replay(self, order: Order, *, dry_run: bool = False) -> Report:
        """Replays in this process."""
        work = Replay(self.engine, self.settings, FAST, lambda _: None)
        return await (work.rehearse(order) if dry_run else work.run(order, lambda _: None))

    async def start(self, *arguments: str) -> Process:
        """Starts `hookline replay`; whatever the groups of other tests have left is not awaited."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hookline", "replay", *arguments),
            *("--max-lag", "1000000"),
            env={
                "PATH": os.environ["PATH"],
                "HOOKLINE_KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap,
                "HOOKLINE_DATABASE_URL": self.settings.database_url.get_secret_value(),
            },
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            # Whoever runs the tests in the background may have told them to ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    async def hookline(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of `hookline replay`."""
        return await ended(await self.start(*arguments))

    async def execute(self, statement: str) -> int:
        """Changes the database; gives how many rows that changed."""
        async with transaction(self.engine) as connection:
            return (await connection.execute(text(statement))).rowcount

    async def number(self, query: str) -> int:
        """The one number that a query gives."""
        async with transaction(self.engine) as connection:
            return int(await connection.scalar(text(query)) or 0)

    async def rows(self, *tables: str) -> dict[str, list[str]]:
        """Every row, whole, but for the verdicts of sightings."""
        found = {}
        async with transaction(self.engine) as connection:
            for table in tables:
                row = "(to_jsonb(t) - 'verdict')::text"
                query = text(f"SELECT {row} FROM hookline.{table} AS t ORDER BY 1")
                found[table] = [one[0] for one in await connection.execute(query)]
        return found

    async def only_half(self) -> None:
        """Takes what persist wrote away, but for what deliveries before some amendment tell."""
        await self.execute(f"TRUNCATE {', '.join(f'hookline.{name}' for name in ROWS)}")
        amended = (
            "SELECT received_at FROM hookline.sightings WHERE verdict = 'amendment' "
            "AND event_id LIKE 'comments:%' ORDER BY 1 OFFSET 3 LIMIT 1"
        )
        async with transaction(self.engine) as connection:
            middle: datetime = await connection.scalar(text(amended))
        await self.replay(self.window.order("persist", origin="archive", until=middle))

    async def everything(self) -> dict[str, list[str]]:
        """All that any stage writes, and the audit of operators."""
        others = ("deliveries", "sightings", "claims", "dead_letters", "operations")
        return await self.rows(*ROWS, *others)


async def ended(process: Process) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    async with asyncio.timeout(WAIT_S * 2):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), " ".join(err.decode().replace("│", " ").split())


@pytest.fixture(scope="module")
async def own_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedStack]:
    """A Kafka and PostgreSQL in whose topics stands what these tests send, and nothing else."""
    async with EmbeddedStack(tmp_path_factory.mktemp("replay"), {}) as started:
        settings = {"kafka_bootstrap": started.kafka_bootstrap, "topic_partitions": 2}
        await apply_topics(TopicsSettings.model_validate(settings))
        yield started


@pytest.fixture
async def broker(own_stack: EmbeddedStack) -> AsyncIterator[Broker]:
    """A look at that Kafka."""
    async with looking_at(own_stack) as found:
        yield found


@pytest.fixture
async def stored(own_stack: EmbeddedStack, database_url: str, engine: AsyncEngine) -> Stored:
    """Simulated traffic of every kind, in the topics and in all tables."""
    settings = OperatorSettings.model_validate(
        {"kafka_bootstrap": own_stack.kafka_bootstrap, "database_url": database_url}
    )
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=next(_hours))
    deliveries = traffic(SEED, DELIVERIES, end)
    events = await store(engine, settings, deliveries)
    window = Window(end - timedelta(milliseconds=10 * DELIVERIES), end)
    return Stored(engine, settings, window, deliveries, events)


async def store(
    engine: AsyncEngine, settings: OperatorSettings, deliveries: Iterable[Delivery]
) -> list[Record]:
    """What the line does, once: into the topics and the tables. Gives the events."""
    line = Handled(engine)
    async with Publisher(settings) as publisher:
        await publisher.learn([*RAW_TOPICS, *EVENTS_TOPICS])
        records = [record for delivery in deliveries for record in raw(delivery)]
        await publish(publisher, records)
        archived = await isolated("archive", line.archive.handle, records)
        split = await isolated("dedupe", line.dedupe.handle, records)
        await publish(publisher, consumed(split.results))
        await isolated("persist", line.persist.handle, consumed(split.results))
    await line.archive.handle(letter_records([*archived.dead, *split.dead]))
    return consumed(split.results)


async def publish(publisher: Publisher, records: Iterable[Record]) -> None:
    """Records into the topics that they name."""
    out = [OutRecord(one.source.topic, one.key, one.value, list(one.headers)) for one in records]
    await asyncio.gather(*(publisher.publish(one) for one in out))


def sums(report: Report) -> dict[str, int]:
    """The counts of all tables together."""
    names = ("new", "changed", "same")
    return {name: sum(one[name] for one in report.tables.values()) for name in names}


def same_counts(one: Report, other: Report) -> None:
    """Both counted alike."""
    assert dict(one.counts) == dict(other.counts)
    assert sums(one).items() <= dict(one.counts).items()
    assert one.counts["written"] == one.counts["new"] + one.counts["changed"]


@pytest.mark.parametrize("origin", ["topic", "archive"])
async def test_rows_that_are_gone_come_back_as_they_were(stored: Stored, origin: str) -> None:
    """Byte for byte, what the Graph told of them included, with as many new as were gone, and those
    changed of which a later content, or the answer, was missing; once more, and all are the same.
    """
    await answer(stored.engine, stored.events, SEED)
    before = await stored.rows(*ROWS)
    assert all(before.values())
    await stored.only_half()
    half = await stored.rows(*ROWS)
    gone = sum(len(before[table]) - len(half[table]) for table in ROWS)
    assert gone > 50
    order = stored.window.order("persist", origin=origin)
    first = await stored.replay(order)
    assert await stored.rows(*ROWS) == before
    assert first.counts["new"] == gone
    assert first.counts["changed"] > 0
    again = await stored.replay(order)
    assert again.counts["new"] == again.counts["changed"] == again.counts["written"] == 0
    assert again.counts["same"] > gone
    assert again.counts["selected"] == first.counts["selected"]
    assert await stored.rows(*ROWS) == before


@pytest.mark.parametrize("origin", ["topic", "archive"])
async def test_dedupe_makes_claims_again_and_publishes(
    stored: Stored, broker: Broker, origin: str
) -> None:
    """Claims and sightings come back, and the events travel again: persist has all rows of them."""
    tables = ("claims", "sightings", *ROWS)
    before = await stored.rows(*tables)
    await stored.execute(f"TRUNCATE {', '.join(f'hookline.{name}' for name in tables)}")
    ends = await broker.ends(EVENTS_TOPICS)
    report = await stored.replay(stored.window.order("dedupe", origin=origin))
    published = await broker.new_records(ends)
    assert len(published) == report.counts["published"] > 0
    assert {decode_event(one.value or b"").source for one in published} == {"replay"}
    assert report.tables["claims"]["new"] == len(before["claims"])
    assert report.tables["sightings"]["new"] == len(before["sightings"])
    assert report.counts["duplicates"] == len(before["sightings"]) - report.counts["published"]
    await Handled(stored.engine).persist.handle(published)
    assert await stored.rows(*tables) == before
    # What dedupe refused when it came is refused again, under the same letter from the topic.
    assert report.counts["failed"] > 0


async def test_the_archive_comes_back_from_the_topics(stored: Stored) -> None:
    """Each delivery once, however many topics it stands in."""
    before = await stored.rows("deliveries")
    gone = await stored.execute("DELETE FROM hookline.deliveries WHERE sha256 < '4'")
    report = await stored.replay(stored.window.order("archive"))
    assert await stored.rows("deliveries") == before
    assert report.counts["new"] == gone > 0
    assert report.counts["new"] + report.counts["same"] >= DELIVERIES
    assert report.counts["selected"] >= DELIVERIES


@pytest.mark.parametrize(
    ("stage", "origin"),
    [
        ("archive", "topic"),
        ("dedupe", "topic"),
        ("dedupe", "archive"),
        ("persist", "topic"),
        ("persist", "archive"),
    ],
)
async def test_a_dry_run_counts_as_the_run_and_changes_nothing(
    stored: Stored, broker: Broker, stage: str, origin: str
) -> None:
    """Rows gone, rows wrong, claims of later deliveries: all tables and topics stay as they are."""
    await answer(stored.engine, stored.events, SEED)
    await stored.only_half()
    await stored.execute("DELETE FROM hookline.sightings WHERE md5(event_id) < '8'")
    if stage != "persist":
        await stored.execute("DELETE FROM hookline.claims WHERE md5(event_id) < '8'")
        await stored.execute(
            "UPDATE hookline.claims SET received_at = received_at + interval '1 day', "
            "position = '9.changes.9' WHERE md5(event_id) > 'd'"
        )
    if stage == "archive":
        await stored.execute("DELETE FROM hookline.deliveries WHERE sha256 < '8'")
    before = await stored.everything()
    ends = await broker.ends([*RAW_TOPICS, *EVENTS_TOPICS, DEAD_LETTERS])
    order = stored.window.order(stage, origin=origin)
    imagined = await stored.replay(order, dry_run=True)
    assert await stored.everything() == before
    assert await broker.ends([*RAW_TOPICS, *EVENTS_TOPICS, DEAD_LETTERS]) == ends
    done = await stored.replay(order)
    same_counts(imagined, done)
    assert done.counts["new"] > 0
    assert done.counts["same"] > 0
    if stage != "archive":
        assert done.counts["changed"] > 0


@pytest.mark.parametrize("origin", ["topic", "archive"])
async def test_recorded_answers_are_published_again(
    stored: Stored, broker: Broker, origin: str
) -> None:
    """What the Graph told comes back into rows and media, and nobody is asked."""
    await answer(stored.engine, stored.events, SEED)
    before = await stored.rows(*ROWS, "media")
    for graph in GRAPH_TARGETS:  # as rows are that nobody has told anything about
        columns = (*graph.columns, "enrichment_reason", "enriched_at")
        await stored.execute(
            f"UPDATE hookline.{graph.target.table.name} SET enrichment_status = 'pending', "
            f"{', '.join(f'{name} = NULL' for name in columns)}"
        )
    await stored.execute("TRUNCATE hookline.media")
    ends = await broker.ends(ENRICHED_TOPICS)
    order = stored.window.order("enrich", origin=origin)
    imagined = await stored.replay(order, dry_run=True)
    assert await broker.ends(ENRICHED_TOPICS) == ends
    done = await stored.replay(order)
    same_counts(imagined, done)
    published = await broker.new_records(ends)
    assert done.counts["published"] == len(published) > 0
    assert {decode_enriched(one.value or b"").event.source for one in published} == {"replay"}
    assert done.counts["written"] == 0
    assert await stored.number("SELECT count(*) FROM hookline.enrichment_tasks") == 0
    await handler_of("persist")(stored.engine).handle(published)
    assert await stored.rows(*ROWS, "media") == before


@pytest.mark.parametrize("origin", ["topic", "archive"])
async def test_a_refresh_asks_again_once_and_after_everything_else(
    stored: Stored, broker: Broker, origin: str
) -> None:
    """For every object though it is answered; not for those that were answered since it began."""
    reads = await answer(stored.engine, stored.events, SEED)
    objects = {(one.read.account_id, one.read.endpoint, one.read.object_id) for one in reads}
    ends = await broker.ends(ENRICHED_TOPICS)
    order = stored.window.order("enrich", origin=origin, enrichment="refresh")
    tasks = "SELECT count(*) FROM hookline.enrichment_tasks"
    imagined = await stored.replay(order, dry_run=True)
    assert await stored.number(tasks) == 0
    done = await stored.replay(order)
    same_counts(imagined, done)
    assert done.counts["new"] == len(objects) == await stored.number(tasks)
    assert await stored.number(f"{tasks} WHERE priority = {BACKFILL_PRIORITY}") == len(objects)
    marked = """event LIKE '%,"source":"replay"}'"""
    assert await stored.number(f"{tasks} WHERE {marked}") == len(objects)
    again = await stored.replay(order)
    assert (again.counts["new"], again.counts["changed"]) == (0, 0)
    assert again.counts["same"] >= len(objects)
    assert await broker.ends(ENRICHED_TOPICS) == ends
    await stored.execute("TRUNCATE hookline.enrichment_tasks")
    began = datetime.now(UTC) - timedelta(hours=1)  # and answered since
    await AskedAgain(stored.engine, began).handle(stored.events)
    assert await stored.number(tasks) == 0


async def test_filters_choose_exactly(stored: Stored) -> None:
    """By account, field, id, SQL, time and number: what is chosen comes back, and nothing else."""
    account = "SELECT account_id FROM hookline.comments ORDER BY 1 LIMIT 1"
    async with transaction(stored.engine) as connection:
        chosen: str = await connection.scalar(text(account))
        ids = "SELECT concat_ws(':', field, account_id, comment_id) FROM hookline.comments"
        (one, two, *_) = (row[0] for row in await connection.execute(text(f"{ids} ORDER BY 1")))
    middle = stored.deliveries[DELIVERIES // 2].received_at
    mine = f"account_id = '{chosen}'"
    named = "concat_ws(':', field, account_id, comment_id)"
    cases: list[tuple[Mapping[str, Any], str]] = [
        ({"account": chosen}, mine),
        ({"field": "live_comments"}, "field = 'live_comments'"),
        ({"ids": frozenset({one, two})}, f"{named} IN ('{one}', '{two}')"),
        ({"since": middle}, f"first_received_at >= '{middle.isoformat()}'"),
        ({"until": middle}, f"first_received_at < '{middle.isoformat()}'"),
        ({"account": chosen, "field": "comments"}, f"{mine} AND field = 'comments'"),
    ]
    # A row of several contents is whole only with all of them.
    await stored.execute(
        "CREATE TABLE public.several AS SELECT account_id, comment_id, field "
        "FROM hookline.comments WHERE contents IS NOT NULL"
    )
    without = (
        "DELETE FROM hookline.comments WHERE (account_id, comment_id, field) IN "
        "(SELECT * FROM public.several)"
    )
    await stored.execute(without)
    await stored.execute("CREATE TABLE public.kept AS SELECT * FROM hookline.comments")
    for origin in ("topic", "archive"):
        for given, condition in cases:
            wanted = await stored.number(f"SELECT count(*) FROM public.kept WHERE {condition}")
            await stored.execute("TRUNCATE hookline.comments")
            await stored.replay(stored.window.order("persist", origin=origin, **given))
            await stored.execute(without)
            assert wanted > 0
            difference = (
                f"SELECT count(*) FROM (SELECT * FROM public.kept WHERE {condition} "
                "EXCEPT SELECT * FROM hookline.comments) AS missing"
            )
            assert await stored.number("SELECT count(*) FROM hookline.comments") == wanted
            assert await stored.number(difference) == 0, (origin, given)


async def test_ids_from_sql_and_max(stored: Stored) -> None:
    """A query chooses; --max ends it; a query that would write is refused, and writes nothing."""
    query = (
        "SELECT concat_ws(':', field, account_id, comment_id) FROM hookline.comments "
        "WHERE contents IS NULL ORDER BY md5(comment_id) LIMIT 7;"
    )
    window = stored.window.arguments
    base = ("--stage", "persist", "--json", *window)
    code, out, err = await stored.hookline(*base, "--ids-from-sql", query, "--dry-run")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert (told["selected"], told["same"], told["new"], told["dry_run"]) == (7, 7, 0, True)
    code, out, err = await stored.hookline(*base, "--max", "11")
    told = json.loads(out)
    assert (code, err, told["selected"]) == (0, "", 11)
    assert isinstance(told["tables"]["comments"]["same"], int)
    arguments = await stored.number(
        "SELECT (arguments ->> 'limit')::int FROM hookline.operations WHERE state = 'done'"
    )
    assert arguments == 11
    code, out, err = await stored.hookline(*base, "--ids-from-sql", "SELECT 1")
    assert (code, out) == (2, "")
    assert "one column, of event ids as text" in err


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("DELETE FROM hookline.comments RETURNING comment_id", "refuses the query"),
        ("WITH gone AS (DELETE FROM hookline.comments RETURNING 1) SELECT 'a'", "refuses"),
        ("SELECT lo_create(0)::text", "may only read"),
        ("SELECT account_id, comment_id FROM hookline.comments", "one column"),
        ("SELECT 'a') AS a; DROP TABLE hookline.comments; --", "refuses the query"),
        ("COMMIT", "refuses the query"),
    ],
)
async def test_a_query_may_only_read(stored: Stored, query: str, told: str) -> None:
    """Whatever it tries, the tables stay as they are."""
    before = await stored.everything()
    with pytest.raises(OrderError, match=told):
        await ids_from_sql(stored.engine, query)
    assert await stored.everything() == before


@dataclass
class Underway:
    """A replay of everything into empty tables that is in the middle of its work."""

    stored: Stored
    process: Process
    operation_id: str
    before: Mapping[str, list[str]]
    expected: Report

    async def require_complete(self, out: str) -> None:
        """The counts that are told are those of one run, and the rows are as they were."""
        told = json.loads(out)
        names = [name for name in self.expected.document() if name in self.expected.counts]
        assert {n: told[n] for n in names} == {n: self.expected.counts[n] for n in names}
        assert told["tables"] == self.expected.tables
        assert await self.stored.rows(*ROWS) == self.before


async def underway(stored: Stored, origin: str) -> Underway:
    """Begins such a replay, slow enough to be met."""
    before = await stored.rows(*ROWS)
    await stored.execute(f"TRUNCATE {', '.join(f'hookline.{name}' for name in ROWS)}")
    expected = await stored.replay(stored.window.order("persist", origin=origin), dry_run=True)
    options = ("--stage", "persist", "--from", origin, *stored.window.arguments, "--json")
    process = await stored.start(*options, "--rate", "15")
    selected = "SELECT coalesce(max((counts ->> 'selected')::int), 0) FROM hookline.operations"
    async with asyncio.timeout(WAIT_S):
        while not await stored.number(selected):
            await asyncio.sleep(0.02)
    assert 0 < await stored.number(selected) < expected.counts["selected"]
    async with transaction(stored.engine) as connection:
        query = "SELECT operation_id::text FROM hookline.operations"
        operation_id = str(await connection.scalar(text(query)))
    return Underway(stored, process, operation_id, before, expected)


@pytest.mark.parametrize(
    ("origin", "number", "state"),
    [
        ("topic", signal.SIGKILL, "running"),
        ("archive", signal.SIGKILL, "running"),
        ("topic", signal.SIGINT, "stopped"),
    ],
)
async def test_one_that_was_killed_goes_on_with_exact_counts(
    stored: Stored, origin: str, number: signal.Signals, state: str
) -> None:
    """SIGKILL, or Ctrl-C, in the middle: both runs add up to one, and the rows are as they were."""
    begun = await underway(stored, origin)
    begun.process.send_signal(number)
    _, _, err = await ended(begun.process)
    assert (f"hookline replay --resume {begun.operation_id}" in err) == (state == "stopped")
    left = f"SELECT count(*) FROM hookline.operations WHERE state = '{state}'"
    assert await stored.number(left) == 1
    resume = ("--resume", begun.operation_id)
    code, out, err = await stored.hookline(*resume, "--json", "--rate", "100000")
    assert (code, err, json.loads(out)["resumed"]) == (0, "", True)
    await begun.require_complete(out)
    code, _, err = await stored.hookline(*resume)
    assert code == 2
    assert "is done" in err


async def test_lost_connections_are_survived_and_nobody_else_goes_on(stored: Stored) -> None:
    """PostgreSQL ends the connections of one that is running: it counts on as if nothing were."""
    begun = await underway(stored, "topic")
    with pytest.raises(ReplayError, match="is running"):
        await Replay(stored.engine, stored.settings, FAST, lambda _: None).resume(
            begun.operation_id
        )
    gone = await stored.number(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name = 'hookline.replay' AND datname = current_database()"
    )
    assert gone > 0
    code, out, err = await ended(begun.process)
    assert (code, err) == (0, "")
    await begun.require_complete(out)


async def test_failures_are_counted_and_become_letters(stored: Stored, broker: Broker) -> None:
    """A constraint refuses some rows: a dry run tells how many, a run makes letters of them, and
    too many stop it; repaired, it goes on where it was.
    """
    await stored.execute("TRUNCATE hookline.mentions")
    await stored.execute(
        "ALTER TABLE hookline.mentions ADD CONSTRAINT no_captions CHECK (kind <> 'caption')"
    )
    order = stored.window.order("persist", field="mentions")
    imagined = await stored.replay(order, dry_run=True)
    ends = await broker.ends([DEAD_LETTERS])
    done = await stored.replay(order)
    same_counts(imagined, done)
    letters = await broker.new_records(ends)
    assert len(letters) == done.counts["failed"] > 0
    assert {dict(one.headers)["reason"] for one in letters} == {b"sqlstate_23514"}
    assert done.counts["new"] == await stored.number("SELECT count(*) FROM hookline.mentions")
    await stored.execute(
        "ALTER TABLE hookline.comments ADD CONSTRAINT none CHECK (false) NOT VALID"
    )
    await stored.execute("CREATE TABLE public.kept AS SELECT * FROM hookline.comments")
    await stored.execute("TRUNCATE hookline.comments, hookline.mentions")
    with pytest.raises(ReplayError, match="dead letters in a row"):
        await stored.replay(stored.window.order("persist"))
    await stored.execute("ALTER TABLE hookline.comments DROP CONSTRAINT none")
    state = "SELECT count(*) FROM hookline.operations WHERE state = 'failed'"
    assert await stored.number(state) == 1


async def test_a_record_that_has_a_letter_gets_no_second_one(
    stored: Stored, broker: Broker
) -> None:
    """From the archive a record has no place in a topic; its delivery tells that it is the same."""
    order = stored.window.order("dedupe", origin="archive", field="other")
    ends = await broker.ends([DEAD_LETTERS])
    known = await stored.replay(order)
    assert known.counts["failed"] > 0
    assert await broker.ends([DEAD_LETTERS]) == ends
    await stored.execute("UPDATE hookline.dead_letters SET state = 'resolved'")
    again = await stored.replay(order)
    assert len(await broker.new_records(ends)) == again.counts["failed"] == known.counts["failed"]


async def test_beside_live_traffic_its_groups_stay(stored: Stored, broker: Broker) -> None:
    """Live workers at work meanwhile: all they are sent is stored, their offsets are theirs alone,
    and no group of the replay's is left.
    """
    await stored.execute("TRUNCATE hookline.comments")
    settings = WorkerSettings.model_validate(
        {
            "kafka_bootstrap": stored.settings.kafka_bootstrap,
            "database_url": stored.settings.database_url,
            "worker_breaker_ratio": 1.0,  # a good part of this traffic is hostile
            "worker_breaker_run": 1000,
        }
    )
    async with asyncio.timeout(WAIT_S * 3), Publisher(settings) as publisher:
        await publisher.learn(list(RAW_TOPICS))
        handlers = [handler_of(name)(stored.engine) for name in WORKERS]
        async with AsyncExitStack() as opened:
            for handler in handlers:
                await opened.enter_async_context(running(handler, settings))
            now = datetime.now(UTC)
            live = traffic(SEED + 1, 200, now)
            halves = (live[:100], live[100:])
            await publish(publisher, [record for one in halves[0] for record in raw(one)])
            replaying = asyncio.create_task(stored.replay(stored.window.order("persist")))
            await publish(publisher, [record for one in halves[1] for record in raw(one)])
            report = await replaying
            since = f"received_at >= '{live[0].received_at.isoformat()}'"
            archived = f"SELECT count(*) FROM hookline.deliveries WHERE {since}"
            waiting = f"SELECT count(*) FROM analytics.outcomes WHERE {since}"

            async def all_done() -> bool:
                if await stored.number(archived) < len(live):
                    return False
                return not await stored.number(f"{waiting} AND outcome = 'in_flight'")

            await until(all_done, WAIT_S * 2)
            assert report.counts["failed"] == 0
            assert report.counts["selected"] > 0

            async def all_committed() -> bool:
                ends = await broker.ends(EVENTS_TOPICS)
                committed = await broker.committed(consumer_group("persist"))
                return all(committed.get(place, 0) == end for place, end in ends.items())

            await until(all_committed)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    groups = {name for name, *_ in await admin.list_consumer_groups()}
    await admin.close()
    assert groups == {consumer_group(name) for name in WORKERS}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name the stage"),
        (("--stage", "persist", "--since", "1h", "--until", "2h"), "is not before"),
        (("--stage", "archive", "--from", "archive"), "leave it out"),
        (("--stage", "persist", "--id", "17900000000000001"), "no event id"),
        (("--stage", "persist", "--id", "comments:1:2", "--field", "mentions"), "none of the ids"),
        (("--stage", "persist", "--field", "likes"), "one of comments"),
        (("--stage", "enrich", "--field", "other"), "asked nothing about other"),
        (("--stage", "persist", "--enrichment", "refresh"), "for --stage enrich"),
        (("--stage", "persist", "--since", "yesterday"), "is no moment"),
        (("--resume", "6a0d7a43-6b25-4d3a-9a3b-2d7c1c5b4a10", "--stage", "persist"), "nothing but"),
        (("--resume", "6a0d7a43-6b25-4d3a-9a3b-2d7c1c5b4a10"), "there is no replay"),
    ],
)
async def test_wrong_usage_is_told(stored: Stored, arguments: tuple[str, ...], told: str) -> None:
    """With code 2 and a sentence, before anything is done."""
    code, out, err = await stored.hookline(*arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert not await stored.number("SELECT count(*) FROM hookline.operations")


async def test_what_retention_took_is_told(
    own_stack: EmbeddedStack, stored: Stored, broker: Broker
) -> None:
    """With the way out; what the topics still hold can be replayed. The last test: it deletes."""
    admin = AIOKafkaAdminClient(bootstrap_servers=own_stack.kafka_bootstrap)
    await admin.start()
    ends = await broker.ends(EVENTS_TOPICS)
    await admin.delete_records(
        {TopicPartition(*place): RecordsToDelete(before_offset=end) for place, end in ends.items()}
    )
    await admin.close()
    order = stored.window.order("persist")
    with pytest.raises(ReplayError, match="--from archive"):
        await stored.replay(order)
    code, _, err = await stored.hookline("--stage", "persist", *stored.window.arguments)
    assert code == 1
    assert "--from archive" in err
    report = await stored.replay(stored.window.order("persist", origin="archive"))
    assert report.counts["same"] > 0
