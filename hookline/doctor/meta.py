"""What Meta tells, of itself, of apps and of accounts: values without a judgement. No token."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from graph.subscriptions import AppPlan, AppSubscription
from hookline.accounts.account import Account
from hookline.doctor.finding import Unseen


class Clock(NamedTuple):
    """A clock elsewhere: how far it is ahead of ours, and how exactly that is known."""

    ahead: timedelta
    within: timedelta


@dataclass(frozen=True, slots=True)
class Graph:
    """How the Graph API answers. `answering` is None where it does not tell its version."""

    url: str
    status: int
    is_graph: bool
    pinned: str
    answering: str | None
    clock: Clock | Unseen


@dataclass(frozen=True, slots=True)
class App:
    """An app at Meta.

    Attributes:
        app_id: its id.
        secrets: for each of its secrets, in the order given, whether Meta takes it.
        subscription: None when there is none to `instagram`.
        plan: what is wrong with it.
        callback_url: where deliveries are to go; None when that was not told.
        reviewed: permissions with their status, as far as Meta tells.
        answering: the version that answered about it; None where that was not told.
    """

    app_id: str
    secrets: tuple[bool | Unseen, ...]
    subscription: AppSubscription | Unseen | None
    plan: AppPlan | None
    callback_url: str | None
    reviewed: Mapping[str, str] | Unseen
    answering: str | None = None


class Token(NamedTuple):
    """What Meta says of a user token. `reason` is why it is not valid."""

    app_id: str | None
    is_valid: bool
    reason: str | None
    expires_at: datetime | None
    data_access_expires_at: datetime | None


class Link(NamedTuple):
    """The Page that an account is linked to, as the token's user sees it."""

    page_id: str
    tasks: tuple[str, ...]


class PageState(NamedTuple):
    """How the app is subscribed to a Page: its fields, and why they cannot be known, or changed."""

    fields: tuple[str, ...]
    reason: str | None = None
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """A connected account.

    Attributes:
        account: its row, with the permissions that Meta tells now where it was asked.
        opened: whether the vault's keys open its tokens.
        token: what Meta says of its user token.
        granted: whether `account` has the permissions of now.
        link: None when the user's Pages have no such account.
        page: how its Page is subscribed.
        on_air: how many of its broadcasts are on air.
    """

    account: Account
    opened: bool | Unseen
    token: Token | Unseen
    granted: bool | Unseen
    link: Link | Unseen | None
    page: PageState | Unseen
    on_air: int | Unseen
