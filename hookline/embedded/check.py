"""Checks the environment of what is to run, before anything is started."""

from collections.abc import Mapping

from runtime.configuration import load
from runtime.errors import SettingsError
from schemas.settings import (
    EnrichSettings,
    IngestSettings,
    MigrateSettings,
    ReplySettings,
    Settings,
    TopicsSettings,
    WatchdogSettings,
)
from workers.registry import require_settings

SERVICES: tuple[type[Settings], ...] = (
    TopicsSettings,
    MigrateSettings,
    IngestSettings,
    EnrichSettings,
    ReplySettings,
    WatchdogSettings,
)


def check_environment(given: Mapping[str, str]) -> None:
    """Returns when every service can run with the environment and these settings.

    Args:
        given: settings that take the place of the environment's, by their name in the models.

    Raises:
        SettingsError: with every problem at once, none of them showing a value.
    """
    problems: set[str] = set()
    for model in SERVICES:
        try:
            settings = load(model, given)
            if isinstance(settings, ReplySettings):
                require_settings("reply", settings)
        except SettingsError as error:
            problems.update(error.problems)
    if problems:
        raise SettingsError(sorted(problems))
