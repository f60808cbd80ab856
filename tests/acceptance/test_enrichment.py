"""Enrichment as a newcomer tries it by hand: traffic first, accounts later."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.demo.enrichment import read_enrichment, waiting
from hookline.demo.graph import open_graph
from hookline.embedded.pipeline import GRAPH_URL, SIMULATED, Plan, open_pipeline
from runtime.database import dispose, new_engine
from schemas.settings import DatabaseSettings
from simulator.graph.statistics import Statistics
from tests.acceptance.conftest import Tables

SEED: Final = 5
DEADLINE_S: Final = 60
PAUSE_S: Final = 0.2


async def test_nothing_is_asked_before_an_account_is_connected(tmp_path: Path) -> None:
    """Not by any process of the line; then all that came before is read, each once."""
    async with open_graph(tmp_path, SEED) as server:
        asked = server.graph.statistics
        plan = Plan(tmp_path, environment={**SIMULATED, GRAPH_URL: server.url})
        async with open_pipeline(plan) as pipeline:
            url = pipeline.state.database_url
            await _hookline("simulate", "send", "--seed", str(SEED), data=tmp_path)
            await _stored(Tables(url))
            assert asked.requests == 0

            token = server.graph.tokens.user_token(0)
            given = ("accounts", "connect", "--token-file", "-")
            await _hookline(*given, data=tmp_path, told=token)
            engine = new_engine(DatabaseSettings.model_validate({"database_url": url}), "test")
            await _enriched(engine, asked)
            assert (await read_enrichment(engine, asked)).asked_again() == 0
            await dispose(engine)


async def _hookline(*arguments: str, data: Path, told: str | None = None) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "hookline", *arguments, "--data", str(data)],
        input=told,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def _stored(tables: Tables) -> None:
    """Returns when every change is in its table, and enrich knows what it could read."""
    tasks = "SELECT count(*) FROM hookline.enrichment_tasks"
    async with asyncio.timeout(DEADLINE_S):
        while not await tables.number(tasks) or await tables.waiting():
            await asyncio.sleep(PAUSE_S)


async def _enriched(engine: AsyncEngine, asked: Statistics) -> None:
    """Returns when the rows say what the Graph API answered."""
    async with asyncio.timeout(DEADLINE_S):
        while await waiting(engine) or (await read_enrichment(engine, asked)).problems():
            await asyncio.sleep(PAUSE_S)
