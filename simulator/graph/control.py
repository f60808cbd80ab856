"""The world behind the Graph API, changed and looked at while it runs. No part of Meta's API.

All below `/_simulator`, with JSON in and out where nothing else is said:

- `POST deliveries`: makes known what a delivery (the body) tells, before it is sent.
- `PUT objects`: `{id: {field: value}}` sets fields of objects; `{id: null}`: it is gone.
- `PUT broadcasts`: `{"on_air": false, "media": [id]}`; without `media` all that are not named.
- `PUT faults`: a list of faults, in place of those before.
- `GET token?user=0`: a short-lived token of a user, as text.
- `POST tokens/end`: `{"user": 0, "subcode": 460}`: the user's tokens end; there are new ones.
- `GET statistics`: exact counts; `DELETE statistics`: from now on.
- `GET reads`: how often each object was asked for, and when first.
- `GET writes`: all answers that were written, in order.
- `GET deliveries?since=0`: what came back of them, as bodies to be signed and sent.
- `PUT grants`: what the users granted, and the app itself; what is not named is as at the start.
- `PUT subscriptions`: `{"pages": {id: [field]}, "app": [subscription]}`, each if named.
- `GET subscribed?account=ID`: whether its Page is subscribed, and the fields that are sent.
"""

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from simulator.graph.app_subscriptions import AppSubscription
from simulator.graph.faults import Fault
from simulator.graph.grants import Grant
from simulator.graph.graph import Graph

CONTROL: Final = "/_simulator"

_FAULTS: Final = TypeAdapter(list[Fault])
_OBJECTS: Final = TypeAdapter(dict[str, dict[str, JsonValue] | None])


class _Broadcasts(BaseModel):
    model_config = ConfigDict(extra="forbid")

    on_air: bool
    media: list[str] = []


class _Subscriptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pages: dict[str, list[str]] = {}
    app: list[AppSubscription] | None = None


class _Ended(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user: int = 0
    subcode: int = Field(463, description="Why: 463 is expired.")


def add_control(router: web.UrlDispatcher, graph: Graph) -> None:
    """Adds the routes of control."""
    control = Control(graph)
    for method, path, change in (
        ("POST", "deliveries", control.tell),
        ("PUT", "objects", control.give),
        ("PUT", "broadcasts", control.broadcast),
        ("PUT", "faults", control.want_faults),
        ("PUT", "grants", control.grant),
        ("PUT", "subscriptions", control.subscribe),
        ("POST", "tokens/end", control.end_tokens),
        ("DELETE", "statistics", control.clear),
    ):
        router.add_route(method, f"{CONTROL}/{path}", _changing(change))
    router.add_get(f"{CONTROL}/token", control.token)
    router.add_get(f"{CONTROL}/statistics", control.statistics)
    router.add_get(f"{CONTROL}/reads", control.reads)
    router.add_get(f"{CONTROL}/writes", control.writes)
    router.add_get(f"{CONTROL}/deliveries", control.deliveries)
    router.add_get(f"{CONTROL}/subscribed", control.subscribed)


class Control:
    """What can be done from outside. Changes take a body, and tell what came of it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def tell(self, body: bytes) -> Any:
        """Makes a delivery known."""
        return {"known": self._graph.tell(body)}

    def give(self, body: bytes) -> Any:
        """Sets or deletes objects."""
        objects = _OBJECTS.validate_json(body)
        for object_id, fields in objects.items():
            self._graph.contents.give(object_id, fields)
        return {"objects": len(objects)}

    def broadcast(self, body: bytes) -> Any:
        """Begins or ends broadcasts."""
        wanted = _Broadcasts.model_validate_json(body)
        self._graph.contents.broadcast(wanted.on_air, wanted.media)
        return {"on_air": wanted.on_air}

    def want_faults(self, body: bytes) -> Any:
        """Replaces the faults."""
        self._graph.faults.wanted = tuple(_FAULTS.validate_json(body))
        return {"faults": len(self._graph.faults.wanted)}

    def grant(self, body: bytes) -> Any:
        """Replaces what is granted."""
        grants = self._graph.grants
        wanted = TypeAdapter(dict[str, JsonValue]).validate_json(body)
        grants.now = Grant.model_validate({**grants.first.model_dump(), **wanted})
        return {"scopes": len(grants.now.scopes)}

    def subscribe(self, body: bytes) -> Any:
        """Changes subscriptions without a call, as Meta does."""
        wanted = _Subscriptions.model_validate_json(body)
        for asset_id, fields in wanted.pages.items():
            self._graph.pages.put(asset_id, fields)
        if wanted.app is not None:
            self._graph.apps.put(wanted.app)
        return {"pages": len(wanted.pages)}

    def end_tokens(self, body: bytes) -> Any:
        """Ends a user's tokens."""
        ended = _Ended.model_validate_json(body)
        self._graph.end_tokens(ended.user, ended.subcode)
        return {"user": ended.user}

    def clear(self, _: bytes) -> Any:
        """Counts from now on."""
        self._graph.clear_statistics()
        return {}

    async def token(self, request: web.Request) -> web.Response:
        """A user's token."""
        user = request.query.get("user", "0")
        if not (user.isascii() and user.isdecimal() and int(user) < self._graph.options.users):
            raise web.HTTPNotFound(text="There is no such user.")
        return web.Response(text=self._graph.tokens.user_token(int(user)))

    async def statistics(self, _: web.Request) -> web.Response:
        """The counts."""
        return web.json_response(self._graph.summary())

    async def reads(self, _: web.Request) -> web.Response:
        """The reads of each object."""
        reads = self._graph.statistics.reads
        return web.json_response({one: read.summary() for one, read in reads.items()})

    async def writes(self, _: web.Request) -> web.Response:
        """All answers."""
        return web.json_response([write.summary() for write in self._graph.writes])

    async def deliveries(self, request: web.Request) -> web.Response:
        """Own answers as they come back, but for the first `since`."""
        since = request.query.get("since", "0")
        if not (since.isascii() and since.isdecimal() and len(since) < 10):
            raise web.HTTPBadRequest(text="since is no number.")
        found = self._graph.deliveries[int(since) :]
        return web.json_response(
            [{"account": one.account_id, "body": one.body.decode()} for one in found]
        )

    async def subscribed(self, request: web.Request) -> web.Response:
        """Whether an account's deliveries are sent, and of which fields."""
        try:
            is_subscribed = bool(self._graph.pages.fields(request.query.get("account", "")))
        except KeyError:
            raise web.HTTPNotFound(text="There is no such account.") from None
        # One field of the Page opens all fields of the app.
        fields = list(self._graph.apps.fields()) if is_subscribed else []
        return web.json_response({"subscribed": is_subscribed, "fields": fields})


def _changing(
    change: Callable[[bytes], Any],
) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(change(await request.read()))
        except (ValidationError, KeyError) as error:
            raise web.HTTPBadRequest(text=f"{type(error).__name__}: {error}") from error

    return handle
