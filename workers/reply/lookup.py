"""Looking for an answer of which it is not known whether it was sent. Pure.

Source: https://developers.facebook.com/documentation/instagram-platform/instagram-graph-api/reference/ig-comment/replies.md
"""

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from schemas.events import parse_time
from schemas.splitting import id_text
from workers.reply.reply import Reply

LOOKS: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1))
"""When to look, after it was sent. Absent at the last one, it was not done."""

CLOCKS: Final = timedelta(minutes=2)
"""How far Meta's clock may be behind ours, and its times are in whole seconds."""


def next_look(sending_at: datetime, now: datetime) -> datetime | None:
    """When to look again; None after the last time."""
    return next((sending_at + look for look in LOOKS if sending_at + look > now), None)


def replies_in(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The replies on a page of them."""
    data = page.get("data")
    for one in data if isinstance(data, list) else ():
        if isinstance(one, dict):
            yield one


class Candidate(NamedTuple):
    """A reply that may be the answer. Of one that is not signed nobody tells who wrote it."""

    reply_id: str
    is_signed: bool


def candidates(
    replies: Iterable[dict[str, Any]], reply: Reply, username: str | None
) -> list[Candidate]:
    """The replies that may be this one: not by others, with its text, and not older.

    Args:
        replies: as the Graph API tells them, in its order.
        reply: what is looked for.
        username: of the account, for replies of which only a name is told.
    """
    return [
        Candidate(found_id, is_signed=is_ours is True)
        for one in replies
        if (found_id := id_text(one.get("id"))) is not None
        and (is_ours := _is_by(one, reply.account_id, username)) is not False
        and plain(one.get("text")) == plain(reply.message)
        and _is_recent(one, reply.sending_at - CLOCKS)
    ]


def plain(text: Any) -> str | None:
    """A text, whatever became of its spaces, of the forms of its letters, of what is not to be
    seen, and of `@`, which Meta strips from texts on media of others.
    """
    if not isinstance(text, str):
        return None
    characters = (one for one in unicodedata.normalize("NFC", text) if one != "@")
    return " ".join("".join(one for one in characters if one.isspace() or _is_seen(one)).split())


def _is_seen(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf")


def _is_by(one: dict[str, Any], account_id: str, username: str | None) -> bool | None:
    """Whether the account wrote it, by its id or its name: an id may be one that Instagram has for
    our app alone. None: nobody tells who wrote it.

    Source: https://developers.facebook.com/docs/instagram-platform/self-messaging
    """
    author = one.get("from")
    members = author if isinstance(author, dict) else {}
    author_id = id_text(members.get("id"))
    told = (members.get("username"), one.get("username"))
    names = [name for name in told if isinstance(name, str)]
    if author_id is None and not names:
        return None
    return author_id == account_id or username in names


def _is_recent(one: dict[str, Any], since: datetime) -> bool:
    """Whether it was made since then; so is one of which no time is told."""
    told = one.get("timestamp")
    try:
        return parse_time(told) >= since if isinstance(told, str) else True
    except ValueError:
        return True
