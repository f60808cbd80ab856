"""reply dies at each of its steps, as by SIGKILL: nothing is answered twice or forgotten."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from schemas.crash_points import CrashPoint
from tests.integration.broker import Broker, until
from tests.integration.enriching import ACCOUNT
from tests.integration.process import process
from tests.integration.replying import OTHERS, replying
from workers.reply.outbox import Outbox
from workers.reply.reply import MANUAL, NewReply

ANSWERS = 5


@pytest.mark.parametrize(
    ("point", "written", "first"),
    [
        (CrashPoint.REPLY_BEGUN, 0, "unknown"),
        (CrashPoint.REPLY_ANSWERED, 1, "unknown"),
        (CrashPoint.REPLY_SETTLED, 1, "sent"),
    ],
)
async def test_a_sender_that_is_killed(
    engine: AsyncEngine,
    database_url: str,
    broker: Broker,
    tmp_path: Path,
    point: CrashPoint,
    written: int,
    first: str,
) -> None:
    """The one answer that was on its way is sent or unknown; all others are sent, each once."""
    async with replying(engine, database_url) as line:
        await Outbox(engine).put([_ordered(number) for number in range(ANSWERS)])
        environment = {
            "KAFKA_BOOTSTRAP": broker.bootstrap,
            "DATABASE_URL": database_url,
            "APP_SECRETS": line.settings.app_secrets.get_secret_value(),
            "VAULT_KEYS": line.settings.vault_keys.get_secret_value(),
            "GRAPH_URL": line.settings.graph_url,
            "GRAPH_CONCURRENCY": "1",  # else another one may be on its way, too
        }
        log = tmp_path / "reply.log"
        async with process(log, "worker", "reply", **environment, CRASH_POINT=point) as armed:
            async with asyncio.timeout(60):
                assert await armed.wait() == -signal.SIGKILL
        assert len(line.graph.writes) == written
        # Its lease runs out.
        await line.execute(
            "UPDATE hookline.replies SET leased_until = now() - interval '1 s' "
            "WHERE leased_until IS NOT NULL"
        )
        async with process(log, "worker", "reply", **environment):
            await until(lambda: line.all_are("sent", "unknown"), 60)
        states = await line.states()
        assert states["unknown"] == (first == "unknown")
        assert states.total() == ANSWERS
        assert set(line.answers().values()) == {1}
        assert line.answers().total() == states["sent"] + (written if first == "unknown" else 0)
        assert _nothing_said(log)


def _ordered(number: int) -> NewReply:
    comment_id = f"{17_000_000_000_000_000 + number}"
    return NewReply(
        account_id=ACCOUNT,
        event_id=f"mentions:{ACCOUNT}:{OTHERS}:{comment_id}",
        rule=MANUAL,
        kind="comment_mention",
        media_id=OTHERS,
        comment_id=comment_id,
        thread_id=None,
        person=None,
        message="What-nobody-may-log",
        dry_run=False,
        due_at=datetime.now(UTC) - timedelta(seconds=1),
    )


def _nothing_said(log: Path) -> bool:
    return "What-nobody-may-log" not in log.read_text()
