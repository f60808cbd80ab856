"""The line as a state machine: whatever order, batches, crashes and replicas, the model holds.

The model knows what was told, not how it travels. It is written from the contract alone and
shares no code with the workers.
"""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.audit.run import audit
from hookline.audit.scope import Scope
from runtime.database import dispose, new_engine, transaction
from runtime.errors import RetryError
from runtime.worker import Outcome, Record
from schemas.settings import MigrateSettings
from tests.integration.handled import (
    Handled,
    consumed,
    isolated,
    letter_records,
    raw_records,
    received,
)

ACCOUNT: Final = "17841400000000001"
START: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STEP_TIMEOUT_S: Final = 60.0

Fate = Literal["done", "killed before publishing", "killed before committing"]
fates: Final = st.sampled_from(
    ["done", "done", "killed before publishing", "killed before committing"]
)
picks: Final = st.lists(st.integers(0, 40), min_size=1, max_size=6)


@dataclass(frozen=True)
class Told:
    """One change, as Meta means it."""

    field: str
    value: Any


@dataclass(frozen=True)
class Sent:
    """One delivery; `entries` is None where nobody can read its body."""

    number: int
    received_at: datetime
    delivery_id: str
    entries: tuple[tuple[Told, ...], ...] | None

    @property
    def body(self) -> bytes:
        """Its bytes."""
        if self.entries is None:
            return b"{ no JSON"
        entries = [
            {
                "id": ACCOUNT,
                "time": 1734638812,
                "changes": [{"field": told.field, "value": told.value} for told in entry],
            }
            for entry in self.entries
        ]
        return json.dumps({"object": "instagram", "entry": entries}).encode()

    @property
    def raw(self) -> list[Record]:
        """Its records in the raw topics."""
        return raw_records([received(self.body, self.received_at, self.delivery_id)])


def _without_none(value: dict[str, Any]) -> dict[str, Any]:
    return {name: member for name, member in value.items() if member is not None}


_media: Final = st.sampled_from(
    [
        {"id": "179"},
        {"id": "180", "ad_id": "1", "original_media_id": "179"},
        {"id": "180", "ad_id": "2", "ad_title": "Sale", "original_media_id": "179"},
    ]
)
_authors: Final = st.sampled_from([None, {"id": "128", "username": "user_a"}, {"id": ACCOUNT}])
_comments: Final = st.builds(
    lambda field_, id_, text_, author, media: Told(
        field_, _without_none({"id": id_, "text": text_, "from": author, "media": media})
    ),
    st.sampled_from(["comments", "comments", "live_comments"]),
    st.sampled_from(["1", "2"]),
    st.sampled_from([None, "a", "b"]),
    _authors,
    _media,
)
_stories: Final = st.builds(
    lambda id_, metrics: Told("story_insights", {"media_id": id_, **metrics}),
    st.sampled_from(["181", "182"]),
    st.dictionaries(st.sampled_from(["reach", "exits"]), st.integers(-1, 2), min_size=1),
)
_mentions: Final = st.builds(
    lambda id_, comment: Told("mentions", _without_none({"media_id": id_, "comment_id": comment})),
    st.sampled_from(["183", "184"]),
    st.sampled_from([None, "9"]),
)
_others: Final = st.builds(lambda value: Told("likes", value), st.integers(0, 1))

_entry: Final = st.lists(_comments | _stories | _mentions | _others, min_size=1, max_size=3)
bodies: Final = st.none() | st.lists(_entry.map(tuple), min_size=1, max_size=2).map(tuple)


# --- The model -------------------------------------------------------------------------------

Key = tuple[datetime, str, int, int]


def event_of(told: Told) -> str:
    """Which event a change is of."""
    value = told.value
    if told.field in ("comments", "live_comments"):
        return f"{told.field}:{ACCOUNT}:{value['id']}"
    if told.field == "story_insights":
        return f"story_insights:{ACCOUNT}:{value['media_id']}"
    if told.field == "mentions":
        return f"mentions:{ACCOUNT}:{value['media_id']}:{value.get('comment_id', '-')}"
    return f"other:{ACCOUNT}:{json.dumps(value)}"


