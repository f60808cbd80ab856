"""What can be asked for, and how an order is kept."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.replay.order import MAX_IDS, Order, OrderError, check, from_arguments
from schemas.fields import FIELDS

moments = st.datetimes(timezones=st.just(UTC))
event_ids = st.builds(
    ":".join, st.tuples(st.sampled_from(FIELDS), st.sampled_from("123"), st.sampled_from("456"))
)
orders = st.builds(
    Order,
    st.sampled_from(["archive", "dedupe", "enrich", "persist"]),
    st.sampled_from(["topic", "archive"]),
    st.none() | st.sampled_from(FIELDS),
    st.none() | st.sampled_from("123"),
    st.none() | st.frozensets(event_ids, max_size=5),
    st.none() | st.just("SELECT 1"),
    st.none() | moments,
    st.none() | moments,
    st.none() | st.integers(1, 10),
    st.none() | st.sampled_from(["recorded", "refresh"]),
)


@given(orders)
def test_an_order_is_read_back_as_it_was_kept(order: Order) -> None:
    """So that one that goes on selects the same."""
    assert from_arguments({**order.arguments(), "rate": 5}) == order


@given(orders, st.sampled_from("123"), event_ids, moments)
def test_whatever_is_meant_is_meant_in_every_respect(
    order: Order, account: str, event_id: str, moment: datetime
) -> None:
    """And a field that no id names is not looked at."""
    means = (order.account in (None, account)) and (order.ids is None or event_id in order.ids)
    assert order.means(account, event_id) == means
    in_time = not (order.since and moment < order.since) and not (
        order.until and moment >= order.until
    )
    assert order.means_time(moment) == in_time
    if order.ids is not None and order.field is None:
        named = {one.partition(":")[0] for one in order.ids}
        assert set(order.fields) == (named - {"other"} if order.stage == "enrich" else named)
    if order.field is not None:
        assert set(order.fields) <= {order.field}


NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (Order("archive", "archive"), "leave it out"),
        (Order("persist", since=NOW, until=NOW), "is not before"),
        (Order("persist", since=NOW, until=NOW - timedelta(1)), "is not before"),
        (Order("persist", ids=frozenset({"17900000000000001"})), "no event id"),
        (Order("persist", ids=frozenset({"likes:1:2"})), "no event id"),
        (Order("persist", ids=frozenset({"comments:1"})), "no event id"),
        (Order("persist", field="mentions", ids=frozenset({"comments:1:2"})), "none of the ids"),
        (Order("persist", ids=frozenset(f"other:1:{n}" for n in range(MAX_IDS + 1))), "more than"),
    ],
)
def test_what_makes_no_sense_is_told(order: Order, told: str) -> None:
    """Before anything is done."""
    with pytest.raises(OrderError, match=told):
        check(order)


def test_what_makes_sense_passes() -> None:
    """Also no id at all, such as a query may give."""
    check(Order("persist", since=NOW - timedelta(1), until=NOW, ids=frozenset()))
    check(Order("dedupe", "archive", ids=frozenset({"other:0:test:a:0.changes.0"})))
