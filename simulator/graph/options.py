"""What the Graph API of our own can be told."""

from dataclasses import dataclass, field
from typing import Final

from simulator.graph.faults import Fault
from simulator.graph.usage import Limit

SCOPES: Final = (
    "instagram_basic",
    "instagram_manage_comments",
    "instagram_manage_insights",
    "pages_manage_metadata",
    "pages_read_engagement",
    "pages_show_list",
)

DAY_S: Final = 86_400.0

ACCOUNT_LIMIT: Final = Limit(4800, DAY_S, penalty_s=60.0, told_after=5)
"""That of an account that was seen once in 24 hours.

Source: https://developers.facebook.com/docs/instagram-platform/overview
"""

APP_LIMIT: Final = Limit(100_000, 3600.0, penalty_s=60.0, told_after=5)
"""That of an app with 500 users a day.

Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
"""


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """Everything by default is as Meta has it, and nothing fails but some comments on ads.

    Attributes:
        seed: of tokens, of everything that nobody told, and of what fails.
        app_id: the app that tokens are of.
        app_secret: for proofs, app tokens and exchanges.
        accounts: how many accounts of the simulated traffic there are.
        account_ids: accounts besides these.
        users: who manages them, in turn; each has tokens of their own.
        scopes: what the users granted.
        page_size: most that a page of a list has, whatever is asked for.
        require_proof: whether calls need `appsecret_proof`.
        default_version: answers calls without a version.
        account_limit: calls of the app for each account.
        app_limit: calls of the app.
        album_share: how many media of the traffic are parts of an album.
        deleted_share: how many comments, media and mentions are gone.
        restricted_share: how many people's comments cannot be read.
        unreadable_ad_share: how many comments that were told of ads alone cannot be read.
        air_s: for so long after it was told a live comment can be read; None: until control
            ends the broadcast.
        invent: whether there is what nobody told of; else it is not found.
        duplicate_s: for so long the same text for the same comment or media is refused, as 506;
            0: never.
        page_fields: what each Page is subscribed to from the start.
        other_apps: how many apps of others are on each Page.
        refuse_pages: subscribing a Page is answered `{"success": false}`, and nothing is done.
        refuse_instagram: the app cannot subscribe to `instagram` but in the dashboard.
        faults: what fails from the start.
    """

    seed: int = 0
    app_id: str = "1000000000000001"
    app_secret: str = field(default="simulated", repr=False)
    accounts: int = 3
    account_ids: tuple[str, ...] = ()
    users: int = 1
    scopes: tuple[str, ...] = SCOPES
    page_size: int = 100
    require_proof: bool = False
    default_version: str = "v25.0"
    account_limit: Limit = ACCOUNT_LIMIT
    app_limit: Limit = APP_LIMIT
    album_share: float = 0.25
    deleted_share: float = 0.0
    restricted_share: float = 0.0
    unreadable_ad_share: float = 0.5
    air_s: float | None = None
    invent: bool = True
    duplicate_s: float = 0.0
    page_fields: tuple[str, ...] = ()
    other_apps: int = 0
    refuse_pages: bool = False
    refuse_instagram: bool = False
    faults: tuple[Fault, ...] = ()
