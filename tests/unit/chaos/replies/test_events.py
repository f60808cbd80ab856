"""What Meta tells of in the proof of replies, and which rule answers it."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.world import World
from tests.chaos.replies.events import ACCOUNTS, deliveries, event_of, kind_of
from tests.chaos.replies.rules import (
    DRY_RUN,
    EVERYONE,
    LEFT_ALONE,
    MAX_PER_HOUR,
    RULES,
    TRIED,
    day_file,
    rule_of,
    rules_file,
)
from workers.reply.rules.rules_file import read_rules

NOW_S = 1_790_000_000.0


@given(st.integers(0, 99), st.integers(0, 60), st.integers(0, 20))
@settings(max_examples=20)
def test_there_are_as_many_events_as_wanted(seed: int, mentions: int, comments: int) -> None:
    """However often they come, and in what deliveries."""
    made = deliveries(seed, mentions, comments, NOW_S)
    ids = {change.event_id for delivery in made for change in delivery.changes}
    kinds = Counter(kind_of(event_id or "") == "comment" for event_id in ids)
    assert (kinds[False], kinds[True]) == (mentions, comments)


def test_some_deliveries_come_again() -> None:
    """The same bytes; and every kind of event is among them."""
    made = deliveries(7, 200, 20, NOW_S)
    assert len({delivery.body for delivery in made}) < len(made)
    ids = {change.event_id or "" for delivery in made for change in delivery.changes}
    assert {kind_of(one) for one in ids} == set(RULES.values())


def test_an_event_by_its_id() -> None:
    """What is to be answered is the comment, or the media."""
    assert event_of("mentions:1:18:179", None)[1:] == ("1", "179", None)
    assert event_of("mentions:1:18:-", "r")[1:] == ("1", "18", "r")
    assert event_of("comments:1:179", "r")[1:] == ("1", "179", "r")


def test_the_rules_are_those_of_the_file() -> None:
    """By name, kind and account: what the verdict believes is what the worker reads."""
    rules = read_rules(rules_file().encode())
    for account in World(0, accounts=ACCOUNTS).accounts:
        for event_id in (f"mentions:{account.id}:18:179", f"mentions:{account.id}:18:-"):
            names = [
                rule.name
                for rule in rules
                if kind_of(event_id) in rule.on and account.id in (rule.accounts or ())
            ]
            assert names == [name for name in (rule_of(event_id),) if name is not None]
    assert rule_of(f"mentions:{TRIED}:18:179") == DRY_RUN
    assert rule_of(f"comments:{LEFT_ALONE}:179") is None
    assert [rule.name for rule in rules if rule.dry_run] == [DRY_RUN]


def test_the_day_has_one_rule_for_everything() -> None:
    """It matches all that anybody writes, and names our accounts in its answer."""
    [rule] = read_rules(day_file().encode())
    assert (rule.name, rule.words, rule.pattern) == (EVERYONE, None, None)
    assert set(rule.on) == set(RULES.values())
    assert (rule.max_per_hour, str(rule.quiet_hours)) == (MAX_PER_HOUR, "22:00-06:00")
    assert "@brand_1" in rule.answers[0].told
