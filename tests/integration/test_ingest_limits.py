"""What ingest does when Kafka stands still, when too much waits, and when it is told to stop."""

import asyncio
import time

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer, TestClient
from prometheus_client import REGISTRY

from ingest import metrics
from ingest.receiver import WATCH_INTERVAL_S, Receiver
from ingest.service import PATH, build_handler, serve
from runtime.errors import DependencyError, KafkaUnavailableError
from runtime.publisher import OutRecord, Publisher, Settled
from schemas.topics import RAW_TOPICS, raw_topic
from simulator import traffic
from simulator.signing import headers
from tests.integration.broker import WAIT_S, Broker, grown, until
from tests.integration.service import (
    SECRET,
    Answer,
    Ingest,
    free_port,
    ingest_settings,
    running_ingest,
)

BODY = b"a delivery that nobody can read".ljust(3000)


def _is_busy(answer: Answer, reason: str) -> bool:
    assert (answer.status, answer.reason) == (503, reason)
    return int(answer.headers["Retry-After"]) > 0


async def test_without_acks_in_time_the_sender_is_asked_to_come_again(broker: Broker) -> None:
    """503 at the deadline; bytes that still wait count; and all is well when Kafka is back."""
    limits = {"ingest_max_body_bytes": 4096, "ingest_max_inflight_bytes": 4096}
    async with running_ingest(broker.bootstrap, ingest_publish_timeout_s=1, **limits) as ingest:
        before = await broker.ends(RAW_TOPICS)
        with broker.paused():
            started = time.monotonic()
            assert _is_busy(await ingest.post(BODY), "kafka_unavailable")
            assert 0.9 <= time.monotonic() - started < WAIT_S
            assert _is_busy(await ingest.post(BODY), "inflight_limit")
            ready = await ingest.ask("GET", "/readyz")
            assert (ready.status, ready.reason) == (503, "kafka_unavailable")

        async def accepted() -> bool:
            return (await ingest.post(BODY)).status == 200

        await until(accepted)
        assert (await ingest.ask("GET", "/readyz")).status == 200
        # The one past its deadline arrived as well: Meta's resend of it is a repeat.
        assert grown(before, await broker.ends(RAW_TOPICS)) >= 2


async def test_bytes_that_still_arrive_count_against_the_limit(broker: Broker) -> None:
    """While a slow body is held another is refused; when it is done there is room again."""
    limits = {"ingest_max_body_bytes": 4096, "ingest_max_inflight_bytes": 4096}
    async with running_ingest(broker.bootstrap, **limits) as ingest:
        rest = asyncio.Event()

        async def slowly() -> object:
            async def parts() -> object:
                yield BODY[:2000]
                await rest.wait()
                yield BODY[2000:]

            return await ingest.ask("POST", PATH, data=parts(), headers=headers(BODY, SECRET))

        slow = asyncio.create_task(slowly())
        await until(lambda: _held(ingest, 2000))
        assert _is_busy(await ingest.post(BODY), "inflight_limit")
        rest.set()
        assert isinstance(answer := await slow, Answer)
        assert answer.status == 200
        assert (await ingest.post(BODY)).status == 200
        await until(lambda: _held(ingest, 0))


async def _held(ingest: Ingest, size_bytes: int) -> bool:
    page = (await ingest.ask("GET", "/metrics")).body.decode()
    return f"hookline_ingest_inflight_bytes {float(size_bytes)}\n" in page


async def test_a_service_without_deliveries_leaves_the_gauge_alone(broker: Broker) -> None:
    """The tests' services share a process: an idle one does not tell for a busy one."""
    async with running_ingest(broker.bootstrap):
        metrics.INFLIGHT_BYTES.set(77)
        await asyncio.sleep(WATCH_INTERVAL_S * 4)
        assert REGISTRY.get_sample_value("hookline_ingest_inflight_bytes") == 77


