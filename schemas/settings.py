"""What each service can be told (design B6): one model a service, prefix `HOOKLINE_`."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.crash_points import CrashPoint

PREFIX: Final = "HOOKLINE_"

MIB: Final = 1024 * 1024

WEBHOOK_PATH: Final = "/webhooks/instagram"
"""Where ingest answers Meta (design B2)."""

_VAULT_KEY: Final = re.compile("[A-Za-z0-9_-]{43}=")
"""32 bytes, as `cryptography.fernet.Fernet` takes them."""


def _bootstrap(text: str) -> str:
    for server in text.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError("must be host:port, several separated by commas")
    return text


def _database_url(secret: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(secret.get_secret_value())
        complete = bool(parts.hostname) and len(parts.path) > 1 and parts.port != 0
    except ValueError:  # its message quotes the password
        complete = False
    if not complete or parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must be postgresql://user:password@host:port/database")
    return secret


def _app_secrets(secret: SecretStr) -> SecretStr:
    for pair in secret.get_secret_value().split(","):
        app_id, _, key = pair.strip().partition(":")
        if not app_id.isascii() or not app_id.isalnum() or len(key.split()) != 1:
            raise ValueError("must be app_id:secret, several separated by commas")
    return secret


def _app_secrets_if_given(secret: SecretStr | None) -> SecretStr | None:
    return secret and _app_secrets(secret)


def _secrets_by_app(secret: SecretStr) -> list[tuple[str, bytes]]:
    pairs = (pair.strip().partition(":") for pair in secret.get_secret_value().split(","))
    return [(app_id, key.encode()) for app_id, _, key in pairs]


def _vault_keys(secret: SecretStr) -> SecretStr:
    keys = [key.strip() for key in secret.get_secret_value().split(",")]
    if not all(_VAULT_KEY.fullmatch(key) for key in keys):
        raise ValueError("must be keys of 32 bytes in URL-safe base64, separated by commas")
    return secret


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError("must be http(s)://host, without a query")
    return url.rstrip("/")


def _base_url_if_given(url: str | None) -> str | None:
    return None if url is None else _base_url(url)


def _not_blank(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("must not be blank")
    return secret


def _not_blank_if_given(secret: SecretStr | None) -> SecretStr | None:
    return secret and _not_blank(secret)


Credential = TypeVar("Credential", str | None, SecretStr | None)


class Settings(BaseSettings):
    """What every service can be told."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        hide_input_in_errors=True,
        extra="forbid",
    )

    log_format: Literal["json", "console"] = Field(
        "json", description="One JSON object a line, or lines for people."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least level that is logged."
    )


class ServiceSettings(Settings):
    """How a service that stays begins."""

    start_patience_s: float = Field(
        30.0,
        ge=0,
        le=3600,
        description="At the start, wait so long for Kafka and PostgreSQL, topics and migrations; "
        "then end with exit code 3.",
    )
    crash_point: CrashPoint | None = Field(
        None, description="For tests of faults only: kill the process when it gets there."
    )


class KafkaSettings(Settings):
    """How to reach Kafka, and the largest record that passes."""

    kafka_bootstrap: Annotated[str, AfterValidator(_bootstrap)] = Field(
        description="Brokers to begin with: `host:port`, several separated by commas."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How connections to Kafka are secured."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism, for the two SASL protocols."
    )
    kafka_sasl_username: str | None = Field(None, validate_default=True, description="SASL user.")
    kafka_sasl_password: SecretStr | None = Field(
        None, validate_default=True, description="SASL password."
    )
    kafka_ssl_cafile: Path | None = Field(
        None, description="CA certificates (PEM) to trust; the system's when not given."
    )
    kafka_ssl_certfile: Path | None = Field(None, description="Client certificate (PEM).")
    kafka_ssl_keyfile: Path | None = Field(None, description="Key of the client certificate.")
    kafka_ssl_password: SecretStr | None = Field(None, description="Password of that key.")
    ingest_max_body_bytes: int = Field(
        32 * MIB,
        ge=1024,
        le=96 * MIB,
        description="The largest body that is accepted; a larger one is answered 413. Topics, "
        "producers and consumers follow it: set it alike everywhere.",
    )

    @field_validator("kafka_sasl_username", "kafka_sasl_password")
    @classmethod
    def _given_for_sasl(cls, value: Credential, info: ValidationInfo) -> Credential:
        if value is None and info.data.get("kafka_security_protocol", "").startswith("SASL"):
            raise ValueError("missing, and needed for the SASL protocols")
        return value


class DatabaseSettings(Settings):
    """How to reach PostgreSQL."""

    database_url: Annotated[SecretStr, AfterValidator(_database_url)] = Field(
        description="`postgresql://user:password@host:port/database`."
    )


class TopicsSettings(KafkaSettings):
    """What `topics apply` makes of the topics."""

    topic_partitions: int = Field(
        12,
        ge=1,
        le=1000,
        description="Partitions of each topic: so many replicas of a worker share a field.",
    )
    topic_replication_factor: int | None = Field(
        None, ge=1, le=9, description="Copies of each record; three where the cluster has three."
    )
    topic_retention_days: int = Field(
        7, ge=2, le=3650, description="How long raw and events topics keep their records."
    )


