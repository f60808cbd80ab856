"""Reads behind a budget: what live comments wait, what of it is used, and what it takes to wait."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from benchmarks.bench import Bench, Service
from benchmarks.graph_line import AMPLE, TOLD_AFTER, GraphLine, open_graph_line
from benchmarks.line import WORKER_MEMORY
from benchmarks.machine import memory_mib, peak_mib
from benchmarks.measures import Book, Goal, percentile
from hookline.cli.progress import say
from schemas.tables import SCHEMA
from simulator import comments, shapes
from simulator.graph.faults import Fault
from simulator.graph.options import DAY_S, GraphOptions
from simulator.graph.usage import Limit
from simulator.traffic import burst
from simulator.wire import MAX_CHANGES, Notification
from simulator.world import World

FILL_RATE: Final = 4.0
"""Deliveries of a thousand comments, a second."""

PENALTY_S: Final = 60.0

LIVE: Final = "live comments, a backlog behind them"
BUDGET: Final = "a budget for half of the backlog"
ONE_MEDIA: Final = f"{MAX_CHANGES} comments on one media"
MEMORY: Final = "memory of enrich"

_WAITS: Final = f"""
SELECT extract(epoch FROM min(r.read_at) - c.first_received_at)
FROM {SCHEMA}.comments AS c JOIN {SCHEMA}.graph_reads AS r
    ON (r.account_id, r.endpoint, r.object_id) = (c.account_id, 'live_comment', c.comment_id)
WHERE c.field = 'live_comments'
GROUP BY c.account_id, c.comment_id, c.first_received_at
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    waiting: int
    live_rate: float
    live_s: float
    delay_ms: int

    @property
    def live(self) -> int:
        """How many live comments come."""
        return int(self.live_rate * self.live_s)


async def measure(bench: Bench, book: Book, size: Size) -> None:
    """One account, a day's calls for it, and comments that ask for twice as many."""
    options = GraphOptions(
        app_id=bench.app.app_id,
        app_secret=bench.app.secret.decode(),
        accounts=1,
        require_proof=True,
        account_limit=Limit(size.waiting // 2, DAY_S, PENALTY_S, TOLD_AFTER),
        app_limit=AMPLE,
        faults=(Fault(kind="slow", delay_ms=size.delay_ms),),
    )
    async with open_graph_line(bench, options) as line:
        async with line.enrich() as service:
            await _known_account(line)
            idle_mib = memory_mib(service.pid)
            await _one_media(line, book)
        say(f"A backlog of {size.waiting} comments …")
        await line.send(list(_comments(1, MAX_CHANGES, size.waiting // MAX_CHANGES)), FILL_RATE)
        async with line.enrich() as service:
            await line.passed_on("enrich")
            say(f"{size.live_rate:g} live comments a second for {size.live_s:g} s …")
            await _send_live(line, book, size)
            await line.idle()
            await line.passed_on("persist")
            await _note_waits(line, book, size)
            _note_budget(line, book)
            book.note(MEMORY, "idle", "MiB", idle_mib, WORKER_MEMORY)
            waiting = await line.waiting()
            name = f"while {waiting:,} reads wait"
            book.note(MEMORY, name, "MiB", memory_mib(service.pid), WORKER_MEMORY)
            _note_peak(book, service)


async def _known_account(line: GraphLine) -> None:
    """A few calls: enough for the headers to tell how much is used."""
    await line.send(list(_comments(2, 1, 2 * TOLD_AFTER)), rate=2 * TOLD_AFTER)
    await line.passed_on("enrich")
    await line.idle()


async def _one_media(line: GraphLine, book: Book) -> None:
    """A post that everybody comments on, in one delivery."""
    line.graph.clear_statistics()
    await line.send([viral(3)], rate=1)
    await line.passed_on("enrich")
    await line.idle()
    asked = line.graph.statistics
    book.note(ONE_MEDIA, "requests", "", asked.requests)
    book.note(ONE_MEDIA, "of them batches", "", asked.batches, Goal("at most", 20))
    book.note(ONE_MEDIA, "calls that count", "", asked.endpoints.total())
    book.note(ONE_MEDIA, "of them for media", "", asked.endpoints["media"], Goal("at most", 1))


async def _send_live(line: GraphLine, book: Book, size: Size) -> None:
    book.note(LIVE, "reads waiting at the start", "", await line.waiting())
    calls = line.graph.statistics.endpoints.total()
    live = burst(4, 1, ("live_comments",), accounts=1)
    await line.send([one.body for one in islice(live, size.live)], size.live_rate)
    calls = line.graph.statistics.endpoints.total() - calls
    book.note(LIVE, "reads waiting at the end", "", await line.waiting())
    book.note(LIVE, "calls meanwhile", "/s", calls / size.live_s)


async def _note_waits(line: GraphLine, book: Book, size: Size) -> None:
    waits_s = [float(row[0]) for row in await line.rows(_WAITS)]
    book.note(LIVE, "not read", "", size.live - len(waits_s), Goal("at most", 0))
    book.note(LIVE, "received → read: p50", "s", percentile(waits_s, 50))
    book.note(LIVE, "received → read: p99", "s", percentile(waits_s, 99), Goal("at most", 2))
    book.note(LIVE, "received → read: slowest", "s", max(waits_s))


def _note_budget(line: GraphLine, book: Book) -> None:
    told = line.graph.summary()
    [account] = told["accounts"].values()
    pools = (account, told["app"])
    book.note(BUDGET, "calls", "", account["limit"])
    used = account["calls"] / account["limit"]
    book.note(BUDGET, "share that was used", "", used, Goal("at least", 0.95))
    book.note(BUDGET, "refused calls", "", sum(pool["throttled"] for pool in pools))
    refused = sum(pool["throttled_after_told"] for pool in pools)
    book.note(BUDGET, "of them after the first headers", "", refused, Goal("at most", 0))


def _note_peak(book: Book, service: Service) -> None:
    peak = peak_mib(service.pid)
    if peak is not None:
        book.note(MEMORY, "peak under load", "MiB", peak, WORKER_MEMORY)


def _comments(seed: int, per_delivery: int, deliveries: int) -> Iterator[bytes]:
    """Bodies of comments on the twenty media of one account."""
    made = burst(seed, per_delivery, accounts=1)
    return (one.body for one in islice(made, deliveries))


def viral(seed: int) -> bytes:
    """The body of one delivery of comments, all of them on one media."""
    world = World(seed, accounts=1)
    account = world.accounts[0]
    media = {"id": world.new_id("180"), "media_product_type": "FEED"}
    updates = (
        Notification("comments", comments.organic(world, account) | {"media": media})
        for _ in range(MAX_CHANGES)
    )
    return shapes.batch(world, "viral", account, updates).body
