"""The doctor on a line that is whole, and on the same with one thing broken after the other."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import aiohttp
import pytest
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.client import Client
from graph.subscribing import Subscribing
from graph.subscriptions import FIELDS
from hookline.accounts.connecting import connect
from hookline.doctor.catalogue import CHECKS, examined, parts_of
from hookline.doctor.facts import Kafka, Topic
from hookline.doctor.finding import Finding, State
from hookline.doctor.look import Wanted, look
from hookline.doctor.probes import kafka as probe
from hookline.doctor.repair import plan
from hookline.doctor.setup import setup
from hookline.subscriptions.survey import UnknownAccountError
from runtime.configuration import load
from runtime.database import dispose, new_engine, transaction
from runtime.partitions import ensure_partitions
from runtime.topics import apply_topics
from runtime.vault import Vault, new_key
from schemas.settings import WEBHOOK_PATH, AccountsSettings, MigrateSettings, TopicsSettings
from schemas.tables import REVISION
from schemas.topics import RAW_TOPICS, TopicSpec, consumer_group
from simulator.graph.app_subscriptions import AppSubscription
from simulator.graph.faults import Fault
from simulator.graph.options import GraphOptions
from simulator.graph.server import GraphServer, serve_graph
from simulator.signing import Signing, headers
from tests.conftest import copied
from tests.integration.broker import Broker, until
from tests.integration.front import Authority, Front, front_of
from tests.integration.handled import Handled, received
from tests.integration.process import process
from tests.integration.service import VERIFY_TOKEN, free_port
from tests.integration.verb import Ran, verb
from workers.registry import WORKERS, handler_of
from workers.watchdog.watchdog import Watchdog

ACCOUNTS: Final = ("17841400000000001", "17841400000000002")
RAW: Final = "instagram.raw.comments"
NOWHERE: Final = "nobody listens there"

Findings: TypeAlias = list[Finding]


@dataclass
class Line:
    """A whole line: who stands in for whom is said where it is made."""

    engine: AsyncEngine
    front: Front
    server: GraphServer
    ingest_url: str
    authority: Authority
    settings: dict[str, str]
    readers: dict[str, AIOKafkaConsumer] = field(default_factory=dict)
    ahead: timedelta = timedelta(0)
    changed: dict[str, str] = field(default_factory=dict)

    @property
    def graph(self) -> Any:
        """The simulated Graph API."""
        return self.server.graph

    @property
    def callback_url(self) -> str:
        """What the app is subscribed with."""
        return f"{self.front.url}{WEBHOOK_PATH}"

    async def examine(self, *checks: str, accounts: Sequence[str] = ()) -> Findings:
        """What the doctor finds."""
        given = {name: one for name, one in {**self.settings, **self.changed}.items() if one}
        facts = await look(
            setup(given),
            Wanted(parts_of(checks or CHECKS), accounts),
            clock=lambda: datetime.now(UTC) + self.ahead,
        )
        return examined(facts, checks or CHECKS)

    async def verb(self, *arguments: str, **changed: str) -> Ran:
        """`hookline doctor …` as a process."""
        given = {name.upper(): value for name, value in {**self.settings, **changed}.items()}
        return await verb("doctor", *arguments, **given)

    async def execute(self, statement: str) -> None:
        """Changes what is stored."""
        async with transaction(self.engine) as connection:
            await connection.execute(text(statement))

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """What is stored."""
        async with transaction(self.engine) as connection:
            return [dict(row) for row in (await connection.execute(text(query))).mappings()]

    async def connect(self) -> None:
        """The accounts, with the tokens that their user has now."""
        token = self.graph.tokens.user_token(0)
        await connect(self.engine, load(AccountsSettings, self.settings), token, (), dry_run=False)

    def subscribe_app(self, **changes: Any) -> None:
        """What the app is subscribed to."""
        told = {"callback_url": self.callback_url, "fields": dict.fromkeys(FIELDS, "v25.0")}
        self.graph.apps.put([AppSubscription(**{**told, **changes})])

    def grant(self, **changes: Any) -> None:
        """What the user granted; all of it at first."""
        grants = self.graph.grants
        grants.now = grants.first.model_copy(update=changes)

    async def read(self, worker: str) -> None:
        """A worker's group has a member, which has read everything."""
        topics = handler_of(worker)(self.engine).topics
        reader = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self.settings["kafka_bootstrap"],
            group_id=consumer_group(worker),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await reader.start()
        self.readers[worker] = reader
        await until(reader.assignment)
        await reader.commit(await reader.end_offsets(list(reader.assignment())))


