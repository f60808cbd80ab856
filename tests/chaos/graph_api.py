"""The Graph API of a run: the simulator's, with a proxy before it. Remembers all that it told."""

import json
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from aiohttp import web

from simulator.graph.app import graph_app
from simulator.graph.calls import Call, Reply, batch_calls
from simulator.graph.faults import Fault
from simulator.graph.graph import Graph
from simulator.graph.options import GraphOptions
from simulator.graph.usage import Limit
from tests.chaos.enrichment import Node, Told
from tests.faults.proxy import Proxy

HOST: Final = "127.0.0.1"

ACCOUNTS: Final = 12
"""As many as the traffic is for."""

AMPLE: Final = Limit(10**7, 3600.0)
"""No run comes near it: what a limit does to the work has tests of its own."""

# Chosen by an object's id alone: what is refused once is refused always, as the verdict assumes.
WORLD: Final[dict[str, Any]] = {
    "accounts": ACCOUNTS,
    "account_limit": AMPLE,
    "app_limit": AMPLE,
    "require_proof": True,
    "deleted_share": 0.02,
    "unreadable_ad_share": 0.0,
}

ERRORS: Final = (
    Fault(kind="status", status=503, probability=0.4),
    Fault(kind="drop_after", probability=0.3),
    Fault(kind="garbage", probability=0.3),
    Fault(kind="error", code=2, probability=0.2),
    Fault(kind="unfinished", probability=0.2),
)

_MENTIONED: Final = re.compile(r"(mentioned_(?:comment|media))\.(?:comment|media)_id\((\d+)\)")


class Witness(Graph):
    """A Graph API that remembers what it told of each object, also where that got lost."""

    def __init__(self, options: GraphOptions, clock: Callable[[], float] = time.time) -> None:
        super().__init__(options, clock)
        self._answers: defaultdict[str, list[Node]] = defaultdict(list)
        self._refusals: defaultdict[str, set[tuple[int, int | None]]] = defaultdict(set)

    def answer(self, call: Call) -> Reply:
        """The answer to a request, which is remembered."""
        reply = super().answer(call)
        for object_id, document in told_of(call, reply):
            error = document.get("error")
            if error is None:
                self._answers[object_id].append(document)
            else:
                self._refusals[object_id].add((error["code"], error.get("error_subcode")))
        return reply

    @property
    def told(self) -> Told:
        """All of it until now."""
        return Told(
            frozenset(self.directory.accounts),
            {object_id: list(nodes) for object_id, nodes in self._answers.items()},
            {object_id: set(errors) for object_id, errors in self._refusals.items()},
        )


@dataclass(frozen=True, slots=True)
class GraphApi:
    """One that runs.

    Attributes:
        witness: what answers.
        way: the proxy that services reach it through.
    """

    witness: Witness
    way: Proxy

    @property
    def url(self) -> str:
        """For services."""
        return f"http://{self.way.address}"

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Most answers are errors meanwhile, or none."""
        self.witness.faults.wanted = ERRORS
        try:
            yield
        finally:
            self.witness.faults.wanted = ()


MakeGraph: TypeAlias = Callable[[GraphOptions], Witness]


@asynccontextmanager
async def open_graph_api(
    app_id: str, app_secret: str, make: MakeGraph = Witness
) -> AsyncIterator[GraphApi]:
    """A Graph API that answers for this app until the end of the context."""
    witness = make(GraphOptions(app_id=app_id, app_secret=app_secret, **WORLD))
    # No access log: URLs may hold tokens.
    runner = web.AppRunner(graph_app(witness), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        async with Proxy(HOST, runner.addresses[0][1]) as way:
            yield GraphApi(witness, way)
    finally:
        await runner.cleanup()


def told_of(call: Call, reply: Reply) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object that a request asked for, and what was told of it: itself, or an error."""
    if not call.is_batch:
        yield _told_of_one(call, reply.document)
    elif isinstance(reply.document, list):
        for one, item in zip(batch_calls(call), reply.document, strict=True):
            if item is not None:
                yield _told_of_one(one, json.loads(item["body"]))


def _told_of_one(call: Call, document: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    mentioned = _MENTIONED.search(call.params.get("fields", ""))
    if mentioned is None:
        return call.path.rpartition("/")[2], document
    member, object_id = mentioned.groups()
    return object_id, document.get(member, document)
