"""How clients of Kafka are set up. Owns security, sizes and the first check of the topics."""

import asyncio
import ssl
import zlib
from collections.abc import Coroutine, Iterable
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.helpers import create_ssl_context
from aiokafka.producer.message_accumulator import MessageAccumulator

from runtime.errors import DependencyError, TopicsMissingError
from runtime.kafka_connection import expect_closed_transports
from schemas.settings import KafkaSettings
from schemas.topics import max_record_bytes

REQUEST_TIMEOUT_MS: Final = 7_000
RESULTS_TIMEOUT_MS: Final = 5_000
"""What workers publish is small: their producer may take a silent connection for lost sooner, and
sends the same batches, which the broker knows again, through another one. Ingest's may carry the
largest bodies, and would send them again and again."""

IDLE_TIMEOUT_MS: Final = 4_000
"""A connection that nobody used for so long is closed, and opened when it is needed. Were it dead
by then, only that request's time-out would tell; and to ask another broker, over a line just as
old, would take a time-out more."""

START_TIMEOUT_S: Final = 10.0
STOP_TIMEOUT_S: Final = 2.0
CANCEL_TIMEOUT_S: Final = 0.5

SESSION_TIMEOUT_MS: Final = 6_000
"""After so long a killed replica's partitions go to another; the least that brokers allow."""

HEARTBEAT_INTERVAL_MS: Final = 1_000
"""The first one without an answer tells that the line is dead, a request's time-out later."""

REBALANCE_TIMEOUT_MS: Final = 6_000
"""Shorter than the request's own time-out, which a waiting JoinGroup would run into."""

NEVER_MS: Final = 2**31 - 1
"""A worker that waits for PostgreSQL, or that its breaker holds, stays in its group however long
that takes: no other replica could go on either."""

PARTITION_FETCH_BYTES: Final = 256 * 1024
"""Read ahead per partition: 15 MiB for a reader of 60 partitions. A larger record comes all the
same, so a reader that holds large ones pauses."""

FETCH_BYTES: Final = 8 * 1024 * 1024


expect_closed_transports()

