"""A wrong start lists every problem at once and shows no secret."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from runtime.configuration import effective, load
from runtime.errors import SettingsError
from schemas.settings import (
    DatabaseSettings,
    IngestSettings,
    KafkaSettings,
    MigrateSettings,
    Settings,
    TopicsSettings,
    WorkerSettings,
)

MODELS: list[type[Settings]] = [
    IngestSettings,
    KafkaSettings,
    MigrateSettings,
    TopicsSettings,
    WorkerSettings,
]
SECRET = "hunter2hunter2"

INGEST = {
    "KAFKA_BOOTSTRAP": "localhost:9092",
    "APP_SECRETS": "1:a",
    "VERIFY_TOKEN": "t",
}


def variables(model: type[Settings]) -> list[str]:
    """What a model reads from the environment."""
    return [f"HOOKLINE_{name.upper()}" for name in model.model_fields]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that tells nothing."""
    for name in list(os.environ):
        if name.upper().startswith("HOOKLINE_"):
            monkeypatch.delenv(name)
    return monkeypatch


def give(environment: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    """Sets variables, named without their prefix."""
    for name, value in values.items():
        environment.setenv(f"HOOKLINE_{name}", value)


def problems(model: type[Settings]) -> list[str]:
    """What is wrong with the environment."""
    with pytest.raises(SettingsError) as caught:
        load(model)
    return caught.value.problems


def test_settings_come_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    """Numbers and secrets alike."""
    give(environment, {**INGEST, "INGEST_PORT": "9000", "INGEST_PUBLISH_TIMEOUT_S": "2.5"})
    found = load(IngestSettings)
    assert (found.ingest_port, found.ingest_publish_timeout_s) == (9000, 2.5)
    assert found.secrets_by_app() == [("1", b"a")]


def test_every_problem_is_listed_at_once(environment: pytest.MonkeyPatch) -> None:
    """Missing ones, wrong ones and unreadable files, sorted, each with its variable."""
    give(
        environment,
        {
            "APP_SECRETS_FILE": "/does/not/exist",
            "INGEST_PORT": "http",
            "INGEST_PROCESSES": "0",
            "LOG_FORMAT": "xml",
            "KAFKA_BOOTSTRAP": "localhost",
        },
    )
    found = problems(IngestSettings)
    assert [problem.partition(": ")[0] for problem in found] == [
        "HOOKLINE_APP_SECRETS_FILE",
        "HOOKLINE_INGEST_PORT",
        "HOOKLINE_INGEST_PROCESSES",
        "HOOKLINE_KAFKA_BOOTSTRAP",
        "HOOKLINE_LOG_FORMAT",
        "HOOKLINE_VERIFY_TOKEN",
    ]
    assert "HOOKLINE_VERIFY_TOKEN: missing" in found
    assert "HOOKLINE_APP_SECRETS_FILE: cannot be read (FileNotFoundError)" in found


def test_the_message_lists_the_problems(environment: pytest.MonkeyPatch) -> None:
    """What an operator sees."""
    del environment
    with pytest.raises(SettingsError) as caught:
        load(IngestSettings)
    assert str(caught.value) == (
        "3 settings are missing or wrong:"
        "\n  HOOKLINE_APP_SECRETS: missing"
        "\n  HOOKLINE_KAFKA_BOOTSTRAP: missing"
        "\n  HOOKLINE_VERIFY_TOKEN: missing"
    )


def test_one_problem_is_told_as_one() -> None:
    """In the singular."""
    assert str(SettingsError(["A: missing"])) == "1 setting is missing or wrong:\n  A: missing"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "value", [SECRET, f"1:{SECRET},{SECRET}", f"mysql://u:{SECRET}@h/d", f"h:{SECRET}"]
)
def test_no_value_is_shown(
    environment: pytest.MonkeyPatch, model: type[Settings], value: str
) -> None:
    """A secret that lands in the wrong variable is still a secret."""
    for variable in variables(model):
        environment.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load(model)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
    assert len(caught.value.problems) >= 1


@pytest.mark.parametrize("model", MODELS)
def test_no_content_of_a_file_is_shown(
    environment: pytest.MonkeyPatch, model: type[Settings], tmp_path: Path
) -> None:
    """The same, where all come from files."""
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    for variable in variables(model):
        environment.setenv(f"{variable}_FILE", str(path))
    with pytest.raises(SettingsError) as caught:
        load(model)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("model", MODELS)
