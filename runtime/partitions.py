"""Monthly partitions, made ahead of time. A default partition takes what falls outside."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.tables import PARTITIONED, SCHEMA

ADVISORY_LOCK: Final = 0x5061727469746E73
"""`Partitns` in ASCII: replicas make partitions one after another."""


def months(start: date, ahead: int) -> Iterator[tuple[date, date]]:
    """The month of `start` and so many after it, each as first day and first day of the next."""
    count = start.year * 12 + start.month - 1
    for number in range(count, count + ahead + 1):
        yield _first_day(number), _first_day(number + 1)


def _first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


async def ensure_partitions(connection: AsyncConnection, months_ahead: int) -> None:
    """Makes the partitions of this month and of the months ahead that are missing."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    for table in PARTITIONED:
        for first, next_first in months(datetime.now(UTC).date(), months_ahead):
            name = f"{table}_{first:%Y_%m}"
            if not await connection.scalar(
                text("SELECT to_regclass(:name)"), {"name": f"{SCHEMA}.{name}"}
            ):
                await connection.execute(
                    text(
                        f"CREATE TABLE {SCHEMA}.{name} PARTITION OF {SCHEMA}.{table} "
                        f"FOR VALUES FROM ('{first} 00:00+00') TO ('{next_first} 00:00+00')"
                    )
                )
