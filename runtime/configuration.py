"""Settings from the environment: every problem at once, and no secret in any message."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from runtime.errors import SettingsError
from schemas.settings import PREFIX, Settings

Model = TypeVar("Model", bound=BaseSettings)


NOTHING: Final[Mapping[str, str]] = {}


def load(model: type[Model], given: Mapping[str, str] = NOTHING) -> Model:
    """The settings of one service, from the environment; `given` takes the place of it, by the
    names of the model, and may hold others'.

    Each may also come from a file named by `HOOKLINE_<NAME>_FILE`, as container secrets do; a
    line end at the end of the file is not part of the value.

    Raises:
        SettingsError: with every problem, none of them showing a value.
    """
    ours = {name: value for name, value in given.items() if name in model.model_fields}
    values, problems = _from_files(model.model_fields.keys() - ours.keys())
    try:
        settings = model.model_validate({**values, **ours})
    except ValidationError as error:
        unread = {problem.partition("_FILE: ")[0] for problem in problems}
        for item in error.errors(include_input=False, include_url=False):
            variable = PREFIX + str(item["loc"][0]).upper()
            if variable not in unread:
                problems.append(f"{variable}: {_wording(item['type'], item['msg'])}")
    if problems:
        raise SettingsError(sorted(problems))
    return settings


def effective(settings: Settings) -> dict[str, object]:
    """The settings as they may be logged: a secret shows only that it is set."""
    return settings.model_dump(mode="json")


def read_setting(path: str) -> str:
    """What a file has for a setting. Raises OSError or UnicodeDecodeError if it cannot be read."""
    return Path(path).read_text("utf-8").rstrip("\r\n")


def _from_files(names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    problems: list[str] = []
    for name in names:
        variable = PREFIX + name.upper()
        path = os.environ.get(f"{variable}_FILE")
        if not path:
            continue
        if os.environ.get(variable):
            problems.append(f"{variable}_FILE: given beside {variable}; keep one of the two")
            continue
        try:
            values[name] = read_setting(path)
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{variable}_FILE: cannot be read ({type(error).__name__})")
    return values, problems


def _wording(kind: str, message: str) -> str:
    return "missing" if kind == "missing" else message.removeprefix("Value error, ")
