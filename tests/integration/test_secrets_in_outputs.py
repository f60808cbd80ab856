"""Nothing of a token is ever printed, logged or stored in the clear: all outputs are read for it.

The Graph API of this test is hostile: whatever it says quotes the token that it was asked with.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.proof import appsecret_proof
from runtime.publisher import OutRecord, Publisher
from runtime.vault import new_key
from schemas.settings import KafkaSettings
from schemas.topics import DEAD_LETTERS, ENRICHED_TOPICS, EVENTS_TOPICS
from simulator.graph.options import GraphOptions
from simulator.graph.server import serve_graph
from tests.integration.broker import Broker, until
from tests.integration.operating import Operator
from tests.integration.service import free_port

ACCOUNT: Final = "17841477000000002"
"""No other test's, whose events are in the same Kafka."""

APP_SECRET: Final = "5ec2e7c0ffee5ec2e7c0ffee5ec2e7c0"
WAYS: Final = (
    *("error", "wrong", "page", "garbage", "slow", "cut", "redirect", "version"),
    "final",
)
"""How the hostile Graph API answers, in turn."""

SHORTEST: Final = 12
"""So many characters of a secret are too many."""


@dataclass
class Outputs:
    """All that anybody could read, by where it was."""

    texts: dict[str, str] = field(default_factory=dict)

    def add(self, where: str, text: str) -> None:
        """One more."""
        self.texts[f"{len(self.texts)} {where}"] = text

    def places(self) -> set[str]:
        """Where something was."""
        return {name.partition(" ")[2] for name in self.texts}

    def holding(self, secrets: dict[str, str]) -> list[str]:
        """Which of them tell a secret, or a part of one."""
        return [
            f"{where}: {name}"
            for where, text in self.texts.items()
            for name, secret in secrets.items()
            if any(form in text for form in forms(secret))
        ]


def forms(secret: str) -> Iterator[str]:
    """A secret as it may be found: its ends, and as bytes are shown."""
    encoded = secret.encode()
    yield from (secret[:SHORTEST], secret[-SHORTEST:], encoded.hex())
    yield base64.b64encode(encoded).decode().rstrip("=")[:-1]


@pytest.mark.parametrize("cut", [slice(None), slice(SHORTEST), slice(-SHORTEST, None)])
def test_what_is_looked_for_would_be_found(cut: slice) -> None:
    """The whole of it, its beginning, its end, and as PostgreSQL shows bytes."""
    outputs = Outputs()
    outputs.add("clean", "nothing here")
    outputs.add("told", f"... {APP_SECRET[cut]} ...")
    outputs.add("bytes", f"\\x{APP_SECRET.encode().hex()}")
    assert outputs.holding({"app": APP_SECRET}) == ["1 told: app", "2 bytes: app"]


@dataclass
class Hostile:
    """A Graph API that answers in turn in every way there is, and quotes the token each time."""

    url: str = ""
    seen: list[str] = field(default_factory=list)
    token_is_dead: bool = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The next way."""
        way = "dead" if self.token_is_dead else WAYS[len(self.seen) % len(WAYS)]
        self.seen.append(way)
        form = await request.post() if request.method == "POST" else {}
        token = request.headers.get("Authorization", "") or str(form.get("access_token"))
        quoted = f"{token} {request.raw_path} {form}"
        codes = {"error": 2, "final": 803, "dead": 190}
        if way in codes:
            return web.json_response(told(codes[way], quoted), status=400)
        if way == "page":
            return web.Response(status=502, text=quoted, headers={"X-Quoted": token})
        if way == "redirect":
            raise web.HTTPFound(f"/{token}?access_token={token}")
        if way == "version":
            headers = {"facebook-api-version": "v19.0", "WWW-Authenticate": token}
            return web.json_response(told(1, quoted), status=500, headers=headers)
        if way == "slow":
            await asyncio.sleep(1.5)
        elif way == "cut" and request.transport is not None:
            request.transport.abort()
        elif way == "wrong":
            return web.json_response({"error": {"message": quoted, "code": token}, token: quoted})
        return web.Response(text=quoted)


def told(code: int, text: str) -> dict[str, object]:
    """An error object that quotes."""
    return {
        "error": {
            "code": code,
            "message": text,
            "type": text,
            "error_user_title": text,
            "error_user_msg": text,
            "fbtrace_id": "AbCdEf",
        }
    }


@asynccontextmanager
async def hostile_graph() -> AsyncIterator[Hostile]:
    """One that listens."""
    made = Hostile()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/"))
        yield made


VERBS: Final = (
    ("accounts", "list"),
    ("accounts", "list", "--json"),
    ("accounts", "show", ACCOUNT),
    ("accounts", "show", ACCOUNT, "--json"),
    ("accounts", "rotate-key"),
    ("accounts", "rotate-key", "--json"),
    ("enrichment", "status"),
    ("enrichment", "status", "--json"),
    ("trace", "17000000000000000", "--show-content"),
    ("trace", "17000000000000000", "--show-content", "--json"),
    ("dead-letters", "list", "--json"),
)


READ: Final = {
    "hookline.accounts",
    "hookline.enrichment_tasks",
    "hookline.graph_reads",
    "hookline.graph_usage",
    "hookline.operations",
    "analytics.account_health",
    DEAD_LETTERS,
    "instagram.enriched.comments",
}
"""Where there must have been something to be read, or this test looked at nothing."""


@pytest.mark.timeout(600)  # every verb is a process of its own
async def test_no_output_tells_a_secret(
    engine: AsyncEngine, database_url: str, broker: Broker, tmp_path: Path
) -> None:
    """Neither verbs, nor the worker's log at any level, nor metrics, topics, tables, processes."""
    options = GraphOptions(accounts=1, account_ids=(ACCOUNT,), app_secret=APP_SECRET)
    outputs, log = Outputs(), tmp_path / "log"
    since = await broker.ends([DEAD_LETTERS, *ENRICHED_TOPICS])
    async with serve_graph(options) as server, hostile_graph() as hostile:
        settings = {"KAFKA_BOOTSTRAP": broker.bootstrap, "LOG_LEVEL": "debug"}
        operator = Operator(engine, database_url, server, **settings)
        await connect(operator, hostile, outputs)
        await work(operator, hostile, broker, outputs, log)
        await crash(operator, log)
        removed = await operator.verb("accounts", "remove", ACCOUNT, "--yes")
        outputs.add("remove", removed.out + removed.err)
        secrets = secrets_of(operator)
    logged = log.read_text()
    assert "PostgreSQL refused a statement: sqlstate 42P01" in logged
    outputs.add("log", logged)
    for record in await broker.new_records(since):
        outputs.add(record.source.topic, repr((record.key, record.value, record.headers)))
    assert outputs.places() >= READ
    assert outputs.holding(secrets) == []


