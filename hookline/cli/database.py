"""What verbs do with the database: found, required to be at its revision, let go again."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hookline.connection import use

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from schemas.settings import DatabaseSettings, OperatorSettings

Result = TypeVar("Result")
Model = TypeVar("Model", bound="DatabaseSettings")


def run(
    verb: str,
    data: Path | None,
    main: "Callable[[AsyncEngine, OperatorSettings], Awaitable[Result]]",
    *,
    command_timeout_s: float | None = None,
) -> Result:
    """As `run_with`, with the operator's settings."""
    from schemas.settings import OperatorSettings

    return run_with(OperatorSettings, verb, data, main, command_timeout_s=command_timeout_s)


def run_with(
    model: type[Model],
    verb: str,
    data: Path | None,
    main: "Callable[[AsyncEngine, Model], Awaitable[Result]]",
    *,
    command_timeout_s: float | None = None,
) -> Result:
    """What `main` gives, with the environment's database or that of a data folder.

    Raises:
        SettingsError: settings are missing or wrong.
        DependencyError: PostgreSQL cannot be reached, went away, or is behind.
    """
    from runtime import logs
    from runtime.configuration import load

    use(data)
    settings = load(model)
    logs.configure(settings, verb)  # standard output is for what the verb prints
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # as in hookline.__main__

    async def connected() -> Result:
        async with database(settings, verb, command_timeout_s=command_timeout_s) as engine:
            return await main(engine, settings)

    return asyncio.run(connected())


@asynccontextmanager
async def database(
    settings: "DatabaseSettings", verb: str, *, command_timeout_s: float | None = None
) -> AsyncIterator["AsyncEngine"]:
    """The database that the settings name.

    Raises:
        DependencyError: PostgreSQL cannot be reached, went away, or is behind.
    """
    from runtime.database import dispose, new_engine, require_revision
    from runtime.errors import DatabaseUnavailableError, DependencyError

    engine = new_engine(settings, verb, command_timeout_s=command_timeout_s)
    try:
        await require_revision(engine)
        yield engine
    except DatabaseUnavailableError as error:
        raise DependencyError(f"PostgreSQL went away ({error}). Try again.") from error
    finally:
        await dispose(engine)
