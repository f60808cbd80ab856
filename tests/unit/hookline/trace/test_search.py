"""Ids as people have them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.trace.search import delivery_id_of, when_made
from hookline.trace.stored import heads_and_tails
from ingest.delivery_id import uuid7

MOMENTS = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis takes them without a zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(MOMENTS, st.binary(min_size=10, max_size=10))
def test_a_delivery_id_tells_when_it_was_received(moment: datetime, chance: bytes) -> None:
    """Within the millisecond, so that one month's partition is looked through."""
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    bounds = when_made(uuid7(microseconds // 1000, chance))
    assert bounds is not None
    assert bounds[0] <= moment < bounds[1]


@given(st.uuids(version=4))
def test_another_uuid_tells_no_time(delivery_id: object) -> None:
    """It is looked for everywhere."""
    assert when_made(str(delivery_id)) is None


def test_a_time_beyond_the_calendar_is_none() -> None:
    """Forty-eight bits of milliseconds reach further than dates do."""
    assert when_made("ffffffff-ffff-7fff-8fff-ffffffffffff") is None


@pytest.mark.parametrize("text", ["", "555", "comments:1:2", "0193", "zz" * 16])
def test_other_ids_are_no_deliveries(text: str) -> None:
    """Only what reads as a UUID may be one."""
    assert delivery_id_of(text) is None


@given(st.uuids())
def test_a_delivery_id_may_be_spelled_in_any_way(delivery_id: object) -> None:
    """Upper case, braces, without hyphens."""
    text = str(delivery_id)
    for spelled in (text, text.upper(), f"{{{text}}}", text.replace("-", "")):
        assert delivery_id_of(spelled) == text


@given(st.text(st.sampled_from("ab:"), max_size=8))
def test_every_cut_is_tried(text: str) -> None:
    """Whichever colon stands between account and key, both halves are among them."""
    heads, tails = heads_and_tails(text)
    assert [f"{head}:{tail}" for head, tail in zip(heads, tails, strict=True)] == [
        text
    ] * text.count(":")
