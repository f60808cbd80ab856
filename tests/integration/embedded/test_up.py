"""`hookline up`: what it keeps, what it restarts, and how it ends."""

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest

from hookline.embedded.ports import port_for
from simulator.sender import send
from simulator.target import Target
from simulator.traffic import mixed
from tests.integration.embedded.conftest import GIVEN, StartUp, Up, runs, until

STOP_LIMIT_S = 15.0
DELIVERIES = 40

KEPT = ("ingest_url", "kafka_bootstrap", "database_url", "metrics_urls", "app_secret", "settings")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a path that settings files and shells could trip over."""
    return tmp_path_factory.mktemp("up") / "my data, ü"


@pytest.fixture(scope="module")
def port() -> str:
    """A free port for ingest."""
    return str(port_for({}, "ingest"))


async def test_deliveries_survive_any_end(start_up: StartUp, folder: Path, port: str) -> None:
    """Servers killed, everything killed at once, stopped and started: the rows are there."""
    up = start_up(folder, "--port", port).ready()
    first = up.state
    assert first["settings"].items() >= GIVEN.items()
    acknowledged = await _send(up, seed=1)
    await _stored(up, acknowledged)

    for name in ("postgres", "kafka"):
        os.kill(first["pids"][name], signal.SIGKILL)
    until(lambda: _replaced(up, first, {"postgres", "kafka"}))
    assert {key: up.state[key] for key in KEPT} == {key: first[key] for key in KEPT}
    until(up.services_ready)
    acknowledged |= await _send(up, seed=2)
    await _stored(up, acknowledged)

    for pid in (up.process.pid, *up.state["pids"].values()):
        os.kill(pid, signal.SIGKILL)
    up.process.wait()
    up = start_up(folder, "--port", port).ready()
    assert {key: up.state[key] for key in KEPT} == {key: first[key] for key in KEPT}
    await _stored(up, acknowledged)
    pids = up.state["pids"]
    assert up.stop() < STOP_LIMIT_S
    assert up.process.returncode == 0
    assert not any(map(runs, pids.values()))
    assert not (folder / "state.json").exists()


def test_a_second_one_is_refused_and_a_killed_one_ends_its_children(
    start_up: StartUp, folder: Path, port: str
) -> None:
    """The pid that is told is the one that holds the folder; its end frees the folder."""
    up = start_up(folder, "--port", port, "--workers", "dedupe=2").ready()
    second = start_up(folder)
    assert second.process.wait(60) == 1
    assert f"in use by process {up.process.pid}." in second.output

    pids = up.state["pids"]
    assert sorted(pids) == [
        "archive", "dedupe", "dedupe-2", "enrich", "ingest", "kafka", "persist", "postgres",
        "reply", "watchdog",
    ]  # fmt: skip
    os.kill(up.process.pid, signal.SIGKILL)
    up.process.wait()
    until(lambda: not any(map(runs, pids.values())), deadline_s=STOP_LIMIT_S)


def test_it_stops_in_time_when_nothing_listens(start_up: StartUp, folder: Path, port: str) -> None:
    """Deadlines add up: ingest, a worker and both servers hang, and all end within 15 s."""
    up = start_up(folder, "--port", port).ready()
    pids = up.state["pids"]
    for name in ("ingest", "persist", "kafka", "postgres"):
        os.kill(pids[name], signal.SIGSTOP)
    assert up.stop() < STOP_LIMIT_S
    assert up.process.returncode == 0
    assert not any(map(runs, pids.values()))
    told = up.output
    order = [told.index(f"{name} did not stop") for name in ("ingest", "persist", "kafka")]
    assert order == sorted(order)


def test_it_can_be_stopped_before_it_is_ready(start_up: StartUp, folder: Path, port: str) -> None:
    """Nothing is left running, and it says that it had not been ready."""
    up = start_up(folder, "--port", port)
    until(lambda: "Starting Kafka" in up.output)
    assert up.stop() < STOP_LIMIT_S
    assert up.process.returncode == 1
    assert "Stopped before it was ready." in up.output
    assert not (folder / "state.json").exists()


async def _send(up: Up, seed: int) -> set[str]:
    """Sends some traffic; gives the sums of the bodies that were acknowledged."""
    state = up.state
    target = Target(state["ingest_url"], state["app_secret"].encode(), state["app_id"])
    report = await send(target, mixed(seed, DELIVERIES))
    return set(report.acknowledged_set())


async def _stored(up: Up, expected: set[str]) -> None:
    """Returns when all these bodies are archived."""
    async with asyncio.timeout(60):
        connection = await asyncpg.connect(up.state["database_url"])
        try:
            while not expected <= await _archived(connection):
                await asyncio.sleep(0)  # a query each time: the pause is the server's
        finally:
            await connection.close()


async def _archived(connection: "asyncpg.Connection[asyncpg.Record]") -> set[str]:
    rows = await connection.fetch("SELECT encode(sha256(body), 'hex') FROM hookline.deliveries")
    return {row[0] for row in rows}


def _replaced(up: Up, before: dict[str, dict[str, int]], names: set[str]) -> bool:
    """Whether `state.json` has new, living processes of these names."""
    now = up.state["pids"]
    return all(
        name in now and now[name] != before["pids"][name] and runs(now[name]) for name in names
    )
