"""Access tokens: whose they are, how long they live, what they reach. Pure: time comes in."""

import hmac
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from simulator.graph.chance import letters
from simulator.graph.directory import Account, Directory, user_id
from simulator.graph.errors import RefusalError, dead_token, no_proof, no_token, wrong_proof
from simulator.graph.grants import Grants
from simulator.graph.options import DAY_S, GraphOptions

Kind: TypeAlias = Literal["USER", "SYSTEM_USER", "PAGE", "APP"]

SHORT_LIFE_S: Final = 2 * 3600.0
LONG_LIFE_S: Final = 60 * DAY_S
DATA_ACCESS_S: Final = 90 * DAY_S
"""Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
"""


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was given out.

    Attributes:
        value: what calls carry.
        kind: whose it is.
        user: number of the user it comes from; None for the app's own.
        page: the Page of a Page's token.
        issued_s: when it was given out, Unix time.
        expires_s: when it ends; 0: never.
        dead: the subcode of its end before that.
    """

    value: str = field(repr=False)
    kind: Kind
    user: int | None = None
    page: Account | None = None
    issued_s: float = 0.0
    expires_s: float = 0.0
    dead: int | None = None

    def ended(self, now_s: float) -> int | None:
        """The subcode of its end; None while it lives."""
        if self.dead is None and 0 < self.expires_s <= now_s:
            return 463
        return self.dead


class Tokens:
    """The tokens of all users. Those given out first are the same for one seed."""

    def __init__(self, options: GraphOptions, directory: Directory, now_s: float) -> None:
        self.grants = Grants(options.scopes)
        self._options = options
        self._directory = directory
        self._given: dict[str, Token] = {}
        self._generations = dict.fromkeys(range(options.users), 0)
        self._app = Token(f"{options.app_id}|{options.app_secret}", "APP")
        for user in self._generations:
            self._give_all(user, now_s)

    def user_token(self, user: int, *, long_lived: bool = False) -> str:
        """A user's token of the present login.

        Raises:
            KeyError: there is no such user.
        """
        return self._value("long" if long_lived else "short", user)

    def system_token(self, user: int) -> str:
        """A token of a system user in that user's place, which never ends by itself."""
        return self._value("system", user)

    def page_token(self, page: Account) -> str:
        """The token of a Page, as its user gets it."""
        return self._value(f"page {page.page_id}", page.user)

    def look_up(self, value: str) -> Token | None:
        """The token, dead or alive; None when nobody gave it out."""
        if hmac.compare_digest(_bytes(value), _bytes(self._app.value)):
            return self._app
        return self._given.get(value)

    def checked(self, value: str | None, proof: str | None, now_s: float) -> Token:
        """The living token that a call carries.

        Raises:
            RefusalError: there is none, it does not live, or the proof is not its own.
        """
        if not value:
            raise no_token()
        token = self.look_up(value)
        if token is None:
            raise dead_token()
        if (subcode := token.ended(now_s)) is not None:
            raise dead_token(subcode)
        self._check_proof(token, proof)
        return token

    def exchange(self, app_id: str, app_secret: str, value: str, now_s: float) -> Token:
        """The long-lived token for a living one of a user.

        Raises:
            RefusalError: the app is another one, or the token cannot be exchanged.
        """
        if (app_id, app_secret) != (self._options.app_id, self._options.app_secret):
            raise RefusalError(1, "Error validating client secret.")
        token = self.look_up(value)
        if token is None or token.kind != "USER" or token.user is None:
            raise dead_token()
        if (subcode := token.ended(now_s)) is not None:
            raise dead_token(subcode)
        long_lived = self.user_token(token.user, long_lived=True)
        renewed = replace(self._given[long_lived], issued_s=now_s, expires_s=now_s + LONG_LIFE_S)
        self._given[long_lived] = renewed
        return renewed

    def end(self, user: int, subcode: int, now_s: float) -> None:
        """Ends a user's tokens, their Pages' too. The user logs in again: there are new ones.

        Raises:
            KeyError: there is no such user.
        """
        for value, token in self._given.items():
            if token.user == user and token.dead is None:
                self._given[value] = replace(token, dead=subcode)
        self._generations[user] += 1
        self._give_all(user, now_s)

    def accounts(self, token: Token) -> dict[str, Account]:
        """The accounts that a token reaches, by id."""
        unlinked = self.grants.now.unlinked
        return {one.id: one for one in self._pages(token) if one.id and one.id not in unlinked}

    def debugged(self, value: str, now_s: float) -> dict[str, Any]:
        """What `/debug_token` tells.

        Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/debug_token
        """
        token, grant = self.look_up(value), self.grants.now
        if token is None:
            return {"is_valid": False, "scopes": [], "error": _error(dead_token())}
        subcode = token.ended(now_s)
        ends = {"error": _error(dead_token(subcode))} if subcode is not None else {}
        told: dict[str, Any] = {
            "app_id": grant.app_id or self._options.app_id,
            "type": token.kind,
            "application": "Simulated",
            "data_access_expires_at": self._data_access_end(token),
            "expires_at": int(token.expires_s),
            "is_valid": subcode is None,
            "issued_at": int(token.issued_s),
            "scopes": list(grant.scopes),
            **ends,
        }
        if token.user is None:
            return told
        return told | {
            "granular_scopes": [self._granular(scope, token) for scope in grant.scopes],
            "user_id": user_id(token.user),
        }

    def _pages(self, token: Token) -> list[Account]:
        if token.page is not None:
            return [token.page]
        return [] if token.user is None else list(self._directory.of_user(token.user))

    def _granular(self, scope: str, token: Token) -> dict[str, Any]:
        if limited := self.grants.now.targets.get(scope):
            return {"scope": scope, "target_ids": list(limited)}
        of_pages = scope.startswith("pages_")
        pages = self._pages(token)
        targets = [page.page_id for page in pages] if of_pages else list(self.accounts(token))
        return {"scope": scope, "target_ids": targets}

    def _data_access_end(self, token: Token) -> int:
        if token.issued_s and self.grants.now.data_access_expires_at is not None:
            return self.grants.now.data_access_expires_at
        return int(token.issued_s + DATA_ACCESS_S) if token.issued_s else 0

    def _check_proof(self, token: Token, proof: str | None) -> None:
        if proof is None:
            if self._options.require_proof:
                raise no_proof()
            return
        secret = self._options.app_secret.encode()
        right = hmac.digest(secret, token.value.encode(), "sha256").hex()
        if not hmac.compare_digest(_bytes(proof), right.encode()):
            raise wrong_proof()

    def _give_all(self, user: int, now_s: float) -> None:
        self._give("short", Token("", "USER", user, None, now_s, now_s + SHORT_LIFE_S))
        self._give("long", Token("", "USER", user, None, now_s, now_s + LONG_LIFE_S))
        self._give("system", Token("", "SYSTEM_USER", user, None, now_s))
        for page in self._directory.of_user(user):
            self._give(f"page {page.page_id}", Token("", "PAGE", user, page, now_s))

    def _give(self, name: str, token: Token) -> None:
        assert token.user is not None  # noqa: S101  # only the app's own has none
        value = self._value(name, token.user)
        self._given[value] = replace(token, value=value)

    def _value(self, name: str, user: int) -> str:
        return "EAA" + letters(self._options.seed, "token", name, user, self._generations[user])


def _error(refusal: RefusalError) -> dict[str, Any]:
    told: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    return told if refusal.subcode is None else told | {"subcode": refusal.subcode}


def _bytes(text: str) -> bytes:
    """Text of a header or a query, which may hold bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogateescape")
