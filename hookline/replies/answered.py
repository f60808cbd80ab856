"""What is known of a comment or mention that is answered, in PostgreSQL."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hookline.replies.target import Target
from schemas.tables import SCHEMA

_COMMENT: Final = text(f"""
SELECT c.text, c.from_username, c.from_id, c.parent_id, c.media_id, m.permalink,
    coalesce(c.is_own, false), coalesce(c.hidden, false), c.deleted_at,
    coalesce('LIVE' IN (c.media_product_type, m.media_product_type), false),
    EXISTS (SELECT FROM {SCHEMA}.comments AS r WHERE r.account_id = c.account_id
        AND r.parent_id = c.comment_id AND r.is_own)
FROM {SCHEMA}.comments AS c LEFT JOIN {SCHEMA}.media AS m USING (media_id)
WHERE c.account_id = :account_id AND c.comment_id = :comment_id AND c.field = 'comments'
""")  # noqa: S608

_MENTION: Final = text(f"""
SELECT text, username, NULL, NULL, media_id, NULL, false, false, deleted_at, false, false
FROM {SCHEMA}.mentions WHERE account_id = :account_id AND media_id = :media_id
    AND comment_id = coalesce(:comment_id, '')
""")  # noqa: S608


@dataclass(frozen=True, slots=True)
class Answered:
    """A comment or mention that is stored. What people wrote, and who they are, is not shown.

    Attributes:
        parent_id: the comment at the top, of a comment that is a reply itself.
        has_own_reply: whether a comment of ours stands below it, by whatever means.
    """

    text: str | None = field(repr=False)
    username: str | None = field(repr=False)
    from_id: str | None = field(repr=False)
    parent_id: str | None
    media_id: str | None
    permalink: str | None
    is_own: bool
    hidden: bool
    deleted_at: datetime | None
    is_live: bool
    has_own_reply: bool


async def read_answered(connection: AsyncConnection, target: Target) -> Answered | None:
    """What is stored of it; None when it never came."""
    query = _COMMENT if target.kind == "comment" else _MENTION
    row = (await connection.execute(query, target._asdict())).one_or_none()
    return None if row is None else Answered(*row)
