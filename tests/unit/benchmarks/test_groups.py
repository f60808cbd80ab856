"""Which topics a worker's progress is counted in."""

from benchmarks.groups import READS
from workers.registry import WORKERS, handler_of


def test_progress_is_counted_in_all_topics_that_a_worker_reads() -> None:
    """One topic less, and what was committed never equals what is there."""
    assert {name: handler_of(name).topics for name in WORKERS} == READS  # type: ignore[attr-defined]
