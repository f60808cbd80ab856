"""A dead letter is its record, untouched, with the attempts behind it."""

from hypothesis import assume, given
from hypothesis import strategies as st

from runtime.worker import Record, dead_letter
from schemas.dead_letters import DeadLetter, Source


def test_a_dead_letter_keeps_its_record() -> None:
    """Key, value and headers, untouched."""
    source = Source("instagram.raw.other", 3, 9)
    bad = Record(source, b"k", None, (("x", b"\xff"),))
    assert dead_letter("dedupe", bad, "not_json", "why") == DeadLetter(
        "dedupe", "not_json", "why", source, b"k", None, (("x", b"\xff"),), 1
    )


@given(st.integers(0, 9999))
def test_a_dead_letter_counts_the_attempts(behind: int) -> None:
    """One more than the record tells to have behind it."""
    told = (("attempt", b"%d" % behind), ("delivery-id", b"an-id"))
    bad = Record(Source("t", 0, 5), b"k", b"v", told)
    assert dead_letter("dedupe", bad, "not_json", "why").attempt == behind + 1


@given(st.none() | st.binary() | st.just("٣".encode()) | st.integers(10_000).map(b"%d".__mod__))
def test_odd_attempts_count_as_none(told: bytes | None) -> None:
    """Whatever somebody else wrote there."""
    assume(told is None or len(told) >= 5 or not told.isdigit())
    headers = () if told is None else (("attempt", told),)
    assert (
        dead_letter("dedupe", Record(Source("t", 0, 5), None, None, headers), "r", "d").attempt == 1
    )
