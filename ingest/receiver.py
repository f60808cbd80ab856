"""One delivery: read, verify, publish, answer. Owns the rules of design B2."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import takewhile
from typing import Final

import structlog
from aiohttp import ClientError, StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import Counter

from ingest import metrics
from ingest.acks import Acks
from ingest.answer import accepted
from ingest.delivery_id import uuid7
from ingest.failing import Failing
from ingest.inflight import InflightBytes
from ingest.signature import HEADER, SignatureError, signature_digest, signing_app
from ingest.spool.segment import Entry
from ingest.spool.spool import Spool
from ingest.spool.writer import SpoolError
from runtime.crash_points import reached
from runtime.errors import KafkaUnavailableError
from runtime.health import error_response
from runtime.logs import place_of
from runtime.publisher import OutRecord, Publisher
from schemas.crash_points import CrashPoint
from schemas.deliveries import Delivery, body_key, delivery_headers
from schemas.probe import USER_AGENT
from schemas.settings import IngestSettings
from schemas.splitting import fields_in
from schemas.topics import raw_topic

RETRY_AFTER_S: Final = 5
WATCH_INTERVAL_S: Final = 0.05

PROBED: Final = (401, 413)
"""What our own doctor wants to be answered."""

log = structlog.get_logger()


class RefusalError(Exception):
    """A delivery that is not accepted: the answer, and the slug for log and metric."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.message = message


_INCOMPLETE: Final = (ClientError, ConnectionError, HttpProcessingError)

_MESSAGES: Final = {
    "signature_missing": f"The {HEADER} header is missing.",
    "signature_repeated": f"More than one {HEADER} header.",
    "signature_malformed": f"{HEADER} must be sha256= and 64 lower-case hex digits.",
    "signature_mismatch": "The signature does not fit the body and any configured app secret.",
}


