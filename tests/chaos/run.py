"""A whole run: one line after the other, faults on each, then what was kept of the promise."""

import asyncio
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from hookline.embedded.child import Announce
from hookline.embedded.jars import Progress
from simulator.report import Report as SendReport
from simulator.report import State
from simulator.target import Target
from tests.chaos.catalogue import ARCHIVE_DISK, SPOOL, catalogue
from tests.chaos.disks import MIB, Disk, DiskBusyError, can_mount, mounted
from tests.chaos.drain import NotDrainedError, drained
from tests.chaos.injector import Injector, NotBackError
from tests.chaos.line import Line, Servers, open_line
from tests.chaos.meta import Beat, Meta
from tests.chaos.operators import Answer, ask
from tests.chaos.rows import Rows
from tests.chaos.schedule import Fault, Slot, schedule
from tests.chaos.tables import read_tables
from tests.chaos.verdict import Sent, Verdict, judge

Result = TypeVar("Result")

OVERHEAD_S: Final = 40.0
"""Of a stage's time: starting, draining, checking."""
LEAST_S: Final = 20.0

WARM_UP_TIMEOUT_S: Final = 60.0
CALM_S: Final = 2.0
"""Traffic before the first fault and after the last one."""

RECOVERY_DEADLINE_S: Final = 90.0
"""A line that takes longer is stuck."""
SEND_TIMEOUT_S: Final = 400.0
PULSE_TIMEOUT_S: Final = 60.0

POSTGRES_DISK_BYTES: Final = 4096 * MIB
SPOOL_DISK_BYTES: Final = 64 * MIB

SPOOL_SETTING: Final = "HOOKLINE_INGEST_SPOOL_DIR"
SPOOLED: Final[Servers] = "embedded"
"""Where ingest has a spool; elsewhere it has none, which is the default. So both are seen."""


@dataclass(frozen=True)
class Order:
    """What to run.

    Attributes:
        minutes: for everything, roughly.
        seed: of faults and traffic.
        rate_per_s: new deliveries a second.
        folder: for data and logs.
        servers: on which, in this order.
        say: told what happens, in lines for a person.
        progress: told how much of a download has arrived.
    """

    minutes: float
    seed: int
    rate_per_s: float
    folder: Path
    servers: Sequence[Servers]
    say: Announce
    progress: Progress | None = None

    @property
    def faults_s(self) -> float:
        """Time for faults on each of the lines."""
        return max(self.minutes * 60 / len(self.servers) - OVERHEAD_S, LEAST_S)


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault as it went. Seconds since the stage's beginning.

    Attributes:
        fault: as it was planned.
        target: who it was.
        at_s: when it was made.
        back_s: when it was over, and its target there again.
        recovered_s: when fresh deliveries were acknowledged and in SQL; none: never.
        together: whether there was another one at the same time.
    """

    fault: Fault
    target: str
    at_s: float
    back_s: float
    recovered_s: float | None
    together: bool


@dataclass
class Stage:
    """What happened on one line."""

    servers: Servers
    hits: list[Hit] = field(default_factory=list)
    beats: list[Beat] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    sending: SendReport | None = None
    verdict: Verdict | None = None
    took_s: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the promise was kept, with nobody's help."""
        kept = self.verdict is not None and self.verdict.holds
        return kept and not self.problems and all(answer.holds for answer in self.answers)


async def until_signal(work: Awaitable[Result]) -> Result:
    """Does it; a signal stops it in order."""
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await work


async def run(order: Order) -> list[Stage]:
    """Runs every stage; goes on with the next one whatever the last one brought.

    Raises:
        DependencyError: something cannot be started; the message says what, and why.
    """
    stages = []
    for number, servers in enumerate(order.servers):
        stages.append(await _stage(order, servers, order.seed * 1000 + number))
    return stages


