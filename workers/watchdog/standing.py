"""How an account or an app stands, and what is to be done about it. Pure."""

from datetime import datetime, timedelta
from math import ceil
from typing import Final, Literal, NamedTuple, TypeAlias

from graph.subscribing import State
from workers.watchdog.silence import Silence

REPAIR_INTERVAL: Final = timedelta(hours=1)
"""Between two attempts to subscribe the same Page or app."""

MAX_PAUSE: Final = timedelta(minutes=5)
"""So soon after it begins to be long a silence is noticed."""

LAG: Final = timedelta(minutes=5)
"""So far behind the archive dedupe may be."""

Activity: TypeAlias = Literal["unknown", "usual", "quiet", "silent"]
"""An account is `quiet` while others' deliveries come; the line is `silent` when nobody's do."""

Cause: TypeAlias = Literal["breaker_open", "dedupe_behind", "nothing_arrives"]


class Standing(NamedTuple):
    """A row of `subscription_checks`; without an account it is the app's own."""

    app_id: str
    account_id: str
    state: State
    reason: str | None
    fields: list[str]
    checked_at: datetime
    state_changed_at: datetime
    repair_tried_at: datetime | None
    repaired_at: datetime | None
    activity: Activity
    activity_changed_at: datetime
    last_received_at: datetime | None

    @property
    def subject(self) -> dict[str, str]:
        """What it is about, for logs and the audit."""
        return {"account": self.account_id} if self.account_id else {"app": self.app_id}

    def checked(
        self, state: State, reason: str | None, fields: list[str], now: datetime
    ) -> "Standing":
        """As it stands after a look at Meta's side."""
        since = self.state_changed_at if state == self.state else now
        return self._replace(
            state=state, reason=reason, fields=fields, checked_at=now, state_changed_at=since
        )

    def heard(self, activity: Activity, last_at: datetime | None, now: datetime) -> "Standing":
        """As it stands after a look at what came."""
        since = self.activity_changed_at if activity == self.activity else now
        return self._replace(
            activity=activity,
            activity_changed_at=since,
            last_received_at=last_at or self.last_received_at,
        )


def unseen(app_id: str, account_id: str, now: datetime) -> Standing:
    """What nobody has looked at yet."""
    return Standing(
        app_id, account_id, "unknown", None, [], now, now, None, None, "unknown", now, None
    )


def line_activity(found: Silence | None) -> Activity:
    """How the whole line stands, from the deliveries of all accounts."""
    if found is None:
        return "unknown"
    return "silent" if found.is_long else "usual"


def account_activity(found: Silence | None, line: Activity) -> Activity:
    """How an account stands. While nothing comes at all, that says nothing about the account."""
    if found is None or line == "silent":
        return "unknown"
    return "quiet" if found.is_long else "usual"


def goes_on(before: Standing, last_at: datetime | None) -> bool:
    """Whether a silence that was long goes on: nothing has come since it was told. While it does,
    less and less is known of what was usual, which is no end of it.
    """
    has_come = last_at is not None and last_at > before.activity_changed_at
    return before.activity in ("quiet", "silent") and not has_come


def pause_between(interval: timedelta) -> timedelta:
    """From the beginning of one look at what came to that of the next: a part of the interval."""
    return interval / ceil(interval / MAX_PAUSE)


def is_due(standing: Standing | None, interval: timedelta, now: datetime) -> bool:
    """Whether it is time to ask Meta. A look that is early by a moment counts: the next one would
    be late by a pause.
    """
    early = pause_between(interval) / 2
    return standing is None or now - standing.checked_at >= interval - early


def falls_quiet(before: Standing, now: Standing) -> bool:
    """Whether the silence of an account begins to be long: Meta is asked at once, then."""
    return now.activity == "quiet" != before.activity


def cause(
    archived_at: datetime | None, seen_at: datetime | None, open_breakers: list[str]
) -> Cause:
    """Why nothing comes, as far as the tables tell.

    Args:
        archived_at: receipt of the latest delivery that archive has stored.
        seen_at: receipt of the latest one that dedupe has seen.
        open_breakers: stages that have stopped by themselves.
    """
    if "dedupe" in open_breakers:
        return "breaker_open"
    if archived_at is not None and (seen_at is None or archived_at - seen_at > LAG):
        return "dedupe_behind"
    return "nothing_arrives"
