"""A Graph API for tests of the worker: it answers every object, counts, and limits."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Graph:
    """What it was asked, and how it answers.

    Attributes:
        limit: calls that an account has; the next one is refused, and so are all after it.
        fails: an error for an object, by its id.
        away: whether it answers nobody.
        delay_s: before each answer.
        read: how often each object was told, or refused for itself.
        before: how many calls there were when an object was first asked for.
    """

    url: str = ""
    limit: int = 10**9
    fails: dict[str, dict[str, int]] = field(default_factory=dict)
    away: bool = False
    delay_s: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    read: Counter[str] = field(default_factory=Counter)
    before: dict[str, int] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def item(self, relative_url: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        """One call: status, body, and what it tells of the limit."""
        path, _, query = relative_url.partition("?")
        object_id = path.rsplit("/", 1)[-1]
        for member in ("mentioned_comment.comment_id(", "mentioned_media.media_id("):
            if member in query:
                object_id = query.partition(member)[2].partition(")")[0]
                return self._answer(object_id, member.partition(".")[0])
        return self._answer(object_id, None)

    def _answer(
        self, object_id: str, member: str | None
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        if self.calls["all"] >= self.limit:
            self.throttled += 1
            told = self._usage(100, 5)
            return 400, {"error": {"code": 80002, "error_subcode": 2446079, "message": "x"}}, told
        self.calls["all"] += 1
        self.read[object_id] += 1
        self.before.setdefault(object_id, self.calls["all"])
        told = self._usage(100 * self.calls["all"] // self.limit, 0)
        if object_id in self.fails:
            return 400, {"error": {"message": "a text", **self.fails[object_id]}}, told
        found = {
            "id": object_id,
            "text": f"text of {object_id}",
            "caption": f"caption of {object_id}",
            "timestamp": "2026-11-20T10:00:00+0000",
            "username": "somebody",
            "like_count": 3,
            "permalink": f"https://instagram.example/{object_id}",
        }
        return 200, ({member: found} if member else found), told

    def _usage(self, percent: int, minutes: int) -> dict[str, str]:
        entry = {"type": "instagram", "call_count": percent, "total_cputime": 0, "total_time": 0}
        told = {"1": [{**entry, "estimated_time_to_regain_access": minutes}]}
        return {"X-Business-Use-Case-Usage": json.dumps(told), "facebook-api-version": "v25.0"}


@asynccontextmanager
async def graph_api() -> AsyncIterator[Graph]:
    """One that listens."""
    graph = Graph()

    async def handle(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(graph.delay_s)
        if graph.away:
            return web.Response(status=503, text="away")
        if request.method == "GET":
            graph.tokens.add(request.headers["Authorization"].removeprefix("Bearer "))
            status, body, headers = graph.item(request.raw_path)
            return web.json_response(body, status=status, headers=headers)
        form = await request.post()
        graph.tokens.add(str(form["access_token"]))
        items = json.loads(str(form["batch"]))
        graph.batches.append(len(items))
        answers = [graph.item(item["relative_url"]) for item in items]
        return web.json_response(
            [
                {
                    "code": status,
                    "headers": [{"name": name, "value": told} for name, told in headers.items()],
                    "body": json.dumps(body),
                }
                for status, body, headers in answers
            ]
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        graph.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield graph
    finally:
        await runner.cleanup()
