"""A body of each case as a file. Owns the folder layout: `<field>/<case>.json`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from simulator.cases import CASES
from simulator.traffic import of_case

SAMPLE_SEED: Final = 1

LARGEST_BYTES: Final = 64 * 1024
"""Larger bodies are left out: they show nothing that a shorter one does not."""


def samples() -> Iterator[tuple[str, bytes]]:
    """Relative path and body for the first delivery of each case, later parts numbered from 2.

    The folder is the case's only field, or `several`. Bodies that are not JSON text have no
    sample: a file of that name would be no JSON. Cases that differ in headers alone have none
    either.
    """
    for case in CASES:
        if case.group == "refused":
            continue
        folder = case.fields[0] if len(case.fields) == 1 else "several"
        seen: list[bytes] = []
        for delivery in of_case(case, SAMPLE_SEED):
            if delivery.body in seen or not _is_sample(delivery.body):
                continue
            seen.append(delivery.body)
            number = "" if len(seen) == 1 else f"_{len(seen)}"
            yield f"{folder}/{case.name}{number}.json", delivery.body


def write_samples(folder: Path) -> int:
    """Writes every sample below `folder` and returns how many there are."""
    count = 0
    for name, body in samples():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        count += 1
    return count


def _is_sample(body: bytes) -> bool:
    if len(body) > LARGEST_BYTES:
        return False
    try:
        json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except ValueError:
        return False
    return True


def _refuse(name: str) -> None:
    raise ValueError(name)
