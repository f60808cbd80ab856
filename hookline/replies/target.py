"""What is to be answered: a mention, or a comment on media of ours. Pure."""

from typing import NamedTuple

from schemas.identity import ABSENT, DASHBOARD_ACCOUNT
from workers.reply.reply import Kind

FORM = (
    "mentions:ACCOUNT:MEDIA:COMMENT (or - for a caption), or comments:ACCOUNT:COMMENT; "
    "without the event: --account with --media, --comment or both"
)
"""How to name it."""


class Target(NamedTuple):
    """A mention in a comment or in a caption, which has no comment; or a comment, whose media need
    not be known.
    """

    kind: Kind
    account_id: str
    media_id: str | None
    comment_id: str | None

    @property
    def event_id(self) -> str:
        """The event that told, or would tell, of it (design B4)."""
        if self.kind == "comment":
            return f"comments:{self.account_id}:{self.comment_id}"
        return f"mentions:{self.account_id}:{self.media_id}:{self.comment_id or ABSENT}"


def target_of_event(event_id: str) -> Target:
    """What an event tells of.

    Raises:
        ValueError: nothing that can be answered; its message says why.
    """
    match event_id.split(":"):
        case ["mentions", account_id, media_id, comment_id]:
            found = comment_id if comment_id != ABSENT else None
            return target_of_ids(account_id, media_id, found)
        case ["comments", account_id, comment_id]:
            return target_of_ids(account_id, None, comment_id)
        case ["live_comments", *_]:
            raise ValueError("Meta takes no answers to live comments")
        case [_, account_id, *_] if account_id == DASHBOARD_ACCOUNT:
            raise ValueError("a test from Meta's dashboard is about nothing that is there")
    raise ValueError(f"that is no event that can be answered: {FORM}")


def target_of_ids(account_id: str, media_id: str | None, comment_id: str | None) -> Target:
    """With media a mention, without a comment of ours.

    Raises:
        ValueError: these are none of Meta's ids; its message says so.
    """
    ids = [account_id, *filter(None, (media_id, comment_id))]
    if len(ids) == 1 or not all(one.isascii() and one.isdecimal() for one in ids):
        raise ValueError(f"ids of Meta's have digits only: {FORM}")
    if account_id == DASHBOARD_ACCOUNT:
        raise ValueError("a test from Meta's dashboard is about nothing that is there")
    if media_id is None:
        return Target("comment", account_id, None, comment_id)
    kind: Kind = "comment_mention" if comment_id else "caption_mention"
    return Target(kind, account_id, media_id, comment_id)
