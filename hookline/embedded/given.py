"""What the services of a running `up` were given, for verbs that find it by its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hookline.embedded.check import SERVICES
from runtime.configuration import read_setting
from schemas.settings import PREFIX

OF_EACH: Final = frozenset(
    {
        "HOOKLINE_INGEST_HOST",
        "HOOKLINE_INGEST_PORT",
        "HOOKLINE_METRICS_HOST",
        "HOOKLINE_METRICS_PORT",
        "HOOKLINE_DRAIN_TIMEOUT_S",
        "HOOKLINE_LOG_FORMAT",
        "HOOKLINE_LOG_LEVEL",
        "HOOKLINE_CRASH_POINT",
    }
)
"""How a process works, and not on what: another one has its own."""


def settings_given(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of services in an environment, by their names there, as another process can use
    them in another folder: what a file has in place of the file, and whole paths.
    """
    told = {}
    for model in SERVICES:
        for name, field in model.model_fields.items():
            variable = PREFIX + name.upper()
            value, path = environment.get(variable), environment.get(f"{variable}_FILE")
            if path and not value:
                value = read_setting(path)
            if value and variable not in OF_EACH:
                is_path = field.annotation in (Path, Path | None)
                told[variable] = str(Path(value).absolute()) if is_path else value
    return told
