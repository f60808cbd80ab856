"""A trace as the one JSON document of `--json`. Pure."""

from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any

from hookline.trace.life import Trace
from schemas.events import format_time


def document(trace: Trace) -> dict[str, Any]:
    """The whole trace; times in RFC 3339, a dead letter without its content."""
    told: dict[str, Any] = _plain(trace)
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_time(value.astimezone(UTC))
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(member) for name, member in asdict(value).items()}
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return value
