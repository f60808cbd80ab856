"""What an error of the Graph API means for the work. Pure.

Decided on code and subcode: the same throttle comes with HTTP status 400, 403 and 429, and items
of a batch fail inside a 200.

Source: https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

from graph.budget.pool import PoolName
from runtime.errors import RetryError


class Action(StrEnum):
    """What to do after an answer that is not what was asked for."""

    RETRY = "retry"
    """Ask again, later and later."""

    WAIT = "wait"
    """Call nobody of this pool before its time is up. The attempt does not count."""

    PARK_ACCOUNT = "park_account"
    """The token is dead: somebody must connect the account again."""

    PARK_FIELD = "park_field"
    """A permission, or a capability of the app, is missing: somebody must grant it."""

    FINAL = "final"
    """There is no answer, and there will be none."""

    AMBIGUOUS = "ambiguous"
    """It may be so or otherwise: look again before it is believed."""

    BUG = "bug"
    """The call itself is wrong. Asking again cannot help; somebody must look at it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, and why.

    Attributes:
        action: what to do.
        reason: a stable slug.
        pool: which pool refuses calls; for `wait` only.
        wait: for how long, unless the answer tells it; for `wait` only.
        is_ours: something is wrong in our settings, and somebody has to put it right.
    """

    action: Action
    reason: str
    pool: PoolName | None = None
    wait: timedelta | None = None
    is_ours: bool = False

    @property
    def passes(self) -> bool:
        """Whether the same call may be answered later, with nobody doing anything."""
        return self.action in (Action.RETRY, Action.WAIT) and not self.is_ours


@dataclass(frozen=True, slots=True)
class GraphError:
    """Meta's error object. `text` may quote tokens and people: it is never shown."""

    code: int
    subcode: int | None = None
    is_transient: bool = False
    trace_id: str | None = None
    text: str = field(default="", repr=False)


class GraphUnavailableError(RetryError):
    """The Graph API gave no answer, or none that can be read. It is asked again.

    Attributes:
        reason: `graph_timeout`, `graph_unreachable`, `graph_disconnected`,
            `graph_answer_too_large` or `graph_answer_broken`.
        was_sent: whether Meta may have received the call, and counted it.
    """

    reason = "graph_unavailable"

    def __init__(self, reason: str, detail: str, *, was_sent: bool) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.was_sent = was_sent


_HOUR: Final = timedelta(hours=1)
_QUARTER: Final = timedelta(minutes=15)

UNREADABLE: Final = Verdict(Action.RETRY, "graph_unreadable")
"""Something answered that is not the Graph API, or not as documented."""

UNFINISHED: Final = Verdict(Action.RETRY, "graph_batch_unfinished")
"""A batch ended before this item's turn."""

SERVER_ERROR: Final = Verdict(Action.RETRY, "graph_server_error")

ABSENT: Final = Verdict(Action.AMBIGUOUS, "not_found_or_no_permission")
"""The object is missing, or hidden from us, or not to be read so: Meta does not tell which."""

NOT_DONE: Final = Verdict(Action.FINAL, "graph_did_not")
"""`{"success": false}`, with status 200 and without a reason."""

BLOCKED: Final = "blocked_for_abuse"
"""Meta takes an account's writes for abuse, and refuses them for a time that it does not tell."""

BATCH_REFUSED: Final = Verdict(Action.RETRY, "graph_batch_refused")
"""A batch was refused as a whole, which tells nothing about its items: smaller ones may do."""

APP_SECRET_WRONG: Final = Verdict(
    Action.WAIT, "app_secret_wrong", "account", _QUARTER, is_ours=True
)
"""Meta does not take the proof that the app itself calls. Nothing is wrong with the object or the
token: with the right secret the same call is answered.

Source: https://developers.facebook.com/docs/graph-api/guides/secure-requests
"""

_TRANSIENT: Final = Verdict(Action.RETRY, "graph_transient")
_PERMISSION_MISSING: Final = Verdict(Action.PARK_FIELD, "permission_missing")
_NO_VIEWERS: Final = Verdict(Action.FINAL, "not_enough_viewers")

_Table: TypeAlias = dict[tuple[int, int | None], Verdict]
"""By code and subcode; without a subcode it is for all that are not named."""

_WAITS: Final[_Table] = {
    (4, None): Verdict(Action.WAIT, "throttled_app", "app", _HOUR),
    (341, None): Verdict(Action.WAIT, "throttled_app", "app", _HOUR),
    (17, None): Verdict(Action.WAIT, "throttled_user", "account", _HOUR),
    (32, None): Verdict(Action.WAIT, "throttled_page", "account", _HOUR),
    (613, None): Verdict(Action.WAIT, "throttled_custom", "account", _HOUR),
    # "Inconsistent request volume": it tells no time, and asks for a quarter of an hour or more.
    (613, 1996): Verdict(Action.WAIT, "throttled_custom", "account", _QUARTER),
    (80001, None): Verdict(Action.WAIT, "throttled_page", "account", _HOUR),
    (80002, None): Verdict(Action.WAIT, "throttled_account", "account", _HOUR),
    (80006, None): Verdict(Action.WAIT, "throttled_messenger", "account", _HOUR),
    (368, None): Verdict(Action.WAIT, BLOCKED, "account", _HOUR),
}

