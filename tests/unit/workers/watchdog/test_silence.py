"""When a silence is long, from what came in the weeks before."""

import math
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.watchdog.silence import (
    HISTORY_HOURS,
    HOUR_S,
    MIN_DELIVERIES,
    MIN_EXPECTED,
    MIN_HOURS,
    WEEK_HOURS,
    expected,
    hour_of,
    silence,
    weekly_rates,
)

NOW: Final = datetime(2026, 12, 1, 12, 30, tzinfo=UTC)
NOW_HOUR: Final = hour_of(NOW)

COUNTS = st.dictionaries(
    st.integers(NOW_HOUR - HISTORY_HOURS, NOW_HOUR - 1), st.integers(0, 30), max_size=80
)


def at(hour: float) -> datetime:
    """The moment so many hours after 1970."""
    return datetime.fromtimestamp(hour * HOUR_S, UTC)


def last_of(counts: dict[int, int]) -> datetime | None:
    """A latest delivery that fits: in the middle of its hour."""
    hours = [hour for hour, count in counts.items() if count]
    return at(max(hours) + 0.5) if hours else None


def steady(per_hour: int, hours: int = HISTORY_HOURS) -> dict[int, int]:
    """The same in each hour until now."""
    return {NOW_HOUR - 1 - ago: per_hour for ago in range(hours)}


@given(COUNTS)
def test_too_little_says_nothing(counts: dict[int, int]) -> None:
    """Three weeks from the first to the last delivery, and twenty of them."""
    found = silence(counts, last_of(counts), NOW)
    hours = [hour for hour, count in counts.items() if count]
    enough = (
        sum(counts.values()) >= MIN_DELIVERIES
        and bool(hours)
        and max(hours) + 1 - min(hours) >= MIN_HOURS
    )
    assert (found is not None) == enough


@given(COUNTS, st.lists(st.floats(0, 500), min_size=2, max_size=5))
def test_it_grows_while_nothing_comes(counts: dict[int, int], hours: list[float]) -> None:
    """And its limit stays."""
    last_at = last_of(counts)
    moments = [NOW + timedelta(hours=one) for one in sorted(hours)]
    found = [silence(counts, last_at, moment) for moment in moments]
    known = [one for one in found if one is not None]
    assert known == sorted(known)
    assert len({one.limit for one in known}) <= 1
    assert all(one.limit >= MIN_EXPECTED for one in known)


@given(COUNTS, st.data())
def test_no_silence_of_the_past_was_long(counts: dict[int, int], data: st.DataObject) -> None:
    """By what is known afterwards: whatever the account is used to is no alarm."""
    hours = sorted(hour for hour, count in counts.items() if count)
    if len(hours) < 2:
        return
    index = data.draw(st.integers(0, len(hours) - 2))
    end = at(hours[index + 1] + data.draw(st.floats(0, 0.99)))
    found = silence(counts, at(hours[index] + data.draw(st.floats(0, 0.99))), end)
    assert found is None or not found.is_long


@given(COUNTS, st.integers(NOW_HOUR - 200, NOW_HOUR), st.integers(0, 400))
def test_what_is_expected_adds_up(counts: dict[int, int], start: int, length: int) -> None:
    """Over whole hours it is the sum of their rates; in two parts as in one."""
    rates = weekly_rates(counts, NOW_HOUR - HISTORY_HOURS, NOW_HOUR)
    whole = expected(rates, at(start), at(start + length))
    by_hour = sum(rates[hour % WEEK_HOURS] for hour in range(start, start + length))
    assert math.isclose(whole, by_hour, abs_tol=1e-6)
    middle = start + length * 0.37
    parts = expected(rates, at(start), at(middle)) + expected(rates, at(middle), at(start + length))
    assert math.isclose(whole, parts, rel_tol=1e-6, abs_tol=1e-6)


