"""Tells when deliveries fail: in metrics, and once in the log. The counts: `ingest.failures`."""

import time
from typing import Final

import structlog

from ingest import metrics
from ingest.failures import WINDOW_S, Alarm, Counts, Failures
from runtime.exposition import value
from schemas.metrics import INGEST_RECENT_DELIVERIES

INTERVAL_S: Final = 1.0

log = structlog.get_logger()


class Failing:
    """What became of this process's deliveries, and how those of all that share its port fare."""

    def __init__(self) -> None:
        self._failures, self._alarm = Failures(), Alarm()
        self._told_s = 0.0

    def accepted(self) -> None:
        """A delivery was accepted."""
        self._failures.accepted(time.monotonic())

    def refused(self, reason: str) -> None:
        """A request was refused."""
        self._failures.refused(time.monotonic(), reason)

    def tell(self) -> None:
        """Tells how it stands, each second at most."""
        now_s = time.monotonic()
        if now_s - self._told_s < INTERVAL_S:
            return
        self._told_s = now_s
        counts = _shared(self._failures.counts(now_s))
        change, ratio = self._alarm.change(counts), round(counts.ratio, 3)
        metrics.FAILURE_RATIO.set(ratio)
        if change == "begun":
            # Within an hour of this Meta may take the app off every account.
            log.error("ingest_failing", ratio=ratio, window_s=WINDOW_S)
        elif change == "ended":
            log.info("ingest_no_longer_failing", ratio=ratio)


def _shared(own: Counts) -> Counts:
    """Those of all processes, of which each tells its own: a few each, that are many together."""
    for outcome, count in own._asdict().items():
        metrics.RECENT_DELIVERIES.labels(outcome).set(count)
    return Counts(*(value(INGEST_RECENT_DELIVERIES, outcome=one) for one in Counts._fields))
