"""What there is, and who may see it. What nobody told of is drawn from its id.

What is gone, restricted, off air or somebody else's is not found; answers never say which.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from simulator.graph import nodes, values
from simulator.graph.albums import Albums
from simulator.graph.chance import happens
from simulator.graph.directory import Account, Directory
from simulator.graph.errors import RefusalError, missing, wrong_parameter
from simulator.graph.nodes import Node, NodeType
from simulator.graph.options import GraphOptions
from simulator.graph.register import Register, ToldComment, ToldMedia, ToldMention

_ONLY_COMMENTS_HAVE: Final = nodes.COMMENT.fields - nodes.MEDIA.fields


class Contents:
    """Everything that can be read. It is told of deliveries, changes and broadcasts as it runs.

    `readers` are the ids of the accounts that a token reaches.
    """

    def __init__(self, options: GraphOptions, directory: Directory) -> None:
        self._albums = Albums(options.seed, options.album_share)
        self.register = Register(self._albums)
        self._options = options
        self._directory = directory
        self._given: dict[str, Mapping[str, Any] | None] = {}
        self._written: set[str] = set()
        self._air: dict[str | None, bool] = {}

    def give(self, object_id: str, fields: Mapping[str, Any] | None) -> None:
        """Sets fields of an object, over what they would be; None: it is gone."""
        known = self._given.get(object_id) or {}
        self._given[object_id] = None if fields is None else {**known, **fields}

    def write(self, comment_id: str, reply: ToldComment, author: Node) -> None:
        """Makes known an account's own reply, which the account can read from now on."""
        self.register.comments[comment_id] = reply
        self._written.add(comment_id)
        fields = {"timestamp": values.timestamp(reply.at_s), "from": author}
        self.give(comment_id, {**fields, "like_count": 0, "hidden": False})

    def broadcast(self, on_air: bool, media_ids: Iterable[str] = ()) -> None:
        """Whether these broadcasts are on air; without ids all that were not named."""
        named: list[str | None] = [*media_ids]
        self._air.update(dict.fromkeys(named or [None], on_air))

    def owner(self, object_id: str) -> str | None:
        """The account whose comment or media it is, as far as that was told."""
        register = self.register
        told = register.comments.get(object_id) or register.media.get(object_id)
        return told.account_id if told is not None else None

    def is_comment(self, object_id: str, asked: Collection[str]) -> bool:
        """Whether an id is a comment's. One that nobody told of is, if it is asked like one."""
        if object_id in self.register.comments:
            return True
        return object_id not in self.register.media and not _ONLY_COMMENTS_HAVE.isdisjoint(asked)

    def comment(self, comment_id: str, readers: Collection[str], now_s: float) -> Node:
        """A comment on media of one of the readers.

        Raises:
            RefusalError: it is not to be seen by them.
        """
        told = self._told_comment(comment_id, readers)
        is_unseen = comment_id not in self._written and (
            (told.is_on_ad and self._is_among(self._options.unreadable_ad_share, comment_id))
            or (told.is_live and not self._is_on_air(told.media_id, told.told_s, now_s))
            or self._is_among(self._options.restricted_share, told.author_id)
        )
        if is_unseen or told.account_id not in readers:
            raise missing(comment_id)
        found = values.comment_values(comment_id, told, self._media_of(told))
        return self._node(nodes.COMMENT, comment_id, found)

    def answerable(self, comment_id: str, readers: Collection[str], now_s: float) -> ToldComment:
        """A comment that takes answers: neither hidden nor live.

        Raises:
            RefusalError: it takes none, or is not to be seen by them.
        """
        is_hidden = self.comment(comment_id, readers, now_s).values["hidden"]
        told = self._told_comment(comment_id, readers)
        if is_hidden or told.is_live or told.product_type == "LIVE":
            raise missing(comment_id, "post")
        return told

    def replies(self, comment_id: str, readers: Collection[str], now_s: float) -> list[Node]:
        """The replies to a comment that can be seen, in the order in which they became known.

        Raises:
            RefusalError: the comment is not to be seen by them.
        """
        self.comment(comment_id, readers, now_s)
        known = self.register.comments.items()
        ids = [reply_id for reply_id, told in known if told.parent_id == comment_id]
        return self._seen(ids, readers, now_s, self.comment)

    def media(self, media_id: str, readers: Collection[str], now_s: float) -> Node:
        """Media of one of the readers.

        Raises:
            RefusalError: it is not to be seen by them.
        """
        told = self.register.media.get(media_id)
        if told is None:
            told = ToldMedia(self._drawn_owner(media_id, readers))
        is_off_air = told.product_type == "LIVE" and not self._is_on_air(
            media_id, told.told_s, now_s
        )
        if is_off_air or told.account_id not in readers:
            raise missing(media_id)
        return self._media_node(media_id, told)

    def live_media(self, account_id: str, readers: Collection[str], now_s: float) -> list[Node]:
        """The account's broadcasts that are on air.

        Raises:
            RefusalError: the account is none of the readers.
        """
        self.account(account_id, readers)
        known = self.register.media.items()
        ids = [
            media_id
            for media_id, told in known
            if told.product_type == "LIVE" and told.account_id == account_id
        ]
        return self._seen(ids, readers, now_s, self.media)

    def require_mention(self, media_id: str, comment_id: str | None, account: Account) -> None:
        """That an account is mentioned there, on a post that is somebody else's.

        Raises:
            RefusalError: it is not.
        """
        object_id = comment_id or media_id
        told = self._mention(object_id, account)
        self._given_of(object_id)
        is_told = (object_id, account.id) in self.register.mentions
        is_elsewhere = is_told and told.media_id != media_id
        is_own = account.id in (self.owner(object_id), self.owner(media_id))
        is_story = self._given_of(media_id).get("media_product_type") == "STORY"
        if is_elsewhere or is_own or is_story:
            raise missing(media_id, "post")

    def account(self, account_id: str, readers: Collection[str]) -> Node:
        """An account that is one of the readers, and with it what mentions it.

        Raises:
            RefusalError: it is none of them.
        """
        account = self._directory.accounts.get(account_id)
        if account is None or account_id not in readers:
            raise missing(account_id)
        found = values.account_values(account) | {
            "mentioned_comment": self._lookup("comment_id", account, self._mentioned_comment),
            "mentioned_media": self._lookup("media_id", account, self._mentioned_media),
        }
        return self._node(nodes.ACCOUNT, account_id, found)

    def _lookup(
        self, argument: str, account: Account, find: Callable[[str, Account], Node]
    ) -> nodes.Lookup:
        def look_up(arguments: Mapping[str, str]) -> Node:
            if argument not in arguments:
                raise wrong_parameter(f"The parameter {argument} is required")
            return find(arguments[argument], account)

        return look_up

    def _mentioned_comment(self, comment_id: str, account: Account) -> Node:
        told = self._mention(comment_id, account)
        found = values.mentioned_comment_values(comment_id, told, account)
        return self._node(nodes.MENTIONED_COMMENT, comment_id, found)

    def _mentioned_media(self, media_id: str, account: Account) -> Node:
        told = self._mention(media_id, account)
        found = values.mentioned_media_values(media_id, told, account)
        return self._node(nodes.MENTIONED_MEDIA, media_id, found)

    def _mention(self, object_id: str, account: Account) -> ToldMention:
        register = self.register
        told = register.mentions.get((object_id, account.id))
        if told is None:
            # What names others was told, with everybody whom it names.
            if register.is_foreign(object_id) or not self._may_be_drawn(object_id):
                raise missing(object_id)
            told = values.drawn_mention(object_id, account.id)
        return told

    def _media_of(self, told: ToldComment) -> Node | None:
        """The media of a comment: the album, where it is part of one."""
        if told.media_id is None:
            return None
        album_id = self._albums.album_of(told.media_id, told.product_type)
        media = ToldMedia(told.account_id, told.product_type, told.at_s)
        return self._media_node(album_id or told.media_id, media)

    def _media_node(self, media_id: str, told: ToldMedia) -> Node:
        account = self._directory.accounts.get(told.account_id)
        is_part = self._albums.album_of(media_id, told.product_type) is not None
        username = account.username if account else ""
        found = values.media_values(media_id, told, username, is_part=is_part)
        return self._node(nodes.MEDIA, media_id, found)

    def _drawn_owner(self, object_id: str, readers: Collection[str]) -> str:
        """Whose it is, when nobody told: the first reader's."""
        if self.register.is_foreign(object_id) or not self._may_be_drawn(object_id) or not readers:
            raise missing(object_id)
        return next(iter(readers))

    def _may_be_drawn(self, object_id: str) -> bool:
        return object_id.isdecimal() and (self._options.invent or object_id in self._given)

    def _node(self, node_type: NodeType, object_id: str, found: values.Values) -> Node:
        """The node, unless it is gone, with what was set of it."""
        return Node(node_type, {**found, **self._given_of(object_id), "id": object_id})

    def _given_of(self, object_id: str) -> Mapping[str, Any]:
        """What was set of it, unless it is gone."""
        given = self._given.get(object_id, {})
        is_kept = object_id in self._written
        if given is None or (
            not is_kept and self._is_among(self._options.deleted_share, object_id)
        ):
            raise missing(object_id)
        return given

    def _told_comment(self, comment_id: str, readers: Collection[str]) -> ToldComment:
        told = self.register.comments.get(comment_id)
        if told is not None:
            return told
        return values.drawn_comment(comment_id, self._drawn_owner(comment_id, readers))

    def _seen(
        self,
        object_ids: Iterable[str],
        readers: Collection[str],
        now_s: float,
        find: Callable[[str, Collection[str], float], Node],
    ) -> list[Node]:
        found = []
        for object_id in object_ids:
            with suppress(RefusalError):
                found.append(find(object_id, readers, now_s))
        return found

    def _is_on_air(self, media_id: str | None, told_s: float, now_s: float) -> bool:
        ordered = self._air.get(media_id, self._air.get(None))
        if ordered is not None:
            return ordered
        return self._options.air_s is None or now_s < told_s + self._options.air_s

    def _is_among(self, share: float, object_id: str | None) -> bool:
        return object_id is not None and happens(share, self._options.seed, "gone", object_id)
