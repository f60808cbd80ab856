"""Ingest as a running service. Owns its start, requests to it, and its end."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import aiohttp
from multidict import CIMultiDict

from ingest.service import PATH, serve
from schemas.settings import IngestSettings
from simulator.signing import headers
from tests.integration.broker import WAIT_S, until

SECRET: Final = b"first-secret"
NEXT_SECRET: Final = b"second-secret"
VERIFY_TOKEN: Final = "verify-me"


class Answer(NamedTuple):
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    document: Any

    @property
    def reason(self) -> Any:
        """The slug of an error body, which has nothing but slug and message."""
        error = self.document["error"]
        assert self.document == {"error": {"reason": error["reason"], "message": error["message"]}}
        assert error["message"]
        return error["reason"]


@dataclass
class Ingest:
    """A service that listens."""

    settings: IngestSettings
    client: aiohttp.ClientSession
    stop: asyncio.Event
    serving: asyncio.Task[None]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.settings.ingest_port}"

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """Any request."""
        async with (
            asyncio.timeout(WAIT_S),
            self.client.request(method, self.url + path, **options) as response,
        ):
            body = await response.read()
            is_json = response.content_type == "application/json"
            document = await response.json() if is_json else None
            return Answer(response.status, response.headers, body, document)

    async def post(self, body: bytes, given: CIMultiDict[str] | None = None) -> Answer:
        """A delivery; signed as Meta does when no headers are given."""
        sent = headers(body, SECRET) if given is None else given
        return await self.ask("POST", PATH, data=io.BytesIO(body), headers=sent)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ingest_settings(bootstrap: str, **changes: object) -> IngestSettings:
    """Settings of an ingest with two live secrets, on a free port."""
    return IngestSettings.model_validate(
        {
            "kafka_bootstrap": bootstrap,
            "app_secrets": f"1001:{SECRET.decode()},1002:{NEXT_SECRET.decode()}",
            "verify_token": VERIFY_TOKEN,
            "ingest_port": free_port(),
            "ingest_publish_timeout_s": 20.0,
            **changes,
        }
    )


@asynccontextmanager
async def running_ingest(bootstrap: str, **changes: object) -> AsyncIterator[Ingest]:
    """An ingest service in this process, drained at the end."""
    settings = ingest_settings(bootstrap, **changes)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(settings, stop, shared_port=False))
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            ingest = Ingest(settings, client, stop, serving)
            await until(lambda: _listens(ingest))
            yield ingest
    finally:
        stop.set()
        async with asyncio.timeout(WAIT_S):
            await serving


async def _listens(ingest: Ingest) -> bool:
    if ingest.serving.done():
        await ingest.serving
    try:
        return (await ingest.ask("GET", "/livez")).status == 200
    except aiohttp.ClientConnectorError:
        return False
