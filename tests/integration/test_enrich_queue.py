"""Reads that wait: put down once, leased by one, finished only when published."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.enrichment.standing import standings
from schemas.enriched import Endpoint, Read, Status
from schemas.events import brought_by
from schemas.tables import accounts, enrichment_tasks, graph_reads, graph_usage
from workers.enrich.queue import Due, Queue, Recorded, TaskState
from workers.enrich.task import NewTask, Task

ACCOUNT = "17841400000000001"
NOW = datetime.now(UTC)
EVER = datetime.min.replace(tzinfo=UTC)
COMMENTS = Due(ACCOUNT, 2)


@pytest.fixture
async def queue(engine: AsyncEngine) -> Queue:
    """A queue of one connected account, with leases of a minute."""
    await connect(engine)
    return Queue(engine, lease_s=60)


async def connect(engine: AsyncEngine, account_id: str = ACCOUNT, **told: Any) -> None:
    """An account that may be asked for."""
    known: dict[str, Any] = {
        "account_id": account_id,
        "app_id": "1",
        "scopes": [],
        "granular_scopes": [],
        "tasks": [],
        "state": "active",
        "parked_endpoints": {},
        "connected_at": NOW,
        "state_changed_at": NOW,
    }
    async with engine.begin() as connection:
        await connection.execute(insert(accounts).values(known | told))


def new_task(object_id: str, endpoint: Endpoint = "comment", **told: Any) -> NewTask:
    """A comment's read that is due."""
    task = NewTask(
        ACCOUNT, endpoint, object_id, f"comments:{ACCOUNT}:17", "comments", "{}", 2, NOW, EVER
    )
    return task._replace(**told)


def recorded(task: Task, status: Status = "done") -> Recorded:
    """An answer to a task's read."""
    told = {**task.key._asdict(), "read_at": NOW, "status": status, "answer": {"id": "\0 é"}}
    return Recorded(task.event, task.event_id, task.field, Read.model_validate(told))


def state(task: Task, **told: Any) -> TaskState:
    """What becomes of a task that was answered now."""
    return TaskState(task.key, NOW, task.attempts + 1, None, None, NOW)._replace(**told)


async def rows(engine: AsyncEngine) -> Sequence[Any]:
    """The tasks there are."""
    async with engine.connect() as connection:
        table = enrichment_tasks
        return (await connection.execute(select(table).order_by(table.c.object_id))).all()


async def lapse(engine: AsyncEngine) -> None:
    """Every lease has run out."""
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE hookline.enrichment_tasks SET leased_until = now() - interval '1 s'")
        )


async def test_one_object_is_one_task(queue: Queue, engine: AsyncEngine) -> None:
    """Whoever asks for it, and however often."""
    assert await queue.put([new_task("1"), new_task("1"), new_task("2")]) == 2
    assert await queue.put([new_task("2"), new_task("3")]) == 1
    assert [row.object_id for row in await rows(engine)] == ["1", "2", "3"]
    assert await queue.put([]) == 0


async def test_whoever_is_in_a_hurry_takes_along_what_waits(
    queue: Queue, engine: AsyncEngine
) -> None:
    """Media that a backfill asked for is as urgent as the live comment that needs it, too."""
    backfill, live = new_task("9", "media", priority=4), new_task("9", "media", priority=0)
    assert await queue.put([backfill, new_task("1")]) == 2
    assert await queue.put([live, backfill, new_task("1", priority=3)]) == 1
    assert await queue.put([backfill]) == 0
    assert [(row.object_id, row.priority) for row in await rows(engine)] == [("1", 2), ("9", 0)]
    assert await queue.due([0]) == [Due(ACCOUNT, 0)]


