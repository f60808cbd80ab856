"""Dead letters of a replay. Owns which of them are new.

A record out of a topic has one letter by where it stood. One made of an archived delivery stood
nowhere; that it has a letter already is told by its delivery and key.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.replay.deliveries import NOWHERE
from runtime.database import BulkStatement, transaction
from schemas.dead_letters import DeadLetter

_KNOWN: Final = BulkStatement(
    {"number": "bigint", "stage": "text", "topic": "text", "delivery_id": "text", "key": "bytea"},
    "SELECT rows.number FROM {rows} WHERE EXISTS (SELECT FROM {schema}.dead_letters AS letters "
    "WHERE letters.stage = rows.stage AND letters.source_topic = rows.topic "
    "AND letters.delivery_id::text = rows.delivery_id AND letters.key = rows.key "
    "AND letters.state <> 'resolved')",
)


async def new_letters(engine: AsyncEngine, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    """Those whose records have no letter yet; one that is resolved counts for nothing.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    asked = [
        (number, one.stage, one.source.topic, _delivery_id(one), one.key)
        for number, one in enumerate(letters)
        if one.source.partition == NOWHERE
    ]
    if not asked:
        return list(letters)
    async with transaction(engine) as connection:
        known = {row[0] for row in await _KNOWN.fetch(connection, asked)}
    return [one for number, one in enumerate(letters) if number not in known]


def _delivery_id(letter: DeadLetter) -> str:
    return dict(letter.headers).get("delivery-id", b"").decode("utf-8", "replace")
