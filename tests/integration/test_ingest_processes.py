"""Several ingest processes on one port: as `python -m ingest` runs them."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
from aiohttp import ClientConnectionError, ClientSession, ClientTimeout
from prometheus_client.mmap_dict import MmapedDict

from ingest.service import PATH
from schemas.topics import RAW_TOPICS
from simulator.signing import headers
from tests.integration.broker import WAIT_S, Broker, grown, until
from tests.integration.service import SECRET, VERIFY_TOKEN, free_port

BODY = b"signed and unreadable"


class Service:
    """A parent process, its children, and the port that these share."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
        self.parent = psutil.Process(process.pid)
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._folder = folder

    def listening(self) -> dict[int, psutil.Process]:
        """The processes that hold the port now."""
        return {
            process.pid: process
            for process in self.parent.children(recursive=True)
            if any(
                told.status == psutil.CONN_LISTEN and told.laddr.port == self._port
                for told in _connections(process)
            )
        }

    async def post(self, secret: bytes = SECRET) -> bool:
        """Whether a delivery over a connection of its own is accepted."""
        timeout = ClientTimeout(WAIT_S)
        try:
            async with (
                ClientSession(timeout=timeout) as client,
                client.post(self.url + PATH, data=BODY, headers=headers(BODY, secret)) as answer,
            ):
                return answer.status == 200
        except ClientConnectionError:
            return False

    async def tells(self, line: str) -> bool:
        """Whether a line is on the page."""
        return line in (await self.page()).splitlines()

    async def page(self) -> str:
        """The metrics as any of the processes tells them."""
        async with ClientSession() as client, client.get(self.url + "/metrics") as answer:
            return await answer.text()

    def accepted_by_process(self) -> dict[str, float]:
        """What each process counted for itself."""
        counts: dict[str, float] = {}
        for path in self._folder.glob("hookline-metrics-*/counter_*.db"):
            read = MmapedDict.read_all_values_from_file
            for key, value, *_ in read(str(path)):  # type: ignore[no-untyped-call]
                if '"accepted"' in key:
                    counts[path.name] = counts.get(path.name, 0) + value
        return counts


def _connections(process: psutil.Process) -> Iterator[Any]:
    try:
        yield from process.net_connections("tcp")
    except psutil.Error:
        return


@asynccontextmanager
async def two_processes(broker: Broker, folder: Path) -> AsyncIterator[Service]:
    """`python -m ingest` with two processes, both listening."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HOOKLINE_")},
        "TMPDIR": str(folder),
        "HOOKLINE_KAFKA_BOOTSTRAP": broker.bootstrap,
        "HOOKLINE_APP_SECRETS": f"1001:{SECRET.decode()}",
        "HOOKLINE_VERIFY_TOKEN": VERIFY_TOKEN,
        "HOOKLINE_INGEST_PORT": str(port),
        "HOOKLINE_INGEST_PROCESSES": "2",
        "HOOKLINE_INGEST_PUBLISH_TIMEOUT_S": "20",
    }
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220  # started once, and returns at once
            [sys.executable, "-m", "ingest"], env=environment, stdout=output, stderr=output
        )
    service = Service(process, port, folder)
    family = {process.pid: service.parent}
    try:
        await until(lambda: len(service.listening()) == 2)
        family |= {one.pid: one for one in service.parent.children(recursive=True)}
        yield service
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, WAIT_S)
        finally:
            for left in family.values():
                if left.is_running():
                    left.kill()


async def test_two_processes_serve_one_port_and_count_as_one(
    broker: Broker, tmp_path: Path
) -> None:
    """Both take deliveries, whichever is asked tells the sum, and one that is killed comes back."""
    before = await broker.ends(RAW_TOPICS)
    async with two_processes(broker, tmp_path) as service:
        assert all(await asyncio.gather(*(service.post() for _ in range(40))))
        counts = service.accepted_by_process()
        assert len(counts) == 2
        assert all(counts.values())
        assert sum(counts.values()) == 40
        for _ in range(6):
            assert await service.tells('hookline_deliveries_total{outcome="accepted"} 40.0')
        # A few failures of each process are those of the line: Meta sees one callback.
        assert not any(await asyncio.gather(*(service.post(b"another") for _ in range(5))))
        await until(lambda: service.tells("hookline_ingest_failure_ratio 0.111"))

        killed = next(iter(service.listening().values()))
        killed.kill()
        await until(lambda: len(set(service.listening()) - {killed.pid}) == 2)
        assert all(await asyncio.gather(*(service.post() for _ in range(20))))
        counts = service.accepted_by_process()
        assert sum(counts.values()) == 60
        assert len(counts) == 3
    assert grown(before, await broker.ends(RAW_TOPICS)) == 60
    assert not service.parent.is_running()


async def test_children_end_with_a_parent_that_was_killed(broker: Broker, tmp_path: Path) -> None:
    """Nobody keeps the port, and nobody lives on unseen."""
    async with two_processes(broker, tmp_path) as service:
        children = list(service.listening().values())
        assert await service.post()
        service.parent.kill()
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, WAIT_S)
        assert alive == []
        assert not await service.post()
