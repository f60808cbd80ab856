"""The Graph API on a port of this machine."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import time
from typing import Final

from aiohttp import web

from simulator.graph.app import graph_app
from simulator.graph.graph import Graph
from simulator.graph.options import GraphOptions

HOST: Final = "127.0.0.1"

STOP_TIMEOUT_S: Final = 1.0
"""For so long answers that are under way hold up the end."""


@dataclass(frozen=True, slots=True)
class GraphServer:
    """A running one: its address for clients, and the graph itself for who runs it."""

    url: str
    graph: Graph


@asynccontextmanager
async def serve_graph(
    options: GraphOptions | None = None,
    port: int = 0,
    clock: Callable[[], float] = time,
    host: str = HOST,
) -> AsyncIterator[GraphServer]:
    """A Graph API that answers until the end of the context.

    Args:
        options: what it is like.
        port: to listen on; 0: a free one.
        clock: Unix seconds.
        host: to listen on; on 0.0.0.0 other machines reach it too.

    Raises:
        OSError: the port cannot be listened on.
    """
    graph = Graph(options, clock)
    # No access log: URLs may hold tokens.
    runner = web.AppRunner(graph_app(graph), access_log=None, shutdown_timeout=STOP_TIMEOUT_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        address = runner.addresses[0]
        yield GraphServer(f"http://{host}:{address[1]}", graph)
    finally:
        await runner.cleanup()