@given(COUNTS)
def test_in_all_weeks_as_much_is_expected_as_came(counts: dict[int, int]) -> None:
    """Rates are means: nothing is invented."""
    first = NOW_HOUR - HISTORY_HOURS
    rates = weekly_rates(counts, first, NOW_HOUR)
    assert math.isclose(
        expected(rates, at(first), at(NOW_HOUR)), sum(counts.values()), abs_tol=1e-6
    )


@given(st.integers(1, 1000))
def test_a_steady_account_is_missed_soon(per_hour: int) -> None:
    """After ten deliveries that did not come, or two hours, whatever is later; not before."""
    counts = steady(per_hour)
    last_at = at(NOW_HOUR)
    soon = max(MIN_EXPECTED / per_hour, 2.0)
    before = silence(counts, last_at, last_at + timedelta(hours=soon * 0.99))
    after = silence(counts, last_at, last_at + timedelta(hours=soon * 1.01))
    assert before is not None
    assert after is not None
    assert (before.is_long, after.is_long) == (False, True)


def test_a_quiet_night_is_no_silence() -> None:
    """Of an account to which nobody writes between 22 and 8; in the morning it is another thing."""
    night = [22, 23, *range(8)]
    counts = {hour: 0 if hour % 24 in night else 5 for hour in steady(5)}
    evening = max(hour for hour in counts if hour % 24 == 21)
    last_at = at(evening + 0.9)
    assert not _is_long(counts, last_at, last_at + timedelta(hours=10))
    assert _is_long(counts, last_at, last_at + timedelta(hours=16))


def test_one_crowd_does_not_make_a_habit() -> None:
    """A thousand deliveries in one hour of four weeks are not missed a week later."""
    counts = {**{NOW_HOUR - 1 - 24 * day: 1 for day in range(35)}, NOW_HOUR - WEEK_HOURS + 2: 1000}
    assert not _is_long(counts, last_of(counts), at(NOW_HOUR + 10))


def _is_long(counts: dict[int, int], last_at: datetime | None, now: datetime) -> bool:
    found = silence(counts, last_at, now)
    assert found is not None
    return found.is_long


def _poisson(rate: float, chance: random.Random) -> int:
    total, count = chance.expovariate(1), 0
    while total < rate:
        total += chance.expovariate(1)
        count += 1
    return count


def _nightly(hour: int, _: random.Random) -> float:
    return 3.0 if 8 <= hour % 24 < 22 else 0.02


def _clocks_forward_and_back(hour: int, _: random.Random) -> float:
    """Sharp days of local time: for the seventh and eighth week it is an hour later."""
    is_summer = 6 <= (hour - NOW_HOUR) / WEEK_HOURS < 8
    return 20.0 if 8 <= (hour + is_summer) % 24 < 22 else 0.0


def _crowds(_: int, chance: random.Random) -> float:
    return 40.0 if chance.random() < 0.03 else 0.1


def _seldom(_: int, __: random.Random) -> float:
    return 0.15


@pytest.mark.parametrize("rate", [_nightly, _clocks_forward_and_back, _crowds, _seldom])
@pytest.mark.parametrize("seed", range(4))
def test_a_month_of_chance_is_no_alarm(
    rate: Callable[[int, random.Random], float], seed: int
) -> None:
    """Looked at every third hour, over five weeks that follow on five weeks."""
    chance = random.Random(seed)
    counts: Counter[int] = Counter()
    last_at, alarms, known = None, 0, 0
    for hour in range(NOW_HOUR, NOW_HOUR + 2 * HISTORY_HOURS):
        if hour % 3 == 0:
            window = {one: counts[one] for one in range(hour - HISTORY_HOURS, hour) if counts[one]}
            found = silence(window, last_at, at(hour))
            known += found is not None
            alarms += found is not None and found.is_long
        counts[hour] = _poisson(rate(hour, chance), chance)
        if counts[hour]:
            last_at = at(hour + chance.random())
    assert alarms == 0
    assert known > HISTORY_HOURS / 3
