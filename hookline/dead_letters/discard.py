"""Gives dead letters up, in the name of an operation that says why."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.dead_letters.filters import Filters
from hookline.dead_letters.redrive import move
from hookline.dead_letters.selection import pages
from hookline.operations import Operation
from runtime.database import transaction
from schemas.dead_letters import State


async def discard(
    engine: AsyncEngine,
    filters: Filters,
    limit: int | None,
    operation: Operation | None,
    advance: Callable[[int], None],
) -> dict[str, int]:
    """Discards the letters that are meant, the oldest first; gives the counts.

    `selected` letters were meant, `discarded` of them are; without an operation none is. Letters
    of other stages about the same records stay.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    counts = {"selected": 0, "discarded": 0}
    async for page in pages(engine, filters):
        chosen = page if limit is None else page[: limit - counts["selected"]]
        counts["selected"] += len(chosen)
        if operation is not None:
            ids = [letter.dead_letter_id for letter in chosen]
            async with transaction(engine) as connection:
                counts["discarded"] += await move(
                    connection, ids, State.DISCARDED, operation, was=filters.states
                )
            operation.counts = dict(counts)
            await operation.save()
        advance(len(page))
        if counts["selected"] == limit:
            break
    return counts
