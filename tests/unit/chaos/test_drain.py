"""The end of a run is the end of everybody's work."""

from tests.chaos.drain import READS
from workers.registry import WORKERS


def test_every_worker_is_waited_for() -> None:
    """One that is new is none that is forgotten."""
    assert set(READS) == set(WORKERS)


def test_persist_is_waited_for_in_all_its_topics() -> None:
    """What the Graph told, too."""
    assert {"instagram.events.comments", "instagram.enriched.comments"} <= set(READS["persist"])
