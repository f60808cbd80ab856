"""Of what was answered about an object, the answer that decides its row."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from hookline.replay.enrichment import deciding
from schemas.enriched import Read

NOW = datetime(2026, 11, 23, tzinfo=UTC)

reads = st.builds(
    lambda object_id, endpoint, status, seconds: Read(
        account_id="1",
        endpoint=endpoint,
        object_id=object_id,
        read_at=NOW + timedelta(seconds=seconds),
        status=status,
    ),
    st.sampled_from("123"),
    st.sampled_from(["comment", "media"]),
    st.sampled_from(["done", "partial", "pending", "unreadable"]),
    st.integers(0, 9),
)


@given(told=st.lists(st.tuples(st.sampled_from("ab"), reads)), seed=st.integers())
def test_one_read_of_each_object_of_an_event_is_chosen(
    told: list[tuple[str, Read]], seed: int
) -> None:
    """An answer before none, then the later one; in whatever order they were recorded."""
    chosen = deciding(told)
    keys = [(event_id, read.endpoint, read.object_id) for event_id, read in chosen]
    assert sorted(set(keys)) == keys
    assert set(keys) == {(event_id, read.endpoint, read.object_id) for event_id, read in told}
    for event_id, read in told:
        key = (event_id, read.endpoint, read.object_id)
        assert chosen[keys.index(key)][1].rank >= read.rank
    shuffled = list(told)
    Random(seed).shuffle(shuffled)
    assert [one.rank for _, one in deciding(shuffled)] == [one.rank for _, one in chosen]