async def test_what_was_read_is_not_asked_for_again(queue: Queue, engine: AsyncEngine) -> None:
    """But for media that was read too long ago; that they cannot be read is known as long."""
    await queue.put([new_task("1"), new_task("9", "media")])
    taken = await queue.take(COMMENTS, 5)
    read = [recorded(task, "unreadable" if task.object_id == "9" else "done") for task in taken]
    await queue.record(read, [state(task) for task in taken], [])
    await queue.published(read)
    assert await rows(engine) == []
    hour = timedelta(hours=1)
    known = new_task("9", "media", known_since=NOW - hour)
    stale = new_task("9", "media", known_since=NOW + hour)
    assert await queue.put([new_task("1"), known]) == 0
    assert await queue.put([stale]) == 1


async def test_what_meta_sent_takes_the_place_of_what_a_replay_brought(
    queue: Queue, engine: AsyncEngine
) -> None:
    """Never the other way round: only what Meta sent is answered."""
    sent = b'{"event_id":"1","value":{"source":"replay"}}'
    replayed = brought_by("replay", sent)
    for first, second in ((replayed, sent), (sent, replayed), (replayed, replayed)):
        object_id = str(len(await rows(engine)))
        for event in (first, second):
            await queue.put([new_task(object_id, event=event.decode())])
    kept = [row.event.encode() for row in await rows(engine)]
    assert kept == [sent, sent, replayed]


async def test_media_that_a_replay_asked_for_are_told_with_what_meta_sent(
    queue: Queue, engine: AsyncEngine
) -> None:
    """Id, field and event are of one and the same change."""
    replayed = brought_by("replay", b'{"event_id":"1"}').decode()
    live = {"event_id": "live_comments:1:2", "field": "live_comments", "event": '{"event_id":"2"}'}
    await queue.put([new_task("9", "media", event=replayed)])
    await queue.put([new_task("9", "media", **live)])
    [row] = await rows(engine)
    assert {name: getattr(row, name) for name in live} == live


async def test_a_task_has_one_holder(queue: Queue, engine: AsyncEngine) -> None:
    """Replicas that look at once share what there is, and nobody waits for another."""
    await queue.put([new_task(str(number)) for number in range(100)])
    others = [Queue(engine, lease_s=60) for _ in range(4)]
    taken = await asyncio.gather(*(one.take(COMMENTS, 30) for one in others))
    found = [task.object_id for tasks in taken for task in tasks]
    assert len(found) == len(set(found)) >= 30
    assert await queue.due([2]) == ([COMMENTS] if len(found) < 100 else [])
    await queue.take(COMMENTS, 100)
    assert await queue.take(COMMENTS, 100) == []
    await lapse(engine)
    assert len(await queue.take(COMMENTS, 1000)) == 100


async def test_the_urgent_comes_first_and_the_parked_not_at_all(
    queue: Queue, engine: AsyncEngine
) -> None:
    """An account in trouble holds up nobody; one endpoint that is refused, none of the others."""
    live, other = "17841400000000002", "17841400000000003"
    await connect(engine, live, parked_endpoints={"media": "permission_missing"})
    await connect(engine, other, state="parked", state_reason="token_expired")
    later = datetime.now(UTC) + timedelta(hours=1)
    await queue.put(
        [
            new_task("1"),
            new_task("2", due_at=later),
            new_task("3", account_id=live, priority=0),
            new_task("4", "media", account_id=live, priority=1),
            new_task("5", account_id=other),
            new_task("6", account_id="17841400000000004"),
        ]
    )
    assert await queue.due([0, 1, 2, 3, 4]) == [Due(live, 0), COMMENTS]
    assert await queue.due([0]) == [Due(live, 0)]
    assert await queue.take(Due(live, 1), 5) == []
    assert [task.object_id for task in await queue.take(COMMENTS, 5)] == ["1"]
    parked = {task.object_id: reason for task, reason in await queue.parked(10)}
    assert parked == {"4": "permission_missing", "5": "token_expired", "6": "not_connected"}
    await queue.parked_told([task.key for task, _ in await queue.parked(10)])
    assert await queue.parked(10) == []


