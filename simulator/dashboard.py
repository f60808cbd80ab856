"""Values of the App Dashboard's test button: the same fake ids at every press.

Source: https://github.com/restfb/restfb/issues/859,
https://github.com/chatwoot/chatwoot/issues/15494
"""

from typing import Final

from simulator.wire import Value

ACCOUNT_ID: Final = "0"
MEDIA_ID: Final = "17887498072083520"

_COMMENT: Final[Value] = {
    "from": {"id": "232323232", "username": "test"},
    "media": {"id": "123123123", "media_product_type": "FEED"},
    "id": "17865799348089039",
    "parent_id": "1231231234",
    "text": "This is an example.",
}

_PARTIES: Final[Value] = {
    "sender": {"id": "12334"},
    "recipient": {"id": "23245"},
    "timestamp": "1527459824",
}

VALUES: Final[dict[str, Value]] = {
    "comments": _COMMENT,
    "live_comments": {
        "from": _COMMENT["from"],
        "media": {"id": "123123123", "media_product_type": "LIVE"},
        "id": _COMMENT["id"],
        "text": _COMMENT["text"],
    },
    "mentions": {"media_id": MEDIA_ID, "comment_id": MEDIA_ID},
    "story_insights": {
        "media_id": MEDIA_ID,
        "impressions": 444,
        "reach": 44,
        "taps_forward": 4,
        "taps_back": 3,
        "exits": 3,
        "replies": 0,
    },
    "messages": {**_PARTIES, "message": {"mid": "random_mid", "text": "random_text"}},
    "message_edit": {
        **_PARTIES,
        "message_edit": {"mid": "random_mid", "text": "random_text", "num_edit": 1},
    },
    "message_reactions": {
        **_PARTIES,
        "reaction": {"mid": "random_mid", "action": "react", "reaction": "love", "emoji": "❤️"},
    },
    "messaging_postbacks": {
        **_PARTIES,
        "postback": {"mid": "random_mid", "title": "random_title", "payload": "random_payload"},
    },
    "messaging_seen": {**_PARTIES, "read": {"mid": "random_mid"}},
    "messaging_referral": {
        **_PARTIES,
        "referral": {"ref": "random_ref", "source": "random_source", "type": "random_type"},
    },
    "messaging_handover": {
        **_PARTIES,
        "pass_thread_control": {
            "previous_owner_app_id": "123456",
            "new_owner_app_id": "654321",
            "metadata": "random_metadata",
        },
    },
    "standby": {**_PARTIES, "message": {"mid": "random_mid", "text": "random_text"}},
}
"""What each field's button sends. The messaging family comes in `changes` here, not in its own."""