class MetricsSettings(Settings):
    """Where a worker answers `/livez`, `/readyz` and `/metrics`."""

    metrics_host: str = Field("127.0.0.1", description="Address of the health server.")
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port of the health server; 0 takes a free one."
    )


class AppSettings(Settings):
    """The app at Meta, or several."""

    app_secrets: Annotated[SecretStr, AfterValidator(_app_secrets)] = Field(
        description="`app_id:secret`, several separated by commas: all are accepted at once."
    )

    def secrets_by_app(self) -> list[tuple[str, bytes]]:
        """App ids with their secrets, in the order given."""
        return _secrets_by_app(self.app_secrets)


class SpoolSettings(Settings):
    """Where ingest keeps what Kafka does not take."""

    ingest_spool_dir: Path | None = Field(
        None,
        description="Folder for deliveries that Kafka does not take; they are answered 200 and "
        "sent on later. Without it such deliveries are answered 503.",
    )
    ingest_spool_max_bytes: int = Field(
        4096 * MIB, ge=MIB, description="The most a process keeps there; beyond it, 503 again."
    )


class IngestSettings(AppSettings, ServiceSettings, SpoolSettings, KafkaSettings):
    """What `hookline ingest` can be told."""

    verify_token: Annotated[SecretStr, AfterValidator(_not_blank)] = Field(
        description="The verify token of the webhook's set-up in Meta's App Dashboard."
    )
    ingest_host: str = Field("127.0.0.1", description="Address to listen on.")
    ingest_port: int = Field(8080, ge=1, le=65535, description="Port to listen on.")
    ingest_processes: int = Field(
        1, ge=1, le=64, description="Processes that share the port (SO_REUSEPORT)."
    )
    ingest_max_inflight_bytes: int = Field(
        256 * MIB,
        ge=1024,
        description="Body bytes a process holds at once, Kafka's unacknowledged ones included; "
        "beyond it the answer is 503.",
    )
    ingest_publish_timeout_s: float = Field(
        4.0, gt=0, le=60, description="Wait for Kafka's acks; Meta's strictest page gives 5 s."
    )
    ingest_read_timeout_s: float = Field(
        30.0, gt=0, le=600, description="Wait for a request's body to arrive."
    )
    ingest_spool_after_s: float = Field(
        2.0,
        gt=0,
        le=60,
        description="With a spool: wait for Kafka's acks before a delivery goes there.",
    )
    drain_timeout_s: float = Field(
        8.0, gt=0, le=600, description="After SIGTERM, wait for requests in flight."
    )

    @field_validator("ingest_max_inflight_bytes")
    @classmethod
    def _holds_the_largest_body(cls, limit_bytes: int, info: ValidationInfo) -> int:
        if limit_bytes < info.data.get("ingest_max_body_bytes", 0):
            raise ValueError("must not be less than HOOKLINE_INGEST_MAX_BODY_BYTES")
        return limit_bytes


class WorkerSettings(ServiceSettings, KafkaSettings, DatabaseSettings, MetricsSettings):
    """What `hookline worker NAME` can be told."""

    worker_max_records: int = Field(
        500, ge=1, le=10_000, description="The most records of one batch."
    )
    worker_max_batch_bytes: int = Field(
        2 * MIB,
        ge=1024,
        description="The most bytes of one batch; a larger record is a batch of its own.",
    )
    worker_produce_timeout_s: float = Field(
        30.0, gt=0, le=600, description="Wait for Kafka's acks of a batch's results."
    )
    worker_statement_timeout_s: float = Field(
        6.0,
        gt=0,
        le=600,
        description="The longest that a statement of a batch may take in PostgreSQL; then the "
        "batch is halved, and a record alone is tried again.",
    )
    worker_breaker_ratio: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Consume nothing more once a greater share of the latest records than this "
        "became dead letters; 1 never does.",
    )
    worker_breaker_min_records: int = Field(
        1000, ge=1, description="The least number of records to take that share of."
    )
    worker_breaker_run: int = Field(
        50, ge=1, description="Consume nothing more after so many dead letters in a row."
    )
    drain_timeout_s: float = Field(
        8.0, gt=0, le=600, description="After SIGTERM, wait for the batch in flight."
    )


class VaultSettings(Settings):
    """What tokens at rest are encrypted with."""

    vault_keys: Annotated[SecretStr, AfterValidator(_vault_keys)] = Field(
        description="Keys for the tokens at rest, several separated by commas: the first one "
        "encrypts, all decrypt. Make one with `hookline accounts new-key`."
    )


class CallSettings(Settings):
    """Where Meta's Graph API answers, and how long it may take."""

    graph_url: Annotated[str, AfterValidator(_base_url)] = Field(
        "https://graph.facebook.com", description="Where the Graph API answers."
    )
    graph_version: str = Field(
        "v25.0", pattern=r"^v[1-9][0-9]?\.0$", description="The Graph API version of every call."
    )
    graph_timeout_s: float = Field(
        10.0, gt=0, le=60, description="The longest that one call may take."
    )


