"""Why an answer stands as it does, in words. Pure."""

from typing import Final

from graph.errors import BLOCKED

BY_OPERATOR: Final = "by_operator"
"""A person said how it ended."""

MEANINGS: Final[dict[str, str]] = {
    BY_OPERATOR: "A person said so.",
    BLOCKED: "Meta blocks the account's answers (code 368), and does not tell for how long.",
    "sender_died": "Whoever sent it did not live to tell how it ended.",
    "sender_slept": "Whoever was to send it was stopped for a while, and did not.",
    "done_without_answer": "Meta did it, as it seems, and could not tell (code 20).",
    "duplicate_post": "Meta says that the same was posted before (code 506).",
    "graph_timeout": "Meta did not answer in time.",
    "graph_disconnected": "The connection broke before Meta answered.",
    "graph_unreachable": "Meta could not be reached.",
    "graph_server_error": "Meta's server failed.",
    "graph_unreadable": "What came back cannot be read.",
    "not_found_yet": "It was looked for below the comment, and is not there so far.",
    "not_told_apart": "What is below the comment may be it, or another one with the same words.",
    "not_done": "It was looked for below the comment three times, and is not there.",
    "too_many_replies": "Too many replies are below the comment to look through.",
    "wrong_ids": "What was to be answered has ids that are none of Meta's.",
    "graph_did_not": "Meta did not do it, and told no reason.",
    "not_found_or_no_permission": "What was to be answered is gone, hidden, or not for us.",
    "user_unavailable": "Who was to be answered is not there any more.",
    "permission_missing": "The account lacks a permission.",
    "too_old": "It was received longer ago than the rule answers.",
    "person_limit": "The rule has answered this person often enough.",
    "hour_limit": "The rule has answered often enough for an hour.",
    "no_such_rule": "Its rule is not in the file any more.",
    "quiet_hours": "The rule answers nothing at these hours.",
}

_TOKEN: Final = "The account's token is dead."  # noqa: S105 - words
_THROTTLED: Final = "The account, or the app, has no calls left for now."


def meaning(reason: str | None) -> str | None:
    """A reason in words; None for those that speak for themselves."""
    if reason is None:
        return None
    if reason.startswith("token_"):
        return _TOKEN
    if reason.startswith("throttled_"):
        return _THROTTLED
    return MEANINGS.get(reason)
