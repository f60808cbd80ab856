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
    from hookline.connection import exports  # noqa: PLC0415
    from hookline.embedded.state import read_state  # noqa: PLC0415

    for name, value in exports(read_state(data)).items():
        print(f"export {name}={shlex.quote(value)}")
