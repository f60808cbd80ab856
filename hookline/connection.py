"""Which pipeline a verb works on: the environment's, or the one that runs on a data folder."""

import os
from pathlib import Path
from typing import Final

from hookline.embedded.state import State, read_state
from schemas.settings import PREFIX

KEPT: Final = (
    "HOOKLINE_LOG_FORMAT",
    "HOOKLINE_LOG_LEVEL",
    "HOOKLINE_CRASH_POINT",
    "HOOKLINE_DOCTOR_TIMEOUT_S",
    "HOOKLINE_PUBLIC_URL",
)
"""What says how a verb works, not on which pipeline; and where Meta reaches it, which is often
found out when it runs already."""


def exports(state: State) -> dict[str, str]:
    """The settings that lead to a running `up`, by their names in the environment.

    First among them are all that it was given itself: a verb that knew another retention or other
    limits would set or judge by those.
    """
    values = {
        "INGEST_URL": state.ingest_url,
        "KAFKA_BOOTSTRAP": state.kafka_bootstrap,
        "DATABASE_URL": state.database_url,
        "APP_SECRETS": f"{state.app_id}:{state.app_secret}",
        "VERIFY_TOKEN": state.verify_token,
        "VAULT_KEYS": state.vault_keys,
        "GRAPH_URL": state.graph_url,
    }
    return state.settings | {PREFIX + name: value for name, value in values.items()}


def use(data: Path | None) -> None:
    """Has this process find the pipeline of a data folder instead of the environment's.

    Raises:
        DependencyError: nothing runs there.
    """
    if data is None:
        return
    settings = exports(read_state(data))
    kept = {name: value for name in KEPT if (value := os.environ.get(name))}
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ.update(settings | kept)
