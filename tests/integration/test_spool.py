"""With a spool, deliveries are accepted while Kafka is away, and are in Kafka afterwards."""

import asyncio
import errno
import gc
import signal
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError, ClientSession

import runtime.kafka
from ingest import metrics
from ingest.service import PATH
from ingest.spool import spool, writer
from ingest.spool.segment import Entry, encode
from ingest.spool.sending import send
from ingest.spool.slot import Aside, Slot, hold, take
from ingest.spool.tail import Tail
from runtime.lifecycle import CLOSE_TIMEOUT_S
from runtime.publisher import Publisher
from schemas.crash_points import CrashPoint
from schemas.topics import RAW_TOPICS
from simulator.signing import headers
from tests.faults.proxy import Proxy, before_kafka
from tests.integration.broker import Broker, Offsets, grown, until
from tests.integration.conftest import MakeWorkerSettings
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
    return [path.name for path in folder.rglob("*.*") if path.suffix in list(Aside)]


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


async def test_what_kafka_refuses_for_good_goes_aside(broker: Broker, tmp_path: Path) -> None:
    """It holds nothing up, nothing is sent again for it, and the next start tries it again."""
    before = await broker.ends(RAW_TOPICS)
    small, large = 70_000, 2 * 1024 * 1024
    slot = take(tmp_path)
    entries = [_entry(1), _entry(2, large), _entry(3, topic="gone"), _entry(4, small)]
    refused = slot.new_segment()
    refused.write_bytes(b"".join(map(encode, entries)))
    slot.new_segment().write_bytes(encode(_entry(5)))
    slot.release()
    options = {"ingest_spool_dir": tmp_path, "ingest_max_body_bytes": small * 2}
    async with running_ingest(broker.bootstrap, **options) as ingest:
        await arrived(broker, before, [body(1), body(4, small), body(5)])
        await until(lambda: not segments(tmp_path))
        assert grown(before, await broker.ends(RAW_TOPICS)) == 3
        assert refused.with_suffix(".refused").exists()
        page = (await ingest.ask("GET", "/metrics")).body.decode()
        assert 'hookline_ingest_spool_kept_aside_total{reason="refused"}' in page
        size_bytes = refused.with_suffix(".refused").stat().st_size
        await until(
            lambda: next(iter(metrics.SPOOL_BYTES.collect())).samples[0].value == size_bytes
        )
    before = await broker.ends(RAW_TOPICS)
    async with running_ingest(broker.bootstrap, ingest_spool_dir=tmp_path):
        await arrived(broker, before, [body(1), body(2, large), body(4, small)])
        await until(lambda: not segments(tmp_path))
    assert kept(tmp_path) == [f"{refused.stem}.refused"]


async def test_a_topic_that_takes_too_little_refuses_nobody_else(
    broker: Broker, worker_settings: MakeWorkerSettings
) -> None:
    """What travelled with a delivery that is too large for it arrives."""
    topic = await broker.topic(max_message_bytes="5000")
    before = await broker.ends([topic])
    entries = [_entry(number, 100 if number != 3 else 20_000, topic) for number in range(6)]
    async with Publisher(worker_settings()) as publisher:
        await publisher.learn([topic])
        async with asyncio.timeout(60):
            assert await send(publisher, entries) == [entries[3]]
    found = {record.value for record in await broker.new_records(before)}
    assert found == {entry.body for entry in entries} - {entries[3].body}


async def test_a_folder_that_cannot_be_read_keeps_no_other_back(
    broker: Broker, tmp_path: Path
) -> None:
    """Nor is it held: whoever can read it may."""
    before = await broker.ends(RAW_TOPICS)
    slots = [take(tmp_path) for _ in range(3)]
    slots[1].new_segment().mkdir()
    slots[2].new_segment().write_bytes(encode(_entry(1)))
    for slot in slots:
        slot.release()
    async with running_ingest(broker.bootstrap, ingest_spool_dir=tmp_path) as ingest:
        await arrived(broker, before, [body(1)])
        assert (await ingest.post(body(2))).status == 200
        unreadable = hold(slots[1].path)
        assert unreadable is not None
        unreadable.release()


