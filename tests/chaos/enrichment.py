"""What the Graph API told against what the rows hold. Pure.

An object may have been told several times, and other each time: when its first answer was lost on
the way, and a later delivery told more of it meanwhile. A row holds one of these answers, whole.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from tests.chaos.check import Check

Node: TypeAlias = Mapping[str, Any]
"""An object as the Graph API tells it."""

Columns: TypeAlias = tuple[Any, ...]

ALBUM: Final = "CAROUSEL_ALBUM"

ANSWERED: Final = ("done", "partial")
"""What a row says that has its answer."""

NOT_FOUND: Final = (100, 33)
"""Code and subcode: it is not there, or not for us. The one refusal that no fault makes."""

REFUSED: Final = ("pending", "not_found_or_no_permission")
"""What a row tells of it: looked for again for a day, which no run lasts."""


@dataclass(frozen=True)
class Told:
    """What the Graph API told.

    Attributes:
        accounts: those that it knows.
        answers: objects by id, as often as they were told.
        refusals: code and subcode of the errors told in place of an object, by its id.
    """

    accounts: AbstractSet[str] = frozenset()
    answers: Mapping[str, Sequence[Node]] = field(default_factory=dict)
    refusals: Mapping[str, AbstractSet[tuple[int, int | None]]] = field(default_factory=dict)


class EnrichedRow(NamedTuple):
    """A comment or a mention, with the columns that the Graph API alone knows."""

    account_id: str
    object_id: str
    status: str
    reason: str | None
    columns: Columns


@dataclass(frozen=True)
class Enriched:
    """What the tables hold of it.

    Attributes:
        comments: their columns are time, likes, hidden, album.
        mentions: their columns are time, likes, text, media type, media address, user name.
        media: their columns by id: time, caption, type, permalink.
        wanted: account and id of the media that comments, albums and stories name.
    """

    comments: Sequence[EnrichedRow] = ()
    mentions: Sequence[EnrichedRow] = ()
    media: Mapping[str, Columns] = field(default_factory=dict)
    wanted: AbstractSet[tuple[str, str]] = frozenset()


def comment_columns(node: Node) -> Columns:
    """A comment's columns of an answer. Its media is told to be the album, where there is one."""
    media = node.get("media") or {}
    album_id = media.get("id") if media.get("media_type") == ALBUM else None
    return _time(node), node.get("like_count"), node.get("hidden"), album_id


def mention_columns(node: Node) -> Columns:
    """A mention's columns of an answer: of a comment, whose media is nested, or of media."""
    media = node.get("media") or node
    return (
        _time(node),
        node.get("like_count"),
        node.get("text") or node.get("caption"),
        media.get("media_type"),
        media.get("media_url"),
        node.get("username"),
    )


def media_columns(node: Node) -> Columns:
    """Media's columns of an answer."""
    return _time(node), node.get("caption"), node.get("media_type"), node.get("permalink")


def enrichment_counts(enriched: Enriched) -> dict[str, int]:
    """How many rows of comments and mentions there are of each status."""
    return dict(Counter(row.status for row in (*enriched.comments, *enriched.mentions)))


def enrichment_checks(told: Told, enriched: Enriched) -> tuple[Check, ...]:
    """Whether all that the Graph API tells is in the rows, and nothing else is."""
    rows = (*enriched.comments, *enriched.mentions)
    undone = [row for row in rows if row.status not in ANSWERED]
    late = [row for row in undone if row.object_id in told.answers]
    unread = [row for row in undone if row not in late and not _is_explained(told, row)]
    others = [
        *_others(told, comment_columns, _answered(enriched.comments)),
        *_others(told, mention_columns, _answered(enriched.mentions)),
    ]
    unasked = [one for one in enriched.wanted if not _is_known(told, *one)]
    wanted = {media_id for _, media_id in enriched.wanted} & told.answers.keys()
    foreign = _others(told, media_columns, enriched.media.items())
    return (
        Check("rows that the Graph API answered, and do not say so", 0, len(late)),
        Check("rows without an answer, and without a refusal", 0, len(unread)),
        Check("rows that hold what the Graph API did not tell", 0, len(others)),
        Check("media that were never asked for", 0, len(unasked)),
        Check("media that the Graph API told, without a row", 0, len(wanted - set(enriched.media))),
        Check("media that hold what the Graph API did not tell", 0, len(foreign)),
    )


def _answered(rows: Iterable[EnrichedRow]) -> Iterable[tuple[str, Columns]]:
    return ((row.object_id, row.columns) for row in rows if row.status in ANSWERED)


def _others(
    told: Told, columns_of: Callable[[Node], Columns], held: Iterable[tuple[str, Columns]]
) -> list[str]:
    """Ids of objects whose columns are not those of any of its answers."""
    return [
        object_id
        for object_id, columns in held
        if all(columns_of(node) != columns for node in told.answers.get(object_id, ()))
    ]


def _is_explained(told: Told, row: EnrichedRow) -> bool:
    """Whether a row is right to hold no answer."""
    if not _can_be_asked_for(told, row.account_id, row.object_id):
        return True
    refused = NOT_FOUND in told.refusals.get(row.object_id, ())
    return refused and (row.status, row.reason) == REFUSED


def _is_known(told: Told, account_id: str, object_id: str) -> bool:
    """Whether the Graph API said of an object what it is, or that it is not to be had."""
    if not _can_be_asked_for(told, account_id, object_id):
        return True
    return object_id in told.answers or NOT_FOUND in told.refusals.get(object_id, ())


def _can_be_asked_for(told: Told, account_id: str, object_id: str) -> bool:
    return account_id in told.accounts and object_id.isascii() and object_id.isdecimal()


def _time(node: Node) -> datetime | None:
    """Meta's form has an offset without a colon: `2017-05-19T23:27:28+0000`."""
    told = node.get("timestamp")
    return datetime.strptime(told, "%Y-%m-%dT%H:%M:%S%z") if told else None