@pytest.fixture(scope="module")
async def line(
    broker: Broker, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """All real, but for Meta, and for the workers: of them only their groups are there."""
    folder = tmp_path_factory.mktemp("doctor")
    authority, key, port = Authority(folder), new_key(), free_port()
    ingest_url = f"http://127.0.0.1:{port}"
    options = GraphOptions(accounts=2, page_fields=("feed",), app_secret="5ec2e7c0ffee")
    async with AsyncExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv(
            "SSL_CERT_FILE", str(authority.path)
        )
        front = await stack.enter_async_context(front_of(ingest_url, authority.certificate()))
        server = await stack.enter_async_context(serve_graph(options))
        url = await stack.enter_async_context(copied(template_url))
        settings = {
            "kafka_bootstrap": broker.bootstrap,
            "topic_partitions": "3",
            "database_url": url,
            "app_secrets": f"{options.app_id}:{options.app_secret}",
            "vault_keys": key,
            "graph_url": server.url,
            "public_url": front.url,
            "verify_token": VERIFY_TOKEN,
            "ingest_url": ingest_url,
        }
        started = {
            name.upper(): settings[name]
            for name in ("kafka_bootstrap", "app_secrets", "verify_token")
        }
        await stack.enter_async_context(
            process(folder / "ingest.log", "ingest", INGEST_PORT=str(port), **started)
        )
        engine = new_engine(load(MigrateSettings, settings), "test")
        stack.push_async_callback(dispose, engine)
        made = Line(engine, front, server, ingest_url, authority, settings)
        stack.push_async_callback(_stop_all, made)
        await _furnish(made)
        yield made


async def _furnish(made: Line) -> None:
    """Accounts, subscriptions, readers, a delivery, and a look of the watchdog."""
    made.subscribe_app()
    await asyncio.gather(made.connect(), *map(made.read, WORKERS), until(lambda: _ready(made)))
    change = {"field": "comments", "value": {"id": "17900000000000001", "text": "hello"}}
    entry = {"id": ACCOUNTS[0], "time": 1734638812, "changes": [change]}
    body = json.dumps({"object": "instagram", "entry": [entry]}).encode()
    await Handled(made.engine).store([received(body)])
    await _watch(made)


async def _watch(made: Line) -> None:
    options = made.graph.options
    async with Client(made.server.url, "v25.0", 5.0) as client:
        watchdog = Watchdog(
            made.engine,
            Subscribing(client, made.callback_url, VERIFY_TOKEN),
            Vault(load(AccountsSettings, made.settings)),
            [(options.app_id, options.app_secret.encode())],
            timedelta(minutes=10),
        )
        await watchdog.look()


async def _stop_all(made: Line) -> None:
    await asyncio.gather(*(reader.stop() for reader in made.readers.values()))


async def _ready(made: Line) -> bool:
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{made.ingest_url}/readyz") as answer,
        ):
            return answer.status == 200
    except aiohttp.ClientError:
        return False


@pytest.fixture(scope="module")
async def healthy(line: Line) -> Findings:
    """What it finds on the whole line."""
    return await line.examine()


def test_a_whole_line_is_green_or_asks(healthy: Findings) -> None:
    """Nothing is red, yellow or unknown, and every check was made."""
    assert [one for one in healthy if one.state not in ("green", "ask")] == []
    asked = {one.check for one in healthy if one.state == "ask"}
    questions = {"app_live", "advanced_access", "business_verified", "media_owner_public"}
    # Nothing has come for the second account, and the database's disk nobody can see.
    assert asked == {*questions, "database_size", "account_deliveries"}
    assert {one.check for one in healthy} == set(CHECKS) - {"disk"}


Breaking: TypeAlias = Callable[[Line], AbstractAsyncContextManager[None]]


