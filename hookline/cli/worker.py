"""`hookline worker NAME`: from settings to a running worker."""

import typer

from runtime.configuration import load
from runtime.lifecycle import CLOSE_TIMEOUT_S, run
from runtime.worker_service import serve_worker
from schemas.settings import WatchdogSettings
from workers.registry import (
    WATCHDOG,
    WORKERS,
    beside_of,
    handler_of,
    require_settings,
    settings_of,
)


def run_worker(name: str, replica: int) -> int:
    """Runs a worker until it is told to stop; gives the exit code.

    Raises:
        typer.BadParameter: there is no such worker.
        SettingsError: settings are missing or wrong.
    """
    service = name if replica == 1 else f"{name}-{replica}"
    if name == WATCHDOG:
        return _run_watchdog(service)
    if name not in WORKERS:
        known = ", ".join((*WORKERS, WATCHDOG))
        raise typer.BadParameter(f"there is no worker {name!r}, only {known}.")
    settings = load(settings_of(name))
    require_settings(name, settings)
    return run(
        service,
        settings,
        lambda stop: serve_worker(name, handler_of(name), settings, stop, beside_of(name)),
        stop_timeout_s=settings.drain_timeout_s + CLOSE_TIMEOUT_S,
    )


def _run_watchdog(service: str) -> int:
    from workers.watchdog.service import serve  # noqa: PLC0415  # other workers call no Graph API

    settings = load(WatchdogSettings)
    return run(
        service, settings, lambda stop: serve(settings, stop), stop_timeout_s=CLOSE_TIMEOUT_S
    )
