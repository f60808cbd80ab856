"""Answers are sent once, or it is told that nobody knows."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.client import Client
from simulator.graph.faults import Fault
from tests.integration.broker import until
from tests.integration.enriching import ACCOUNT, MEDIA, OTHER
from tests.integration.handled import received
from tests.integration.replying import (
    Replying,
    anonymous,
    comment,
    mentions,
    replayed,
    replying,
    unreadable,
)
from workers.reply.deciding import Hold
from workers.reply.lookup import Candidate
from workers.reply.outbox import Outbox
from workers.reply.outcome import Settlement

OURS = Candidate("179", is_signed=True)


@pytest.fixture
async def line(engine: AsyncEngine, database_url: str) -> AsyncIterator[Replying]:
    """A connected account, and nobody at work."""
    async with replying(engine, database_url) as made:
        yield made


async def test_mentions_and_comments_are_answered(line: Replying) -> None:
    """Each in its own way, with Meta's id kept."""
    caption = ("mentions", {"media_id": "18099999999990009"})
    await line.plan(*mentions(2), caption, comment(1))
    async with line.replicas():
        await until(lambda: line.all_are("sent"))
    rows = await line.rows()
    assert Counter(row["kind"] for row in rows) == {
        "comment_mention": 2,
        "caption_mention": 1,
        "comment": 1,
    }
    assert {row["reply_id"] for row in rows} == {one.id for one in line.graph.writes}
    assert set(line.answers().values()) == {1}
    told = {one.target: one.message for one in line.graph.writes}
    assert told["17100000000000001"] == "Thank you, person_1!"
    assert all(row["attempts"] == 1 for row in rows)


async def test_what_comes_again_is_not_answered_again(line: Replying) -> None:
    """The same records, with other rules too; three replicas of everything."""
    records = await line.plan(*mentions(30))
    async with line.replicas(3):
        # Also of another author, as Meta has told it this time.
        await line.handle([*records, anonymous(records[0], "Look, brand")])
        line.rules.rule = "another"
        await asyncio.gather(*(line.handle(records) for _ in range(3)))
        line.rules.rule = "thanks"
        await until(lambda: line.all_are("sent"))
        await line.handle(records)
        await line.time_passes(timedelta(days=2))
    assert await line.states() == {"sent": 30}
    assert set(line.answers().values()) == {1}


@pytest.mark.parametrize("source", ["replay", "reconciler"])
async def test_only_what_the_webhook_brings_is_answered(line: Replying, source: str) -> None:
    """Replayed and reconciled events are, when somebody says so."""
    records = await line.enriched(*mentions(2), comment(1), source=source)
    await line.handle(records)
    assert await line.rows() == []
    line.handler.to_replayed = True
    await line.handle(records)
    assert await line.states() == {"planned": 3}


async def test_a_replay_of_what_was_answered_answers_nothing(line: Replying) -> None:
    """Also when replayed events are answered."""
    records = await line.plan(*mentions(3), comment(1))
    async with line.replicas(2):
        await until(lambda: line.all_are("sent"))
        line.handler.to_replayed = True
        for _ in range(2):
            await line.handle([replayed(record) for record in records])
    assert await line.states() == {"sent": 4}
    assert set(line.answers().values()) == {1}


async def test_nobody_answers_himself(line: Replying) -> None:
    """Our own comments, those of other accounts of ours, and what our answers come back as."""
    await line.connect(OTHER)
    brand, other = (line.graph.directory.accounts[one].username for one in (ACCOUNT, OTHER))
    own = {"id": ACCOUNT, "username": brand, "self_ig_scoped_id": "1"}
    scoped = {"id": "77", "username": "somebody", "self_ig_scoped_id": "77"}
    await line.plan(
        comment(1, **{"from": own}),
        comment(2, **{"from": scoped}),
        comment(3, **{"from": {"id": OTHER, "username": "?"}}),
        comment(4, **{"from": {"id": "88", "username": other.upper()}}),
    )
    assert await line.rows() == []
    await line.plan(comment(5))
    async with line.replicas():
        await until(lambda: line.all_are("sent"))
    [delivery] = line.graph.deliveries
    events = await line.line.store([received(delivery.body)])
    await line.handle([await line.record(events[0].value or b"", 0)])
    [row] = await line.rows()
    # Its author may never be told: it is known by its id.
    anonymous = await line.enriched(comment(0, id=row["reply_id"], **{"from": None}), hidden=None)
    await line.handle(anonymous)
    assert len(await line.rows()) == 1


