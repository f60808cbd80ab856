"""The archive's effect: rows of `deliveries` and `dead_letters`, once each."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime import metrics
from runtime.database import BulkStatement, column_types, transaction
from runtime.errors import RejectError, StopError
from runtime.partitions import ensure_partitions
from runtime.worker import Outcome, Record, dead_letter
from schemas.tables import dead_letters, deliveries
from schemas.topics import DEAD_LETTERS, RAW_TOPICS
from workers.archive.rows import DeadLetterRow, DeliveryRow, dead_letter_row, delivery_row

MONTHS_AHEAD: Final = 2
"""Partitions that a running archive keeps ahead, looked at once a day."""

# A delivery with several fields comes from several topics, and any record may come again.
_DELIVERIES: Final = BulkStatement(
    {**column_types(deliveries, DeliveryRow._fields), "fields": "text"},
    f"INSERT INTO {{schema}}.{deliveries.name} ({', '.join(DeliveryRow._fields)}) "  # noqa: S608
    "SELECT received_at, delivery_id, body, sha256, signature, app_id, "
    "string_to_array(fields, ','), changes, source FROM {rows} "
    "ON CONFLICT DO NOTHING",
)

_DEAD_LETTERS: Final = BulkStatement(
    column_types(dead_letters, DeadLetterRow._fields),
    f"INSERT INTO {{schema}}.{dead_letters.name} ({', '.join(DeadLetterRow._fields)}) "  # noqa: S608
    "SELECT * FROM {rows} ON CONFLICT DO NOTHING",
)


log = structlog.get_logger()


class ArchiveHandler:
    """Archives raw records and dead letters."""

    name = "archive"
    topics = (*RAW_TOPICS, DEAD_LETTERS)
    publishes_to = tuple(RAW_TOPICS)
    gathers_s = 0.05

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._partitions_ensured: date | None = None

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """Archives these records in one transaction."""
        now = datetime.now(UTC)
        letters = [
            dead_letter_row(record, now)
            for record in records
            if record.source.topic == DEAD_LETTERS
        ]
        rows, outcome = self._delivery_rows(records)
        await self._ensure_partitions(now.date())
        async with transaction(self._engine) as connection:
            if rows:
                # In one order, so that replicas never wait for each other in a circle.
                await _DELIVERIES.execute(connection, sorted(rows.values()))
            if letters:
                await _DEAD_LETTERS.execute(connection, letters)
        done = datetime.now(UTC)
        for row in rows.values():
            age_s = (done - row.received_at).total_seconds()
            metrics.EVENT_AGE_SECONDS.labels(self.name, row.fields.partition(",")[0]).observe(age_s)
        return outcome

    async def _ensure_partitions(self, today: date) -> None:
        """Once a day, in a transaction of its own: without them the default partition serves."""
        if today == self._partitions_ensured:
            return
        try:
            async with transaction(self._engine) as connection:
                await ensure_partitions(connection, MONTHS_AHEAD)
        except (RejectError, StopError) as error:
            log.error("partitions_not_made", reason=error.reason, detail=str(error))
        self._partitions_ensured = today

    def _delivery_rows(self, records: Sequence[Record]) -> tuple[dict[str, DeliveryRow], Outcome]:
        rows: dict[str, DeliveryRow] = {}
        outcome = Outcome()
        for record in records:
            if record.source.topic == DEAD_LETTERS:
                continue
            try:
                row = delivery_row(record)
            except RejectError as error:
                outcome.dead.append(dead_letter(self.name, record, error.reason, error.detail))
            else:
                rows[row.delivery_id] = row
        return rows, outcome