class Break(NamedTuple):
    """Something that breaks: the check that tells, its advice, and what may change besides."""

    name: str
    breaking: Breaking
    check: str
    advice: str
    others: tuple[str, ...] = ()
    state: State = "red"


def told(**changed: str) -> Breaking:
    """The doctor, or the services, have other settings; an empty one is not set."""

    @asynccontextmanager
    async def breaking(line: Line) -> AsyncIterator[None]:
        line.changed |= changed
        yield
        for name in changed:
            del line.changed[name]

    return breaking


def proxy(way: Callable[[Front, web.Request], Any]) -> Breaking:
    """Something is wrong between Meta and ingest."""

    @asynccontextmanager
    async def breaking(line: Line) -> AsyncIterator[None]:
        async def answer(request: web.Request) -> web.StreamResponse:
            found = way(line.front, request)
            answer: web.StreamResponse = await found if asyncio.iscoroutine(found) else found
            return answer

        line.front.way = answer
        yield
        line.front.way = line.front.pass_on

    return breaking


def certificate(make: Callable[[Line], Path]) -> Breaking:
    """The proxy shows another certificate."""

    @asynccontextmanager
    async def breaking(line: Line) -> AsyncIterator[None]:
        line.front.use(make(line))
        yield
        line.front.use()

    return breaking


def app(**changes: Any) -> Breaking:
    """The app is subscribed otherwise."""

    @asynccontextmanager
    async def breaking(line: Line) -> AsyncIterator[None]:
        line.subscribe_app(**changes)
        yield
        line.subscribe_app()

    return breaking


def granted(**changes: Any) -> Breaking:
    """The user granted otherwise."""

    @asynccontextmanager
    async def breaking(line: Line) -> AsyncIterator[None]:
        line.grant(**changes)
        yield
        line.grant()

    return breaking


def stored(breaking: str, mending: str) -> Breaking:
    """Something in the database is otherwise."""

    @asynccontextmanager
    async def broken(line: Line) -> AsyncIterator[None]:
        await line.execute(breaking)
        yield
        await line.execute(mending)

    return broken


@asynccontextmanager
async def no_app(line: Line) -> AsyncIterator[None]:
    """Meta has forgotten the app's subscription."""
    line.graph.apps.put([])
    yield
    line.subscribe_app()


@asynccontextmanager
async def dropped(line: Line) -> AsyncIterator[None]:
    """Meta has taken the app off a Page."""
    line.graph.pages.put(ACCOUNTS[1], ())
    yield
    line.graph.pages.put(ACCOUNTS[1], ("feed",))


@asynccontextmanager
async def dead_tokens(line: Line) -> AsyncIterator[None]:
    """The user has changed the password."""
    line.graph.end_tokens(0, 460)
    yield
    await line.connect()


@asynccontextmanager
async def failing_graph(line: Line) -> AsyncIterator[None]:
    """Meta has a bad day."""
    line.graph.faults.wanted = (Fault(kind="status", status=503),)
    yield
    line.graph.faults.wanted = ()


@asynccontextmanager
async def late(line: Line) -> AsyncIterator[None]:
    """Our clock is wrong."""
    line.ahead = timedelta(minutes=-2)
    yield
    line.ahead = timedelta(0)


@asynccontextmanager
async def no_dedupe(line: Line) -> AsyncIterator[None]:
    """The worker has stopped."""
    await line.readers.pop("dedupe").stop()
    yield
    await line.read("dedupe")


@asynccontextmanager
async def no_month(line: Line) -> AsyncIterator[None]:
    """Nobody has made the partition of the next month."""
    first = datetime.now(UTC).date().replace(day=1) + timedelta(days=32)
    await line.execute(f"DROP TABLE hookline.sightings_{first:%Y_%m}")
    yield
    async with transaction(line.engine) as connection:
        await ensure_partitions(connection, 3)


@asynccontextmanager
async def small_topic(line: Line) -> AsyncIterator[None]:
    """Somebody has given a topic another limit."""
    settings = load(TopicsSettings, {**line.settings, "ingest_max_body_bytes": "1048576"})
    await apply_topics(settings)
    yield
    await apply_topics(load(TopicsSettings, line.settings))


