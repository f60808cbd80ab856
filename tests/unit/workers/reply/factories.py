"""Answers and enriched events, with what a test does not say filled in."""

from datetime import UTC, datetime
from typing import Any, Final

from schemas.enriched import Enriched, Read
from schemas.events import decode_event, encode_event
from schemas.identity import ClaimKey, identify
from schemas.splitting import split
from tests.unit.schemas.values import change_body
from workers.reply.facts import Ours
from workers.reply.reply import Kind, Reply

ACCOUNT: Final = "17841400000000001"
NOW: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
DELIVERY_ID: Final = "01920000-0000-7000-8000-000000000001"
NOBODY: Final = Ours(
    frozenset(), frozenset({ACCOUNT}), frozenset({"brand"}), names={ACCOUNT: "brand"}
)


def reply(kind: Kind = "comment", attempts: int = 1, message: str = "Thank you!") -> Reply:
    """An answer that was begun now."""
    return Reply("k", ACCOUNT, "r", kind, "18", "179", "178", message, attempts, NOW)


def enriched(
    field: str,
    value: Any,
    answer: dict[str, Any] | None = None,
    *,
    endpoint: str = "comment",
    status: str = "done",
    account: str = ACCOUNT,
    source: str = "webhook",
) -> Enriched:
    """A change that was received now, and what was read of it."""
    (change,) = split(change_body(field, value, account))
    key = ClaimKey(NOW, DELIVERY_ID, change.position)
    event = decode_event(encode_event(change, identify(change, DELIVERY_ID), key))
    read = Read.model_validate(
        {
            "account_id": account,
            "endpoint": endpoint,
            "object_id": "179",
            "read_at": NOW,
            "status": status,
            "answer": answer,
        }
    )
    return Enriched(event=event.model_copy(update={"source": source}), read=read)