@dataclass
class Model:
    """What must be stored of what was sent, whatever happens in between."""

    sent: list[Sent] = field(default_factory=list)

    def changes(self) -> Iterator[tuple[Key, Told]]:
        """Every change with its place, in the order of the places."""
        found: list[tuple[Key, Told]] = []
        for one in self.sent:
            for number, entry in enumerate(one.entries or ()):
                for item, told in enumerate(entry):
                    found.append(((one.received_at, one.delivery_id, number, item), told))
        yield from sorted(found, key=lambda change: change[0])

    def contents(self) -> dict[str, list[tuple[Key, Told]]]:
        """By event, each distinct content at its first place."""
        told: dict[str, list[tuple[Key, Told]]] = {}
        for key, change in self.changes():
            known = told.setdefault(event_of(change), [])
            if all(change.value != other.value for _, other in known):
                known.append((key, change))
        return told

    def tables(self) -> dict[str, set[tuple[Any, ...]]]:
        """The rows that everything leads to."""
        rows: dict[str, set[tuple[Any, ...]]] = {name: set() for name in QUERIES}
        rows["deliveries"] = {(one.delivery_id, one.received_at, one.body) for one in self.sent}
        rows["dead_letters"] = {(one.delivery_id,) for one in self.sent if one.entries is None}
        for (_, delivery_id, number, item), _told in self.changes():
            rows["sightings"].add((delivery_id, f"{number}.changes.{item}"))
        for event_id, contents in self.contents().items():
            for (moment, delivery_id, number, item), told in contents:
                place = f"{number}.changes.{item}"
                rows["claims"].add((_plain(event_id, told), moment, delivery_id, place))
                rows["ad_sightings"] |= _ad(told)
            for table, row in _rows(contents):
                rows[table].add(row)
        return rows


def _plain(event_id: str, told: Told) -> str:
    """The event's id; of one that is known by its hash, the field alone."""
    return "other" if told.field == "likes" else event_id


def _ad(told: Told) -> set[tuple[Any, ...]]:
    media = told.value.get("media", {}) if isinstance(told.value, dict) else {}
    return {(told.value["id"], media["id"], media["ad_id"])} if "ad_id" in media else set()


