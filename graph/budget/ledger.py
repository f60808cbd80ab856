"""The pools of all accounts in PostgreSQL, shared by every replica. Its clock is everybody's."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from graph.budget.pool import (
    FULL_PERCENT,
    WINDOWS,
    Outcome,
    Pool,
    PoolName,
    Rules,
    allowance,
    look_again_at,
    reserve,
    settle,
)
from runtime import metrics
from runtime.database import transaction
from schemas.tables import SCHEMA, graph_usage

_COLUMNS: Final = tuple(field.name for field in fields(Pool))

_OPEN: Final = text(
    f"INSERT INTO {SCHEMA}.{graph_usage.name} "  # noqa: S608
    "(app_id, account_id, pool, calls, calls_before, unreported, reserved) "
    "VALUES (:app_id, :account_id, :pool, 0, 0, 0, 0) ON CONFLICT DO NOTHING"
)

_LOCK: Final = text(
    f"SELECT clock_timestamp(), {', '.join(_COLUMNS)} "  # noqa: S608
    f"FROM {SCHEMA}.{graph_usage.name} "
    "WHERE app_id = :app_id AND account_id = :account_id AND pool = :pool FOR UPDATE"
)

_WRITE: Final = text(
    f"UPDATE {SCHEMA}.{graph_usage.name} "  # noqa: S608
    f"SET {', '.join(f'{name} = :{name}' for name in _COLUMNS)} "
    "WHERE app_id = :app_id AND account_id = :account_id AND pool = :pool"
)


class Grant(NamedTuple):
    """Calls that may be made now; `calls` is 0 when none may, and then not before `not_before`."""

    app_id: str
    account_id: str
    calls: int
    at: datetime
    not_before: datetime


class Ledger:
    """Reservations of calls. Errors are those of `runtime.database.transaction`."""

    def __init__(
        self,
        engine: AsyncEngine,
        target_utilisation: float,
        call_timeout_s: float,
        windows: Mapping[PoolName, timedelta] = WINDOWS,
    ) -> None:
        """Calls end within `call_timeout_s`; those of a replica that died count as made then."""
        self._engine = engine
        self._windows = windows
        self._target_percent = target_utilisation * FULL_PERCENT
        self._call_timeout = timedelta(seconds=call_timeout_s)

    async def reserve(
        self, app_id: str, account_id: str, wanted: int, *, urgent: bool = False
    ) -> Grant:
        """Up to `wanted` calls of an app for an account. Who gets some must `settle` them.

        Urgent ones may use half of what the others leave above the target.
        """
        async with transaction(self._engine) as connection:
            pools, now = await self._locked(connection, app_id, account_id)
            calls, not_before = wanted, now
            for name, pool in pools.items():
                rules = self._rules(name, urgent=urgent)
                calls = min(calls, allowance(pool, rules, now, calls, in_part=urgent))
                if not calls:
                    not_before = max(not_before, look_again_at(pool, rules, now))
            if calls:
                until = now + self._call_timeout
                reserved = {name: reserve(pool, now, calls, until) for name, pool in pools.items()}
                await _write(connection, app_id, account_id, reserved)
        return Grant(app_id, account_id, calls, now, not_before)

    async def settle(self, grant: Grant, outcomes: Mapping[PoolName, Outcome]) -> None:
        """Gives the calls of a grant back, with what became of them."""
        async with transaction(self._engine) as connection:
            pools, now = await self._locked(connection, grant.app_id, grant.account_id)
            settled = {
                name: settle(
                    pool,
                    self._rules(name, urgent=False),
                    now,
                    grant.at,
                    grant.calls,
                    outcomes[name],
                )
                for name, pool in pools.items()
            }
            await _write(connection, grant.app_id, grant.account_id, settled)
        for name, pool in settled.items():
            if pool.used_percent is not None:
                account_id = _key(grant.app_id, grant.account_id, name)["account_id"]
                metrics.GRAPH_BUDGET_USED.labels(account_id).set(pool.used_percent / FULL_PERCENT)

    def _rules(self, name: PoolName, *, urgent: bool) -> Rules:
        above = (FULL_PERCENT - self._target_percent) / 2 if urgent else 0.0
        return Rules(self._windows[name], self._target_percent + above)

    async def _locked(
        self, connection: AsyncConnection, app_id: str, account_id: str
    ) -> tuple[dict[PoolName, Pool], datetime]:
        """Both pools, in one order everywhere, and the time once they are locked."""
        pools: dict[PoolName, Pool] = {}
        for name in self._windows:
            key = _key(app_id, account_id, name)
            found = (await connection.execute(_LOCK, key)).one_or_none()
            if found is None:
                await connection.execute(_OPEN, key)
                found = (await connection.execute(_LOCK, key)).one()
            now, *values = found
            pools[name] = Pool(*values)
        return pools, now


async def _write(
    connection: AsyncConnection, app_id: str, account_id: str, pools: Mapping[PoolName, Pool]
) -> None:
    for name, pool in pools.items():
        await connection.execute(_WRITE, asdict(pool) | _key(app_id, account_id, name))


def _key(app_id: str, account_id: str, pool: PoolName) -> dict[str, str]:
    """The app's own pool belongs to no account."""
    return {"app_id": app_id, "account_id": "" if pool == "app" else account_id, "pool": pool}
