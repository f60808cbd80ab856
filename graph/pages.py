"""Apps and the Pages of connected accounts, each with the token of its own that its edges need."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.client import Credentials
from runtime.database import transaction
from runtime.vault import Vault, VaultError
from schemas.tables import SCHEMA

_PAGES: Final = text(
    "SELECT account_id, username, app_id, page_id, page_token "  # noqa: S608
    f"FROM {SCHEMA}.accounts WHERE state <> 'removed' ORDER BY account_id"
)


class Page(NamedTuple):
    """An account's Page. Without credentials it cannot be asked about; `problem` says why."""

    account_id: str
    username: str | None
    app_id: str
    page_id: str | None
    credentials: Credentials | None
    problem: str | None = None


class App(NamedTuple):
    """An app at Meta. Without credentials it cannot be asked about: its secret is not known."""

    app_id: str
    credentials: Credentials | None


async def pages(
    engine: AsyncEngine, vault: Vault, secrets_by_app: Sequence[tuple[str, bytes]]
) -> list[Page]:
    """Those of all connected accounts, also of parked ones: a Page's token has a life of its own.

    Raises:
        RetryError: PostgreSQL is away.
    """
    async with transaction(engine) as connection:
        rows = (await connection.execute(_PAGES)).all()
    secrets = dict(reversed(secrets_by_app))  # the first secret of an app is its newest
    found = []
    for account_id, username, app_id, page_id, sealed in rows:
        page = Page(account_id, username, app_id, page_id, None)
        secret = secrets.get(app_id)
        try:
            if page_id is None or sealed is None:
                page = page._replace(problem="no_page")
            elif secret is None:
                page = page._replace(problem="app_secret_missing")
            else:
                page = page._replace(credentials=Credentials(vault.open(sealed), secret))
        except VaultError:
            page = page._replace(problem="vault_key_missing")
        found.append(page)
    return found


def apps(app_ids: Iterable[str], secrets_by_app: Sequence[tuple[str, bytes]]) -> list[App]:
    """These apps, each once, in order."""
    secrets = dict(reversed(secrets_by_app))
    return [App(one, _own(one, secrets.get(one))) for one in sorted(set(app_ids))]


def _own(app_id: str, secret: bytes | None) -> Credentials | None:
    return None if secret is None else Credentials(f"{app_id}|{secret.decode()}", secret)
