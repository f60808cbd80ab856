"""What a person says of answers, put down: unless they have changed since the person was shown."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.errors import BLOCKED
from hookline.replies.judgement import Judgement, Word, judge
from hookline.replies.reasons import BY_OPERATOR
from hookline.replies.row import Row
from hookline.replies.selection import read_by_keys
from runtime.database import transaction
from schemas.tables import SCHEMA

_NOW: Final = text("SELECT clock_timestamp()")

_OF: Final = text(f"SELECT reply_key FROM {SCHEMA}.replies WHERE reply_id = :reply_id")  # noqa: S608

# Meta's block is told by what it refused, for all of the account: until it is over that stays.
_BLOCKS: Final = f"coalesce(reason = '{BLOCKED}' AND due_at > clock_timestamp(), false)"

_SETTLE: Final = text(f"""
UPDATE {SCHEMA}.replies SET
    state = CAST(:becomes AS text), reply_id = CAST(:reply_id AS text), leased_until = NULL,
    reason = CASE WHEN {_BLOCKS} THEN reason ELSE '{BY_OPERATOR}' END,
    due_at = CASE WHEN {_BLOCKS} THEN due_at
        WHEN CAST(:becomes AS text) = 'planned' THEN clock_timestamp() END,
    sending_at = CASE WHEN CAST(:becomes AS text) <> 'planned' THEN sending_at END,
    settled_at = CASE WHEN CAST(:becomes AS text) <> 'planned' THEN clock_timestamp() END,
    asked_at = CASE WHEN CAST(:becomes AS text) = 'planned' THEN clock_timestamp()
        ELSE asked_at END
WHERE reply_key = :reply_key AND state = :state AND attempts = :attempts
    AND (state <> 'sending' OR leased_until <= clock_timestamp())
""")  # noqa: S608


class Case(NamedTuple):
    """An answer that a person speaks of, and what becomes of it. `row` is None when there is none
    of this key.
    """

    reply_key: str
    row: Row | None
    judgement: Judgement

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        becomes, refusal = self.judgement
        was = self.row and self.row.state
        return {"reply_key": self.reply_key, "was": was, "becomes": becomes, "refusal": refusal}


async def judged(engine: AsyncEngine, keys: Sequence[str], word: Word) -> list[Case]:
    """What would become of these answers, each once, in the order given.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(engine) as connection:
        rows = await read_by_keys(connection, keys)
        now = (await connection.execute(_NOW)).scalar_one()
    return [_case(key, rows.get(key), word, now) for key in dict.fromkeys(keys)]


def _case(key: str, row: Row | None, word: Word, now: datetime) -> Case:
    if row is None:
        return Case(key, None, Judgement(None, "is not there: hookline replies list tells keys"))
    return Case(key, row, judge(row, word, now))


async def settle(engine: AsyncEngine, case: Case, reply_id: str | None = None) -> Case:
    """Puts down what a person says of an answer, unless it has changed since it was judged; gives
    what became of it.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    row, (becomes, _) = case.row, case.judgement
    if row is None or becomes is None:
        return case
    values = {**row._asdict(), "becomes": becomes, "reply_id": reply_id}
    async with transaction(engine) as connection:
        if (await connection.execute(_SETTLE, values)).rowcount:
            return case
        now = (await read_by_keys(connection, [row.reply_key])).get(row.reply_key)
    state = "gone" if now is None else now.state
    return case._replace(judgement=Judgement(None, f"has meanwhile become {state}: look again"))


async def answer_of(engine: AsyncEngine, reply_id: str) -> str | None:
    """The key of the answer that is known to be this comment.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(engine) as connection:
        found: str | None = await connection.scalar(_OF, {"reply_id": reply_id})
    return found


def counts_of(cases: Sequence[Case]) -> dict[str, int]:
    """How many were spoken of, are as they should be, and stay as they were. Pure."""
    refused = sum(case.judgement.refusal is not None for case in cases)
    return {"selected": len(cases), "written": len(cases) - refused, "refused": refused}
