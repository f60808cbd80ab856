"""Events of one change each, and their tasks."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from schemas.enriched import Endpoint
from schemas.events import encode_event
from schemas.fields import Field
from schemas.identity import ClaimKey, identify
from schemas.splitting import split
from workers.enrich.task import Task

ACCOUNT: Final = "17841400000000001"
DELIVERY_ID: Final = "01920000-0000-7000-8000-000000000001"
RECEIVED_AT: Final = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def event_json(field: str, value: Any, account: str = ACCOUNT) -> bytes:
    """The event of a change, as its topic carries it."""
    entry = {"id": account, "time": 1734638812, "changes": [{"field": field, "value": value}]}
    (change,) = split(json.dumps({"object": "instagram", "entry": [entry]}).encode())
    key = ClaimKey(RECEIVED_AT, DELIVERY_ID, change.position)
    return encode_event(change, identify(change, DELIVERY_ID), key)


def comment_task(value: dict[str, Any], endpoint: Endpoint = "comment") -> Task:
    """The read of a comment that a webhook told of."""
    field: Field = "live_comments" if endpoint == "live_comment" else "comments"
    event = event_json(field, value).decode()
    event_id = f"{field}:{ACCOUNT}:{value['id']}"
    return Task(ACCOUNT, endpoint, value["id"], event_id, field, event, 2, 0, None, None)
