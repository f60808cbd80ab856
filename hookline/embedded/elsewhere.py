"""Servers that are not ours to start, and what the environment says of them."""

from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from runtime.configuration import load
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An address each, or nothing for a private one."""

    kafka_bootstrap: str = ""
    database_url: str = field(default="", repr=False)


PRIVATE: Final = Elsewhere()


class _Named(BaseSettings):
    """These two and no other: what is wrong elsewhere is told with all the rest."""

    model_config = Settings.model_config

    kafka_bootstrap: str = ""
    database_url: SecretStr = SecretStr("")


def named_elsewhere() -> Elsewhere:
    """The servers that the environment names, by variable or by file.

    Raises:
        SettingsError: a file cannot be read, or something is named twice.
    """
    named = load(_Named)
    return Elsewhere(named.kafka_bootstrap, named.database_url.get_secret_value())
