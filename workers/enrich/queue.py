"""Reads that wait, in PostgreSQL: put down once, leased by one replica, finished in two steps.

A read that is done is recorded first and published then; only then its task goes. Whoever finds a
recorded one whose lease has run out publishes it again, and asks nobody.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from runtime.database import BulkStatement, column_types, transaction
from schemas.canonical import column_json
from schemas.enriched import Read
from schemas.fields import Field
from schemas.tables import SCHEMA, enrichment_tasks, graph_reads
from workers.enrich.task import NewTask, Task, TaskKey

_KEY: Final = ", ".join(TaskKey._fields)
_TASK: Final = ", ".join(f"t.{name}" for name in Task._fields)
_SAME: Final = " AND ".join(f"t.{name} = rows.{name}" for name in TaskKey._fields)
_FREE: Final = "t.answered_at IS NULL AND (t.leased_until IS NULL OR t.leased_until < now())"
_OPEN: Final = "a.state = 'active'"

# As `schemas.events.brought_by` writes it; what Meta sent ends with its value. The brace is doubled
# for the statement's own `format`.
_BROUGHT: Final = """ ~ ',"source":"[^"]*"}}$'"""

_FROM_META: Final = ", ".join(
    f"{name} = CASE WHEN t.event{_BROUGHT} THEN excluded.{name} ELSE t.{name} END"
    for name in ("event_id", "field", "event")
)

# One that waits already becomes as urgent as whoever is in the greatest hurry for it. Where a
# replay has overtaken the event that Meta sent, that one is told of: answers are for it alone.
_PUT: Final = BulkStatement(
    {**column_types(enrichment_tasks, NewTask._fields[:-1]), "known_since": "timestamptz"},
    f"INSERT INTO {{schema}}.{enrichment_tasks.name} AS t "  # noqa: S608
    f"({', '.join(NewTask._fields[:-1])}, attempts, parked_told, created_at) "
    f"SELECT {', '.join(NewTask._fields[:-1])}, 0, false, now() FROM {{rows}} "
    f"WHERE NOT EXISTS (SELECT FROM {{schema}}.{graph_reads.name} AS t WHERE {_SAME} "
    "AND t.read_at > rows.known_since AND t.status <> 'pending') "
    f"ON CONFLICT ({_KEY}) DO UPDATE SET priority = least(excluded.priority, t.priority), "
    f"{_FROM_META} "
    "WHERE excluded.priority < t.priority "
    f"OR (t.event{_BROUGHT} AND NOT excluded.event{_BROUGHT})",
)

_DUE: Final = text(f"""
SELECT a.account_id, p.priority
FROM {SCHEMA}.accounts AS a
CROSS JOIN unnest(CAST(:priorities AS smallint[])) AS p (priority)
CROSS JOIN LATERAL (
    SELECT t.due_at FROM {SCHEMA}.enrichment_tasks AS t
    WHERE t.account_id = a.account_id AND t.priority = p.priority AND t.due_at <= now()
        AND {_FREE} AND NOT a.parked_endpoints ? t.endpoint
    ORDER BY t.due_at LIMIT 1
) AS first
WHERE {_OPEN}
ORDER BY p.priority, first.due_at
""")  # noqa: S608

_TAKE: Final = text(f"""
WITH picked AS (
    SELECT {_KEY} FROM {SCHEMA}.enrichment_tasks AS t
    WHERE t.account_id = :account_id AND t.priority = :priority AND t.due_at <= now() AND {_FREE}
        AND NOT EXISTS (
            SELECT FROM {SCHEMA}.accounts AS a
            WHERE a.account_id = t.account_id AND a.parked_endpoints ? t.endpoint)
    ORDER BY t.due_at, t.object_id LIMIT :count FOR UPDATE SKIP LOCKED
)
UPDATE {SCHEMA}.enrichment_tasks AS t SET leased_until = now() + :lease
FROM picked AS rows WHERE {_SAME}
RETURNING {_TASK}
""")  # noqa: S608

_READ: Final = (
    *("account_id", "endpoint", "object_id", "read_at", "event_id", "field", "status", "reason"),
    *("code", "subcode", "http_status", "api_version", "answer"),
)

_RECORD: Final = BulkStatement(
    column_types(graph_reads, _READ),
    f"INSERT INTO {{schema}}.{graph_reads.name} ({', '.join(_READ)}) "  # noqa: S608
    "SELECT * FROM {rows} ON CONFLICT DO NOTHING",
)

_STATE: Final = ("due_at", "attempts", "reason", "first_ambiguous_at", "answered_at")

_SET: Final = BulkStatement(
    column_types(enrichment_tasks, (*TaskKey._fields, *_STATE)),
    f"UPDATE {{schema}}.{enrichment_tasks.name} AS t SET "  # noqa: S608
    f"{', '.join(f'{name} = rows.{name}' for name in _STATE)}, "
    "leased_until = CASE WHEN rows.answered_at IS NULL THEN NULL ELSE t.leased_until END "
    f"FROM {{rows}} WHERE {_SAME}",
)

_ANSWERED: Final = BulkStatement(
    column_types(enrichment_tasks, (*TaskKey._fields, "answered_at")),
    f"DELETE FROM {{schema}}.{enrichment_tasks.name} AS t USING {{rows}} "  # noqa: S608
    f"WHERE {_SAME} AND t.answered_at = rows.answered_at",
)

_ASK_AGAIN: Final = BulkStatement(
    column_types(enrichment_tasks, (*TaskKey._fields, "answered_at")),
    f"UPDATE {{schema}}.{enrichment_tasks.name} AS t "  # noqa: S608
    "SET answered_at = NULL, leased_until = NULL "
    f"FROM {{rows}} WHERE {_SAME} AND t.answered_at = rows.answered_at",
)

_LEFT_BEHIND: Final = text(f"""
WITH picked AS (
    SELECT {_KEY} FROM {SCHEMA}.enrichment_tasks AS t
    WHERE t.answered_at IS NOT NULL AND t.leased_until < now()
    LIMIT :count FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE {SCHEMA}.enrichment_tasks AS t SET leased_until = now() + :lease
    FROM picked AS rows WHERE {_SAME}
    RETURNING t.event, t.account_id, t.endpoint, t.object_id, t.answered_at
)
SELECT l.event, r.account_id, r.endpoint, r.object_id, r.read_at, r.event_id, r.field, r.status,
    r.reason, r.code, r.subcode, r.http_status, r.api_version, r.answer::text
