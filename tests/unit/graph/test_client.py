"""Calls to a real server, which answers well, badly, late, or not at all."""

import asyncio
import gzip
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from graph.answers import Answer
from graph.client import Client, Credentials
from graph.errors import Action, GraphUnavailableError
from graph.proof import appsecret_proof
from graph.requests import (
    comment,
    comment_reply,
    debug_token,
    mention_reply,
    mentioned_media,
    token_exchange,
)
from runtime import metrics

TOKEN = "EAATokenThatNobodySees"
SECRET = b"app-secret-that-nobody-sees"
CREDENTIALS = Credentials(TOKEN, SECRET)
PROOF = appsecret_proof(TOKEN, SECRET)
HIDDEN = (TOKEN, SECRET.decode(), PROOF)
COMMENT = comment("179")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def _graph(handler: Handler) -> AsyncIterator[str]:
    """The address of a server that answers everything with this."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _bytes(reply: bytes) -> AsyncIterator[str]:
    """The address of a server that says this to everybody, and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _answering(body: object, status: int = 200, **headers: str) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=orjson.dumps(body), headers=told)

    return handle


def _count(endpoint: str, result: str) -> float:
    return float(metrics.GRAPH_CALLS.labels(endpoint, result)._value.get())


async def _read(url: str, timeout_s: float = 5.0, max_answer_bytes: int = 10_000) -> Answer:
    async with Client(url, "v25.0", timeout_s, max_answer_bytes) as client:
        return await client.read(COMMENT, CREDENTIALS)


def _everything_of(error: BaseException) -> str:
    """All that a log could say about an exception, suppressed contexts included."""
    inner = [_everything_of(one) for one in (error.__cause__, error.__context__) if one]
    return "\n".join([*traceback.format_exception(error), repr(error), repr(error.args), *inner])


async def test_a_read() -> None:
    """The token goes into a header, the proof into the query, and nothing else."""
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request)
        usage = '{"1":[{"type":"instagram","call_count":12}]}'
        headers = {"X-Business-Use-Case-Usage": usage, "facebook-api-version": "v25.0"}
        return web.json_response({"id": "179"}, headers=headers)

    before = _count("comment", "ok")
    async with _graph(handle) as url:
        answer = await _read(url)
    assert answer.object == {"id": "179"}
    assert answer.usage.account_percent == 12.0
    assert answer.api_version == "v25.0"
    assert _count("comment", "ok") == before + 1
    (request,) = seen
    assert request.path == "/v25.0/179"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert set(request.query) == {"fields", "appsecret_proof"}
    assert request.query["appsecret_proof"] == PROOF
    assert "Cookie" not in request.headers


async def test_expressions_arrive_as_meant() -> None:
    """Braces and parentheses in `fields`."""
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.query["fields"])
        return web.json_response({"mentioned_media": {"id": "180"}, "id": "1784"})

    async with _graph(handle) as url, Client(url, "v25.0", 5.0) as client:
        answer = await client.read(mentioned_media("1784", "180"), CREDENTIALS)
    assert answer.object == {"id": "180"}
    assert seen[0].startswith("mentioned_media.media_id(180){id,caption")


async def test_a_batch() -> None:
    """One round trip; every item counts, and has a verdict of its own."""
    seen: list[tuple[web.Request, dict[str, str]]] = []

    async def handle(request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        seen.append((request, form))
        error = {"error": {"code": 100, "error_subcode": 33, "fbtrace_id": "Ab1"}}
        throttle = {"error": {"code": 80002, "message": "too many calls"}}
        items = [
            {"code": 200, "body": '{"id":"1"}'},
            {"code": 400, "body": orjson.dumps(error).decode()},
            None,
            {"code": 403, "body": orjson.dumps(throttle).decode()},
        ]
        return web.json_response(items)

    results = ("ok", "ambiguous", "retry", "wait")
    before = [_count("comment", result) for result in results]
    async with _graph(handle) as url, Client(url, "v25.0", 5.0) as client:
        answers = await client.batch([comment(str(i)) for i in range(1, 5)], CREDENTIALS)
    actions = [answer.verdict.action if answer.verdict else None for answer in answers]
    assert actions == [None, Action.AMBIGUOUS, Action.RETRY, Action.WAIT]
    assert [_count("comment", result) for result in results] == [one + 1 for one in before]
    ((request, form),) = seen
    assert (request.method, request.path) == ("POST", "/v25.0/")
    assert form["access_token"] == TOKEN
    assert TOKEN not in str(request.url)
    items = orjson.loads(form["batch"])
    assert [item["relative_url"].partition("?")[0] for item in items] == [
        f"v25.0/{i}" for i in range(1, 5)
    ]


async def test_a_write() -> None:
    """The message is in the body, the token in a header; nothing is asked for."""
    seen: list[tuple[web.Request, dict[str, str]]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request, {name: str(value) for name, value in (await request.post()).items()}))
        return web.json_response({"id": "180"}, headers={"X-App-Usage": '{"call_count":3}'})

    before = _count("mention_reply", "ok")
    async with _graph(handle) as url, Client(url, "v25.0", 5.0) as client:
        answer = await client.write(
            mention_reply("1784", "18", "179", "¡Hola & adiós!"), CREDENTIALS
        )
    assert answer.object == {"id": "180"}
    assert answer.usage.app_percent == 3.0
    assert _count("mention_reply", "ok") == before + 1
    ((request, form),) = seen
    assert (request.method, request.path) == ("POST", "/v25.0/1784/mentions")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert dict(request.query) == {"appsecret_proof": PROOF}
    assert form == {"media_id": "18", "comment_id": "179", "message": "¡Hola & adiós!"}


