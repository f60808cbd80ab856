"""Over HTTP: asked by the client that asks Meta, and told by the sender that sends to ingest."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from graph.client import Client, Credentials
from graph.errors import Action, GraphUnavailableError
from graph.requests import comment, media, mentioned_comment, mentioned_media, read
from hookline.accounts.meta import RefusedError, long_lived, reached
from simulator.graph.faults import Fault
from simulator.graph.options import GraphOptions
from simulator.graph.server import GraphServer, serve_graph
from simulator.graph.usage import Limit
from simulator.sender import SenderOptions, send
from simulator.target import RemoteTargetError, Target
from simulator.traffic import mixed
from tests.unit.simulator.receiver import SECRET, receiving

ONE = "17841400000000001"
APP = ("42", b"hush")


@asynccontextmanager
async def asked(**options: Any) -> AsyncIterator[tuple[GraphServer, Client, Credentials]]:
    """A server, a client of it, and a user's token."""
    wanted = GraphOptions(**{"app_id": APP[0], "app_secret": APP[1].decode(), **options})
    async with serve_graph(wanted) as server, Client(server.url, "v25.0", 5.0) as client:
        yield server, client, Credentials(server.graph.tokens.user_token(0), APP[1])


async def control(server: GraphServer, method: str, path: str, body: Any = None) -> Any:
    """The answer of a control endpoint; its status when it is no 200."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{server.url}/_simulator/{path}", json=body) as answer,
    ):
        return await answer.json() if answer.status == 200 else answer.status


async def test_the_client_reads_what_was_sent() -> None:
    """Every comment and mention of the traffic, one by one and in batches, with proofs."""
    async with (
        asked(require_proof=True, unreadable_ad_share=0.0) as (server, client, credentials),
        receiving() as receiver,
    ):
        options = SenderOptions(graph_url=server.url)
        report = await send(Target(receiver.url, SECRET), mixed(5, 150), options)
        assert not report.failures
        register = server.graph.contents.register
        assert len(register.comments) > 80
        for comment_id, told in list(register.comments.items())[:20]:
            answer = await client.read(comment(comment_id), credentials)
            assert answer.object is not None
            assert answer.object.get("text") == told.text
            assert told.author_name in (None, answer.object["username"])
        ids = list(register.comments)[:50]
        answers = await client.batch([comment(one) for one in ids], credentials)
        assert [(answer.object or {}).get("id") for answer in answers] == ids
        for (object_id, _), mention in register.mentions.items():
            is_caption = object_id == mention.media_id
            ask = mentioned_media if is_caption else mentioned_comment
            answer = await client.read(ask(mention.account_id, object_id), credentials)
            assert answer.object is not None
            assert answer.object["id"] == object_id
        for media_id in list(register.media)[:20]:
            answer = await client.read(media(media_id), credentials)
            assert answer.object is not None
            assert answer.api_version == "v25.0"


async def test_accounts_are_connected_as_with_meta() -> None:
    """The token is looked at, exchanged, and leads over several pages to every account."""
    async with asked(accounts=5, page_size=2) as (server, client, credentials):
        token = await long_lived(client, [("41", b"other"), APP], credentials.token)
        assert token.value == server.graph.tokens.user_token(0, long_lived=True)
        found = [one async for one in reached(client, token)]
        assert [one.account_id for one in found] == list(server.graph.directory.accounts)
        page_token = Credentials(found[0].page_token, APP[1])
        answer = await client.read(read("comment", ONE, "17900000000000001"), page_token)
        assert answer.object is not None
        await control(server, "POST", "tokens/end", {"user": 0, "subcode": 460})
        with pytest.raises(RefusedError):
            await long_lived(client, [APP], token.value)
        again = await long_lived(client, [APP], server.graph.tokens.user_token(0))
        assert again.value != token.value


async def test_the_client_understands_the_limit() -> None:
    """Percentages, the refusal, and when to call again."""
    limit = Limit(4, 600.0, told_after=1)
    async with asked(account_limit=limit) as (server, client, credentials):
        request = comment("17900000000000001")
        answers = [await client.read(request, credentials) for _ in range(5)]
        assert [one.usage.account_percent for one in answers] == [25, 50, 75, 100, 125]
        refused = answers[-1]
        assert refused.verdict is not None
        assert (refused.verdict.action, refused.verdict.reason) == (
            Action.WAIT,
            "throttled_account",
        )
        assert refused.usage.regain is not None
        assert refused.usage.regain.total_seconds() == 600
        summary = await control(server, "GET", "statistics")
        assert summary["accounts"][ONE]["throttled"] == 1
        assert (await control(server, "GET", "reads"))["17900000000000001"]["answered"] == 4


@pytest.mark.parametrize(
    ("fault", "reason", "counted"),
    [
        (Fault(kind="drop_before", attempts=2), "graph_disconnected", 0),
        (Fault(kind="drop_after", attempts=2), "graph_disconnected", 2),
        (Fault(kind="slow", delay_ms=2000), "graph_timeout", 0),
    ],
)
async def test_connections_break(fault: Fault, reason: str, counted: int) -> None:
    """Before or after the work was done; the client sends a GET twice before it gives up."""
    async with (
        serve_graph(GraphOptions(faults=(fault,))) as server,
        Client(server.url, "v25.0", 0.5) as client,
    ):
        credentials = Credentials(server.graph.tokens.user_token(0), b"simulated")
        with pytest.raises(GraphUnavailableError) as caught:
            await client.read(comment("17900000000000001"), credentials)
        assert caught.value.reason == reason
        assert server.graph.summary()["calls"] == counted
        if fault.kind != "slow":
            assert (await client.read(comment("17900000000000001"), credentials)).object


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "garbage"}, "graph_unreadable"),
        ({"kind": "status", "status": 502}, "graph_server_error"),
        ({"kind": "error", "code": 1}, "graph_unknown_error"),
        ({"kind": "error", "code": 2}, "graph_transient"),
        ({"kind": "error", "code": 190, "subcode": 463, "account_id": ONE}, "token_expired"),
        ({"kind": "error", "code": 200}, "permission_missing"),
        ({"kind": "error", "code": 100, "subcode": 33}, "not_found_or_no_permission"),
        ({"kind": "error", "code": 803}, "not_found"),
    ],
)
async def test_faults_are_ordered_while_it_runs(fault: dict[str, Any], reason: str) -> None:
    """By control; alone and in a batch they mean the same; an empty list ends them."""
    async with asked() as (server, client, credentials):
        request = comment("17900000000000001")
        assert await control(server, "PUT", "faults", [fault]) == {"faults": 1}
        answers = [await client.read(request, credentials)]
        answers += await client.batch([request, request], credentials)
        assert [one.verdict and one.verdict.reason for one in answers] == [reason] * 3
        await control(server, "PUT", "faults", [])
        assert (await client.read(request, credentials)).object


async def test_the_world_is_changed_while_it_runs() -> None:
    """Objects are set and deleted, broadcasts end, and what makes no sense is a 400."""
    async with asked() as (server, client, credentials):
        object_id = "17900000000000001"
        await control(server, "PUT", "objects", {object_id: {"text": "set"}})
        answer = await client.read(comment(object_id), credentials)
        assert answer.object is not None
        assert answer.object["text"] == "set"
        await control(server, "PUT", "objects", {object_id: None})
        answer = await client.read(comment(object_id), credentials)
        assert answer.verdict is not None
        assert answer.verdict.reason == "not_found_or_no_permission"
        assert await control(server, "PUT", "broadcasts", {"on_air": False}) == {"on_air": False}
        assert await control(server, "DELETE", "statistics") == {}
        assert (await control(server, "GET", "statistics"))["calls"] == 0
        for method, path, body in (
            ("PUT", "faults", [{"kind": "flood"}]),
            ("PUT", "objects", [1]),
            ("POST", "tokens/end", {"user": 5}),
        ):
            assert await control(server, method, path, body) == 400
        assert await control(server, "GET", "token?user=1") == 404


async def test_tokens_may_be_in_the_query_or_the_form() -> None:
    """Not in the header alone."""
    async with asked() as (server, _, credentials), aiohttp.ClientSession() as session:
        token = {"access_token": credentials.token}
        async with session.get(f"{server.url}/v25.0/me", params=token) as answer:
            assert answer.status == 200
        batch = {**token, "batch": '[{"method": "GET", "relative_url": "me"}]'}
        async with session.post(f"{server.url}/v25.0/", data=batch) as answer:
            assert (await answer.json())[0]["code"] == 200
        async with session.get(f"{server.url}/_simulator/token") as answer:
            assert await answer.text() == credentials.token


async def test_a_delivery_that_could_not_be_told_is_sent_all_the_same() -> None:
    """And counted; another machine is not told."""
    async with receiving() as receiver:
        target = Target(receiver.url, SECRET)
        report = await send(target, mixed(5, 3), SenderOptions(graph_url=receiver.url))
        assert report.failures == {"graph_not_told": 3}
        assert report.complete
        options = SenderOptions(graph_url="https://graph.facebook.com")
        with pytest.raises(RemoteTargetError):
            await send(target, mixed(5, 3), options)
