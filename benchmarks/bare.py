"""What ingest is compared with: aiohttp, the body read, the signature verified, nothing else.

The same server settings and the same event loop as ingest. The port comes as the only argument,
the secret from `BARE_SECRET`.
"""

import asyncio
import hmac
import os
import sys
from typing import Final

from aiohttp import web
from uvloop import new_event_loop

from hookline.embedded.ports import HOST
from simulator.target import WEBHOOK_PATH

HEADER: Final = "X-Hub-Signature-256"
MAX_BODY_BYTES: Final = 32 * 1024 * 1024


async def serve(port: int, secret: bytes) -> None:
    """Serves until the process is ended."""

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        given = request.headers.get(HEADER, "").encode("utf-8", "surrogateescape")
        right = b"sha256=" + hmac.digest(secret, body, "sha256").hex().encode()
        if not hmac.compare_digest(given, right):
            return web.Response(status=401)
        return web.Response(text="ok")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ready")

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_post(WEBHOOK_PATH, receive)
    app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, HOST, port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as loop_runner:
        loop_runner.run(serve(int(sys.argv[1]), os.environ["BARE_SECRET"].encode()))
