"""Numbers with their spread and their goal. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal


@dataclass(frozen=True, slots=True)
class Goal:
    """What a median should reach."""

    sense: Literal["at least", "at most"]
    bound: float

    def met_by(self, value: float) -> bool:
        """Whether a value reaches it."""
        return value >= self.bound if self.sense == "at least" else value <= self.bound


@dataclass(frozen=True, slots=True)
class Measure:
    """One quantity over all rounds; never without a value."""

    group: str
    name: str
    unit: str
    values: tuple[float, ...]
    goal: Goal | None = None

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the goal; None without one."""
        return None if self.goal is None else self.goal.met_by(self.median)


class Book:
    """Collects values round by round, in the order in which quantities first come."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str, str], list[float]] = {}
        self._goals: dict[tuple[str, str, str], Goal | None] = {}

    def note(
        self, group: str, name: str, unit: str, value: float, goal: Goal | None = None
    ) -> None:
        """One value of one round."""
        quantity = (group, name, unit)
        self._values.setdefault(quantity, []).append(value)
        self._goals[quantity] = goal

    def measures(self) -> list[Measure]:
        """What was collected."""
        return [
            Measure(*quantity, tuple(values), self._goals[quantity])
            for quantity, values in self._values.items()
        ]


def percentile(values: Sequence[float], percent: float) -> float:
    """The least of the values that so many percent of them do not exceed (nearest rank).

    Raises:
        ValueError: there are no values, or `percent` is not above 0 and up to 100.
    """
    if not values or not 0 < percent <= 100:
        raise ValueError("needs values, and a percentage above 0")
    return sorted(values)[ceil(len(values) * percent / 100) - 1]
