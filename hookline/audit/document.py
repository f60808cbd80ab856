"""An audit as the one JSON document of `--json`. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from hookline.audit.faults import MEANINGS, Fault
from hookline.audit.ledger import total
from hookline.audit.run import Audit
from schemas.events import format_time


def document(audit: Audit) -> dict[str, Any]:
    """The whole audit. Every kind of fault is in it, also those of which there is none."""
    scope = audit.scope
    found = {fault.name: fault for fault in audit.faults}
    return {
        "adds_up": audit.adds_up,
        "at": _plain(scope.at),
        "since": _plain(scope.since),
        "until": _plain(scope.until),
        "field": scope.field,
        "grace_s": scope.grace.total_seconds(),
        **total(audit.entries),
        "hours": [
            {**{name: _plain(value) for name, value in asdict(entry).items()}}
            | {"difference": entry.difference}
            for entry in audit.entries
        ],
        "faults": {name: _fault(found.get(name)) for name in MEANINGS},
        "raw_records": audit.raw_records,
    }


def _fault(fault: Fault | None) -> Mapping[str, Any]:
    if fault is None:
        return {"count": 0, "examples": []}
    examples = [
        {name: _plain(value) for name, value in example.items()} for example in fault.examples
    ]
    return {"count": fault.count, "examples": examples}


def _plain(value: Any) -> Any:
    return format_time(value.astimezone(UTC)) if isinstance(value, datetime) else value
