"""Tokens at rest: encrypted with the first of the vault's keys, readable with any of them."""

from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from runtime.errors import HooklineError
from schemas.settings import VaultSettings

UNOPENED: Final = (
    "No key of HOOKLINE_VAULT_KEYS opens a stored token. Add the key that it was encrypted with, "
    "behind the others; if that is lost, connect the account again."
)


class VaultError(HooklineError):
    """A token that none of the vault's keys opens: it was encrypted with a key that is gone."""

    reason = "vault_key_missing"


class Vault:
    """Seals and opens tokens. Nothing of them is in any error."""

    def __init__(self, settings: VaultSettings) -> None:
        keys = settings.vault_keys.get_secret_value().split(",")
        self._fernet = MultiFernet([Fernet(key.strip()) for key in keys])

    def seal(self, token: str) -> bytes:
        """The token, encrypted with the first key."""
        return self._fernet.encrypt(token.encode())

    def open(self, sealed: bytes) -> str:
        """The token.

        Raises:
            VaultError: no key opens it.
        """
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            raise VaultError(UNOPENED) from error

    def reseal(self, sealed: bytes) -> bytes:
        """The same token, encrypted with the first key.

        Raises:
            VaultError: no key opens it.
        """
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken as error:
            raise VaultError(UNOPENED) from error


def new_key() -> str:
    """A key for HOOKLINE_VAULT_KEYS."""
    return Fernet.generate_key().decode()
