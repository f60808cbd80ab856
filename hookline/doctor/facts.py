"""What the doctor has seen: values without a judgement. No secret, token or text comes here.

Each part is `Unseen` where nobody could look, and says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from hookline.doctor.finding import Unseen
from hookline.doctor.meta import App, Clock, Connected, Graph
from schemas.topics import TopicSpec
from workers.watchdog.standing import Standing

Part: TypeAlias = Literal[
    "configured",
    "callback",
    "ingest",
    "graph",
    "apps",
    "accounts",
    "kafka",
    "groups",
    "database",
    "stages",
    "deliveries",
    "disks",
]

PARTS: Final[tuple[Part, ...]] = get_args(Part)


@dataclass(frozen=True, slots=True)
class Configured:
    """Settings that are missing or wrong: `HOOKLINE_NAME: problem` each, without any value."""

    problems: tuple[str, ...] = ()


class Reply(NamedTuple):
    """An HTTP answer, as far as it matters: never its whole body.

    `echoes`: the body is the challenge that was sent, and nothing else. `reason`: the slug of an
    error body of Hookline's. `location`: the host and path that it leads to.
    """

    status: int
    content_type: str = ""
    echoes: bool = False
    reason: str | None = None
    location: str | None = None


class Certificate(NamedTuple):
    """What TLS showed. `code` is OpenSSL's number for what is wrong with the chain."""

    expires_at: datetime | None = None
    code: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Callback:
    """How the public address answers.

    Attributes:
        url: the callback.
        peer: the address that its name leads to from here.
        of_meta: whether it is Meta's Graph API that is to call it, and no simulated one.
        certificate: None where it is `http`.
        handshake: to Meta's verification, with the right token.
        wrong_token: to the same with a wrong one.
        forged: to a delivery with a wrong signature.
        large: to a large one.
    """

    url: str
    peer: str | None
    of_meta: bool
    certificate: Certificate | Unseen | None
    handshake: Reply | Unseen
    wrong_token: Reply | Unseen
    forged: Reply | Unseen
    large: Reply | Unseen


@dataclass(frozen=True, slots=True)
class Ingest:
    """What ingest tells of itself, since its processes began.

    Attributes:
        url: where it was asked.
        not_ready: what `/readyz` says is in the way; None when nothing is.
        accepted: deliveries that Kafka or the spool took.
        refused: those that were not accepted, by reason.
        failure_ratio: of the last 15 minutes, 0 to 1.
        spool_bytes: what waits on its disk.
        kept_aside: files of the spool that did not go whole into Kafka.
    """

    url: str
    not_ready: str | None = None
    accepted: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    failure_ratio: float = 0.0
    spool_bytes: int = 0
    kept_aside: int = 0


class Topic(NamedTuple):
    """A topic as it is; copies are those of the partition that has the fewest."""

    partitions: int
    copies: int
    in_sync: int
    leaderless: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Kafka:
    """The cluster. `wanted` is what `topics apply` would make of it."""

    bootstrap: str
    brokers: int
    topics: Mapping[str, Topic]
    wanted: tuple[TopicSpec, ...]


class Behind(NamedTuple):
    """How far a group is behind in a topic.

    Attributes:
        records: not committed.
        gone: that Kafka has no more, although nobody committed them.
        oldest_at: the time of the oldest of the others; None when there is none.
        retention: how long the topic keeps a record; None when for ever, or not known.
    """

    records: int
    gone: int = 0
    oldest_at: datetime | None = None
    retention: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A worker's consumer group. `members` are the replicas that run; `topics` what they read."""

    worker: str
    members: int
    topics: Mapping[str, Behind]


@dataclass(frozen=True, slots=True)
class Database:
    """PostgreSQL.

    Attributes:
        revision: None where nothing was ever migrated.
        needed: what this release needs.
        months: partitions by table, as `2026_11`.
        strays: tables with rows outside all months.
        size_bytes: of the database.
        clock: its own.
    """

    revision: str | None
    needed: str
    months: Mapping[str, frozenset[str]]
    strays: tuple[str, ...]
    size_bytes: int
    clock: Clock


class Breaker(NamedTuple):
    """A stage that stopped by itself."""

    stage: str
    reason: str
    opened_at: datetime


class Gap(NamedTuple):
    """What a group lost in a topic: so many ranges, the latest found then."""

    group: str
    topic: str
    ranges: int
    latest_at: datetime


@dataclass(frozen=True, slots=True)
class Stages:
    """What stages left for a person: `parked` dead letters by stage, answers that are `unknown`."""

    breakers: tuple[Breaker, ...] = ()
    gaps: tuple[Gap, ...] = ()
    parked: Mapping[str, int] = field(default_factory=dict)
    unknown_replies: int = 0


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What arrived.

    Attributes:
        archived_at: receipt of the latest delivery that is stored.
        seen_at: of the latest that dedupe has seen.
        real_at: receipt of the latest change of an account.
        valued_at: of the latest change with its value.
        test_at: of the latest press of the dashboard's test button.
        bare_at: of the latest change that came without its value.
        by_account: receipt of the latest, by account.
        standings: how the watchdog last saw apps and accounts.
        interval: between two of its looks.
    """

    archived_at: datetime | None = None
    seen_at: datetime | None = None
    real_at: datetime | None = None
    valued_at: datetime | None = None
    test_at: datetime | None = None
    bare_at: datetime | None = None
    by_account: Mapping[str, datetime] = field(default_factory=dict)
    standings: tuple[Standing, ...] = ()
    interval: timedelta = timedelta(minutes=10)


class Disk(NamedTuple):
    """The file system under a folder; `needs_bytes` is what is to have room there."""

    what: str
    free_bytes: int
    total_bytes: int
    needs_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """All parts, and the moment they are judged at. `ingest` is None when nobody told its URL."""

    now: datetime
    configured: Configured
    callback: Callback | Unseen
    ingest: Ingest | Unseen | None
    graph: Graph | Unseen
    apps: tuple[App, ...] | Unseen
    accounts: tuple[Connected, ...] | Unseen
    kafka: Kafka | Unseen
    groups: tuple[Group, ...] | Unseen
    database: Database | Unseen
    stages: Stages | Unseen
    deliveries: Deliveries | Unseen
    disks: tuple[Disk | Unseen, ...] | Unseen = ()
