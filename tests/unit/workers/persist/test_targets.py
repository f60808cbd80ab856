"""What follows from folded columns, and that tables have the columns that are written."""

import pytest

from workers.persist.handler import TARGETS
from workers.persist.targets import COMMENTS, HEAD, STORY_INSIGHTS, Target

NAMES = [target.table.name for target in TARGETS]


@pytest.mark.parametrize(
    ("original", "media", "canonical"),
    [
        (None, None, None),
        (None, "18083490000000001", "18083490000000001"),
        ("18085700000000001", "18083490000000001", "18085700000000001"),
        ("18085700000000001", None, "18085700000000001"),
    ],
)
def test_the_canonical_media_is_the_original_where_known(
    original: str | None, media: str | None, canonical: str | None
) -> None:
    """An ad's copy counts for the post that it was made from."""
    row: dict[str, str | None] = dict.fromkeys(COMMENTS.folded)
    row |= {"media_id": media, "original_media_id": original}
    assert list(COMMENTS.derived or ()) == ["canonical_media_id"]
    assert COMMENTS.derive(tuple(row.values())) == (canonical,)


def test_other_tables_derive_nothing() -> None:
    """Only comments have a column that follows from others."""
    for target in TARGETS:
        if target is not COMMENTS:
            assert target.derive((None,) * len(target.folded)) == ()


@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
def test_a_target_writes_columns_of_its_table(target: Target) -> None:
    """Its key is the table's primary key, and no column stands twice."""
    last = [target.last_received] if target.last_received else []
    written = [*target.key, *target.folded, *(target.derived or ()), target.received, *last, *HEAD]
    assert len(set(written)) == len(written)
    assert set(written) <= set(target.table.columns.keys())
    assert list(target.key) == [column.name for column in target.table.primary_key]


def test_only_metrics_take_the_latest() -> None:
    """Everything else takes the earliest that has a value."""
    assert {target.table.name for target in TARGETS if target.order == "greatest"} == {
        STORY_INSIGHTS.table.name
    }


def test_nothing_that_must_be_there_is_left_out() -> None:
    """Columns that refuse null are written, or have a default."""
    for target in TARGETS:
        last = [target.last_received] if target.last_received else []
        written = {*target.key, *target.folded, target.received, *last, *HEAD}
        needed = {
            column.name
            for column in target.table.columns
            if not column.nullable and column.server_default is None
        }
        assert needed <= written