async def _stage(order: Order, servers: Servers, seed: int) -> Stage:
    stage = Stage(servers)
    folder = order.folder / servers
    teller = _Teller(order.say)
    begun_s = time.monotonic()
    order.say(f"\n{_TITLES[servers]}")
    with ExitStack() as opened:
        disks = _disks(folder, opened, stage)
        if servers == SPOOLED:
            _spool(folder / SPOOL, opened, disks)
        async with open_line(servers, folder, disks, teller, order.progress) as line:
            await _prove(order, line, stage, seed, teller)
            order.say("Stopping …")
        if disks and not stage.holds:
            # The small disk goes with us, and somebody will want to look.
            shutil.copytree(folder / "postgres", folder / "postgres-kept", dirs_exist_ok=True)
    stage.took_s = time.monotonic() - begun_s
    return stage


_TITLES: Final[dict[Servers, str]] = {
    "embedded": "First: one Kafka and one PostgreSQL, as `hookline up` starts them.",
    "cluster": "Then: a cluster of three Kafka brokers, every record on two of them at least.",
}


class _Teller:
    """Passes on what is announced, but while faults are made: restarts are no news then."""

    def __init__(self, say: Announce) -> None:
        self._say = say
        self.muted = False

    def __call__(self, message: str) -> None:
        if not self.muted:
            self._say(f"  {message}")


def _disks(folder: Path, opened: ExitStack, stage: Stage) -> dict[str, Disk]:
    if not can_mount():
        stage.left_out.append("disk full: small disks cannot be mounted here")
        return {}
    disk = opened.enter_context(mounted(folder / "postgres", POSTGRES_DISK_BYTES))
    return {ARCHIVE_DISK: disk}


def _spool(folder: Path, opened: ExitStack, disks: dict[str, Disk]) -> None:
    """Lets ingest keep what Kafka does not take, on a small disk where there can be one."""
    folder.mkdir(parents=True, exist_ok=True)
    if can_mount():
        disks[SPOOL] = opened.enter_context(mounted(folder, SPOOL_DISK_BYTES))
    opened.enter_context(_environment(SPOOL_SETTING, str(folder)))


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """What services inherit meanwhile."""
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


async def _prove(order: Order, line: Line, stage: Stage, seed: int, teller: _Teller) -> None:
    state = line.state
    target = Target(state.ingest_url, state.app_secret.encode(), state.app_id)
    rows = Rows(line.database_url)
    meta = Meta(target, line.kafka_bootstrap, rows, line.graph.witness, seed, order.rate_per_s)
    stage.beats = meta.beats
    looking = asyncio.create_task(rows.run())
    sending = asyncio.create_task(meta.traffic())
    try:
        await _under_faults(order, line, stage, meta, rows, teller)
        meta.end_traffic()
        order.say("  Waiting until everything has arrived …")
        async with asyncio.timeout(SEND_TIMEOUT_S):
            stage.sending = await sending
    except TimeoutError:
        stage.problems.append("the sender did not come to an end")
        return
    finally:
        for task in (looking, sending):
            task.cancel()
        await asyncio.gather(looking, sending, return_exceptions=True)
    await _check(order, line, stage, meta, stage.sending)


async def _under_faults(
    order: Order, line: Line, stage: Stage, meta: Meta, rows: Rows, teller: "_Teller"
) -> None:
    """Traffic and faults. What is left without an answer or a row at the end is a problem."""
    try:
        async with asyncio.timeout(None) as deadline, meta.pulse():
            teller.muted = True
            if await _volley(meta, WARM_UP_TIMEOUT_S):
                await asyncio.sleep(CALM_S)
                await _faults(order, line, stage, meta, rows)
                await asyncio.sleep(CALM_S)
            else:
                stage.problems.append("nothing arrived, before any fault was made")
            deadline.reschedule(asyncio.get_running_loop().time() + PULSE_TIMEOUT_S)
    except TimeoutError:
        stage.problems.append("single deliveries were left without an answer or a row")