async def test_a_drain_closes_the_door_and_finishes_what_came_in(broker: Broker) -> None:
    """New connections are refused while the delivery in flight still gets its 200."""
    before = await broker.ends(RAW_TOPICS)
    async with running_ingest(broker.bootstrap, drain_timeout_s=20) as ingest:
        with broker.paused():
            in_flight = asyncio.create_task(ingest.post(BODY))
            await until(lambda: _held(ingest, len(BODY)))
            ingest.stop.set()
            await until(lambda: _refused(ingest))
            assert not in_flight.done()
            assert not ingest.serving.done()
        assert (await in_flight).status == 200
        await ingest.serving
    assert grown(before, await broker.ends(RAW_TOPICS)) == 1


async def _refused(ingest: Ingest) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", ingest.settings.ingest_port)
    except ConnectionError:
        return True
    writer.transport.abort()
    return False


async def test_a_drain_past_its_deadline_answers_503(broker: Broker) -> None:
    """What cannot be finished is told so, in time, and the process ends."""
    async with running_ingest(broker.bootstrap, drain_timeout_s=0.5) as ingest:
        with broker.paused():
            in_flight = asyncio.create_task(ingest.post(BODY))
            await until(lambda: _held(ingest, len(BODY)))
            ingest.stop.set()
            assert _is_busy(await in_flight, "draining")
            await ingest.serving


async def test_a_draining_process_is_not_ready(broker: Broker) -> None:
    """A balancer that asks is told to send no more."""
    settings = ingest_settings(broker.bootstrap)
    async with Publisher(settings) as publisher:
        receiver = Receiver(settings, publisher)
        server = RawTestServer(build_handler(settings, receiver, publisher))
        client: TestClient[web.BaseRequest, None] = TestClient(server)
        async with client:
            assert (await client.get("/readyz")).status == 200
            receiver.draining = True
            answer = await client.get("/readyz")
            assert answer.status == 503
            assert (await answer.json())["error"]["reason"] == "draining"


async def test_bytes_count_until_the_last_topic_has_them(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when another topic of the same delivery could not even be tried."""
    body = b'{"object":"instagram","entry":[{"id":"1","time":1,"changes":[%s]}]}' % b",".join(
        b'{"field":"%s","value":{}}' % field for field in (b"comments", b"mentions")
    )
    submit = Publisher.submit

    def fail_for_one(publisher: Publisher, record: OutRecord, settled: Settled) -> None:
        if record.topic == raw_topic("mentions"):
            raise KafkaUnavailableError("no producer")
        submit(publisher, record, settled)

    monkeypatch.setattr(Publisher, "submit", fail_for_one)
    async with running_ingest(broker.bootstrap, ingest_publish_timeout_s=1) as ingest:
        with broker.paused():
            assert _is_busy(await ingest.post(body), "kafka_unavailable")
            await until(lambda: _held(ingest, len(body)))
        await until(lambda: _held(ingest, 0))


async def test_without_a_watch_over_its_deadlines_ingest_ends(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever started it starts another one; it would wait for Kafka without an end."""

    settings = ingest_settings(broker.bootstrap)
    expire = Receiver._expire_overdue

    def fail(receiver: Receiver, now_s: float) -> None:
        if receiver._settings is settings:  # and not the ingest that other tests share
            raise RuntimeError("a bug")
        expire(receiver, now_s)

    monkeypatch.setattr(Receiver, "_expire_overdue", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        async with asyncio.timeout(WAIT_S):
            await serve(settings, asyncio.Event(), shared_port=False)


async def test_the_largest_delivery_of_meta_passes(ingest: Ingest, broker: Broker) -> None:
    """A thousand comments of emoji, 26 MB, stand in Kafka byte for byte."""
    body = traffic.big(1).body
    assert len(body) > 25_000_000
    before = await broker.ends(RAW_TOPICS)
    assert (await ingest.post(body)).status == 200
    (record,) = await broker.new_records(before)
    assert record.value == body


async def test_a_start_that_cannot_work_says_why(broker: Broker) -> None:
    """A port that is taken, and a Kafka that is away, end the start with their cause."""
    async with running_ingest(broker.bootstrap) as ingest:
        port = ingest.settings.ingest_port
        with pytest.raises(DependencyError, match=f"Cannot listen.*{port}"):
            async with running_ingest(broker.bootstrap, ingest_port=port):
                pass
    nobody = f"127.0.0.1:{free_port()}"
    with pytest.raises(DependencyError, match=f"Kafka cannot be reached at {nobody}"):
        async with running_ingest(nobody):
            pass
