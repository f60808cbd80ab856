"""When Meta sends again what was not answered 200. Owns the compressed form of its schedule."""

from dataclasses import dataclass
from typing import Final

HORIZON_S: Final = 36 * 3600.0
"""How long Meta retries before it drops a delivery.

Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started: immediately, then
a few more times, less and less often, for 36 hours. The page gives no other number.
"""

FIRST_DELAY_S: Final = 15.0
"""The wait after the immediate retry, doubling from there. Our choice within Meta's words."""


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Meta's schedule, faster.

    Attributes:
        compression: real seconds of Meta's schedule in one second here. The default makes one
            minute of the 36 hours.
        max_retries: retries at most, the immediate one included; no limit but the horizon's (15)
            by default.
    """

    compression: float = 2160.0
    max_retries: int = 100

    def __post_init__(self) -> None:
        if self.compression <= 0 or self.max_retries < 0:
            raise ValueError("compression must be above 0 and max_retries at least 0")

    @property
    def horizon_s(self) -> float:
        """The time from the first attempt to the last retry, when no attempt takes any time."""
        return HORIZON_S / self.compression

    def delays_s(self) -> tuple[float, ...]:
        """The waits before each retry: 0, then d, 2d, 4d, … until the horizon is reached.

        `d` is 15 s / compression. The last retry falls at the horizon unless `max_retries` ends
        the schedule before; it comes one interval later than a doubling would say at most, so
        waits never shrink.
        """
        delays, total, delay = [0.0], 0.0, FIRST_DELAY_S
        while total + delay + 2 * delay <= HORIZON_S:
            delays.append(delay)
            total += delay
            delay *= 2
        delays.append(HORIZON_S - total)
        return tuple(delay / self.compression for delay in delays[: self.max_retries])
