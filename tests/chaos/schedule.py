"""Which fault comes when. Pure: the same seed, time and possibilities give the same schedule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

PAIR_SHARE: Final = 0.2
"""So many faults of a dependency are joined by one of a service."""

PAIR_LATE_S: Final = 1.0
"""The second of a pair begins within this time after the first."""


class Kind(StrEnum):
    """What is done to a target."""

    KILL = "kill"
    PAUSE = "pause"
    CUT = "cut"
    REFUSE = "refuse"
    STALL = "stall"
    STRAND = "strand"
    SLOW = "slow"
    ERRORS = "errors"
    CHURN = "churn"
    DISK_FULL = "disk full"
    POISON = "poison"


@dataclass(frozen=True, slots=True)
class Possible:
    """A fault that may be drawn.

    Attributes:
        kind: what is done.
        target: to whom.
        durations_s: how long it may last; one is drawn.
        allowance_s: time left for the recovery before the next one.
        dependency: whether Kafka, PostgreSQL or the Graph API is hit, or the way to it.
    """

    kind: Kind
    target: str
    durations_s: tuple[float, ...]
    allowance_s: float
    dependency: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a schedule, planned `at_s` seconds after its beginning."""

    at_s: float
    kind: Kind
    target: str
    duration_s: float
    dependency: bool

    @property
    def end_s(self) -> float:
        """When it is to be over."""
        return self.at_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Slot:
    """One fault, or two at once. The next slot begins when the line has recovered."""

    faults: tuple[Fault, ...]

    @property
    def at_s(self) -> float:
        """When its first fault is planned."""
        return self.faults[0].at_s


def schedule(seed: int, duration_s: float, possible: Sequence[Possible]) -> list[Slot]:
    """The slots that fit into the time, one after the other.

    Faults are dealt like cards: each possible one comes once before any comes again. A longer
    schedule begins as a shorter one does. Two at once are one of a dependency and one of a
    service, so that there is never more than one fault of a dependency.
    """
    slots: list[Slot] = []
    at_s = 0.0
    for slot, length_s in _slots(Random(seed), possible):
        if at_s + length_s > duration_s:
            break
        slots.append(_at(slot, at_s))
        at_s += length_s
    return slots


def _slots(random: Random, possible: Sequence[Possible]) -> Iterator[tuple[Slot, float]]:
    """Slots that begin at 0, with the time that each takes, without end."""
    while possible:
        deck = list(possible)
        random.shuffle(deck)
        while deck:
            drawn = [deck.pop()]
            partner = _partner(drawn[0], deck, random)
            if partner is not None:
                deck.remove(partner)
                drawn.append(partner)
            faults = tuple(_fault(one, random, late=one is partner) for one in drawn)
            allowance_s = max(one.allowance_s for one in drawn)
            yield Slot(faults), max(fault.end_s for fault in faults) + allowance_s


def _partner(drawn: Possible, deck: Sequence[Possible], random: Random) -> Possible | None:
    """A kill or a pause of a service that joins a fault of a dependency, now and then."""
    joined = random.random() < PAIR_SHARE
    if not drawn.dependency or not joined:
        return None
    kinds = (Kind.KILL, Kind.PAUSE)
    return next((one for one in deck if not one.dependency and one.kind in kinds), None)


def _fault(drawn: Possible, random: Random, *, late: bool) -> Fault:
    duration_s = random.choice(drawn.durations_s)
    at_s = round(random.random() * PAIR_LATE_S, 2) if late else 0.0
    return Fault(at_s, drawn.kind, drawn.target, duration_s, drawn.dependency)


def _at(slot: Slot, at_s: float) -> Slot:
    return Slot(
        tuple(
            Fault(round(at_s + one.at_s, 2), one.kind, one.target, one.duration_s, one.dependency)
            for one in slot.faults
        )
    )