async def test_an_answer_that_comes_back_before_its_id_is_known(line: Replying) -> None:
    """As a mention whose author is not told: it is known by what it says."""
    line.rules.message = "Thank you!"
    await line.plan(*mentions(1))
    line.fails(Fault(kind="drop_after"))
    async with line.replicas():
        await until(lambda: _is(line, unknown=1))
    line.fails()
    [back] = await line.enriched(*mentions(1, first=70))
    await line.handle([anonymous(back, "Thank you!")])
    assert await line.states() == {"unknown": 1}
    await line.handle([anonymous(back, "And what about me?")])
    assert await line.states() == {"unknown": 1, "planned": 1}


async def test_what_was_decided_is_counted(line: Replying) -> None:
    """Whatever is not in the outbox was decided against, or cannot be read."""
    before = {what: _decided(what) for what in ("answer", "no_answer", "never", "unreadable")}
    await line.plan(*mentions(2), comment(1))
    line.rules.rule = None
    await line.plan(*mentions(1, first=5), comment(2))
    [lost] = await line.enriched(*mentions(1, first=6))
    await line.handle([unreadable(lost), replayed(lost)])
    after = {what: _decided(what) - count for what, count in before.items()}
    assert after == {"answer": 2, "no_answer": 1, "never": 1, "unreadable": 1}


async def test_what_meta_refuses_or_invents_is_not_answered(line: Replying) -> None:
    """Dashboard tests, live comments, hidden ones, and ids that are none."""
    await line.plan(*mentions(2), comment(1), account="0")
    live = {"id": MEDIA, "media_product_type": "LIVE"}
    records = await line.enriched(comment(2, media=live), comment(3, id="no/id"))
    line.graph.contents.give("17100000000000004", {"hidden": True})
    hidden = await line.enriched(comment(4), hidden=True)
    await line.handle([*records, *hidden])
    assert await line.rows() == []


async def test_a_dry_run_sends_nothing(line: Replying) -> None:
    """The answers are there to be looked at; also when the rule sends later."""
    line.rules.dry_run = True
    await line.plan(*mentions(3))
    line.rules.dry_run = False
    await line.plan(comment(1))
    async with line.replicas():
        await until(lambda: _is(line, sent=1, planned=3))
        await asyncio.sleep(1)
    assert len(line.graph.writes) == 1


async def test_what_a_rule_planned_waits_while_the_rule_is_away(line: Replying) -> None:
    """Whoever takes it out of the file stops it, and may put it back."""
    await line.plan(*mentions(3))
    line.rules.stopped = True
    async with line.replicas():
        await asyncio.sleep(1)
        assert await line.states() == {"planned": 3}
        line.rules.stopped = False
        await until(lambda: line.all_are("sent"))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind="drop_after"), "graph_disconnected"),
        (Fault(kind="drop_before"), "graph_disconnected"),
        (Fault(kind="slow_after", delay_ms=3000), "graph_timeout"),
        (Fault(kind="status_after", status=502), "graph_server_error"),
        (Fault(kind="status", status=503), "graph_server_error"),
        (Fault(kind="garbage"), "graph_unreadable"),
        (Fault(kind="error_after", code=20, subcode=1772107), "done_without_answer"),
        (Fault(kind="error_after", code=506), "duplicate_post"),
        (Fault(kind="error_after", code=2), "graph_transient"),
        (Fault(kind="error", code=1), "graph_unknown_error"),
    ],
)
async def test_what_nobody_knows_is_unknown(line: Replying, fault: Fault, reason: str) -> None:
    """And never sent again by itself. Answers to comments are looked for, and found or not."""
    await line.plan(*mentions(1), comment(1))
    line.fails(fault)
    async with line.replicas():
        await until(lambda: _is(line, unknown=2))
        assert {row["reason"] for row in await line.rows()} <= {reason, "graph_unknown_error"}
        line.fails()
        written = line.answers()
        for _ in range(3):
            await line.time_passes(timedelta(minutes=40))
            await asyncio.sleep(0.3)
        await until(lambda: _is_settled(line, "comment"))
    mention, own = sorted(await line.rows(), key=lambda row: str(row["kind"]), reverse=True)
    assert (mention["kind"], mention["state"]) == ("comment_mention", "unknown")
    assert line.answers() == written
    if written["17100000000000001"]:
        assert own["state"] == "sent"
        assert own["reply_id"] in {one.id for one in line.graph.writes}
    else:
        assert (own["state"], own["reason"]) == ("failed", "not_done")


