"""What can break on a line, each with the check that tells, and put right again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from aiohttp import web

from graph.subscriptions import FIELDS
from hookline.doctor.finding import State
from runtime.configuration import load
from runtime.database import transaction
from runtime.partitions import ensure_partitions
from runtime.topics import apply_topics
from runtime.vault import new_key
from schemas.settings import TopicsSettings
from schemas.tables import REVISION
from simulator.graph.faults import Fault
from simulator.graph.options import GraphOptions
from tests.integration.doctored import ACCOUNTS, Line
from tests.integration.front import Authority, Front
from tests.integration.service import free_port

RAW: Final = "instagram.raw.comments"

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
TOKENS: Final = ("token", "token_life", "permissions", "page_link", "page_tasks", "on_air")
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
            ("page_tasks", "permissions", "on_air"),
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
