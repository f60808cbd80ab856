"""What probes make of answers, without any network."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from graph.answers import Answer
from graph.errors import Action, Verdict
from graph.pages import Page
from graph.subscribing import PageCheck, Refusal
from hookline.doctor.facts import Behind, Disk, Ingest, Topic
from hookline.doctor.finding import Unseen
from hookline.doctor.meta import Clock, PageState
from hookline.doctor.probes import disk
from hookline.doctor.probes.account import broadcasts_of, granted_by, page_state, token_of
from hookline.doctor.probes.callback import reason_in
from hookline.doctor.probes.database import arrived_of, months_of
from hookline.doctor.probes.graph import clock_of
from hookline.doctor.probes.ingest import ingest_of
from hookline.doctor.probes.kafka import behind_of, halved, topic_of

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "scopes", "app_id", "subcode"]), inner)
    ),
)


def test_what_ingest_tells() -> None:
    """Its own metrics, as its page has them."""
    registry = CollectorRegistry()
    outcomes = Counter("hookline_deliveries_total", "", ["outcome"], registry=registry)
    for outcome, count in {"accepted": 5, "spooled": 2, "signature_mismatch": 3}.items():
        outcomes.labels(outcome).inc(count)
    Gauge("hookline_ingest_failure_ratio", "", registry=registry).set(0.25)
    Gauge("hookline_ingest_spool_bytes", "", registry=registry).set(7)
    kept = Counter("hookline_ingest_spool_kept_aside_total", "", ["reason"], registry=registry)
    kept.labels("corrupt").inc()
    kept.labels("refused").inc()
    told = generate_latest(registry).decode()
    expected = Ingest("u", "draining", 7, {"signature_mismatch": 3}, 0.25, 7, 2)
    assert ingest_of("u", "draining", told) == expected
    for other in ("# nothing of ours\n", "{{{"):
        assert isinstance(ingest_of("u", None, other), Unseen)


@given(st.binary() | JSON.map(lambda told: str(told).encode()))
def test_any_body_has_a_reason_or_none(body: bytes) -> None:
    """And nothing else of it is told."""
    reason = reason_in(body)
    assert reason is None or reason.replace("_", "").isalnum()


def test_the_reason_of_our_own_errors() -> None:
    """As ingest writes them."""
    assert reason_in(b'{"error":{"reason":"handshake_token","message":"no"}}') == "handshake_token"
    assert reason_in(b'{"error":{"reason":"<script>"}}') is None
    assert reason_in(b'{"error":"handshake_token"}') is None


@given(
    st.integers(-90, 90),
    st.timedeltas(timedelta(0), timedelta(seconds=10)),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
)
def test_a_clock_is_known_to_within_its_bounds(
    ahead_s: int, took: timedelta, asked: datetime
) -> None:
    """Whenever within the call, and the second, the header was written."""
    asked_at = asked.replace(tzinfo=UTC)
    for written in (asked_at, asked_at + took):
        told = (written + ahead_s * SECOND).replace(microsecond=0)
        found = clock_of(told.strftime("%a, %d %b %Y %H:%M:%S GMT"), asked_at, asked_at + took)
        assert isinstance(found, Clock)
        assert abs(found.ahead - ahead_s * SECOND) <= found.within


@pytest.mark.parametrize("told", [None, "", "yesterday"])
def test_no_date_is_no_clock(told: str | None) -> None:
    """It is not taken for ours."""
    assert isinstance(clock_of(told, NOW, NOW), Unseen)


def test_a_topic_is_as_bad_as_its_worst_partition() -> None:
    """Copies are counted where there are the fewest."""
    partitions = [
        {"leader": 1, "replicas": [1, 2, 3], "isr": [1, 2, 3]},
        {"leader": -1, "replicas": [1, 2], "isr": [2]},
    ]
    assert topic_of(partitions, {}) == Topic(2, 2, 1, 1, {})
    assert topic_of([], {}) == Topic(0, 0, 0, 0, {})


def test_how_far_a_group_is_behind() -> None:
    """What is gone is counted apart from what waits."""
    first, second = TopicPartition("t", 0), TopicPartition("t", 1)
    found = behind_of(
        reached={first: 5, second: 10},
        starts={first: 7, second: 0},
        ends={first: 9, second: 10},
        times={first: NOW},
        retention={"t": timedelta(days=7)},
    )
    assert found == {"t": Behind(2, 2, NOW, timedelta(days=7))}


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=30).map(sorted),
    st.data(),
)
def test_the_time_of_a_record_is_found_without_reading_it(
    times: list[int], data: st.DataObject
) -> None:
    """Whatever the records' times are, by Kafka's answers to "first one not older than"."""
    offset = data.draw(st.integers(0, len(times) - 1))
    bounds = (-1, 2 * 10**6)
    for _ in range(25):
        low, high = bounds
        middle = (low + high) // 2
        first = next(((number, at) for number, at in enumerate(times) if at >= middle), None)
        bounds = halved(bounds, middle, offset, first)
        assert bounds[0] <= times[offset] <= bounds[1]
    assert bounds[0] in (times[offset], times[offset] - 1)


def test_months() -> None:
    """From the names of partitions; the default one is none."""
    names = ["sightings_2026_11", "sightings_default", "deliveries_2026_12"]
    found = months_of([(name.partition("_")[0], name) for name in names])
    assert found == {"sightings": frozenset({"2026_11"}), "deliveries": frozenset({"2026_12"})}


def test_what_arrived() -> None:
    """Tests are no account's; a change without its value is told apart."""
    found = arrived_of(
        [
            ("other:0:test:1:0.changes.0", "0.changes.0", NOW),
            ("other:17:sha256:1", "0.changed_fields.0", NOW - SECOND),
            ("comments:17:1", "0.changes.0", NOW - 2 * SECOND),
            ("comments:18:2", "0.changes.0", NOW - 3 * SECOND),
            ("other:-:sha256:2", "0.flat.0", NOW - 4 * SECOND),
        ]
    )
    assert found.by_account == {"17": NOW - SECOND, "18": NOW - 3 * SECOND}
    assert (found.valued_at, found.bare_at) == (NOW, NOW - SECOND)
    assert arrived_of([]) == (None, None, {})


