"""What the verbs of `hookline simulate` share: whose deliveries go where, and how they fail."""

# ruff: noqa: PLC0415 - imports wait for the command that needs them: help must come at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from hookline.embedded.state import read_state

if TYPE_CHECKING:
    from simulator.target import Target

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of a running `hookline up` to send to.")
]
AppId = Annotated[str | None, typer.Option(help="Sign as this app of HOOKLINE_APP_SECRETS.")]
Seed = Annotated[
    int | None, typer.Option(help="Same seed, same bodies. Another one each time when not given.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def target_of(data: Path | None, url: str | None, app_id: str | None) -> "Target":
    """The receiver, with the app whose secret signs: of a running line, or of the environment.

    Ends the command where the environment has none.

    Raises:
        DependencyError: nothing runs on the folder.
    """
    if data is not None:
        return _running(data, url, app_id)
    from runtime.configuration import load
    from runtime.errors import SettingsError
    from simulator.settings import SimulateSettings

    try:
        return load(SimulateSettings).target(url, app_id)
    except SettingsError as error:
        fail(f"{error}\nSet them, or name a running `hookline up` with --data DIR.", code=2)
    except KeyError:
        fail(f"HOOKLINE_APP_SECRETS has no secret for app {app_id}.", code=2)


def _running(data: Path, url: str | None, app_id: str | None) -> "Target":
    from simulator.target import Target

    state = read_state(data)
    if app_id not in (None, state.app_id):
        fail(f"What runs on {data} is of app {state.app_id}, not {app_id}.", code=2)
    return Target(url or state.ingest_url, state.app_secret.encode(), state.app_id)


def graph_of(data: Path | None, url: str | None) -> str | None:
    """The Graph API to tell of deliveries: the one named, or that of a line with one of our own.

    Meta's is nobody's to tell.

    Raises:
        DependencyError: nothing runs on the folder.
    """
    if url is not None or data is None:
        return url
    from simulator.target import RemoteTargetError, require_local

    told = read_state(data).graph_url
    try:
        require_local(told)
    except RemoteTargetError:
        return None
    return told


def fail(message: str, code: int) -> NoReturn:
    """Ends the command with one sentence on standard error."""
    typer.echo(message, err=True)
    raise typer.Exit(code)