FROM leased AS l JOIN {SCHEMA}.graph_reads AS r
    ON (r.account_id, r.endpoint, r.object_id, r.read_at)
        = (l.account_id, l.endpoint, l.object_id, l.answered_at)
""")  # noqa: S608

_UNTOLD: Final = "NOT t.parked_told AND t.answered_at IS NULL"

# From one account that has some to the next, along the index: however much is waiting, or was told,
# only what is to be told is looked at.
_PARKED: Final = text(f"""
WITH RECURSIVE waiting AS (
    SELECT min(t.account_id) AS account_id FROM {SCHEMA}.enrichment_tasks AS t WHERE {_UNTOLD}
    UNION ALL
    SELECT (
        SELECT min(t.account_id) FROM {SCHEMA}.enrichment_tasks AS t
        WHERE {_UNTOLD} AND t.account_id > waiting.account_id)
    FROM waiting WHERE waiting.account_id IS NOT NULL
)
SELECT {_TASK},
    coalesce(a.parked_endpoints ->> t.endpoint, a.state_reason, a.state, 'not_connected')
FROM waiting LEFT JOIN {SCHEMA}.accounts AS a USING (account_id)
CROSS JOIN LATERAL (
    SELECT * FROM {SCHEMA}.enrichment_tasks AS t
    WHERE t.account_id = waiting.account_id AND {_UNTOLD}
        AND (a.account_id IS NULL OR NOT {_OPEN} OR a.parked_endpoints ? t.endpoint)
    LIMIT :count
) AS t
WHERE a.account_id IS NULL OR NOT {_OPEN} OR a.parked_endpoints <> '{{}}'
LIMIT :count
""")  # noqa: S608

_TOLD: Final = BulkStatement(
    column_types(enrichment_tasks, TaskKey._fields),
    f"UPDATE {{schema}}.{enrichment_tasks.name} AS t SET parked_told = true "  # noqa: S608
    f"FROM {{rows}} WHERE {_SAME}",
)


class Due(NamedTuple):
    """An account with tasks of a priority that could be done now."""

    account_id: str
    priority: int


class TaskState(NamedTuple):
    """What a task is to become. With `answered_at` its lease goes on until that is published."""

    key: TaskKey
    due_at: datetime
    attempts: int
    reason: str | None
    first_ambiguous_at: datetime | None
    answered_at: datetime | None


class Recorded(NamedTuple):
    """A read, and the event that asked for it: what is published."""

    event: str
    event_id: str
    field: Field
    read: Read


class Queue:
    """The tasks of all accounts. Errors are those of `runtime.database.transaction`."""

    def __init__(self, engine: AsyncEngine, lease_s: float = 60.0) -> None:
        """What is taken is free again after `lease_s`, unless it was finished before."""
        self._engine = engine
        self._lease = timedelta(seconds=lease_s)

    async def put(self, tasks: Sequence[NewTask]) -> int:
        """Puts tasks down, but for those that are there or that a read has answered already.

        Gives how many are new, or more urgent than they were.
        """
        async with transaction(self._engine) as connection:
            return await _put(connection, tasks)

    async def due(self, priorities: Sequence[int]) -> list[Due]:
        """Who has something to be done now, the most urgent first; nobody who is parked."""
        async with transaction(self._engine) as connection:
            rows = await connection.execute(_DUE, {"priorities": list(priorities)})
            return [Due(*row) for row in rows]

    async def take(self, due: Due, count: int) -> list[Task]:
        """Leases up to `count` tasks. Nobody else gets them before the lease runs out."""
        values = {**due._asdict(), "count": count, "lease": self._lease}
        async with transaction(self._engine) as connection:
            return [Task(*row) for row in await connection.execute(_TAKE, values)]

    async def record(
        self, reads: Sequence[Recorded], states: Sequence[TaskState], more: Sequence[NewTask]
    ) -> None:
        """Records what was answered, says what becomes of the tasks, and puts down what they led
        to, in one transaction.
        """
        async with transaction(self._engine) as connection:
            if reads:
                await _RECORD.execute(connection, [_read_row(read) for read in reads])
            if states:
                await _SET.execute(connection, [(*one.key, *one[1:]) for one in sorted(states)])
            await _put(connection, more)

    async def published(self, reads: Sequence[Recorded]) -> None:
        """Ends the tasks of reads that are published; pending ones wait for their next turn."""
        done: list[tuple[Any, ...]] = []
        again: list[tuple[Any, ...]] = []
        for recorded in sorted(reads, key=lambda one: _key(one.read)):
            read = recorded.read
            rows = again if read.status == "pending" else done
            rows.append((*_key(read), read.read_at))
        async with transaction(self._engine) as connection:
            if done:
                await _ANSWERED.execute(connection, done)
            if again:
                await _ASK_AGAIN.execute(connection, again)

    async def left_behind(self, count: int) -> list[Recorded]:
        """Reads that a replica recorded and did not live to publish; leased to this one now."""
        async with transaction(self._engine) as connection:
            values = {"count": count, "lease": self._lease}
            return [_recorded(row) for row in await connection.execute(_LEFT_BEHIND, values)]

    async def parked(self, count: int) -> list[tuple[Task, str]]:
        """Tasks that wait for a person, with the reason, and whose rows do not tell it yet."""
        async with transaction(self._engine) as connection:
            rows = await connection.execute(_PARKED, {"count": count})
            return [(Task(*row[:-1]), row[-1]) for row in rows]

    async def parked_told(self, keys: Sequence[TaskKey]) -> None:
        """Their rows tell it now."""
        async with transaction(self._engine) as connection:
            await _TOLD.execute(connection, sorted(keys))


async def _put(connection: AsyncConnection, tasks: Sequence[NewTask]) -> int:
    # In one order, so that replicas never wait for each other in a circle; of each the most urgent.
    ordered = sorted(tasks, key=lambda task: (task[:3], -task.priority, task))
    rows = list({task[:3]: task for task in ordered}.values())
    return await _PUT.execute(connection, rows) if rows else 0


def _key(read: Read) -> TaskKey:
    return TaskKey(read.account_id, read.endpoint, read.object_id)


def _read_row(recorded: Recorded) -> tuple[Any, ...]:
    read = recorded.read
    answer = None if read.answer is None else column_json(read.answer)
    told = (read.status, read.reason, read.code, read.subcode, read.http_status, read.api_version)
    return (*_key(read), read.read_at, recorded.event_id, recorded.field, *told, answer)


def _recorded(row: Row[Any]) -> Recorded:
    event: str = row[0]
    told: dict[str, Any] = dict(zip(_READ, row[1:], strict=True))
    event_id, field, answer = told.pop("event_id"), told.pop("field"), told.pop("answer")
    read = Read.model_validate(told | {"answer": answer and json.loads(answer)})
    return Recorded(event, event_id, field, read)
