"""Answers to mentions and to comments: written, read again, and told of. It has a state.

What cannot be answered is 100/33, as is what is not there: Meta does not tell them apart.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from simulator.graph import nodes
from simulator.graph.contents import Contents
from simulator.graph.deliveries import OwnDelivery, own_reply
from simulator.graph.directory import Account, Directory
from simulator.graph.errors import unsupported_format, wrong_parameter
from simulator.graph.nodes import Node
from simulator.graph.options import GraphOptions
from simulator.graph.register import ToldComment
from simulator.graph.writes import Writes

MOST_ON_A_PAGE: Final = 50
"""Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-media/comments
"""


class Replies:
    """Both kinds of answers."""

    def __init__(self, options: GraphOptions, directory: Directory, contents: Contents) -> None:
        self.writes = Writes(options)
        self.deliveries: list[OwnDelivery] = []
        self._directory = directory
        self._contents = contents

    def answer_mention(
        self, account_id: str, readers: Collection[str], params: Mapping[str, str], now_s: float
    ) -> dict[str, Any]:
        """Answers a mention in a comment, or with only `media_id` one in a caption.

        Source: https://developers.facebook.com/docs/instagram-api/reference/ig-user/mentions

        Raises:
            RefusalError: it was not answered, or it was and `fields` were asked for.
        """
        self._contents.account(account_id, readers)
        message, media_id = _required("message", params), _required("media_id", params)
        comment_id = params.get("comment_id")
        account = self._directory.accounts[account_id]
        self._contents.require_mention(media_id, comment_id, account)
        target = comment_id or media_id
        write = self.writes.add("mention_reply", account_id, target, message, now_s)
        self._contents.register.add_foreign(write.id)
        return _written(write.id, params)

    def answer_comment(
        self, comment_id: str, readers: Collection[str], params: Mapping[str, str], now_s: float
    ) -> dict[str, Any]:
        """Answers a comment. An answer to a reply becomes one to the comment at the top.

        Source: https://developers.facebook.com/documentation/instagram-platform/instagram-graph-api/reference/ig-comment/replies.md

        Raises:
            RefusalError: it was not answered, or it was and `fields` were asked for.
        """
        answered = self._contents.answerable(comment_id, readers, now_s)
        message = _required("message", params)
        account = self._directory.accounts[answered.account_id]
        write = self.writes.add("comment_reply", account.id, comment_id, message, now_s)
        reply = ToldComment(
            account_id=account.id,
            text=message,
            author_id=account.id,
            author_name=account.username,
            parent_id=answered.parent_id or comment_id,
            media_id=answered.media_id,
            product_type=answered.product_type,
            at_s=int(now_s),
            told_s=now_s,
        )
        self._contents.write(write.id, reply, _author(account))
        self.deliveries.append(own_reply(account, write.id, reply, int(now_s)))
        return _written(write.id, params)


def _author(account: Account) -> Node:
    values = {
        "id": account.id,
        "username": account.username,
        "self_ig_scoped_id": account.self_ig_scoped_id,
    }
    return Node(nodes.AUTHOR, values)


def _written(reply_id: str, params: Mapping[str, str]) -> dict[str, Any]:
    """The answer to a write. Asking for fields fails, but only once it was written."""
    if "fields" in params:
        raise unsupported_format()
    return {"id": reply_id}


def _required(name: str, params: Mapping[str, str]) -> str:
    value = params.get(name, "")
    if not value.strip():
        raise wrong_parameter(f"The parameter {name} is required")
    return value
