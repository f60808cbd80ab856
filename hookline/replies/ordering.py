"""Orders by hand: what they are about is looked up, they are planned, and waited for."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.replies.answered import Answered, read_answered
from hookline.replies.circumstances import circumstances_of
from hookline.replies.judgement import Word
from hookline.replies.order import Earlier, Plan, new_reply, refusal
from hookline.replies.prospect import Circumstances
from hookline.replies.row import Row
from hookline.replies.selection import read_by_keys
from hookline.replies.settling import judged, settle
from hookline.replies.target import Target
from runtime.database import transaction
from runtime.errors import HooklineError
from schemas.tables import replies
from workers.reply.outbox import Outbox

WAIT_INTERVAL_S: Final = 0.5

_EARLIER: Final = [replies.c[name] for name in Earlier.__slots__]


class NotAnsweredError(HooklineError):
    """It is not answered, and why."""

    reason = "not_answered"


class Found(NamedTuple):
    """What is to be answered, and what is known of it."""

    target: Target
    answered: Answered | None
    earlier: Sequence[Earlier]
    about: Circumstances


async def look_up(engine: AsyncEngine, target: Target) -> Found:
    """What is known of something that is to be answered.

    Raises:
        NotAnsweredError: it cannot be.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    ours = await Outbox(engine).ours([target.comment_id] if target.comment_id else [])
    async with transaction(engine) as connection:
        found = Found(
            target,
            await read_answered(connection, target),
            await _earlier(connection, target.event_id),
            await circumstances_of(connection, target.account_id),
        )
    refused = refusal(target, found.answered, ours, found.about)
    if refused is not None:
        raise NotAnsweredError(f"Not answered: {target.event_id}. {refused}.")
    return found


async def _earlier(connection: AsyncConnection, event_id: str) -> list[Earlier]:
    query = select(*_EARLIER).where(replies.c.event_id == event_id)
    return [Earlier(*row) for row in await connection.execute(query.order_by("created_at"))]


async def put(engine: AsyncEngine, found: Found, plan: Plan, message: str) -> tuple[str, bool]:
    """Puts an order down; gives its key, and whether anything was planned.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    if plan.course == "new":
        new = new_reply(found.target, found.answered, message, found.about.now)
        return await Outbox(engine).order(new)
    assert plan.reply_key is not None  # noqa: S101  # all but a new one have one
    if plan.course != "again":
        return plan.reply_key, False
    [case] = await judged(engine, [plan.reply_key], Word.AGAIN)
    done = await settle(engine, case)
    return plan.reply_key, done.judgement.becomes is not None


async def ended(engine: AsyncEngine, reply_key: str, wait_s: float) -> Row:
    """The answer once it is known how it ended, or after so many seconds.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    deadline_s = time.monotonic() + wait_s
    while True:
        async with transaction(engine) as connection:
            row = (await read_by_keys(connection, [reply_key]))[reply_key]
        left_s = deadline_s - time.monotonic()
        if row.state not in ("planned", "sending") or left_s <= 0:
            return row
        await asyncio.sleep(min(WAIT_INTERVAL_S, left_s))
