"""The Graph API over HTTP: requests into calls, replies onto the wire, and what breaks there."""

import asyncio
from dataclasses import replace
from typing import Final

from aiohttp import web

from simulator.graph.calls import Call, Reply
from simulator.graph.control import add_control
from simulator.graph.faults import Fault
from simulator.graph.graph import Graph
from simulator.graph.handshake import problem_of

MAX_REQUEST_BYTES: Final = 64 * 1024 * 1024
"""Deliveries are told whole."""

_BEARERS: Final = ("Bearer ", "OAuth ")


def graph_app(graph: Graph) -> web.Application:
    """The application; whatever is not control is a call."""
    app = web.Application(client_max_size=MAX_REQUEST_BYTES)
    add_control(app.router, graph)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await _answer(graph, request)

    app.router.add_route("*", "/{path:.*}", answer)
    return app


async def _answer(graph: Graph, request: web.Request) -> web.StreamResponse:
    call = await _call(request)
    faults = {fault.kind: fault for fault in graph.request_faults(call)}
    if "slow" in faults:
        await asyncio.sleep(faults["slow"].delay_ms / 1000)
    if "drop_before" in faults:
        return _dropped(request)
    if "status" in faults:
        return _turned_away(faults["status"])
    reply = graph.answer(await _shaken(graph, call))
    if "slow_after" in faults:
        await asyncio.sleep(faults["slow_after"].delay_ms / 1000)
    if "drop_after" in faults:
        return _dropped(request)
    if "status_after" in faults:
        return _turned_away(faults["status_after"])
    if "garbage" in faults:
        return web.Response(text="<!DOCTYPE html><title>Error</title>", content_type="text/html")
    return _response(reply)


async def _shaken(graph: Graph, call: Call) -> Call:
    """The call, with what was wrong with the callback that it names."""
    handshake = graph.handshake(call)
    return replace(call, callback_problem=await problem_of(handshake)) if handshake else call


async def _call(request: web.Request) -> Call:
    """The call, wherever its parameters and its token are."""
    form = await request.post() if request.method == "POST" else {}
    params = {name: value for name, value in form.items() if isinstance(value, str)}
    params |= dict(request.query)
    authorization = request.headers.get("Authorization", "")
    for prefix in _BEARERS:
        if authorization.startswith(prefix):
            params.setdefault("access_token", authorization.removeprefix(prefix).strip())
    return Call(request.method, request.path, params)


def _response(reply: Reply) -> web.Response:
    return web.Response(
        status=reply.status,
        text=reply.body,
        content_type="application/json",
        charset="UTF-8",
        headers={"Cache-Control": "private, no-cache, no-store, must-revalidate", **reply.headers},
    )


def _turned_away(fault: Fault) -> web.Response:
    """What something in front of the Graph API says."""
    page = f"<html><head><title>{fault.status}</title></head><body>Sorry.</body></html>"
    return web.Response(status=fault.status, text=page, content_type="text/html")


def _dropped(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
