"""Enrichment on a real Kafka and PostgreSQL: what is asked for, how often, and what comes of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from multidict import CIMultiDict
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.answers import Answer, answers_to
from graph.client import Credentials
from graph.errors import GraphUnavailableError
from graph.requests import MAX_BATCH, GraphRequest
from schemas.events import format_time
from simulator.graph.faults import Fault
from simulator.graph.options import ACCOUNT_LIMIT
from tests.integration.broker import Broker, until
from tests.integration.enriching import (
    ACCOUNT,
    MEDIA,
    OTHER,
    Enrichment,
    bodies,
    comments,
    enriching,
    options,
)


@pytest.fixture
async def enrichment(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> AsyncIterator[Enrichment]:
    """Everything but the runners; nobody is connected."""
    async with enriching(engine, database_url, broker) as made:
        yield made


def calls_of_each(enrichment: Enrichment) -> set[int]:
    """How often objects were asked for."""
    return {reads.calls for reads in enrichment.reads.values()}


async def test_what_only_the_graph_tells_comes_into_the_rows(enrichment: Enrichment) -> None:
    """Of every field."""
    await enrichment.connect()
    before = await enrichment.ends()
    await enrichment.store(
        bodies(
            *comments(2),
            *comments(1, first=7, name="live_comments"),
            ("mentions", {"media_id": "1", "comment_id": "2"}),
            ("mentions", {"media_id": "3"}),
            ("story_insights", {"media_id": "4", "reach": 5}),
        )
    )
    ids = [value["id"] for _, value in (*comments(2), *comments(1, first=7))]
    for object_id in (*ids, "2", "3", "4", MEDIA):
        told = {"timestamp": "2026-11-20T10:00:00+0000"}
        words = {"text": f"text of {object_id}", "caption": f"text of {object_id}"}
        page = {"permalink": f"https://instagram.example/{object_id}"}
        enrichment.graph.contents.give(object_id, {**told, **words, **page})
    async with enrichment.replicas():
        await until(enrichment.done)
    assert await enrichment.merged(before) == 7
    assert calls_of_each(enrichment) == {1}
    for row in await enrichment.rows("SELECT * FROM analytics.comments"):
        assert row["enrichment_status"] == "done"
        assert row["text"] == f"text of {row['comment_id']}"
        assert row["from_username"].startswith("user_")
        assert row["permalink"] == f"https://instagram.example/{MEDIA}"
        assert format_time(row["commented_at"]) == "2026-11-20T10:00:00.000000Z"
    mentions = await enrichment.rows("SELECT * FROM analytics.mentions ORDER BY kind DESC")
    assert [row["text"] for row in mentions] == ["text of 2", "text of 3"]
    [story] = await enrichment.rows("SELECT * FROM analytics.stories")
    assert story["permalink"] == "https://instagram.example/4"


async def test_the_album_of_a_comment_is_read_too(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    """Once for all its comments; webhooks name its part alone, which has no page of its own."""
    async with enriching(engine, database_url, broker, options(album_share=1.0)) as enrichment:
        await enrichment.connect()
        before = await enrichment.ends()
        await enrichment.store(bodies(*comments(5)))
        async with enrichment.replicas():
            await until(enrichment.done)
        assert await enrichment.merged(before) == 7
        assert calls_of_each(enrichment) == {1}
        [row] = await enrichment.rows("SELECT DISTINCT album_id, permalink FROM analytics.comments")
    assert set(enrichment.reads) == {MEDIA, row["album_id"]} | {one["id"] for _, one in comments(5)}
    assert row["permalink"].startswith("https://www.instagram.com/p/")


async def test_what_a_webhook_left_out_is_read_too(enrichment: Enrichment) -> None:
    """The media of a comment that did not come with it. Metrics tell of changes, not of reads."""

    def counted(outcome: str) -> float:
        labels = {"stage": "enrich", "field": "comments", "outcome": outcome}
        return REGISTRY.get_sample_value("hookline_changes_total", labels) or 0.0

    done, skipped = counted("done"), counted("skipped")
    await enrichment.connect()
    before = await enrichment.ends()
    await enrichment.store(bodies(("comments", {"id": "17"})))
    await enrichment.store(bodies(("comments", {"id": "17"}), account="0"))
    enrichment.graph.contents.give("17", {"media": {"id": "5", "media_type": "IMAGE"}})
    enrichment.graph.contents.give("5", {"permalink": "https://instagram.example/5"})
    async with enrichment.replicas():
        await until(enrichment.done)
    await enrichment.merged(before)
    [row] = await enrichment.rows("SELECT media_id, permalink FROM analytics.comments")
    assert row == {"media_id": "5", "permalink": "https://instagram.example/5"}
    assert (counted("done") - done, counted("skipped") - skipped) == (1, 1)


async def test_a_comment_on_an_ad_of_a_part_of_an_album_has_a_page(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    """The ad's own: the part has none, and only a comment on the part tells the album."""
    simulated = options(album_share=1.0, unreadable_ad_share=0.0)
    async with enriching(engine, database_url, broker, simulated) as enrichment:
        await enrichment.connect()
        before = await enrichment.ends()
        ad = {"id": "18000000000000099", "ad_id": "12", "media_product_type": "AD"}
        [(name, value)] = comments(1)
        await enrichment.store(
            bodies((name, {**value, "media": {**ad, "original_media_id": MEDIA}}))
        )
        async with enrichment.replicas():
            await until(enrichment.done)
        await enrichment.merged(before)
        [row] = await enrichment.rows("SELECT album_id, permalink FROM analytics.comments")
    assert set(enrichment.reads) == {value["id"], MEDIA}
    assert row["album_id"] is None
    assert row["permalink"].startswith("https://www.instagram.com/p/")


