"""Where paths lead: which node or edge a call is for, what it needs, what it is answered."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from simulator.graph import nodes
from simulator.graph.calls import Purpose
from simulator.graph.contents import Contents
from simulator.graph.directory import Account, Directory, user_id
from simulator.graph.errors import (
    missing,
    no_permission,
    no_token,
    unknown_alias,
    unknown_path,
    wrong_parameter,
)
from simulator.graph.fields import Selection, parse_fields
from simulator.graph.nodes import Node, told
from simulator.graph.options import GraphOptions
from simulator.graph.tokens import Token, Tokens

EXCHANGE: Final = "oauth/access_token"
"""The one path that needs no token: the one to be exchanged is a parameter."""

DEFAULT_PAGE_SIZE: Final = 25

_TASKS: Final = ("ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE")

_NEEDED: Final[Mapping[str, str]] = {
    "comment": "instagram_manage_comments",
    "media": "instagram_basic",
    "account": "instagram_basic",
    "mentioned_comment": "instagram_manage_comments",
    "mentioned_media": "instagram_manage_comments",
}
"""What the user must have granted, by endpoint."""

_MENTIONS: Final = {"mentioned_comment": "comment_id", "mentioned_media": "media_id"}


class Question(NamedTuple):
    """A GET that was understood. The token is None only where none is needed."""

    purpose: Purpose
    params: Mapping[str, str]
    asked: Sequence[Selection]
    token: Token | None

    def __repr__(self) -> str:
        """Without the parameters, which hold secrets."""
        return f"Question({self.purpose})"


class Edges:
    """All paths."""

    def __init__(
        self, options: GraphOptions, directory: Directory, tokens: Tokens, contents: Contents
    ) -> None:
        self._options = options
        self._directory = directory
        self._tokens = tokens
        self._contents = contents

    def question(self, path: str, params: Mapping[str, str], token: Token | None) -> Question:
        """What a GET asks.

        Raises:
            RefusalError: it leads nowhere, or its fields cannot be read.
        """
        if "ids" in params:  # no version takes it any more
            raise wrong_parameter("Param ids is not supported")
        asked = parse_fields(params.get("fields", ""))
        return Question(self._purpose(path, asked, token), params, asked, token)

    def answer(self, question: Question, now_s: float) -> dict[str, Any]:
        """The answer.

        Raises:
            RefusalError: there is none.
        """
        purpose, params, asked, token = question
        if purpose.endpoint == "token_exchange":
            return self._exchange(params, now_s)
        if token is None:
            raise no_token()
        if purpose.endpoint == "debug_token":
            return {"data": self._tokens.debugged(params.get("input_token", ""), now_s)}
        if purpose.endpoint == "accounts":
            return self._accounts(params, asked, token)
        if _NEEDED.get(purpose.endpoint, "") not in ("", *self._options.scopes):
            raise no_permission()
        return told(self._node(purpose, token, now_s), asked)

    def _purpose(self, path: str, asked: Sequence[Selection], token: Token | None) -> Purpose:
        if path in ("me", "debug_token", EXCHANGE):
            return Purpose("token_exchange" if path == EXCHANGE else path)
        first, _, edge = path.partition("/")
        if edge == "accounts" and first in ("me", _user_id(token)):
            return Purpose("accounts")
        if edge or not first:
            raise unknown_path(path)
        if not (first.isascii() and first.isdecimal()):
            raise unknown_alias(first)
        if first in self._directory.pages:
            return Purpose("page", first)
        if first in self._directory.accounts:
            return _of_account(first, asked)
        is_comment = self._contents.is_comment(first, [one.name for one in asked])
        account_id = self._contents.owner(first) or next(iter(self._readers(token)), None)
        return Purpose("comment" if is_comment else "media", first, account_id)

    def _node(self, purpose: Purpose, token: Token, now_s: float) -> Node:
        if purpose.endpoint == "me":
            return self._me(token)
        object_id, readers = purpose.object_id or "", self._readers(token)
        if purpose.endpoint == "page":
            return self._page(self._directory.pages[object_id], token)
        if purpose.endpoint == "comment":
            return self._contents.comment(object_id, readers, now_s)
        if purpose.endpoint == "media":
            return self._contents.media(object_id, readers, now_s)
        return self._contents.account(purpose.account_id or "", readers)

    def _me(self, token: Token) -> Node:
        if token.page is not None:
            return self._page(token.page, token)
        if token.user is None:
            raise missing("me")
        return Node(nodes.USER, {"id": user_id(token.user), "name": f"User {token.user}"})

    def _page(self, page: Account, token: Token) -> Node:
        if token.user != page.user:
            raise missing(page.page_id)
        linked = {"id": page.id, "username": page.username}
        values = {
            "id": page.page_id,
            "name": page.page_name,
            "access_token": self._tokens.page_token(page),
            "tasks": list(_TASKS),
            "category": "Brand",
            # Told by its absence: the Page has no account, or none that is professional.
            "instagram_business_account": Node(nodes.ACCOUNT, linked) if page.id else None,
        }
        return Node(nodes.PAGE, values)

    def _accounts(
        self, params: Mapping[str, str], asked: Sequence[Selection], token: Token
    ) -> dict[str, Any]:
        """A page of the user's Pages.

        Source: https://developers.facebook.com/docs/graph-api/results
        """
        granted = "pages_show_list" in self._options.scopes and token.user is not None
        pages = self._directory.of_user(token.user or 0) if granted else ()
        start, size = _offset(params.get("after")), _size(params.get("limit"))
        end = start + min(size, self._options.page_size)
        data = [told(self._page(page, token), asked) for page in pages[start:end]]
        if not data:
            return {"data": []}
        cursors = {"before": _cursor(start), "after": _cursor(min(end, len(pages)))}
        if end >= len(pages):
            return {"data": data, "paging": {"cursors": cursors}}
        # Such links hold the token. Who follows them leaves the machine, and asks Meta.
        query = urlencode({**params, "after": cursors["after"]})
        following = f"https://graph.facebook.com/v25.0/{_user_id(token)}/accounts?{query}"
        return {"data": data, "paging": {"cursors": cursors, "next": following}}

    def _exchange(self, params: Mapping[str, str], now_s: float) -> dict[str, Any]:
        if params.get("grant_type") != "fb_exchange_token":
            raise wrong_parameter("Param grant_type must be one of {fb_exchange_token}")
        given = [params.get(one, "") for one in ("client_id", "client_secret", "fb_exchange_token")]
        token = self._tokens.exchange(given[0], given[1], given[2], now_s)
        left_s = int(token.expires_s - now_s)
        return {"access_token": token.value, "token_type": "bearer", "expires_in": left_s}

    def _readers(self, token: Token | None) -> Sequence[str]:
        return list(self._tokens.accounts(token)) if token is not None else []


def _user_id(token: Token | None) -> str:
    return user_id(token.user) if token is not None and token.user is not None else ""


def _of_account(account_id: str, asked: Sequence[Selection]) -> Purpose:
    """An account is read for itself, or for the mention that is asked for in it."""
    for selection in asked:
        argument = _MENTIONS.get(selection.name)
        if argument is not None:
            return Purpose(selection.name, selection.arguments.get(argument), account_id)
    return Purpose("account", account_id, account_id)


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"page {offset}".encode()).decode()


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        _, _, offset = base64.urlsafe_b64decode(cursor.encode()).decode().partition("page ")
        return int(offset)
    except (binascii.Error, ValueError):
        raise wrong_parameter("Invalid parameter: after") from None


def _size(limit: str | None) -> int:
    if limit is None:
        return DEFAULT_PAGE_SIZE
    if not (limit.isascii() and limit.isdecimal() and 0 < len(limit) < 6):
        raise wrong_parameter("Param limit must be a number")
    return int(limit)
