"""`hookline trace` on a real PostgreSQL and Kafka: everything that is known of an event."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.cli.options import json_text
from hookline.replies.order import new_reply
from hookline.replies.target import target_of_event
from hookline.trace.page import show
from hookline.trace.run import trace
from runtime.database import transaction
from runtime.publisher import OutRecord, Publisher
from schemas.deliveries import Delivery
from schemas.settings import OperatorSettings
from schemas.topics import EVENTS_TOPICS, RAW_TOPICS
from tests.integration.broker import Broker
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.handled import APP_ID, SECRET, Handled, raw_records, received
from tests.integration.service import free_port
from tests.integration.test_enrich_queue import connect
from workers.reply.outbox import Outbox

ACCOUNT: Final = "17841400000000001"
TEXT: Final = "a text that only its reader may see"
NAME: Final = "a_name_nobody_may_log"


def comment_body(comment_id: str, **media: str) -> bytes:
    """A delivery of one comment."""
    value = {
        "id": comment_id,
        "text": TEXT,
        "from": {"id": "128", "username": NAME},
        "media": {"id": "1792140001", "media_product_type": "FEED", **media},
    }
    changes = [{"field": "comments", "value": value}]
    entry = {"id": ACCOUNT, "time": 1734638812, "changes": changes}
    return json.dumps({"object": "instagram", "entry": [entry]}).encode()


def mention_and_story(media_id: str) -> bytes:
    """A delivery of two fields, about one media."""
    changes = [
        {"field": "mentions", "value": {"media_id": media_id, "comment_id": "77"}},
        {"field": "story_insights", "value": {"media_id": media_id, "reach": 17}},
    ]
    entry = {"id": ACCOUNT, "time": 1734638812, "changes": changes}
    return json.dumps({"object": "instagram", "entry": [entry]}).encode()


def operator(bootstrap: str, database_url: str, secrets: str | None = None) -> OperatorSettings:
    """Settings of the verb."""
    return OperatorSettings.model_validate(
        {"kafka_bootstrap": bootstrap, "database_url": database_url, "app_secrets": secrets}
    )


SECRETS: Final = f"999:another,{APP_ID}:{SECRET.decode()}"


@pytest.fixture
def settings(broker: Broker, database_url: str) -> OperatorSettings:
    """The verb's settings, with the right secret and a wrong one."""
    return operator(broker.bootstrap, database_url, SECRETS)


class Line:
    """Handlers whose records really stand in Kafka."""

    def __init__(self, engine: AsyncEngine, publisher: Publisher) -> None:
        self._handled = Handled(engine)
        self._publisher = publisher

    async def store(self, *deliveries: Delivery) -> None:
        """Takes deliveries all the way."""
        records = raw_records(deliveries)
        await self._publish(
            OutRecord(one.source.topic, one.key, one.value, list(one.headers)) for one in records
        )
        await self._publish(await self._handled.store(deliveries))

    async def _publish(self, records: Iterable[OutRecord]) -> None:
        await asyncio.gather(*(self._publisher.publish(record) for record in records))


@pytest.fixture
async def line(engine: AsyncEngine, broker: Broker, worker_settings: MakeWorkerSettings) -> Any:
    """A line on the test's database and the session's Kafka."""
    async with Publisher(worker_settings(kafka_bootstrap=broker.bootstrap)) as publisher:
        await publisher.learn([*RAW_TOPICS, *EVENTS_TOPICS])
        yield Line(engine, publisher)


async def look(
    engine: AsyncEngine, settings: OperatorSettings, wanted_id: str, **options: Any
) -> Any:
    """The JSON of a trace, through its text."""
    found = await trace(
        engine, settings, wanted_id, **{"max_events": 20, "show_content": False, **options}
    )
    return json.loads(json_text(found))


