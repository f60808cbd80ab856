"""A verdict finds whatever is lost, doubled or unexplained, and nothing in what is right."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.delivery import Delivery
from simulator.expected import expect
from simulator.traffic import mixed
from tests.chaos.verdict import Letter, Sent, Stored, body_sha256, event_contents, judge

POISON = "0" * 64


def _deliveries(seed: int, count: int) -> list[Delivery]:
    right = (one for one in mixed(seed, 10_000) if one.status == 200 and one.readable)
    return list(islice(right, count))


def _right(sent: list[Delivery]) -> Stored:
    """What a right line stores of these deliveries, and of one poisoned record."""
    expected = expect(sent)
    contents = event_contents(sent)
    return Stored(
        bodies=Counter(body_sha256(one) for one in sent),
        events=Counter({event_id for event_id, _ in contents}),
        contents=frozenset(contents),
        tests=expected.tests,
        ad_sightings=expected.ad_sightings,
        story_metrics=expected.story_metrics,
        suppressed_metrics=expected.suppressed_metrics,
        outcomes=Counter(stored=expected.contents, dead=1),
        letters=Counter({Letter("dedupe", "not_json", POISON): 1}),
    )


def _sent(acknowledged: list[Delivery], perhaps: list[Delivery]) -> Sent:
    posted = Counter(map(body_sha256, [*acknowledged, *perhaps]))
    return Sent(acknowledged, perhaps, frozenset({POISON}), posted + posted)


@given(st.integers(0, 50), st.integers(1, 60), st.data())
@settings(deadline=None, max_examples=40)
def test_a_right_line_is_found_right(seed: int, count: int, data: st.DataObject) -> None:
    """Also when some deliveries were stored without an answer, or stored again after one."""
    deliveries = _deliveries(seed, count)
    cut = data.draw(st.integers(0, count))
    arrived = data.draw(st.integers(cut, count))
    stored = _right(deliveries[:arrived])
    again = data.draw(st.sampled_from(deliveries[:arrived])) if arrived else None
    if again is not None:
        stored.bodies[body_sha256(again)] += 1
    verdict = judge(_sent(deliveries[:cut], deliveries[cut:]), stored)
    assert verdict.holds, [check for check in verdict.checks if not check.holds]
    assert (verdict.acknowledged, verdict.stored) == (cut, cut)
    assert (verdict.lost, verdict.doubled, verdict.dead_letters_unexpected) == (0, 0, 0)
    assert verdict.dead_letters_expected == 1


@given(st.integers(0, 20), st.data())
@settings(deadline=None, max_examples=30)
def test_a_missing_body_or_row_is_lost(seed: int, data: st.DataObject) -> None:
    """Whichever it is."""
    deliveries = _deliveries(seed, 40)
    right = _right(deliveries)
    body = data.draw(st.sampled_from(sorted(right.bodies)))
    verdict = judge(_sent(deliveries, []), replace(right, bodies=right.bodies - Counter({body: 1})))
    assert (verdict.lost, verdict.stored, verdict.holds) == (1, 39, False)
    event = data.draw(st.sampled_from(sorted(right.events)))
    verdict = judge(
        _sent(deliveries, []), replace(right, events=right.events - Counter({event: 1}))
    )
    assert (verdict.lost, verdict.holds) == (1, False)


@given(st.integers(0, 20), st.data())
@settings(deadline=None, max_examples=30)
def test_a_second_row_or_a_foreign_one_is_doubled(seed: int, data: st.DataObject) -> None:
    """One row an event, and no row without one."""
    deliveries = _deliveries(seed, 40)
    right = _right(deliveries)
    for name in (data.draw(st.sampled_from(sorted(right.events))), "comments:1:never-sent"):
        found = replace(right, events=right.events + Counter({name: 1}))
        verdict = judge(_sent(deliveries, []), found)
        assert (verdict.doubled, verdict.holds) == (1, False)


SPOILT: dict[str, Callable[[Stored], Stored]] = {
    "archived bodies that nobody sent": lambda one: replace(
        one, bodies=one.bodies + Counter({"f" * 64: 1})
    ),
    "archived bodies beyond those that were sent": lambda one: replace(
        one, bodies=one.bodies + Counter({min(one.bodies): 99})
    ),
    "archived bodies that do not match their checksum": lambda one: replace(one, misnamed=1),
    "contents without a claim": lambda one: replace(
        one, contents=one.contents - {min(one.contents)}
    ),
    "claims of contents that nobody sent": lambda one: replace(
        one, contents=one.contents | {("comments:1:2", "never")}
    ),
    "appearances on ads": lambda one: replace(one, ad_sightings=one.ad_sightings + 1),
    "story metrics": lambda one: replace(one, story_metrics=one.story_metrics - 1),
    "suppressed story metrics": lambda one: replace(
        one, suppressed_metrics=one.suppressed_metrics - 1
    ),
    "dashboard tests, at least": lambda one: replace(one, tests=one.tests - 1),
    "changes without an outcome": lambda one: replace(
        one, outcomes=one.outcomes + Counter(in_flight=1)
    ),
    "dead letters that nobody poisoned": lambda one: replace(
        one, letters=one.letters + Counter({Letter("persist", "sqlstate_22", "e" * 64): 1})
    ),
    "poisoned records that are no dead letters": lambda one: replace(one, letters=Counter()),
    "offset ranges lost in Kafka": lambda one: replace(one, gaps=1),
    "workers that stopped themselves": lambda one: replace(one, open_breakers=1),
}


@pytest.mark.parametrize("name", SPOILT)
def test_each_check_finds_its_fault_alone(name: str) -> None:
    """One thing wrong is one check that fails, by its name."""
    deliveries = _deliveries(3, 200)
    verdict = judge(_sent(deliveries, []), SPOILT[name](_right(deliveries)))
    assert [check.name for check in verdict.checks if not check.holds] == [name]
    assert not verdict.holds
