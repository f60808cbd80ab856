"""A whole run: mentions while everything goes wrong, then what became of each."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hookline.embedded.child import Announce
from hookline.embedded.jars import Progress
from schemas.crash_points import CrashPoint
from simulator.delivery import Delivery
from simulator.graph.options import GraphOptions
from simulator.schedule import RetrySchedule
from simulator.sender import SenderOptions, send
from simulator.target import Target
from tests.chaos.drain import NotDrainedError, drained
from tests.chaos.line import Line, open_line
from tests.chaos.operators import Answer, do
from tests.chaos.replies import outbox
from tests.chaos.replies.day import Day
from tests.chaos.replies.events import deliveries, event_of
from tests.chaos.replies.faults import DEADLINE_S
from tests.chaos.replies.graph import FailingGraph
from tests.chaos.replies.kills import POINTS, Kills
from tests.chaos.replies.reloading import change_rules
from tests.chaos.replies.rules import (
    EVERYONE,
    MAX_PER_HOUR,
    QUIET_FROM,
    QUIET_TO,
    RULES,
    day_file,
    rule_of,
    rules_file,
)
from tests.chaos.replies.verdict import DayVerdict, Event, Found, Verdict, judge, judge_day
from tests.faults.clock import Clock

REPLICAS: Final = 3

COMMENTS_SHARE: Final = 0.1
"""So many comments on own media come besides, of the number of mentions: Meta tells their answers,
so they can be looked for."""

EARLY_SHARE: Final = 0.7
EARLY_S: Final = 20.0
LATE_S: Final = 60.0
"""So many of the deliveries of a part come within a time in which somebody has mostly died twice;
the others within another one, unless he has.
"""

RULES_FILE: Final = "rules.toml"

COMPRESSION: Final = 500.0
OUTAGE_S: Final = 3.0

REPLAY: Final = ("replay", "--stage", "enrich", "--yes", "--rate", "500")
REBUILD: Final = ("rebuild", "--swap", "--yes", "--workers", "2")
LIST: Final = ("replies", "list", "--state", "unknown", "--max", "1000000")


@dataclass(frozen=True)
class Order:
    """What to run.

    Attributes:
        mentions: how many.
        seed: of traffic, faults and kills.
        folder: for data and logs.
        say: told what happens, in lines for a person.
        progress: told how much of a download has arrived.
    """

    mentions: int
    seed: int
    folder: Path
    say: Announce
    progress: Progress | None = None


@dataclass
class Proof:
    """What happened.

    Attributes:
        day: what became of the day in which every answer came back.
        met: writes by the way in which they went wrong.
        deaths: replicas that died, by point; `at random` are the others.
        answers: what the operator's verbs said.
        passed_s: how much time was put forward.
    """

    verdict: Verdict | None = None
    day: DayVerdict | None = None
    problems: list[str] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)
    deaths: dict[str, int] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    passed_s: float = 0.0
    took_s: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the promise was kept, with nobody's help."""
        verdicts = (self.verdict, self.day)
        kept = all(verdict is not None and verdict.holds for verdict in verdicts)
        return kept and not self.problems and all(answer.holds for answer in self.answers)


async def run(order: Order) -> Proof:
    """Runs it.

    Raises:
        DependencyError: something cannot be started; the message says what, and why.
    """
    proof = Proof()
    begun_s = time.monotonic()
    async with _line(order) as (line, graph, clock):
        await _Run(order, line, graph, clock, proof).run()
        order.say("Stopping …")
    proof.took_s = time.monotonic() - begun_s
    return proof


@asynccontextmanager
async def _line(order: Order) -> AsyncIterator[tuple[Line, FailingGraph, Clock]]:
    """A line whose replicas of reply have the rules, with a clock that can be put forward."""
    rules = order.folder / RULES_FILE
    order.folder.mkdir(parents=True, exist_ok=True)
    rules.write_text(rules_file(), "utf-8")
    environment = {
        "HOOKLINE_REPLY_RULES": str(rules),
        # The harder case: what a replay brings again is decided on again.
        "HOOKLINE_REPLY_TO_REPLAYED": "true",
        # Three in a row is what every third answer is here.
        "HOOKLINE_REPLY_PAUSE_MAX_S": "0",
        "HOOKLINE_GRAPH_TIMEOUT_S": str(DEADLINE_S),
    }
    clock = Clock()
    graphs: list[FailingGraph] = []

    def make(options: GraphOptions) -> FailingGraph:
        graphs.append(FailingGraph(options, order.seed, clock.time))
        return graphs[0]

    quiet = _Quiet(order.say)
    async with open_line(
        "embedded",
        order.folder,
        {},
        quiet,
        order.progress,
        workers={"reply": REPLICAS},
        environment=environment,
        make_graph=make,
    ) as line:
        await clock.install(line.database_url)
        quiet.is_muted = True
        yield line, graphs[0], clock


class _Quiet:
    """Passes on what is announced until replicas are killed: restarts are no news then."""

    def __init__(self, say: Announce) -> None:
        self._say = say
        self.is_muted = False

    def __call__(self, message: str) -> None:
        if not self.is_muted:
            self._say(f"  {message}")