def without(scope: str) -> tuple[str, ...]:
    """All permissions but one."""
    return tuple(one for one in GraphOptions().scopes if one != scope)


def no_signature(front: Front, request: web.Request) -> Any:
    """A proxy that passes on what it knows."""
    return front.pass_on(request, without="x-hub-signature-256")


def no_query(front: Front, request: web.Request) -> Any:
    """A proxy that drops the query."""
    return front.pass_on(request, path=request.path)


def one_mib(front: Front, request: web.Request) -> Any:
    """A proxy as nginx is."""
    if (request.content_length or 0) > 1024**2:
        return web.Response(status=413, text="<html>", content_type="text/html")
    return front.pass_on(request)


def posts(status: int) -> Callable[[Front, web.Request], Any]:
    """A proxy that answers deliveries itself."""
    return lambda front, request: (
        web.Response(status=status) if request.method == "POST" else front.pass_on(request)
    )


def always(status: int, **more: Any) -> Callable[[Front, web.Request], Any]:
    """Something else answers."""
    return lambda _, __: web.Response(status=status, **more)


def echo(_: Front, request: web.Request) -> Any:
    """Something that has read half of Meta's page."""
    return web.Response(text=request.query.get("hub.challenge", ""))


def hang_up(_: Front, request: web.Request) -> Any:
    """A proxy that dies."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


REST: Final = ("callback_wrong_token", "callback_signature", "callback_size")
CALLBACK: Final = ("callback", "callback_address", *REST)
SUBSCRIPTIONS: Final = ("app_subscription", "field_versions")
TOKENS: Final = ("token", "token_life", "permissions", "page_link", "page_tasks")
ACCOUNT: Final = (*TOKENS, "page_subscription")
STORED: Final = (
    *("revision", "partitions", "clock_database", "database_size", "breakers", "gaps"),
    *("dead_letters", "replies", "deliveries", "values", "watchdog", "account_deliveries"),
    *("accounts", "vault", "account_state", "workers", *ACCOUNT),
)
CLOSED: Final = f"127.0.0.1:{free_port()}"

BY_GROUP: Final[tuple[tuple[Break, ...], ...]] = (
    (
        Break(
            "redirects",
            proxy(always(301, headers={"Location": "https://www.example.com/"})),
            "callback",
            "Meta the address",
            REST,
        ),
        Break(
            "a web page",
            proxy(always(200, text="<html>", content_type="text/html")),
            "callback",
            "ingest does not",
            REST,
        ),
        Break("nothing behind", proxy(always(502)), "callback", "whether ingest runs", REST),
        Break("hangs up", proxy(hang_up), "callback", "the proxy to ingest", CALLBACK),
        Break("no query", proxy(no_query), "callback", "with its query"),
        Break("another token", told(verify_token="other"), "callback", "HOOKLINE_VERIFY_TOKEN"),
        Break("echoes", proxy(echo), "callback_wrong_token", "echoes", REST[1:]),
        Break("no header", proxy(no_signature), "callback_signature", "headers"),
        Break("takes all", proxy(posts(200)), "callback_signature", "who answers", REST),
        Break("CSRF", proxy(posts(403)), "callback_signature", "CSRF", REST),
        Break("small", proxy(one_mib), "callback_size", "client_max_body_size"),
        Break(
            "expired",
            certificate(lambda line: line.authority.certificate(days=-1)),
            "callback_certificate",
            "Renew",
            CALLBACK,
        ),
        Break(
            "another name",
            certificate(lambda line: line.authority.certificate("example.com")),
            "callback_certificate",
            "HOOKLINE_PUBLIC_URL",
            CALLBACK,
        ),
        Break(
            "nobody's authority",
            certificate(lambda line: Authority(line.authority._folder, "Other").certificate()),
            "callback_certificate",
            "intermediate",
            CALLBACK,
        ),
        Break(
            "ends soon",
            certificate(lambda line: line.authority.certificate(days=5)),
            "callback_certificate",
            "Renew",
            (),
            "yellow",
        ),
        Break(
            "another secret",
            told(app_secrets="1000000000000001:wrong"),
            "app_secret",
            "HOOKLINE_APP_SECRETS",
            (*SUBSCRIPTIONS, *ACCOUNT),
        ),
        Break(
            "Meta fails",
            failing_graph,
            "graph",
            "Wait",
            ("graph_version", "app_secret", *SUBSCRIPTIONS, *ACCOUNT),
        ),
        Break("late", late, "clock_graph", "NTP", ("clock_database",)),
        Break("dead", dead_tokens, "token", "accounts connect", ACCOUNT),
        Break(
            "no PostgreSQL",
            told(database_url=f"postgresql://{CLOSED}/hookline"),
            "database",
            "DATABASE_URL",
            STORED,
        ),
        Break(
            "behind",
            stored(
                "UPDATE hookline.alembic_version SET version_num = '0001'",
                f"UPDATE hookline.alembic_version SET version_num = '{REVISION}'",
            ),
            "revision",
            "migrate",
            STORED,
        ),
        Break(
            "not set",
            told(public_url=""),
            "settings",
            "configuration",
            (*CALLBACK, "callback_certificate", "app_subscription"),
        ),
    ),
    (
        Break("no subscription", no_app, "app_subscription", "apply", SUBSCRIPTIONS),
        Break("not active", app(active=False), "app_subscription", "apply"),
        Break(
            "elsewhere",
            app(callback_url="https://staging.example.com/"),
            "app_subscription",
            "another line",
        ),
        Break("fields", app(fields={"comments": "v25.0"}), "app_subscription", "apply"),
        Break(
            "old fields",
            app(fields=dict.fromkeys(FIELDS, "v19.0")),
            "field_versions",
            "apply",
        ),
        Break("a version that ended", told(graph_version="v19.0"), "graph_version", "VERSION"),
    ),
    (
        Break(
            "no comments", granted(scopes=without("instagram_manage_comments")), "permissions", "in"
        ),
        Break(
            "for others only",
            granted(targets={"instagram_manage_insights": (ACCOUNTS[0],)}),
            "permissions",
            "this account",
        ),
        Break("no tasks", granted(tasks=("ANALYZE",)), "page_tasks", "MANAGE"),
        Break(
            "not linked",
            granted(unlinked=ACCOUNTS[1:]),
            "page_link",
            "link it",
            ("page_tasks", "permissions"),
        ),
        Break("another app's", granted(app_id="42"), "token", "Make a token"),
        Break("no access", granted(data_access_expires_at=1), "token_life", "connect"),
        Break("dropped", dropped, "page_subscription", "subscriptions apply"),
        Break("another key", told(vault_keys=new_key()), "vault", "Add the key", ACCOUNT),
        Break(
            "parked",
            stored(
                "UPDATE hookline.accounts SET state = 'parked'",
                "UPDATE hookline.accounts SET state = 'active'",
            ),
            "account_state",
            "accounts connect",
        ),
    ),
    (
        Break(
            "no ingest",
            told(ingest_url=f"http://{CLOSED}"),
            "ingest",
            "INGEST_URL",
            ("ingest_failures", "signatures", "spool"),
        ),
        Break(
            "no Kafka",
            told(kafka_bootstrap=CLOSED),
            "kafka",
            "brokers",
            ("topics", "copies", "workers", "retention"),
        ),
        Break("narrow", told(topic_partitions="4"), "topics", "topics apply"),
        Break("kept shortly", told(topic_retention_days="8"), "topics", "topics apply"),
        Break("small topics", small_topic, "topics", "topics apply"),
        Break("no dedupe", no_dedupe, "workers", "worker dedupe"),
        Break("no spool", told(ingest_spool_dir="/nowhere/at/all"), "disk", "ingest's machine"),
    ),
    (
        Break("no month", no_month, "partitions", "migrate"),
        Break(
            "a breaker",
            stored(
                "INSERT INTO hookline.breakers VALUES ('persist', now(), '50 in a row')",
                "DELETE FROM hookline.breakers",
            ),
            "breakers",
            "resume --stage persist",
        ),
        Break(
            "a gap",
            stored(
                f"INSERT INTO hookline.gaps VALUES ('hookline.dedupe', '{RAW}', 0, 5, 9, now())",
                "DELETE FROM hookline.gaps",
            ),
            "gaps",
            "--from archive",
        ),
        Break(
            "silence",
            stored(
                "UPDATE hookline.subscription_checks SET activity = 'silent' WHERE account_id = ''",
                "UPDATE hookline.subscription_checks SET activity = 'usual' WHERE account_id = ''",
            ),
            "deliveries",
            "callback",
        ),
        Break(
            "no watchdog",
            stored(
                "UPDATE hookline.subscription_checks SET checked_at = now() - interval '2 h'",
                "UPDATE hookline.subscription_checks SET checked_at = now()",
            ),
            "watchdog",
            "worker watchdog",
            ("account_deliveries",),
        ),
        Break(
            "without values",
            stored(
                "INSERT INTO hookline.sightings SELECT now(), delivery_id, '0.changed_fields.0', "
                "'other:17:sha256:1', '1', NULL, 'first' FROM hookline.deliveries",
                "DELETE FROM hookline.sightings WHERE position = '0.changed_fields.0'",
            ),
            "values",
            "Include Values",
        ),
    ),
)


def rounds() -> Iterator[tuple[Break, ...]]:
    """One of each group at a time: they have nothing to do with each other."""
    for found in zip_longest(*BY_GROUP):
        yield tuple(one for one in found if one is not None)


@pytest.mark.parametrize(
    "broken", list(rounds()), ids=lambda found: ", ".join(one.name for one in found)
)
async def test_what_is_broken_is_red_and_nothing_else(
    line: Line, healthy: Findings, broken: tuple[Break, ...]
) -> None:
    """With the right advice; and whatever is not to be blamed on it says what it said before."""
    async with AsyncExitStack() as stack:
        for one in broken:
            await stack.enter_async_context(one.breaking(line))
        found = await line.examine()
    for one in broken:
        of_check = [finding for finding in found if finding.check == one.check]
        assert [finding for finding in of_check if finding.state == one.state], (one.name, of_check)
        for finding in of_check:
            assert finding.state != one.state or one.advice in finding.repair, finding
    changed = {name for one in broken for name in (one.check, *one.others)}
    for check in set(CHECKS) - changed - {"disk"}:
        assert _states(found, check) == _states(healthy, check), check
    assert [finding for finding in found if finding.state == "red" and not finding.repair] == []


def _states(findings: Findings, check: str) -> list[tuple[str, State]]:
    return [(one.subject, one.state) for one in findings if one.check == check]


async def test_the_doctor_is_no_delivery(line: Line, broker: Broker) -> None:
    """Nothing of it gets to Kafka, and ingest counts neither deliveries nor failures."""
    ends = await broker.ends(RAW_TOPICS)
    await line.examine("callback", "callback_signature", "callback_size")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{line.ingest_url}/metrics") as answer,
    ):
        metrics = await answer.text()
    assert 'hookline_deliveries_total{outcome="signature_mismatch"}' not in metrics
    assert 'hookline_refused_requests_total{reason="signature_mismatch"}' in metrics
    assert "hookline_ingest_failure_ratio 0.0" in metrics
    assert await broker.ends(RAW_TOPICS) == ends


async def test_the_command(line: Line) -> None:
    """Exit codes, one document, and nothing secret in any of it."""
    whole = await line.verb("--json")
    assert (whole.code, whole.err) == (0, "")
    assert whole.document["state"] == "ask"
    assert whole.document["counts"]["red"] == 0
    nowhere = {"kafka_bootstrap": CLOSED, "database_url": f"postgresql://{CLOSED}/hookline"}
    away = await line.verb("--only", "kafka", "--only", "database", **nowhere)
    assert away.code == 3
    assert "Kafka cannot be reached" in away.out
    secrets = [line.settings[name] for name in ("app_secrets", "vault_keys", "verify_token")]
    tokens = line.graph.tokens
    secrets += [tokens.user_token(0), tokens.user_token(0, long_lived=True)]
    for ran in (whole, away):
        assert not [secret for secret in secrets if secret in ran.out + ran.err]


async def test_one_account(line: Line) -> None:
    """Of accounts only the one that is named; one that is not connected is none."""
    found = await line.examine("page_subscription", "app_secret", accounts=ACCOUNTS[1:])
    assert [one.subject for one in found] == [f"app {line.graph.options.app_id}", ACCOUNTS[1]]
    with pytest.raises(UnknownAccountError, match="Not connected: 17"):
        await line.examine("token", accounts=("17",))


async def test_what_does_no_harm_is_repaired(line: Line) -> None:
    """Topics, tables and subscriptions at once, with a row of the audit; then all is well again."""
    async with AsyncExitStack() as stack:
        for breaking in (no_app, dropped, small_topic, no_month):
            await stack.enter_async_context(breaking(line))
        fixes = plan(await line.examine())
        assert list(fixes) == ["migrate", "topics apply", "subscriptions apply"]
        assert line.graph.pages.fields(ACCOUNTS[1]) == ()
        ran = await line.verb("--fix", "--yes", "--json")
        left = [one for one in ran.document["findings"] if one["state"] in ("red", "unknown")]
        assert left == []
        assert (ran.code, ran.document["fixes"]) == (0, list(fixes)), ran.err
        assert line.graph.pages.fields(ACCOUNTS[1]) == ("feed",)
        [row] = await line.rows("SELECT * FROM hookline.operations WHERE verb = 'doctor'")
        assert row["state"] == "done"
        assert row["arguments"] == {
            fix: [f"{one.check} {one.subject}" for one in found] for fix, found in fixes.items()
        }
        assert row["counts"]["subscriptions"] == 2


async def test_a_callback_is_not_moved(line: Line) -> None:
    """It may be another line's: that is left to a person."""
    async with app(callback_url="https://staging.example.com/")(line):
        assert plan(await line.examine("app_subscription")) == {}


