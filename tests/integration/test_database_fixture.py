"""The tests' own databases."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import require_revision, transaction


async def test_a_fresh_database_is_migrated_and_empty(engine: AsyncEngine) -> None:
    """Each test gets a database at the newest revision, without rows."""
    await require_revision(engine)
    async with transaction(engine) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM hookline.deliveries")) == 0
