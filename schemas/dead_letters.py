"""Dead letters: a record that cannot be processed, whole, with the reason (design B3, A6)."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from schemas.canonical import column_text
from schemas.events import format_time

ORIGINAL: Final = "original-"
"""Prefix of the source record's own headers."""


class Source(NamedTuple):
    """Where a record came from."""

    topic: str
    partition: int
    offset: int


class DeadLetter(NamedTuple):
    """One rejected record. `detail` explains without any of the content."""

    stage: str
    reason: str
    detail: str
    source: Source
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    attempt: int = 1


def fingerprint(letter: DeadLetter) -> str:
    """Groups letters of the same cause: 16 hex digits over stage, reason and detail."""
    cause = f"{letter.stage}\n{letter.reason}\n{letter.detail}"
    return hashlib.sha256(cause.encode()).hexdigest()[:16]


def dead_letter_headers(
    letter: DeadLetter, *, version: str, failed_at: datetime
) -> list[tuple[str, bytes]]:
    """The headers of the record in `instagram.dead_letters`."""
    told = {
        "stage": letter.stage,
        "reason": letter.reason,
        "detail": letter.detail,
        "fingerprint": fingerprint(letter),
        "source-topic": letter.source.topic,
        "source-partition": str(letter.source.partition),
        "source-offset": str(letter.source.offset),
        "attempt": str(letter.attempt),
        "version": version,
        "first-failed-at": format_time(failed_at),
    }
    return [
        *((name, text.encode()) for name, text in told.items()),
        *((ORIGINAL + name, value) for name, value in letter.headers),
    ]


def header_texts(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Headers as text for a jsonb column. Bytes that are not UTF-8 become U+FFFD."""
    return {column_text(n): column_text((v or b"").decode("utf-8", "replace")) for n, v in headers}