def test_a_logged_setting_shows_no_secret(
    environment: pytest.MonkeyPatch, model: type[Settings]
) -> None:
    """Whatever is secret shows only that it is set; the rest is told."""
    give(
        environment,
        {
            "KAFKA_BOOTSTRAP": "localhost:9092",
            "DATABASE_URL": f"postgresql://u:{SECRET}@h/d",
            "APP_SECRETS": f"1:{SECRET}",
            "VERIFY_TOKEN": SECRET,
            "KAFKA_SASL_PASSWORD": SECRET,
            "KAFKA_SSL_PASSWORD": SECRET,
        },
    )
    found = load(model)
    assert SECRET not in repr(effective(found)) + repr(found) + str(found)
    assert effective(found)["log_format"] == "json"
    if isinstance(found, DatabaseSettings):
        assert effective(found)["database_url"] == "**********"


@pytest.mark.parametrize("name", sorted(INGEST))
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_each_may_come_from_a_file(
    environment: pytest.MonkeyPatch, tmp_path: Path, name: str, end: str
) -> None:
    """As container secrets do; the line end is no part of the value."""
    path = tmp_path / name
    path.write_bytes(f"{INGEST[name]}{end}".encode())
    others = {other: value for other, value in INGEST.items() if other != name}
    give(environment, others)
    expected = INGEST | {name: INGEST[name]}
    environment.setenv(f"HOOKLINE_{name}_FILE", str(path))
    found = load(IngestSettings)
    assert found.kafka_bootstrap == expected["KAFKA_BOOTSTRAP"]
    assert found.app_secrets.get_secret_value() == expected["APP_SECRETS"]
    assert found.verify_token.get_secret_value() == expected["VERIFY_TOKEN"]


def test_spaces_in_a_file_are_part_of_the_value(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only line ends at the very end go."""
    path = tmp_path / "token"
    path.write_text(" a\nb \n\n")
    give(environment, {**INGEST, "VERIFY_TOKEN": "", "VERIFY_TOKEN_FILE": str(path)})
    assert load(IngestSettings).verify_token.get_secret_value() == " a\nb "


def test_a_setting_from_both_is_a_problem(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody could tell which one is meant, so nothing is chosen; it is told once."""
    path = tmp_path / "token"
    path.write_text("other")
    give(environment, {**INGEST, "VERIFY_TOKEN_FILE": str(path)})
    assert problems(IngestSettings) == [
        "HOOKLINE_VERIFY_TOKEN_FILE: given beside HOOKLINE_VERIFY_TOKEN; keep one of the two"
    ]


@pytest.mark.parametrize("content", [b"\xff\xfe", None], ids=["bytes", "folder"])
def test_a_file_that_cannot_be_read_is_told_once(
    environment: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    """Not as missing too."""
    path = tmp_path / "token"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    give(environment, {**INGEST, "VERIFY_TOKEN": "", "VERIFY_TOKEN_FILE": str(path)})
    (problem,) = problems(IngestSettings)
    assert problem.startswith("HOOKLINE_VERIFY_TOKEN_FILE: cannot be read (")


def test_a_blank_variable_counts_as_not_set(environment: pytest.MonkeyPatch) -> None:
    """Compose files pass `${NAME:-}`: the default holds, and what is needed is missing."""
    give(environment, {**INGEST, "INGEST_PORT": "", "LOG_FORMAT": "", "VERIFY_TOKEN_FILE": ""})
    assert load(IngestSettings).ingest_port == 8080
    give(environment, {"VERIFY_TOKEN": ""})
    assert problems(IngestSettings) == ["HOOKLINE_VERIFY_TOKEN: missing"]


def test_variables_of_other_services_are_passed_over(environment: pytest.MonkeyPatch) -> None:
    """All services may share one environment."""
    give(environment, {**INGEST, "WORKER_MAX_RECORDS": "nonsense", "REPLY_RULES": "x"})
    assert load(IngestSettings).kafka_bootstrap == "localhost:9092"


@examples(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(MODELS),
    st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=0x24F)), min_size=30),
)
def test_any_environment_is_loaded_or_refused_with_problems(
    environment: pytest.MonkeyPatch, model: type[Settings], texts: list[str]
) -> None:
    """No other error comes out, and each problem names a variable of this service."""
    names = variables(model)
    for variable, text in zip(names, texts, strict=False):
        environment.setenv(variable, text)
    found: list[str] = []
    try:
        load(model)
    except SettingsError as error:
        found = error.problems
    assert {problem.partition(":")[0] for problem in found} <= set(names)


def test_what_is_given_takes_the_place_of_the_environment(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of variables and of files; what other models are given is passed over."""
    give(environment, {"KAFKA_BOOTSTRAP": "there:1", "DATABASE_URL_FILE": str(tmp_path / "none")})
    given = {"kafka_bootstrap": "here:1", "database_url": "postgresql://h/d", "verify_token": "t"}
    assert load(KafkaSettings, given).kafka_bootstrap == "here:1"
    assert load(MigrateSettings, given).database_url.get_secret_value() == "postgresql://h/d"
