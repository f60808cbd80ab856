"""Where paths lead: which endpoint a call is for, which object, and on whose account."""

from collections.abc import Mapping, Sequence
from typing import Final

from simulator.graph.calls import Call, Purpose
from simulator.graph.contents import Contents
from simulator.graph.directory import Directory, user_id
from simulator.graph.errors import missing, unknown_alias, unknown_path
from simulator.graph.fields import Selection
from simulator.graph.options import GraphOptions
from simulator.graph.tokens import Token, Tokens

EXCHANGE: Final = "oauth/access_token"
"""The one path that needs no token: the one to be exchanged is a parameter."""

_MENTIONS: Final = {"mentioned_comment": "comment_id", "mentioned_media": "media_id"}

_OF_USERS: Final = {("GET", "accounts"): "accounts", ("GET", "permissions"): "permissions"}

_OF_ACCOUNTS: Final = {("GET", "live_media"): "live_media", ("POST", "mentions"): "mention_reply"}

_OF_COMMENTS: Final = {
    ("GET", "replies"): "comment_replies",
    ("POST", "replies"): "comment_reply",
}

_OF_PAGES: Final = {
    ("GET", "subscribed_apps"): "page_subscriptions",
    ("POST", "subscribed_apps"): "page_subscribe",
    ("DELETE", "subscribed_apps"): "page_unsubscribe",
}

_OF_APPS: Final = {
    ("GET", "subscriptions"): "app_subscriptions",
    ("POST", "subscriptions"): "app_subscribe",
    ("DELETE", "subscriptions"): "app_unsubscribe",
    ("GET", "permissions"): "app_permissions",
}


class Paths:
    """All paths that there are."""

    def __init__(
        self, options: GraphOptions, directory: Directory, tokens: Tokens, contents: Contents
    ) -> None:
        self._app_id = options.app_id
        self._directory = directory
        self._tokens = tokens
        self._contents = contents

    def purpose(
        self, call: Call, path: str, asked: Sequence[Selection], token: Token | None
    ) -> Purpose:
        """What a call is for. `path` is that without its version.

        Raises:
            RefusalError: it leads nowhere, or what is there does not take such a call.
        """
        first, _, edge = path.partition("/")
        if edge and path != EXCHANGE:
            return self._edge(call, first, edge, token)
        if call.method != "GET":
            raise missing(path, call.method.lower())
        if path in ("me", "debug_token", EXCHANGE):
            return Purpose("token_exchange" if path == EXCHANGE else path)
        if not first:
            raise unknown_path(path)
        if not (first.isascii() and first.isdecimal()):
            raise unknown_alias(first)
        if first in self._directory.pages:
            return Purpose("page", first)
        if first in self._directory.accounts:
            return _of_account(first, asked)
        is_comment = self._contents.is_comment(first, [one.name for one in asked])
        return Purpose("comment" if is_comment else "media", first, self._owner(first, token))

    def _edge(self, call: Call, first: str, edge: str, token: Token | None) -> Purpose:
        key, is_write = (call.method, edge), call.method != "GET"
        if key in _OF_USERS and first in ("me", id_of(token)):
            return Purpose(_OF_USERS[key])
        if key in _OF_ACCOUNTS and first in self._directory.accounts:
            object_id = _target(call.params, first) if is_write else first
            return Purpose(_OF_ACCOUNTS[key], object_id, first, is_write)
        if key in _OF_PAGES and first in self._directory.pages:
            return Purpose(_OF_PAGES[key], first, is_write=is_write)
        if key in _OF_APPS and first == self._app_id:
            return Purpose(_OF_APPS[key], first, is_write=is_write)
        if key in _OF_COMMENTS and first.isascii() and first.isdecimal():
            return Purpose(_OF_COMMENTS[key], first, self._owner(first, token), is_write)
        if is_write:
            raise missing(first, call.method.lower())
        raise unknown_path(f"{first}/{edge}")

    def _owner(self, object_id: str, token: Token | None) -> str | None:
        """Whose it is; the first reader's where nobody told."""
        readers = self._tokens.accounts(token) if token is not None else {}
        return self._contents.owner(object_id) or next(iter(readers), None)


def id_of(token: Token | None) -> str:
    """The id of a token's user; empty for the app's own."""
    return user_id(token.user) if token is not None and token.user is not None else ""


def _target(params: Mapping[str, str], account_id: str) -> str:
    """What a mention's answer is an attempt at."""
    return params.get("comment_id") or params.get("media_id") or account_id


def _of_account(account_id: str, asked: Sequence[Selection]) -> Purpose:
    """An account is read for itself, or for the mention that is asked for in it."""
    for selection in asked:
        argument = _MENTIONS.get(selection.name)
        if argument is not None:
            return Purpose(selection.name, selection.arguments.get(argument), account_id)
    return Purpose("account", account_id, account_id)
