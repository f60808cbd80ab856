"""An audit as the one JSON document of `--json`. Pure."""

from dataclasses import asdict
from typing import Any

from hookline.audit.faults import MEANINGS, Fault
from hookline.audit.ledger import total
from hookline.audit.run import Audit


def document(audit: Audit) -> dict[str, Any]:
    """The whole audit. Every kind of fault is in it, also those of which there is none."""
    scope = audit.scope
    found = {fault.name: fault for fault in audit.faults}
    return {
        "adds_up": audit.adds_up,
        "at": scope.at,
        "since": scope.since,
        "until": scope.until,
        "field": scope.field,
        "grace_s": scope.grace.total_seconds(),
        **total(audit.entries),
        "hours": [asdict(entry) | {"difference": entry.difference} for entry in audit.entries],
        "faults": {name: _fault(found.get(name)) for name in MEANINGS},
        "raw_records": audit.raw_records,
    }


def _fault(fault: Fault | None) -> dict[str, Any]:
    if fault is None:
        return {"count": 0, "examples": []}
    return {"count": fault.count, "examples": fault.examples}
