"""The schedule of faults is repeatable, complete and mild enough to tell one from another."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.catalogue import catalogue
from tests.chaos.schedule import Fault, Slot, schedule

SERVICES = ("ingest", "archive", "dedupe", "dedupe-2", "persist", "enrich")
DISKS = ("postgres-disk",)

seeds = st.integers(min_value=0, max_value=2**32)
durations_s = st.floats(min_value=0, max_value=3600)
clusters = st.booleans()


def _faults(slots: list[Slot]) -> list[Fault]:
    return [fault for slot in slots for fault in slot.faults]


@given(seeds, durations_s, clusters)
def test_the_same_seed_gives_the_same_schedule(seed: int, duration_s: float, cluster: bool) -> None:
    """Whoever repeats a run gets its faults."""
    possible = catalogue(SERVICES, cluster=cluster, disks=DISKS)
    assert schedule(seed, duration_s, possible) == schedule(seed, duration_s, possible)


@given(seeds, durations_s, durations_s)
def test_a_longer_schedule_begins_as_a_shorter_one(seed: int, one_s: float, other_s: float) -> None:
    """More time brings more faults, and no others."""
    possible = catalogue(SERVICES, cluster=True, disks=DISKS)
    shorter, longer = sorted(
        (schedule(seed, one_s, possible), schedule(seed, other_s, possible)), key=len
    )
    assert longer[: len(shorter)] == shorter


@given(seeds, durations_s, clusters)
def test_faults_come_one_slot_after_the_other_and_end_in_time(
    seed: int, duration_s: float, cluster: bool
) -> None:
    """A slot begins when the one before is over, and none runs past the end."""
    slots = schedule(seed, duration_s, catalogue(SERVICES, cluster=cluster, disks=DISKS))
    for before, after in pairwise(slots):
        assert max(fault.end_s for fault in before.faults) < after.at_s
    assert all(fault.end_s <= duration_s for fault in _faults(slots))


@given(seeds, clusters)
def test_two_at_once_are_a_dependency_and_a_service(seed: int, cluster: bool) -> None:
    """Never two dependencies at once: then it could not be told which of them did it."""
    slots = schedule(seed, 3600, catalogue(SERVICES, cluster=cluster, disks=DISKS))
    assert {len(slot.faults) for slot in slots} == {1, 2}
    for slot in slots:
        assert sum(fault.dependency for fault in slot.faults) <= 1


@given(seeds, clusters)
def test_every_possible_fault_comes_before_any_comes_again(seed: int, cluster: bool) -> None:
    """Cards are dealt, not dice thrown: a run of some length shows them all."""
    possible = catalogue(SERVICES, cluster=cluster, disks=DISKS)
    dealt = _faults(schedule(seed, 7200, possible))
    assert len(dealt) >= 2 * len(possible)
    round_ = Counter((fault.kind, fault.target) for fault in dealt[: len(possible)])
    assert round_ == Counter((one.kind, one.target) for one in possible)


def test_seeds_differ() -> None:
    """Another seed is another run."""
    possible = catalogue(SERVICES, cluster=False)
    assert schedule(1, 300, possible) != schedule(2, 300, possible)


def test_nothing_possible_is_no_schedule() -> None:
    """An empty catalogue ends at once."""
    assert schedule(1, 300, []) == []