async def test_what_cannot_be_looked_for_waits_for_a_person(line: Replying) -> None:
    """The comment is gone, and with it everything that would tell."""
    await line.plan(comment(1))
    line.fails(Fault(kind="drop_after"))
    async with line.replicas():
        await until(lambda: _is(line, unknown=1))
        line.fails()
        line.graph.contents.give("17100000000000001", None)
        for _ in range(3):
            await line.time_passes(timedelta(minutes=40))
            await asyncio.sleep(0.3)
        await until(lambda: _is_looked(line))
    [row] = await line.rows()
    assert (row["state"], row["reason"]) == ("unknown", "not_found_or_no_permission")
    assert row["due_at"] is None


async def test_two_answers_alike_below_one_comment_are_told_apart(line: Replying) -> None:
    """One was done and one was not: what the one is known by is not taken for the other."""
    line.rules.message = "Thanks!"
    await line.plan(comment(1))
    async with line.replicas():
        await until(lambda: line.all_are("sent"))
    reply = comment(2, parent_id="17100000000000001")
    await line.plan(reply)
    line.fails(Fault(kind="drop_before"))
    async with line.replicas():
        await until(lambda: _is(line, sent=1, unknown=1))
        line.fails()
        for _ in range(3):
            await line.time_passes(timedelta(minutes=40))
            await asyncio.sleep(0.3)
        await until(lambda: line.all_are("sent", "failed"))
    assert await line.states() == {"sent": 1, "failed": 1}


async def test_what_was_found_may_be_another_one_that_is_being_sent(line: Replying) -> None:
    """The same text below the same comment: it is looked for again, once that has its id."""
    line.rules.message = "Thanks!"
    await line.plan(comment(1), comment(2, parent_id="17100000000000001"))
    outbox = Outbox(line.engine)
    lost, other = [await outbox.take(ACCOUNT, line.rules) for _ in range(2)]
    assert lost is not None
    assert other is not None
    await outbox.settle(lost, Settlement("unknown", "graph_timeout", due_at=lost.sending_at))
    assert await outbox.found(lost, [OURS], lost.sending_at) is None
    await outbox.settle(other, Settlement("sent", reply_id="179"))
    later = lost.sending_at + timedelta(hours=2)
    assert await outbox.found(lost, [OURS], later) == Settlement("failed", "not_done")


async def test_fewer_than_are_looked_for_are_not_told_apart(line: Replying) -> None:
    """One of two answers alike is there: which of them, only a person can say."""
    line.rules.message = "Thanks!"
    await line.plan(comment(1), comment(2, parent_id="17100000000000001"))
    outbox = Outbox(line.engine)
    begun = [await outbox.take(ACCOUNT, line.rules) for _ in range(2)]
    one, other = (reply for reply in begun if reply is not None)
    for reply in (one, other):
        await outbox.settle(reply, Settlement("unknown", "graph_timeout", due_at=one.sending_at))
    later = one.sending_at + timedelta(hours=2)
    assert await outbox.found(one, [OURS], later) == Settlement("unknown", "not_told_apart")
    both = [OURS, OURS._replace(reply_id="180")]
    assert await outbox.found(one, both, later) == Settlement("sent", reply_id="179")
    assert await outbox.found(other, both, later) == Settlement("sent", reply_id="180")


