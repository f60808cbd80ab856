"""The breaker: too many dead letters stop a stage, in every replica, until somebody closes it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

import runtime.breaker
import runtime.lag
from runtime.database import transaction
from runtime.errors import RejectError
from runtime.worker import Outcome, Record, dead_letter
from schemas.settings import WorkerSettings
from schemas.tables import breakers
from schemas.topics import DEAD_LETTERS
from tests.faults.proxy import Proxy
from tests.integration.broker import Broker, grown, until
from tests.integration.conftest import MakeWorkerSettings
from tests.integration.replica import Line, new_line, running


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.breaker, "LOOK_INTERVAL_S", 0.2)


@pytest.fixture
def settings(worker_settings: MakeWorkerSettings, database_url: str) -> WorkerSettings:
    """Four dead letters in a row are too many."""
    return worker_settings(
        database_url=database_url, worker_breaker_run=4, worker_breaker_ratio=1.0
    )


async def refuse(_: Sequence[Record]) -> Outcome:
    """As when the cause is nothing in the records."""
    raise RejectError("broken", "everything is refused")


async def row(engine: AsyncEngine, stage: str) -> str | None:
    """The reason in the stage's row."""
    async with transaction(engine) as connection:
        reason: str | None = await connection.scalar(
            select(breakers.c.reason).where(breakers.c.stage == stage)
        )
    return reason


async def close(engine: AsyncEngine, stage: str) -> None:
    """As `hookline dead-letters resume` does."""
    async with transaction(engine) as connection:
        await connection.execute(
            update(breakers).where(breakers.c.stage == stage).values(closed_at=datetime.now(UTC))
        )


async def _committed(line: Line, count: int) -> bool:
    return await line.committed() == count


def breaker_open(line: Line) -> float | None:
    """The gauge."""
    return REGISTRY.get_sample_value("hookline_breaker_open", {"stage": line.name})


async def test_it_stops_at_the_limit_and_goes_on_when_closed(
    broker: Broker, settings: WorkerSettings, engine: AsyncEngine
) -> None:
    """In the middle of a batch: what is done is committed, the rest waits and is not lost."""

    async def echo(records: Sequence[Record]) -> Outcome:
        return line.echo(records)

    line = await new_line(broker, refuse)
    before, letters = await broker.ends([line.out]), await broker.ends([DEAD_LETTERS])
    values = await line.feed(settings, 20)
    with capture_logs() as logs:
        async with running(line, settings) as replica:
            await until(lambda: "breaker_open" in replica.readiness.reasons)
            await until(lambda: _committed(line, 4))
            await until(lambda: row(engine, line.name))
            calls = len(line.calls)
            await asyncio.sleep(0.6)
            assert len(line.calls) == calls
            assert replica.readiness.reasons == ["breaker_open"]
            assert breaker_open(line) == 1
            line.effect = echo
            await close(engine, line.name)
            await until(lambda: _committed(line, 20))
            assert replica.readiness.reasons == []
            assert breaker_open(line) == 0
    opened = [entry for entry in logs if entry["event"] == "breaker_open"]
    assert [(entry["log_level"], entry["reason"]) for entry in opened] == [
        ("error", "4 dead letters in a row")
    ]
    found = [record.value for record in await broker.new_records(letters)]
    assert sorted(found, key=lambda value: value or b"") == values[:4]
    assert [record.value for record in await broker.new_records(before)] == values[4:]


async def test_it_holds_every_replica_also_after_a_restart(
    broker: Broker, settings: WorkerSettings, engine: AsyncEngine
) -> None:
    """Whoever looks at the row consumes nothing, and stays in the group."""

    async def echo(records: Sequence[Record]) -> Outcome:
        return line.echo(records)

    line = await new_line(broker, refuse, partitions=2)
    values = await line.feed(settings, 40)
    async with running(line, settings) as first, running(line, settings) as second:
        for replica in (first, second):
            await until(lambda replica=replica: replica.readiness.reasons == ["breaker_open"])
    line.effect = echo
    done = sum(map(len, line.calls))
    async with running(line, settings) as third:
        await until(lambda: third.readiness.reasons == ["breaker_open"])
        await asyncio.sleep(0.6)
        assert sum(map(len, line.calls)) == done
        await close(engine, line.name)
        await until(lambda: _committed(line, 40))
    assert {value for call in line.calls for value in call} == set(values)


