"""One dead letter, whole: what it is about, its headers, who moved it, what else is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hookline.dead_letters.letter import Letter
from hookline.dead_letters.selection import (
    Content,
    content,
    letters_where,
    read_letters,
    record_id,
)
from schemas.dead_letters import explain
from schemas.tables import dead_letters, operations


@dataclass(frozen=True, slots=True)
class Whole:
    """A letter with all there is. `same_record` are the other letters about its record, of other
    stages and other attempts; `operation` is what moved it last.
    """

    letter: Letter
    content: Content
    same_record: Sequence[Letter]
    operation: Mapping[str, Any] | None

    @property
    def key_text(self) -> str | None:
        """The record's key; bytes that are no text become U+FFFD."""
        key = self.content.key
        return None if key is None else key.decode("utf-8", "replace")

    def document(self) -> dict[str, Any]:
        """For `--json`: everything but the value."""
        means, repair = explain(self.letter.reason)
        return {
            **self.letter.document(),
            "means": means,
            "repair": repair,
            "key": self.key_text,
            "headers": dict(self.content.headers),
            "same_record": [one.document() for one in self.same_record],
            "operation": self.operation and dict(self.operation),
        }


async def read_whole(connection: AsyncConnection, dead_letter_id: str) -> Whole | None:
    """The letter of this id, if there is one."""
    columns = dead_letters.c
    found = await read_letters(connection, letters_where(columns.dead_letter_id == dead_letter_id))
    if not found:
        return None
    (letter,) = found
    others = letters_where(
        record_id == tuple(letter.record_id), columns.dead_letter_id != dead_letter_id
    )
    return Whole(
        letter,
        await content(connection, letter),
        await read_letters(connection, others.order_by(columns.attempts, columns.parked_at)),
        await _operation(connection, letter.operation_id),
    )


async def _operation(
    connection: AsyncConnection, operation_id: str | None
) -> Mapping[str, Any] | None:
    if operation_id is None:
        return None
    columns = operations.c
    query = select(columns.verb, columns.actor, columns.started_at, columns.arguments)
    found = await connection.execute(query.where(columns.operation_id == operation_id))
    row = found.mappings().one_or_none()
    return None if row is None else {**row, "started_at": row["started_at"].isoformat()}
