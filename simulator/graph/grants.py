"""What the users granted, and the Pages with it: changed while it runs, as people do."""

from collections.abc import Collection, Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict

TASKS: Final = ("ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE")


class Grant(BaseModel):
    """One state of what was granted.

    Attributes:
        scopes: the permissions.
        targets: ids that a permission is limited to; one that is not named reaches everything.
        tasks: the users' tasks on their Pages.
        unlinked: accounts that are linked to no Page any more.
        app_id: the app that tokens are of, where it is another one.
        data_access_expires_at: Unix time, where it is not 90 days after the login.
        reviewed: the app's own permissions, each with a word for how far its review is. Which
            words Meta has for that is not documented.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scopes: tuple[str, ...]
    targets: Mapping[str, tuple[str, ...]] = {}
    tasks: tuple[str, ...] = TASKS
    unlinked: tuple[str, ...] = ()
    app_id: str | None = None
    data_access_expires_at: int | None = None
    reviewed: Mapping[str, str] = {}

    def allows(self, scope: str, asset_ids: Collection[str]) -> bool:
        """Whether a permission was granted for one of these Pages and accounts.

        Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/debug_token
        """
        targets = self.targets.get(scope)
        return scope in self.scopes and (not targets or not set(targets).isdisjoint(asset_ids))


class Grants:
    """What is granted now. `now` may be set."""

    def __init__(self, scopes: tuple[str, ...]) -> None:
        self.first = Grant(scopes=scopes, reviewed=dict.fromkeys(scopes, "live"))
        self.now = self.first
