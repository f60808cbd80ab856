"""Tokens at rest."""

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from runtime.vault import Vault, VaultError, new_key
from schemas.settings import VaultSettings

OLD, NEW = new_key(), new_key()
TOKENS = st.text(min_size=1).filter(lambda text: text.isprintable())


def vault(*keys: str) -> Vault:
    """A vault with these keys, the first of which encrypts."""
    return Vault(VaultSettings(vault_keys=",".join(keys)))


@given(TOKENS)
def test_what_is_sealed_is_not_readable_and_comes_out_as_it_was(token: str) -> None:
    """With the same key."""
    sealed = vault(NEW).seal(token)
    assert len(token) < 4 or token.encode() not in sealed
    assert vault(NEW).open(sealed) == token


def test_a_new_first_key_opens_what_the_old_one_sealed() -> None:
    """While the old one is still in the list."""
    sealed = vault(OLD).seal("EAAB")
    assert vault(NEW, OLD).open(sealed) == "EAAB"
    with pytest.raises(VaultError) as refusal:
        vault(NEW).open(sealed)
    assert "EAAB" not in str(refusal.value)
    assert NEW not in str(refusal.value)


def test_a_resealed_token_needs_the_first_key_alone() -> None:
    """Afterwards the old key can go."""
    resealed = vault(NEW, OLD).reseal(vault(OLD).seal("EAAB"))
    assert Fernet(NEW).decrypt(resealed) == b"EAAB"
    with pytest.raises(VaultError):
        vault(NEW).reseal(vault(OLD).seal("EAAB"))


@pytest.mark.parametrize(
    "keys",
    ["", "short", f"{NEW},", f"{NEW};{OLD}", NEW[:-1]],
    ids=["blank", "short", "a comma too many", "another separator", "cut"],
)
def test_keys_of_another_form_are_refused_unseen(keys: str) -> None:
    """The start lists the problem without the key."""
    with pytest.raises(ValidationError) as refusal:
        VaultSettings(vault_keys=keys or "-")
    assert not keys or keys not in str(refusal.value)
