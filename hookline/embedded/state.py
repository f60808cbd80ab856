"""What a running `up` tells other programs (`state.json`), and what it keeps for next time."""

import os
import secrets
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from runtime.errors import DependencyError

STATE_FILE: Final = "state.json"
KEPT_FILE: Final = "settings.json"


class State(BaseModel):
    """The addresses, processes and secrets of a running pipeline. For its owner's eyes only."""

    model_config = ConfigDict(frozen=True)

    ingest_url: str
    kafka_bootstrap: str
    database_url: str
    metrics_urls: dict[str, str]
    pids: dict[str, int]
    app_id: str
    app_secret: str
    verify_token: str


class Kept(BaseModel):
    """What stays the same over restarts on one data folder."""

    app_id: str
    app_secret: str
    verify_token: str
    ports: dict[str, int] = {}

    @classmethod
    def load(cls, folder: Path) -> "Kept":
        """What was kept in this folder, or a new one with secrets of its own."""
        path = folder / KEPT_FILE
        if path.exists():
            return cls.model_validate_json(path.read_bytes())
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
        DependencyError: none runs there.
    """
    try:
        state = State.model_validate_json((folder / STATE_FILE).read_bytes())
        os.kill(max(state.pids.values()), 0)
    except (OSError, ValueError, ValidationError) as error:
        raise DependencyError(
            f"Nothing runs on {folder}. Start it with `hookline up --data {folder}`."
        ) from error
    return state


def remove_state(folder: Path) -> None:
    """Nothing runs here any more."""
    (folder / STATE_FILE).unlink(missing_ok=True)


def write_privately(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, in one step."""
    beside = path.with_suffix(".tmp")
    beside.touch(0o600)
    beside.write_text(text + "\n", "utf-8")
    beside.replace(path)
