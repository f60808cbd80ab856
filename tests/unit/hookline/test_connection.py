"""Which pipeline a verb works on, and with which settings."""

import os
from pathlib import Path

import pytest

from hookline import connection
from hookline.connection import exports, use
from hookline.embedded.state import State
from runtime.configuration import load
from schemas.settings import CallbackSettings, TopicsSettings

STATE = State(
    ingest_url="http://127.0.0.1:1",
    kafka_bootstrap="127.0.0.1:2",
    database_url="postgresql://u:p@127.0.0.1:3/d",
    metrics_urls={},
    pids={},
    app_id="1",
    app_secret="sesame",
    verify_token="v",
    vault_keys="k",
    graph_url="https://graph.facebook.com",
    settings={
        "HOOKLINE_KAFKA_BOOTSTRAP": "127.0.0.1:9",
        "HOOKLINE_PUBLIC_URL": "https://here.example",
        "HOOKLINE_TOPIC_RETENTION_DAYS": "30",
    },
)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline runs on every folder; the environment is this test's own."""
    monkeypatch.setattr(connection, "read_state", lambda _: STATE)
    monkeypatch.setattr(os, "environ", dict(os.environ))


@pytest.mark.usefixtures("running")
def test_the_settings_of_what_runs_take_the_place_of_the_environments() -> None:
    """All of them: another retention would have a verb take records away."""
    os.environ["HOOKLINE_DATABASE_URL_FILE"] = "/elsewhere"
    os.environ["HOOKLINE_TOPIC_PARTITIONS"] = "48"
    os.environ["HOOKLINE_TOPIC_RETENTION_DAYS"] = "1"
    use(Path("data"))
    found = load(TopicsSettings)
    assert (found.kafka_bootstrap, found.topic_retention_days) == ("127.0.0.1:2", 30)
    assert found.topic_partitions == TopicsSettings.model_fields["topic_partitions"].default
    assert "HOOKLINE_DATABASE_URL_FILE" not in os.environ


@pytest.mark.usefixtures("running")
def test_how_a_verb_works_is_its_own() -> None:
    """And where Meta reaches the pipeline may be known here only."""
    os.environ["HOOKLINE_PUBLIC_URL"] = ""
    use(Path("data"))
    assert load(CallbackSettings).public_url == "https://here.example"
    os.environ["HOOKLINE_LOG_LEVEL"] = "warning"
    os.environ["HOOKLINE_PUBLIC_URL"] = "https://there.example"
    use(Path("data"))
    assert load(CallbackSettings).public_url == "https://there.example"
    assert os.environ["HOOKLINE_LOG_LEVEL"] == "warning"


def test_addresses_and_secrets_are_those_of_the_line() -> None:
    """Whatever `up` was given."""
    told = exports(STATE)
    assert told["HOOKLINE_KAFKA_BOOTSTRAP"] == "127.0.0.1:2"
    assert told["HOOKLINE_APP_SECRETS"] == "1:sesame"


@pytest.mark.usefixtures("running")
def test_without_a_folder_the_environment_counts() -> None:
    """As it is."""
    before = dict(os.environ)
    use(None)
    assert os.environ == before
