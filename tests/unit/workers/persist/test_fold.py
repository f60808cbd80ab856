"""A row is the same whatever the order, the batching and the repetition of its contents."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import ClaimKey
from schemas.splitting import Position
from tests.unit.schemas.values import untimed
from workers.persist.fold import Content, Folded, fold, united

START = datetime(2026, 11, 22, tzinfo=UTC)

Order = Literal["least", "greatest"]
ORDERS: list[Order] = ["least", "greatest"]


def key(second: int, delivery: str = "a", item: int = 0) -> ClaimKey:
    """A claim's key."""
    return ClaimKey(START + timedelta(seconds=second), delivery, Position(0, "changes", item))


keys = st.builds(key, st.integers(0, 3), st.sampled_from("ab"), st.integers(0, 11))
values = st.tuples(*[st.none() | st.integers(0, 3)] * 3)


@st.composite
def tellings(draw: st.DrawFn) -> list[Content]:
    """Contents as they are told: each hash has its values, at one key or at several.

    Two contents never stand at one key, for a position of a delivery holds one.
    """
    texts = draw(st.dictionaries(st.sampled_from("wxyz"), values, min_size=1))
    told = draw(st.lists(st.tuples(st.sampled_from(sorted(texts)), keys), min_size=1, max_size=8))
    owners: dict[ClaimKey, str] = {}
    return [
        Content(content_hash, at, texts[content_hash])
        for content_hash, at in told
        if owners.setdefault(at, content_hash) == content_hash
    ]


@untimed
@given(tellings(), st.data(), st.sampled_from(ORDERS))
def test_order_batching_and_repetition_do_not_matter(
    told: list[Content], data: st.DataObject, order: Order
) -> None:
    """Lowered claims among them: what was told at a later key is told again at an earlier one."""
    again = data.draw(st.permutations(told + data.draw(st.lists(st.sampled_from(told)))))
    cut = data.draw(st.integers(0, len(again)))
    at_once = fold(united(told), order)
    batched = united(united(again[:cut]).values(), united(again[cut:]).values())
    assert fold(batched, order) == at_once
    # A row that is stored holds its contents, and is folded anew with what comes.
    stored = united(again[:1])
    for content in again[1:]:
        stored = united(fold(stored, order).contents, [content])
    assert fold(stored, order) == at_once


@untimed
@given(tellings())
def test_each_content_stands_once_at_its_least_key(told: list[Content]) -> None:
    """However often it is told."""
    found = united(told)
    assert set(found) == {content.content_hash for content in told}
    for content_hash, content in found.items():
        same = [each.key for each in told if each.content_hash == content_hash]
        assert content.key == min(same)
        assert content.content_hash == content_hash


@untimed
@given(tellings())
def test_each_column_is_the_earliest_that_has_a_value(told: list[Content]) -> None:
    """Null gives way to whatever comes later."""
    contents = united(told)
    folded = fold(contents, "least")
    ordered = sorted(contents.values(), key=lambda content: content.key)
    for index, value in enumerate(folded.values):
        told_values = [each.values[index] for each in ordered if each.values[index] is not None]
        assert value == (told_values[0] if told_values else None)
    assert folded.head == ordered[0]
    assert folded.last == ordered[-1].key
    assert folded.contents == tuple(ordered)


@untimed
@given(tellings())
def test_a_metric_is_the_latest_whole(told: list[Content]) -> None:
    """Nulls included: a number may turn suppressed."""
    contents = united(told)
    latest = max(contents.values(), key=lambda content: content.key)
    folded = fold(contents, "greatest")
    assert folded.values == latest.values
    assert (folded.head, folded.last) == (latest, latest.key)


@pytest.mark.parametrize("order", ORDERS)
def test_a_row_of_one_content_is_that_content(order: Order) -> None:
    """Nearly every row."""
    content = Content("h", key(1), ("text", None))
    assert fold(united([content]), order) == Folded(("text", None), content, key(1), (content,))


def test_an_ad_comment_and_its_organic_twin() -> None:
    """The first text stays, and what only the ad tells is filled in, in either order."""
    organic = Content("h1", key(1), ("price?", "media", None))
    on_ad = Content("h2", key(2), ("Price?", "ad media", "ad"))
    for told in ([organic, on_ad], [on_ad, organic]):
        assert fold(united(told), "least").values == ("price?", "media", "ad")


def test_lowering_a_claim_changes_the_head() -> None:
    """The fold is made anew: what was second is first."""
    first, second = Content("h1", key(5), ("one",)), Content("h2", key(9), ("two",))
    lowered = second._replace(key=key(1))
    assert fold(united([first, second]), "least").values == ("one",)
    folded = fold(united([first, second], [lowered]), "least")
    assert (folded.values, folded.head, folded.last) == (("two",), lowered, key(5))


def test_positions_decide_as_numbers() -> None:
    """Within one delivery 2 comes before 10."""
    two, ten = Content("h1", key(0, item=2), ("two",)), Content("h2", key(0, item=10), ("ten",))
    assert fold(united([ten, two]), "least").values == ("two",)
    assert fold(united([ten, two]), "greatest").values == ("ten",)
