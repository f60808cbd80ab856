"""What a rule answers, and when it may not send."""

from collections import Counter
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.workers.reply.factories import ACCOUNT, NOW
from tests.unit.workers.reply.rules.factories import KINDS, facts, rule, sent, texts
from workers.reply.deciding import Decision, Hold
from workers.reply.facts import Facts
from workers.reply.rules.rule import Asked, Miss, Rule
from workers.reply.rules.rule_set import RuleSet

HOUR = timedelta(hours=1)
SLOW = r"(a|aa)+$"


def _answer(one: Rule, asked: Facts) -> Decision | Miss:
    return one.answer(Asked(asked))


def test_a_rule_without_words_answers_everything() -> None:
    """Also what has no text."""
    assert _answer(rule(), facts()) == Decision("thanks", "Thank you!", dry_run=False)
    assert _answer(rule(dry_run=True), facts(text=None)) == Decision("thanks", "Thank you!", True)


@pytest.mark.parametrize(
    ("given_", "asked", "miss"),
    [
        ({"on": ["comment"]}, {"kind": "caption_mention"}, "other_kind"),
        ({"accounts": ["1"]}, {}, "other_account"),
        ({"start": NOW + timedelta(seconds=1)}, {}, "before_start"),
        ({"words": ["win"]}, {"text": None}, "no_text"),
        ({"pattern": "win"}, {"text": None}, "no_text"),
        ({"words": ["win", "lose"]}, {"text": "winter"}, "no_match"),
        ({"pattern": r"\bwin\b"}, {"text": "winter"}, "no_match"),
        ({"pattern": SLOW}, {"text": "a" * 2200 + "!"}, "timeout"),
        ({"answers": ["Hi {username}"]}, {"username": None}, "no_name"),
        ({"answers": ["{account}: hi"]}, {"account_name": None}, "no_name"),
        ({"answers": ["Hi {username}"]}, {"username": "{x} @all"}, "no_name"),
    ],
)
def test_why_not(given_: dict[str, Any], asked: dict[str, Any], miss: Miss) -> None:
    """Each reason has a name."""
    assert _answer(rule(**given_), facts(**asked)) == miss


@pytest.mark.parametrize(
    ("given_", "asked"),
    [
        ({"on": ["comment", "caption_mention"]}, {"kind": "caption_mention"}),
        ({"accounts": ["1", int(ACCOUNT)]}, {}),
        ({"start": NOW}, {}),
        ({"words": ["lose", "win"]}, {"text": "WIN!"}),
        ({"pattern": r"\bwin\b"}, {"text": "WIN!"}),
    ],
)
def test_what_it_says(given_: dict[str, Any], asked: dict[str, Any]) -> None:
    """All conditions hold."""
    assert isinstance(_answer(rule(**given_), facts(**asked)), Decision)


def test_an_answer_without_the_name_when_it_is_unknown() -> None:
    """As there is one."""
    both = rule(answers=["Hi {username}!", "Hi!"])
    assert {_told(both, facts(username=None, number=one)) for one in range(20)} == {"Hi!"}
    assert {_told(both, facts(number=one)) for one in range(20)} == {"Hi ann!", "Hi!"}


def _told(one: Rule, asked: Facts) -> str:
    found = _answer(one, asked)
    assert isinstance(found, Decision)
    return found.message


def test_the_accounts_name_is_known_when_that_of_the_other_is_not() -> None:
    """Each by itself."""
    assert _told(rule(answers=["{account}: hi"]), facts(username=None)) == "brand: hi"


def test_all_answers_are_given() -> None:
    """About as often; to the same event always the same one."""
    three = rule(answers=["a", "b", "c"])
    counts = Counter(_told(three, facts(number=one)) for one in range(300))
    assert set(counts) == {"a", "b", "c"}
    assert min(counts.values()) > 60
    assert all(_told(three, facts(number=7)) == _told(three, facts(number=7)) for _ in range(9))


def test_the_first_that_answers_does() -> None:
    """In the order of the file."""
    rules = RuleSet([rule("a", words=["x"]), rule("b", words=["win"]), rule("c", dry_run=True)])
    assert _name(rules, "win") == "b"
    assert _name(rules, "win x") == "a"
    assert _name(rules, "hello") == "c"
    assert list(rules.sending) == ["a", "b"]
    assert next(one for _, one in rules.outcomes(facts("win"))) == "no_match"


def _name(rules: RuleSet, text: str) -> str | None:
    found = rules.decide(facts(text))
    return found and found.rule


