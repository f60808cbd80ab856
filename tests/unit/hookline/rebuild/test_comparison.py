"""Checksums that do not depend on order, and what is compared at all."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from hookline.rebuild.compared import COMPARED
from hookline.rebuild.comparison import Sums, differing_buckets, total
from hookline.rebuild.scratch import DEFAULT, is_scratch_name
from schemas.tables import metadata

HASH = st.integers(-(2**63), 2**63 - 1)
ROWS = st.dictionaries(st.integers(0, 500), HASH, max_size=60)


def _buckets(rows: dict[int, int], seed: int) -> dict[int, Sums]:
    """As SQL sums them: by the key's bucket, in any order."""
    listed = list(rows.items())
    Random(seed).shuffle(listed)
    buckets: dict[int, Sums] = {}
    for key, row_hash in listed:
        known = buckets.get(key % 16, Sums(0, 0))
        buckets[key % 16] = Sums(known.rows + 1, known.total + row_hash)
    return buckets


@given(rows=ROWS, seed=st.integers())
def test_the_order_of_rows_does_not_matter(rows: dict[int, int], seed: int) -> None:
    """The same rows, read in another order, have the same checksum and differ nowhere."""
    one, other = _buckets(rows, 0), _buckets(rows, seed)
    assert differing_buckets(one, other) == []
    assert total(one) == total(other)
    assert total(one).checksum == total(other).checksum
    assert len(total(one).checksum) == 16


@given(rows=ROWS, key=st.integers(0, 500), row_hash=HASH)
def test_one_row_that_differs_is_in_the_bucket_that_differs(
    rows: dict[int, int], key: int, row_hash: int
) -> None:
    """Added, removed or changed: its bucket is named, and no other."""
    changed = {**rows, key: row_hash}
    expected = [] if rows.get(key) == row_hash else [key % 16]
    assert differing_buckets(_buckets(rows, 0), _buckets(changed, 0)) == expected
    without = {k: v for k, v in rows.items() if k != key}
    expected = [key % 16] if key in rows else []
    assert differing_buckets(_buckets(without, 0), _buckets(rows, 0)) == expected


def test_every_column_is_compared_or_left_out_for_a_reason() -> None:
    """A new column of a table must be decided on: from deliveries and reads, or from elsewhere."""
    left_out = {
        "claims": set[str](),
        "sightings": {"verdict"},
        "comments": {"deleted_at"},
        "ad_sightings": set[str](),
        "mentions": {"deleted_at"},
        "story_insights": set[str](),
        "other_events": set[str](),
        "media": set[str](),
    }
    found = {
        one.table.name: {column.name for column in one.table.columns}
        - set(one.key)
        - set(one.columns)
        for one in COMPARED
    }
    assert found == left_out


def test_keys_are_those_of_the_tables() -> None:
    """What names a row here is what PostgreSQL keeps unique."""
    for one in COMPARED:
        table = metadata.tables[one.table.fullname]
        assert set(one.key) == {column.name for column in table.primary_key}


@given(name=st.text(max_size=60))
def test_a_scratch_name_needs_no_quotes_and_is_nobody_elses(name: str) -> None:
    """What goes into statements is an identifier as it stands."""
    if is_scratch_name(name):
        assert name.isascii()
        assert name == name.lower()
        assert name.isidentifier()
        assert not name.startswith("pg_")
        assert len(name) <= 48


def test_schemas_in_use_are_no_scratch_names() -> None:
    """The default is one; those that hold something are not."""
    assert is_scratch_name(DEFAULT)
    for taken in ("hookline", "analytics", "public", "information_schema", "pg_temp", "", "a;b"):
        assert not is_scratch_name(taken)
