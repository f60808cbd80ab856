"""`docs/configuration.md`, from the models: `python -m hookline.configuration_page`."""

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from schemas.settings import (
    PREFIX,
    AccountsSettings,
    DoctorSettings,
    EnrichSettings,
    IngestSettings,
    MigrateSettings,
    OperatorSettings,
    ReplySettings,
    Settings,
    SubscriptionsSettings,
    TopicsSettings,
    WatchdogSettings,
    WorkerSettings,
)
from simulator.settings import SimulateSettings

SERVICES: Final[dict[str, type[Settings]]] = {
    "hookline ingest": IngestSettings,
    "hookline worker": WorkerSettings,
    "hookline worker enrich": EnrichSettings,
    "hookline worker reply": ReplySettings,
    "hookline worker watchdog": WatchdogSettings,
    "hookline migrate": MigrateSettings,
    "hookline topics apply": TopicsSettings,
    "the operator's verbs": OperatorSettings,
    "hookline accounts connect, rotate-key": AccountsSettings,
    "hookline subscriptions": SubscriptionsSettings,
    "hookline doctor": DoctorSettings,
    "hookline simulate": SimulateSettings,
}

HEAD: Final = """\
# Configuration

Settings are environment variables. Any of them can also come from a file: add `_FILE` to its name
and give the path, as container secrets do; a line end at the end of the file does not count. An
empty variable counts as not set. A service with missing or wrong settings does not start: it names
every problem at once, shows no value, and ends with exit code 2. What is marked as secret is never
logged.

`hookline up` and `hookline demo` need none of these: they make their own. This page is generated:
`make docs`.
"""

TAIL: Final = """\
## hookline up

| variable | what it is |
|---|---|
| `HOOKLINE_KAFKA_BOOTSTRAP` | A Kafka to use instead of a private one. |
| `HOOKLINE_DATABASE_URL` | A PostgreSQL to use instead of a private one. |
| `KAFKA_HOME` | An unpacked Kafka, instead of downloaded jars. |
| `HOOKLINE_POSTGRES_BIN` | Folder of PostgreSQL's programs, instead of the packaged ones. |

The services that `up` starts take the settings above from its environment as well, but not their
addresses, secrets, ports and drain time. `demo` always starts a Kafka and a PostgreSQL of
its own, and heeds the last two. The first two may also come from files.
"""

_NAMES: Final[dict[Any, str]] = {
    bool: "`true` or `false`",
    int: "integer",
    float: "number",
    str: "text",
    SecretStr: "text",
    Path: "path",
}

_BOUNDS: Final = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def render() -> str:
    """The page."""
    return "\n".join([HEAD, *(_section(name, model) for name, model in SERVICES.items()), TAIL])


def _section(name: str, model: type[Settings]) -> str:
    rows = "\n".join(_rows(model))
    return f"## {name}\n\n| variable | takes | default | what it is |\n|---|---|---|---|\n{rows}\n"


def _rows(model: type[Settings]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        secret = " Secret." if is_secret(field) else ""
        cells = (
            f"`{PREFIX}{name.upper()}`",
            takes(field),
            _default(field),
            f"{field.description}{secret}",
        )
        yield f"| {' | '.join(cells)} |"


def is_secret(field: FieldInfo) -> bool:
    """Whether the setting is never to be shown."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def takes(field: FieldInfo) -> str:
    """What values the setting takes: its choices, or its type and bounds."""
    annotation: Any = field.annotation
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        [annotation] = (member for member in get_args(annotation) if member is not type(None))
    if issubclass(annotation, StrEnum):
        return ", ".join(f"`{choice}`" for choice in annotation)
    bounds = [
        f"{words} {getattr(bound, name)}"
        for bound in field.metadata
        for name, words in _BOUNDS.items()
        if hasattr(bound, name)
    ]
    return ", ".join([_NAMES[annotation], *bounds])


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "**needed**"
    return "none" if field.default is None else f"`{field.default}`"


if __name__ == "__main__":
    sys.stdout.write(render())
