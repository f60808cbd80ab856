"""Delivery ids are UUIDs of version 7 that sort by their time."""

from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from ingest.delivery_id import uuid7

times = st.integers(0, 2**48 - 1)
randomness = st.binary(min_size=10, max_size=10)


@given(times, randomness)
def test_ids_are_uuids_of_version_7(unix_ms: int, random_bytes: bytes) -> None:
    """In the usual form, with the time in the first 48 bits."""
    text = uuid7(unix_ms, random_bytes)
    found = UUID(text)
    assert str(found) == text
    assert (found.version, found.variant) == (7, RFC_4122)
    assert found.int >> 80 == unix_ms


@given(times, times, randomness, randomness)
def test_ids_sort_by_their_time(one: int, other: int, some: bytes, more: bytes) -> None:
    """As text too, whatever the randomness."""
    if one != other:
        assert (uuid7(one, some) < uuid7(other, more)) == (one < other)


@given(times, randomness, randomness)
def test_74_random_bits_count(unix_ms: int, some: bytes, more: bytes) -> None:
    """The lowest 74 of the ten bytes, every one of them."""
    mask = 2**74 - 1
    same = int.from_bytes(some) & mask == int.from_bytes(more) & mask
    assert (uuid7(unix_ms, some) == uuid7(unix_ms, more)) == same


def test_the_example_of_the_standard() -> None:
    """RFC 9562, appendix A.6."""
    rand_a, rand_b = 0xCC3, 0x18C4DC0C0C07398F
    random_bytes = (rand_a << 62 | rand_b).to_bytes(10)
    assert uuid7(0x017F22E279B0, random_bytes) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
