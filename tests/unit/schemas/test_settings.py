"""What single settings mean, and where their limits are."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from schemas.settings import (
    MIB,
    DatabaseSettings,
    GraphSettings,
    IngestSettings,
    KafkaSettings,
    TopicsSettings,
    WorkerSettings,
)

INGEST: dict[str, Any] = {
    "kafka_bootstrap": "localhost:9092",
    "app_secrets": "1:a",
    "verify_token": "t",
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings come from the arguments alone."""
    for name in ("KAFKA_BOOTSTRAP", "DATABASE_URL", "APP_SECRETS", "VERIFY_TOKEN"):
        monkeypatch.delenv(f"HOOKLINE_{name}", raising=False)


def test_the_documented_defaults() -> None:
    """As design B6 tells them."""
    settings = IngestSettings(**INGEST)
    assert settings.ingest_max_body_bytes == 32 * MIB
    assert settings.ingest_max_inflight_bytes == 256 * MIB
    assert settings.ingest_publish_timeout_s == 4
    assert settings.log_format == "json"
    assert (settings.ingest_port, settings.ingest_processes) == (8080, 1)
    assert TopicsSettings(kafka_bootstrap="a:1").topic_partitions == 12


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("1:a", [("1", b"a")]),
        ("1:a,2:b", [("1", b"a"), ("2", b"b")]),
        (" 1:a , 1:b ", [("1", b"a"), ("1", b"b")]),
        ("1:a:b=/", [("1", b"a:b=/")]),
        ("app1:é", [("app1", "é".encode())]),
    ],
)
def test_several_secrets_are_live_at_once(text: str, pairs: list[tuple[str, bytes]]) -> None:
    """In the order given, the same app twice while its secret is rotated."""
    settings = IngestSettings(**INGEST | {"app_secrets": text})
    assert settings.secrets_by_app() == pairs


@pytest.mark.parametrize(
    "text",
    ["", "1", ":a", "1:", "1: ", "1:a,", "1:a,,2:b", "a b:c", "é:c", "1:a b", "1:a\n2:b"],
)
def test_app_secrets_have_their_form(text: str) -> None:
    """An empty secret would accept what anybody signs; one of two lines is two secrets."""
    with pytest.raises(ValidationError, match="app_id:secret"):
        IngestSettings(**INGEST | {"app_secrets": text})


@pytest.mark.parametrize("text", ["app1:a", "1:a,staging:b", "0x1:a"])
def test_an_app_that_the_graph_api_is_called_for_has_a_number(text: str) -> None:
    """Its id goes into paths; whoever calls nobody can do with any name."""
    IngestSettings(**INGEST | {"app_secrets": text})
    with pytest.raises(ValidationError, match="the app's id has digits only"):
        GraphSettings(app_secrets=SecretStr(text), vault_keys=SecretStr(f"{'A' * 43}="))


@pytest.mark.parametrize("token", ["", " ", "\t\n"])
def test_a_blank_verify_token_is_none(token: str) -> None:
    """Anybody could complete the handshake."""
    with pytest.raises(ValidationError, match="must not be blank"):
        IngestSettings(**INGEST | {"verify_token": token})


@pytest.mark.parametrize("text", ["a:1", "a:65535", "a:1,b:2", "a:1, b:2", "[::1]:9092"])
def test_brokers(text: str) -> None:
    """`host:port`, several separated by commas."""
    assert KafkaSettings(kafka_bootstrap=text).kafka_bootstrap == text


@pytest.mark.parametrize("text", ["", "a", "a:", ":1", "a:0", "a:65536", "a:b", "a:1,", "a:-1"])
def test_brokers_have_their_form(text: str) -> None:
    """A broker without a port is a guess."""
    with pytest.raises(ValidationError, match="must be host:port"):
        KafkaSettings(kafka_bootstrap=text)


@pytest.mark.parametrize("url", ["postgresql://u:p@h:5432/d", "postgres://h/d?sslmode=require"])
def test_databases(url: str) -> None:
    """Either spelling of the scheme."""
    assert DatabaseSettings(database_url=SecretStr(url)).database_url.get_secret_value() == url


@pytest.mark.parametrize("url", ["", "h/d", "mysql://h/d", "postgresql://h", "postgresql:///d"])
def test_databases_have_their_form(url: str) -> None:
    """Scheme, host and database are needed."""
    with pytest.raises(ValidationError, match="must be postgresql://"):
        DatabaseSettings(database_url=SecretStr(url))


@pytest.mark.parametrize(("limit", "fits"), [(MIB - 1, False), (MIB, True), (MIB + 1, True)])
def test_the_largest_body_fits_in_flight(limit: int, fits: bool) -> None:
    """Else it would be answered 503 for ever."""
    values = INGEST | {"ingest_max_body_bytes": MIB, "ingest_max_inflight_bytes": limit}
    if fits:
        assert IngestSettings(**values).ingest_max_inflight_bytes == limit
    else:
        with pytest.raises(ValidationError, match="INGEST_MAX_BODY_BYTES"):
            IngestSettings(**values)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("worker_max_records", 1, 10_000),
        ("worker_max_batch_bytes", 1024, None),
        ("metrics_port", 0, 65535),
        ("ingest_max_body_bytes", 1024, 96 * MIB),
    ],
)
def test_limits(name: str, least: int, most: int | None) -> None:
    """The ends are allowed, what lies beyond is not."""
    given: dict[str, Any] = {"kafka_bootstrap": "a:1", "database_url": "postgresql://h/d"}
    for value in (least, most):
        if value is not None:
            assert getattr(WorkerSettings(**given | {name: value}), name) == value
    for value in (least - 1, most and most + 1):
        if value is not None:
            with pytest.raises(ValidationError, match=name):
                WorkerSettings(**given | {name: value})


def test_settings_do_not_change() -> None:
    """What was logged at the start holds."""
    settings = IngestSettings(**INGEST)
    with pytest.raises(ValidationError, match="frozen"):
        settings.ingest_port = 1  # type: ignore[misc]  # the point of the test


def test_an_error_quotes_no_value() -> None:
    """Not even one that nobody catches: a secret may have landed in the wrong variable."""
    with pytest.raises(ValidationError) as caught:
        IngestSettings(**INGEST | {"ingest_port": "hunter2hunter2", "log_level": "hunter2hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("password", ["qx[zyv]kj", "qxz\u2100vkj"])
def test_no_part_of_a_database_url_is_quoted(password: str) -> None:
    """What the parser of URLs says of a wrong one quotes the password; we do not."""
    with pytest.raises(ValidationError) as caught:
        DatabaseSettings(database_url=SecretStr(f"postgresql://u:{password}@h/d"))
    assert "must be postgresql://" in str(caught.value)
    for part in ("qx", "zyv", "vkj"):
        assert part not in str(caught.value)


def test_sasl_needs_its_credentials() -> None:
    """Both are named at once, before any client refuses to start."""
    with pytest.raises(ValidationError) as caught:
        KafkaSettings(kafka_bootstrap="a:1", kafka_security_protocol="SASL_SSL")
    names = {error["loc"][0] for error in caught.value.errors()}
    assert names == {"kafka_sasl_username", "kafka_sasl_password"}