async def _faults(order: Order, line: Line, stage: Stage, meta: Meta, rows: Rows) -> None:
    """Makes the faults of the schedule; stops early when the line does not recover."""
    possible = catalogue(line.services(), cluster=bool(line.brokers), disks=sorted(line.disks))
    slots = schedule(order.seed, order.faults_s, possible)
    injector = Injector(line, meta)
    begun_s = meta.now_s
    for slot in slots:
        await asyncio.sleep(begun_s + slot.at_s - meta.now_s)
        try:
            hits = await _slot(slot, injector, meta, order.say)
        except (NotBackError, DiskBusyError) as error:
            stage.problems.append(str(error))
            return
        stage.hits += hits
        recovered_s = hits[0].recovered_s
        if recovered_s is None:
            what = " and ".join(f"{hit.fault.kind} {hit.target}" for hit in hits)
            stage.problems.append(f"no recovery in {RECOVERY_DEADLINE_S:.0f} s from {what}")
            return
        took_s = recovered_s - max(hit.back_s for hit in hits)
        order.say(
            f"      recovered in {took_s:.1f} s   "
            f"acknowledged {meta.acknowledged:,}, stored {rows.deliveries:,}"
        )


async def _slot(
    slot: Slot, injector: Injector, meta: Meta, say: Callable[[str], None]
) -> list[Hit]:
    together = len(slot.faults) > 1

    async def one(fault: Fault) -> Hit:
        await asyncio.sleep(fault.at_s - slot.at_s)
        at_s = meta.now_s
        lasting = f" for {fault.duration_s:g} s" if fault.duration_s else ""
        say(f"{int(at_s) // 60:3}:{int(at_s) % 60:02} {fault.kind} {fault.target}{lasting}")
        target = await injector.cause(fault)
        return Hit(fault, target, at_s, meta.now_s, None, together)

    tasks = [asyncio.create_task(one(fault)) for fault in slot.faults]
    try:
        await asyncio.wait(tasks)  # each ends its fault, whatever becomes of the other one
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    hits = [task.result() for task in tasks]
    recovered_s = meta.now_s if await _volley(meta, RECOVERY_DEADLINE_S) else None
    return [Hit(hit.fault, hit.target, hit.at_s, hit.back_s, recovered_s, together) for hit in hits]


async def _volley(meta: Meta, timeout_s: float) -> bool:
    """Whether fresh deliveries arrive in this time."""
    try:
        async with asyncio.timeout(timeout_s):
            await meta.volley()
    except TimeoutError:
        return False
    return True


async def _check(order: Order, line: Line, stage: Stage, meta: Meta, sending: SendReport) -> None:
    """Drains, then compares."""
    try:
        await drained(line.kafka_bootstrap, line.database_url)
    except NotDrainedError as error:
        stage.problems.append(f"not drained {error}")
    order.say("  Comparing what was acknowledged with what is stored …")
    given_up = [one.index for one in sending.outcomes if one.state is State.GIVEN_UP]
    if not sending.complete:
        stage.problems.append(
            f"{len(given_up)} deliveries were given up after Meta's last resend, "
            f"{sending.states[State.WRONGLY_ACCEPTED]} accepted that must be refused"
        )
    sent = Sent(
        [*sending.acknowledged_deliveries(), *meta.promise.acknowledged],
        [*(sending.kept[index] for index in given_up), *meta.promise.perhaps],
        frozenset(meta.promise.poison),
        meta.promise.posted + _posted(sending),
        line.graph.witness.told,
    )
    stored = await read_tables(line.database_url)
    stage.verdict = await asyncio.to_thread(judge, sent, stored)
    stage.answers = await ask(line.folder / "line")
    order.say(
        f"  Acknowledged {stage.verdict.acknowledged:,}, stored {stage.verdict.stored:,}, "
        f"lost {stage.verdict.lost}, doubled {stage.verdict.doubled}: "
        f"{'it holds' if stage.holds else 'IT DOES NOT HOLD'}."
    )


def _posted(sending: SendReport) -> Counter[str]:
    """How often the traffic's bodies were sent."""
    posted = Counter[str]()
    for one in sending.outcomes:
        posted[one.body_sha256] += one.attempts
    return posted
