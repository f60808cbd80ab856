"""With a spool, deliveries are accepted while Kafka is away, and are in Kafka afterwards."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError, ClientSession

from ingest.service import PATH
from ingest.spool.segment import Entry, encode
from ingest.spool.slot import take
from schemas.crash_points import CrashPoint
from schemas.topics import RAW_TOPICS
from simulator.signing import headers
from tests.faults.proxy import Proxy, before_kafka
from tests.integration.broker import Broker, Offsets, grown, until
from tests.integration.process import process
from tests.integration.service import SECRET, VERIFY_TOKEN, free_port, running_ingest


def body(number: int, padding: int = 0) -> bytes:
    """A delivery of one comment, each another one."""
    return (
        b'{"object":"instagram","entry":[{"id":"1","time":1,"changes":[{"field":"comments",'
        b'"value":{"id":"%d","text":"%s"}}]}]}' % (number, b"x" * padding)
    )


@pytest.fixture
async def kafka(broker: Broker) -> AsyncIterator[Proxy]:
    """A way to Kafka that can be closed."""
    async with before_kafka(broker.bootstrap) as (proxy,):
        yield proxy


def segments(folder: Path) -> list[Path]:
    """What is on the disk."""
    return sorted(folder.rglob("*.segment"))


def kept(folder: Path) -> list[str]:
    """Names of what was put aside."""
    return [path.name for path in folder.rglob("*.corrupt")]


async def arrived(broker: Broker, before: Offsets, bodies: Iterable[bytes]) -> None:
    """Every body is in Kafka, as it came, and nothing else; some perhaps twice."""
    wanted = set(bodies)

    async def enough() -> bool:
        return grown(before, await broker.ends(RAW_TOPICS)) >= len(wanted)

    await until(enough, 60)
    assert {record.value for record in await broker.new_records(before)} == wanted


@pytest.mark.parametrize("fault", ["refuse", "stall"])
async def test_what_kafka_does_not_take_is_spooled_and_sent_on(
    broker: Broker, kafka: Proxy, tmp_path: Path, fault: str
) -> None:
    """Answered 200 all the while, ready all the while; the disk is empty at the end."""
    before = await broker.ends(RAW_TOPICS)
    options = {"ingest_spool_dir": tmp_path, "ingest_spool_after_s": 0.3}
    async with running_ingest(kafka.address, **options) as ingest:
        assert (await ingest.post(body(0))).status == 200
        assert not segments(tmp_path)
        if fault == "refuse":
            await kafka.refuse()
        else:
            kafka.stall()
        answers = await asyncio.gather(*(ingest.post(body(number)) for number in range(1, 20)))
        assert {answer.status for answer in answers} == {200}
        assert segments(tmp_path)
        assert (await ingest.ask("GET", "/readyz")).status == 200
        page = (await ingest.ask("GET", "/metrics")).body.decode()
        assert 'hookline_deliveries_total{outcome="spooled"}' in page
        await kafka.heal()
        await arrived(broker, before, [body(number) for number in range(20)])
        await until(lambda: not segments(tmp_path))
        assert (await ingest.post(body(20))).status == 200
        await until(lambda: not segments(tmp_path))


async def test_a_full_spool_is_a_503(broker: Broker, kafka: Proxy, tmp_path: Path) -> None:
    """Nothing is answered 200 that is not on the disk."""
    before = await broker.ends(RAW_TOPICS)
    options = {
        "ingest_spool_dir": tmp_path,
        "ingest_spool_after_s": 0.3,
        "ingest_spool_max_bytes": 1024 * 1024,
    }
    async with running_ingest(kafka.address, **options) as ingest:
        await kafka.refuse()
        accepted: list[bytes] = []
        for number in range(5):
            large = body(number, 300_000)
            answer = await ingest.post(large)
            if answer.status == 200:
                accepted.append(large)
            else:
                assert answer.status == 503
                assert answer.reason == "spool_full"
                assert answer.headers["Retry-After"]
        assert len(accepted) == 3
        await kafka.heal()
        await arrived(broker, before, accepted)


class Process:
    """Ingest as a process of its own, with a spool."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.settings = {
            "KAFKA_BOOTSTRAP": bootstrap,
            "APP_SECRETS": f"1001:{SECRET.decode()}",
            "VERIFY_TOKEN": VERIFY_TOKEN,
            "INGEST_PORT": str(self.port),
            "INGEST_SPOOL_DIR": str(folder / "spool"),
            "INGEST_SPOOL_AFTER_S": "0.3",
        }

    @asynccontextmanager
    async def running(self, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Until the context ends. It listens, unless it died before."""
        log = self.folder / "ingest.log"
        async with process(log, "ingest", **(self.settings | settings)) as started:
            await until(lambda: self._listens_or_died(started))
            yield started

    async def post(self, data: bytes) -> int:
        """A signed delivery; gives the status."""
        url = f"http://127.0.0.1:{self.port}{PATH}"
        async with ClientSession() as client:
            answer = await client.post(url, data=data, headers=headers(data, SECRET))
            return answer.status

    async def _listens_or_died(self, started: asyncio.subprocess.Process) -> bool:
        if started.returncode is not None:
            return True
        try:
            async with ClientSession() as client:
                answer = await client.get(f"http://127.0.0.1:{self.port}/livez")
                return answer.status == 200
        except ClientConnectionError:
            return False


async def test_a_killed_process_leaves_its_spool_to_the_next(
    broker: Broker, kafka: Proxy, tmp_path: Path
) -> None:
    """Which starts without Kafka, takes more, and sends all of it on when Kafka is back."""
    before = await broker.ends(RAW_TOPICS)
    ingest = Process(tmp_path, kafka.address)
    await kafka.refuse()
    for first in (0, 10):
        async with ingest.running() as started:
            posts = (ingest.post(body(number)) for number in range(first, first + 10))
            assert set(await asyncio.gather(*posts)) == {200}
            started.kill()
            await started.wait()
    await kafka.heal()
    async with ingest.running():
        await arrived(broker, before, [body(number) for number in range(20)])
        await until(lambda: not segments(tmp_path))


async def test_a_crash_within_the_drain_loses_nothing(
    broker: Broker, kafka: Proxy, tmp_path: Path
) -> None:
    """Kafka has the deliveries, the spool still has them too: they are sent again."""
    before = await broker.ends(RAW_TOPICS)
    ingest = Process(tmp_path, kafka.address)
    await kafka.refuse()
    async with ingest.running(CRASH_POINT=CrashPoint.SPOOL_DRAINED) as started:
        assert await ingest.post(body(1)) == 200
        await kafka.heal()
        async with asyncio.timeout(60):
            assert await started.wait() == -signal.SIGKILL
    assert segments(tmp_path)
    async with ingest.running():
        await until(lambda: not segments(tmp_path))
    await arrived(broker, before, [body(1)])
    assert grown(before, await broker.ends(RAW_TOPICS)) == 2


async def test_what_was_damaged_is_kept_and_the_rest_sent(broker: Broker, tmp_path: Path) -> None:
    """A folder that nobody holds is adopted; a damaged segment stays, a torn end does not."""
    before = await broker.ends(RAW_TOPICS)
    mine, other = take(tmp_path), take(tmp_path)
    torn, damaged = mine.new_segment(), other.new_segment()
    torn.write_bytes(encode(_entry(1)) + encode(_entry(2))[:-1])
    broken = bytearray(encode(_entry(3)))
    broken[-1] ^= 1
    damaged.write_bytes(bytes(broken) + encode(_entry(4)))
    mine.release()
    other.release()
    async with running_ingest(broker.bootstrap, ingest_spool_dir=tmp_path):
        await arrived(broker, before, [body(1), body(4)])
        await until(lambda: not segments(tmp_path))
    assert kept(tmp_path) == [f"{damaged.stem}.corrupt"]


def _entry(number: int) -> Entry:
    return Entry(("instagram.raw.comments",), b"key", [("source", b"webhook")], body(number))
