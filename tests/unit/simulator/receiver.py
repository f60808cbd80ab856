"""A small receiver on loopback that can be told to fail. Verifies signatures by code of its own."""

import hashlib
import hmac
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

SECRET = b"receiver's secret"

Decision = Callable[[int], int | None]
"""From the number of a request of one body, from 1, to an answer; None: the connection is cut."""


@dataclass
class Receiver:
    """What arrived, and how to answer."""

    decide: Decision
    url: str = ""
    requests: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    order: list[str] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Answers one delivery."""
        self.requests += 1
        body = await request.read()
        digest = hashlib.sha256(body).hexdigest()
        signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        if request.headers.getall("X-Hub-Signature-256", []) != [f"sha256={signature}"]:
            return web.Response(status=401)
        if "Content-Encoding" in request.headers:
            return web.Response(status=415)
        self.seen[digest] += 1
        self.order.append(digest)
        status = self.decide(self.seen[digest])
        if status is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if status == 200:
            self.accepted[digest] += 1
        return web.Response(status=status)


@asynccontextmanager
async def receiving(decide: Decision = lambda _: 200) -> AsyncIterator[Receiver]:
    """A receiver that listens on a free port."""
    receiver = Receiver(decide)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/webhooks/instagram", receiver.receive)
    server = TestServer(app)
    # What is signed is the body as sent, so nothing may unpack it on the way.
    await server.start_server(auto_decompress=False)
    try:
        receiver.url = f"http://{server.host}:{server.port}"
        yield receiver
    finally:
        await server.close()