async def test_a_segment_that_does_not_go_is_not_sent_again(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When its file cannot be removed, that is what is tried again."""
    monkeypatch.setattr(spool, "FAILED_INTERVAL_S", 0.1)
    finish, tries = Slot.finish, 0

    def fail_twice(slot: Slot, segment: Path, aside: Aside | None = None) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError(errno.EROFS, "Read-only file system")
        finish(slot, segment, aside)

    monkeypatch.setattr(Slot, "finish", fail_twice)
    before = await broker.ends(RAW_TOPICS)
    slot = take(tmp_path)
    slot.new_segment().write_bytes(encode(_entry(1)))
    slot.release()
    async with running_ingest(broker.bootstrap, ingest_spool_dir=tmp_path):
        await until(lambda: not segments(tmp_path))
    assert grown(before, await broker.ends(RAW_TOPICS)) == 1


async def test_a_disk_that_stands_still_is_a_503(
    broker: Broker, kafka: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In time, and not ready meanwhile; all is well when it goes on."""
    monkeypatch.setattr(writer, "WRITE_TIMEOUT_S", 0.2)
    goes_on = threading.Event()
    write = Tail.write

    def slowly(tail: Tail, chunks: Iterable[bytes]) -> None:
        assert goes_on.wait(60)
        write(tail, chunks)

    monkeypatch.setattr(Tail, "write", slowly)
    before = await broker.ends(RAW_TOPICS)
    options = {"ingest_spool_dir": tmp_path, "ingest_spool_after_s": 0.3}
    async with running_ingest(kafka.address, **options) as ingest:
        await kafka.refuse()
        for _ in range(2):
            answer = await ingest.post(body(1))
            assert (answer.status, answer.reason) == (503, "spool_failed")
        assert (await ingest.ask("GET", "/readyz")).status == 503
        goes_on.set()

        async def ready() -> bool:
            return (await ingest.ask("GET", "/readyz")).status == 200

        await until(ready)
        assert (await ingest.post(body(2))).status == 200
        await kafka.heal()
        await arrived(broker, before, [body(1), body(2)])


async def test_a_start_does_not_wait_for_a_kafka_that_is_silent(
    broker: Broker, kafka: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It listens and takes deliveries, however long Kafka says nothing."""
    monkeypatch.setattr(runtime.kafka, "START_TIMEOUT_S", 600.0)
    before = await broker.ends(RAW_TOPICS)
    kafka.stall()
    options = {"ingest_spool_dir": tmp_path, "ingest_spool_after_s": 0.3}
    async with running_ingest(kafka.address, **options) as ingest:
        assert (await ingest.post(body(1))).status == 200
        assert (await ingest.ask("GET", "/readyz")).status == 200
        await kafka.heal()
        await arrived(broker, before, [body(1)])


async def test_a_stop_before_kafka_came_leaves_nothing_open(kafka: Proxy, tmp_path: Path) -> None:
    """Whoever is still trying to reach it stops, too: warnings are errors here."""
    kafka.stall()
    options = {"ingest_spool_dir": tmp_path, "ingest_spool_after_s": 0.3}
    async with running_ingest(kafka.address, **options) as ingest:
        assert (await ingest.post(body(1))).status == 200
    gc.collect()
    assert segments(tmp_path)


async def test_a_stop_in_an_outage_ends_by_itself_and_loses_nothing(
    broker: Broker, kafka: Proxy, tmp_path: Path
) -> None:
    """What was answered 200 while it was told to stop is sent on by the next start."""
    before = await broker.ends(RAW_TOPICS)
    ingest = Process(tmp_path, kafka.address)
    async with ingest.running(INGEST_SPOOL_AFTER_S="2", DRAIN_TIMEOUT_S="1") as started:
        assert await ingest.post(body(0)) == 200
        kafka.stall()
        posts = [asyncio.create_task(ingest.post(body(number))) for number in range(1, 10)]
        await asyncio.sleep(0.3)
        started.terminate()
        answers = await asyncio.gather(*posts)
        async with asyncio.timeout(1 + CLOSE_TIMEOUT_S):
            assert await started.wait() == 0
    assert set(answers) == {200}
    await kafka.heal()
    async with ingest.running():
        await arrived(broker, before, [body(number) for number in range(10)])
        await until(lambda: not segments(tmp_path))


def _entry(number: int, padding: int = 0, topic: str = "instagram.raw.comments") -> Entry:
    return Entry((topic,), b"key", [("source", b"webhook")], body(number, padding))
