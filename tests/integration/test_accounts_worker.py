"""Tokens at rest, and accounts that are connected again, while the worker reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.vault import new_key
from simulator.graph.options import GraphOptions
from simulator.graph.server import serve_graph
from tests.integration.broker import Broker, until
from tests.integration.operating import Operator

ACCOUNT: Final = "17841477000000001"
"""No other test's, whose events are in the same Kafka."""


@pytest.fixture
async def operator(
    engine: AsyncEngine, database_url: str, broker: Broker
) -> AsyncIterator[Operator]:
    """With the account connected."""
    async with serve_graph(GraphOptions(accounts=1, account_ids=(ACCOUNT,))) as server:
        made = Operator(engine, database_url, server, KAFKA_BOOTSTRAP=broker.bootstrap)
        ran = await made.connect("--account", ACCOUNT)
        assert ran.code == 0, ran.err
        yield made


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the worker's output goes."""
    return tmp_path / "log"


def told(log: Path, event: str | None = None) -> list[dict[str, Any]]:
    """The lines of a log, or those of an event."""
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [line for line in lines if event in (None, line["event"])]


async def everything_is_read(operator: Operator) -> None:
    """Returns when nothing waits for the account."""

    async def done() -> bool:
        return await operator.waiting(ACCOUNT) == 0

    await until(done)


async def test_keys_are_rotated_while_the_worker_reads(operator: Operator, log: Path) -> None:
    """The new one in front, `rotate-key`, then the new one alone: something is read all the time,
    and never is there a token that cannot be opened."""
    new = new_key()
    both = f"{new},{operator.key}"
    async with operator.worker(log):
        await operator.commented(ACCOUNT, 3)
        await everything_is_read(operator)
    async with operator.worker(log, VAULT_KEYS=both):
        await operator.commented(ACCOUNT, 3)
        await everything_is_read(operator)
        rotating = asyncio.create_task(
            operator.verb("accounts", "rotate-key", "--json", VAULT_KEYS=both)
        )
        while not rotating.done():
            await operator.commented(ACCOUNT)
            await asyncio.sleep(0.1)
        rotated = await rotating
        assert (rotated.code, rotated.document) == (0, {"written": 1, "selected": 1}), rotated.err
        await everything_is_read(operator)
    async with operator.worker(log, VAULT_KEYS=new):
        await operator.commented(ACCOUNT, 3)
        await everything_is_read(operator)
    assert await operator.state(ACCOUNT) == ("active", None)
    assert told(log, "token_unusable") == told(log, "account_parked") == []
    [status] = await operator.rows("SELECT DISTINCT status FROM hookline.graph_reads")
    assert status == {"status": "done"}
    again = await operator.verb("accounts", "rotate-key", VAULT_KEYS=operator.key)
    assert (again.code, again.err.partition(" of ")[0]) == (1, "No key")


@pytest.mark.parametrize(
    ("setting", "wrong", "why"),
    [
        ("VAULT_KEYS", new_key(), "No key of HOOKLINE_VAULT_KEYS opens a stored token."),
        ("APP_SECRETS", "7:another", "HOOKLINE_APP_SECRETS lacks app 1000000000000001"),
    ],
    ids=["another key", "another app"],  # a new key is another one in each process
)
async def test_a_wrong_key_or_app_loses_nothing(
    operator: Operator, log: Path, setting: str, wrong: str, why: str
) -> None:
    """The worker says so once, keeps what is to be read, and reads it with the right one."""
    async with operator.worker(log, **{setting: wrong}):
        await operator.commented(ACCOUNT, 3)
        await until(lambda: told(log, "token_unusable"))
        await asyncio.sleep(2)
        [line] = told(log, "token_unusable")
        assert line["account"] == ACCOUNT
        assert line["why"].startswith(why)
        assert wrong not in json.dumps(told(log))
        assert await operator.waiting(ACCOUNT) == 4
        assert operator.graph.statistics.reads == {}
    assert await operator.state(ACCOUNT) == ("active", None)
    async with operator.worker(log):
        await everything_is_read(operator)


async def test_a_missing_key_is_told_before_anything_else(operator: Operator) -> None:
    """By the worker as by the verb; a key of another form too, unseen."""
    for keys, problem in (("", "missing"), ("not-a-key", "must be keys of 32 bytes")):
        worker = await operator.verb("worker", "enrich", VAULT_KEYS=keys)
        rotating = await operator.verb("accounts", "rotate-key", VAULT_KEYS=keys)
        for ran in (worker, rotating):
            assert ran.code == 2
            assert f"HOOKLINE_VAULT_KEYS: {problem}" in ran.err
            assert "not-a-key" not in ran.err


async def test_connecting_again_releases_what_waited(operator: Operator, log: Path) -> None:
    """In two replicas that both knew the dead token, without a restart."""
    async with operator.worker(log), operator.worker(log):
        await operator.commented(ACCOUNT, 3)
        await everything_is_read(operator)
        operator.graph.end_tokens(0, 460)
        await operator.commented(ACCOUNT, 200)
        await until(lambda: operator.parked(ACCOUNT))
        assert await operator.waiting(ACCOUNT) == 200
        [listed] = (await operator.verb("accounts", "list", "--json")).document["accounts"]
        assert (listed["state"], listed["state_reason"]) == ("parked", "token_password_changed")
        status = (await operator.verb("enrichment", "status", "--json")).document
        assert status["parked"] >= 200
        assert (await operator.connect("--account", ACCOUNT)).code == 0
        await everything_is_read(operator)
        assert await operator.state(ACCOUNT) == ("active", None)