async def test_an_event_is_told_from_delivery_to_row(
    engine: AsyncEngine, settings: OperatorSettings, broker: Broker, line: Line
) -> None:
    """Twice told, boosted once: every part of its life is there, in order, and without contents."""
    before = await broker.ends([*RAW_TOPICS, *EVENTS_TOPICS])
    first = received(comment_body("555001"))
    again = received(first.body)
    ad = received(comment_body("555001", ad_id="69", ad_title=f"Sale of {TEXT}"))
    for one in (first, again, ad):
        await line.store(one)
    event_id = f"comments:{ACCOUNT}:555001"

    found = await look(engine, settings, event_id)
    assert found["kafka"] is None
    assert [one["delivery_id"] for one in found["deliveries"]] == [
        first.delivery_id,
        again.delivery_id,
        ad.delivery_id,
    ]
    told = found["deliveries"][0]
    assert told["sha256"] == hashlib.sha256(first.body).hexdigest()
    assert (told["size_bytes"], told["app_id"], told["source"], told["intact"]) == (
        len(first.body),
        APP_ID,
        "webhook",
        True,
    )
    assert told["signature"] == {"standing": "verified", "app_id": APP_ID}
    (event,) = found["events"]
    assert [(one["verdict"], one["outcome"]) for one in event["sightings"]] == [
        ("first", "stored"),
        ("repeat", "repeat"),
        ("amendment", "stored"),
    ]
    assert {one["position"] for one in event["sightings"]} == {"0.changes.0"}
    assert [one["delivery_id"] for one in event["claims"]] == [first.delivery_id, ad.delivery_id]
    assert [row["table"] for row in event["rows"]] == ["comments", "ad_sightings"]
    assert event["rows"][0]["key"] == {
        "account_id": ACCOUNT,
        "comment_id": "555001",
        "field": "comments",
    }
    assert {"text", "from_username", "ad_id"} <= set(event["rows"][0]["columns"])

    written = {
        (record.source.topic, record.source.partition, record.source.offset): dict(record.headers)
        for record in await broker.new_records(before)
    }
    records = [place for one in found["deliveries"] for place in one["records"]]
    records += [claim["record"] for claim in event["claims"]]
    ids = [one["delivery_id"] for one in (*found["deliveries"], *event["claims"])]
    for place, delivery_id in zip(records, ids, strict=True):
        assert place["standing"] == "retained"
        headers = written[place["topic"], place["partition"], place["offset"]]
        assert headers["delivery-id"].decode() == delivery_id


