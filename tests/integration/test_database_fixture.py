"""The tests' own databases, and how services use one."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import require_revision, transaction


async def test_a_fresh_database_is_migrated_and_empty(engine: AsyncEngine) -> None:
    """Each test gets a database at the newest revision, without rows."""
    await require_revision(engine)
    async with transaction(engine) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM hookline.deliveries")) == 0


async def test_what_is_committed_is_on_the_disk(engine: AsyncEngine) -> None:
    """Also where PostgreSQL is told to be quick: offsets are committed after it, answers sent."""
    async with transaction(engine) as connection:
        name = engine.url.database
        await connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
    await engine.dispose()
    async with transaction(engine) as connection:
        assert await connection.scalar(text("SHOW synchronous_commit")) == "on"