async def test_a_thousand_comments_on_one_media(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    """One read of the media, twenty batches for the comments, within a quiet account's limit.

    The first call goes alone: nobody knows yet how much there is.
    """
    simulated = options(account_limit=ACCOUNT_LIMIT)
    async with enriching(engine, database_url, broker, simulated) as enrichment:
        await enrichment.connect()
        async with enrichment.replicas():
            await enrichment.store(bodies(*comments(1000)))
            await until(enrichment.done)
        assert len(enrichment.reads) == 1001
        assert calls_of_each(enrichment) == {1}
        assert enrichment.graph.statistics.batches <= 20


async def test_live_comments_do_not_wait_behind_a_backlog(enrichment: Enrichment) -> None:
    """Each is asked for before another turn of the others is over, while thousands wait."""
    await enrichment.connect()
    enrichment.fails(Fault(kind="slow", delay_ms=300))
    await enrichment.store(bodies(*comments(8000)))
    between: list[int] = []
    async with enrichment.replicas(2):
        await until(lambda: enrichment.calls > 50)
        for number in range(10):
            [(name, value)] = comments(1, first=50_000 + number, name="live_comments")
            await enrichment.store(bodies((name, value)))
            others = enrichment.calls
            await until(lambda read=value["id"]: read in enrichment.reads)
            between.append(enrichment.reads[value["id"]].calls_before - others)
        assert await enrichment.waiting() > 0
    one_turn = 2 * enrichment.settings.graph_concurrency * MAX_BATCH
    assert max(between) <= 2 * one_turn, between


async def test_a_dead_token_parks_its_account_alone(enrichment: Enrichment) -> None:
    """Its rows say why; connecting it again lets all that waited run."""
    await enrichment.connect()
    await enrichment.connect(OTHER)
    enrichment.graph.end_tokens(0, 463)
    before = await enrichment.ends()
    await enrichment.store(bodies(*comments(3)))
    await enrichment.store(bodies(("mentions", {"media_id": "3"}), account=OTHER))
    async with enrichment.replicas():
        await until(lambda: _told(enrichment, ACCOUNT))
        await until(lambda: _tasks_of(enrichment, OTHER, 0))
        await enrichment.merged(before)
        parked = await enrichment.rows(
            "SELECT DISTINCT enrichment_status, enrichment_reason FROM hookline.comments "
            f"WHERE account_id = '{ACCOUNT}'"
        )
        assert parked == [{"enrichment_status": "parked", "enrichment_reason": "token_expired"}]
        calls = enrichment.calls
        await asyncio.sleep(1.2)
        assert enrichment.calls == calls
        between = await enrichment.ends()
        await enrichment.connect()
        await until(enrichment.done)
    await enrichment.merged(between)
    found = await enrichment.rows("SELECT DISTINCT enrichment_status FROM hookline.comments")
    assert found == [{"enrichment_status": "done"}]


async def test_nobody_connected(enrichment: Enrichment) -> None:
    """Nothing is asked for; the rows tell what they wait for."""
    before = await enrichment.ends()
    await enrichment.store(bodies(*comments(3)))
    async with enrichment.replicas():
        await until(lambda: _told(enrichment, ACCOUNT))
    await enrichment.merged(before)
    found = await enrichment.rows(
        "SELECT DISTINCT enrichment_status, enrichment_reason FROM hookline.comments"
    )
    assert found == [{"enrichment_status": "parked", "enrichment_reason": "not_connected"}]
    assert enrichment.graph.statistics.requests == 0


async def test_a_missing_permission_leaves_out_one_kind_of_read(enrichment: Enrichment) -> None:
    """The others go on."""
    await enrichment.connect()
    enrichment.fails(Fault(kind="error", code=10, endpoint="media"))
    await enrichment.store(bodies(*comments(3)))
    async with enrichment.replicas():
        await until(lambda: _tasks_of(enrichment, ACCOUNT, 1))
        await until(lambda: _told(enrichment, ACCOUNT))
    assert await enrichment.scalar("SELECT endpoint FROM hookline.enrichment_tasks") == "media"
    assert await enrichment.scalar("SELECT parked_endpoints FROM hookline.accounts") == {
        "media": "permission_missing"
    }


async def test_two_kinds_that_are_refused_at_once_are_both_left_out(
    enrichment: Enrichment,
) -> None:
    """In one batch, for the same reason: neither is asked for again."""
    await enrichment.connect()
    await enrichment.store(bodies(("mentions", {"media_id": "3"})))
    async with enrichment.replicas():
        await until(enrichment.done)
        enrichment.fails(Fault(kind="error", code=10))
        await enrichment.store(bodies(*comments(3)))
        await until(lambda: _told(enrichment, ACCOUNT))
    assert calls_of_each(enrichment) == {1}
    assert set(await enrichment.scalar("SELECT parked_endpoints FROM hookline.accounts")) == {
        "comment",
        "media",
    }


async def test_one_odd_object_stops_none_of_its_kind(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> None:
    """A permission that others had in the same call is not missing: it is looked for later."""
    [(_, odd)] = comments(1, first=2)
    async with enriching(engine, database_url, broker, graph_concurrency=1) as enrichment:
        await enrichment.connect()
        await enrichment.store(bodies(("mentions", {"media_id": "3"})))
        async with enrichment.replicas():
            await until(enrichment.done)
            enrichment.fails(Fault(kind="error", code=10, object_id=odd["id"]))
            await enrichment.store(bodies(*comments(4)))
            await until(lambda: _tasks_of(enrichment, ACCOUNT, 1))
            await until(lambda: _later(enrichment))
        assert calls_of_each(enrichment) == {1}
        assert await enrichment.scalar("SELECT parked_endpoints FROM hookline.accounts") == {}
        [task] = await enrichment.rows("SELECT object_id, reason FROM hookline.enrichment_tasks")
        assert task == {"object_id": odd["id"], "reason": "permission_missing"}


async def test_a_wrong_app_secret_loses_nothing(enrichment: Enrichment) -> None:
    """One call in a quarter of an hour finds out whether Meta takes it now; rows stay pending."""
    await enrichment.connect()
    right = enrichment.settings
    wrong = SecretStr(f"{enrichment.graph.options.app_id}:wrong")
    enrichment.settings = right.model_copy(update={"app_secrets": wrong})
    before = await enrichment.ends()
    await enrichment.store(bodies(*comments(30)))
    blocked = "SELECT bool_or(blocked_until > now()) FROM hookline.graph_usage"
    async with enrichment.replicas():
        await until(lambda: enrichment.scalar(blocked))
        await asyncio.sleep(1.2)
    assert enrichment.graph.statistics.requests == 1
    assert await enrichment.scalar("SELECT max(attempts) FROM hookline.enrichment_tasks") == 0
    enrichment.settings = right
    await enrichment.time_passes(timedelta(minutes=15))
    async with enrichment.replicas():
        await until(enrichment.done)
    await enrichment.merged(before)
    found = await enrichment.rows("SELECT DISTINCT enrichment_status FROM hookline.comments")
    assert found == [{"enrichment_status": "done"}]


@pytest.mark.parametrize("in_the_way", ["slow", "refused"])
async def test_batches_are_as_large_as_is_answered(
    enrichment: Enrichment, monkeypatch: pytest.MonkeyPatch, in_the_way: str
) -> None:
    """Where a full one never ends in time, or is refused for what one of it is, all is read."""
    ask = enrichment.client.batch
    sizes: list[int] = []

    async def batch(requests: Sequence[GraphRequest], credentials: Credentials) -> list[Answer]:
        sizes.append(len(requests))
        if len(requests) <= 20:
            return await ask(requests, credentials)
        if in_the_way == "slow":
            raise GraphUnavailableError("graph_timeout", "late", was_sent=True)
        body = b'{"error":{"code":100,"message":"what one of them is"}}'
        return answers_to(requests, 400, CIMultiDict(), body)

    monkeypatch.setattr(enrichment.client, "batch", batch)
    await enrichment.connect()
    before = await enrichment.ends()
    await enrichment.store(bodies(*comments(70)))
    async with enrichment.replicas():
        await until(lambda: _all_read(enrichment))
    await enrichment.merged(before)
    found = await enrichment.rows("SELECT DISTINCT enrichment_status FROM hookline.comments")
    assert found == [{"enrichment_status": "done"}]
    assert max(sizes) == MAX_BATCH


async def test_what_may_be_missing_is_pending_with_the_reason(enrichment: Enrichment) -> None:
    """And asked for again, not given up."""
    await enrichment.connect()
    [(_, value)] = comments(1)
    enrichment.graph.contents.give(value["id"], None)
    before = await enrichment.ends()
    await enrichment.store(bodies(*comments(1)))
    async with enrichment.replicas():
        await until(lambda: _tasks_of(enrichment, ACCOUNT, 1))
        await until(lambda: _later(enrichment))
    await enrichment.merged(before)
    [row] = await enrichment.rows(
        "SELECT enrichment_status, enrichment_reason FROM hookline.comments"
    )
    assert row == {
        "enrichment_status": "pending",
        "enrichment_reason": "not_found_or_no_permission",
    }


async def test_replicas_never_read_the_same_twice(enrichment: Enrichment) -> None:
    """However many there are, and while more comes in."""
    await enrichment.connect()
    async with enrichment.replicas(4):
        for number in range(5):
            await enrichment.store(bodies(*comments(200, first=number * 150)))
        await until(enrichment.done)
    assert calls_of_each(enrichment) == {1}
    assert len(enrichment.reads) == 801


async def _told(enrichment: Enrichment, account_id: str) -> bool:
    """Whether the rows of all of an account's tasks tell that they wait for a person."""
    query = (
        "SELECT coalesce(bool_and(parked_told), false) FROM hookline.enrichment_tasks "
        f"WHERE account_id = '{account_id}'"
    )
    return bool(await enrichment.scalar(query))


async def _tasks_of(enrichment: Enrichment, account_id: str, count: int) -> bool:
    query = f"SELECT count(*) FROM hookline.enrichment_tasks WHERE account_id = '{account_id}'"
    return bool(await enrichment.scalar(query) == count)


async def _all_read(enrichment: Enrichment) -> bool:
    """Whether nothing waits any more; what would wait for its next turn does not."""
    await enrichment.time_passes(timedelta(minutes=1))
    return await enrichment.done()


async def _later(enrichment: Enrichment) -> bool:
    query = "SELECT count(*) FROM hookline.enrichment_tasks WHERE due_at > now() + interval '1 min'"
    return bool(await enrichment.scalar(query))
