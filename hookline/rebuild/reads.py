"""The Graph's answers, as recorded: the second thing that tables follow from, after deliveries.

A read is merged once the deliveries are done, for its row must be there. Also taken over is what
no read tells: that a row waits for a person. Its live row is all there is to know it from.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.rebuild.compared import COMPARED
from runtime.database import transaction
from schemas.enriched import ANSWERED, Read
from schemas.tables import SCHEMA, claims, graph_reads
from workers.persist.enriched import STATUS
from workers.persist.graph import ToldRead

BATCH_READS: Final = 500

_KEY: Final = tuple(column.name for column in graph_reads.primary_key)
_NAMES: Final = ", ".join(_KEY)
_SAME: Final = " AND ".join(f"work.{name} = told.{name}" for name in _KEY)

TABLE: Final = f"""
CREATE UNLOGGED TABLE {{schema}}.work_reads (
    batch bigint NOT NULL,
    account_id text NOT NULL,
    endpoint text NOT NULL,
    object_id text NOT NULL,
    read_at timestamptz NOT NULL,
    PRIMARY KEY ({_NAMES})
);
CREATE INDEX ON {{schema}}.work_reads (batch)
"""

ERASED: Final = f"""
SELECT EXISTS (
    SELECT FROM {{schema}}.work_reads AS work WHERE NOT EXISTS (
        SELECT FROM {SCHEMA}.{graph_reads.name} AS told WHERE {_SAME}
    )
)
"""  # noqa: S608 - names of ours

# A row is there when its event is claimed. What is about no row yet comes another time.
_PLAN: Final = f"""
WITH fresh AS (
    SELECT {_NAMES} FROM {SCHEMA}.{graph_reads.name} AS told
    WHERE read_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
        AND NOT EXISTS (SELECT FROM {{schema}}.work_reads AS work WHERE {_SAME})
        AND (endpoint = 'media' OR EXISTS (
            SELECT FROM {{schema}}.{claims.name} AS claim WHERE claim.event_id = told.event_id
        ))
), planned AS (
    INSERT INTO {{schema}}.work_reads (batch, {_NAMES})
    SELECT
        (SELECT coalesce(max(batch), -1) + 1 FROM {{schema}}.batches)
            + (row_number() OVER (ORDER BY {_NAMES}) - 1) / {BATCH_READS},
        {_NAMES}
    FROM fresh
    RETURNING batch
)
INSERT INTO {{schema}}.batches (batch, deliveries) SELECT DISTINCT batch, 0 FROM planned
"""  # noqa: S608 - names of ours

_TAKE_OVER: Final = """
UPDATE {scratch}.{table} AS known SET {assignments}
FROM {live}.{table} AS live
WHERE {same_key} AND live.enrichment_status = 'parked'
    AND known.enrichment_status <> ALL(CAST(:answered AS text[]))
    AND coalesce(known.enriched_at, '-infinity') < live.enriched_at
"""


async def plan_reads(engine: AsyncEngine, schema: str, *, since: datetime | None = None) -> int:
    """Cuts the reads that no batch has into batches; gives how many batches that made."""
    async with transaction(engine) as connection:
        made = await connection.execute(text(_PLAN.format(schema=schema)), {"since": since})
    if made.rowcount:
        async with transaction(engine) as connection:
            await connection.execute(text(f"ANALYZE {schema}.work_reads"))
            await connection.execute(text(f"ANALYZE {schema}.batches"))
    return made.rowcount


async def reads_of(connection: AsyncConnection, schema: str, batch: int) -> Sequence[ToldRead]:
    """The reads of a batch."""
    batched = text(
        f"({_NAMES}) IN (SELECT {_NAMES} FROM {schema}.work_reads "  # noqa: S608
        "WHERE batch = :batch)"
    )
    rows = await connection.execute(select(graph_reads).where(batched), {"batch": batch})
    return [ToldRead(row["event_id"], Read.model_validate(dict(row))) for row in rows.mappings()]


async def take_over_parked(engine: AsyncEngine, scratch: str) -> None:
    """Lets rebuilt rows wait for a person where live ones do, unless a later read says more."""
    async with transaction(engine) as connection:
        for one in COMPARED:
            if not one.has_answers:
                continue
            statement = _TAKE_OVER.format(
                scratch=scratch,
                live=SCHEMA,
                table=one.table.name,
                assignments=", ".join(f"{name} = live.{name}" for name in STATUS),
                same_key=one.same_key("known", "live"),
            )
            await connection.execute(text(statement), {"answered": list(ANSWERED)})
