"""The demonstration from start to end."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.demo.enrichment import read_enrichment, waiting
from hookline.demo.graph import connect_accounts, open_graph
from hookline.demo.outcome import in_flight, problems, read_outcome
from hookline.demo.page import show
from hookline.embedded.jars import Progress as DownloadProgress
from hookline.embedded.pipeline import GRAPH_URL, SIMULATED, Plan, open_pipeline
from hookline.embedded.stack import Announce
from hookline.embedded.state import State
from runtime.database import dispose, new_engine
from schemas.settings import DatabaseSettings
from simulator.expected import expect
from simulator.graph.statistics import Statistics
from simulator.report import Progress as SendProgress
from simulator.report import Report
from simulator.sender import SenderOptions, send
from simulator.target import Target
from simulator.traffic import mixed

SETTLE_TIMEOUT_S: Final = 60.0
"""For so long nothing may move before what is there counts as all."""

SETTLE_PAUSE_S: Final = 0.2


@dataclass(frozen=True)
class Demonstration:
    """What to show, and where to tell it. Tables go to `output`, progress to `console`."""

    folder: Path
    seed: int
    deliveries: int
    output: Console
    console: Console
    announce: Announce
    progress: DownloadProgress | None


async def run(demonstration: Demonstration) -> list[str]:
    """Runs it; gives what did not add up: nothing, when all is well.

    Raises:
        DependencyError: something cannot be started.
    """
    announce = demonstration.announce
    async with AsyncExitStack() as opened:
        graph = await opened.enter_async_context(
            open_graph(demonstration.folder, demonstration.seed)
        )
        plan = Plan(
            demonstration.folder,
            announce=announce,
            progress=demonstration.progress,
            environment={**SIMULATED, GRAPH_URL: graph.url},
        )
        pipeline = await opened.enter_async_context(open_pipeline(plan))
        state, asked = pipeline.state, graph.graph.statistics
        engine = _engine(state)
        opened.push_async_callback(dispose, engine)
        accounts = await connect_accounts(engine, state, graph)
        announce(f"Connected {accounts} accounts to a simulated Graph API.")
        started_s = time.monotonic()
        report = await _send(demonstration, state)
        announce("Waiting until every change is in its table, and enriched …")
        await _settle(engine, report.acknowledged, asked)
        took_s = time.monotonic() - started_s
        outcome = await read_outcome(engine)
        enrichment = await read_enrichment(engine, asked)
        expected = expect(report.acknowledged_deliveries())
        show(demonstration.output, report, expected, outcome, enrichment)
        announce(f"From the first delivery to the last enriched row: {took_s:.1f} s. Stopping …")
        stored = problems(outcome, expected, report.acknowledged_set())
        return stored + enrichment.problems()


async def _send(demonstration: Demonstration, state: State) -> Report:
    """Sends the traffic as Meta would, resends included."""
    bar = Progress(
        TextColumn("Sending deliveries"),
        BarColumn(),
        MofNCompleteColumn(),
        console=demonstration.console,
        transient=True,
        disable=not demonstration.console.is_terminal,
    )
    count = demonstration.deliveries
    if not demonstration.console.is_terminal:
        demonstration.announce(f"Sending {count} deliveries …")
    with bar:
        task = bar.add_task("", total=count)

        def advance(progress: SendProgress) -> None:
            bar.update(task, completed=progress.acknowledged + progress.refused)

        target = Target(state.ingest_url, state.app_secret.encode(), state.app_id)
        return await send(
            target,
            mixed(demonstration.seed, count),
            SenderOptions(concurrency=16, remember=True, graph_url=state.graph_url),
            advance,
        )


async def _settle(engine: AsyncEngine, acknowledged: int, asked: Statistics) -> None:
    """Returns when nothing is on its way or to be read, or when nothing moves any more."""
    left, deadline_s = -1, 0.0
    while now_left := await _left(engine, acknowledged, asked):
        if now_left != left:
            left, deadline_s = now_left, time.monotonic() + SETTLE_TIMEOUT_S
        elif time.monotonic() >= deadline_s:
            return
        await asyncio.sleep(SETTLE_PAUSE_S)  # rows come from other processes: there is no event


async def _left(engine: AsyncEngine, acknowledged: int, asked: Statistics) -> int:
    """What is on its way, waits to be read, or was read and is in no row yet."""
    left = await in_flight(engine, acknowledged) + await waiting(engine)
    return left or len((await read_enrichment(engine, asked)).problems())


def _engine(state: State) -> AsyncEngine:
    settings = DatabaseSettings.model_validate({"database_url": state.database_url})
    return new_engine(settings, "demo")
