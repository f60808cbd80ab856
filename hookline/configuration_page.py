"""`docs/configuration.md`, from the models: `python -m hookline.configuration_page`."""

import sys
from collections.abc import Iterator
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from schemas.settings import (
    PREFIX,
    IngestSettings,
    MigrateSettings,
    Settings,
    TopicsSettings,
    WorkerSettings,
)
from simulator.settings import SimulateSettings

SERVICES: Final[dict[str, type[Settings]]] = {
    "hookline ingest": IngestSettings,
    "hookline worker": WorkerSettings,
    "hookline migrate": MigrateSettings,
    "hookline topics apply": TopicsSettings,
    "hookline simulate": SimulateSettings,
}

HEAD: Final = """\
# Configuration

Settings are environment variables. Any of them can also come from a file: add `_FILE` to its name
and give the path, as container secrets do. An empty variable counts as not set. A service with
missing or wrong settings does not start: it names every problem at once, shows no value, and ends
with exit code 2.

`hookline up` and `hookline demo` need none of these. This page is generated: `make docs`.
"""


def render() -> str:
    """The page."""
    return "\n".join([HEAD, *(_section(name, model) for name, model in SERVICES.items())])


def _section(name: str, model: type[Settings]) -> str:
    rows = "\n".join(_rows(model))
    return f"## {name}\n\n| variable | default | what it is |\n|---|---|---|\n{rows}\n"


def _rows(model: type[Settings]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        secret = " Secret." if is_secret(field) else ""
        what = f"{field.description}{_choices(field)}{secret}"
        yield f"| `{PREFIX}{name.upper()}` | {_default(field)} | {what} |"


def is_secret(field: FieldInfo) -> bool:
    """Whether the setting is never to be shown."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "**needed**"
    return "none" if field.default is None else f"`{field.default}`"


def _choices(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    if get_origin(annotation) is not Literal:
        return ""
    return " One of " + ", ".join(f"`{choice}`" for choice in get_args(annotation)) + "."


if __name__ == "__main__":
    sys.stdout.write(render())
