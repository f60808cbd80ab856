"""Topics as they should be."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import RECORD_OVERHEAD_BYTES, max_record_bytes, topic_specs


def test_topics_of_a_single_broker() -> None:
    """Sixteen, of which dead letters are kept for ever."""
    specs = topic_specs(
        partitions=12, replication_factor=1, retention_days=7, max_body_bytes=32 * 2**20
    )
    assert len(specs) == len({spec.name for spec in specs}) == 16
    for spec in specs:
        dead = spec.name == "instagram.dead_letters"
        assert (spec.partitions, spec.replication_factor) == (12, 1)
        assert spec.config == {
            "max.message.bytes": str(33 * 2**20),
            "min.insync.replicas": "1",
            "cleanup.policy": "delete",
            "compression.type": "producer",
            "retention.ms": "-1" if dead else "604800000",
        }


@given(st.integers(1, 1000), st.integers(1, 9), st.integers(2, 3650), st.integers(1024, 2**28))
def test_an_acknowledged_record_is_on_two_disks_where_it_can_be(
    partitions: int, replicas: int, days: int, body_bytes: int
) -> None:
    """And one broker may always be away: fewer in-sync replicas are needed than there are."""
    for spec in topic_specs(
        partitions=partitions,
        replication_factor=replicas,
        retention_days=days,
        max_body_bytes=body_bytes,
    ):
        needed = int(spec.config["min.insync.replicas"])
        assert needed == (2 if replicas >= 3 else 1)
        assert needed < replicas or replicas == 1
        assert int(spec.config["max.message.bytes"]) == max_record_bytes(body_bytes)


def test_the_largest_body_passes_with_its_headers() -> None:
    """A record is larger than its body, and an event larger than its value."""
    assert RECORD_OVERHEAD_BYTES >= 64 * 1024
    assert max_record_bytes(1024) == 1024 + RECORD_OVERHEAD_BYTES
