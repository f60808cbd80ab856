"""How many of the latest deliveries failed, and when that is an alarm."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.failures import (
    ALARM_RATIO,
    CALM_RATIO,
    MIN_ANSWERS,
    SLICE_S,
    WINDOW_S,
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
def test_the_ratio_is_that_of_the_window(answers: list[tuple[float, bool]], later_s: float) -> None:
    """To a slice: as if each answer was counted by itself."""
    failures, now_s, log = Failures(), 0.0, list[tuple[float, bool]]()
    for pause_s, failed in answers:
        now_s += pause_s
        log.append((now_s // SLICE_S * SLICE_S, failed))
        if failed:
            failures.refused(now_s, "signature_mismatch")
        else:
            failures.accepted(now_s)
        assert 0 <= failures.ratio(now_s) <= 1
    now_s += later_s
    within = [failed for at_s, failed in log if at_s > now_s - WINDOW_S]
    assert failures.ratio(now_s) == (sum(within) / len(within) if within else 0)


@given(ANSWERS)
def test_an_alarm_begins_and_ends_in_turn(answers: list[tuple[float, bool]]) -> None:
    """It begins at a tenth, ends at a twentieth, and never in between."""
    failures, now_s, failing = Failures(), 0.0, False
    for pause_s, failed in answers:
        now_s += pause_s
        if failed:
            failures.refused(now_s, "body_timeout")
        else:
            failures.accepted(now_s)
        change, ratio = failures.change(now_s), failures.ratio(now_s)
        if change is not None:
            assert change == ("ended" if failing else "begun")
            assert ratio <= CALM_RATIO if failing else ratio >= ALARM_RATIO
            failing = not failing
        elif failing:
            assert ratio > CALM_RATIO
        assert failures.is_failing == failing


def test_an_alarm_does_not_flicker() -> None:
    """Around its limit it stays, until it is half of it."""
    failures = answered([True] + [False] * 9)
    changes = [failures.change(1.0)]
    for _ in range(10):
        failures.accepted(1.0)
        changes.append(failures.change(1.0))
    assert changes == ["begun", *[None] * 9, "ended"]


def test_few_answers_say_nothing() -> None:
    """All of four may fail by chance; all of five do not."""
    assert answered([True] * (MIN_ANSWERS - 1)).change(1.0) is None
    assert answered([True] * MIN_ANSWERS).change(1.0) == "begun"


def test_strangers_fail_nobody() -> None:
    """Without a signature nothing comes from Meta; with a wrong one it may, if our secret is."""
    failures = answered([False] * 10)
    for _ in range(100):
        failures.refused(0.0, "signature_missing")
    assert failures.ratio(0.0) == 0
    failures.refused(0.0, "signature_mismatch")
    assert failures.ratio(0.0) == 1 / 11


def test_it_ends_by_itself() -> None:
    """When nothing at all comes any more, which is another alarm's."""
    failures = answered([True] * 10)
    assert failures.change(1.0) == "begun"
    assert failures.change(WINDOW_S - 1) is None
    assert failures.change(WINDOW_S + 1) == "ended"
