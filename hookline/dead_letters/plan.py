"""What a redrive may send, and what came of it. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from hookline.dead_letters.filters import Filters
from hookline.dead_letters.letter import KNOWN_TOPICS, Letter
from schemas.dead_letters import State

CHUNK_BYTES: Final = 32 * 1024 * 1024
CHUNK_LETTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent again, unless it was given up `max_attempts` times. `limit` counts letters
    that are meant and not refused.
    """

    filters: Filters
    max_attempts: int
    limit: int | None = None


@dataclass(slots=True)
class Report:
    """What came of it. `refused` tells how many letters for which reason."""

    selected: int = 0
    written: int = 0
    redriven: int = 0
    failed: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def counts(self) -> dict[str, int]:
        """All numbers under plain names.

        `selected` letters were meant; `refused` of them stayed where they are. `written` records
        were sent, which are those of `redriven` letters. `failed` records Kafka did not take.
        """
        return {
            "selected": self.selected,
            "written": self.written,
            "redriven": self.redriven,
            "failed": self.failed,
            "refused": self.refused.total(),
            **{f"refused_{reason}": self.refused[reason] for reason in REFUSALS},
        }


REFUSALS: Final = {
    "failed_again": "failed again since: its newer letter is the one to redrive",
    "attempts": "given up too often already: repair the cause, then use --max-attempts",
    "source": "from a topic that is none of Hookline's: nobody knows who would read it",
    "busy": "in the hands of another redrive or discard, or moved by it just now",
    "too_large": "larger than the topic takes: raise HOOKLINE_INGEST_MAX_BODY_BYTES",
}


def refusal(letters: Iterable[Letter], max_attempts: int) -> str | None:
    """Why the record of these letters is not sent again; None when it is. Pure."""
    for letter in letters:
        if letter.source_topic not in KNOWN_TOPICS:
            return "source"
        if letter.failed_again and letter.state != State.PARKED:
            return "failed_again"
        if letter.attempts >= max_attempts:
            return "attempts"
    return None


def by_record(letters: Iterable[Letter]) -> list[list[Letter]]:
    """The letters of each record, in the order of the records' first letters. Pure."""
    groups: defaultdict[object, list[Letter]] = defaultdict(list)
    for letter in letters:
        groups[letter.record_id].append(letter)
    return list(groups.values())


def chunks(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    """Letters in their order, cut so that what they hold fits into memory. Pure."""
    chunk: list[Letter] = []
    size_bytes = 0
    for letter in letters:
        full = size_bytes + letter.size_bytes > CHUNK_BYTES or len(chunk) >= CHUNK_LETTERS
        if chunk and full:
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(letter)
        size_bytes += letter.size_bytes
    if chunk:
        yield chunk


def is_full(order: Order, report: Report) -> bool:
    """Whether as many letters are chosen as are wanted. Pure."""
    return order.limit is not None and report.selected - report.refused.total() >= order.limit


def within(order: Order, report: Report, page: Iterable[Letter]) -> list[Letter]:
    """The letters of a page that may be sent, no more than are wanted. Counts the others."""
    found: list[Letter] = []
    for letter in page:
        if is_full(order, report):
            break
        report.selected += 1
        reason = refusal([letter], order.max_attempts)
        if reason is None:
            found.append(letter)
        else:
            report.refused[reason] += 1
    return found
