"""Accounts in PostgreSQL, their tokens sealed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.accounts.account import Account
from hookline.accounts.meta import Reached, UserToken
from runtime.database import transaction
from runtime.vault import Vault
from schemas.tables import SCHEMA, accounts

_SHOWN: Final = [accounts.c[name] for name in Account._fields]

_RELEASE: Final = text(
    f"UPDATE {SCHEMA}.enrichment_tasks SET parked_told = false "  # noqa: S608
    "WHERE account_id = ANY(:account_ids) AND parked_told"
)


def account_of(found: Reached, token: UserToken, now: datetime) -> Account:
    """The row of an account that is connected now."""
    return Account(
        account_id=found.account_id,
        username=found.username,
        page_id=found.page_id,
        page_name=found.page_name,
        user_id=token.user_id,
        app_id=token.app_id,
        scopes=token.scopes,
        granular_scopes=token.granular_scopes,
        tasks=found.tasks,
        expires_at=token.expires_at,
        data_access_expires_at=token.data_access_expires_at,
        state="active",
        state_reason=None,
        parked_endpoints={},
        connected_at=now,
        state_changed_at=now,
        checked_at=now,
    )


async def connect(
    engine: AsyncEngine, vault: Vault, token: UserToken, found: Sequence[Reached], now: datetime
) -> None:
    """Stores accounts with their tokens. Reads that waited for them go on."""
    rows = [
        account_of(one, token, now)._asdict()
        | {"user_token": vault.seal(token.value), "page_token": vault.seal(one.page_token)}
        for one in sorted(found)
    ]
    statement = insert(accounts)
    replaced = {
        column.name: statement.excluded[column.name]
        for column in accounts.columns
        if column.name != "account_id"
    }
    async with transaction(engine) as connection:
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["account_id"], set_=replaced), rows
        )
        await connection.execute(_RELEASE, {"account_ids": [one.account_id for one in found]})


class Sealed(NamedTuple):
    """An account with its tokens, encrypted."""

    account: Account
    user_token: bytes | None
    page_token: bytes | None

    def __repr__(self) -> str:
        """Without the tokens."""
        return f"Sealed({self.account.account_id})"


async def connected(engine: AsyncEngine) -> list[Sealed]:
    """Every account that is not removed."""
    tokens = (accounts.c.user_token, accounts.c.page_token)
    query = select(*_SHOWN, *tokens).where(accounts.c.state != "removed")
    async with transaction(engine) as connection:
        rows = await connection.execute(query.order_by(accounts.c.account_id))
        return [Sealed(Account(*row[:-2]), row[-2], row[-1]) for row in rows]


async def all_accounts(engine: AsyncEngine) -> list[Account]:
    """Every account that was ever connected, the removed ones among them."""
    async with transaction(engine) as connection:
        found = await connection.execute(select(*_SHOWN).order_by(accounts.c.account_id))
        return [Account(*row) for row in found]


async def remove(engine: AsyncEngine, account_id: str, now: datetime) -> bool:
    """Forgets the tokens of an account; its rows stay. Whether it had not been removed before."""
    statement = (
        update(accounts)
        .where(accounts.c.account_id == account_id, accounts.c.state != "removed")
        .values(
            state="removed",
            state_reason="by_operator",
            state_changed_at=now,
            user_token=None,
            page_token=None,
        )
    )
    async with transaction(engine) as connection:
        return (await connection.execute(statement)).rowcount > 0


async def reseal(engine: AsyncEngine, vault: Vault) -> int:
    """Encrypts every token with the vault's first key; gives how many accounts have tokens.

    Raises:
        VaultError: there is a token that no key opens. Nothing is changed then.
    """
    tokens = (accounts.c.user_token, accounts.c.page_token)
    async with transaction(engine) as connection:
        query = select(accounts.c.account_id, *tokens).where(tokens[0].is_not(None))
        rows = (await connection.execute(query.with_for_update())).all()
        for account_id, *sealed in rows:
            names = [token.name for token in tokens]
            changed = {
                name: vault.reseal(one)
                for name, one in zip(names, sealed, strict=True)
                if one is not None
            }
            await connection.execute(
                update(accounts).where(accounts.c.account_id == account_id).values(**changed)
            )
    return len(rows)