async def test_writes_never_share_a_connection() -> None:
    """One that has been idle may be closed at the moment of sending."""
    peers: list[object] = []

    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        return web.json_response({"id": "179"})

    async with _graph(handle) as url, Client(url, "v25.0", 5.0) as client:
        for _ in range(2):
            await client.read(COMMENT, CREDENTIALS)
        for _ in range(3):
            await client.write(comment_reply("179", "Hi"), CREDENTIALS)
    assert len(set(peers)) == 4


async def test_a_write_is_sent_once() -> None:
    """Also when the connection breaks, where a read would be sent again."""
    sent: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        sent.append(request.method)
        return await _drop(request)

    async with _graph(handle) as url, Client(url, "v25.0", 5.0) as client:
        for _ in range(3):
            with pytest.raises(GraphUnavailableError) as caught:
                await client.write(comment_reply("179", "Hi"), CREDENTIALS)
            assert caught.value.was_sent
    assert sent == ["POST"] * 3


async def test_a_write_that_never_left() -> None:
    """Nobody listens, or a host does not answer: nothing was done for certain."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    # An address for documentation, which nobody has: https://www.rfc-editor.org/rfc/rfc5737
    for url in (f"http://127.0.0.1:{port}", "http://192.0.2.1"):
        async with Client(url, "v25.0", 0.5) as client:
            with pytest.raises(GraphUnavailableError) as caught:
                await client.write(comment_reply("179", "Hi"), CREDENTIALS)
        assert (caught.value.reason, caught.value.was_sent) == ("graph_unreachable", False)


async def test_requests_that_hold_their_secrets_themselves() -> None:
    """A token is exchanged without another; it is looked at with the app's own."""
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response({"data": {"is_valid": True}, "access_token": "EAAnew"})

    async with _graph(handle) as url, Client(url, "v25.0", 5.0) as client:
        await client.read(token_exchange("1234", SECRET.decode(), TOKEN), None)
        await client.read(debug_token(TOKEN), Credentials("1234|s", b"s"))
    exchange, debug = seen
    assert "Authorization" not in exchange.headers
    assert "appsecret_proof" not in exchange.query
    assert debug.headers["Authorization"] == "Bearer 1234|s"
    assert debug.query["input_token"] == TOKEN


