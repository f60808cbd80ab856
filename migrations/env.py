"""Alembic's entry point: by `hookline migrate` with its connection, else with the environment's."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from migrations.apply import configure_and_run, open_connection
from runtime.configuration import load
from schemas.settings import MigrateSettings


async def _with_own_connection() -> None:
    async with open_connection(load(MigrateSettings)) as connection:
        await connection.run_sync(configure_and_run)
        await connection.commit()


given: Connection | None = context.config.attributes.get("connection")
if given is None:
    asyncio.run(_with_own_connection())
else:
    configure_and_run(given)
