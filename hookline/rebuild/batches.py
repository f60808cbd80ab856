"""The work of a rebuild, cut into batches that are done in one piece. Owns who does which.

A batch is locked by the transaction that does it and marked done at its end, so one whose process
was killed is free again at once. It may be done twice: dedupe and persist are made for that.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.rebuild.reads import reads_of
from runtime.database import transaction
from schemas.deliveries import Delivery, body_key
from schemas.tables import SCHEMA, deliveries
from workers.persist.graph import ToldRead

BATCH_DELIVERIES: Final = 500
BATCH_BYTES: Final = 2 * 1024 * 1024
"""As a worker's batch. A body that is larger is the last of its batch, so memory is bounded."""

_PLAN: Final = f"""
WITH fresh AS (
    SELECT received_at, delivery_id,
        1.0::float8 / {BATCH_DELIVERIES} + octet_length(body)::float8 / {BATCH_BYTES} AS weight
    FROM {SCHEMA}.{deliveries.name} AS delivery
    WHERE received_at < coalesce(CAST(:until AS timestamptz), 'infinity')
        AND received_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
        AND NOT EXISTS (
            SELECT FROM {{schema}}.work
            WHERE work.received_at = delivery.received_at
                AND work.delivery_id = delivery.delivery_id
        )
), planned AS (
    INSERT INTO {{schema}}.work (batch, received_at, delivery_id)
    SELECT
        (SELECT coalesce(max(batch), -1) + 1 FROM {{schema}}.batches)
            + floor(coalesce(sum(weight) OVER before, 0))::bigint,
        received_at, delivery_id
    FROM fresh
    WINDOW before AS (
        ORDER BY received_at, delivery_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
    RETURNING batch
)
INSERT INTO {{schema}}.batches (batch, deliveries)
SELECT batch, count(*) FROM planned GROUP BY batch
"""  # noqa: S608 - names of ours

Redo = Callable[[Sequence[Delivery], Sequence[ToldRead]], Awaitable[int]]
"""Does a batch, of deliveries or of Graph reads; gives how many of its records were rejected."""


class Progress(NamedTuple):
    """How far a rebuild is."""

    batches: int
    left: int
    read: int
    failed: int
    deliveries: int


async def plan(
    engine: AsyncEngine,
    schema: str,
    *,
    until: datetime | None = None,
    since: datetime | None = None,
) -> int:
    """Cuts the deliveries that no batch has into batches; gives how many batches that made.

    Run again, it finds what was archived meanwhile, however long ago that was received.
    """
    async with transaction(engine) as connection:
        made = await connection.execute(
            text(_PLAN.format(schema=schema)), {"until": until, "since": since}
        )
    if made.rowcount:
        async with transaction(engine) as connection:
            await connection.execute(text(f"ANALYZE {schema}.work"))
            await connection.execute(text(f"ANALYZE {schema}.batches"))
    return made.rowcount


async def do_next(engine: AsyncEngine, schema: str, redo: Redo) -> bool:
    """Does the first batch that nobody is at. False when there is none."""
    async with transaction(engine) as connection:
        batch = await connection.scalar(
            text(
                f"SELECT batch FROM {schema}.batches WHERE done_at IS NULL "  # noqa: S608
                "ORDER BY batch LIMIT 1 FOR UPDATE SKIP LOCKED"
            )
        )
        if batch is None:
            return False
        intact, damaged = await _read(connection, schema, batch)
        failed = await redo(intact, await reads_of(connection, schema, batch))
        if damaged:
            await connection.execute(
                text(
                    f"INSERT INTO {schema}.damaged SELECT unnest(CAST(:ids AS uuid[])) "
                    "ON CONFLICT DO NOTHING"
                ),
                {"ids": damaged},
            )
        await connection.execute(
            text(
                f"UPDATE {schema}.batches SET done_at = now(), failed = :failed "  # noqa: S608
                "WHERE batch = :batch"
            ),
            {"batch": batch, "failed": failed},
        )
    return True


async def progress(engine: AsyncEngine, schema: str) -> Progress:
    """How far the rebuild in this schema is."""
    async with transaction(engine) as connection:
        found = await connection.execute(
            text(
                "SELECT count(*), count(*) FILTER (WHERE done_at IS NULL), "  # noqa: S608
                "coalesce(sum(deliveries) FILTER (WHERE done_at IS NOT NULL), 0)::bigint, "
                "coalesce(sum(failed), 0)::bigint, coalesce(sum(deliveries), 0)::bigint "
                f"FROM {schema}.batches"
            )
        )
        return Progress(*found.one())


async def _read(
    connection: AsyncConnection, schema: str, batch: int
) -> tuple[list[Delivery], list[str]]:
    """A batch's deliveries, and the ids of those whose bytes are not what was received."""
    rows = await connection.execute(
        text(
            "SELECT delivery.delivery_id, delivery.received_at, app_id, signature, "  # noqa: S608
            f"source, body, sha256 FROM {schema}.work JOIN {SCHEMA}.{deliveries.name} AS delivery "
            "ON delivery.received_at = work.received_at "
            "AND delivery.delivery_id = work.delivery_id "
            "WHERE work.batch = :batch ORDER BY delivery.received_at, delivery.delivery_id"
        ),
        {"batch": batch},
    )
    intact: list[Delivery] = []
    damaged: list[str] = []
    for *row, body, sha256 in rows:
        one = Delivery(str(row[0]), row[1].astimezone(UTC), row[2], row[3], row[4], bytes(body))
        if body_key(one.body).decode() == sha256:
            intact.append(one)
        else:
            damaged.append(one.delivery_id)
    return intact, damaged
