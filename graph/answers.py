"""What the Graph API answered, and what that means. Pure: status, headers and body in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from multidict import CIMultiDict

from graph.errors import (
    ABSENT,
    BATCH_REFUSED,
    BLOCKED,
    NOT_DONE,
    UNFINISHED,
    UNREADABLE,
    Action,
    GraphError,
    Verdict,
    error_in,
    judge,
    judge_status,
)
from graph.requests import GraphRequest
from graph.usage import Usage, greatest, usage_of
from schemas.decoding import UnreadableError, decode
from schemas.splitting import id_text

VERSION_HEADER: Final = "facebook-api-version"

_VERSION: Final = re.compile("v[0-9]{1,4}[.][0-9]{1,4}", re.ASCII)
"""Anything else in the header is no version; what is told goes into the log and into a column."""

_STATUSES: Final = range(100, 600)

_ABOUT_ALL: Final = (Action.WAIT, Action.PARK_ACCOUNT)
"""What refuses a batch refuses its items likewise: the budget, or the token."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request.

    Attributes:
        http_status: of the answer, or of the item in a batch.
        object: what was asked for. It may hold tokens and what people wrote: never shown.
        verdict: what to do when there is no such object; None when there is.
        error: Meta's error, where it gave one.
        api_version: which version answered; None when it was not told.
        usage: what was told about the limits.
        after: the cursor of the next page; None on the last one.
    """

    http_status: int
    object: dict[str, Any] | None = field(default=None, repr=False)
    verdict: Verdict | None = None
    error: GraphError | None = None
    api_version: str | None = None
    usage: Usage = field(default_factory=Usage)
    after: str | None = field(default=None, repr=False)


def answer_to(
    request: GraphRequest, http_status: int, headers: Mapping[str, str], body: bytes
) -> Answer:
    """The answer to one request. `headers` finds names in any case."""
    document = _json(body)
    refused = _refusal(http_status, headers, document)
    if refused is not None:
        return refused
    answer = _empty(http_status, headers)
    if not isinstance(document, dict):
        return replace(answer, verdict=UNREADABLE)
    found = document if request.member is None else document.get(request.member)
    if not isinstance(found, dict):
        return replace(answer, verdict=ABSENT)
    return replace(answer, object=found, after=_after(document))


def answer_to_write(http_status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """The answer to one write: what Meta made, or `{"success": true}` where it told only that.

    What refuses an account's writes leaves its reads alone, so no pool of calls is shut by it.
    """
    document = _json(body)
    original = _original_response(document)
    refused = _refusal(http_status, headers, document) if original is None else None
    if refused is not None:
        verdict = refused.verdict
        if verdict is not None and verdict.reason == BLOCKED:
            return replace(refused, verdict=replace(verdict, pool=None))
        return refused
    answer = _empty(http_status, headers)
    told = original or (document if isinstance(document, dict) else {"success": document})
    if told.get("success") is False:
        return replace(answer, verdict=NOT_DONE)
    if told.get("success") in (True, "true") or id_text(told.get("id")) is not None:
        return replace(answer, object=told)
    return replace(answer, verdict=UNREADABLE)


def _original_response(document: Any) -> dict[str, Any] | None:
    """What a write gave, out of an error that is about the reading after it: it was done.

    Source: https://developers.facebook.com/docs/graph-api/advanced
    """
    error = document.get("error") if isinstance(document, dict) else None
    original = error.get("original_response") if isinstance(error, dict) else None
    if original is None:
        return None
    told = _json(_bytes(original)) if isinstance(original, str) else original
    return told if isinstance(told, dict) else {}


def answers_to(
    requests: Sequence[GraphRequest], http_status: int, headers: Mapping[str, str], body: bytes
) -> list[Answer]:
    """The answers to the requests of a batch, in their order.

    Items fail each on its own, inside a 200. One that is null, or that is not there, was not come
    to in time. When the batch was refused as a whole, all have that answer if it is about all of
    them; else it tells nothing about any.
    """
    items = _json(body)
    refused = _refusal(http_status, headers, items)
    if refused is None and not isinstance(items, list):
        refused = replace(_empty(http_status, headers), verdict=UNREADABLE)
    if refused is not None:
        return [_of_an_item(refused)] * len(requests)
    batch = _empty(http_status, headers)
    missing = [None] * (len(requests) - len(items))
    return [
        _item(request, item, batch)
        for request, item in zip(requests, [*items, *missing], strict=False)
    ]


def _of_an_item(refused: Answer) -> Answer:
    """What the refusal of a whole batch tells about each of its items."""
    is_about_all = refused.verdict is not None and refused.verdict.action in _ABOUT_ALL
    if is_about_all or refused.error is None:
        return refused
    return replace(refused, verdict=BATCH_REFUSED)


def _item(request: GraphRequest, item: Any, batch: Answer) -> Answer:
    """An item's answer, with what the headers of the batch tell for all."""
    if item is None:
        return replace(batch, verdict=UNFINISHED)
    code = item.get("code") if isinstance(item, dict) else None
    if not isinstance(code, int) or code not in _STATUSES:
        return replace(batch, verdict=UNREADABLE)
    answer = answer_to(request, code, _item_headers(item.get("headers")), _bytes(item.get("body")))
    return replace(
        answer,
        api_version=answer.api_version or batch.api_version,
        usage=greatest([answer.usage, batch.usage]),
    )


def _refusal(http_status: int, headers: Mapping[str, str], document: Any) -> Answer | None:
    """The answer that something is wrong; None when nothing is."""
    error = error_in(document)
    if error is not None:
        verdict = judge(error, http_status)
    elif not 200 <= http_status <= 299 or (isinstance(document, dict) and "error" in document):
        verdict = judge_status(http_status)  # also an error that is not as documented
    else:
        return None
    return replace(_empty(http_status, headers), verdict=verdict, error=error)


def _empty(http_status: int, headers: Mapping[str, str]) -> Answer:
    version = headers.get(VERSION_HEADER, "")
    told = version if _VERSION.fullmatch(version) else None
    return Answer(http_status, api_version=told, usage=usage_of(headers))


def _item_headers(headers: Any) -> Mapping[str, str]:
    """`[{"name": "…", "value": "…"}]`, as they stand in a batch."""
    found: CIMultiDict[str] = CIMultiDict()
    for header in headers if isinstance(headers, list) else ():
        name, value = (
            (header.get("name"), header.get("value")) if isinstance(header, dict) else (None, None)
        )
        if isinstance(name, str) and isinstance(value, str):
            found[name] = value
    return found


def _bytes(body: Any) -> bytes:
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else b""


def _json(body: bytes) -> Any:
    try:
        return decode(body)
    except UnreadableError:
        return None


def _after(document: dict[str, Any]) -> str | None:
    """The cursor of the next page. The last page has a cursor too, but no link."""
    paging = document.get("paging")
    if not isinstance(paging, dict) or not isinstance(paging.get("next"), str):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(after, str) and after else None
