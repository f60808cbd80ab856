"""The whole line on a data folder of its own, and how to look into what it stored."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from hookline.embedded.pipeline import SIMULATED, Pipeline, Plan, open_pipeline


@pytest.fixture(scope="session")
async def pipeline(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pipeline]:
    """A running line with two dedupe replicas."""
    folder: Path = tmp_path_factory.mktemp("pipeline")
    async with open_pipeline(Plan(folder, workers={"dedupe": 2}, environment=SIMULATED)) as running:
        yield running


@pytest.fixture
def tables(pipeline: Pipeline) -> "Tables":
    """What the running line stored."""
    return Tables(pipeline.state.database_url)


class Tables:
    """Queries on what a line stored. Each has its own connection: the server may be killed."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def pairs(self, query: str) -> Counter[str]:
        """Counts by name, from a query of two columns."""
        connection = await asyncpg.connect(self._url)
        rows = await connection.fetch(query)
        await connection.close()
        return Counter({str(row[0]): int(row[1]) for row in rows})

    async def number(self, query: str) -> int:
        """The one number that a query gives."""
        connection = await asyncpg.connect(self._url)
        found = await connection.fetchval(query)
        await connection.close()
        return int(found or 0)

    async def bodies(self) -> Counter[str]:
        """sha256 of the archived bodies, computed from the bytes, with how often each is there."""
        return await self.pairs(
            "SELECT encode(sha256(body), 'hex'), count(*) FROM hookline.deliveries GROUP BY 1"
        )

    async def events(self) -> Counter[str]:
        """Ids of the events that have rows, with the number of rows: of stories, 1."""
        return await self.pairs(
            "SELECT event_id, count(*) FROM ("
            "SELECT concat_ws(':', field, account_id, comment_id) AS event_id "
            "FROM hookline.comments "
            "UNION ALL SELECT concat_ws(':', 'mentions', account_id, media_id, "
            "coalesce(nullif(comment_id, ''), '-')) FROM hookline.mentions "
            "UNION ALL SELECT DISTINCT concat_ws(':', 'story_insights', account_id, media_id) "
            "FROM hookline.story_insights "
            "UNION ALL SELECT event_id FROM hookline.other_events WHERE NOT is_test"
            ") AS kept GROUP BY event_id"
        )

    async def waiting(self) -> int:
        """Changes that have no outcome yet."""
        return await self.number(
            "SELECT coalesce(sum(abs(in_flight)), 0) FROM analytics.conservation"
        )