async def test_two_contents_of_one_delivery_stand_at_their_own_offsets(
    engine: AsyncEngine,
    settings: OperatorSettings,
    broker: Broker,
    line: Line,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both records have the same key and the same delivery; the delivery is told once."""
    ends = await broker.ends(EVENTS_TOPICS)
    changes = [
        {"field": "comments", "value": {"id": "555008", "text": words}} for words in ("one", "two")
    ]
    entry = {"id": ACCOUNT, "time": 1734638812, "changes": changes}
    await line.store(received(json.dumps({"object": "instagram", "entry": [entry]}).encode()))
    (event,) = (await look(engine, settings, "555008"))["events"]
    told = {(one["record"]["offset"], one["content_hash"]) for one in event["claims"]}
    written = await broker.new_records(ends)
    assert told == {
        (one.source.offset, json.loads(one.value or b"")["content_hash"]) for one in written
    }
    assert len(told) == 2
    show(await trace(engine, settings, "555008", max_events=1, show_content=False))
    page = capsys.readouterr().out
    assert (page.count(" received "), page.count(" change ")) == (1, 2)


async def test_a_message_is_found_by_its_id(
    engine: AsyncEngine, settings: OperatorSettings, line: Line
) -> None:
    """It is a part of the event's id, and in no column of its own."""
    message = {
        "sender": {"id": "128"},
        "recipient": {"id": ACCOUNT},
        "timestamp": 1734638812000,
        "message": {"mid": "aWdfZAG1f", "text": TEXT},
    }
    entry = {"id": ACCOUNT, "time": 1734638812000, "messaging": [message]}
    await line.store(received(json.dumps({"object": "instagram", "entry": [entry]}).encode()))
    (event,) = (await look(engine, settings, "aWdfZAG1f"))["events"]
    assert event["event_id"] == f"other:{ACCOUNT}:message:aWdfZAG1f:128:1734638812000"
    assert [row["table"] for row in event["rows"]] == ["other_events"]


@pytest.mark.parametrize("wanted", ["event", "comment", "media", "ad media", "delivery"])
async def test_any_of_its_ids_finds_it(
    engine: AsyncEngine, settings: OperatorSettings, line: Line, wanted: str
) -> None:
    """A comment's own id, that of its media, of its delivery, in whatever spelling."""
    delivery = received(comment_body("555002", id="180834", original_media_id="179214"))
    await line.store(received(comment_body("555003")), delivery)
    ids = {
        "event": f"comments:{ACCOUNT}:555002",
        "comment": "555002",
        "media": "179214",
        "ad media": "180834",
        "delivery": delivery.delivery_id.upper(),
    }
    found = await look(engine, settings, ids[wanted])
    assert [event["event_id"] for event in found["events"]] == [f"comments:{ACCOUNT}:555002"]


async def test_a_media_finds_all_its_events_up_to_a_number(
    engine: AsyncEngine, settings: OperatorSettings, line: Line
) -> None:
    """A story, a mention; and the rest is counted."""
    await line.store(received(mention_and_story("180233")))
    found = await look(engine, settings, "180233")
    assert [event["event_id"] for event in found["events"]] == [
        f"mentions:{ACCOUNT}:180233:77",
        f"story_insights:{ACCOUNT}:180233",
    ]
    assert [event["rows"][0]["table"] for event in found["events"]] == [
        "mentions",
        "story_insights",
    ]
    assert len(found["deliveries"][0]["records"]) == 2
    some = await look(engine, settings, "180233", max_events=1)
    assert (len(some["events"]), some["events_found"]) == (1, 2)


async def test_a_delivery_that_nobody_can_read_shows_its_dead_letter(
    engine: AsyncEngine, settings: OperatorSettings, line: Line
) -> None:
    """It has no event, and is found by its own id."""
    delivery = received(b"{nothing that is JSON")
    await line.store(delivery)
    found = await look(engine, settings, delivery.delivery_id)
    assert found["events"] == []
    (letter,) = found["dead_letters"]
    assert (letter["stage"], letter["reason"], letter["state"]) == ("dedupe", "not_json", "parked")
    assert found["deliveries"][0]["records"][0]["standing"] == "retained"


async def test_signatures_are_judged_by_the_secrets_of_now(
    engine: AsyncEngine, settings: OperatorSettings, line: Line
) -> None:
    """Another secret, none, and bytes that were changed in the archive."""
    delivery = received(comment_body("555004"))
    await line.store(delivery)
    url, bootstrap = settings.database_url.get_secret_value(), settings.kafka_bootstrap
    for secrets, standing in (("1001:wrong", "no_secret_matches"), (None, "no_secrets_configured")):
        found = await look(engine, operator(bootstrap, url, secrets), delivery.delivery_id)
        assert found["deliveries"][0]["signature"] == {"standing": standing, "app_id": None}
    async with transaction(engine) as connection:
        await connection.execute(text("UPDATE hookline.deliveries SET body = body || '\\x20'"))
    (damaged,) = (await look(engine, settings, delivery.delivery_id))["deliveries"]
    assert damaged["signature"]["standing"] == "no_secret_matches"
    assert damaged["intact"] is False


async def test_what_is_on_its_way_and_what_is_refused_is_told(
    engine: AsyncEngine, settings: OperatorSettings, line: Line
) -> None:
    """A sighting without a row is in flight; with a letter of persist it is dead."""
    delivery = received(comment_body("555005"))
    await line.store(delivery)
    async with transaction(engine) as connection:
        await connection.execute(text("DELETE FROM hookline.comments"))
    event_id = f"comments:{ACCOUNT}:555005"
    (event,) = (await look(engine, settings, event_id))["events"]
    assert (event["outcomes"], event["rows"]) == ({"in_flight": 1}, [])
    async with transaction(engine) as connection:
        await connection.execute(
            text(
                "INSERT INTO hookline.dead_letters (dead_letter_id, state, stage, reason, detail, "
                "fingerprint, source_topic, source_partition, source_offset, delivery_id, key, "
                "headers, version, first_failed_at, parked_at) VALUES (gen_random_uuid(), "
                "'parked', 'persist', 'sqlstate_22021', 'DataError', 'f', 't', 0, 7, "
                "CAST(:delivery AS uuid), :key, '{}', '1', now(), now())"
            ),
            {"delivery": delivery.delivery_id, "key": event_id.encode()},
        )
    (event,) = (await look(engine, settings, event_id))["events"]
    assert event["outcomes"] == {"dead": 1}
    assert event["dead_letters"][0]["reason"] == "sqlstate_22021"


async def test_what_the_graph_was_asked_and_what_waits_is_told(
    engine: AsyncEngine,
    settings: OperatorSettings,
    line: Line,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each call with its codes and version, each task with what it waits for; no answer."""
    await line.store(received(comment_body("555009")))
    async with transaction(engine) as connection:
        await connection.execute(
            text(
                "INSERT INTO hookline.graph_reads (account_id, endpoint, object_id, read_at, "
                "event_id, field, status, reason, code, subcode, http_status, api_version, answer) "
                "SELECT :account, 'comment', '555009', now() - made.ago, :event, 'comments', "
                "made.status, made.reason, made.code, made.subcode, 200, 'v25.0', "
                "CAST(:answer AS jsonb) FROM (VALUES "
                "(interval '2 min', 'pending', 'not_found_or_no_permission', 100, 33), "
                "(interval '1 min', 'done', NULL, NULL, NULL)"
                ") AS made (ago, status, reason, code, subcode)"
            ),
            {
                "account": ACCOUNT,
                "event": f"comments:{ACCOUNT}:555009",
                "answer": json.dumps({"text": TEXT}),
            },
        )
        await connection.execute(
            text(
                "INSERT INTO hookline.enrichment_tasks (account_id, endpoint, object_id, event_id, "
                "field, event, priority, due_at, attempts, reason, parked_told, created_at) "
                "VALUES (:account, 'media', '1792140001', :event, 'comments', :text, 2, now(), 3, "
                "'network', false, now())"
            ),
            {"account": ACCOUNT, "event": f"comments:{ACCOUNT}:555009", "text": TEXT},
        )
    found = await look(engine, settings, "555009")
    (event,) = found["events"]
    told = [(one["status"], one["reason"], one["code"]) for one in event["graph_calls"]]
    assert told == [("pending", "not_found_or_no_permission", 100), ("done", None, None)]
    assert {one["api_version"] for one in event["graph_calls"]} == {"v25.0"}
    (task,) = event["graph_tasks"]
    assert (task["endpoint"], task["attempts"], task["reason"]) == ("media", 3, "network")
    assert task["parked"] == "not_connected"
    assert TEXT not in json.dumps(found)
    await connect(engine, ACCOUNT)
    (event,) = (await look(engine, settings, "555009"))["events"]
    assert event["graph_tasks"][0]["parked"] is None
    show(await trace(engine, settings, "555009", max_events=1, show_content=False))
    page = " ".join(capsys.readouterr().out.split())
    assert "pending (not_found_or_no_permission), code 100/33, HTTP 200, v25.0" in page
    assert "3 attempts so far, because of network" in page
    assert TEXT not in page


def run_hookline(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """The verb as a user runs it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLINE_")}
    return subprocess.run(
        [sys.executable, "-m", "hookline", *arguments],
        env={**clean, **{f"HOOKLINE_{name}": value for name, value in settings.items()}},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


async def test_the_page_is_for_people_and_keeps_their_words(
    settings: OperatorSettings, line: Line
) -> None:
    """Texts and names only when asked for; JSON is one document; an unknown id ends with 1."""
    delivery = received(comment_body("555006"))
    await line.store(delivery)
    given = {
        "KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "APP_SECRETS": SECRETS,
    }
    page = await asyncio.to_thread(run_hookline, "trace", "555006", **given)
    assert page.returncode == 0, page.stderr
    for words in (delivery.delivery_id, "by the secret of app 1001", "at offset", "stored"):
        assert words in page.stdout
    shown = await asyncio.to_thread(run_hookline, "trace", "555006", "--show-content", **given)
    assert NAME in shown.stdout
    told = await asyncio.to_thread(run_hookline, "trace", "555006", "--json", **given)
    assert json.loads(told.stdout)["events_found"] == 1
    for quiet in (page, told):
        assert TEXT not in quiet.stdout + quiet.stderr
        assert NAME not in quiet.stdout + quiet.stderr
        assert SECRET.decode() not in quiet.stdout + quiet.stderr

    unknown = await asyncio.to_thread(run_hookline, "trace", "no-such-id", **given)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "delivery id" in unknown.stderr


async def test_the_answer_ends_the_story(
    capsys: pytest.CaptureFixture[str],
    engine: AsyncEngine,
    settings: OperatorSettings,
    line: Line,
) -> None:
    """By the event, by the answer's key or by Meta's id of it; its text only when asked for."""
    await line.store(received(comment_body("555008")))
    event_id = f"comments:{ACCOUNT}:555008"
    target = target_of_event(event_id)
    key, _ = await Outbox(engine).order(new_reply(target, None, TEXT, datetime.now(UTC)))
    async with transaction(engine) as connection:
        await connection.execute(
            text("UPDATE hookline.replies SET state = 'sent', reply_id = '179'")
        )
    for wanted in (event_id, key, "179"):
        found = await look(engine, settings, wanted)
        [answer] = found["events"][0]["replies"]
        assert (answer["reply_key"], answer["state"], answer["message"]) == (key, "sent", None)
    shown = await trace(engine, settings, "179", max_events=1, show_content=True)
    assert shown.events[0].replies[0].message == TEXT
    show(shown)
    page = " ".join(capsys.readouterr().out.split())
    assert f"sent, as comment 179: {key}" in page
    assert f"text: {TEXT}" in page


async def test_without_kafka_the_rest_is_told(database_url: str, line: Line) -> None:
    """Exit code 0, and a note."""
    await line.store(received(comment_body("555007")))
    nobody = {"KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}", "DATABASE_URL": database_url}
    page = await asyncio.to_thread(run_hookline, "trace", "555007", **nobody)
    assert page.returncode == 0, page.stderr
    assert "Kafka was not asked" in page.stdout
    assert f"comments:{ACCOUNT}:555007" in page.stdout
    told = await asyncio.to_thread(run_hookline, "trace", "555007", "--json", **nobody)
    assert "cannot be reached" in json.loads(told.stdout)["kafka"]
