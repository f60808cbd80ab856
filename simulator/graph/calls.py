"""Calls and replies as values, a batch's items too, and how both look on the wire. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from schemas.decoding import UnreadableError, decode
from simulator.graph.errors import oversized_batch, wrong_parameter

MAX_BATCH: Final = 50
"""Source: https://developers.facebook.com/docs/graph-api/batch-requests"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        method: `GET`, `POST` or `DELETE`.
        path: with or without a version.
        params: those of query and form together; they hold tokens.
        callback_problem: what was wrong with the handshake that the call asks for.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    callback_problem: str | None = None

    @property
    def is_batch(self) -> bool:
        """Whether it stands for many."""
        return self.method == "POST" and "batch" in self.params


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. In a batch, an unfinished one is null."""

    status: int
    document: Any = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_finished: bool = True

    @property
    def body(self) -> str:
        """The document as Meta writes it: ASCII, no spaces, slashes escaped."""
        return json.dumps(self.document, separators=(",", ":")).replace("/", "\\/")


class Purpose(NamedTuple):
    """What a call is for: which endpoint, which object, and on whose account it counts."""

    endpoint: str
    object_id: str | None = None
    account_id: str | None = None
    is_write: bool = False


def batch_calls(call: Call) -> list[Call]:
    """The calls that a batch stands for. Those without a token of their own have the batch's.

    Raises:
        RefusalError: it is no batch, or too large.
    """
    try:
        items = decode(call.params["batch"].encode("utf-8", "surrogatepass"))
    except UnreadableError:
        items = None
    if not isinstance(items, list) or not items or not all(map(_is_item, items)):
        raise wrong_parameter("Param batch must be an array of requests")
    if len(items) > MAX_BATCH:
        raise oversized_batch(MAX_BATCH)
    inherited = {name: call.params[name] for name in ("access_token",) if name in call.params}
    return [_call(item, inherited) for item in items]


def batch_item(reply: Reply, *, with_headers: bool) -> dict[str, Any] | None:
    """An answer as it stands in that to a batch: the body is a string."""
    if not reply.is_finished:
        return None
    headers = [{"name": name, "value": value} for name, value in reply.headers.items()]
    shown = {"headers": headers} if with_headers else {}
    return {"code": reply.status, **shown, "body": reply.body}


def _is_item(item: Any) -> bool:
    return isinstance(item, dict) and all(
        isinstance(item.get(name), str) for name in ("method", "relative_url")
    )


def _call(item: dict[str, str], inherited: Mapping[str, str]) -> Call:
    parts = urlsplit("/" + item["relative_url"].lstrip("/"))
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Call(item["method"].upper(), parts.path, {**inherited, **query})