def _rows(contents: list[tuple[Key, Told]]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    (first, *_), told = contents[0]
    last = contents[-1][0][0]
    values = [content.value for _, content in contents]
    if told.field in ("comments", "live_comments"):
        media = [value["media"] for value in values]
        authors = [value["from"] for value in values if "from" in value]
        original = _least(media, "original_media_id")
        yield (
            "comments",
            (
                told.value["id"],
                told.field,
                _least(values, "text"),
                _least(authors, "id"),
                _least(authors, "username"),
                authors[0]["id"] == ACCOUNT if authors else None,
                _least(media, "id"),
                _least(media, "ad_id"),
                _least(media, "ad_title"),
                original,
                original or _least(media, "id"),
                first,
                last,
            ),
        )
    elif told.field == "mentions":
        yield "mentions", (told.value["media_id"], told.value.get("comment_id", ""), first, last)
    elif told.field == "likes":
        yield "other_events", (told.field, told.value, first)
    else:
        for metric in {name for value in values for name in value} - {"media_id"}:
            key, value = max(
                ((key, content.value[metric]) for key, content in contents
                 if metric in content.value),
                key=lambda one: one[0],
            )  # fmt: skip
            shown = None if value == -1 else value
            yield "story_insights", (told.value["media_id"], metric, shown, value == -1, key[0])


def _least(values: Sequence[dict[str, Any]], name: str) -> Any:
    """Of the earliest that tells it."""
    return next((value[name] for value in values if name in value), None)


QUERIES: Final = {
    "deliveries": "SELECT delivery_id::text, received_at, body FROM hookline.deliveries",
    "dead_letters": "SELECT delivery_id::text FROM hookline.dead_letters",
    "sightings": "SELECT delivery_id::text, position FROM hookline.sightings",
    "claims": "SELECT CASE WHEN event_id LIKE 'other%' THEN 'other' ELSE event_id END, "
    "received_at, delivery_id::text, position FROM hookline.claims",
    "comments": "SELECT comment_id, field, text, from_id, from_username, is_own, media_id, ad_id, "
    "ad_title, original_media_id, canonical_media_id, first_received_at, last_received_at "
    "FROM hookline.comments",
    "ad_sightings": "SELECT comment_id, media_id, ad_id FROM hookline.ad_sightings",
    "mentions": "SELECT media_id, comment_id, first_received_at, last_received_at "
    "FROM hookline.mentions",
    "story_insights": "SELECT media_id, metric, value, suppressed, received_at "
    "FROM hookline.story_insights",
    "other_events": "SELECT platform_field, value, received_at FROM hookline.other_events",
}


# --- The line --------------------------------------------------------------------------------

Given = TypeVar("Given")


class Elsewhere:
    """An event loop in a thread of its own: hypothesis calls rules without one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, Given]) -> Given:
        """The result of some work there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(STEP_TIMEOUT_S)

    def close(self) -> None:
        """Ends the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STEP_TIMEOUT_S)
        self._loop.close()


Handle = Callable[[Sequence[Record]], Awaitable[Outcome]]


async def retried(stage: str, handle: Handle, batch: Sequence[Record]) -> Outcome:
    """As the loop does it: what a dependency refuses for now is done again."""
    while True:
        try:
            return await isolated(stage, handle, batch)
        except RetryError:
            await asyncio.sleep(0.01)


def _has_sent(line: "Line") -> bool:
    """Whether anything was ever sent. What waits is no condition: of two replicas at once nobody
    knows what they leave, and the same choices must always have the same rules to choose from.
    """
    return bool(line._model.sent)  # hypothesis wants it outside of the class


class Line(RuleBasedStateMachine):
    """Topics as lists of what is not committed; handlers as they are."""

    def __init__(self, engine: AsyncEngine, elsewhere: Elsewhere) -> None:
        super().__init__()
        self._engine, self._do = engine, elsewhere.do
        self._do(self._empty())
        self._replicas = (Handled(engine), Handled(engine))
        self._model = Model()
        self._waiting: dict[str, list[Record]] = {"archive": [], "dedupe": [], "persist": []}

    sent = Bundle("sent")

    @rule(target=sent, entries=bodies, second=st.integers(0, 3), chance=st.integers(0, 9))
    def send(self, entries: tuple[tuple[Told, ...], ...] | None, second: int, chance: int) -> Any:
        """A delivery comes, by one of several ingests whose clocks and ids are no order."""
        return multiple(self._publish(entries, second, chance))

    @rule(target=sent, one=sent, second=st.integers(0, 3), chance=st.integers(0, 9))
    def resend(self, one: Sent, second: int, chance: int) -> Any:
        """Meta did not see the answer: the same body again, as a delivery of its own."""
        return multiple(self._publish(one.entries, second, chance))

    @rule(one=sent)
    def republish(self, one: Sent) -> None:
        """The same delivery stands in Kafka once more."""
        for worker in ("archive", "dedupe"):
            self._waiting[worker] += one.raw

    @precondition(_has_sent)
    @rule(which=picks, fate=fates)
    def archive(self, which: list[int], fate: Fate) -> None:
        """The archive handles some records."""
        self._handle("archive", [which], fate)

    @precondition(_has_sent)
    @rule(which=picks, fate=fates)
    def dedupe(self, which: list[int], fate: Fate) -> None:
        """Dedupe handles some records."""
        self._handle("dedupe", [which], fate)

    @precondition(_has_sent)
    @rule(which=picks, fate=fates)
    def persist(self, which: list[int], fate: Fate) -> None:
        """Persist handles some events."""
        self._handle("persist", [which], fate)

    @precondition(_has_sent)
    @rule(worker=st.sampled_from(["archive", "dedupe", "persist"]), one=picks, two=picks)
    def two_replicas(self, worker: str, one: list[int], two: list[int]) -> None:
        """Two replicas at the same moment, as after a rebalance: also on the same records."""
        self._handle(worker, [one, two], "done")

    @invariant()
    def nothing_is_invented(self) -> None:
        """At no time is there more than was sent, or an outcome below zero."""
        counts = self._do(self._fetch(
            "SELECT coalesce(sum(received), 0), coalesce(sum(stored), 0), "
            "coalesce(min(least(stored, repeats, dead, in_flight)), 0) FROM analytics.conservation"
        ))  # fmt: skip
        received_, stored, least = counts[0]
        unreadable = sum(one.entries is None for one in self._model.sent)
        assert received_ <= len(list(self._model.changes())) + unreadable
        assert stored <= sum(map(len, self._model.contents().values()))
        assert least >= 0

    def teardown(self) -> None:
        """When all is handled the tables are the model's, and the audit adds up."""
        for worker in ("dedupe", "persist", "archive"):
            self._handle(worker, [range(len(self._waiting[worker]))], "done")
        for table, rows in self._model.tables().items():
            stored = self._do(self._fetch(QUERIES[table]))
            assert sorted(map(repr, stored)) == sorted(map(repr, rows)), table
        scope = Scope(START + timedelta(days=1), timedelta())
        found = self._do(audit(self._engine, scope, 5))
        assert found.adds_up, (found.faults, found.entries)

    def _publish(
        self, entries: tuple[tuple[Told, ...], ...] | None, second: int, chance: int
    ) -> Sent:
        number = len(self._model.sent)
        one = Sent(
            number,
            START + timedelta(seconds=second),
            f"0192000{chance}-0000-7000-8000-{number:012d}",
            entries,
        )
        self._model.sent.append(one)
        for worker in ("archive", "dedupe"):
            self._waiting[worker] += one.raw
        return one

    def _pick(self, worker: str, which: Sequence[int]) -> list[Record]:
        waiting = self._waiting[worker]
        places = dict.fromkeys(number % len(waiting) for number in which)
        return [waiting[place] for place in places]

    def _handle(self, worker: str, picked: list[Sequence[int]], fate: Fate) -> None:
        """Some of the records that wait, if any do."""
        if not self._waiting[worker]:
            return
        batches = [self._pick(worker, which) for which in picked]
        outcomes = self._do(self._together(worker, batches))
        if fate == "killed before publishing":
            return
        for outcome in outcomes:
            self._waiting["persist"] += consumed(outcome.results)
            self._waiting["archive"] += letter_records(outcome.dead)
        if fate == "done":
            done = [id(record) for batch in batches for record in batch]
            left = [record for record in self._waiting[worker] if id(record) not in done]
            self._waiting[worker] = left

    async def _together(self, worker: str, batches: list[list[Record]]) -> list[Outcome]:
        handlers = [getattr(replica, worker) for replica in self._replicas]
        return await asyncio.gather(
            *(
                retried(worker, handler.handle, batch)
                for handler, batch in zip(handlers, batches, strict=False)
            )
        )

    async def _fetch(self, query: str) -> list[tuple[Any, ...]]:
        async with self._engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(query))]

    async def _empty(self) -> None:
        async with transaction(self._engine) as connection:
            tables = ", ".join(f"hookline.{table}" for table in QUERIES)
            await connection.execute(text(f"TRUNCATE {tables}"))


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """A loop for the machine's steps."""
    made = Elsewhere()
    yield made
    made.close()


def test_whatever_happens_the_tables_are_the_models(
    database_url: str, elsewhere: Elsewhere
) -> None:
    """Any order, batches, repetition, kills between the steps, and replicas side by side."""
    engine = new_engine(MigrateSettings.model_validate({"database_url": database_url}), "test")
    try:
        run_state_machine_as_test(
            lambda: Line(engine, elsewhere),  # type: ignore[arg-type]  # any factory serves
            settings=settings(
                max_examples=40,
                stateful_step_count=30,
                deadline=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        elsewhere.do(dispose(engine))