_TOKEN_DEAD: Final[dict[int | None, str]] = {
    None: "token_dead",
    458: "token_app_removed",
    459: "token_checkpoint",
    460: "token_password_changed",
    463: "token_expired",
    464: "token_unconfirmed",
    467: "token_invalid",
    492: "token_no_page_role",
}

# Errors of writes are here too: what 20 and 506 seem to refuse may have been done.
_VERDICTS: Final[_Table] = {
    (-1, None): SERVER_ERROR,
    (-2, None): Verdict(Action.RETRY, "graph_timed_out"),
    (1, None): Verdict(Action.RETRY, "graph_unknown_error"),
    (2, None): Verdict(Action.RETRY, "graph_service_down"),
    (3, None): Verdict(Action.PARK_FIELD, "capability_missing"),
    (10, None): _PERMISSION_MISSING,
    (20, 1772107): Verdict(Action.AMBIGUOUS, "done_without_answer"),
    (24, None): Verdict(Action.FINAL, "media_not_found"),
    (100, 33): ABSENT,
    (100, 2108006): Verdict(Action.FINAL, "media_before_professional_account"),
    (506, None): Verdict(Action.AMBIGUOUS, "duplicate_post"),
    (803, None): Verdict(Action.FINAL, "not_found"),
    (9009, None): Verdict(Action.FINAL, "user_unavailable"),
    **{(code, None): _PERMISSION_MISSING for code in range(200, 300)},
    **{
        (code, subcode): Verdict(Action.PARK_ACCOUNT, reason)
        for code in (102, 190)
        for subcode, reason in _TOKEN_DEAD.items()
    },
}

_WRONG_CALLS: Final = frozenset({20, 100, 2200, 2500})
"""Codes that blame the call, also where the status blames the server."""

_BY_TEXT: Final = (
    # A story's insights with fewer than five viewers, which no permission would change.
    # Source: https://developers.facebook.com/docs/instagram-platform/reference/instagram-media/insights
    (10, re.compile("not enough viewers", re.IGNORECASE), _NO_VIEWERS),
    # "Invalid appsecret_proof provided in the API argument", "API calls from the server require an
    # appsecret_proof argument".
    # Source: https://github.com/facebook/facebook-python-business-sdk/issues/528
    (100, re.compile("appsecret_proof"), APP_SECRET_WRONG),
)
"""Codes that mean two things, of which only the text tells which."""


def judge(error: GraphError, http_status: int) -> Verdict:
    """What an error means. The status counts only for codes that nobody knows."""
    # Throttles say that they are transient; asking again at once prolongs them.
    throttle = _found(_WAITS, error)
    if throttle is not None:
        return throttle
    if error.is_transient:
        return _TRANSIENT
    known = _told(error) or _found(_VERDICTS, error)
    if known is not None:
        return known
    if http_status >= 500 and error.code not in _WRONG_CALLS:
        return SERVER_ERROR
    return Verdict(Action.BUG, f"graph_refused_{error.code}")


def _told(error: GraphError) -> Verdict | None:
    return next(
        (
            verdict
            for code, text, verdict in _BY_TEXT
            if error.code == code and text.search(error.text)
        ),
        None,
    )


def _found(table: _Table, error: GraphError) -> Verdict | None:
    return table.get((error.code, error.subcode)) or table.get((error.code, None))


def judge_status(http_status: int) -> Verdict:
    """What an answer without an error object means, which is not what was asked for either."""
    if http_status == 429:
        return Verdict(Action.WAIT, "throttled_unnamed", "account", _QUARTER)
    return SERVER_ERROR if http_status >= 500 else UNREADABLE


_INTEGER: Final = re.compile("-?[0-9]{1,9}", re.ASCII)
_TRACE_ID: Final = re.compile("[A-Za-z0-9_+/=-]{1,64}", re.ASCII)


def error_in(document: Any) -> GraphError | None:
    """The error object in an answer; None when there is none that has a code."""
    members = document.get("error") if isinstance(document, dict) else None
    if not isinstance(members, dict):
        return None
    code = _integer(members.get("code"))
    if code is None:
        return None
    return GraphError(
        code=code,
        subcode=_integer(members.get("error_subcode")),
        is_transient=members.get("is_transient") is True,
        trace_id=_trace_id(members.get("fbtrace_id")),
        text="\n".join(
            text
            for name in ("message", "error_user_title", "error_user_msg")
            if isinstance(text := members.get(name), str)
        ),
    )


def _trace_id(value: Any) -> str | None:
    return value if isinstance(value, str) and _TRACE_ID.fullmatch(value) else None


def _integer(value: Any) -> int | None:
    """A code of at most nine digits; some are written as text."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9:
        return value
    return None
