"""What a running `up` tells other programs (`state.json`), and what it keeps for next time."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hookline.embedded.lock import holder
from runtime.errors import DependencyError, HooklineError

STATE_FILE: Final = "state.json"
KEPT_FILE: Final = "settings.json"


class State(BaseModel):
    """The addresses, processes and secrets of a running pipeline. For its owner's eyes only.

    Attributes:
        settings: what its services were given, by name in the environment. The values above come
            before these.
    """

    model_config = ConfigDict(frozen=True)

    ingest_url: str
    kafka_bootstrap: str
    database_url: str
    metrics_urls: dict[str, str]
    pids: dict[str, int]
    app_id: str
    app_secret: str
    verify_token: str
    vault_keys: str
    graph_url: str
    settings: dict[str, str] = {}


class KeptSettingsError(HooklineError):
    """`settings.json` in the data folder cannot be used."""

    reason = "kept_settings"


def _new_vault_key() -> str:
    # Imported when it runs: every verb reads states, also where there is no cryptography.
    from runtime.vault import new_key  # noqa: PLC0415

    return new_key()


class Kept(BaseModel):
    """What stays the same over restarts on one data folder."""

    app_id: str = Field(pattern="^[A-Za-z0-9]+$")
    app_secret: str = Field(pattern="^[^,\\s]+$")
    verify_token: str = Field(pattern="^\\S+$")
    vault_keys: str = Field(pattern="^\\S+$", default_factory=_new_vault_key)
    ports: dict[str, int] = {}

    @property
    def app_secrets(self) -> str:
        """Both as ingest takes them."""
        return f"{self.app_id}:{self.app_secret}"

    @classmethod
    def load(cls, folder: Path) -> "Kept":
        """What was kept in this folder, or a new one with secrets of its own.

        Raises:
            KeptSettingsError: there is something else in its place.
        """
        path = folder / KEPT_FILE
        if path.exists():
            try:
                return cls.model_validate_json(path.read_bytes())
            except ValidationError as error:
                # Which, and not what: the file holds secrets.
                wrong = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
                detail = ", ".join(sorted(wrong)) or "not JSON"
                raise KeptSettingsError(
                    f"{path} cannot be used ({detail}). Mend it, or delete it: then new secrets "
                    "and ports are made, and the data stay."
                ) from error
        return cls(
            app_id=str(10**14 + secrets.randbelow(9 * 10**14)),
            app_secret=secrets.token_hex(16),
            verify_token=secrets.token_urlsafe(16),
        )

    def save(self, folder: Path) -> None:
        """Keeps it."""
        write_privately(folder / KEPT_FILE, self.model_dump_json(indent=2))


def write_state(folder: Path, state: State) -> None:
    """Replaces `state.json` in one step, so that readers never see half of it."""
    write_privately(folder / STATE_FILE, state.model_dump_json(indent=2))


def read_state(folder: Path) -> State:
    """The state of the `up` that runs on this folder.

    Raises:
        DependencyError: none runs there, or one of another release.
    """
    try:
        if holder(folder) is not None:
            return State.model_validate_json((folder / STATE_FILE).read_bytes())
    except OSError:
        pass  # it has not begun yet, is not ready, or is not ours to read
    except ValidationError as error:
        raise DependencyError(
            f"What runs on {folder} is another release: stop it, and start it again."
        ) from error
    raise DependencyError(
        f"Nothing runs on {folder}, or it is not ready. Start it: hookline up --data {folder}"
    )


def remove_state(folder: Path) -> None:
    """Nothing runs here any more."""
    with suppress(FileNotFoundError, NotADirectoryError):
        (folder / STATE_FILE).unlink()


def write_privately(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, in one step."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(0o600)
    with beside.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