async def connect(operator: Operator, hostile: Hostile, outputs: Outputs) -> None:
    """As it fails in every way, and as it succeeds."""
    for _ in WAYS:
        ran = await operator.connect(GRAPH_URL=hostile.url, GRAPH_TIMEOUT_S="0.5")
        outputs.add("connect", ran.out + ran.err)
        assert ran.code in (1, 3), ran.err
    ran = await operator.connect("--account", ACCOUNT)
    outputs.add("connect", ran.out + ran.err)
    assert ran.code == 0, ran.err


async def work(
    operator: Operator, hostile: Hostile, broker: Broker, outputs: Outputs, log: Path
) -> None:
    """The worker asks the hostile Graph API until its token is dead; verbs look meanwhile."""
    hostile.seen.clear()
    port, both = str(free_port()), f"{new_key()},{operator.key}"
    changed = {"GRAPH_URL": hostile.url, "GRAPH_TIMEOUT_S": "0.5", "METRICS_PORT": port}
    operator.settings["VAULT_KEYS"] = both

    async def seen_in_every_way() -> bool:
        await operator.commented(ACCOUNT)  # what was asked for before waits for its next attempt
        return set(WAYS) <= set(hostile.seen)

    async with operator.worker(log, **changed) as worker, ClientSession() as client:
        await poison(broker)
        await until(seen_in_every_way, wait_s=90)
        for arguments in VERBS:
            ran = await operator.verb(*arguments)
            outputs.add(" ".join(arguments), ran.out + ran.err)
            assert ran.code == 0, ran.err
        ran = await operator.verb("doctor", GRAPH_URL=hostile.url, GRAPH_TIMEOUT_S="0.5")
        outputs.add("doctor", ran.out + ran.err)
        assert ran.code == 1, ran.err
        hostile.token_is_dead = True
        await operator.commented(ACCOUNT)
        await until(lambda: operator.parked(ACCOUNT))
        for page in ("metrics", "readyz"):
            async with client.get(f"http://127.0.0.1:{port}/{page}") as response:
                outputs.add(page, f"{dict(response.headers)} {await response.text()}")
        outputs.add("ps", Path(f"/proc/{worker.pid}/cmdline").read_text())  # noqa: ASYNC240
    await add_tables(operator, outputs)


async def crash(operator: Operator, log: Path) -> None:
    """The worker meets something that it does not expect, with an opened token in its hands."""
    connected = await operator.connect("--account", ACCOUNT)
    assert connected.code == 0, connected.err
    await operator.execute("ALTER TABLE hookline.graph_usage RENAME TO gone")
    async with operator.worker(log) as worker:
        assert await worker.wait() == 1


async def poison(broker: Broker) -> None:
    """A record that becomes a dead letter of the worker."""
    settings = KafkaSettings.model_validate({"kafka_bootstrap": broker.bootstrap})
    [topic] = [topic for topic, name in EVENTS_TOPICS.items() if name == "comments"]
    async with Publisher(settings) as publisher:
        await publisher.learn([topic])
        await publisher.publish(OutRecord(topic, b"key", b"no event", [("delivery-id", b"1")]))


async def add_tables(operator: Operator, outputs: Outputs) -> None:
    """Every row of every table and view, the sealed columns too: nothing shines through."""
    names = await operator.rows(
        "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables "
        "WHERE table_schema IN ('hookline', 'analytics')"
    )
    for one in names:
        for row in await operator.rows(f"SELECT t::text AS told FROM {one['name']} AS t"):
            outputs.add(one["name"], row["told"])


def secrets_of(operator: Operator) -> dict[str, str]:
    """All that must not be told, by what it is."""
    tokens = operator.graph.tokens
    pages = operator.graph.directory.accounts.values()
    keys = operator.settings["VAULT_KEYS"].split(",")
    found = {
        "user token": tokens.user_token(0),
        "long-lived token": tokens.user_token(0, long_lived=True),
        **{f"token of Page {page.page_id}": tokens.page_token(page) for page in pages},
        "app secret": APP_SECRET,
        **{f"vault key {number}": key for number, key in enumerate(keys)},
    }
    proofs = {
        f"proof of {name}": appsecret_proof(token, APP_SECRET.encode())
        for name, token in found.items()
        if "token" in name
    }
    return found | proofs
