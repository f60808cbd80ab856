"""Arbitrary bytes never bring ingest down, and never into Kafka."""

import asyncio
import json
import re
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.service import PATH
from schemas.topics import RAW_TOPICS
from simulator.signing import SHA256_HEADER, signature
from tests.integration.broker import Broker, grown, until
from tests.integration.service import SECRET, Ingest

ANSWER_WAIT_S: Final = 10.0
SILENCE_S: Final = 0.2
"""How long an incomplete request is given to be answered after all."""

HEAD: Final = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()
SIGNED: Final = f"{SHA256_HEADER}: {signature(b'abc', SECRET)}\r\n".encode()

_methods = st.sampled_from([b"POST", b"GET", b"HEAD", b"PUT", b"CONNECT", b"PRI", b"\x16\x03\x01"])
_paths = st.sampled_from(
    [PATH.encode(), b"/", b"*", b"/%ff", b"//x", b"http://[", b"/webhooks/instagram?hub.mode=%00"]
) | st.binary(max_size=10)
_lines = st.sampled_from(
    [
        b"Host: x",
        SIGNED.strip(),
        b"X-Hub-Signature-256: sha256=\xff",
        b"Content-Length: 3",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Content-Encoding: gzip",
        b"Expect: 100-continue",
        b"Expect: 200-nothing",
        b"Upgrade: websocket\r\nConnection: Upgrade",
        b": nothing",
        b"X" * 9000 + b": y",
    ]
) | st.binary(max_size=20)
_bodies = st.sampled_from([b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"zz\r\nabc"]) | st.binary(
    max_size=40
)

requests = st.one_of(
    st.binary(min_size=1, max_size=200),
    st.builds(
        lambda method, path, lines, body: b"\r\n".join(
            [b"%s %s HTTP/1.1" % (method, path), *lines, b"Connection: close", b"", body]
        ),
        _methods,
        _paths,
        st.lists(_lines, max_size=4),
        _bodies,
    ),
)
"""Bytes that are no HTTP at all, and HTTP with something wrong in it."""


async def statuses(ingest: Ingest, data: bytes, wait_s: float) -> list[int]:
    """The statuses that ingest answers these bytes with, in order."""
    answered = await answers(ingest, data, wait_s)
    return [int(digits) for digits in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answered)]


async def answers(ingest: Ingest, data: bytes, wait_s: float) -> bytes:
    """What ingest answers these bytes with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", ingest.settings.ingest_port)
    answered = b""
    try:
        writer.write(data)
        async with asyncio.timeout(wait_s):
            while chunk := await reader.read(65536):
                answered += chunk
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()
    return answered


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(requests)
async def test_arbitrary_bytes_get_no_server_error(ingest: Ingest, data: bytes) -> None:
    """Whatever is sent, ingest lives on and answers none of it with its own fault."""
    answered = await statuses(ingest, data, SILENCE_S)
    assert all(status < 500 or status == 503 for status in answered), (data, answered)
    assert (await ingest.ask("GET", "/livez")).status == 200


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (HEAD + SIGNED + b"Content-Length: 3\r\n\r\nabc", 200),
        (HEAD + SIGNED + b"Content-Length: 3\r\n\r\nabd", 401),
        (HEAD + b"Content-Length: 3\r\n\r\nabc", 401),
        (HEAD + SIGNED + SIGNED + b"Content-Length: 3\r\n\r\nabc", 401),
        (HEAD + SIGNED + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200),
        (HEAD + SIGNED + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", 400),
        (HEAD + SIGNED + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400),
        (HEAD + SIGNED + b"Content-Length: x\r\n\r\nabc", 400),
        (HEAD + SIGNED + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400),
        (HEAD + b"Expect: miracles\r\nContent-Length: 3\r\n\r\nabc", 417),
        (HEAD + SIGNED + b"Content-Length: 3\r\nContent-Encoding: gzip\r\n\r\nabc", 415),
        (b"GET /%ff%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        (
            f"GET {PATH}?hub.mode=%ff&%00 HTTP/1.1\r\n".encode()
            + b"Host: x\r\nConnection: close\r\n\r\n",
            403,
        ),
        (b"no http at all\r\n\r\n", 400),
    ],
)
async def test_a_spoilt_request_is_refused(ingest: Ingest, data: bytes, expected: int) -> None:
    """Every refusal has its own status, and none is a server error."""
    answered = await statuses(ingest, data, ANSWER_WAIT_S)
    assert answered[:1] == [expected]


async def test_what_is_no_http_is_told_so_like_the_rest(ingest: Ingest) -> None:
    """With a slug in JSON, once, on a connection that ends."""
    answered = await answers(ingest, b"no http at all\r\n\r\n", ANSWER_WAIT_S)
    head, _, body = answered.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 400 ")
    assert json.loads(body)["error"]["reason"] == "malformed_request"


async def test_an_unfinished_body_reaches_nobody(ingest: Ingest, broker: Broker) -> None:
    """A sender that hangs up half-way leaves nothing behind, in Kafka or in memory."""
    before = await broker.ends(RAW_TOPICS)
    for rest in (
        b"Content-Length: 4\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ):
        assert await statuses(ingest, HEAD + SIGNED + rest, SILENCE_S) == []
    assert (await ingest.ask("GET", "/readyz")).status == 200
    await until(lambda: _holds_nothing(ingest))
    assert grown(before, await broker.ends(RAW_TOPICS)) == 0


async def _holds_nothing(ingest: Ingest) -> bool:
    page = (await ingest.ask("GET", "/metrics")).body.decode()
    return "hookline_ingest_inflight_bytes 0.0" in page
