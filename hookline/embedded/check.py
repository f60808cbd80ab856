"""Checks the environment of what is to run, before anything is started."""

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from runtime.errors import SettingsError
from schemas.settings import (
    PREFIX,
    IngestSettings,
    MigrateSettings,
    Settings,
    TopicsSettings,
    WorkerSettings,
)

SERVICES: tuple[type[Settings], ...] = (
    TopicsSettings,
    MigrateSettings,
    IngestSettings,
    WorkerSettings,
)


def check_environment(given: Mapping[str, str]) -> None:
    """Returns when every service can run with the environment and these settings.

    Args:
        given: settings that take the place of the environment's, by their name in the models.

    Raises:
        SettingsError: with every problem at once, none of them showing a value.
    """
    problems = {problem for model in SERVICES for problem in _problems(model, given)}
    if problems:
        raise SettingsError(sorted(problems))


def _problems(model: type[Settings], given: Mapping[str, str]) -> Iterable[str]:
    try:
        model.model_validate(
            {name: value for name, value in given.items() if name in model.model_fields}
        )
    except ValidationError as error:
        for item in error.errors(include_input=False, include_url=False):
            message = item["msg"].removeprefix("Value error, ")
            yield f"{PREFIX}{str(item['loc'][0]).upper()}: {message}"