async def test_dead_letters_that_a_handler_finds_itself_count(
    broker: Broker, settings: WorkerSettings
) -> None:
    """A share of them in whole batches, none of which was refused."""

    async def some_dead(records: Sequence[Record]) -> Outcome:
        dead = [dead_letter(line.name, one, "odd", "an odd one") for one in records[::5]]
        return Outcome(dead=dead)

    line = await new_line(broker, some_dead)
    changes = {"worker_breaker_ratio": 0.1, "worker_breaker_min_records": 30}
    given = settings.model_copy(update={**changes, "worker_max_records": 10})
    letters = await broker.ends([DEAD_LETTERS])
    await line.feed(given, 100)
    async with running(line, given) as replica:
        await until(lambda: replica.readiness.reasons == ["breaker_open"])
        await until(lambda: _committed(line, 30))
    assert grown(letters, await broker.ends([DEAD_LETTERS])) == 6


async def test_it_holds_while_postgres_is_away(
    broker: Broker, settings: WorkerSettings, engine: AsyncEngine, database_url: str
) -> None:
    """It trips without the database, and is written once that is back."""

    async def refuse_without_database(records: Sequence[Record]) -> Outcome:
        await proxy.refuse()
        return await refuse(records)

    line = await new_line(broker, refuse_without_database)
    await line.feed(settings, 20)
    async with Proxy("127.0.0.1", engine.url.port or 0) as proxy:
        away = WorkerSettings.model_validate(
            {
                "kafka_bootstrap": settings.kafka_bootstrap,
                "database_url": proxy.before(database_url),
                "worker_breaker_run": 4,
            }
        )
        async with running(line, away) as replica:
            both = ["breaker_open", "database_unavailable"]
            await until(lambda: replica.readiness.reasons == both)
            calls = len(line.calls)
            await asyncio.sleep(0.6)
            assert len(line.calls) == calls
            assert await row(engine, line.name) is None
            await proxy.heal()
            await until(lambda: row(engine, line.name))
            assert replica.readiness.reasons == ["breaker_open"]


async def test_nothing_is_consumed_before_the_row_was_looked_at(
    broker: Broker, settings: WorkerSettings, database_url: str, engine: AsyncEngine
) -> None:
    """With PostgreSQL away nobody knows whether the breaker is open."""

    async def echo(records: Sequence[Record]) -> Outcome:
        return line.echo(records)

    line = await new_line(broker, echo)
    await line.feed(settings, 5)
    async with Proxy("127.0.0.1", engine.url.port or 0) as proxy:
        await proxy.refuse()
        away = settings.model_copy(
            update={"database_url": type(settings.database_url)(proxy.before(database_url))}
        )
        async with running(line, away) as replica:
            unknown = ["breaker_unknown", "database_unavailable"]
            await until(lambda: replica.readiness.reasons == unknown)
            assert line.calls == []
            await proxy.heal()
            await until(lambda: _committed(line, 5))


async def test_an_idle_worker_notices_that_postgres_is_away(
    broker: Broker, settings: WorkerSettings, database_url: str, engine: AsyncEngine
) -> None:
    """And that it is back."""
    line = await new_line(broker, refuse)
    async with Proxy("127.0.0.1", engine.url.port or 0) as proxy:
        away = settings.model_copy(
            update={"database_url": type(settings.database_url)(proxy.before(database_url))}
        )
        async with running(line, away) as replica:
            for fault in (proxy.refuse, _stalled(proxy)):
                await until(lambda: replica.readiness.reasons == [])
                await fault()
                await until(lambda: replica.readiness.reasons == ["database_unavailable"])
                await proxy.heal()
            await until(lambda: replica.readiness.reasons == [])


def _stalled(proxy: Proxy) -> Callable[[], Awaitable[None]]:
    async def stall() -> None:
        proxy.stall()

    return stall


async def test_a_held_worker_of_a_new_group_knows_that_kafka_is_there(
    broker: Broker,
    settings: WorkerSettings,
    engine: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has no place in any partition yet, and says nothing but what holds it."""
    monkeypatch.setattr(runtime.lag, "LOOK_INTERVAL_S", 0.2)
    line = await new_line(broker, refuse)
    async with transaction(engine) as connection:
        held = insert(breakers).values(
            stage=line.name, opened_at=datetime.now(UTC), reason="by hand"
        )
        await connection.execute(held)
    async with running(line, settings) as replica:
        await until(lambda: replica.readiness.reasons == ["breaker_open"])
        for _ in range(60):
            await asyncio.sleep(0.1)
            assert replica.readiness.reasons == ["breaker_open"]