async def test_how_far_a_group_is_behind(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """In records and time, without any of them being read; and what is gone already."""
    topic, day = await broker.topic(), timedelta(days=1)
    written = datetime.now(UTC).replace(microsecond=0) - 3 * day
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    for number in range(4):
        at_ms = int((written + number * day / 2).timestamp() * 1000)
        await producer.send_and_wait(topic, b"", timestamp_ms=at_ms)
    await producer.stop()
    spec = TopicSpec(topic, 1, 1, {})
    config = {"retention.ms": str(7 * 86_400_000)}
    kafka = Kafka(broker.bootstrap, 1, {topic: Topic(1, 1, 1, 0, config)}, (spec,))
    monkeypatch.setattr(probe, "WORKERS", (topic,))
    settings = TopicsSettings.model_validate({"kafka_bootstrap": broker.bootstrap})
    place = TopicPartition(topic, 0)
    async with reading(broker, topic) as reader, probe._clients(settings) as (admin, consumer):
        reader.assign([place])
        await reader.commit({place: 1})
        [group] = await probe._groups(admin, consumer, kafka)
        behind = group.topics[topic]
        assert (group.members, behind.records, behind.gone) == (0, 3, 0)
        assert (behind.oldest_at, behind.retention) == (written + day / 2, 7 * day)
        await _delete_before(broker, place, 3)
        [group] = await probe._groups(admin, consumer, kafka)
        assert group.topics[topic][:2] == (1, 2)
        await reader.commit({place: 4})
        [group] = await probe._groups(admin, consumer, kafka)
        assert group.topics[topic][:3] == (0, 0, None)


@asynccontextmanager
async def reading(broker: Broker, worker: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that commits for a group."""
    reader = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap,
        group_id=consumer_group(worker),
        enable_auto_commit=False,
    )
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def _delete_before(broker: Broker, place: TopicPartition, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.delete_records({place: RecordsToDelete(before_offset=offset)})
    await admin.close()


async def test_meta_signs_with_another_secret(line: Line) -> None:
    """The last one: ingest does not forget it."""
    body = b'{"object": "instagram", "entry": []}'
    async with aiohttp.ClientSession() as session:
        for _ in range(6):
            sent = headers(body, b"", Signing.WRONG_SECRET)
            url = f"{line.ingest_url}{WEBHOOK_PATH}"
            async with session.post(url, data=body, headers=sent) as answer:
                assert answer.status == 401

    async def told_so() -> bool:
        found = await line.examine("signatures", "ingest_failures")
        return [one.state for one in found] == ["red", "red"]

    await until(told_so)
