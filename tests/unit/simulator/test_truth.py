"""What a delivery claims to be agrees with the contract that receivers follow."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.decoding import UnreadableError
from schemas.identity import identify, is_typed
from schemas.splitting import fields_in, split
from simulator.cases import BY_NAME, CASES, Case, select
from simulator.delivery import Delivery
from simulator.expected import expect
from simulator.traffic import mixed, of_case

ANY_DELIVERY_ID = "0190b5a0-0000-7000-8000-000000000000"

TOLD: list[Delivery] = list(mixed(9, 300))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ground_truth_is_the_contract(case: Case) -> None:
    """Two independent readings of the contract find the same events, contents and tables."""
    for seed in range(3):
        for delivery in of_case(case, seed):
            if not delivery.readable:
                with pytest.raises(UnreadableError):
                    split(delivery.body)
                continue
            read = [(c, identify(c, ANY_DELIVERY_ID)) for c in split(delivery.body)]
            assert [
                (change.field, identity.event_id, identity.content_hash)
                for change, identity in read
                if not identity.is_test
            ] == [
                (change.field, change.event_id, change.content_hash)
                for change in delivery.changes
                if change.event_id is not None
            ]
            assert [is_typed(c.field, i.natural_key) for c, i in read] == [
                change.table != "other_events" for change in delivery.changes
            ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fields_of_a_case_are_those_its_bodies_go_to(case: Case) -> None:
    """A case that `--field` picks touches no other raw topic."""
    for delivery in of_case(case, 1):
        assert set(fields_in(delivery.body)) <= set(case.fields)


@given(st.permutations(TOLD))
@settings(max_examples=15)
def test_expectation_does_not_depend_on_order(order: list[Delivery]) -> None:
    """Meta guarantees no order."""
    assert expect(order) == expect(TOLD)


@given(st.lists(st.sampled_from(TOLD), min_size=1, max_size=20))
@settings(max_examples=30)
def test_repetition_adds_repeats_and_nothing_else(again: list[Delivery]) -> None:
    """A second telling of what was told makes no new event, content or row."""
    once, more = expect(TOLD), expect([*TOLD, *again])
    tests = sum(change.event_id is None for d in again for change in d.changes)
    changes = sum(len(delivery.changes) for delivery in again)
    assert more.repeats == once.repeats + changes - tests
    assert more.events == once.events
    assert (more.contents, more.amendments) == (once.contents, once.amendments)
    assert more.rows["comments"] == once.rows["comments"]
    assert more.rows["other_events"] == once.rows["other_events"] + tests


def test_counts_add_up() -> None:
    """Every change is a first content, an amendment, a repeat or a test."""
    told = expect(TOLD)
    assert told.changes.total() == (
        told.events.total() + told.amendments + told.repeats + told.tests
    )
    assert told.rows.total() == told.events.total() + told.tests
    assert told.organic_comments + told.ad_comments == told.rows["comments"]
    assert told.story_metrics > told.suppressed_metrics > 0


@pytest.mark.parametrize("name", ["organic_then_ad", "ad_then_organic", "boosted_at_once"])
def test_boosted_pair_is_one_comment_on_an_ad(name: str) -> None:
    """Two contents of one event: one row, one amendment, one ad sighting."""
    told = expect(of_case(BY_NAME[name], 3))
    assert (told.rows["comments"], told.amendments, told.repeats) == (1, 1, 0)
    assert (told.ad_comments, told.ad_sightings) == (1, 1)


@pytest.mark.parametrize(
    ("name", "events", "repeats"),
    [("retimed", 1, 1), ("repeated_within", 1, 1), ("rebatched", 3, 3), ("resend_batch", 3, 3)],
)
def test_repeats_of_known_cases(name: str, events: int, repeats: int) -> None:
    """The same content is one event, however it is packed."""
    told = expect(of_case(BY_NAME[name], 3))
    assert (told.events.total(), told.repeats, told.amendments) == (events, repeats, 0)


def test_story_revision_keeps_what_is_suppressed() -> None:
    """The number of suppressed metrics does not depend on which telling is the later one."""
    first, second = of_case(BY_NAME["story_revised"], 3)
    assert first.changes[0].suppressed == second.changes[0].suppressed != ()
    assert expect([first, second]).amendments == 1


def test_each_press_of_the_test_button_counts() -> None:
    """Dashboard tests repeat their ids, and are events of their own all the same."""
    pressed = list(mixed(1, 30, select(groups=["dashboard"])))
    told = expect(pressed)
    assert (told.tests, told.rows["other_events"], told.events.total()) == (30, 30, 0)


def test_unreadable_bodies_are_counted() -> None:
    """Each is a dead letter, and holds no change."""
    told = expect(of_case(BY_NAME["truncated"], 1) + of_case(BY_NAME["nan"], 1))
    assert (told.deliveries, told.unreadable, told.changes.total()) == (2, 2, 0)


def test_summary_holds_plain_counts() -> None:
    """The command prints it as JSON."""
    summary = expect(TOLD).summary()
    assert summary["deliveries"] == len(TOLD)
    assert summary["organic_comments"] == expect(TOLD).organic_comments
    assert type(summary["changes"]) is dict
