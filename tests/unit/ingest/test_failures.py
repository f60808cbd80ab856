"""How many of the latest deliveries failed, and when that is an alarm."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.failures import (
    ALARM_RATIO,
    CALM_RATIO,
    MIN_ANSWERS,
    SLICE_S,
    WINDOW_S,
    Alarm,
    Counts,
    Failures,
)

ANSWERS = st.lists(st.tuples(st.floats(0, 120), st.booleans()), max_size=80)


def answered(answers: list[bool], at_s: float = 0.0) -> Failures:
    """Deliveries at one moment; True is a failure."""
    failures = Failures()
    for failed in answers:
        if failed:
            failures.refused(at_s, "kafka_unavailable")
        else:
            failures.accepted(at_s)
    return failures


@given(ANSWERS, st.floats(0, 2000))
def test_the_counts_are_those_of_the_window(
    answers: list[tuple[float, bool]], later_s: float
) -> None:
    """To a slice: as if each answer was counted by itself."""
    failures, now_s, log = Failures(), 0.0, list[tuple[float, bool]]()
    for pause_s, failed in answers:
        now_s += pause_s
        log.append((now_s // SLICE_S * SLICE_S, failed))
        if failed:
            failures.refused(now_s, "signature_mismatch")
        else:
            failures.accepted(now_s)
        assert 0 <= failures.counts(now_s).ratio <= 1
    now_s += later_s
    within = [failed for at_s, failed in log if at_s > now_s - WINDOW_S]
    counts = failures.counts(now_s)
    assert counts == (within.count(False), within.count(True))
    assert counts.ratio == (sum(within) / len(within) if within else 0)


@given(st.lists(st.builds(Counts, st.integers(0, 40), st.integers(0, 40)), max_size=80))
def test_an_alarm_begins_and_ends_in_turn(seen: list[Counts]) -> None:
    """It begins at a tenth, ends at a twentieth, and never in between."""
    alarm, failing = Alarm(), False
    for counts in seen:
        change = alarm.change(counts)
        if change is not None:
            assert change == ("ended" if failing else "begun")
            assert counts.ratio <= CALM_RATIO if failing else counts.ratio >= ALARM_RATIO
            failing = not failing
        elif failing:
            assert counts.ratio > CALM_RATIO
        assert alarm.is_failing == failing


def test_an_alarm_does_not_flicker() -> None:
    """Around its limit it stays, until it is half of it."""
    alarm = Alarm()
    changes = [alarm.change(Counts(accepted, 1)) for accepted in range(9, 20)]
    assert changes == ["begun", *[None] * 9, "ended"]


def test_few_answers_say_nothing() -> None:
    """All of four may fail by chance; all of five do not."""
    assert Alarm().change(Counts(0, MIN_ANSWERS - 1)) is None
    assert Alarm().change(Counts(0, MIN_ANSWERS)) == "begun"


def test_strangers_fail_nobody() -> None:
    """Without a signature nothing comes from Meta; with a wrong one it may, if our secret is."""
    failures = answered([False] * 10)
    for _ in range(100):
        failures.refused(0.0, "signature_missing")
    assert failures.counts(0.0) == (10, 0)
    failures.refused(0.0, "signature_mismatch")
    assert failures.counts(0.0) == (10, 1)


def test_it_ends_by_itself() -> None:
    """When nothing at all comes any more, which is another alarm's."""
    failures, alarm = answered([True] * 10), Alarm()
    assert alarm.change(failures.counts(1.0)) == "begun"
    assert alarm.change(failures.counts(WINDOW_S - 1)) is None
    assert alarm.change(failures.counts(WINDOW_S + 1)) == "ended"
