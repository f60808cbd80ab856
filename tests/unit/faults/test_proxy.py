"""The proxy's faults, as a client of an echoing server meets them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.proxy import HOST, Proxy

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]

SILENCE_S = 0.3
WAIT_S = 10.0


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """Before a server that answers what it is told."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(1024):
                writer.write(chunk)
        except ConnectionResetError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, HOST, 0)
    async with server, Proxy(HOST, server.sockets[0].getsockname()[1]) as running:
        yield running


@asynccontextmanager
async def line_to(proxy: Proxy) -> AsyncIterator[Line]:
    """A client's connection."""
    reader, writer = await asyncio.open_connection(HOST, proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def says(line: Line, text: bytes = b"hello") -> bytes:
    """What comes back, for as long as something is awaited."""
    line[1].write(text)
    async with asyncio.timeout(WAIT_S):
        return await line[0].readexactly(len(text))


async def is_silent(line: Line) -> bool:
    """Whether nothing comes back, and nothing ends."""
    line[1].write(b"hello")
    try:
        async with asyncio.timeout(SILENCE_S):
            await line[0].read(1)
    except TimeoutError:
        return True
    return False


async def test_it_passes(proxy: Proxy) -> None:
    """Both ways, as if it were not there; closing passes too."""
    async with line_to(proxy) as line:
        assert await says(line, b"x" * 100_000) == b"x" * 100_000
        assert proxy.connections == 1
        line[1].write_eof()
        assert await line[0].read() == b""


async def test_it_refuses_until_healed(proxy: Proxy) -> None:
    """New connections at once, open ones by a reset; the port stays its own."""
    async with line_to(proxy) as line:
        assert await says(line) == b"hello"
        await proxy.refuse()
        with pytest.raises(ConnectionError):
            await says(line)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, proxy.port)
    port = proxy.port
    await proxy.heal()
    assert proxy.port == port
    async with line_to(proxy) as line:
        assert await says(line) == b"hello"


async def test_it_cuts_what_is_open(proxy: Proxy) -> None:
    """And lets new connections pass."""
    async with line_to(proxy) as line:
        assert await says(line) == b"hello"
        proxy.cut()
        with pytest.raises(ConnectionError):
            await says(line)
    async with line_to(proxy) as line:
        assert await says(line) == b"hello"


async def test_it_cuts_in_the_middle_of_an_answer(proxy: Proxy) -> None:
    """Where it was told to."""
    async with line_to(proxy) as line:
        assert await says(line) == b"hello"
        proxy.cut(after_bytes=3)
        line[1].write(b"hello")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await line[0].readexactly(5)


async def test_a_stalled_line_goes_on_where_it_stood(proxy: Proxy) -> None:
    """Nothing passes or ends meanwhile, on old lines and new ones."""
    async with line_to(proxy) as old:
        assert await says(old) == b"hello"
        proxy.stall()
        async with line_to(proxy) as new:
            assert await is_silent(old)
            assert await is_silent(new)
            await proxy.heal()
            for line in (old, new):
                async with asyncio.timeout(WAIT_S):
                    assert await line[0].readexactly(5) == b"hello"


async def test_a_stranded_line_is_silent_for_ever(proxy: Proxy) -> None:
    """A new one passes."""
    async with line_to(proxy) as old:
        assert await says(old) == b"hello"
        proxy.strand()
        assert await is_silent(old)
        async with line_to(proxy) as new:
            assert await says(new) == b"hello"
        await proxy.heal()
        assert await is_silent(old)


async def test_it_is_slow(proxy: Proxy) -> None:
    """There and back take their delay."""
    async with line_to(proxy) as line:
        assert await says(line) == b"hello"
        proxy.slow(delay_s=0.1)
        started_s = time.monotonic()
        assert await says(line) == b"hello"
        assert time.monotonic() - started_s >= 0.2
        proxy.slow(bytes_per_s=100)
        started_s = time.monotonic()
        assert await says(line, b"x" * 20) == b"x" * 20
        assert time.monotonic() - started_s >= 0.4


async def test_it_rewrites_the_ports_of_brokers(proxy: Proxy) -> None:
    """In whole answers with their length before them, as Kafka's have it."""
    proxy.rename({9092: 19092})
    answer = b"..\0\x09127.0.0.1" + (9092).to_bytes(4) + b".."
    async with line_to(proxy) as line:
        answered = await says(line, len(answer).to_bytes(4) + answer)
    assert answered[4:] == answer.replace((9092).to_bytes(4), (19092).to_bytes(4))


def test_it_stands_before_a_url() -> None:
    """With the credentials and the database as they were."""
    proxy = Proxy(HOST, 5432)
    proxy.port = 7
    url = proxy.before("postgresql://user:p%40ss@127.0.0.1:5432/base?x=1")
    assert url == "postgresql://user:p%40ss@127.0.0.1:7/base?x=1"
