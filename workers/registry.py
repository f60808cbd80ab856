"""The workers by name, each loaded only when it runs."""

from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.worker import Handler
from runtime.worker_service import Beside
from schemas.settings import EnrichSettings, ReplySettings, WorkerSettings

WORKERS: Final = ("archive", "dedupe", "persist", "enrich", "reply")

WATCHDOG: Final = "watchdog"
"""Is started as they are, and reads no topic (`workers.watchdog.service`)."""

_SETTINGS: Final[dict[str, type[WorkerSettings]]] = {
    "enrich": EnrichSettings,
    "reply": ReplySettings,
}


def handler_of(name: str) -> Callable[[AsyncEngine], Handler]:
    """What makes the handler of a worker. Raises KeyError for a name that is none."""
    make: Callable[[AsyncEngine], Handler] = _module(name).make_handler
    return make


def topics_of(name: str) -> Sequence[str]:
    """The topics that a worker reads. Raises KeyError for a name that is none."""
    topics: Sequence[str] = _module(name).make_handler.topics
    return topics


def beside_of(name: str) -> Beside | None:
    """What a worker does beside its loop, if anything. Raises KeyError for a name that is none."""
    beside: Beside | None = getattr(_module(name), "run_beside", None)
    return beside


def require_settings(name: str, settings: WorkerSettings) -> None:
    """Returns when a worker can begin with these settings, what they name included.

    Raises:
        SettingsError: it cannot; with every problem.
        KeyError: there is no such worker.
    """
    require: Callable[[Any], None] | None = getattr(_module(name), "require_settings", None)
    if require is not None:
        require(settings)


def settings_of(name: str) -> type[WorkerSettings]:
    """What a worker can be told."""
    return _SETTINGS.get(name, WorkerSettings)


def _module(name: str) -> ModuleType:
    if name not in WORKERS:
        raise KeyError(name)
    return import_module(f"workers.{name}")
