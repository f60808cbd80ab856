"""Raw sockets: however HTTP is cut, stretched or broken off, only what is signed gets through."""

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.service import PATH
from schemas.topics import RAW_TOPICS
from simulator.signing import SHA256_HEADER, signature
from tests.integration.broker import WAIT_S, Broker, Offsets, grown, until
from tests.integration.service import SECRET, Ingest, running_ingest

SILENCE_S: Final = 0.2
"""How long what is incomplete is given to be answered after all."""

FLOOD_BYTES: Final = 64 * 1024 * 1024
GROWTH_BYTES: Final = 32 * 1024 * 1024
"""What a flood may cost, buffers of the client in this process included."""

fuzzed = settings(
    max_examples=50,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # an example may wait: shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

bodies = st.binary(min_size=1, max_size=200)


def head(body: bytes, *lines: bytes, secret: bytes = SECRET) -> bytes:
    """The head of a delivery, signed."""
    signed = f"{SHA256_HEADER}: {signature(body, secret)}".encode()
    start = f"POST {PATH} HTTP/1.1".encode()
    return b"\r\n".join([start, b"Host: x", signed, *lines, b"", b""])


def whole(body: bytes, secret: bytes = SECRET) -> bytes:
    """A delivery of one piece."""
    return head(body, b"Content-Length: %d" % len(body), secret=secret) + body


@asynccontextmanager
async def connected(
    ingest: Ingest,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, broken off at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", ingest.settings.ingest_port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def statuses(
    ingest: Ingest, segments: Sequence[bytes], count: int = 1, wait_s: float = WAIT_S
) -> list[int]:
    """The statuses of so many answers to what is sent in these segments, in order."""
    answered = b""
    async with connected(ingest) as (reader, writer):
        try:
            for segment in segments:
                writer.write(segment)
                await writer.drain()
                await asyncio.sleep(0)
            async with asyncio.timeout(wait_s):
                while len(_statuses(answered)) < count:
                    chunk = await reader.read(65536)
                    if not chunk:
                        break
                    answered += chunk
        except (TimeoutError, ConnectionError):
            pass
    return _statuses(answered)


def _statuses(answered: bytes) -> list[int]:
    return [int(digits) for digits in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answered)]


