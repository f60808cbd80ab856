"""What calls are answered: what each needs, and who answers it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from simulator.graph import nodes
from simulator.graph.app_subscriptions import AppSubscriptions
from simulator.graph.calls import Call, Purpose
from simulator.graph.contents import Contents
from simulator.graph.directory import Account, Directory, user_id
from simulator.graph.errors import (
    RefusalError,
    missing,
    no_app_token,
    no_permission,
    no_token,
    wrong_parameter,
)
from simulator.graph.fields import Selection, parse_fields
from simulator.graph.handshake import Handshake
from simulator.graph.nodes import Node, told
from simulator.graph.options import GraphOptions
from simulator.graph.page_subscriptions import PageSubscriptions
from simulator.graph.paging import paged
from simulator.graph.paths import Paths, id_of
from simulator.graph.replies import MOST_ON_A_PAGE, Replies
from simulator.graph.tokens import Token, Tokens

_COMMENTS: Final = ("instagram_basic", "instagram_manage_comments", "pages_read_engagement")

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "comment": ("instagram_manage_comments",),
    "media": ("instagram_basic",),
    "account": ("instagram_basic",),
    "live_media": ("instagram_basic",),
    "mentioned_comment": ("instagram_manage_comments",),
    "mentioned_media": ("instagram_manage_comments",),
    "mention_reply": (*_COMMENTS, "pages_show_list"),
    "comment_reply": _COMMENTS,
    "comment_replies": _COMMENTS,
}
"""What the user must have granted, by endpoint."""

Answers: TypeAlias = Mapping[str, Callable[["Question", Token, float], dict[str, Any]]]


class Question(NamedTuple):
    """A call that was understood. The token is None only where none is needed."""

    purpose: Purpose
    call: Call
    asked: Sequence[Selection]
    token: Token | None
    version: str

    def __repr__(self) -> str:
        """Without the parameters, which hold secrets."""
        return f"Question({self.purpose})"

    @property
    def object_id(self) -> str:
        """The object that it is for."""
        return self.purpose.object_id or ""

    @property
    def account_id(self) -> str:
        """The account that it is for."""
        return self.purpose.account_id or ""


class Edges:
    """All nodes and edges."""

    def __init__(
        self, options: GraphOptions, directory: Directory, tokens: Tokens, contents: Contents
    ) -> None:
        self.replies = Replies(options, directory, contents)
        self.pages = PageSubscriptions(options, directory, tokens.grants)
        self.apps = AppSubscriptions(options)
        self._options = options
        self._directory = directory
        self._tokens = tokens
        self._contents = contents
        self._paths = Paths(options, directory, tokens, contents)
        self._edges: Answers = {
            "debug_token": self._debugged,
            "accounts": self._accounts,
            "permissions": self._permissions,
            "live_media": self._live_media,
            "mention_reply": self._mention_reply,
            "comment_reply": self._comment_reply,
            "comment_replies": self._comment_replies,
            "page_subscriptions": self._page_subscriptions,
            "page_subscribe": self._page_subscribe,
            "page_unsubscribe": self._page_unsubscribe,
            "app_subscriptions": self._app_subscriptions,
            "app_subscribe": self._app_subscribe,
            "app_unsubscribe": self._app_unsubscribe,
            "app_permissions": self._app_permissions,
        }

    def question(self, call: Call, path: str, version: str, token: Token | None) -> Question:
        """What a call asks. `path` is that without its version.

        Raises:
            RefusalError: it leads nowhere, or its fields cannot be read.
        """
        if call.method == "GET" and "ids" in call.params:  # no version takes it any more
            raise wrong_parameter("Param ids is not supported")
        asked = parse_fields(call.params.get("fields", "")) if call.method == "GET" else ()
        return Question(self._paths.purpose(call, path, asked, token), call, asked, token, version)

    def handshake(self, question: Question) -> Handshake | None:
        """The handshake that must be made before the question is answered; None mostly."""
        if question.purpose.endpoint != "app_subscribe" or not _is_app(question.token):
            return None
        try:
            return self.apps.handshake(question.call.params)
        except RefusalError:
            return None

    def answer(self, question: Question, now_s: float) -> dict[str, Any]:
        """The answer.

        Raises:
            RefusalError: there is none.
        """
        endpoint, token = question.purpose.endpoint, question.token
        if endpoint == "token_exchange":
            return self._exchange(question.call.params, now_s)
        if token is None:
            raise no_token()
        self._require(_NEEDED.get(endpoint, ()), question)
        edge = self._edges.get(endpoint)
        if edge is not None:
            return edge(question, token, now_s)
        return told(self._node(question, token, now_s), question.asked)

    def _require(self, scopes: Sequence[str], question: Question) -> None:
        account = self._directory.accounts.get(question.account_id)
        assets = (account.id, account.page_id) if account else ()
        if not all(self._tokens.grants.now.allows(scope, assets) for scope in scopes):
            raise no_permission()

    def _node(self, question: Question, token: Token, now_s: float) -> Node:
        endpoint, object_id = question.purpose.endpoint, question.object_id
        readers = self._readers(token)
        if endpoint == "me":
            return self._me(token)
        if endpoint == "page":
            return self._page(self._directory.pages[object_id], token)
        if endpoint == "comment":
            return self._contents.comment(object_id, readers, now_s)
        if endpoint == "media":
            return self._contents.media(object_id, readers, now_s)
        return self._contents.account(question.account_id, readers)

    def _me(self, token: Token) -> Node:
        if token.page is not None:
            return self._page(token.page, token)
        if token.user is None:
            raise missing("me")
        return Node(nodes.USER, {"id": user_id(token.user), "name": f"User {token.user}"})

    def _page(self, page: Account, token: Token) -> Node:
        if token.user != page.user:
            raise missing(page.page_id)
        grant = self._tokens.grants.now
        linked = {"id": page.id, "username": page.username}
        is_linked = page.id and page.id not in grant.unlinked
        values = {
            "id": page.page_id,
            "name": page.page_name,
            "access_token": self._tokens.page_token(page),
            "tasks": list(grant.tasks),
            "category": "Brand",
            # Told by its absence: the Page has no account, or none that is professional.
            "instagram_business_account": Node(nodes.ACCOUNT, linked) if is_linked else None,
        }
        return Node(nodes.PAGE, values)

    def _debugged(self, question: Question, _: Token, now_s: float) -> dict[str, Any]:
        value = question.call.params.get("input_token", "")
        return {"data": self._tokens.debugged(value, now_s)}

    def _accounts(self, question: Question, token: Token, _: float) -> dict[str, Any]:
        """A part of the user's Pages."""
        grant = self._tokens.grants.now
        pages = [
            page
            for page in (self._directory.of_user(token.user) if token.user is not None else ())
            if grant.allows("pages_show_list", (page.page_id, page.id))
        ]

        def tell(page: Account) -> dict[str, Any]:
            return told(self._page(page, token), question.asked)

        path = f"{id_of(token)}/accounts"
        return paged(pages, tell, question.call.params, self._options.page_size, path)

    def _permissions(self, _: Question, token: Token, __: float) -> dict[str, Any]:
        """What the user granted.

        Source: https://developers.facebook.com/docs/graph-api/reference/user/permissions/
        """
        if token.user is None or token.page is not None:
            raise missing("me")
        scopes = self._tokens.grants.now.scopes
        return {"data": [{"permission": scope, "status": "granted"} for scope in scopes]}

    def _live_media(self, question: Question, token: Token, now_s: float) -> dict[str, Any]:
        """The account's broadcasts that are on air."""
        readers = self._readers(token)
        found = self._contents.live_media(question.account_id, readers, now_s)
        return self._listed(question, found, "live_media")

    def _mention_reply(self, question: Question, token: Token, now_s: float) -> dict[str, Any]:
        params, readers = question.call.params, self._readers(token)
        return self.replies.answer_mention(question.account_id, readers, params, now_s)

    def _comment_reply(self, question: Question, token: Token, now_s: float) -> dict[str, Any]:
        params, readers = question.call.params, self._readers(token)
        return self.replies.answer_comment(question.object_id, readers, params, now_s)

    def _comment_replies(self, question: Question, token: Token, now_s: float) -> dict[str, Any]:
        found = self._contents.replies(question.object_id, self._readers(token), now_s)
        return self._listed(question, found, "replies")

    def _page_subscriptions(self, question: Question, token: Token, _: float) -> dict[str, Any]:
        return self._listed(question, self.pages.apps(question.object_id, token), "subscribed_apps")

    def _page_subscribe(self, question: Question, token: Token, _: float) -> dict[str, Any]:
        return self.pages.subscribe(question.object_id, token, question.call.params)

    def _page_unsubscribe(self, question: Question, token: Token, _: float) -> dict[str, Any]:
        return self.pages.unsubscribe(question.object_id, token)

    def _app_subscriptions(self, _: Question, token: Token, __: float) -> dict[str, Any]:
        _require_app(token)
        return self.apps.listed()

    def _app_subscribe(self, question: Question, token: Token, _: float) -> dict[str, Any]:
        _require_app(token)
        call = question.call
        return self.apps.subscribe(call.params, question.version, call.callback_problem)

    def _app_unsubscribe(self, question: Question, token: Token, _: float) -> dict[str, Any]:
        _require_app(token)
        return self.apps.unsubscribe(question.call.params)

    def _app_permissions(self, _: Question, token: Token, __: float) -> dict[str, Any]:
        """What the app may ask users for.

        Source: https://developers.facebook.com/docs/graph-api/reference/application/permissions/
        """
        _require_app(token)
        reviewed = self._tokens.grants.now.reviewed
        return {"data": [{"permission": one, "status": word} for one, word in reviewed.items()]}

    def _listed(self, question: Question, found: Sequence[Node], edge: str) -> dict[str, Any]:
        """A part of an object's edge."""

        def tell(node: Node) -> dict[str, Any]:
            return told(node, question.asked)

        most, path = min(self._options.page_size, MOST_ON_A_PAGE), f"{question.object_id}/{edge}"
        return paged(found, tell, question.call.params, most, path)

    def _exchange(self, params: Mapping[str, str], now_s: float) -> dict[str, Any]:
        if params.get("grant_type") != "fb_exchange_token":
            raise wrong_parameter("Param grant_type must be one of {fb_exchange_token}")
        given = [params.get(one, "") for one in ("client_id", "client_secret", "fb_exchange_token")]
        token = self._tokens.exchange(given[0], given[1], given[2], now_s)
        left_s = int(token.expires_s - now_s)
        return {"access_token": token.value, "token_type": "bearer", "expires_in": left_s}

    def _readers(self, token: Token) -> Sequence[str]:
        return list(self._tokens.accounts(token))


def _is_app(token: Token | None) -> bool:
    return token is not None and token.kind == "APP"


def _require_app(token: Token) -> None:
    if not _is_app(token):
        raise no_app_token()
