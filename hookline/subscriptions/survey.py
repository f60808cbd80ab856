"""All subscriptions that are needed, looked at, and subscribed where an operator wants it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from graph.client import Client
from graph.pages import App, Page, apps, pages
from graph.subscribing import Check, Subscribing
from hookline.operations import recorded
from runtime.errors import HooklineError
from runtime.vault import Vault
from schemas.settings import SubscriptionsSettings

Advance = Callable[[int], None]


class UnknownAccountError(HooklineError):
    """An account that was asked for is not connected. `hookline accounts list` tells which are."""

    reason = "unknown_account"


@asynccontextmanager
async def subscribing(settings: SubscriptionsSettings) -> AsyncIterator[Subscribing]:
    """What asks Meta, with the callback of the settings."""
    token = settings.verify_token
    async with Client(
        settings.graph_url, settings.graph_version, settings.graph_timeout_s
    ) as client:
        yield Subscribing(
            client, settings.callback_url, token.get_secret_value() if token else None
        )


async def subjects(
    engine: AsyncEngine, settings: SubscriptionsSettings, account_ids: Sequence[str]
) -> list[App | Page]:
    """The Pages of these accounts, or of all that are connected, behind their apps. Without any
    account the apps whose secrets are known.

    Raises:
        UnknownAccountError: one of the accounts is not connected.
        RetryError: PostgreSQL is away.
    """
    secrets = settings.secrets_by_app()
    connected = await pages(engine, Vault(settings), secrets)
    missing = sorted(set(account_ids) - {page.account_id for page in connected})
    if missing:
        raise UnknownAccountError(
            f"Not connected: {', '.join(missing)}. Which are: hookline accounts list"
        )
    found = [page for page in connected if not account_ids or page.account_id in account_ids]
    app_ids = [page.app_id for page in found] or [app_id for app_id, _ in secrets]
    return [*apps(app_ids, secrets), *found]


async def survey(meta: Subscribing, wanted: Sequence[App | Page], advance: Advance) -> list[Check]:
    """How each of them is subscribed."""
    checks = []
    for subject in wanted:
        checks.append(await meta.check(subject, datetime.now(UTC).date()))
        advance(1)
    return checks


async def apply(
    engine: AsyncEngine, meta: Subscribing, checks: Sequence[Check], advance: Advance
) -> list[Check]:
    """The checks as they are once what they found to be sent was sent. Takes nothing away.

    Each is looked at again before: a person may have thought about it for a while, and what has
    come to a Page's list meanwhile would be replaced. A callback that has moved meanwhile stays.

    Raises:
        RetryError: PostgreSQL is away.
    """
    sent = {name_of(check): list(check.to_send) for check in sendable(meta, checks)}
    after = list(checks)
    if not sent:
        return after
    async with recorded(engine, "subscriptions apply", sent) as operation:
        for number, check in enumerate(checks):
            if name_of(check) in sent:
                today = datetime.now(UTC).date()
                now = await meta.check(check.subject, today)
                may_send = check.moves or not now.moves
                after[number] = await meta.subscribe(now, today) if may_send else now
                operation.count("failed" if after[number].to_send else "written")
                advance(1)
    return after


def sendable(meta: Subscribing, checks: Sequence[Check]) -> list[Check]:
    """Those that something is to be sent for, and can be."""
    return [check for check in checks if check.to_send and meta.can_send(check)]


def name_of(check: Check) -> str:
    """What a check is about, in the audit."""
    subject = check.subject
    return f"app {subject.app_id}" if isinstance(subject, App) else subject.account_id