async def published(broker: Broker, before: Offsets) -> list[bytes]:
    """The bodies that came into Kafka since: each of them is signed, which is asserted."""
    # Nothing grew, nothing to read: a reader without partitions would wait for some.
    if grown(before, await broker.ends(RAW_TOPICS)) == 0:
        return []
    records = await broker.new_records(before)
    for record in records:
        digest = hmac.new(SECRET, record.value or b"", hashlib.sha256).hexdigest()
        assert dict(record.headers)["signature"] == f"sha256={digest}".encode()
    return sorted(record.value or b"" for record in records)


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    """A body in chunks, with whatever the format allows: extensions, zeros, cases, trailers."""
    cuts = sorted(draw(st.sets(st.integers(1, max(len(body) - 1, 1)), max_size=5)))
    places = [0, *[cut for cut in cuts if cut < len(body)], len(body)]
    framed = b""
    for start, end in pairwise(places):
        size = draw(st.sampled_from([b"%x", b"%X", b"000%x"])) % (end - start)
        extension = draw(st.sampled_from([b"", b";a=b", b';a="c"']))
        framed += size + extension + b"\r\n" + body[start:end] + b"\r\n"
    trailers = draw(st.sampled_from([b"", b"X-After: y\r\n"]))
    return framed + b"0\r\n" + trailers + b"\r\n"


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Data in segments that end at these places."""
    ends = sorted({place % len(data) for place in places} - {0})
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


@fuzzed
@given(st.data(), bodies, st.lists(st.integers(0, 2000), max_size=4))
async def test_any_chunks_in_any_segments_are_the_same_body(
    ingest: Ingest, broker: Broker, data: st.DataObject, body: bytes, places: list[int]
) -> None:
    """However it is framed and however it travels, what is in Kafka is what was signed."""
    before = await broker.ends(RAW_TOPICS)
    request = head(body, b"Transfer-Encoding: chunked") + data.draw(chunked(body))
    assert await statuses(ingest, cut(request, places)) == [200]
    assert await published(broker, before) == [body]


@fuzzed
@given(st.data(), bodies, st.integers(0, 2000), st.binary(max_size=3))
async def test_a_damaged_framing_is_never_a_server_error(
    ingest: Ingest, broker: Broker, data: st.DataObject, body: bytes, place: int, damage: bytes
) -> None:
    """Whatever stands in the place of a few bytes: refused, waited for, or the very body."""
    before = await broker.ends(RAW_TOPICS)
    framed = data.draw(chunked(body))
    at = place % len(framed)
    request = head(body, b"Transfer-Encoding: chunked", b"Connection: close")
    damaged = framed[:at] + damage + framed[at + len(damage) + 1 :]
    answered = await statuses(ingest, [request + damaged], wait_s=SILENCE_S)
    assert all(status < 500 or status == 503 for status in answered), (damaged, answered)
    assert await published(broker, before) == [body] * answered.count(200)


@fuzzed
@given(bodies, st.integers(-3, 3))
async def test_a_wrong_length_is_another_body(
    ingest: Ingest, broker: Broker, body: bytes, difference: int
) -> None:
    """Shorter: what is left of it is not what was signed. Longer: the rest is waited for."""
    before = await broker.ends(RAW_TOPICS)
    length = max(len(body) + difference, 0)
    request = head(body, b"Content-Length: %d" % length) + body
    answered = await statuses(ingest, [request], wait_s=SILENCE_S if length > len(body) else WAIT_S)
    if length == len(body):
        assert answered == [200]
    elif length > len(body):
        assert answered == []
    else:
        assert answered[0] in (400, 401)  # what is left over may be seen first: no request
    assert all(status < 500 for status in answered)
    assert await published(broker, before) == [body] * answered.count(200)


@fuzzed
@given(st.lists(st.tuples(bodies, st.booleans()), min_size=1, max_size=6), st.integers(0, 3000))
async def test_requests_in_a_row_are_answered_in_order(
    ingest: Ingest, broker: Broker, given_: list[tuple[bytes, bool]], place: int
) -> None:
    """All sent before the first answer: each gets its own, and the signed ones are in Kafka."""
    before = await broker.ends(RAW_TOPICS)
    line = b"".join(whole(body, SECRET if right else b"wrong") for body, right in given_)
    answered = await statuses(ingest, cut(line, [place]), count=len(given_))
    assert answered == [200 if right else 401 for _, right in given_]
    assert await published(broker, before) == sorted(body for body, right in given_ if right)


@fuzzed
@given(bodies, st.integers(0, 3000), st.booleans())
async def test_a_sender_that_goes_early_leaves_nothing(
    ingest: Ingest, broker: Broker, body: bytes, place: int, politely: bool
) -> None:
    """Cut at any byte, closed or reset: no record, no bytes held, and the next one is served."""
    before = await broker.ends(RAW_TOPICS)
    request = whole(body)
    async with connected(ingest) as (reader, writer):
        writer.write(request[: place % len(request)])
        await writer.drain()
        if politely:
            writer.write_eof()
            async with asyncio.timeout(WAIT_S):
                answered = _statuses(await reader.read())
            assert all(status < 500 for status in answered)
    await until(lambda: _holds_nothing(ingest))
    assert await published(broker, before) == []
    assert await statuses(ingest, [whole(b"next")]) == [200]


@pytest.mark.parametrize(
    "flood",
    [
        "one endless header",
        "headers without an end",
        "an endless chunk size",
        "an endless chunk extension",
        "trailers without an end",
        "requests whose answers nobody reads",
    ],
)
async def test_a_flood_costs_no_memory(ingest: Ingest, flood: str) -> None:
    """Refused, or read and forgotten, or left unread: never kept."""
    start, repeated = _flood(flood)
    before = _resident_bytes()
    sent = 0
    async with connected(ingest) as (_, writer):
        writer.write(start)
        try:
            for block in repeated:
                writer.write(block)
                async with asyncio.timeout(1):
                    await writer.drain()
                sent += len(block)
                if sent > FLOOD_BYTES:
                    break
        except (ConnectionError, TimeoutError):
            pass  # it is refused, or no longer read
        assert _resident_bytes() - before < GROWTH_BYTES, sent
        assert await statuses(ingest, [whole(b"meanwhile")]) == [200]
    await until(lambda: _holds_nothing(ingest))


def _flood(kind: str) -> tuple[bytes, Iterator[bytes]]:
    chunks = head(b"abc", b"Transfer-Encoding: chunked")
    start, block = {
        "one endless header": (chunks[:-2] + b"X-Long: ", b"a" * 65536),
        "headers without an end": (chunks[:-2], b"X-More: y\r\n" * 6000),
        "an endless chunk size": (chunks, b"0" * 65536),
        "an endless chunk extension": (chunks + b"3;x=", b"a" * 65536),
        "trailers without an end": (chunks + b"3\r\nabc\r\n0\r\n", b"X-More: y\r\n" * 6000),
        "requests whose answers nobody reads": (b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2000),
    }[kind]
    return start, iter(lambda: block, b"")


def _resident_bytes() -> int:
    """Memory of this process, in which ingest runs."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.parametrize("size", [9_000, 100_000])
async def test_an_oversize_header_is_refused(ingest: Ingest, broker: Broker, size: int) -> None:
    """With 400, though the body is signed."""
    before = await broker.ends(RAW_TOPICS)
    long = head(b"abc", b"X-Long: " + b"a" * size, b"Content-Length: 3") + b"abc"
    assert await statuses(ingest, [long]) == [400]
    assert await published(broker, before) == []


async def test_many_that_drip_hinder_nobody(broker: Broker) -> None:
    """Heads and bodies byte by byte, on two hundred connections: others are served; bodies that
    take too long get 408, and what was held of them is let go.
    """
    async with running_ingest(broker.bootstrap, ingest_read_timeout_s=1.0) as ingest:
        before = await broker.ends(RAW_TOPICS)
        body = b"b" * 5000
        drips = [
            asyncio.create_task(_drip(ingest, whole(body), begin))
            for begin in [5, len(whole(body)) - 4000] * 100
        ]
        for _ in range(5):
            assert await statuses(ingest, [whole(b"in time")]) == [200]
        answered = [status for found in await asyncio.gather(*drips) for status in found]
        assert answered == [408] * 100
        await until(lambda: _holds_nothing(ingest))
        assert await published(broker, before) == [b"in time"] * 5


async def _drip(ingest: Ingest, request: bytes, begin: int) -> list[int]:
    """Sends the beginning, then a byte now and then, for three seconds; gives the answers."""
    async with connected(ingest) as (reader, writer):
        writer.write(request[:begin])
        for place in range(begin, begin + 30):
            writer.write(request[place : place + 1])
            try:
                async with asyncio.timeout(0.1):
                    return _statuses(await reader.read(65536))
            except TimeoutError:
                continue
    return []


async def _holds_nothing(ingest: Ingest) -> bool:
    page = (await ingest.ask("GET", "/metrics")).body.decode()
    return "hookline_ingest_inflight_bytes 0.0" in page
