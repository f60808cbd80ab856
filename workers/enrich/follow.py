"""What an answer leads to: the media of a comment, where its webhook did not name it. Pure."""

from datetime import datetime, timedelta
from typing import Any, Final

from graph.answers import Answer
from schemas.events import decode_event
from schemas.splitting import id_text
from workers.enrich.task import NewTask, Task
from workers.enrich.wanted import can_be_asked_for, wanted_by

ALBUM: Final = "CAROUSEL_ALBUM"


def media_of(task: Task, answer: Answer, now: datetime, max_age: timedelta) -> list[NewTask]:
    """The read of what a comment was found to be on: of an album, which no webhook names, or of
    media that its own webhook left out.
    """
    media = (answer.object or {}).get("media")
    if task.endpoint not in ("comment", "live_comment") or not isinstance(media, dict):
        return []
    media_id = id_text(media.get("id"))
    if media_id is None or not can_be_asked_for(media_id) or not _is_news(task, media):
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


def _is_news(task: Task, media: dict[str, Any]) -> bool:
    if media.get("media_type") == ALBUM:
        return True
    asked = wanted_by(decode_event(task.event.encode()))
    return all(read.endpoint != "media" for read in asked)
