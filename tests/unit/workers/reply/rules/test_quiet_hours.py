"""Quiet hours of the day, where people live."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.reply.rules.quiet_hours import QuietHours, parse_zone

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours.parse("22:00-07:00")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-28T21:59", None),
        ("2026-11-28T22:00", "2026-11-29T07:00"),
        ("2026-11-29T00:00", "2026-11-29T07:00"),
        ("2026-11-29T06:59", "2026-11-29T07:00"),
        ("2026-11-29T07:00", None),
        ("2026-03-28T23:00", "2026-03-29T07:00"),
    ],
)
def test_over_midnight(now: str, until: str | None) -> None:
    """They end in the morning, also when the night is an hour shorter."""
    assert NIGHT.until(_at(now), BERLIN) == (_at(until) if until else None)


def test_where_clocks_are_set_back() -> None:
    """Half past two comes twice: the next one counts."""
    hours = QuietHours.parse("22:00-02:30")
    first = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)
    assert hours.until(first, BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    second = first + timedelta(hours=1)
    assert hours.until(second, BERLIN) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_within_a_day() -> None:
    """A lunch break."""
    hours = QuietHours.parse("12:30 – 13:15")
    assert str(hours) == "12:30-13:15"
    assert hours.until(_at("2026-11-28T13:00"), BERLIN) == _at("2026-11-28T13:15")
    assert hours.until(_at("2026-11-28T12:29"), BERLIN) is None


@pytest.mark.parametrize(
    "told", ["", "22-7", "22:00", "24:00-07:00", "22:60-07:00", "07:00-07:00", "22:00-07:00 ", 5]
)
def test_no_hours(told: object) -> None:
    """Said in plain words."""
    with pytest.raises(ValueError, match="must"):
        QuietHours.parse(told)


@pytest.mark.parametrize("told", ["", "Berlin", "../etc/passwd", "Europe", "\0", 5])
def test_no_zone(told: object) -> None:
    """Said in plain words."""
    with pytest.raises(ValueError, match="Europe/Berlin"):
        parse_zone(told)


times = st.times().map(lambda one: one.replace(second=0, microsecond=0))
zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]
).map(ZoneInfo)
moments = st.timedeltas(timedelta(days=-6_000), timedelta(days=3_000)).map(
    lambda one: datetime(2026, 11, 28, tzinfo=UTC) + one
)


@given(times, times, zones, moments)
def test_they_end_and_it_is_over(start: time, end: time, zone: ZoneInfo, now: datetime) -> None:
    """Later than now, within a day or so, at a time that is not quiet, wherever clocks jump."""
    if start == end:
        return
    hours = QuietHours(start, end)
    until = hours.until(now, zone)
    if until is not None:
        assert now < until <= now + timedelta(hours=50)
        again = hours.until(until, zone)
        assert again is None or again - until <= timedelta(days=1)
