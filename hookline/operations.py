"""The audit of what operators did: a row of `operations` for each verb that changes something."""

import getpass
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import typer
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from schemas.tables import operations


class Operation:
    """One run of a verb. What it has counted and how far it came is kept by `save`."""

    def __init__(self, engine: AsyncEngine, operation_id: str) -> None:
        self._engine = engine
        self.operation_id = operation_id
        self.counts: dict[str, int] = {}
        self.checkpoint: dict[str, Any] | None = None

    def count(self, name: str, number: int = 1) -> None:
        """Adds to one of the counts."""
        self.counts[name] = self.counts.get(name, 0) + number

    async def save(self, **changes: object) -> None:
        """Keeps counts and checkpoint, in a transaction of its own."""
        statement = (
            update(operations)
            .where(operations.c.operation_id == self.operation_id)
            .values(
                counts=self.counts,
                checkpoint=self.checkpoint,
                updated_at=datetime.now(UTC),
                **changes,
            )
        )
        async with transaction(self._engine) as connection:
            await connection.execute(statement)


@asynccontextmanager
async def recorded(
    engine: AsyncEngine, verb: str, arguments: Mapping[str, object]
) -> AsyncIterator[Operation]:
    """An operation with its audit row: `running`, then `done`, `failed` or, by the operator,
    `stopped`.

    A row that stays `running` was killed; its checkpoint says how far it came. `arguments` are
    stored as they are, so they hold no secret.
    """
    operation = Operation(engine, str(uuid4()))
    now = datetime.now(UTC)
    row = {
        "operation_id": operation.operation_id,
        "verb": verb,
        "arguments": json.loads(json.dumps(arguments, default=str)),
        "actor": _actor(),
        "state": "running",
        "counts": {},
        "started_at": now,
        "updated_at": now,
    }
    async with transaction(engine) as connection:
        await connection.execute(insert(operations).values(row))
    async with settled(operation):
        yield operation


@asynccontextmanager
async def settled(operation: Operation) -> AsyncIterator[None]:
    """Marks how an operation ends, also one that is resumed."""
    try:
        yield
    except BaseException as error:
        # By the operator: a no, Ctrl-C, or cancelled.
        stopped = isinstance(error, typer.Abort) or not isinstance(error, Exception)
        state = "stopped" if stopped else "failed"
        await operation.save(state=state, ended_at=datetime.now(UTC))
        raise
    await operation.save(state="done", ended_at=datetime.now(UTC))


def _actor() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
