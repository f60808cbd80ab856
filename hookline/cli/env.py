"""`hookline env`: what other shells need to reach a running `up`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer


def env(
    data: Annotated[Path, typer.Option(help="The data folder of a running `up`.")] = Path(
        ".hookline"
    ),
) -> None:
    """Print `export` lines for a running `up`: eval "$(hookline env)". They hold secrets."""
    from hookline.embedded.state import read_state  # noqa: PLC0415

    state = read_state(data)
    values = {
        "INGEST_URL": state.ingest_url,
        "KAFKA_BOOTSTRAP": state.kafka_bootstrap,
        "DATABASE_URL": state.database_url,
        "APP_SECRETS": f"{state.app_id}:{state.app_secret}",
        "VERIFY_TOKEN": state.verify_token,
    }
    for name, value in values.items():
        print(f"export HOOKLINE_{name}={shlex.quote(value)}")
