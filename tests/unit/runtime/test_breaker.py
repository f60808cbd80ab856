"""When dead letters are too many."""

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from runtime.breaker import Tally

batches = st.lists(st.lists(st.booleans(), max_size=12), max_size=30)
NEVER = 1_000_000


def told(tally: Tally, of: list[list[bool]]) -> list[str | None]:
    """What it says after each batch."""
    return [tally.add(batch) for batch in of]


def longest_run(dead: list[bool]) -> int:
    """Of dead letters in a row."""
    return max((len(list(group)) for letter, group in groupby(dead) if letter), default=0)


@given(batches, st.integers(1, 8))
def test_it_counts_runs_across_batches(of: list[list[bool]], run: int) -> None:
    """It is too much in the batch in which so many in a row are reached, and not before."""
    tally, before = Tally(1, 1, run), list[bool]()
    for batch in of:
        reason = tally.add(batch)
        before += batch
        reached = longest_run(before) >= run
        assert (reason is not None) == reached
        if reason is not None:
            assert reason == f"{longest_run(before)} dead letters in a row"
            return


@given(batches, st.integers(1, 40), st.sampled_from([0.0, 0.01, 0.3, 0.5]))
def test_it_takes_the_share_of_the_latest_records(
    of: list[list[bool]], min_records: int, ratio: float
) -> None:
    """Of the fewest latest batches that have enough; with fewer records it says nothing."""
    tally, seen = Tally(ratio, min_records, NEVER), list[list[bool]]()
    for batch in of:
        reason = tally.add(batch)
        seen.append(batch)
        latest = list[bool]()
        for one in reversed(seen):
            latest += one
            if len(latest) >= min_records:
                break
        enough = len(latest) >= min_records
        assert (reason is not None) == (enough and sum(latest) > ratio * len(latest))


@given(batches)
def test_without_dead_letters_it_says_nothing(of: list[list[bool]]) -> None:
    """Whatever it is set to."""
    good = [[False] * len(batch) for batch in of]
    assert set(told(Tally(0, 1, 1), good)) <= {None}


@given(batches, batches)
def test_it_forgets(before: list[list[bool]], after: list[list[bool]]) -> None:
    """What came before counts no more."""
    tally = Tally(0.2, 10, 4)
    told(tally, before)
    tally.forget()
    assert told(tally, after) == told(Tally(0.2, 10, 4), after)


def test_the_defaults() -> None:
    """One in a hundred is allowed, among the latest thousand; and 49 in a row."""
    tally = Tally(0.01, 1000, 50)
    assert tally.add([True] * 10 + [False] * 990) is None
    assert tally.add([False] * 989 + [True] * 11) == "11 dead letters among the latest 1000 records"
    assert Tally(0.01, 1000, 50).add([True] * 49) is None
    assert Tally(0.01, 1000, 50).add([True] * 50) == "50 dead letters in a row"
