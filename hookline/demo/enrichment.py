"""What enrichment made of the rows, against what the simulated Graph API answered."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from schemas.enriched import ANSWERED
from simulator.graph.statistics import Statistics

# Rows of media are there only once they were read.
_ROWS: Final = """
SELECT 'comments' AS kind, comment_id, enrichment_status, enrichment_reason FROM hookline.comments
UNION ALL
SELECT 'mentions', coalesce(nullif(comment_id, ''), media_id), enrichment_status, enrichment_reason
FROM hookline.mentions
UNION ALL
SELECT 'media', media_id, 'done', NULL FROM hookline.media
"""

# What may be missing is looked for again for a day: nobody waits for that here.
_WAITING: Final = """
SELECT (SELECT count(*) FROM hookline.enrichment_tasks
        WHERE first_ambiguous_at IS NULL OR answered_at IS NOT NULL)
    + (SELECT count(*) FROM hookline.comments
        WHERE enrichment_status = 'pending' AND enrichment_reason IS NULL)
    + (SELECT count(*) FROM hookline.mentions
        WHERE enrichment_status = 'pending' AND enrichment_reason IS NULL)
"""


class Row(NamedTuple):
    """A row that the Graph API knows more about, and what became of it."""

    kind: str
    object_id: str
    status: str
    reason: str | None = None

    @property
    def is_told(self) -> bool:
        """Whether it has what there is to know."""
        return self.status in ANSWERED


@dataclass(frozen=True)
class Enrichment:
    """All such rows, and everything that was asked."""

    rows: Sequence[Row]
    asked: Statistics

    def count(self, kind: str, *statuses: str) -> int:
        """Rows of a kind with one of these statuses."""
        return sum(row.kind == kind and row.status in statuses for row in self.rows)

    def reasons(self) -> Counter[str]:
        """Why rows are not told, as far as they say."""
        return Counter(row.reason for row in self.rows if row.reason and not row.is_told)

    def calls(self, *endpoints: str) -> int:
        """Calls of these endpoints, the items of batches included."""
        return sum(self.asked.endpoints[endpoint] for endpoint in endpoints)

    def asked_again(self) -> int:
        """Objects that were asked for more than once."""
        return sum(reads.calls > 1 for reads in self.asked.reads.values())

    def problems(self) -> list[str]:
        """What was told and is in no row, and rows that are not told and do not say why."""
        asked = self.asked.reads
        told = {row.object_id for row in self.rows if row.is_told}
        found = []
        if lost := {one for one, reads in asked.items() if reads.answered} - told:
            found.append(f"answers of the Graph API that are in no row: {len(lost)}")
        still = Counter(
            row.kind
            for row in self.rows
            if not row.is_told and (row.reason is None or row.object_id not in asked)
        )
        found += [f"{kind} that still wait for the Graph API: {n}" for kind, n in still.items()]
        return found


async def read_enrichment(engine: AsyncEngine, asked: Statistics) -> Enrichment:
    """Reads the rows."""
    async with engine.connect() as connection:
        rows = (await connection.execute(text(_ROWS))).fetchall()
    return Enrichment([Row(*row) for row in rows], asked)


async def waiting(engine: AsyncEngine) -> int:
    """How many reads and rows wait for what the Graph API can tell now."""
    async with engine.connect() as connection:
        return await connection.scalar(text(_WAITING)) or 0