async def test_whoever_was_stopped_before_sending_does_not_send(
    line: Replying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a machine that slept: others may have acted meanwhile. It is begun anew."""
    await line.plan(*mentions(1))
    with monkeypatch.context() as slow:
        slow.setattr("workers.reply.sender.HESITATION_S", -1.0)
        async with line.replicas():
            await until(lambda: _reason(line, "sender_slept"))
        assert not line.graph.writes
    async with line.replicas():
        await until(lambda: line.all_are("sent"))
    assert await _reserved_calls(line) == 0


async def test_ids_that_are_none_fail_and_use_no_call(line: Replying) -> None:
    """A person may have ordered it."""
    await line.plan(*mentions(1))
    await line.execute("UPDATE hookline.replies SET comment_id = 'me/feed'")
    async with line.replicas():
        await until(lambda: _is(line, failed=1))
    assert [row["reason"] for row in await line.rows()] == ["wrong_ids"]
    assert await _reserved_calls(line) == 0


async def test_whoever_died_while_sending_leaves_an_unknown_answer(line: Replying) -> None:
    """Nobody begins it again."""
    await line.plan(*mentions(1))
    reply = await Outbox(line.engine, lease_s=0.1).take(ACCOUNT, line.rules)
    assert reply is not None
    async with line.replicas(2):
        await until(lambda: _is(line, unknown=1))
        await asyncio.sleep(1)
    [row] = await line.rows()
    assert row["reason"] == "sender_died"
    assert not line.graph.writes
    # Whoever was only slow may still tell how it ended, but not that it was never begun.
    outbox = Outbox(line.engine)
    await outbox.settle(reply, Settlement("planned", "graph_unreachable", due_at=reply.sending_at))
    assert await line.states() == {"unknown": 1}
    await outbox.settle(reply, Settlement("sent", reply_id="179"))
    assert await line.states() == {"sent": 1}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind="error", code=100, subcode=33), "not_found_or_no_permission"),
        (Fault(kind="error", code=100), "graph_refused_100"),
        (Fault(kind="error", code=9009), "user_unavailable"),
    ],
)
async def test_what_meta_refuses_for_good_fails(line: Replying, fault: Fault, reason: str) -> None:
    """With the reason, and once."""
    await line.plan(*mentions(1))
    line.fails(fault)
    async with line.replicas():
        await until(lambda: _is(line, failed=1))
    [row] = await line.rows()
    assert (row["reason"], row["attempts"]) == (reason, 1)
    assert row["settled_at"] is not None


async def test_a_block_for_abuse_stops_the_accounts_answers_and_nothing_else(
    line: Replying,
) -> None:
    """For six hours, and longer after that; reads and other accounts go on."""
    await line.connect(OTHER)
    await line.plan(*mentions(5))
    line.fails(Fault(kind="error", code=368, account_id=ACCOUNT, endpoint="mention_reply"))
    async with line.replicas(2):
        await until(lambda: _reason(line, "blocked_for_abuse"))
        await line.plan(*mentions(1, 50), comment(1))
        await line.plan(*mentions(1, 60), account=OTHER)
        await until(lambda: _is(line, sent=1, planned=7))
        await asyncio.sleep(1)
        refused = line.graph.statistics.endpoints["mention_reply"]
        assert refused <= 1 + line.settings.graph_concurrency * 2 + 1
        assert await line.states() == {"sent": 1, "planned": 7}
        blocked = [row for row in await line.rows() if row["reason"] == "blocked_for_abuse"]
        assert all(row["due_at"] - row["created_at"] > timedelta(hours=5) for row in blocked)
        # One of those that were refused tells that it is not over; it waits for twice as long.
        refused = line.graph.statistics.endpoints["mention_reply"]
        await line.time_passes(timedelta(hours=7))
        await until(lambda: _reason(line, "blocked_for_abuse", attempts=2))
        await asyncio.sleep(1)
        assert line.graph.statistics.endpoints["mention_reply"] == refused + 1
        [longest] = [row for row in await line.rows() if row["attempts"] == 2]
        assert longest["due_at"] - datetime.now(UTC) > timedelta(hours=11)
        line.fails()
        await line.time_passes(timedelta(hours=13))
        await until(lambda: line.all_are("sent"))
    assert set(line.answers().values()) == {1}


async def test_a_dead_token_parks_the_account_and_a_new_one_sends(line: Replying) -> None:
    """Nothing was sent, so nothing is unknown."""
    await line.plan(*mentions(3))
    line.fails(Fault(kind="error", code=190, subcode=463, endpoint="mention_reply"))
    async with line.replicas():
        await until(lambda: _reason(line, "token_expired"))
        await asyncio.sleep(1)
        assert await line.states() == {"planned": 3}
        line.fails()
        await line.connect()
        await until(lambda: line.all_are("sent"))


async def test_a_missing_permission_parks_one_kind_of_answer(line: Replying) -> None:
    """The other goes on."""
    await line.plan(*mentions(2), comment(1))
    line.fails(Fault(kind="error", code=200, endpoint="mention_reply"))
    async with line.replicas():
        await until(lambda: _reason(line, "permission_missing"))
        await until(lambda: _is(line, sent=1, planned=2))
        line.fails()
        await line.connect()
        await until(lambda: line.all_are("sent"))


async def test_a_throttle_waits_and_loses_nothing(line: Replying) -> None:
    """Nobody calls for the account before its time."""
    await line.plan(*mentions(3))
    line.fails(Fault(kind="error", code=80002, endpoint="mention_reply"))
    async with line.replicas():
        await until(lambda: _reason(line, "throttled_account"))
        await asyncio.sleep(1)
        assert line.graph.statistics.endpoints["mention_reply"] <= 4
    line.fails()
    await line.execute("DELETE FROM hookline.graph_usage")
    async with line.replicas():
        await until(lambda: line.all_are("sent"))


async def test_an_hours_limit_puts_off(line: Replying) -> None:
    """All that is due by the rule, until the first answer is an hour old."""
    line.rules.max_per_hour = 5
    await line.plan(*mentions(12))
    async with line.replicas(3):
        await until(lambda: _is(line, sent=5, planned=7))
        await asyncio.sleep(1)
        rows = [row for row in await line.rows() if row["state"] == "planned"]
        assert {row["reason"] for row in rows} == {"hour_limit"}
        for sent in (10, 12):
            await line.time_passes(timedelta(minutes=61))
            await until(
                lambda sent=sent: _is(line, sent=sent, **({"planned": 2} if sent < 12 else {}))
            )
    assert len(line.graph.writes) == 12


async def test_rules_hold_answers_back_or_refuse_them(line: Replying) -> None:
    """Until a time, as in quiet hours; or for good, as for one person's limit."""
    await line.plan(*mentions(2))
    line.rules.held = Hold("quiet_hours", datetime.now(UTC) + timedelta(hours=8))
    async with line.replicas():
        await until(lambda: _reason(line, "quiet_hours", count=2))
        assert not line.graph.writes
        line.rules.held = Hold("person_limit", None)
        await line.time_passes(timedelta(hours=9))
        await until(lambda: _is(line, failed=2))
    assert {row["reason"] for row in await line.rows()} == {"person_limit"}
    assert not line.graph.writes


async def test_rules_are_told_what_was_sent(line: Replying) -> None:
    """To whom, over kinds: the name is the same in a comment and in a mention."""
    same = {"from": {"id": "901", "username": "Person_1"}}
    await line.plan(comment(1, **same), comment(2, **same), comment(3))
    async with line.replicas():
        await until(lambda: line.all_are("sent"))
    told = sorted((len(one.last_hour), one.to_person) for one in line.rules.seen)
    assert told in ([(0, 0), (1, 1), (2, 0)], [(0, 0), (1, 0), (2, 1)])


async def test_an_outage_does_not_use_up_what_is_planned(line: Replying) -> None:
    """After three unknown answers in a row it is waited, longer and longer."""
    await line.plan(*mentions(40))
    line.fails(Fault(kind="status", status=503))
    async with line.replicas():
        await until(lambda: _at_least(line, "unknown", 3))
        await asyncio.sleep(3)
        assert (await line.states())["planned"] >= 25


async def test_nobody_answers_while_the_graph_api_is_away(
    engine: AsyncEngine, database_url: str
) -> None:
    """What was certainly not sent stays planned, and the worker says that it waits."""
    async with replying(engine, database_url, graph_url="http://127.0.0.1:1") as line:
        await line.plan(*mentions(2))
        async with Client("http://127.0.0.1:1", "v25.0", 2.0) as nowhere:
            line.client = nowhere
            async with line.replicas():
                await until(lambda: _reason(line, "graph_unreachable"))
                await until(lambda: line.readiness.reasons == ["reply"])
        assert set(await line.states()) == {"planned"}


async def test_one_that_is_stopped_ends_what_it_began(line: Replying) -> None:
    """Its answer is waited for, and recorded."""
    await line.plan(*mentions(20))
    line.fails(Fault(kind="slow", delay_ms=500))
    async with line.replicas():
        await until(lambda: _at_least(line, "sending", 1))
    states = await line.states()
    assert set(states) == {"sent", "planned"}
    assert len(line.graph.writes) == states["sent"]


async def _reserved_calls(line: Replying) -> int:
    """Calls that somebody has reserved and not given back."""
    async with line.engine.connect() as connection:
        query = text("SELECT sum(reserved) FROM hookline.graph_usage")
        return int(await connection.scalar(query) or 0)


def _decided(outcome: str) -> float:
    """How many mentions had this outcome."""
    labels = {"stage": "reply", "field": "mentions", "outcome": outcome}
    return REGISTRY.get_sample_value("hookline_changes_total", labels) or 0


async def _is(line: Replying, **states: int) -> bool:
    return await line.states() == states


async def _at_least(line: Replying, state: str, count: int) -> bool:
    return (await line.states())[state] >= count


async def _reason(line: Replying, reason: str, count: int = 1, attempts: int = 0) -> bool:
    rows = [row for row in await line.rows() if row["attempts"] >= attempts]
    return [row["reason"] for row in rows].count(reason) >= count


async def _is_settled(line: Replying, kind: str) -> bool:
    return all(row["settled_at"] for row in await line.rows() if row["kind"] == kind)


async def _is_looked(line: Replying) -> bool:
    return all(row["due_at"] is None for row in await line.rows())
