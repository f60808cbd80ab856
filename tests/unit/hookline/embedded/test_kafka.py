"""How much memory a private Kafka gets."""

import pytest

from hookline.embedded.kafka import MIB, heap_bytes, request_bytes


@pytest.mark.parametrize(
    ("body_mib", "request_mib", "heap_mib"), [(32, 64, 288), (1, 64, 195), (256, 272, 960)]
)
def test_memory_follows_the_largest_body(body_mib: int, request_mib: int, heap_mib: int) -> None:
    """Requests that wait, with one more being read, leave room in the heap for Kafka itself."""
    body_bytes = body_mib * MIB
    assert request_bytes(body_bytes) == request_mib * MIB
    assert heap_bytes(body_bytes) == heap_mib * MIB
    assert request_bytes(body_bytes) + body_bytes < heap_bytes(body_bytes)
