"""Over HTTP: writes that break on the way, the handshake with a callback, and control of both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from simulator.graph.faults import Fault
from simulator.graph.handshake import Handshake, problem_of
from simulator.graph.options import GraphOptions
from simulator.graph.server import GraphServer, serve_graph
from tests.unit.simulator.graph.calling import ACCOUNT, OTHER

COMMENT = "17900000000000001"


@asynccontextmanager
async def asking(
    timeout_s: float = 5.0, **options: Any
) -> AsyncIterator[tuple[GraphServer, aiohttp.ClientSession]]:
    """A server that knows a comment which takes answers, and who asks it."""
    timeout = aiohttp.ClientTimeout(timeout_s)
    async with (
        serve_graph(GraphOptions(app_id="42", app_secret="hush", **options)) as server,
        aiohttp.ClientSession(server.url, timeout=timeout) as session,
    ):
        server.graph.contents.give(COMMENT, {"hidden": False})
        yield server, session


async def reply(server: GraphServer, session: aiohttp.ClientSession) -> int:
    """The status of an answer to the comment."""
    headers = {"Authorization": f"Bearer {server.graph.tokens.user_token(0)}"}
    path, form = f"/v25.0/{COMMENT}/replies", {"message": "hi"}
    async with session.post(path, data=form, headers=headers) as answer:
        await answer.read()
        return answer.status


@pytest.mark.parametrize(
    ("fault", "seen", "written"),
    [
        (Fault(kind="drop_before"), "ServerDisconnectedError", 0),
        (Fault(kind="drop_after"), "ServerDisconnectedError", 1),
        (Fault(kind="status", status=503), "503", 0),
        (Fault(kind="status_after", status=502), "502", 1),
        (Fault(kind="error", code=80002), "400", 0),
        (Fault(kind="error_after", code=20, subcode=1772107), "400", 1),
        (Fault(kind="slow_after", delay_ms=1000), "TimeoutError", 1),
        (Fault(kind="garbage"), "200", 1),
    ],
)
async def test_a_write_breaks_before_or_after_it_was_done(
    fault: Fault, seen: str, written: int
) -> None:
    """Who asked cannot tell from what it sees; control can."""
    async with asking(0.4, faults=(fault,)) as (server, session):
        try:
            found = str(await reply(server, session))
        except TimeoutError:
            found = "TimeoutError"
        except aiohttp.ClientError as error:
            found = type(error).__name__
        assert found == seen
        async with session.get("/_simulator/writes") as answer:
            kept = await answer.json()
        assert [one["target"] for one in kept] == [COMMENT] * written


async def test_control_tells_what_was_written_and_what_comes_of_it() -> None:
    """In order, and deliveries from where one was."""
    async with asking() as (server, session):
        for _ in range(3):
            assert await reply(server, session) == 200
        async with session.get("/_simulator/writes") as answer:
            assert [one["id"] for one in await answer.json()] == [w.id for w in server.graph.writes]
        async with session.get("/_simulator/deliveries?since=1") as answer:
            bodies = [one["body"].encode() for one in await answer.json()]
        assert bodies == [one.body for one in server.graph.deliveries[1:]]
        async with session.get("/_simulator/deliveries?since=x") as answer:
            assert answer.status == 400


async def change(session: aiohttp.ClientSession, path: str, body: Any) -> int:
    """The status of a change through control."""
    async with session.put(f"/_simulator/{path}", json=body) as answer:
        return answer.status


async def test_control_changes_grants_and_subscriptions() -> None:
    """As people and Meta do, without a call; nonsense is a 400."""
    async with asking(page_fields=("feed",)) as (server, session):

        async def subscribed(account_id: str) -> Any:
            path = f"/_simulator/subscribed?account={account_id}"
            async with session.get(path) as answer:
                return await answer.json() if answer.status == 200 else answer.status

        app = {"callback_url": "https://x.example", "fields": {"comments": "v25.0"}}
        assert await change(session, "subscriptions", {"pages": {ACCOUNT: []}, "app": [app]}) == 200
        assert await subscribed(ACCOUNT) == {"subscribed": False, "fields": []}
        assert await subscribed(OTHER) == {"subscribed": True, "fields": ["comments"]}
        assert await subscribed("1") == 404
        assert await change(session, "subscriptions", {"pages": {OTHER: []}}) == 200
        assert server.graph.apps.fields() == ("comments",)
        assert await change(session, "grants", {"tasks": []}) == 200
        assert (server.graph.grants.now.tasks, len(server.graph.grants.now.scopes)) == ((), 6)
        assert await change(session, "grants", {}) == 200
        assert server.graph.grants.now == server.graph.grants.first
        assert await change(session, "subscriptions", {"pages": {"1": []}}) == 400
        assert await change(session, "grants", {"scope": []}) == 400
        assert await change(session, "grants", [1]) == 400


@asynccontextmanager
async def called_back(body: str | None, status: int = 200) -> AsyncIterator[tuple[str, list[Any]]]:
    """A callback that answers so, the challenge for None; and the queries that it got."""
    queries: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        queries.append(dict(request.query))
        text = request.query["hub.challenge"] if body is None else body
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_get("/hook", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", queries
    finally:
        await runner.cleanup()


async def subscribe(session: aiohttp.ClientSession, callback_url: str) -> Any:
    """The answer to a subscription of the app."""
    form = {
        "object": "instagram",
        "callback_url": callback_url,
        "verify_token": "once",
        "fields": "comments",
    }
    headers = {"Authorization": "Bearer 42|hush"}
    async with session.post("/v25.0/42/subscriptions", data=form, headers=headers) as answer:
        return await answer.json()


async def test_a_callback_is_verified_before_the_app_is_subscribed() -> None:
    """Once, with the token; the echo must be the challenge."""
    async with asking() as (server, session), called_back(None) as (url, queries):
        assert await subscribe(session, url) == {"success": True}
        (query,) = queries
        assert (query["hub.mode"], query["hub.verify_token"]) == ("subscribe", "once")
        assert server.graph.apps.fields() == ("comments",)


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ("no", 403, "HTTP Status Code = 403; HTTP Message = Forbidden"),
        (None, 302, "HTTP Status Code = 302"),
        ("1", 200, "does not match challenge"),
    ],
)
async def test_a_wrong_answer_of_the_callback_is_told(
    body: str | None, status: int, problem: str
) -> None:
    """As 2200; nothing is subscribed."""
    async with asking() as (server, session), called_back(body, status) as (url, _):
        error = (await subscribe(session, url))["error"]
        assert error["code"] == 2200
        assert problem in error["message"]
        assert not server.graph.apps.fields()


async def test_a_callback_that_cannot_be_reached_is_told() -> None:
    """Refused, no address at all, or too slow."""
    for url in ("http://127.0.0.1:1/", "http://", "http://["):
        problem = await problem_of(Handshake(url, "once", "1"))
        assert problem is not None
        assert "curl_errno = 7" in problem
    async with called_back(None) as (url, _):
        problem = await problem_of(Handshake(url, "once", "1"), timeout_s=0.000001)
        assert problem is not None
        assert "curl_errno = 28" in problem
