"""Answers in an operator's hands: said how they ended, ordered, looked at."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.replies.judgement import Word
from hookline.replies.order import plan
from hookline.replies.ordering import NotAnsweredError, look_up, put
from hookline.replies.settling import judged, settle
from hookline.replies.target import target_of_event, target_of_ids
from runtime.database import dispose, new_engine, transaction
from simulator.graph.faults import Fault
from tests.integration.broker import until
from tests.integration.enriching import ACCOUNT, MEDIA
from tests.integration.replying import OTHERS, Replying, comment, mentions, replying
from tests.integration.verb import Ran, verb
from workers.reply.outbox import Outbox
from workers.reply.outcome import Settlement
from workers.reply.reply import Reply

FIRST = f"mentions:{ACCOUNT}:{OTHERS}:17000000000000000"
TEXT = "a text that only its reader may see"


@pytest.fixture
async def line(engine: AsyncEngine, database_url: str) -> AsyncIterator[Replying]:
    """A connected account, and nobody at work."""
    async with replying(engine, database_url) as made:
        yield made


async def begun(line: Replying, lease_s: float = 0.0) -> Reply:
    """An answer that was begun; its sender did not live, as far as anybody knows."""
    reply = await Outbox(line.engine, lease_s).take(ACCOUNT, line.rules)
    assert reply is not None
    return reply


async def say(line: Replying, key: str, word: Word, reply_id: str | None = None) -> str | None:
    """A person says how an answer ended; what it becomes."""
    [case] = await judged(line.engine, [key], word)
    return (await settle(line.engine, case, reply_id)).judgement.becomes


async def order(line: Replying, message: str, event_id: str = FIRST) -> tuple[str, bool]:
    """A person orders an answer."""
    found = await look_up(line.engine, target_of_event(event_id))
    return await put(line.engine, found, plan(found.earlier, message), message)


async def refused(line: Replying, event_id: str) -> str:
    """Why an event is not answered."""
    with pytest.raises(NotAnsweredError) as error:
        await look_up(line.engine, target_of_event(event_id))
    return str(error.value)


async def test_what_a_person_says_and_what_the_sender_says_late(line: Replying) -> None:
    """That it was sent is true whoever says it, and nothing is sent that was; one is told."""
    await line.plan(*mentions(5))
    outbox = Outbox(line.engine)
    sent = Settlement("sent", reply_id="179")
    replies = [await begun(line) for _ in range(5)]
    assert len(await outbox.expire()) == 5
    keys = [reply.reply_key for reply in replies]
    [seen] = await judged(line.engine, keys[:1], Word.NOT_SENT)

    assert await outbox.settle(replies[0], sent)
    refusal = (await settle(line.engine, seen)).judgement.refusal
    assert refusal == "has meanwhile become sent: look again"

    assert await say(line, keys[1], Word.AGAIN) == "planned"
    assert await outbox.settle(replies[1], sent._replace(reply_id="180"))

    assert await say(line, keys[2], Word.SENT) == "sent"
    assert not await outbox.settle(replies[2], Settlement("failed", "not_found"))
    assert await outbox.settle(replies[2], sent._replace(reply_id="181"))
    assert await outbox.settle(replies[2], sent._replace(reply_id="181"))

    assert await say(line, keys[3], Word.SENT, "182") == "sent"
    assert not await outbox.settle(replies[3], sent._replace(reply_id="183"))

    assert await say(line, keys[4], Word.AGAIN) == "planned"
    again = await begun(line, lease_s=60)
    assert (again.reply_key, again.attempts) == (keys[4], 2)
    assert not await outbox.settle(replies[4], sent._replace(reply_id="184"))
    assert await say(line, keys[4], Word.NOT_SENT) is None  # it is being sent
    assert await outbox.settle(again, sent._replace(reply_id="185"))
    rows = {row["reply_key"]: row for row in await line.rows()}
    assert [rows[key]["reply_id"] for key in keys] == ["179", "180", "181", "182", "185"]
    assert all(row["state"] == "sent" and row["sending_at"] for row in rows.values())


async def test_what_is_struck_off_is_never_sent_and_a_block_stays(line: Replying) -> None:
    """Meta's block is the account's, also when the answer that met it is given up."""
    await line.plan(*mentions(2))
    line.fails(Fault(kind="error", code=368))
    async with line.replicas():
        await until(lambda: _has_reason(line, "blocked_for_abuse"))
        line.fails()
        for row in await line.rows():
            assert await say(line, row["reply_key"], Word.NOT_SENT) == "failed"
        await line.plan(*mentions(1, first=2))
        await asyncio.sleep(1)
        assert await line.states() == {"failed": 2, "planned": 1}
        assert not line.graph.writes
        await line.time_passes(timedelta(hours=7))
        await until(lambda: line.all_are("failed", "sent"))
    assert len(line.graph.writes) == 1


async def _has_reason(line: Replying, reason: str) -> bool:
    return any(row["reason"] == reason for row in await line.rows())


async def test_the_same_order_is_one_answer(line: Replying) -> None:
    """By however many, however often; another text is another answer; what failed goes again."""
    await line.plan(*mentions(1))
    ordered = await asyncio.gather(*(order(line, "Hi") for _ in range(4)))
    assert {key for key, _ in ordered} == {f"{FIRST}#manual"}
    assert sum(is_new for _, is_new in ordered) == 1
    assert await order(line, "Ho") == (f"{FIRST}#manual#2", True)
    async with line.replicas():
        await until(lambda: line.all_are("sent"))
    assert await order(line, "Hi") == (f"{FIRST}#manual", False)
    line.fails(Fault(kind="error", code=9009))
    async with line.replicas():
        await order(line, "Hello")
        await until(lambda: line.all_are("sent", "failed"))
        line.fails()
        assert await order(line, "Hello") == (f"{FIRST}#manual#3", True)
        await until(lambda: line.all_are("sent"))
    assert line.answers() == {"17000000000000000": 4}


async def test_what_is_not_answered_by_hand(line: Replying) -> None:
    """What is ours, hidden, gone or live; and for nobody who is not connected."""
    own = {"id": ACCOUNT, "username": "brand", "self_ig_scoped_id": "1"}
    live = {"id": MEDIA, "media_product_type": "LIVE"}
    line.rules.rule = None
    await line.plan(comment(1, **{"from": own}), comment(2, media=live), comment(3))
    ids = [f"comments:{ACCOUNT}:{17_100_000_000_000_000 + number}" for number in range(5)]
    assert "of ours" in await refused(line, ids[1])
    assert "live" in await refused(line, ids[2])
    await line.execute("UPDATE hookline.comments SET hidden = true WHERE text = 'Nice!'")
    assert "hidden" in await refused(line, ids[3])
    assert "not connected" in await refused(line, f"comments:1{ACCOUNT}:1")
    # What is not stored is answered, but for answers of ours.
    unseen = await look_up(line.engine, target_of_ids(ACCOUNT, None, "17100000000000009"))
    assert unseen.answered is None
    await line.plan(comment(4))
    await order(line, "Hi", ids[4])
    async with line.replicas():
        await until(lambda: line.all_are("sent"))
    [sent] = await line.rows()
    assert "of ours" in await refused(line, f"comments:{ACCOUNT}:{sent['reply_id']}")
    await line.execute("UPDATE hookline.accounts SET state = 'parked', state_reason = 'token_dead'")
    assert "parked (token_dead)" in await refused(line, ids[4])


async def test_the_verbs(line: Replying, database_url: str, tmp_path: Path) -> None:
    """From the order to its end; texts are shown to whoever asks for them, and nobody else."""

    async def hookline(*arguments: str, stdin: str = "") -> Ran:
        ran = await verb("replies", *arguments, stdin=stdin, DATABASE_URL=database_url)
        assert TEXT not in ran.err
        return ran

    line.rules.rule = None
    await line.plan(*mentions(1))
    key = f"{FIRST}#manual"
    file = tmp_path / "answer"
    file.write_text(f"{TEXT}\n")
    waiting = await hookline("send", FIRST, "--message-file", str(file), "--yes", "--wait", "0.1")
    assert waiting.code == 1
    assert "No worker `reply`" in waiting.err
    assert f"{key} is planned" in waiting.out

    by_ids = ("--account", ACCOUNT, "--media", OTHERS, "--comment", "17000000000000000")
    worker = new_engine(line.settings, "reply")  # as one is called
    async with line.replicas(), worker.connect():
        repeated = ("send", *by_ids, "--message-file", "-", "--yes", "--json")
        sent = (await hookline(*repeated, stdin=TEXT)).document
    await dispose(worker)
    assert (sent["reply_key"], sent["written"], sent["reply"]["state"]) == (key, 0, "sent")
    assert [one.message for one in line.graph.writes] == [TEXT]

    shown = await hookline("show", key)
    assert TEXT in shown.out
    assert "replies send" in shown.out
    assert "Next: Nothing: it is done." in shown.out
    await line.execute("UPDATE hookline.replies SET state = 'unknown', due_at = NULL")
    told = await hookline("settle", key, "nothing", "--not-sent", "--yes", "--json")
    assert (told.code, told.document["written"], told.document["refused"]) == (1, 1, 1)
    listed = await hookline("list", "--id", FIRST, "--reason", "by_operator", "--json")
    assert [one["reply_key"] for one in listed.document["replies"]] == [key]
    assert listed.document["counts"]["failed"] == 1
    assert TEXT not in listed.out
    assert await _operations(line) == [
        ("replies send", "done", {"written": 1}),
        ("replies settle", "done", {"selected": 2, "written": 1, "refused": 1}),
    ]


async def _operations(line: Replying) -> list[tuple[str, str, dict[str, int]]]:
    query = text("SELECT verb, state, counts FROM hookline.operations ORDER BY started_at")
    async with transaction(line.engine) as connection:
        return [(one.verb, one.state, one.counts) for one in await connection.execute(query)]
