"""The ingest process: one port, one producer. Owns start, readiness and drain."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final, TypeAlias, TypeVar

import structlog
from aiohttp import HttpVersion11, web

from ingest.handshake import Refusal, answer_handshake
from ingest.receiver import Receiver
from ingest.refused import refused
from ingest.server import Server
from ingest.spool.spool import open_spool
from runtime.errors import DependencyError, TopicsMissingError
from runtime.health import listen, livez, metrics_page, ready_response
from runtime.kafka import require_topics
from runtime.publisher import Publisher
from schemas.settings import WEBHOOK_PATH, IngestSettings
from schemas.topics import RAW_TOPICS

PATH: Final = WEBHOOK_PATH
READY_TIMEOUT_S: Final = 2.0
CLOSE_TIMEOUT_S: Final = 1.0

log = structlog.get_logger()

Result = TypeVar("Result")

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def serve(settings: IngestSettings, stop: asyncio.Event, *, shared_port: bool) -> None:
    """Serves until `stop` is set, then drains.

    Raises:
        DependencyError: there is no spool, and Kafka is unreachable or lacks topics; or the port or
            the spool's folder cannot be had.
    """
    late_topics = list(RAW_TOPICS) if settings.ingest_spool_dir else ()
    async with AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(
            Publisher(settings, late_topics=late_topics, turns=True)
        )
        spool = await stack.enter_async_context(open_spool(settings, publisher))
        if spool is None:
            await require_topics(publisher.producer, RAW_TOPICS)
            await publisher.learn(list(RAW_TOPICS))
        else:
            with suppress(TimeoutError):  # then deliveries begin in the spool
                async with asyncio.timeout(settings.ingest_spool_after_s):
                    await publisher.wait_usable()
        receiver = Receiver(settings, publisher, spool)
        work = [await stack.enter_async_context(_at_work(receiver.watch()))]
        if spool is not None:
            work.append(await stack.enter_async_context(_at_work(spool.run())))
        await stack.enter_async_context(_listening(settings, receiver, publisher, shared_port))
        log.info("ingest_ready", host=settings.ingest_host, port=settings.ingest_port)
        try:
            await _stopped(stop, work)
        finally:
            receiver.draining = True


@asynccontextmanager
async def _at_work(endless: Coroutine[Any, Any, Result]) -> AsyncIterator[asyncio.Task[Result]]:
    """A task that goes on while the context is open."""
    task = asyncio.create_task(endless)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _stopped(stop: asyncio.Event, work: list[asyncio.Task[None]]) -> None:
    """Returns when `stop` is set. Raises what ended a part of the work: nothing goes without it."""
    async with _at_work(stop.wait()) as asked:
        await asyncio.wait((asked, *work), return_when=asyncio.FIRST_COMPLETED)
    for task in work:
        if task.done():
            await task


@asynccontextmanager
async def _listening(
    settings: IngestSettings, receiver: Receiver, publisher: Publisher, shared_port: bool
) -> AsyncIterator[None]:
    """The open port. Leaving closes the listener first and waits for what it accepted."""
    server = Server(build_handler(settings, receiver, publisher))
    runner = web.ServerRunner(server, shutdown_timeout=settings.drain_timeout_s + CLOSE_TIMEOUT_S)
    await runner.setup()
    try:
        site = web.TCPSite(
            runner,
            settings.ingest_host,
            settings.ingest_port,
            backlog=1024,
            reuse_port=shared_port or None,
        )
        await listen(site)
        yield
    finally:
        loop = asyncio.get_running_loop()
        expiry = loop.call_later(settings.drain_timeout_s, receiver.expire)
        await runner.cleanup()
        expiry.cancel()


def build_handler(settings: IngestSettings, receiver: Receiver, publisher: Publisher) -> Handler:
    """The routes of design B2, as a table: an Application's way to a handler, through resources,
    match info and signals, costs each delivery a tenth of its time.
    """
    verify_token = settings.verify_token.get_secret_value().encode()

    async def handshake(request: web.BaseRequest) -> web.Response:
        answer = answer_handshake(request.query, verify_token)
        if isinstance(answer, Refusal):
            return refused(*answer)
        log.info("handshake_answered")
        return web.Response(text=answer)

    async def readyz(_: web.BaseRequest) -> web.Response:
        if receiver.draining:
            return ready_response(["draining"])
        # With a spool it does its work without Kafka.
        return ready_response([] if receiver.spools else await _kafka_problems(publisher))

    handlers: dict[tuple[str, str], Handler] = {
        (PATH, "POST"): receiver.receive,
        (PATH, "GET"): handshake,
    }
    for path, page in (("/livez", livez), ("/readyz", readyz), ("/metrics", metrics_page)):
        handlers[path, "GET"] = handlers[path, "HEAD"] = page

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        handler = handlers.get((request.path, request.method))
        if handler is None:
            handler = _method_not_allowed if request.path == PATH else _not_found
        elif "Expect" in request.headers and not await _met(request):
            handler = _expectation_unknown
        return await handler(request)

    return handle


async def _met(request: web.BaseRequest) -> bool:
    """Asks for the body where the sender waits to be asked; whether that is all it expects."""
    if request.headers["Expect"].lower() != "100-continue":
        return False
    if request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return True


async def _kafka_problems(publisher: Publisher) -> list[str]:
    if not publisher.usable:
        return ["kafka_unavailable"]
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            await require_topics(publisher.producer, RAW_TOPICS)
    except TopicsMissingError as error:
        return [error.reason]
    except (TimeoutError, DependencyError):
        return ["kafka_unavailable"]
    return []


async def _method_not_allowed(_: web.BaseRequest) -> web.Response:
    headers = {"Allow": "GET, POST"}
    return refused(405, "method_not_allowed", "Only GET and POST are served here.", headers)


async def _expectation_unknown(_: web.BaseRequest) -> web.Response:
    return refused(417, "expectation_unknown", "Only Expect: 100-continue is met.")


async def _not_found(_: web.BaseRequest) -> web.Response:
    return refused(404, "not_found", "Nothing is served at this path.")