class _Run:
    """One run on one line."""

    def __init__(
        self, order: Order, line: Line, graph: FailingGraph, clock: Clock, proof: Proof
    ) -> None:
        self._order = order
        self._line = line
        self._graph = graph
        self._clock = clock
        self._proof = proof
        self._kills = Kills(line, order.seed, proof.problems.append)
        self._begun_s = time.monotonic()

    async def run(self) -> None:
        """Sends, breaks, replays, waits, judges."""
        comments = int(self._order.mentions * COMMENTS_SHARE)
        made = deliveries(self._order.seed, self._order.mentions, comments, time.time())
        for delivery in made:
            self._graph.tell(delivery.body)
        killing = asyncio.create_task(self._kills.now_and_then())
        try:
            await self._break(made)
        finally:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
        try:
            await self._wait()
            await self._judge(_events(made))
            await self._day()
        except (NotDrainedError, outbox.NotSettledError) as error:
            self._proof.problems.append(str(error))

    def _say(self, what: str) -> None:
        at_s = int(time.monotonic() - self._begun_s)
        self._order.say(f"{at_s // 60:3}:{at_s % 60:02} {what}")

    async def _break(self, made: list[Delivery]) -> None:
        """Everything that is done to the line, one after the other, while mentions come."""
        between = (
            self._replay,
            self._outage,
            self._rebuild,
            self._cut,
            self._kill_the_server,
            self._replay,
        )
        share = -(-len(made) // len(POINTS))
        for number, (point, also) in enumerate(zip(POINTS, between, strict=True)):
            part = made[number * share : (number + 1) * share]
            async with asyncio.TaskGroup() as group:
                dying = group.create_task(self._die(point))
                await self._send_until(part, dying)
            await also()

    async def _send_until(self, made: list[Delivery], dying: asyncio.Task[None]) -> None:
        """Sends these slowly, so that there is something for whoever is to die; then the rest."""
        async with asyncio.TaskGroup() as group:
            early = int(len(made) * EARLY_SHARE)
            for number, delivery in enumerate(made):
                group.create_task(self._send(delivery))
                is_early = number < early
                pause_s = EARLY_S / early if is_early else LATE_S / (len(made) - early)
                await asyncio.wait((dying,), timeout=pause_s)

    async def _send(self, delivery: Delivery) -> None:
        state = self._line.state
        target = Target(state.ingest_url, state.app_secret.encode(), state.app_id)
        schedule = RetrySchedule(compression=COMPRESSION)
        report = await send(target, [delivery], SenderOptions(concurrency=1, schedule=schedule))
        if not report.complete:
            self._proof.problems.append("a delivery was given up")

    async def _replay(self) -> None:
        await self._do(*REPLAY)

    async def _rebuild(self) -> None:
        await self._do(*REBUILD)

    async def _die(self, point: CrashPoint) -> None:
        self._say(f"a replica dies at {point.value}")
        await self._kills.at(point)

    async def _do(self, *verb: str) -> None:
        self._say(f"hookline {' '.join(verb)}")
        answer, _ = await do(self._line.folder / "line", *verb)
        self._proof.answers.append(answer)

    async def _outage(self) -> None:
        self._say(f"nobody listens at the Graph API for {OUTAGE_S:g} s")
        await self._line.graph.way.refuse()
        try:
            await asyncio.sleep(OUTAGE_S)
        finally:
            await self._line.graph.way.heal()

    async def _cut(self) -> None:
        self._say("connections to PostgreSQL and Kafka are reset")
        for way in (self._line.postgres, *self._line.kafka):
            way.cut()

    async def _kill_the_server(self) -> None:
        self._say("PostgreSQL is killed")
        pid = self._line.pid("postgres")
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    async def _wait(self) -> None:
        """Until nothing is on its way, and nothing waits for a time."""
        self._say("Waiting until everything has arrived and was sent …")
        url = self._line.database_url
        await drained(self._line.kafka_bootstrap, url)
        passed = await outbox.settled(url, tuple(RULES), self._clock)
        self._proof.passed_s = passed.total_seconds()

    async def _judge(self, events: list[Event]) -> None:
        url = self._line.database_url
        listed = await self._listed()
        found = Found(
            self._graph.written,
            await outbox.rows(url),
            await outbox.left_alone(url),
            listed,
            frozenset(one.event_id for one in events if self._graph.cannot_be_answered(one)),
        )
        self._proof.verdict = judge(events, found)
        self._proof.met = self._graph.every_write.met
        self._proof.deaths = {**self._kills.at_points, "at random": self._kills.at_random}

    async def _day(self) -> None:
        """The same line, with one rule for everything."""
        self._say("A day in which every answer comes back …")
        await change_rules(self._line, self._order.folder / RULES_FILE, day_file())
        day = Day(self._line, self._graph, self._clock, self._order.seed)
        found = await day.run()
        url = self._line.database_url
        quiet = await outbox.begun_in_quiet_hours(url, EVERYONE, QUIET_FROM, QUIET_TO)
        most = await outbox.most_in_an_hour(url, EVERYONE)
        self._proof.day = judge_day(day.events, found, day.came_back, quiet, most, MAX_PER_HOUR)

    async def _listed(self) -> list[str]:
        """What an operator is shown as unknown."""
        answer, told = await do(self._line.folder / "line", *LIST)
        self._proof.answers.append(answer)
        listed: list[Mapping[str, Any]] = told["replies"] if told else []
        return [one["reply_key"] for one in listed]


def _events(made: list[Delivery]) -> list[Event]:
    ids = {change.event_id for delivery in made for change in delivery.changes}
    return [event_of(one, rule_of(one)) for one in sorted(filter(None, ids))]