@given(JSON)
def test_any_answer_about_a_token(told: Any) -> None:
    """What is not told is not there; only True is valid."""
    members = told if isinstance(told, dict) else {"is_valid": told}
    token = token_of(members)
    assert token.is_valid is (members.get("is_valid") is True)
    assert token.is_valid is (token.reason is None)
    assert all(isinstance(one, str) for one in granted_by(members).scopes)


def test_why_a_token_is_dead() -> None:
    """As Meta's subcodes say."""
    told = {"app_id": 7, "is_valid": False, "error": {"code": 190, "subcode": 460}}
    assert token_of(told).reason == "token_password_changed"
    alive = {"app_id": "7", "is_valid": True, "expires_at": 0, "data_access_expires_at": 1800000000}
    token = token_of(alive)
    assert (token.expires_at, token.app_id) == (None, "7")
    assert token.data_access_expires_at == datetime.fromtimestamp(1800000000, UTC)


@pytest.mark.parametrize(
    ("fields", "refusal", "blame"),
    [
        (("feed",), None, None),
        ((), None, None),
        (None, Refusal("graph_timeout", passes=True), "graph"),
        (None, Refusal("token_expired", 190), "page_subscription"),
    ],
)
def test_a_page(fields: tuple[str, ...] | None, refusal: Refusal | None, blame: str | None) -> None:
    """What passes is Meta's, what does not is the Page's."""
    check = PageCheck(Page("17", None, "7", "1", None), fields, refusal)
    found = page_state(check)
    assert found == PageState(fields or ()) if blame is None else isinstance(found, Unseen)
    assert isinstance(found, PageState) or found.blame == blame


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200, {"data": []}), 0),
        (Answer(200, {"data": [{"id": "1"}, {"id": "2"}]}), 2),
    ],
)
def test_what_is_on_air(answer: Answer, expected: int) -> None:
    """A list tells."""
    assert broadcasts_of(answer) == expected


@pytest.mark.parametrize(
    ("verdict", "blame"),
    [
        (None, "graph"),
        (Verdict(Action.PARK_ACCOUNT, "token_dead"), "token"),
        (Verdict(Action.PARK_FIELD, "permission_missing"), "permissions"),
        (Verdict(Action.AMBIGUOUS, "not_found_or_no_permission"), "page_link"),
    ],
)
def test_what_is_on_air_may_not_be_told(verdict: Verdict | None, blame: str) -> None:
    """Then it is not none."""
    found = broadcasts_of(Answer(400, None if verdict else {}, verdict))
    assert isinstance(found, Unseen)
    assert found.blame == blame


def test_a_disk(tmp_path: Path) -> None:
    """One that is there has room; one that is not is red."""
    found = disk.look("the spool", tmp_path, 5)
    assert isinstance(found, Disk)
    assert 0 < found.free_bytes < found.total_bytes
    gone = disk.look("the spool", tmp_path / "gone")
    assert isinstance(gone, Unseen)
    assert gone.blame == "disk"
