"""Facts of a line on which all is well, to be broken one at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from graph.subscriptions import FIELDS, AppSubscription, app_plan
from hookline.accounts.account import NEEDED_SCOPES, Account
from hookline.doctor.facts import (
    Behind,
    Callback,
    Certificate,
    Configured,
    Database,
    Deliveries,
    Disk,
    Facts,
    Group,
    Ingest,
    Kafka,
    Reply,
    Stages,
    Topic,
)
from hookline.doctor.meta import App, Clock, Connected, Graph, Link, PageState, Token
from schemas.tables import REVISION
from schemas.topics import TopicSpec, topic_specs
from workers.registry import WORKERS
from workers.watchdog.standing import Standing, unseen

NOW: Final = datetime(2026, 11, 28, 12, tzinfo=UTC)
URL: Final = "https://hooks.example.com/webhooks/instagram"
APP: Final = "1000000000000001"
ACCOUNTS: Final = ("17841400000000001", "17841400000000002")
PAGES: Final = {ACCOUNTS[0]: "101", ACCOUNTS[1]: "102"}
MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
EXACT: Final = Clock(timedelta(0), timedelta(milliseconds=500))

SPECS: Final = tuple(
    topic_specs(partitions=12, replication_factor=3, retention_days=7, max_body_bytes=2**25)
)


def account(account_id: str, **changes: Any) -> Account:
    """A row of an account that lacks nothing."""
    made = Account(
        account_id=account_id,
        username="brand",
        page_id=PAGES[account_id],
        page_name="Brand",
        user_id="1",
        app_id=APP,
        scopes=list(NEEDED_SCOPES),
        granular_scopes=[{"scope": one} for one in NEEDED_SCOPES],
        tasks=["MANAGE"],
        expires_at=NOW + 50 * DAY,
        data_access_expires_at=NOW + 80 * DAY,
        state="active",
        state_reason=None,
        parked_endpoints={},
        connected_at=NOW - 10 * DAY,
        state_changed_at=NOW - 10 * DAY,
        checked_at=NOW - 10 * DAY,
    )
    return made._replace(**changes)


def connected(account_id: str) -> Connected:
    """An account at Meta that lacks nothing."""
    token = Token(APP, True, None, NOW + 50 * DAY, NOW + 80 * DAY)
    link = Link(PAGES[account_id], ("MANAGE", "ANALYZE"))
    return Connected(account(account_id), True, token, True, link, PageState(("feed",)), 0)


def standing(account_id: str, **changes: Any) -> Standing:
    """How the watchdog last saw it."""
    made = unseen(APP, account_id, NOW - MINUTE)._replace(state="subscribed", activity="usual")
    return made._replace(**changes)


def topic(spec: TopicSpec) -> Topic:
    """A topic as it should be."""
    return Topic(12, 3, 3, 0, dict(spec.config))


def facts(**changes: Any) -> Facts:
    """All is well, but for these parts."""
    found = AppSubscription(URL, True, dict.fromkeys(FIELDS, "v25.0"))
    made = Facts(
        now=NOW,
        configured=Configured(),
        callback=Callback(
            URL,
            "203.0.112.7",
            True,
            Certificate(NOW + 60 * DAY),
            Reply(200, "text/plain", echoes=True),
            Reply(403, "application/json", reason="handshake_token"),
            Reply(401, "application/json", reason="signature_mismatch"),
            Reply(401, "application/json", reason="signature_mismatch"),
        ),
        ingest=Ingest("http://ingest:8080", accepted=1000, refused={"signature_mismatch": 2}),
        graph=Graph("https://graph.facebook.com", 400, True, "v25.0", "v25.0", EXACT),
        apps=(
            App(
                APP,
                (True,),
                found,
                app_plan(found, URL, NOW.date()),
                URL,
                dict.fromkeys(NEEDED_SCOPES, "live"),
            ),
        ),
        accounts=tuple(map(connected, ACCOUNTS)),
        kafka=Kafka("kafka:9092", 3, {spec.name: topic(spec) for spec in SPECS}, SPECS),
        groups=tuple(
            Group(worker, 1, {"instagram.raw.comments": Behind(0, retention=7 * DAY)})
            for worker in WORKERS
        ),
        database=Database(
            REVISION,
            REVISION,
            {
                "deliveries": frozenset({"2026_11", "2026_12", "2027_01"}),
                "sightings": frozenset({"2026_11", "2026_12", "2027_01"}),
            },
            (),
            10**9,
            EXACT,
        ),
        stages=Stages(),
        deliveries=Deliveries(
            archived_at=NOW - MINUTE,
            seen_at=NOW - MINUTE,
            real_at=NOW - MINUTE,
            valued_at=NOW - MINUTE,
            test_at=NOW - 30 * DAY,
            by_account=dict.fromkeys(ACCOUNTS, NOW - MINUTE),
            standings=tuple(standing(one) for one in ("", *ACCOUNTS)),
        ),
        disks=(Disk("the spool /spool", 50 * 2**30, 100 * 2**30, 4 * 2**30),),
    )
    return replace(made, **changes)


def with_callback(**changes: Any) -> Facts:
    """The callback answers otherwise."""
    return _with("callback", changes)


def with_ingest(**changes: Any) -> Facts:
    """Ingest tells otherwise."""
    return _with("ingest", changes)


def with_graph(**changes: Any) -> Facts:
    """The Graph API answers otherwise."""
    return _with("graph", changes)


def with_app(**changes: Any) -> Facts:
    """The app is otherwise; its plan follows from its subscription."""
    made = facts()
    assert isinstance(made.apps, tuple)
    app = replace(made.apps[0], **changes)
    if "plan" not in changes and isinstance(app.subscription, AppSubscription | None):
        app = replace(app, plan=app_plan(app.subscription, app.callback_url, NOW.date()))
    return replace(made, apps=(app,))


def with_account(**changes: Any) -> Facts:
    """The first account is otherwise; a dictionary as `account` changes its row."""
    made = facts()
    assert isinstance(made.accounts, tuple)
    first, *others = made.accounts
    if isinstance(changes.get("account"), dict):
        changes["account"] = first.account._replace(**changes["account"])
    if isinstance(changes.get("token"), dict):
        assert isinstance(first.token, Token)
        changes["token"] = first.token._replace(**changes["token"])
    return replace(made, accounts=(replace(first, **changes), *others))


def with_topic(name: str, **changes: Any) -> Facts:
    """A topic is otherwise; a dictionary as `config` changes its settings."""
    made = facts()
    assert isinstance(made.kafka, Kafka)
    was = made.kafka.topics[name]
    if "config" in changes:
        changes["config"] = {**was.config, **changes["config"]}
    topics = {**made.kafka.topics, name: was._replace(**changes)}
    return replace(made, kafka=replace(made.kafka, topics=topics))


def with_group(worker: str, **changes: Any) -> Facts:
    """A worker's group is otherwise."""
    made = facts()
    assert isinstance(made.groups, tuple)
    groups = [replace(one, **changes) if one.worker == worker else one for one in made.groups]
    return replace(made, groups=tuple(groups))


def with_database(**changes: Any) -> Facts:
    """The database is otherwise."""
    return _with("database", changes)


def with_deliveries(**changes: Any) -> Facts:
    """What arrived is otherwise."""
    return _with("deliveries", changes)


def _with(part: str, changes: dict[str, Any]) -> Facts:
    made = facts()
    return replace(made, **{part: replace(getattr(made, part), **changes)})