async def test_an_answer_is_kept_until_it_is_published(queue: Queue, engine: AsyncEngine) -> None:
    """Whoever comes after a replica that was killed publishes it, and reads nothing again."""
    await queue.put([new_task("1")])
    (task,) = await queue.take(COMMENTS, 5)
    await queue.record([recorded(task)], [state(task)], [new_task("9", "media")])
    assert await queue.left_behind(5) == []
    await lapse(engine)
    assert [one.object_id for one in await queue.take(COMMENTS, 5)] == ["9"]
    (found,) = await queue.left_behind(5)
    assert found.read.answer == {"id": "� é"}
    assert found.read.read_at == NOW
    assert await queue.left_behind(5) == []
    await queue.published([found])
    assert [row.object_id for row in await rows(engine)] == ["9"]
    async with engine.connect() as connection:
        assert len((await connection.execute(select(graph_reads))).all()) == 1


async def test_what_is_still_open_waits_for_its_next_turn(
    queue: Queue, engine: AsyncEngine
) -> None:
    """A pending answer is published like any other, and asked for again later."""
    await queue.put([new_task("1"), new_task("2")])
    first, second = await queue.take(COMMENTS, 5)
    later = datetime.now(UTC) + timedelta(minutes=5)
    waits = state(first, due_at=later, reason="ambiguous", first_ambiguous_at=NOW)
    failed = state(second, due_at=later, reason="network", answered_at=None)
    await queue.record([recorded(first, "pending")], [waits, failed], [])
    await queue.published([recorded(first, "pending")])
    for row in await rows(engine):
        assert (row.due_at, row.attempts, row.leased_until, row.answered_at) == (
            later,
            1,
            None,
            None,
        )
    assert await queue.take(COMMENTS, 5) == []
    assert await queue.left_behind(5) == []


async def test_a_block_of_the_app_is_each_accounts(queue: Queue, engine: AsyncEngine) -> None:
    """The later end of the two counts; nobody's but this app's."""
    other = "17841400000000005"
    await connect(engine, other, app_id="2")
    await queue.put([new_task("1"), new_task("2", account_id=other)])
    ends = {("account", ACCOUNT): 1, ("app", ""): 2}
    async with engine.begin() as connection:
        for (pool, account_id), hours in ends.items():
            told = {"app_id": "1", "account_id": account_id, "pool": pool}
            counts = dict.fromkeys(("calls", "calls_before", "unreported", "reserved"), 0)
            blocked = {"blocked_until": NOW + timedelta(hours=hours)}
            await connection.execute(insert(graph_usage).values(told | counts | blocked))
    found = {one.account_id: one.blocked_until for one in await standings(engine)}
    assert found == {ACCOUNT: NOW + timedelta(hours=2), other: None}


async def test_the_standing_of_each_account(queue: Queue, engine: AsyncEngine) -> None:
    """What waits, also for accounts that nobody has connected, and of kinds that are left out."""
    stranger, lacking = "17841400000000004", "17841400000000005"
    await connect(engine, lacking, parked_endpoints={"media": "permission_missing"})
    await queue.put([new_task("4", account_id=lacking), new_task("5", "media", account_id=lacking)])
    await queue.put([new_task("1"), new_task("2"), new_task("3", account_id=stranger)])
    (task,) = await queue.take(COMMENTS, 1)
    await queue.record([recorded(task)], [state(task)], [])
    await queue.published([recorded(task)])
    found = {one.account_id: one for one in await standings(engine)}
    assert (found[ACCOUNT].waiting, found[ACCOUNT].due, found[ACCOUNT].read_last_hour) == (1, 1, 1)
    assert found[ACCOUNT].clears_in == timedelta(hours=1)
    assert (found[stranger].state, found[stranger].waiting) == ("not_connected", 1)
    assert (found[lacking].waiting, found[lacking].left_out) == (2, 1)
