"""What Meta tells about a user token: its app, its life, and the accounts that it reaches."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from graph.answers import Answer
from graph.client import Client, Credentials
from graph.errors import GraphUnavailableError
from graph.requests import GraphRequest, accounts_page, debug_token, token_exchange
from runtime.errors import DependencyError, HooklineError
from schemas.splitting import id_text

MAX_PAGES_READ = 1000


class RefusedError(HooklineError):
    """Meta does not take the token, or it is of no use here. The message says which, and why."""

    reason = "token_refused"


class UserToken(NamedTuple):
    """A user token with what Meta knows of it."""

    value: str
    app_id: str
    app_secret: bytes
    user_id: str | None
    scopes: list[str]
    granular_scopes: list[dict[str, Any]]
    expires_at: datetime | None
    data_access_expires_at: datetime | None

    def __repr__(self) -> str:
        """Without the token."""
        return f"UserToken(app {self.app_id})"

    @property
    def credentials(self) -> Credentials:
        """For calls with it."""
        return Credentials(self.value, self.app_secret)


class Reached(NamedTuple):
    """An Instagram account that a token reaches through its Page."""

    account_id: str
    username: str | None
    page_id: str
    page_name: str | None
    page_token: str
    tasks: list[str]

    def __repr__(self) -> str:
        """Without the token."""
        return f"Reached({self.account_id})"


async def long_lived(client: Client, apps: Sequence[tuple[str, bytes]], token: str) -> UserToken:
    """The token that Meta gives for this one, which lives for about 60 days.

    Raises:
        RefusedError: it is not valid, not a user's, or of none of these apps.
        DependencyError: the Graph API cannot be reached.
    """
    known = await _known(client, apps, token)
    if known.expires_at is None:  # it does not end: a system user's
        return known
    secret = known.app_secret.decode()
    answer = await _asked(client, token_exchange(known.app_id, secret, token), None)
    value = answer.get("access_token")
    if not isinstance(value, str) or not value:
        raise RefusedError("Meta gave no long-lived token for this one.")
    return await _known(client, apps, value)


async def reached(client: Client, token: UserToken) -> AsyncIterator[Reached]:
    """The Instagram accounts of all Pages that the token reaches.

    Raises:
        RefusedError: Meta does not list them.
        DependencyError: the Graph API cannot be reached.
    """
    after: str | None = None
    for _ in range(MAX_PAGES_READ):
        answer = await _answer(client, accounts_page(after), token.credentials)
        found = (answer.object or {}).get("data")
        for page in found if isinstance(found, list) else ():
            account = _reached(page)
            if account is not None:
                yield account
        after = answer.after
        if after is None:
            return


def _reached(page: Any) -> Reached | None:
    """The account of a Page; None for a Page that has none, or tells no token."""
    if not isinstance(page, dict):
        return None
    account = page.get("instagram_business_account")
    if not isinstance(account, dict):
        return None
    account_id = id_text(account.get("id"))
    page_id, page_token = id_text(page.get("id")), page.get("access_token")
    if account_id is None or page_id is None or not isinstance(page_token, str):
        return None
    tasks = page.get("tasks")
    return Reached(
        account_id,
        _text(account, "username"),
        page_id,
        _text(page, "name"),
        page_token,
        [task for task in tasks if isinstance(task, str)] if isinstance(tasks, list) else [],
    )


async def _known(client: Client, apps: Sequence[tuple[str, bytes]], token: str) -> UserToken:
    refusals: list[str] = []
    for app_id, secret in apps:
        app_token = Credentials(f"{app_id}|{secret.decode()}", secret)
        answer = await _answer(client, debug_token(token), app_token, refused=refusals)
        told = answer.object or {}
        if id_text(told.get("app_id")) == app_id:
            return _user_token(token, app_id, secret, told)
    because = f" ({', '.join(refusals)})" if refusals else ""
    raise RefusedError(
        f"The token is of no app of HOOKLINE_APP_SECRETS, or is none{because}. Generate one for "
        "your app, for example in Meta's Graph API Explorer."
    )


def _user_token(token: str, app_id: str, secret: bytes, told: dict[str, Any]) -> UserToken:
    if told.get("is_valid") is not True:
        raise RefusedError("The token is not valid any more. Generate another one.")
    if told.get("type") not in ("USER", "SYSTEM_USER"):
        raise RefusedError(
            "This is not a user's token. Give the token of a user who manages the Pages; Hookline "
            "finds the Pages' own tokens by itself."
        )
    granular = told.get("granular_scopes")
    scopes = told.get("scopes")
    return UserToken(
        token,
        app_id,
        secret,
        id_text(told.get("user_id")),
        [one for one in scopes if isinstance(one, str)] if isinstance(scopes, list) else [],
        [one for one in granular if isinstance(one, dict)] if isinstance(granular, list) else [],
        moment_of(told.get("expires_at")),
        moment_of(told.get("data_access_expires_at")),
    )


async def _asked(
    client: Client, request: GraphRequest, credentials: Credentials | None
) -> dict[str, Any]:
    return (await _answer(client, request, credentials)).object or {}


async def _answer(
    client: Client,
    request: GraphRequest,
    credentials: Credentials | None,
    refused: list[str] | None = None,
) -> Answer:
    """The answer; a refusal goes to `refused` where that is given.

    Raises:
        RefusedError: Meta refuses the call.
        DependencyError: there is no answer now.
    """
    try:
        answer = await client.read(request, credentials)
    except GraphUnavailableError as error:
        raise DependencyError(f"The Graph API cannot be reached ({error}).") from None
    if answer.verdict is not None and answer.verdict.is_ours:
        raise RefusedError(
            "Meta does not take the app's secret. Is the first one in HOOKLINE_APP_SECRETS that of "
            "the App Dashboard (Settings, Basic)?"
        )
    if answer.verdict is not None:
        code = f", code {answer.error.code}" if answer.error else ""
        told = f"{answer.verdict.reason}{code}"
        if answer.verdict.passes:
            raise DependencyError(f"The Graph API does not answer now ({told}). Try again later.")
        if refused is None:
            raise RefusedError(f"Meta refused {request.endpoint}: {told}.")
        refused.append(told)
    return answer


def _text(members: dict[str, Any], name: str) -> str | None:
    found = members.get(name)
    return found if isinstance(found, str) else None


def moment_of(seconds: Any) -> datetime | None:
    """A moment as Meta tells it; 0 is never."""
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds < 10**11:
        return None
    return datetime.fromtimestamp(seconds, UTC)
