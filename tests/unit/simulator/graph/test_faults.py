"""What goes wrong on purpose, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.faults import Fault, Faults, read_fault


@given(st.floats(0, 1), st.integers(0, 99))
def test_the_same_goes_wrong_each_time(probability: float, seed: int) -> None:
    """By seed, object and attempt alone, in whatever order objects are asked for."""
    wanted = [Fault(kind="error", probability=probability)]
    asked = [str(number) for number in range(5)] * 3

    def found(order: list[str]) -> list[tuple[str, bool]]:
        faults = Faults(seed, wanted)
        return [(name, faults.of_call("comment", name, "1") is not None) for name in order]

    forth, back = found(asked), found(asked[::-1])
    assert sorted(forth) == sorted(back)
    assert forth == found(asked)


def test_probabilities_are_shares() -> None:
    """Never, always, and about as often as said."""
    faults = Faults(1, [Fault(kind="error", probability=0.3)])
    made = sum(faults.of_call("comment", str(number), None) is not None for number in range(2000))
    assert 500 < made < 700
    for probability in (0, 1):
        faults.wanted = (Fault(kind="error", probability=probability),)
        assert bool(faults.of_call("comment", "7", None)) is bool(probability)


def test_a_fault_may_be_for_some_only() -> None:
    """By account, endpoint, object and first attempts."""
    faults = Faults(
        1,
        [
            Fault(kind="error", code=190, subcode=463, account_id="1"),
            Fault(kind="error", code=803, endpoint="media"),
            Fault(kind="error", code=2, object_id="5", attempts=2),
        ],
    )
    assert [fault and fault.code for fault in (
        faults.of_call("comment", "9", "1"),
        faults.of_call("comment", "9", "2"),
        faults.of_call("media", "8", "2"),
        faults.of_call("comment", "5", "2"),
        faults.of_call("comment", "5", "2"),
        faults.of_call("comment", "5", "2"),
    )] == [190, None, 803, 2, 2, None]  # fmt: skip


def test_reading_is_no_attempt_at_writing() -> None:
    """Of the same object, alone or as a request."""
    faults = Faults(1, [Fault(kind="error", attempts=1), Fault(kind="drop_after", attempts=1)])
    for is_write in (False, True):
        assert faults.of_call("any", "1", None, is_write=is_write) is not None
        assert faults.of_call("any", "1", None, is_write=is_write) is None
        assert faults.of_request("any", "1", None, is_write=is_write)
        assert not faults.of_request("any", "1", None, is_write=is_write)


def test_requests_and_calls_fail_apart() -> None:
    """A cut connection is of a whole request, an error of one call."""
    faults = Faults(1, [Fault(kind="drop_after"), Fault(kind="slow"), Fault(kind="unfinished")])
    assert [fault.kind for fault in faults.of_request("comment", "1", None)] == [
        "drop_after",
        "slow",
    ]
    found = faults.of_call("comment", "1", None)
    assert found is not None
    assert found.kind == "unfinished"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop_before", Fault(kind="drop_before")),
        ("slow:800=0.1", Fault(kind="slow", delay_ms=800, probability=0.1)),
        ("status:502", Fault(kind="status", status=502)),
        ("error:803", Fault(kind="error", code=803)),
        ("error_after:20/1772107", Fault(kind="error_after", code=20, subcode=1772107)),
        ("status_after:502=0.5", Fault(kind="status_after", status=502, probability=0.5)),
        ("slow_after:900", Fault(kind="slow_after", delay_ms=900)),
        (
            "error:190/463@17841400000000001=0.5",
            Fault(
                kind="error",
                code=190,
                subcode=463,
                account_id="17841400000000001",
                probability=0.5,
            ),
        ),
    ],
)
def test_a_fault_in_words(text: str, fault: Fault) -> None:
    """As on the command line."""
    assert read_fault(text) == fault


@pytest.mark.parametrize("text", ["", "flood", "slow:x", "error=2", "status:99", "garbage:5", "="])
def test_what_is_no_fault_is_refused(text: str) -> None:
    """With a ValueError, which pydantic's is as well."""
    with pytest.raises(ValueError, match=r"."):
        read_fault(text)
