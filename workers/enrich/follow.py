"""What an answer leads to: the album of a comment, which webhooks do not name. Pure."""

from datetime import datetime, timedelta
from typing import Final

from graph.answers import Answer
from schemas.splitting import id_text
from workers.enrich.task import NewTask, Task

ALBUM: Final = "CAROUSEL_ALBUM"


def album_of(task: Task, answer: Answer, now: datetime, max_age: timedelta) -> list[NewTask]:
    """The read of the album that a comment was found to be on."""
    media = (answer.object or {}).get("media")
    if task.endpoint not in ("comment", "live_comment") or not isinstance(media, dict):
        return []
    media_id = id_text(media.get("id"))
    if media.get("media_type") != ALBUM or media_id is None or not media_id.isdecimal():
        return []
    return [
        NewTask(
            task.account_id,
            "media",
            media_id,
            task.event_id,
            task.field,
            task.event,
            task.priority,
            now,
            now - max_age,
        )
    ]