log = structlog.get_logger()


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """The keyword arguments that every client of this cluster takes."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "security_protocol": settings.kafka_security_protocol,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "connections_max_idle_ms": IDLE_TIMEOUT_MS,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(settings)
    if settings.kafka_security_protocol.startswith("SASL"):
        password = settings.kafka_sasl_password
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = password and password.get_secret_value()
    return options


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    password = settings.kafka_ssl_password
    try:
        context: ssl.SSLContext = create_ssl_context(
            cafile=settings.kafka_ssl_cafile,
            certfile=settings.kafka_ssl_certfile,
            keyfile=settings.kafka_ssl_keyfile,
            password=password and password.get_secret_value(),
        )
    except OSError as error:
        raise DependencyError(f"Kafka's certificates cannot be used: {error}") from error
    return context


def new_producer(
    settings: KafkaSettings, *, max_batch_bytes: int, request_timeout_ms: int = REQUEST_TIMEOUT_MS
) -> AIOKafkaProducer:
    """An idempotent producer that waits for all in-sync replicas, not started yet."""
    return AIOKafkaProducer(
        **{**client_options(settings), "request_timeout_ms": request_timeout_ms},
        acks="all",
        enable_idempotence=True,
        max_batch_size=max_batch_bytes,
        max_request_size=max_record_bytes(settings.ingest_max_body_bytes),
    )


def new_consumer(settings: KafkaSettings, group: str) -> AIOKafkaConsumer:
    """A consumer of a group that commits by hand. The caller subscribes, starts and stops it."""
    return AIOKafkaConsumer(
        **client_options(settings),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",  # see runtime.gaps
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        max_poll_interval_ms=NEVER_MS,
    )


def has_failed(consumer: AIOKafkaConsumer) -> bool:
    """Whether nothing will come from a consumer any more, which it does not say by itself."""
    # No public way to ask.
    fetcher, metadata = consumer._fetcher.error_future, consumer._client._sync_task  # noqa: SLF001
    return bool(fetcher.done() or metadata.done())


async def require_topics(producer: AIOKafkaProducer, topics: Iterable[str]) -> None:
    """Returns when the cluster has all these topics.

    Raises:
        TopicsMissingError: it lacks some, which are named.
        DependencyError: it does not tell.
    """
    try:
        metadata = await producer.client.fetch_all_metadata()
    except KafkaError as error:
        raise DependencyError(
            f"Kafka does not tell its topics ({type(error).__name__})."
        ) from error
    missing = sorted(set(topics) - set(metadata.topics()))
    if missing:
        raise TopicsMissingError(
            f"Kafka has no topic {', '.join(missing)}. Run `hookline topics apply`."
        )


async def partition_counts(producer: AIOKafkaProducer, topics: Iterable[str]) -> dict[str, int]:
    """How many partitions each topic has.

    Raises:
        DependencyError: the cluster does not tell.
    """
    try:
        return {topic: len(await producer.partitions_for(topic)) for topic in topics}
    except KafkaError as error:
        raise DependencyError(
            f"Kafka does not tell its topics ({type(error).__name__})."
        ) from error


async def start_client(client: AIOKafkaProducer | AIOKafkaConsumer, bootstrap: str) -> None:
    """Connects a client.

    Raises:
        DependencyError: no broker answers, or not in time.
    """
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            await client.start()
    except (KafkaError, OSError, TimeoutError) as error:
        raise DependencyError(
            f"Kafka cannot be reached at {bootstrap} ({type(error).__name__}). Does it run?"
        ) from error


async def stop_client(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Stops a client, within 3 s. While Kafka is away that can hang, and raise what a task inside
    got: then it is only told, and the client's tasks and connections are ended without Kafka.
    """
    if not await _succeeds(client.stop(), STOP_TIMEOUT_S):
        log.warning("client_not_stopped", client=type(client).__name__)
        await _succeeds(_end_parts(client), CANCEL_TIMEOUT_S)
        if isinstance(client, AIOKafkaProducer):
            _fail_all(client._message_accumulator)  # noqa: SLF001


async def _succeeds(work: Coroutine[Any, Any, None], timeout_s: float) -> bool:
    """Whether it does, in time; else it is cancelled."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait((task,), timeout=timeout_s)
    if not done:
        task.cancel()
        await asyncio.wait((task,), timeout=CANCEL_TIMEOUT_S / 2)
    return bool(done) and not task.cancelled() and task.exception() is None


def _fail_all(accumulator: MessageAccumulator) -> None:
    """Fails every record that waits, and leaves nothing for the event loop to complain of."""
    pending = accumulator._pending_batches  # noqa: SLF001
    pending.update(*accumulator._batches.values())  # noqa: SLF001  # callbacks look for each there
    accumulator.fail_all(KafkaConnectionError("stopped"))
    for batch in pending:
        batch._drain_waiter.exception()  # noqa: SLF001  # nobody awaits it any more


async def _end_parts(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """What `stop()` leaves when it is interrupted, for which there is no public way."""
    if isinstance(client, AIOKafkaProducer):
        parts = [client._sender, client.client]  # noqa: SLF001
    else:
        coordinator = client._coordinator  # noqa: SLF001
        if isinstance(coordinator, GroupCoordinator):
            await coordinator._stop_heartbeat_task()  # noqa: SLF001
            await coordinator._stop_commit_offsets_refresh_task()  # noqa: SLF001
        parts = [client._fetcher, client._client]  # noqa: SLF001
    ends = (part.close() for part in parts if part is not None)
    await asyncio.gather(*ends, return_exceptions=True)


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: CRC-32 modulo their number, librdkafka's default for keyed records.

    Source: https://docs.confluent.io/platform/current/clients/librdkafka/html/md_CONFIGURATION.html
    """
    return zlib.crc32(key) % partitions
