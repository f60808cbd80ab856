"""One answer, whole: its text, what it answers, what will become of it, and who spoke of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.replies.answered import Answered, read_answered
from hookline.replies.circumstances import circumstances_of
from hookline.replies.prospect import Circumstances, Prospect, prospect
from hookline.replies.reasons import meaning
from hookline.replies.row import Row
from hookline.replies.selection import read_by_keys
from hookline.replies.target import Target
from runtime.database import transaction
from schemas.tables import SCHEMA

_MESSAGE: Final = text(f"SELECT message FROM {SCHEMA}.replies WHERE reply_key = :key")  # noqa: S608

_OPERATIONS: Final = text(f"""
SELECT operation_id, verb, actor, started_at, arguments ->> 'word' AS word
FROM {SCHEMA}.operations
WHERE verb LIKE 'replies %'
    AND (arguments -> 'keys' ? CAST(:key AS text) OR checkpoint ->> 'reply_key' = :key)
ORDER BY started_at
""")  # noqa: S608


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer with all there is. `answered` is None when nothing is stored of it; `operations`
    are those of people.
    """

    row: Row
    message: str = field(repr=False)
    answered: Answered | None
    about: Circumstances
    operations: Sequence[Mapping[str, Any]]

    @property
    def prospect(self) -> Prospect:
        """What will become of it."""
        return prospect(self.row, self.about)

    def document(self) -> dict[str, Any]:
        """For `--json`, with the texts."""
        answered = self.answered
        return {
            **self.row.document(),
            "meaning": meaning(self.row.reason),
            "message": self.message,
            "answered": answered
            and {"text": answered.text, "username": answered.username}
            | {"permalink": answered.permalink},
            **self.prospect._asdict(),
            "operations": list(self.operations),
        }


async def read_whole(engine: AsyncEngine, reply_key: str) -> Whole | None:
    """The answer of this key, if there is one.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(engine) as connection:
        row = (await read_by_keys(connection, [reply_key])).get(reply_key)
        if row is None:
            return None
        target = Target(row.kind, row.account_id, row.media_id, row.comment_id)
        return Whole(
            row,
            (await connection.execute(_MESSAGE, {"key": reply_key})).scalar_one(),
            await read_answered(connection, target),
            await circumstances_of(connection, row.account_id),
            await _operations(connection, reply_key),
        )


async def _operations(connection: AsyncConnection, reply_key: str) -> list[Mapping[str, Any]]:
    found = await connection.execute(_OPERATIONS, {"key": reply_key})
    return [dict(row) for row in found.mappings()]