def test_a_pattern_that_takes_too_long_leaves_it_to_the_next_rule() -> None:
    """And is told, with the event."""
    told: list[tuple[str, str]] = []
    rules = RuleSet(
        [rule("slow", pattern=SLOW), rule("next")],
        lambda one, asked: told.append((one.name, asked.event_id)),
    )
    assert _name(rules, "a" * 2200 + "!") == "next"
    assert told == [("slow", f"comments:{ACCOUNT}:179")]
    assert _name(rules, "aaa") == "slow"


events = st.builds(
    facts,
    st.none() | texts,
    st.none() | texts,
    st.sampled_from(KINDS),
    number=st.integers(0, 99),
    at=st.timedeltas(timedelta(-9), timedelta(9)).map(lambda one: NOW + one),
)
GIVEN: list[dict[str, Any]] = [
    {},
    {"words": ["a", "👍"]},
    {"pattern": r"\w+\s"},
    {"pattern": SLOW},
    {"on": ["comment"], "answers": ["{username}?", "!"]},
    {"answers": ["{username}?"]},
    {"start": NOW},
    {"accounts": [ACCOUNT], "dry_run": True},
]
rule_sets = st.lists(st.sampled_from(GIVEN), max_size=5).map(
    lambda all_: RuleSet([rule(f"r{number}", **given_) for number, given_ in enumerate(all_)])
)


@given(rule_sets, events)
def test_deciding_is_total_and_the_same_again(rules: RuleSet, asked: Facts) -> None:
    """Whatever people write, and are called."""
    decision = rules.decide(asked)
    assert decision == rules.decide(asked)
    outcomes = [found for _, found in rules.outcomes(asked)]
    assert decision == next((one for one in outcomes if isinstance(one, Decision)), None)
    if decision is not None:
        assert decision.message.strip()
        assert decision.rule in [one.name for one in rules.rules]
        assert decision.message.strip() not in repr(decision)


@pytest.mark.parametrize(
    ("given_", "changed", "hold"),
    [
        ({}, {"asked_at": NOW - 24 * HOUR}, None),
        ({}, {"asked_at": NOW - 24.01 * HOUR}, Hold("too_old", None)),
        ({"max_age_hours": 0.5}, {"asked_at": NOW - HOUR}, Hold("too_old", None)),
        ({"max_age_hours": 48}, {"asked_at": NOW - 25 * HOUR}, None),
        ({"max_per_person": 2}, {"to_person": 1}, None),
        ({"max_per_person": 2}, {"to_person": 2}, Hold("person_limit", None)),
        ({"max_per_hour": 2}, {"last_hour": [NOW - HOUR / 2]}, None),
        (
            {"max_per_hour": 2},
            {"last_hour": [NOW - HOUR / 2, NOW - HOUR / 3, NOW]},
            Hold("hour_limit", NOW + HOUR * 2 / 3),
        ),
        (
            {"quiet_hours": "12:30-14:00", "time_zone": "Europe/Berlin"},
            {},
            Hold("quiet_hours", NOW + HOUR),
        ),
        ({"quiet_hours": "12:30-14:00"}, {}, None),
    ],
)
def test_holds(given_: dict[str, Any], changed: dict[str, Any], hold: Hold | None) -> None:
    """It is put off, or fails when later is too late."""
    assert RuleSet([rule(**given_)]).hold(sent(**changed)) == hold


def test_a_rule_that_is_gone_sends_nothing() -> None:
    """Nor does what was planned fail: the rule may come back."""
    found = RuleSet([rule("other")]).hold(sent())
    assert found is not None
    assert found.until is not None
    assert found.until > NOW


@given(
    st.lists(st.timedeltas(timedelta(0), HOUR), max_size=8).map(sorted),
    st.integers(1, 9),
    st.integers(0, 9),
    st.timedeltas(timedelta(0), timedelta(2)),
    st.sampled_from([None, "22:00-07:00", "11:00-13:00"]),
)
def test_what_is_put_off_is_put_off_to_later(
    ages: list[timedelta], per_hour: int, to_person: int, age: timedelta, quiet: str | None
) -> None:
    """And what may be sent is within each limit."""
    quiet_hours = {} if quiet is None else {"quiet_hours": quiet}
    one = rule(max_per_hour=per_hour, max_per_person=3, **quiet_hours)
    last_hour = [NOW - age for age in reversed(ages)]
    found = one.hold(sent(last_hour=last_hour, to_person=to_person, asked_at=NOW - age))
    if found is None:
        assert len(ages) < per_hour
        assert to_person < 3
        assert age <= timedelta(days=1)
        assert one.quiet_hours is None or one.quiet_hours.until(NOW, ZoneInfo("UTC")) is None
    elif found.until is not None:
        assert NOW <= found.until <= NOW + timedelta(days=1)
