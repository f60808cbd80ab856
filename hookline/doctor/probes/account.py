"""Asks Meta about connected accounts. Their tokens are opened for that, and go nowhere else."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from graph import requests
from graph.answers import Answer
from graph.client import Credentials
from graph.errors import Action, GraphError, judge
from graph.pages import Page
from graph.subscribing import PageCheck, Subscribing
from hookline.accounts.meta import RefusedError, UserToken, moment_of, reached
from hookline.accounts.store import Sealed
from hookline.doctor.checks.account import CONNECT, LINK, PERMISSIONS, SUBSCRIPTION, TOKEN, VAULT
from hookline.doctor.checks.app import SECRET
from hookline.doctor.checks.graph import ROOT
from hookline.doctor.finding import Unseen
from hookline.doctor.meta import Connected, Link, PageState, Token
from hookline.doctor.probes.asking import Asking
from runtime.errors import DependencyError
from runtime.vault import Vault, VaultError
from schemas.splitting import id_text

NO_SECRET: Final = Unseen("HOOKLINE_APP_SECRETS has no secret of its app", SECRET)

UNOPENED: Final = Unseen("its tokens cannot be opened", VAULT)

NO_LONGER_VALID: Final = Unseen("its token is not valid any more", TOKEN)

TOKEN_DEAD: Final = 190

_BLAMED: Final = {Action.PARK_ACCOUNT: TOKEN, Action.PARK_FIELD: PERMISSIONS}
"""What a refusal tells of. Else the account may not be there for the token any more."""


class Granted(NamedTuple):
    """Permissions, and for what."""

    scopes: list[str]
    granular_scopes: list[dict[str, Any]]


class Known(NamedTuple):
    """What Meta says of a user token, and the accounts that it reaches."""

    token: Token | Unseen
    granted: Granted | Unseen
    links: Mapping[str, Link] | Unseen


class Accounts:
    """Looks at accounts. Several may have one user's token, which is asked about once."""

    def __init__(
        self,
        asking: Asking,
        secrets: Sequence[tuple[str, bytes]] | Unseen,
        vault: Vault | Unseen,
        today: date,
    ) -> None:
        self._asking = asking
        self._secrets = secrets if isinstance(secrets, Unseen) else dict(reversed(secrets))
        self._vault = vault
        self._today = today
        self._users: dict[str, asyncio.Task[Known]] = {}

    async def look(self, rows: Sequence[Sealed]) -> tuple[Connected, ...]:
        """How these accounts stand."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._account(row, group)) for row in rows]
        return tuple(task.result() for task in tasks)

    async def _account(self, row: Sealed, group: asyncio.TaskGroup) -> Connected:
        account = row.account
        tokens = self._opened(row)
        if isinstance(tokens, Unseen):
            opened = False if tokens is UNOPENED else tokens
            return Connected(account, opened, tokens, tokens, tokens, tokens, tokens)
        secret = self._secret(account.app_id)
        if isinstance(secret, Unseen):
            return Connected(account, True, secret, secret, secret, secret, secret)
        user_token, page_token = tokens
        if user_token not in self._users:
            known = self._known(account.app_id, secret, user_token)
            self._users[user_token] = group.create_task(known)
        page = await self._page(row, Credentials(page_token, secret))
        token, granted, links = await self._users[user_token]
        if isinstance(token, Unseen):
            on_air: int | Unseen = token
        elif not token.is_valid:
            on_air = NO_LONGER_VALID
        else:
            on_air = await self._on_air(account.account_id, Credentials(user_token, secret))
        link = links if isinstance(links, Unseen) else links.get(account.account_id)
        if isinstance(granted, Unseen):
            return Connected(account, True, token, granted, link, page, on_air)
        account = account._replace(**granted._asdict())
        return Connected(account, True, token, True, link, page, on_air)

    def _secret(self, app_id: str) -> bytes | Unseen:
        if isinstance(self._secrets, Unseen):
            return self._secrets
        return self._secrets.get(app_id) or NO_SECRET

    def _opened(self, row: Sealed) -> tuple[str, str] | Unseen:
        if isinstance(self._vault, Unseen):
            return self._vault
        if row.user_token is None or row.page_token is None:
            return UNOPENED
        try:
            return self._vault.open(row.user_token), self._vault.open(row.page_token)
        except VaultError:
            return UNOPENED

    async def _known(self, app_id: str, secret: bytes, value: str) -> Known:
        own = Credentials(f"{app_id}|{secret.decode()}", secret)
        answer = await self._asking.read(requests.debug_token(value), own)
        if isinstance(answer, Unseen):
            return Known(answer, answer, answer)
        if answer.verdict is not None:
            of_the_app = (Action.PARK_ACCOUNT, Action.WAIT)
            blame = SECRET if answer.verdict.action in of_the_app else TOKEN
            unseen = Unseen(f"Meta tells nothing of its token ({answer.verdict.reason})", blame)
            return Known(unseen, unseen, unseen)
        told = answer.object or {}
        token = token_of(told)
        if not token.is_valid:
            return Known(token, NO_LONGER_VALID, NO_LONGER_VALID)
        user = UserToken(value, app_id, secret, None, [], [], None, None)
        return Known(token, granted_by(told), await self._links(user))

    async def _links(self, token: UserToken) -> Mapping[str, Link] | Unseen:
        async def links() -> dict[str, Link]:
            found = reached(self._asking.client, token)
            return {one.account_id: Link(one.page_id, tuple(one.tasks)) async for one in found}

        try:
            return await self._asking.within(links())
        except RefusedError as error:
            return Unseen(str(error), LINK)
        except DependencyError as error:
            return Unseen(str(error), ROOT)

    async def _page(self, row: Sealed, credentials: Credentials) -> PageState | Unseen:
        account = row.account
        page = Page(
            account.account_id, account.username, account.app_id, account.page_id, credentials
        )
        subscribing = Subscribing(self._asking.client, None, None)
        check = await self._asking.within(subscribing.check(page, self._today))
        if isinstance(check, Unseen):
            return check
        return page_state(check) if isinstance(check, PageCheck) else UNOPENED

    async def _on_air(self, account_id: str, credentials: Credentials) -> int | Unseen:
        answer = await self._asking.read(requests.live_media(account_id), credentials)
        return answer if isinstance(answer, Unseen) else broadcasts_of(answer)


def broadcasts_of(answer: Answer) -> int | Unseen:
    """How many broadcasts a list tells of, or why that is not known. Pure."""
    found = answer.object.get("data") if answer.object is not None else None
    if isinstance(found, list):
        return len(found)
    verdict = answer.verdict
    why = verdict.reason if verdict else "no_list"
    blame = _BLAMED.get(verdict.action, LINK) if verdict else ROOT
    return Unseen(f"Meta does not tell what is on air ({why})", blame)


def token_of(told: Mapping[str, Any]) -> Token:
    """A token as `/debug_token` tells of it. Pure."""
    error = told.get("error")
    subcode = error.get("subcode") if isinstance(error, dict) else None
    number = subcode if isinstance(subcode, int) else None
    is_valid = told.get("is_valid") is True
    return Token(
        id_text(told.get("app_id")),
        is_valid,
        None if is_valid else judge(GraphError(TOKEN_DEAD, number), 400).reason,
        moment_of(told.get("expires_at")),
        moment_of(told.get("data_access_expires_at")),
    )


def granted_by(told: Mapping[str, Any]) -> Granted:
    """The permissions of a token as `/debug_token` tells of it. Pure."""
    scopes, granular = told.get("scopes"), told.get("granular_scopes")
    return Granted(
        [one for one in scopes if isinstance(one, str)] if isinstance(scopes, list) else [],
        [one for one in granular if isinstance(one, dict)] if isinstance(granular, list) else [],
    )


def page_state(check: PageCheck) -> PageState | Unseen:
    """How a Page is subscribed to, or why that is not known. Pure."""
    if check.fields is not None:
        return PageState(check.fields)
    refusal = check.refusal
    if refusal is not None and refusal.passes:
        return Unseen(f"the Graph API does not answer ({refusal.reason})", ROOT)
    why = refusal.reason if refusal else "no_page"
    return Unseen(f"Meta does not tell of its Page ({why})", SUBSCRIPTION, CONNECT)
