"""What became of deliveries. Owns counts, the acknowledged set and latencies."""

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from simulator.delivery import Delivery
from simulator.truth import Field


class State(StrEnum):
    """The end of a delivery, from the sender's side."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    WRONGLY_ACCEPTED = "wrongly_accepted"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one delivery.

    Attributes:
        index: its place in the stream that was sent, from 0.
        case: its case.
        body_sha256: of its body, in hex: what the receiver's archive can be searched for.
        state: acknowledged (200), refused as it should be, accepted although it should not, or
            given up.
        status: the last answer; None when there was none.
        attempts: how often it was sent.
    """

    index: int
    case: str
    body_sha256: str
    state: State
    status: int | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `waiting` deliveries are between two attempts."""

    started: int
    acknowledged: int
    refused: int
    waiting: int
    given_up: int


@dataclass(slots=True)
class Report:
    """What became of all deliveries of a run.

    `kept` holds the deliveries themselves by index where the sender was asked to remember them.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    kept: dict[int, Delivery] = field(default_factory=dict)
    started: int = 0
    attempts: int = 0
    retried: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    states: Counter[State] = field(default_factory=Counter)
    acknowledged_changes: Counter[Field] = field(default_factory=Counter)
    acknowledged_bytes: int = 0
    latencies_s: "array[float]" = field(default_factory=lambda: array("d"))
    elapsed_s: float = 0.0

    @property
    def acknowledged(self) -> int:
        """Deliveries that were answered 200 and should have been."""
        return self.states[State.ACKNOWLEDGED]

    @property
    def complete(self) -> bool:
        """Whether every delivery met the answer that it should."""
        return not self.states[State.GIVEN_UP] and not self.states[State.WRONGLY_ACCEPTED]

    def acknowledged_set(self) -> Counter[str]:
        """sha256 of each acknowledged body, with how many deliveries had it: the promise made."""
        return Counter(
            outcome.body_sha256 for outcome in self.outcomes if outcome.state is State.ACKNOWLEDGED
        )

    def acknowledged_deliveries(self) -> list[Delivery]:
        """The acknowledged deliveries in the order of the stream, where they were remembered."""
        indices = sorted(o.index for o in self.outcomes if o.state is State.ACKNOWLEDGED)
        return [self.kept[index] for index in indices if index in self.kept]

    def latency_ms(self, quantile: float) -> float | None:
        """Time from request to answer 200, not exceeded by this share of them (0 to 1)."""
        return percentile(self.latencies_s, quantile)

    def summary(self) -> dict[str, Any]:
        """The run in plain numbers, as one JSON object: never bodies or texts."""
        seconds = max(self.elapsed_s, 1e-9)
        changes = self.acknowledged_changes.total()
        return {
            "sent": self.started,
            "attempts": self.attempts,
            "acknowledged": self.acknowledged,
            "refused": self.states[State.REFUSED],
            "wrongly_accepted": self.states[State.WRONGLY_ACCEPTED],
            "given_up": self.states[State.GIVEN_UP],
            "retried": self.retried,
            "answers": {str(status): n for status, n in sorted(self.answers.items())},
            "failures": dict(sorted(self.failures.items())),
            "changes": dict(sorted(self.acknowledged_changes.items())),
            "bytes": self.acknowledged_bytes,
            "elapsed_s": round(self.elapsed_s, 3),
            "deliveries_per_s": round(self.acknowledged / seconds, 1),
            "changes_per_s": round(changes / seconds, 1),
            "latency_p50_ms": _rounded(self.latency_ms(0.5)),
            "latency_p99_ms": _rounded(self.latency_ms(0.99)),
        }


def percentile(latencies_s: "array[float]", quantile: float) -> float | None:
    """The nearest-rank quantile in milliseconds; None of nothing."""
    if not latencies_s:
        return None
    rank = max(math.ceil(quantile * len(latencies_s)), 1)
    return sorted(latencies_s)[rank - 1] * 1000


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 2)