async def _hang(_: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


async def _drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(3000):
        await response.write(b" ")
        await asyncio.sleep(0.01)
    return response


async def _drop(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _flood(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1000):
        await response.write(b'{"a":"' + b"x" * 1000)
    return response


async def _bomb(_: web.Request) -> web.Response:
    packed = gzip.compress(b" " * 20_000_000)
    return web.Response(body=packed, headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    ("handler", "reason", "timeout_s"),
    [
        (_hang, "graph_timeout", 0.3),
        (_drip, "graph_timeout", 0.3),
        (_drop, "graph_disconnected", 20.0),
        (_flood, "graph_answer_too_large", 20.0),
        (_bomb, "graph_answer_too_large", 20.0),
    ],
)
async def test_no_answer(
    handler: Handler, reason: str, timeout_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    """It is asked for again, Meta may have counted the call, and nothing secret is told."""
    caplog.set_level(logging.DEBUG)
    before = _count("comment", reason)
    async with _graph(handler) as url:
        with capture_logs() as logs, pytest.raises(GraphUnavailableError) as caught:
            await _read(url, timeout_s)
    assert caught.value.reason == reason
    assert caught.value.was_sent
    assert _count("comment", reason) == before + 1
    told = f"{_everything_of(caught.value)} {logs} {caplog.text}"
    assert [secret for secret in HIDDEN if secret in told] == []


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"", "graph_disconnected"),
        (b"\x00\x01\x02\x03\r\n\r\n", "graph_answer_broken"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "graph_answer_broken"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "graph_answer_broken"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
            "graph_answer_broken",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "graph_answer_broken",
        ),
    ],
)
async def test_answers_that_are_no_http(
    reply: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Likewise."""
    caplog.set_level(logging.DEBUG)
    async with _bytes(reply) as url:
        with capture_logs() as logs, pytest.raises(GraphUnavailableError) as caught:
            await _read(url, timeout_s=2.0)
    assert caught.value.reason == reason
    told = f"{_everything_of(caught.value)} {logs} {caplog.text}"
    assert [secret for secret in HIDDEN if secret in told] == []


async def test_nobody_there() -> None:
    """The call never left: Meta has not counted it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with Client(f"http://127.0.0.1:{port}", "v25.0", 5.0) as client:
        with pytest.raises(GraphUnavailableError) as caught:
            await client.read(token_exchange("1234", SECRET.decode(), TOKEN), None)
    assert caught.value.reason == "graph_unreachable"
    assert not caught.value.was_sent
    assert [secret for secret in HIDDEN if secret in _everything_of(caught.value)] == []


async def test_nobody_but_meta_is_talked_to_over_tls() -> None:
    """A server without a certificate that is trusted gets no request."""
    async with _graph(_hang) as url:
        with pytest.raises(GraphUnavailableError) as caught:
            await _read(url.replace("http:", "https:"))
    assert caught.value.reason == "graph_unreachable"


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would see the token."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with _graph(_answering({"id": "179"})) as url:
        assert (await _read(url)).object == {"id": "179"}


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """It could lead a token anywhere."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with _graph(handle) as url:
        answer = await _read(url)
    assert answer.verdict is not None
    assert answer.verdict.action is Action.RETRY
    assert asked == ["/v25.0/179"]


@pytest.mark.parametrize("status", [200, 400, 500, 503])
async def test_answers_that_are_no_json(status: int) -> None:
    """A page of somebody in between."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, text="<html>Sorry, something went wrong.</html>")

    async with _graph(handle) as url:
        answer = await _read(url)
    assert (answer.object, answer.http_status) == (None, status)
    assert answer.verdict is not None
    assert answer.verdict.action is Action.RETRY


async def test_a_different_version_is_told_once() -> None:
    """Each time that it changes; and that all is well again."""
    versions = iter(["v25.0", "v26.0", "v26.0", "v24.0", "v25.0", "v25.0"])

    async def handle(_: web.Request) -> web.Response:
        return web.json_response({"id": "1"}, headers={"Facebook-API-Version": next(versions)})

    async with _graph(handle) as url, Client(url, "v25.0", 5.0) as client:
        with capture_logs() as logs:
            for _ in range(6):
                await client.read(COMMENT, CREDENTIALS)
    assert [(log["event"], log["log_level"], log.get("answering")) for log in logs] == [
        ("graph_version_differs", "error", "v26.0"),
        ("graph_version_differs", "error", "v24.0"),
        ("graph_version_as_pinned", "info", None),
    ]


async def test_a_version_that_has_ended_is_told_at_the_start() -> None:
    """Another one answers for it, and nobody says so."""
    with capture_logs() as logs:
        async with Client("http://127.0.0.1:9", "v19.0", 5.0):
            pass
    assert [(log["event"], log["state"]) for log in logs] == [("graph_version_outlook", "ended")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Unknown field near", "graph_refused_100"),
        ("Invalid appsecret_proof provided for", "app_secret_wrong"),
    ],
)
async def test_a_wrong_call_is_an_alarm_once(text: str, reason: str) -> None:
    """With what Meta's support asks for, and without what Meta's message quotes."""
    error = {"code": 100, "message": f"{text} {TOKEN}", "fbtrace_id": "AbC-1"}
    async with (
        _graph(_answering({"error": error}, 400)) as url,
        Client(url, "v25.0", 5.0) as client,
    ):
        with capture_logs() as logs:
            for _ in range(3):
                await client.read(COMMENT, CREDENTIALS)
    assert [log["log_level"] for log in logs] == ["error", "debug", "debug"]
    assert (logs[0]["reason"], logs[0]["fbtrace_id"]) == (reason, "AbC-1")
    assert TOKEN not in str(logs)


async def test_calls_at_once() -> None:
    """One session serves all of them."""
    together = asyncio.Barrier(5)

    async def handle(request: web.Request) -> web.Response:
        await together.wait()
        return web.json_response({"id": request.path.rpartition("/")[2]})

    async with _graph(handle) as url, Client(url, "v25.0", 5.0) as client:
        answers = await asyncio.gather(
            *(client.read(comment(str(i)), CREDENTIALS) for i in range(5))
        )
    assert [answer.object for answer in answers] == [{"id": str(i)} for i in range(5)]


def test_credentials_do_not_show_themselves() -> None:
    """In no form of theirs."""
    assert [secret for secret in HIDDEN if secret in f"{CREDENTIALS!r} {[CREDENTIALS]}"] == []


async def test_a_closed_client_calls_nobody() -> None:
    """It says so."""
    with pytest.raises(RuntimeError, match="not open"):
        await Client("http://127.0.0.1:9", "v25.0", 5.0).read(COMMENT, CREDENTIALS)
