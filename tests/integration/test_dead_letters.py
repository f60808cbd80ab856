"""`hookline dead-letters` on a real Kafka and PostgreSQL, with the workers at work: what fails is
parked with its reason, sent again once repaired, refused when it fails for ever, or given up.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.dead_letters.filters import Filters
from hookline.dead_letters.plan import Order
from hookline.dead_letters.redrive import redrive
from hookline.dead_letters.selection import pages
from hookline.embedded.stack import EmbeddedStack
from hookline.operations import recorded
from runtime.database import transaction
from runtime.errors import DependencyError, KafkaUnavailableError
from runtime.publisher import OutRecord, Publisher
from runtime.topics import apply_topics
from runtime.worker import Record
from schemas.deliveries import Delivery
from schemas.settings import TopicsSettings, WorkerSettings
from schemas.topics import EVENTS_TOPICS, RAW_TOPICS
from tests.integration.broker import WAIT_S, Broker, looking_at, until
from tests.integration.handled import raw_records, received
from tests.integration.replica import running
from tests.integration.test_trace import ACCOUNT, TEXT, comment_body
from workers.registry import WORKERS, handler_of

POISON: Final = "ALTER TABLE hookline.comments ADD CONSTRAINT no_poison CHECK (comment_id <> '13')"
REPAIR: Final = "ALTER TABLE hookline.comments DROP CONSTRAINT no_poison"

JUNK: Final = Record(
    next(iter(raw_records([received(b"{}")]))).source, b"a key", f"junk: {TEXT}".encode(), ()
)

Shown = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    out: bytes
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        assert self.code in (0, 1), self.err
        return json.loads(self.out)


@dataclass
class Line:
    """The three workers, one replica each, on a Kafka and a database of the test's own."""

    settings: WorkerSettings
    database_url: str
    engine: AsyncEngine
    broker: Broker
    publisher: Publisher

    async def send(self, records: Iterable[Record]) -> None:
        """Records into the topics that they name."""
        await asyncio.gather(
            *(
                self.publisher.publish(
                    OutRecord(one.source.topic, one.key, one.value, list(one.headers))
                )
                for one in records
            )
        )

    async def deliver(self, *deliveries: Delivery) -> None:
        """Deliveries, as ingest publishes them."""
        await self.send(raw_records(deliveries))

    async def hookline(self, *arguments: str) -> Answer:
        """Runs `hookline dead-letters`."""
        environment = {
            **{name: value for name, value in os.environ.items() if "HOOKLINE" not in name},
            "HOOKLINE_KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap,
            "HOOKLINE_DATABASE_URL": self.database_url,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hookline", "dead-letters", *arguments),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(WAIT_S):
            out, err = await process.communicate()
        return Answer(process.returncode or 0, out, err.decode())

    async def ask(self, *arguments: str) -> Any:
        """The JSON of a command."""
        return (await self.hookline(*arguments, "--json")).document

    async def letters(self, *filters: str) -> list[Shown]:
        """What `list` lists, the oldest letter first."""
        found: list[Shown] = (await self.ask("list", *filters))["dead_letters"]
        return found[::-1]

    async def parked(self, count: int, **wanted: object) -> list[Shown]:
        """The parked letters that are so and so, once there are so many."""

        async def enough() -> bool:
            return len(await self.all(query)) >= count

        given = "".join(f" AND {name} = '{value}'" for name, value in wanted.items())
        query = f"SELECT 1 FROM hookline.dead_letters WHERE state = 'parked'{given}"
        await until(enough)
        letters = await self.letters("--state", "parked")
        found = [one for one in letters if wanted.items() <= one.items()]
        assert len(found) == count
        return found

    async def execute(self, statement: str) -> None:
        """Changes the database."""
        async with transaction(self.engine) as connection:
            await connection.execute(text(statement))

    async def all(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        async with transaction(self.engine) as connection:
            return [tuple(row) for row in await connection.execute(text(query))]

    async def outcomes(self) -> dict[str, int]:
        """How many changes ended how, or have not."""
        query = "SELECT outcome, sum(changes)::int FROM analytics.outcomes GROUP BY 1"
        return dict(await self.all(query))


@pytest.fixture(scope="module")
async def own_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedStack]:
    """A Kafka and PostgreSQL in whose topics stands what these tests send, and nothing else."""
    async with EmbeddedStack(tmp_path_factory.mktemp("letters"), {}) as started:
        settings = {"kafka_bootstrap": started.kafka_bootstrap, "topic_partitions": 2}
        await apply_topics(TopicsSettings.model_validate(settings))
        yield started


@pytest.fixture
async def line(
    own_stack: EmbeddedStack, database_url: str, engine: AsyncEngine
) -> AsyncIterator[Line]:
    """The workers, at work."""
    settings = WorkerSettings.model_validate(
        {"kafka_bootstrap": own_stack.kafka_bootstrap, "database_url": database_url}
    )
    async with AsyncExitStack() as opened:
        broker = await opened.enter_async_context(looking_at(own_stack))
        publisher = await opened.enter_async_context(Publisher(settings))
        await publisher.learn([*RAW_TOPICS, *EVENTS_TOPICS])
        for name in WORKERS:
            await opened.enter_async_context(running(handler_of(name)(engine), settings))
        yield Line(settings, database_url, engine, broker, publisher)


async def test_what_can_never_succeed_is_refused_in_the_end(line: Line) -> None:
    """Junk in a raw topic: two stages give it up, it is sent again once for both, fails again with
    one attempt more, and after three attempts stays where it is.
    """
    await line.send([JUNK])
    first = await line.parked(2, attempts=1)
    assert {one["stage"] for one in first} == {"archive", "dedupe"}
    for one in first:
        assert (one["reason"], one["detail"]) == ("malformed_delivery", "delivery-id")
        assert (one["source_topic"], one["field"]) == (JUNK.source.topic, "other")

    for attempt in (2, 3):
        before = await line.broker.ends([JUNK.source.topic])
        told = await line.ask("redrive", "--stage", "dedupe")
        assert (told["selected"], told["written"], told["redriven"]) == (1, 1, 2)
        await line.parked(2, attempts=attempt)
        (again,) = await line.broker.new_records(before)
        assert (again.key, again.value) == (JUNK.key, JUNK.value)
        assert dict(again.headers)["attempt"] == str(attempt - 1).encode()

    before = await line.broker.ends([JUNK.source.topic])
    answer = await line.hookline("redrive", "--json")
    assert answer.code == 1
    told = answer.document
    assert (told["selected"], told["refused"], told["refused_attempts"]) == (2, 2, 2)
    assert (told["written"], told["redriven"]) == (0, 0)
    assert await line.broker.ends([JUNK.source.topic]) == before
    letters = await line.letters()
    assert [(one["attempts"], one["state"], one["failed_again"]) for one in letters] == [
        *[(1, "redriven", True)] * 2,
        *[(2, "redriven", True)] * 2,
        *[(3, "parked", False)] * 2,
    ]
    assert (
        len(
            {
                (one["first_source"], one["fingerprint"])
                for one in letters
                if one["stage"] == "dedupe"
            }
        )
        == 1
    )

    allowed = await line.ask("redrive", "--max-attempts", "4", "--dry-run")
    assert (allowed["written"], allowed["redriven"], allowed["operation_id"]) == (1, 2, None)

    given_up = await line.ask("discard", "--reason", "malformed_delivery", "--yes")
    assert (given_up["selected"], given_up["discarded"]) == (2, 2)
    assert {one["state"] for one in await line.letters()} == {"discarded"}


async def test_what_was_repaired_is_stored_and_resolved(line: Line) -> None:
    """A row that PostgreSQL refuses is parked alone, with its SQLSTATE; once the constraint is gone
    its letter is redriven and the change is stored, with one outcome all the while.
    """
    await line.execute(POISON)
    await line.deliver(*(received(comment_body(str(number))) for number in range(10, 20)))
    (letter,) = await line.parked(1)
    assert (letter["stage"], letter["reason"]) == ("persist", "sqlstate_23514")
    assert letter["event_id"] == f"comments:{ACCOUNT}:13"
    await until(lambda: _holds(line, {"stored": 9, "dead": 1}))

    told = await line.ask("redrive", "--wait", "20")
    assert (told["written"], told["failed_again"], told["resolved"]) == (1, 1, 0)
    (second,) = await line.parked(1, attempts=2)
    assert await line.outcomes() == {"stored": 9, "dead": 1}
    assert second["first_source"] == letter["first_source"]

    await line.execute(REPAIR)
    answer = await line.hookline("redrive", "--wait", "20", "--json")
    told = answer.document
    assert answer.code == 0, told
    assert (told["written"], told["resolved"], told["failed_again"], told["in_flight"]) == (
        1,
        1,
        0,
        0,
    )
    assert await line.outcomes() == {"stored": 10}
    assert [one["state"] for one in await line.letters()] == ["resolved", "resolved"]
    ((count,),) = await line.all("SELECT count(*) FROM hookline.comments WHERE comment_id = '13'")
    assert count == 1


async def _holds(line: Line, outcomes: dict[str, int]) -> bool:
    return await line.outcomes() == outcomes


async def test_a_delivery_that_dedupe_could_not_claim_is_resolved_when_stored(line: Line) -> None:
    """The letter of a whole delivery ends when each of its changes has."""
    await line.execute("ALTER TABLE hookline.claims ADD CONSTRAINT shut CHECK (false) NOT VALID")
    await line.deliver(received(comment_body("21")), received(comment_body("22")))
    parked = await line.parked(2, stage="dedupe", reason="sqlstate_23514")
    assert {one["field"] for one in parked} == {"comments"}
    await until(lambda: _holds(line, {"dead": 2}))
    await line.execute("ALTER TABLE hookline.claims DROP CONSTRAINT shut")
    told = await line.ask("redrive", "--stage", "dedupe", "--max", "1", "--wait", "20")
    assert (told["selected"], told["written"], told["resolved"]) == (1, 1, 1)
    assert await line.outcomes() == {"dead": 1, "stored": 1}
    told = await line.ask("redrive", "--account", ACCOUNT, "--wait", "20")
    assert (told["selected"], told["resolved"]) == (1, 1)
    assert await line.outcomes() == {"stored": 2}


async def test_a_redrive_that_dies_before_it_says_so_is_repeated_without_harm(line: Line) -> None:
    """Kafka took the record, and nobody heard of it: the letter stays parked, the record is sent
    twice, and there is one row and one outcome.
    """
    await line.execute(POISON)
    await line.deliver(received(comment_body("13")))
    (letter,) = await line.parked(1)
    await line.execute(REPAIR)
    before = await line.broker.ends([letter["source_topic"]])

    order = Order(Filters(states=("parked",)), max_attempts=3)
    async with Deaf(line.settings) as publisher:
        await publisher.learn(list(EVENTS_TOPICS))
        with pytest.raises(DependencyError, match="did not take 1 record"):
            async with recorded(line.engine, "dead-letters redrive", {}) as operation:
                await redrive(line.engine, publisher, order, operation, _nothing)
    still = await line.all("SELECT dead_letter_id, state FROM hookline.dead_letters")
    assert [(str(id_), state) for id_, state in still] == [(letter["dead_letter_id"], "parked")]

    told = await line.ask("redrive", "--wait", "20")
    assert (told["written"], told["resolved"]) == (1, 1)
    assert len(await line.broker.new_records(before)) == 2
    assert await line.outcomes() == {"stored": 1}
    states = await line.all("SELECT state FROM hookline.operations ORDER BY started_at")
    assert states == [("failed",), ("done",)]


async def test_two_redrives_at_once_account_for_every_letter(line: Line) -> None:
    """What the other one has in hand is left to it, and counted."""
    await line.execute(POISON)
    await line.deliver(received(comment_body("13")))
    (letter,) = await line.parked(1)
    async with transaction(line.engine) as connection:
        await connection.execute(text("SELECT 1 FROM hookline.dead_letters FOR UPDATE"))
        answer = await line.hookline("redrive", "--json")
    told = answer.document
    assert (answer.code, told["selected"], told["written"]) == (1, 1, 0)
    assert (told["refused"], told["refused_busy"]) == (1, 1)
    assert (await line.ask("redrive", "--id", letter["dead_letter_id"]))["written"] == 1


async def test_what_was_healed_otherwise_is_resolved(line: Line) -> None:
    """The record of a parked letter is replayed, by somebody who does not look at letters."""
    before = await line.broker.ends(EVENTS_TOPICS)
    await line.execute(POISON)
    await line.deliver(received(comment_body("13")))
    await line.parked(1)
    await line.execute(REPAIR)
    await handler_of("persist")(line.engine).handle(await line.broker.new_records(before))
    assert [one["state"] for one in await line.letters()] == ["resolved"]
    assert await line.outcomes() == {"stored": 1}


class Deaf(Publisher):
    """Publishes, and takes every ack for a failure."""

    def publish(self, record: OutRecord) -> asyncio.Future[None]:
        """A future that fails once Kafka has the record."""
        acked = super().publish(record)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        acked.add_done_callback(lambda _: failed.set_exception(KafkaUnavailableError("deaf")))
        return failed


def _nothing(_: int) -> None:
    """No bar."""


async def test_letters_are_told_without_what_they_hold(line: Line) -> None:
    """`list`, `stats` and `show` explain; the value comes with `--value` alone, byte for byte."""
    body = b"{ no json: " + TEXT.encode() + b"\xff"
    await line.deliver(received(body))
    await line.send([JUNK])
    await line.parked(3)
    (letter,) = await line.letters("--reason", "not_json")
    assert letter["stage"] == "dedupe"
    assert letter["size_bytes"] == len(body)

    stats = await line.ask("stats")
    assert (stats["letters"], stats["parked"], stats["resolved"]) == (3, 3, 0)
    assert [(one["reason"], one["letters"]) for one in stats["causes"]] == [
        ("malformed_delivery", 1),
        ("malformed_delivery", 1),
        ("not_json", 1),
    ]
    whole = await line.ask("show", letter["dead_letter_id"])
    assert whole["headers"]["original-delivery-id"] == letter["delivery_id"]
    assert whole["headers"]["reason"] == "not_json"
    assert whole["means"]
    assert whole["repair"]
    for arguments in (
        ("list",),
        ("stats",),
        ("show", letter["dead_letter_id"]),
        ("redrive", "--dry-run"),
    ):
        answer = await line.hookline(*arguments)
        assert answer.code == 0, answer.err
        assert TEXT.encode() not in answer.out
        assert TEXT not in answer.err
    assert TEXT not in json.dumps([letter, stats, whole])
    answer = await line.hookline("show", letter["dead_letter_id"], "--value")
    assert answer.out == body
    assert "texts and names of people" in answer.err
    assert (await line.hookline("show", ACCOUNT)).code == 2
    assert (await line.hookline("show", "00000000-0000-7000-8000-000000000000")).code == 1


async def test_filters_choose(line: Line) -> None:
    """Each alone, and `--max`."""
    await line.execute(POISON)
    await line.deliver(received(comment_body("13")), received(b"no json"))
    await line.send([JUNK])
    everything = await line.parked(4)
    event = next(one for one in everything if one["stage"] == "persist")
    at = datetime.fromisoformat(event["parked_at"])
    parked_together = [one for one in everything if one["parked_at"] == event["parked_at"]]
    chosen: list[tuple[dict[str, Any], int]] = [
        ({}, 4),
        ({"ids": (event["dead_letter_id"],)}, 1),
        ({"stage": "dedupe"}, 2),
        ({"reason": "sqlstate_23514"}, 1),
        ({"fingerprint": event["fingerprint"]}, 1),
        ({"field": "comments"}, 1),
        ({"field": "other"}, 3),
        ({"account": ACCOUNT}, 1),
        ({"account": "1"}, 0),
        ({"since": at - timedelta(hours=1)}, 4),
        ({"until": at - timedelta(hours=1)}, 0),
        ({"since": at, "until": at}, 0),
        ({"since": at, "until": at + timedelta(microseconds=1)}, len(parked_together)),
        ({"states": ("redriven",)}, 0),
        ({"states": ("redriven", "parked")}, 4),
    ]
    for given, number in chosen:
        found = [one async for page in pages(line.engine, Filters(**given)) for one in page]
        assert len(found) == number, given
    answer = await line.ask("list", "--max", "2")
    assert (len(answer["dead_letters"]), answer["more"]) == (2, True)
    one_hour = ("--since", "1h", "--stage", "persist", "--account", ACCOUNT, "--field", "comments")
    told = await line.ask("redrive", *one_hour, "--dry-run")
    assert (told["selected"], told["written"]) == (1, 1)
    told = await line.ask("discard", *one_hour, "--dry-run")
    assert (told["selected"], told["discarded"]) == (1, 0)
    assert {one["state"] for one in await line.letters()} == {"parked"}


async def test_discarding_is_confirmed_and_kept_account_of(line: Line) -> None:
    """Nobody can answer here, so `--yes` is needed; the reason stands in the audit."""
    await line.deliver(received(b"no json"))
    (letter,) = await line.parked(1)
    answer = await line.hookline("discard", "--reason", "not_json")
    assert answer.code == 2
    assert "--yes" in answer.err
    told = await line.ask("discard", "--reason-text", "a test of ours", "--yes")
    assert (told["selected"], told["discarded"]) == (1, 1)
    rows = await line.all("SELECT verb, arguments, state, counts FROM hookline.operations")
    ((verb, arguments, state, counts),) = rows
    assert (verb, state, counts) == (
        "dead-letters discard",
        "done",
        {"selected": 1, "discarded": 1},
    )
    assert arguments["reason_text"] == "a test of ours"
    whole = await line.ask("show", letter["dead_letter_id"])
    assert (whole["state"], whole["operation_id"]) == ("discarded", told["operation_id"])
    assert whole["operation"]["arguments"]["reason_text"] == "a test of ours"
    assert (await line.hookline("redrive", "--state", "resolved")).code == 2


async def test_records_of_unknown_topics_are_refused(line: Line) -> None:
    """Whoever wrote such a letter: its record goes nowhere."""
    await line.deliver(received(b"no json"))
    await line.parked(1)
    await line.execute("UPDATE hookline.dead_letters SET source_topic = 'elsewhere'")
    answer = await line.hookline("redrive", "--json")
    assert answer.code == 1
    assert (answer.document["refused_source"], answer.document["written"]) == (1, 0)


async def test_a_stage_goes_on_when_told(line: Line) -> None:
    """The breaker's row is closed, and the command is in the audit."""
    answer = await line.hookline("resume", "--stage", "dedupe", "--json")
    assert (answer.code, answer.document["closed"]) == (1, 0)
    await line.execute(
        "INSERT INTO hookline.breakers (stage, opened_at, reason) "
        "VALUES ('dedupe', now(), '50 dead letters in a row')"
    )
    (told,) = (await line.ask("stats"))["breakers"]
    assert (told["stage"], told["reason"]) == ("dedupe", "50 dead letters in a row")
    assert "resume --stage dedupe" in (await line.hookline("stats")).out.decode()
    assert (await line.ask("resume", "--stage", "dedupe", "--dry-run"))["closed"] == 0
    assert (await line.ask("resume", "--stage", "dedupe"))["closed"] == 1
    assert await line.all("SELECT closed_at IS NULL FROM hookline.breakers") == [(False,)]
    rows = await line.all("SELECT verb, arguments, state FROM hookline.operations")
    assert rows == [("dead-letters resume", {"stage": "dedupe"}, "done")]
    assert (await line.hookline("resume", "--stage", "nobody")).code == 2
