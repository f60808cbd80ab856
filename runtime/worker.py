"""What a worker is to its loop: records come in, and an outcome goes out.

Owns the contract between the two. What the effect is, the worker's handler knows; when it comes to
be, the loop (`runtime.loop`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final, Protocol

from runtime.publisher import OutRecord
from schemas.dead_letters import DeadLetter, Source

RECORD_OVERHEAD_BYTES: Final = 100

ATTEMPT: Final = "attempt"
ATTEMPT_DIGITS: Final = 5
"""What somebody else wrote into the header, and is longer, counts as nothing."""

VERSION: Final = version("hookline")


@dataclass(frozen=True, slots=True)
class Record:
    """One consumed record."""

    source: Source
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(slots=True)
class Outcome:
    """What became of a batch: records to publish, and records to give up on."""

    results: list[OutRecord] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)


class Handler(Protocol):
    """What one worker does with a batch.

    `handle` must be repeatable: after a crash it sees the same records again. It raises
    RetryError while a dependency is away and RejectError when something in the batch can never
    be processed; the loop then halves the batch until it finds the record.

    Attributes:
        gathers_s: how long the loop waits after a fetch that left nothing behind, so that the next
            one is larger: for effects that may come a moment later. Every transaction takes from
            the time of others on the machine.
    """

    name: str
    topics: Sequence[str]
    publishes_to: Sequence[str]
    gathers_s: float

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """The effect of these records, in one transaction."""
        ...


def size_bytes(record: Record) -> int:
    """Of its value; headers are small."""
    return RECORD_OVERHEAD_BYTES + len(record.value or b"")


def dead_letter(stage: str, record: Record, reason: str, detail: str) -> DeadLetter:
    """The dead letter of a record, after one attempt more than it has behind it."""
    return DeadLetter(
        stage,
        reason,
        detail,
        record.source,
        record.key,
        record.value,
        record.headers,
        attempts_behind(record.headers) + 1,
    )


def attempts_behind(headers: Iterable[tuple[str, bytes]]) -> int:
    """How often a record became a dead letter before it was sent again: its header `attempt`."""
    told = dict(headers).get(ATTEMPT, b"")
    return int(told) if told.isdigit() and len(told) < ATTEMPT_DIGITS else 0
