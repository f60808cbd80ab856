"""Answers are sent once, or it is told that nobody knows."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.broker import until
from tests.integration.replying import Replying, comment, mentions, replying


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
        await line.handle(records)
        line.rules.rule = "another"
        await asyncio.gather(*(line.handle(records) for _ in range(3)))
        line.rules.rule = "thanks"
        await until(lambda: line.all_are("sent"))
        await line.handle(records)
        await line.time_passes(timedelta(days=2))
    assert await line.states() == {"sent": 30}
    assert set(line.answers().values()) == {1}
