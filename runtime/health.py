"""`/livez`, `/readyz` and `/metrics` for services whose work is not HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from runtime.errors import DependencyError
from runtime.exposition import CONTENT_TYPE, render

SHUTDOWN_TIMEOUT_S: Final = 1.0


class Readiness:
    """Whether a service does its work now, and if not, why. Starts as not ready."""

    def __init__(self) -> None:
        self._reasons: set[str] = {"starting"}

    @property
    def reasons(self) -> list[str]:
        """Why it is not ready; empty when it is."""
        return sorted(self._reasons)

    def start_over(self) -> None:
        """As at first: whatever was in the way counts no more."""
        self._reasons = {"starting"}

    def ready(self, reason: str) -> None:
        """This is no longer in the way."""
        self._reasons.discard(reason)

    def not_ready(self, reason: str) -> None:
        """This is in the way."""
        self._reasons.add(reason)


async def livez(_: web.BaseRequest) -> web.Response:
    """The process answers, so it lives."""
    return web.Response(text="ok")


async def metrics_page(_: web.BaseRequest) -> web.Response:
    """All metrics of this service."""
    return web.Response(body=render(), headers={"Content-Type": CONTENT_TYPE})


def ready_response(reasons: list[str]) -> web.Response:
    """200 when nothing is in the way, else 503 naming it."""
    if not reasons:
        return web.Response(text="ready")
    return error_response(503, reasons[0], f"Not ready: {', '.join(reasons)}.")


def error_response(
    status: int, reason: str, message: str, headers: dict[str, str] | None = None
) -> web.Response:
    """An error as every HTTP face of Hookline tells it (design B2)."""
    body = {"error": {"reason": reason, "message": message}}
    return web.json_response(body, status=status, headers=headers)


@asynccontextmanager
async def health_server(host: str, port: int, readiness: Readiness) -> AsyncIterator[None]:
    """Serves the three pages while the context is open.

    Raises:
        DependencyError: the port is taken.
    """

    async def readyz(_: web.Request) -> web.Response:
        return ready_response(readiness.reasons)

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics_page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
    await runner.setup()
    try:
        await listen(web.TCPSite(runner, host, port))
        yield
    finally:
        await runner.cleanup()


async def listen(site: web.TCPSite) -> None:
    """Starts to listen.

    Raises:
        DependencyError: the address cannot be had, usually because another process has it.
    """
    try:
        await site.start()
    except OSError as error:
        raise DependencyError(f"Cannot listen on {site.name}: {error.strerror}.") from error
