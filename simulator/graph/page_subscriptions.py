"""Which Pages the app is subscribed to: each with a list of fields, replaced as a whole.

Source: https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from simulator.graph import nodes
from simulator.graph.directory import Account, Directory
from simulator.graph.errors import missing, no_grant, no_page_token, not_among, wrong_parameter
from simulator.graph.grants import Grants
from simulator.graph.nodes import Node
from simulator.graph.options import GraphOptions
from simulator.graph.tokens import Token

_OF_MESSAGES: Final = (
    "message_deliveries",
    "message_echoes",
    "message_edits",
    "message_reactions",
    "message_reads",
    "messages",
    "messaging_handovers",
    "messaging_optins",
    "messaging_postbacks",
    "messaging_referrals",
    "standby",
)

FIELDS: Final = (
    "feed",
    "mention",
    "name",
    "picture",
    "category",
    "description",
    "conversations",
    "email",
    "hours",
    "leadgen",
    "live_videos",
    "location",
    "phone",
    "ratings",
    "videos",
    "website",
    *_OF_MESSAGES,
)
"""Those of a Page: none of Instagram's is among them."""

OTHER_APP: Final = 2_000_000_000_000_001
"""The id of the first app of others."""

_CHANGING_TASKS: Final = frozenset({"CREATE_CONTENT", "MANAGE", "MODERATE"})


class PageSubscriptions:
    """The fields of each Page, by its id. A Page without any is not subscribed to."""

    def __init__(self, options: GraphOptions, directory: Directory, grants: Grants) -> None:
        self._options = options
        self._directory = directory
        self._grants = grants
        self._fields = dict.fromkeys(directory.pages, options.page_fields)

    def fields(self, asset_id: str) -> tuple[str, ...]:
        """What a Page, or that of an account, is subscribed to.

        Raises:
            KeyError: there is no such Page or account.
        """
        return self._fields[self._page(asset_id).page_id]

    def put(self, asset_id: str, fields: Sequence[str]) -> None:
        """Subscribes a Page, or that of an account; without fields it is not any more.

        Raises:
            KeyError: there is no such Page or account.
        """
        self._fields[self._page(asset_id).page_id] = tuple(fields)

    def apps(self, page_id: str, token: Token) -> list[Node]:
        """The apps that are subscribed to a Page; ours is the last.

        Raises:
            RefusalError: the token is not the Page's.
        """
        _require_own(page_id, token)
        others = range(self._options.other_apps)
        found = [_app(f"{OTHER_APP + number}", "Other", ["feed"]) for number in others]
        if self._fields[page_id]:
            found.append(_app(self._options.app_id, "Simulated", self._fields[page_id]))
        return found

    def subscribe(self, page_id: str, token: Token, params: Mapping[str, str]) -> dict[str, Any]:
        """Puts a list of fields in place of the one before.

        Raises:
            RefusalError: one of them is none, or not allowed; then nothing changes.
        """
        page = self._require_change(page_id, token)
        fields = [one.strip() for one in params.get("subscribed_fields", "").split(",")]
        if fields == [""]:
            raise wrong_parameter("The parameter subscribed_fields is required")
        for number, field in enumerate(fields):
            if field not in FIELDS:
                raise not_among(f"subscribed_fields[{number}]", FIELDS)
        if not set(fields).isdisjoint(_OF_MESSAGES):
            self._require("pages_messaging", page)
        if self._options.refuse_pages:
            return {"success": False}
        self.put(page_id, tuple(dict.fromkeys(fields)))
        return {"success": True}

    def unsubscribe(self, page_id: str, token: Token) -> dict[str, Any]:
        """Takes the app off the Page.

        Raises:
            RefusalError: it may not.
        """
        self._require_change(page_id, token)
        self.put(page_id, ())
        return {"success": True}

    def _page(self, asset_id: str) -> Account:
        pages: Mapping[str, Account] = self._directory.pages
        return pages[asset_id] if asset_id in pages else self._directory.accounts[asset_id]

    def _require_change(self, page_id: str, token: Token) -> Account:
        _require_own(page_id, token)
        page = self._directory.pages[page_id]
        self._require("pages_manage_metadata", page)
        if _CHANGING_TASKS.isdisjoint(self._grants.now.tasks):
            raise no_grant("pages_manage_metadata")
        return page

    def _require(self, scope: str, page: Account) -> None:
        assets: Collection[str] = (page.page_id, page.id)
        if not self._grants.now.allows(scope, assets):
            raise no_grant(scope)


def _app(app_id: str, name: str, fields: Sequence[str]) -> Node:
    return Node(nodes.APP, {"id": app_id, "name": name, "subscribed_fields": list(fields)})


def _require_own(page_id: str, token: Token) -> None:
    if token.page is None:
        raise no_page_token()
    if token.page.page_id != page_id:
        raise missing(page_id)