class Receiver:
    """Accepts deliveries until it drains. One per process."""

    def __init__(
        self, settings: IngestSettings, publisher: Publisher, spool: Spool | None = None
    ) -> None:
        """With a `spool`, what Kafka does not take goes there."""
        self._settings = settings
        self._publisher = publisher
        self._spool = spool
        self._wait_s = settings.ingest_publish_timeout_s
        if spool is not None:
            self._wait_s = min(self._wait_s, settings.ingest_spool_after_s)
        self._secrets = settings.secrets_by_app()
        self._inflight = InflightBytes(settings.ingest_max_inflight_bytes)
        self._deadlines: set[asyncio.Timeout] = set()
        self._pending: dict[Acks, float] = {}
        self._accepted = metrics.DELIVERIES.labels("accepted")
        self._spooled = metrics.DELIVERIES.labels("spooled")
        self._failing = Failing()
        self.draining = False

    @property
    def spools(self) -> bool:
        """Whether a delivery would be accepted without Kafka."""
        return self._spool is not None and self._spool.accepts

    async def watch(self) -> None:
        """Ends the waits for Kafka that are overdue, and tells what is in flight. Never returns.

        One look at all of them costs less than a timer for each.
        """
        told_bytes = 0
        try:
            while True:
                await asyncio.sleep(WATCH_INTERVAL_S)
                if self._inflight.held_bytes != told_bytes:
                    told_bytes = self._inflight.held_bytes
                    metrics.INFLIGHT_BYTES.set(told_bytes)
                self._expire_overdue(time.monotonic())
                self._failing.tell()
        finally:
            metrics.INFLIGHT_BYTES.set(self._inflight.held_bytes)

    def _expire_overdue(self, now_s: float) -> None:
        for acks, _ in takewhile(lambda pending: pending[1] <= now_s, self._pending.items()):
            acks.expire()

    def expire(self) -> None:
        """Ends every wait now: what is still in flight is answered 503."""
        now = asyncio.get_running_loop().time()
        for deadline in self._deadlines:
            with suppress(RuntimeError):  # it is over at this very moment
                deadline.reschedule(now)
        for acks in self._pending:
            acks.expire()

    async def receive(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers `POST /webhooks/instagram`."""
        started = time.perf_counter()
        try:
            outcome = await self._accept(request)
        except RefusalError as refusal:
            if refusal.status in PROBED and request.headers.get("User-Agent") == USER_AGENT:
                return _refuse_probe(refusal)
            return self._refuse(refusal)
        except Exception as error:  # noqa: BLE001  # a resend may help, and the text is not for logs
            log.error("delivery_failed", error=type(error).__name__, at=place_of(error))
            message = "The delivery was not accepted."
            return self._refuse(RefusalError(503, "internal_error", message))
        outcome.inc()
        self._failing.accepted()
        metrics.INGEST_SECONDS.observe(time.perf_counter() - started)
        return accepted(request)

    def _refuse(self, refusal: RefusalError) -> web.Response:
        metrics.DELIVERIES.labels(refusal.reason).inc()
        self._failing.refused(refusal.reason)
        # A body too large is lost once Meta stops retrying: somebody has to know.
        level = log.error if refusal.status == 413 else log.warning
        level("delivery_refused", reason=refusal.reason, status=refusal.status)
        headers = {"Retry-After": str(RETRY_AFTER_S)} if refusal.status == 503 else None
        return error_response(refusal.status, refusal.reason, refusal.message, headers)

    async def _accept(self, request: web.BaseRequest) -> Counter:
        """Returns when the delivery is in every topic that it belongs to, or in the spool.

        Gives what counts it.
        """
        digest = self._check_head(request)
        body = await self._read(request)
        try:
            app_id = self._verify(digest, body)
            entry = _entry(app_id, request.headers[HEADER], body)
            to_kafka = self._spool is None or self._publisher.usable
            acks = self._publish(entry) if to_kafka else None
        except BaseException:
            self._inflight.release(len(body))
            raise
        # Past its deadline a record may still be in the producer: its bytes count until it is not.
        if acks is not None and await self._acknowledged(acks):
            return self._accepted
        if self._spool is not None:
            await self._store(self._spool, entry, held=acks is None)
        return self._spooled

    def _check_head(self, request: web.BaseRequest) -> str:
        """What can be refused before the body is read. Gives the signature's digest."""
        headers = request.headers
        encodings = headers.getall("Content-Encoding", ())
        if any(encoding.strip().lower() != "identity" for encoding in encodings):
            raise RefusalError(415, "content_encoding", "Only Content-Encoding: identity is read.")
        try:
            return signature_digest(headers.getall(HEADER, ()))
        except SignatureError as error:
            raise RefusalError(401, error.reason, _MESSAGES[error.reason]) from error

    def _check_size(self, size_bytes: int) -> None:
        limit_bytes = self._settings.ingest_max_body_bytes
        if size_bytes > limit_bytes:
            raise RefusalError(
                413, "body_too_large", f"The body is larger than {limit_bytes} bytes."
            )

    async def _read(self, request: web.BaseRequest) -> bytes:
        """The whole body. Its bytes are held until the caller releases them."""
        content = request.content
        if content.is_eof():  # a small body came with its head: there is no wait
            try:
                body = content.read_nowait()
            except _INCOMPLETE as error:
                raise _incomplete() from error
            self._check_size(len(body))
            self._hold(len(body))
            return body
        self._check_size(request.content_length or 0)
        return await self._read_slowly(content)

    async def _read_slowly(self, content: StreamReader) -> bytes:
        held: list[bytes] = []
        size_bytes = 0
        try:
            with self._deadline(self._settings.ingest_read_timeout_s, "body_timeout", 408) as limit:
                async with limit:
                    async for chunk in content.iter_any():
                        self._check_size(size_bytes + len(chunk))
                        self._hold(len(chunk))
                        size_bytes += len(chunk)
                        held.append(chunk)
        except BaseException as error:
            self._inflight.release(size_bytes)
            if isinstance(error, _INCOMPLETE):
                raise _incomplete() from error
            raise
        return b"".join(held)

    def _hold(self, size_bytes: int) -> None:
        if not self._inflight.hold(size_bytes):
            raise RefusalError(503, "inflight_limit", "Too many bytes wait for Kafka.")

    def _verify(self, digest: str, body: bytes) -> str:
        """The app that signed."""
        try:
            return signing_app(self._secrets, body, digest)
        except SignatureError as error:
            raise RefusalError(401, error.reason, _MESSAGES[error.reason]) from error

    def _publish(self, entry: Entry) -> Acks:
        size_bytes = len(entry.body)
        acks = Acks(len(entry.topics), lambda: self._inflight.release(size_bytes))
        for topic in entry.topics:
            record = OutRecord(topic, entry.key, entry.body, entry.headers)
            try:
                self._publisher.submit(record, acks.one)
            except Exception as error:  # noqa: BLE001  # other topics may have it: their acks count
                log.error("submit_failed", error=type(error).__name__, at=place_of(error))
                acks.one(KafkaUnavailableError(type(error).__name__))
        return acks

    async def _acknowledged(self, acks: Acks) -> bool:
        """Whether Kafka has the delivery in time. Without a spool it must.

        Raises:
            RefusalError: it has not, and there is no spool.
        """
        self._pending[acks] = time.monotonic() + self._wait_s
        try:
            await acks.all
            reached(CrashPoint.INGEST_ACKED)
        except KafkaUnavailableError as error:
            if self._spool is not None:
                return False
            message = "Kafka did not take the delivery."
            raise RefusalError(503, "kafka_unavailable", message) from error
        except TimeoutError as error:
            if self._spool is not None:
                # Nothing else that waits would do better, and all of it is held in memory.
                self._publisher.abandon(self._wait_s)
                return False
            raise self._too_late("kafka_unavailable", 503, self._wait_s) from error
        finally:
            del self._pending[acks]
        return True

    async def _store(self, spool: Spool, entry: Entry, *, held: bool) -> None:
        """Returns when the delivery is on the disk; `held` tells whether its bytes are counted."""
        size_bytes = len(entry.body)
        if not held:
            self._inflight.hold_anyway(size_bytes)
        try:
            await spool.append(entry)
        except SpoolError as error:
            message = "Kafka did not take the delivery, and the spool did not either."
            raise RefusalError(503, error.reason, message) from error
        finally:
            self._inflight.release(size_bytes)

    @contextmanager
    def _deadline(self, timeout_s: float, reason: str, status: int) -> Iterator[asyncio.Timeout]:
        """A deadline that a drain can bring forward."""
        limit = asyncio.timeout(timeout_s)
        self._deadlines.add(limit)
        try:
            yield limit
        except TimeoutError as error:
            raise self._too_late(reason, status, timeout_s) from error
        finally:
            self._deadlines.discard(limit)

    def _too_late(self, reason: str, status: int, timeout_s: float) -> RefusalError:
        if self.draining:
            return RefusalError(503, "draining", "This process is stopping.")
        return RefusalError(status, reason, f"Not done within {timeout_s:g} s.")


def _refuse_probe(refusal: RefusalError) -> web.Response:
    """Our own doctor wants to be refused: it is no delivery that failed."""
    metrics.REFUSED_REQUESTS.labels(refusal.reason).inc()
    log.info("probe_refused", reason=refusal.reason, status=refusal.status)
    return error_response(refusal.status, refusal.reason, refusal.message)


def _entry(app_id: str, signature: str, body: bytes) -> Entry:
    """The delivery as it is published."""
    now_us = time.time_ns() // 1000
    delivery_id = uuid7(now_us // 1000, os.urandom(10))
    received_at = datetime.fromtimestamp(now_us / 1_000_000, UTC)
    delivery = Delivery(delivery_id, received_at, app_id, signature, "webhook", body)
    topics = tuple(map(raw_topic, fields_in(body)))
    return Entry(topics, body_key(body), delivery_headers(delivery), body)


def _incomplete() -> RefusalError:
    return RefusalError(400, "body_incomplete", "The body ended early.")
