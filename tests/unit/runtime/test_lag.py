"""How long until retention reaches what waits, from what is known of it."""

import math

from hypothesis import given
from hypothesis import strategies as st

from runtime.lag import Unread, seconds_until_loss

DAY_S = 86_400.0


def test_the_oldest_record_decides() -> None:
    """Seven days are left to a record of now, six to one of yesterday."""
    assert seconds_until_loss([5 * DAY_S, 4 * DAY_S], 7 * DAY_S, 5 * DAY_S) == 6 * DAY_S


def test_nothing_waits() -> None:
    """Then nothing can be lost; nor from a topic that keeps everything."""
    assert seconds_until_loss([], 7 * DAY_S, 0.0) == math.inf
    assert seconds_until_loss([5.0], math.inf, 6.0) == math.inf


def test_what_may_be_gone_is_below_zero() -> None:
    """By as much as it is too late."""
    assert seconds_until_loss([0.0], 7 * DAY_S, 8 * DAY_S) == -DAY_S


def test_a_partition_is_known_from_what_is_read() -> None:
    """Its time is that of the oldest fetch that is not committed as a whole."""
    assert Unread(10).since_s is None
    unread = Unread(10)
    unread.read(10, 19, 100.0)
    unread.read(20, 29, 200.0)
    assert (unread.offset, unread.since_s) == (10, 100.0)
    unread.committed(15)
    assert (unread.offset, unread.since_s) == (15, 100.0)
    unread.committed(20)
    assert (unread.offset, unread.since_s) == (20, 200.0)
    unread.committed(30)
    assert (unread.offset, unread.since_s) == (30, 200.0)


def test_what_is_not_read_is_peeked_at_once() -> None:
    """When nothing at all is known of the partition; the same record never twice."""
    unread = Unread(10)
    assert unread.stands_still()
    unread.peeked(50.0)
    assert unread.since_s == 50.0
    assert not unread.stands_still()
    assert not unread.stands_still()


def test_what_is_read_is_never_peeked() -> None:
    """The loop holds it, and a look at its place would find a later record."""
    unread = Unread(10)
    unread.read(10, 19, 100.0)
    for committed in (11, 12):
        unread.committed(committed)
        assert not unread.stands_still()
        assert not unread.stands_still()


def test_what_moves_is_not_peeked() -> None:
    """Only the second look at the same place, behind all that was read, finds it standing."""
    unread = Unread(10)
    unread.read(10, 19, 100.0)
    unread.committed(20)
    assert not unread.stands_still()
    assert unread.stands_still()
    unread.peeked(300.0)
    unread.read(20, 29, 300.0)
    unread.committed(30)
    assert not unread.stands_still()


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 9)), min_size=1), st.data())
def test_the_time_told_is_never_too_late(
    fetches: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Whatever was read and committed: the first uncommitted record is not older than told."""
    unread, times = Unread(0), [0.0]
    for count, step in fetches:
        first = len(times) - 1
        newest = times[-1]
        times[-1:] = [newest + step * number for number in range(count)] + [newest + step * count]
        unread.read(first, first + count - 1, times[first])
        unread.committed(data.draw(st.integers(unread.offset, first + count)))
    told = unread.since_s
    assert told is not None
    assert told <= times[unread.offset]
