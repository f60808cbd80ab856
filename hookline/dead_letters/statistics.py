"""Dead letters by cause. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hookline.dead_letters.letter import Letter
from schemas.dead_letters import State, explain


@dataclass(slots=True)
class Cause:
    """The letters of one fingerprint. `failed_again` of them have a newer letter."""

    stage: str
    reason: str
    fingerprint: str
    detail: str
    first_failed_at: datetime
    last_failed_at: datetime
    example_id: str
    states: Counter[str] = field(default_factory=Counter)
    failed_again: int = 0
    attempts: int = 0
    fields: set[str] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)

    def document(self) -> dict[str, Any]:
        """For `--json`. `attempts` is the most of any letter."""
        means, repair = explain(self.reason)
        return {
            "fingerprint": self.fingerprint,
            "stage": self.stage,
            "reason": self.reason,
            "detail": self.detail,
            "means": means,
            "repair": repair,
            "letters": self.states.total(),
            **by_state(self.states),
            "failed_again": self.failed_again,
            "attempts": self.attempts,
            "first_failed_at": self.first_failed_at.isoformat(),
            "last_failed_at": self.last_failed_at.isoformat(),
            "fields": sorted(self.fields),
            "versions": sorted(self.versions),
            "example_id": self.example_id,
        }


def by_state(states: Counter[str]) -> dict[str, int]:
    """The number of every state, also of those that no letter is in."""
    return {state.value: states[state] for state in State}


class Statistics:
    """What is known of the letters added so far."""

    def __init__(self) -> None:
        self._causes: dict[tuple[str, str, str], Cause] = {}

    def add(self, letters: Iterable[Letter]) -> None:
        """Takes more letters in, in any order."""
        for one in letters:
            failed_at = one.first_failed_at
            same = (one.stage, one.reason, one.fingerprint)
            cause = self._causes.get(same)
            if cause is None:
                cause = self._causes[same] = Cause(*same, one.detail, failed_at, failed_at, "")
            cause.first_failed_at = min(cause.first_failed_at, failed_at)
            cause.last_failed_at = max(cause.last_failed_at, failed_at)
            cause.example_id = max(cause.example_id, one.dead_letter_id)
            cause.states[one.state] += 1
            cause.failed_again += one.failed_again
            cause.attempts = max(cause.attempts, one.attempts)
            cause.fields |= {one.field} if one.field else set()
            cause.versions.add(one.version)

    @property
    def causes(self) -> list[Cause]:
        """Those with the most parked letters first, then those with the most of any."""
        return sorted(
            self._causes.values(),
            key=lambda one: (
                -one.states[State.PARKED],
                -one.states.total(),
                one.stage,
                one.reason,
                one.fingerprint,
            ),
        )

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        states = sum((one.states for one in self._causes.values()), Counter[str]())
        return {
            "letters": states.total(),
            **by_state(states),
            "causes": [cause.document() for cause in self.causes],
        }
