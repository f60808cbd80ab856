"""Dead letters: a record that cannot be processed, whole, with the reason (design B3, A6)."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from schemas.canonical import column_text
from schemas.events import format_time

ORIGINAL: Final = "original-"
"""Prefix of the source record's own headers."""

FIRST_SOURCE: Final = "first-source"
"""Header of a record that was sent again: where it stood when it was first given up, as
`partition/offset` of the same topic. Its later letters are known by it as those of one record."""

SQLSTATE: Final = "sqlstate_"
"""Reasons that begin so end with PostgreSQL's own code of five characters."""


class State(StrEnum):
    """What became of a dead letter."""

    PARKED = "parked"
    """Waits for somebody to look at it."""

    REDRIVEN = "redriven"
    """Its record was sent again: it is on its way, or failed again and has a newer letter."""

    RESOLVED = "resolved"
    """Its stage has done its record: sent again, replayed, or come once more by itself."""

    DISCARDED = "discarded"
    """Somebody gave it up."""


class Reason(StrEnum):
    """Why a record was given up, but for what PostgreSQL refused: see `explain`."""

    MALFORMED_DELIVERY = "malformed_delivery"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    NO_ENTRY_LIST = "no_entry_list"
    MALFORMED_EVENT = "malformed_event"
    TOO_LARGE = "too_large"


class Explanation(NamedTuple):
    """A reason in words: a sentence of what it means, and one of what to do."""

    means: str
    repair: str


EXPLANATIONS: Final[dict[str, Explanation]] = {
    Reason.MALFORMED_DELIVERY: Explanation(
        "A record of a raw topic lacks what ingest writes; the detail names the header, or `body`.",
        "Find out who else writes to the topic; discard the letter.",
    ),
    Reason.NOT_JSON: Explanation(
        "A signed body is no JSON.",
        "Nothing is lost, for the archive has the bytes: look at them (`show --value`), report "
        "them if Meta really sent them, and discard the letter.",
    ),
    Reason.TOO_DEEP: Explanation(
        "A signed body is nested deeper than 800 levels.",
        "The archive has the bytes: look at them (`show --value`), and discard the letter.",
    ),
    Reason.NO_ENTRY_LIST: Explanation(
        "A signed body is JSON without any list of entries, which no known delivery is.",
        "The archive has the bytes: look at them (`show --value`), report them if Meta really "
        "sent them, and discard the letter.",
    ),
    Reason.MALFORMED_EVENT: Explanation(
        "A record of an events topic is no event; the detail names the members at fault.",
        "Find out who else writes to the topic, or whether a newer release wrote it: then update "
        "the workers and redrive.",
    ),
    Reason.TOO_LARGE: Explanation(
        "What the worker made of the record is larger than the topic it goes to takes.",
        "Raise HOOKLINE_INGEST_MAX_BODY_BYTES for every service, run `hookline topics apply`, "
        "restart the workers, and redrive.",
    ),
    f"{SQLSTATE}22": Explanation(
        "PostgreSQL cannot take a value: out of range, or of another form than its column.",
        "Compare the columns with schemas/tables.py (was a type changed?), repair them or update "
        "Hookline, and redrive.",
    ),
    f"{SQLSTATE}23": Explanation(
        "PostgreSQL refuses a row because of a constraint.",
        "Hookline has no constraints but keys and columns that must not be null: look for one "
        "that was added, remove it, and redrive.",
    ),
    f"{SQLSTATE}54": Explanation(
        "PostgreSQL refuses a row because it is beyond one of its limits, such as an index entry.",
        "Look for indexes that were added, remove those, and redrive.",
    ),
}
"""By reason; those of PostgreSQL by the class of its code.

Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

UNEXPLAINED: Final = Explanation(
    "This release does not know the reason: a newer one gave it, or somebody else.",
    "Look at the letter's version and detail.",
)


def explain(reason: str) -> Explanation:
    """A reason in words, also one that this release does not know."""
    known = EXPLANATIONS.get(reason)
    if known is None and reason.startswith(SQLSTATE):
        known = EXPLANATIONS.get(reason[: len(SQLSTATE) + 2])
    return known or UNEXPLAINED


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
