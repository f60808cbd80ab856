"""An account, and what of it may be shown: everything but its tokens."""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Self

NEEDED_SCOPES: Final = (
    "instagram_basic",
    "instagram_manage_comments",
    "instagram_manage_insights",
    "pages_manage_metadata",
    "pages_read_engagement",
    "pages_show_list",
)
"""For the four fields and their reads.

Source: https://developers.facebook.com/docs/instagram-platform/webhooks
"""

NOTICE: Final = timedelta(days=7)
"""So long before a token or the access to data ends, and from then on, an account is `expiring`."""


class Account(NamedTuple):
    """A row of `accounts` without its tokens. What `state` is at a moment, `at` tells."""

    account_id: str
    username: str | None
    page_id: str | None
    page_name: str | None
    user_id: str | None
    app_id: str
    scopes: list[str]
    granular_scopes: list[dict[str, Any]]
    tasks: list[str]
    expires_at: datetime | None
    data_access_expires_at: datetime | None
    state: str
    state_reason: str | None
    parked_endpoints: dict[str, str]
    connected_at: datetime
    state_changed_at: datetime
    checked_at: datetime | None

    @property
    def ends_at(self) -> datetime | None:
        """When somebody has to connect it again, at the latest; None when that is not known."""
        ends = [end for end in (self.expires_at, self.data_access_expires_at) if end is not None]
        return min(ends, default=None)

    def at(self, now: datetime) -> Self:
        """As it stands at a moment. That it ends soon follows from the time, and is not stored."""
        ends_soon = self.ends_at is not None and self.ends_at - now < NOTICE
        return self._replace(state="expiring") if self.state == "active" and ends_soon else self

    @property
    def missing_scopes(self) -> list[str]:
        """Permissions that were not granted, or not for this account and its Page."""
        return [scope for scope in NEEDED_SCOPES if not self._grants(scope)]

    def _grants(self, scope: str) -> bool:
        if scope not in self.scopes:
            return False
        for granted in self.granular_scopes:
            targets = granted.get("target_ids")
            # Without any it is for everything that the user has.
            if granted.get("scope") == scope and isinstance(targets, list) and targets:
                return self.account_id in targets or self.page_id in targets
        return True
