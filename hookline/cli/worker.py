"""`hookline worker NAME`: from settings to a running worker."""

import typer

from runtime.configuration import load
from runtime.lifecycle import CLOSE_TIMEOUT_S, run
from runtime.worker_service import serve_worker
from workers.registry import WORKERS, beside_of, handler_of, settings_of


def run_worker(name: str, replica: int) -> int:
    """Runs a worker until it is told to stop; gives the exit code.

    Raises:
        typer.BadParameter: there is no such worker.
        SettingsError: settings are missing or wrong.
    """
    if name not in WORKERS:
        raise typer.BadParameter(f"there is no worker {name!r}, only {', '.join(WORKERS)}.")
    settings = load(settings_of(name))
    service = name if replica == 1 else f"{name}-{replica}"
    return run(
        service,
        settings,
        lambda stop: serve_worker(name, handler_of(name), settings, stop, beside_of(name)),
        stop_timeout_s=settings.drain_timeout_s + CLOSE_TIMEOUT_S,
    )
