"""The tokens of connected accounts, opened for a call and never shown."""

import time
from datetime import datetime
from math import inf
from typing import Final, NamedTuple

import structlog
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database import transaction
from runtime.vault import Vault, VaultError
from schemas.tables import SCHEMA

MAX_AGE_S: Final = 15.0
"""So long after an account was connected anew, removed or parked elsewhere we may not know it."""

TELL_INTERVAL_S: Final = 3600.0
"""Between two times that it is told that a token cannot be used."""

_ACCOUNT: Final = text(
    f"SELECT app_id, user_token FROM {SCHEMA}.accounts "  # noqa: S608
    "WHERE account_id = :account_id AND state = 'active' AND user_token IS NOT NULL"
)

# A token that was replaced meanwhile says nothing about the new one.
_PARK: Final = text(
    f"UPDATE {SCHEMA}.accounts "  # noqa: S608
    "SET state = 'parked', state_reason = :reason, state_changed_at = now() "
    "WHERE account_id = :account_id AND user_token = :sealed AND state = 'active'"
)

_PARK_ENDPOINT: Final = text(
    f"UPDATE {SCHEMA}.accounts "  # noqa: S608
    "SET parked_endpoints = parked_endpoints "
    "|| jsonb_build_object(CAST(:endpoint AS text), CAST(:reason AS text)) "
    "WHERE account_id = :account_id AND user_token = :sealed"
)

_ENDS: Final = text(
    "SELECT account_id, least(expires_at, data_access_expires_at) "  # noqa: S608
    f"FROM {SCHEMA}.accounts WHERE state = 'active' ORDER BY account_id"
)

log = structlog.get_logger()


class Token(NamedTuple):
    """A token of an account, with the secret of the app that it was given to."""

    account_id: str
    app_id: str
    app_secret: bytes
    value: str
    sealed: bytes

    def __repr__(self) -> str:
        """Without anything secret."""
        return f"Token({self.account_id})"


class Tokens:
    """User tokens, by account. What is found is kept for some seconds."""

    def __init__(
        self, engine: AsyncEngine, vault: Vault, secrets_by_app: list[tuple[str, bytes]]
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._secrets = dict(reversed(secrets_by_app))  # the first secret of an app is its newest
        self._known: dict[str, tuple[float, Token | None]] = {}
        self._told_s: dict[bytes, float] = {}

    async def of(self, account_id: str) -> Token | None:
        """The account's user token. None when it is not connected, or parked; and when the token
        is of another app or no key opens it, which the log tells.

        Raises:
            RetryError: PostgreSQL is away.
        """
        known_at_s, token = self._known.get(account_id, (0.0, None))
        now_s = time.monotonic()
        if token is None or now_s - known_at_s > MAX_AGE_S:
            token = await self._read(account_id)
            self._known[account_id] = now_s, token
        return token

    async def ends(self) -> dict[str, datetime | None]:
        """When the accounts that are read have to be connected again; None when that is not known.

        Raises:
            RetryError: PostgreSQL is away.
        """
        async with transaction(self._engine) as connection:
            return {row[0]: row[1] for row in await connection.execute(_ENDS)}

    async def park(self, token: Token, reason: str) -> None:
        """The account makes no more calls with this token: a person has to connect it anew."""
        await self._park(_PARK, token, reason=reason)

    async def park_endpoint(self, token: Token, endpoint: str, reason: str) -> None:
        """The account makes no more calls of this kind until it is connected anew."""
        await self._park(_PARK_ENDPOINT, token, endpoint=endpoint, reason=reason)

    async def _park(self, statement: TextClause, token: Token, **told: str) -> None:
        async with transaction(self._engine) as connection:
            values = {"account_id": token.account_id, "sealed": token.sealed, **told}
            parked = (await connection.execute(statement, values)).rowcount > 0
        if parked:
            log.error("account_parked", account=token.account_id, **told)
        self._known.pop(token.account_id, None)

    async def _read(self, account_id: str) -> Token | None:
        async with transaction(self._engine) as connection:
            found = await connection.execute(_ACCOUNT, {"account_id": account_id})
            row = found.one_or_none()
        return self._token(account_id, row.app_id, row.user_token) if row else None

    def _token(self, account_id: str, app_id: str, sealed: bytes) -> Token | None:
        secret = self._secrets.get(app_id)
        try:
            if secret is not None:
                return Token(account_id, app_id, secret, self._vault.open(sealed), sealed)
            self._tell_unusable(account_id, sealed, f"HOOKLINE_APP_SECRETS lacks app {app_id}")
        except VaultError as error:
            self._tell_unusable(account_id, sealed, str(error))
        return None

    def _tell_unusable(self, account_id: str, sealed: bytes, why: str) -> None:
        """What is to be read for the account waits, and must not fill the log meanwhile."""
        now_s = time.monotonic()
        if now_s - self._told_s.get(sealed, -inf) > TELL_INTERVAL_S:
            self._told_s[sealed] = now_s
            log.error("token_unusable", account=account_id, why=why)
