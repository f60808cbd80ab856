"""What became of rows is counted exactly."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from hookline.replay.told import WRITTEN, Tally, Told, Written, duplicates, tally, told_by
from runtime.worker import Record
from schemas.dead_letters import Source
from schemas.topics import RAW_TOPICS
from tests.integration.archived import just_now, raw, traffic

PLAIN = Written("rows", ("key",))
HELD = Written("rows", ("key",), held=True)

keys = st.sampled_from([("a",), ("b",), ("c",)])
marks = st.sampled_from("xy")
tellings = st.lists(st.builds(Told, st.just("rows"), keys, marks))
states = st.dictionaries(keys, marks)


@given(tellings, states, states, st.sampled_from([PLAIN, HELD]))
def test_every_telling_of_a_row_that_is_there_is_counted_once(
    told: list[Told],
    before: Mapping[tuple[str, ...], str],
    after: Mapping[tuple[str, ...], str],
    table: Written,
) -> None:
    """As the row's, or as a duplicate; several contents of a row are the row's together."""
    found = tally(table, told, before, after)
    there = [one for one in told if one.key in after]
    kept = {one for one in there if not table.held or after[one.key] == one.mark}
    assert found.duplicates == len(there) - len(kept)
    assert found.new == len({one.key for one in kept} - set(before))
    assert found.new + found.changed + found.same == len({one.key for one in kept})
    if dict(before) == dict(after):
        assert found.new == found.changed == 0


def test_a_claim_is_its_holders_and_others_are_duplicates() -> None:
    """The same content of two deliveries: one row, one duplicate, whoever was first."""
    told = [Told("rows", ("a",), "x"), Told("rows", ("a",), "y")]
    assert tally(HELD, told, {}, {("a",): "y"}) == Tally(new=1, duplicates=1)
    assert tally(HELD, told, {("a",): "x"}, {("a",): "y"}) == Tally(changed=1, duplicates=1)
    assert tally(HELD, told, {("a",): "z"}, {("a",): "z"}) == Tally(duplicates=2)


def test_every_record_tells_rows_of_its_stages_tables() -> None:
    """Of every kind of simulated delivery; a refused one tells nothing."""
    records = [record for one in traffic(5, 100, just_now()) for record in raw(one)]
    for stage in ("archive", "dedupe"):
        names = {table.name: table for table in WRITTEN[stage]}
        told = [one for record in records for one in told_by(stage, record)]
        assert {one.table for one in told} == set(names)
        assert all(len(one.key) == len(names[one.table].key) for one in told)
    junk = Record(Source(next(iter(RAW_TOPICS)), 0, 0), None, b"junk", ())
    assert [told_by(stage, junk) for stage in WRITTEN] == [[]] * len(WRITTEN)


def test_a_change_that_came_again_is_one_duplicate() -> None:
    """Though it has a claim and a sighting."""
    again = Tally(duplicates=1)
    assert duplicates("dedupe", {"claims": again, "sightings": again}) == 1
