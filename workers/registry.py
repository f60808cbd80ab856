"""The workers by name, each loaded only when it runs."""

from collections.abc import Callable
from importlib import import_module
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.worker import Handler

WORKERS: Final = ("archive", "dedupe", "persist")


def handler_of(name: str) -> Callable[[AsyncEngine], Handler]:
    """What makes the handler of a worker. Raises KeyError for a name that is none."""
    if name not in WORKERS:
        raise KeyError(name)
    make: Callable[[AsyncEngine], Handler] = import_module(f"workers.{name}").make_handler
    return make
