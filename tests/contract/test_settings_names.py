"""Variables of the environment, as deployments set them."""

import pytest

from schemas.settings import (
    PREFIX,
    DatabaseSettings,
    DoctorSettings,
    IngestSettings,
    KafkaSettings,
    MetricsSettings,
    ReplySettings,
    Settings,
    WorkerSettings,
)

KAFKA = [
    "KAFKA_BOOTSTRAP",
    "KAFKA_SECURITY_PROTOCOL",
    "KAFKA_SASL_MECHANISM",
    "KAFKA_SASL_USERNAME",
    "KAFKA_SASL_PASSWORD",
    "KAFKA_SSL_CAFILE",
    "KAFKA_SSL_CERTFILE",
    "KAFKA_SSL_KEYFILE",
    "KAFKA_SSL_PASSWORD",
    "INGEST_MAX_BODY_BYTES",
]

VARIABLES: list[tuple[type[Settings], list[str]]] = [
    (ReplySettings, ["REPLY_RULES", "REPLY_TO_REPLAYED", "REPLY_PAUSE_MAX_S"]),
    (Settings, ["LOG_FORMAT"]),
    (
        DoctorSettings,
        [
            *KAFKA,
            "DATABASE_URL",
            "APP_SECRETS",
            "VAULT_KEYS",
            "VERIFY_TOKEN",
            "PUBLIC_URL",
            "GRAPH_URL",
            "GRAPH_VERSION",
            "INGEST_URL",
            "INGEST_SPOOL_DIR",
            "TOPIC_PARTITIONS",
            "WATCHDOG_INTERVAL_S",
            "DOCTOR_TIMEOUT_S",
        ],
    ),
    (KafkaSettings, KAFKA),
    (DatabaseSettings, ["DATABASE_URL"]),
    (MetricsSettings, ["METRICS_PORT"]),
    (
        IngestSettings,
        [
            *KAFKA,
            "APP_SECRETS",
            "VERIFY_TOKEN",
            "INGEST_HOST",
            "INGEST_PORT",
            "INGEST_PROCESSES",
            "INGEST_MAX_INFLIGHT_BYTES",
            "INGEST_PUBLISH_TIMEOUT_S",
            "INGEST_SPOOL_DIR",
            "START_PATIENCE_S",
        ],
    ),
    (
        WorkerSettings,
        [
            *KAFKA,
            "DATABASE_URL",
            "METRICS_PORT",
            "START_PATIENCE_S",
            "WORKER_BREAKER_RATIO",
            "WORKER_BREAKER_MIN_RECORDS",
            "WORKER_BREAKER_RUN",
        ],
    ),
]


def test_the_prefix() -> None:
    """Of every variable."""
    assert PREFIX == Settings.model_config.get("env_prefix") == "HOOKLINE_"


@pytest.mark.parametrize(("model", "names"), VARIABLES, ids=lambda value: str(value)[:40])
def test_the_documented_variables_are_read(model: type[Settings], names: list[str]) -> None:
    """A service that stops reading one would take its default without a word."""
    assert {name.lower() for name in names} <= set(model.model_fields)


@pytest.mark.parametrize("model", [IngestSettings, WorkerSettings], ids=["ingest", "worker"])
def test_secrets_are_kept_as_secrets(model: type[Settings]) -> None:
    """Whatever is called a secret, a token, a password or carries one."""
    marks = ("secret", "token", "password", "database_url")
    named = {name for name in model.model_fields if any(mark in name for mark in marks)}
    kept = {
        name for name, field in model.model_fields.items() if "SecretStr" in str(field.annotation)
    }
    assert named == kept
    assert named


def test_every_setting_is_described() -> None:
    """The documentation is made of it."""
    for model, _ in VARIABLES:
        for name, field in model.model_fields.items():
            assert field.description, name
