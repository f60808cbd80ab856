"""Answers and what they depend on, with what a test does not say filled in."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from hookline.replies.prospect import Circumstances
from hookline.replies.row import STATES, Row

ACCOUNT: Final = "17841400000000001"
NOW: Final = datetime(2026, 11, 28, 12, tzinfo=UTC)


def row(**told: Any) -> Row:
    """A mention in a comment that is planned, and due."""
    given = {
        "reply_key": f"mentions:{ACCOUNT}:18:17#thanks",
        "account_id": ACCOUNT,
        "event_id": f"mentions:{ACCOUNT}:18:17",
        "rule": "thanks",
        "kind": "comment_mention",
        "media_id": "18",
        "comment_id": "17",
        "thread_id": None,
        "dry_run": False,
        "state": "planned",
        "reason": None,
        "reply_id": None,
        "attempts": 0,
        "due_at": NOW,
        "leased_until": None,
        "created_at": NOW,
        "sending_at": None,
        "settled_at": None,
        "looked_at": None,
        "asked_at": NOW,
    }
    return Row(**{**given, **told})


def circumstances(**told: Any) -> Circumstances:
    """A connected account, and a worker."""
    given = {
        "now": NOW,
        "username": "brand",
        "account_state": "active",
        "account_reason": None,
        "parked_endpoints": {},
        "blocked_until": None,
        "has_worker": True,
    }
    return Circumstances(**{**given, **told})


times = st.none() | st.integers(-100, 100).map(lambda hours: NOW + timedelta(hours=hours))

rows = st.builds(
    row,
    kind=st.sampled_from(["comment", "comment_mention", "caption_mention"]),
    rule=st.sampled_from(["thanks", "manual"]),
    state=st.sampled_from(STATES),
    dry_run=st.booleans(),
    attempts=st.integers(0, 3),
    due_at=times,
    leased_until=times,
)
"""Answers in every state, also in some that none can be in."""

all_circumstances = st.builds(
    circumstances,
    account_state=st.sampled_from([None, "active", "parked", "removed"]),
    parked_endpoints=st.sampled_from([{}, {"mention_reply": "permission_missing"}]),
    blocked_until=times,
    has_worker=st.booleans(),
)
