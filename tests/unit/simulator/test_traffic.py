"""Streams repeat by seed, hold every case, and keep duplicates in their order."""

import hashlib
import json
from collections import Counter
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.cases import CASES, UnknownCaseError, select
from simulator.traffic import big, burst, for_seconds, mixed

SEEDS = st.integers(0, 2**63)


@settings(max_examples=20)
@given(SEEDS)
def test_same_seed_same_deliveries(seed: int) -> None:
    """Bodies, order and ground truth come again, and a longer run begins like a shorter one."""
    assert list(mixed(seed, 60)) == list(mixed(seed, 120))[:60]


@settings(max_examples=20)
@given(SEEDS)
def test_bursts_repeat_by_seed(seed: int) -> None:
    """Load is as repeatable as mixed traffic."""
    fields = ("comments", "mentions", "live_comments", "story_insights")
    assert list(islice(burst(seed, 7, fields), 3)) == list(islice(burst(seed, 7, fields), 3))


def test_known_seed_gives_known_bytes() -> None:
    """Bodies do not drift between releases or Python versions unnoticed."""
    digest = hashlib.sha256(b"".join(d.body for d in mixed(1, 500))).hexdigest()
    assert digest == "297683409a727af654e1e16a2829287dccde7023da87c920cf357cba4314242b"


def test_seeds_do_not_share_events() -> None:
    """Two runs tell of different events, so that the second is not taken for a repeat."""
    cases = [
        c for c in CASES if c.group not in ("hostile", "dashboard") and c.name != "changed_fields"
    ]
    first, second = (
        {change.event_id for delivery in mixed(seed, 300, cases) for change in delivery.changes}
        for seed in (1, 2)
    )
    assert not first & second


def test_every_weighted_case_comes_in_the_first_round() -> None:
    """A run of some length shows all that there is, and one of what is rare."""
    weighted = {case.name for case in CASES if case.weight > 0 and not case.rare}
    seen = {delivery.case for delivery in mixed(5, 2 * len(CASES))}
    assert weighted <= seen
    assert len(seen & {case.name for case in CASES if case.rare}) == 1


@settings(max_examples=5)
@given(SEEDS)
def test_unreadable_bodies_are_rare(seed: int) -> None:
    """None follows another within a thousand deliveries, so that no breaker trips; and each kind
    has its turn.
    """
    rare = {case.name for case in CASES if case.rare and case.weight > 0}
    names = [delivery.case for delivery in mixed(seed, 5000)]
    at = [place for place, name in enumerate(names) if name in rare]
    assert len(at) == 5
    assert min(b - a for a, b in pairwise(at)) > 500
    assert len({names[place] for place in at}) == 5


def test_what_is_rare_alone_is_as_frequent_as_asked() -> None:
    """Whoever asks for unreadable bodies gets them."""
    names = [delivery.case for delivery in mixed(5, 20, select(["not_json", "too_deep"]))]
    assert names == ["not_json"] * 20


def test_common_things_are_common() -> None:
    """Plain comments are the most frequent deliveries of a long run."""
    names = Counter(delivery.case for delivery in mixed(5, 3000))
    assert names.most_common(1)[0][0] == "organic"


@pytest.mark.parametrize(
    ("name", "ad_first"), [("organic_then_ad", False), ("ad_then_organic", True)]
)
def test_boosted_pairs_keep_their_order(name: str, ad_first: bool) -> None:
    """However much comes between, the first part is sent first."""
    order: dict[str | None, list[bool]] = {}
    for delivery in mixed(11, 2000, select([name, "organic", "live"])):
        if delivery.case == name:
            (change,) = delivery.changes
            order.setdefault(change.event_id, []).append(change.ad is not None)
    pairs = [flags for flags in order.values() if len(flags) == 2]
    assert len(pairs) > 10
    assert all(flags == [ad_first, not ad_first] for flags in pairs)


def test_resends_are_the_same_bytes_and_retimed_ones_are_not() -> None:
    """An identical resend and a new `entry.time` are two things."""
    resent = list(mixed(4, 50, select(["resend"])))
    assert len({delivery.body for delivery in resent}) < len(resent)
    retimed = list(mixed(4, 50, select(["retimed"])))
    assert len({delivery.body for delivery in retimed}) == len(retimed)
    assert len({c.event_id for d in retimed for c in d.changes}) < len(retimed)


def test_selection_narrows_by_name_field_and_group() -> None:
    """What is not given does not narrow, and cases of other fields stay out."""
    assert select() == list(CASES)
    assert [case.name for case in select(["reply"])] == ["reply"]
    assert {field for case in select(fields=["mentions"]) for field in case.fields} == {"mentions"}
    assert {case.group for case in select(groups=["hostile"])} == {"hostile"}


@pytest.mark.parametrize(
    ("names", "fields"), [(["no such"], []), ([], ["no such"]), (["reply"], ["mentions"])]
)
def test_selection_of_nothing_is_refused(names: list[str], fields: list[str]) -> None:
    """A misspelt name does not silently send something else."""
    with pytest.raises(UnknownCaseError):
        select(names, fields)


def test_case_names_are_unique_and_summarised() -> None:
    """The catalogue can be listed and asked for by name."""
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.summary.endswith(".") for case in CASES)


@pytest.mark.parametrize("changes", [1, 1000])
def test_burst_holds_as_many_new_updates_as_asked_for(changes: int) -> None:
    """Every update of a burst is an event of its own."""
    made = list(islice(burst(1, changes), 3))
    assert [len(delivery.changes) for delivery in made] == [changes] * 3
    assert len({c.event_id for d in made for c in d.changes}) == 3 * changes


@pytest.mark.parametrize("changes", [0, 1001])
def test_burst_keeps_to_what_meta_sends(changes: int) -> None:
    """No delivery has more than 1000 updates."""
    with pytest.raises(ValueError, match="between 1 and 1000"):
        next(burst(1, changes))


def test_biggest_delivery_is_as_large_as_meta_can_make_it() -> None:
    """1000 comments of 2,200 emoji are some 26 MB, and fit into 32 MiB."""
    delivery = big(1)
    assert 25_000_000 < len(delivery.body) < 32 * 1024 * 1024
    assert len(delivery.changes) == 1000


def test_stream_for_a_time_ends_by_the_clock() -> None:
    """The clock is read before each delivery."""
    ticks = iter([0.0, 1.0, 2.0, 3.0, 3.5])
    assert len(list(for_seconds(burst(1), 3.0, lambda: next(ticks)))) == 2


def test_time_passes() -> None:
    """Later deliveries are not told earlier: `entry.time` never falls."""
    times = [
        json.loads(delivery.body)["entry"][0]["time"]
        for delivery in mixed(1, 100, select(["organic", "live"]))
    ]
    assert all(earlier <= later for earlier, later in pairwise(times))
