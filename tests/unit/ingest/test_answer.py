"""What an accepted delivery is answered, as bytes on a connection."""

import asyncio
import time
from email.utils import parsedate_to_datetime
from http.client import HTTPMessage, parse_headers
from io import BytesIO

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from ingest.answer import accepted, written

WAIT_S = 10


async def answered(request: bytes, count: int, *, until_closed: bool) -> bytes:
    """What comes for so many requests, sent at once; to the connection's end if that is due."""

    async def handle(received: web.BaseRequest) -> web.StreamResponse:
        return accepted(received)

    async with asyncio.timeout(WAIT_S), RawTestServer(handle) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        try:
            writer.write(request * count)
            if until_closed:
                return await reader.read()
            return b"".join([await reader.readuntil(b"\r\n\r\nok") for _ in range(count)])
        finally:
            writer.close()


def told(answer: bytes) -> tuple[bytes, HTTPMessage, bytes]:
    """Status line, headers and body."""
    stream = BytesIO(answer)
    return stream.readline(), parse_headers(stream), stream.read()


async def test_a_kept_connection_gets_each_of_its_answers_whole() -> None:
    """One after the other, for requests that came at once."""
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    both = await answered(one, 2, until_closed=False)
    for answer in (both[: len(both) // 2], both[len(both) // 2 :]):
        status, headers, body = told(answer)
        assert (status, body) == (b"HTTP/1.1 200 OK\r\n", b"ok")
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        assert headers["Content-Length"] == "2"
        assert headers["Connection"] is None
        assert abs(parsedate_to_datetime(headers["Date"]).timestamp() - time.time()) <= WAIT_S


@pytest.mark.parametrize(
    ("version", "line", "connection"),
    [(b"1.1", b"Connection: close\r\n", "close"), (b"1.0", b"", None)],
)
async def test_a_connection_that_is_not_kept_is_closed(
    version: bytes, line: bytes, connection: str | None
) -> None:
    """By whichever of the two ways there are to ask for it."""
    request = b"POST / HTTP/%s\r\nHost: x\r\n%sContent-Length: 0\r\n\r\n" % (version, line)
    status, headers, body = told(await answered(request, 1, until_closed=True))
    assert (status, body) == (b"HTTP/%s 200 OK\r\n" % version, b"ok")
    assert headers["Connection"] == connection


async def test_a_connection_of_old_is_kept_when_asked() -> None:
    """HTTP/1.0 has to be told so."""
    request = b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"
    _, headers, _ = told(await answered(request, 1, until_closed=False))
    assert headers["Connection"] == "keep-alive"


def test_the_date_is_the_second_of_the_answer() -> None:
    """The one before is not kept."""
    for unix_s, date in ((0, "00:00:00"), (1, "00:00:01"), (0, "00:00:00")):
        assert f"Date: Thu, 01 Jan 1970 {date} GMT".encode() in written(unix_s)