class MetaSettings(AppSettings, CallSettings):
    """The app at Meta, and where it is asked about."""


class GraphSettings(MetaSettings, VaultSettings):
    """How to call Meta's Graph API."""

    graph_target_utilisation: float = Field(
        0.95,
        gt=0,
        lt=1,
        description="The share of an account's call budget to use; live comments may use half of "
        "what is above it.",
    )
    graph_concurrency: int = Field(
        4, ge=1, le=64, description="Calls at once of one replica; one more is for live comments."
    )
    graph_media_max_age_s: float = Field(
        86_400.0, ge=0, description="Media that was read within this time is not read again."
    )

    @field_validator("app_secrets")
    @classmethod
    def _ids_at_meta(cls, secret: SecretStr) -> SecretStr:
        """The id goes into paths of calls; ingest alone could do with any name."""
        if not all(app_id.isdecimal() for app_id, _ in _secrets_by_app(secret)):
            raise ValueError("must be app_id:secret, where the app's id has digits only")
        return secret


class EnrichSettings(WorkerSettings, GraphSettings):
    """What `hookline worker enrich` can be told."""


class ReplySettings(WorkerSettings, GraphSettings):
    """What `hookline worker reply` can be told."""

    reply_rules: Path | None = Field(
        None,
        description="The file with the rules of answers (TOML), read again when it changes. "
        "Without it only what people order is answered.",
    )
    reply_to_replayed: bool = Field(
        False,
        description="Answer also what a replay, or anybody but Meta's webhook, brought.",
    )
    reply_pause_max_s: float = Field(
        300.0,
        ge=0,
        le=86_400,
        description="After three answers in a row of which nobody knows whether they were sent, "
        "wait before the next one, longer and longer, for so long at most.",
    )


class AccountsSettings(GraphSettings, DatabaseSettings):
    """What `hookline accounts` can be told."""


class CallbackSettings(Settings):
    """Where Meta sends deliveries."""

    public_url: Annotated[str | None, AfterValidator(_base_url_if_given)] = Field(
        None,
        description="Where Meta reaches ingest, without a path of ours: `https://host`. Without it "
        "an app's subscription can be looked at, but not mended.",
    )
    verify_token: Annotated[SecretStr | None, AfterValidator(_not_blank_if_given)] = Field(
        None, description="As ingest's; Meta repeats it when an app is subscribed."
    )

    @property
    def callback_url(self) -> str | None:
        """The callback to be subscribed; None when it was not told."""
        return self.public_url and f"{self.public_url}{WEBHOOK_PATH}"


class SubscriptionsSettings(AccountsSettings, CallbackSettings):
    """What `hookline subscriptions` can be told."""


class WatchSettings(Settings):
    """How often subscriptions are looked at."""

    watchdog_interval_s: float = Field(
        600.0,
        ge=1,
        le=86_400,
        description="Between two looks at every subscription; after a silence it looks at once.",
    )


class WatchdogSettings(ServiceSettings, SubscriptionsSettings, MetricsSettings, WatchSettings):
    """What `hookline worker watchdog` can be told."""


class MigrateSettings(DatabaseSettings):
    """What `hookline migrate` can be told."""

    migrate_lock_timeout_s: float = Field(
        10.0, gt=0, le=600, description="Wait for a table's lock before giving up."
    )
    migrate_statement_timeout_s: float = Field(
        600.0, gt=0, description="The longest that one statement may take."
    )
    partition_months_ahead: int = Field(
        3, ge=1, le=24, description="Monthly partitions made ahead of the current one."
    )


class OperatorSettings(KafkaSettings, DatabaseSettings):
    """What the operator's verbs can be told, such as `replay`, `trace` and `dead-letters`."""

    app_secrets: Annotated[SecretStr | None, AfterValidator(_app_secrets_if_given)] = Field(
        None, description="As ingest's; `trace` verifies archived signatures with them."
    )

    def secrets_by_app(self) -> list[tuple[str, bytes]]:
        """App ids with their secrets, in the order given; none when not given."""
        return _secrets_by_app(self.app_secrets) if self.app_secrets else []


class ExaminationSettings(Settings):
    """How the doctor looks."""

    ingest_url: Annotated[str | None, AfterValidator(_base_url_if_given)] = Field(
        None,
        description="Where the doctor reaches ingest itself, behind the proxy, for what its "
        "metrics tell: `http://host:8080`.",
    )
    doctor_timeout_s: float = Field(
        30.0, gt=0, le=600, description="Whatever was not looked at by then is told as unknown."
    )


class DoctorSettings(
    TopicsSettings,
    MigrateSettings,
    AppSettings,
    VaultSettings,
    CallSettings,
    CallbackSettings,
    SpoolSettings,
    WatchSettings,
    ExaminationSettings,
):
    """What `hookline doctor` can be told. It takes each of these parts for itself: where one is
    missing or wrong, that is a finding, and the others are looked at."""
