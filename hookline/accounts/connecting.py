"""From a user token to connected accounts."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from graph.client import Client
from hookline.accounts import store
from hookline.accounts.account import Account
from hookline.accounts.meta import Reached, RefusedError, UserToken, long_lived, reached
from hookline.operations import recorded
from runtime.vault import Vault
from schemas.settings import AccountsSettings


async def connect(
    engine: AsyncEngine,
    settings: AccountsSettings,
    token: str,
    wanted: Sequence[str],
    *,
    dry_run: bool,
) -> list[Account]:
    """Connects the wanted accounts that a user token reaches, or all of them, and gives them.

    Raises:
        RefusedError: Meta refuses the token, or it does not reach a wanted account.
        DependencyError: the Graph API cannot be reached.
        RetryError: PostgreSQL is away.
    """
    vault = Vault(settings)
    now = datetime.now(UTC)
    async with Client(
        settings.graph_url, settings.graph_version, settings.graph_timeout_s
    ) as client:
        user_token = await long_lived(client, settings.secrets_by_app(), token)
        found = _wanted([one async for one in reached(client, user_token)], wanted)
    if not dry_run:
        await _store(engine, vault, user_token, found, now)
    return [store.account_of(one, user_token, now).at(now) for one in found]


def _wanted(found: Sequence[Reached], wanted: Sequence[str]) -> list[Reached]:
    """Those that are wanted, each once.

    Raises:
        RefusedError: there are none, or one is missing.
    """
    by_id = {one.account_id: one for one in found}
    if missing := sorted(set(wanted) - by_id.keys()):
        raise RefusedError(
            f"The token does not reach {', '.join(missing)}. It reaches: "
            f"{', '.join(sorted(by_id)) or 'no account'}. The account must be professional, linked "
            "to a Page, and the user must have a task on that Page."
        )
    if not by_id:
        raise RefusedError(
            "The token reaches no Instagram account: none of the user's Pages has a professional "
            "account linked, or pages_show_list was not granted."
        )
    return [by_id[account_id] for account_id in sorted(wanted or by_id)]


async def _store(
    engine: AsyncEngine,
    vault: Vault,
    token: UserToken,
    found: Sequence[Reached],
    now: datetime,
) -> None:
    account_ids = [one.account_id for one in found]
    async with recorded(engine, "accounts connect", {"accounts": account_ids}) as operation:
        await store.connect(engine, vault, token, found, now)
        operation.count("written", len(found))
