"""The HTTP server under ingest's handlers. Owns what is refused before they are asked."""

import asyncio
from typing import Any, Final

from aiohttp import web

from ingest.refused import refused

LINGERING_S: Final = 1.0

_OPTIONS: Final[dict[str, Any]] = {
    "access_log": None,
    "auto_decompress": False,
    "lingering_time": LINGERING_S,
}


class Server(web.Server):
    """Refuses what is no HTTP as everything else is refused."""

    def __call__(self) -> web.RequestHandler:
        """The protocol of a new connection."""
        return _Connection(self, loop=asyncio.get_running_loop(), **_OPTIONS)


class _Connection(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer where the parser, or a handler, raised an error."""
        if status != 400 or request.writer.output_size:
            return super().handle_error(request, status, exc, message)
        answer = refused(status, "malformed_request", "This is no HTTP request.")
        answer.force_close()
        return answer
