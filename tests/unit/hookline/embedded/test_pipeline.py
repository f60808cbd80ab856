"""What is to run, and that it can."""

from pathlib import Path

import pytest

from hookline.embedded.elsewhere import Elsewhere, named_elsewhere
from hookline.embedded.pipeline import Plan, open_pipeline
from runtime.errors import SettingsError


def test_every_worker_runs_once() -> None:
    """When nothing else is said."""
    names = ("archive", "dedupe", "persist", "enrich", "reply")
    assert Plan(Path()).replicas() == [(name, 1) for name in names]


def test_replicas_are_numbered() -> None:
    """The first keeps the worker's name, later ones get their number."""
    replicas = Plan(Path(), workers={"dedupe": 3}).replicas()
    assert [number for name, number in replicas if name == "dedupe"] == [1, 2, 3]
    assert [number for name, number in replicas if name == "persist"] == [1]


def test_a_plan_shows_no_password() -> None:
    """It may be printed by whatever goes wrong."""
    plan = Plan(Path(), elsewhere=Elsewhere(database_url="postgresql://u:sesame@h/d"))
    assert "sesame" not in repr(plan)


def test_servers_are_named_by_variable_or_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for any service; private ones, where nothing is said."""
    for name in ("KAFKA_BOOTSTRAP", "DATABASE_URL"):
        monkeypatch.delenv(f"HOOKLINE_{name}", raising=False)
    assert named_elsewhere() == Elsewhere()
    (tmp_path / "url").write_text("postgresql://u:sesame@h/d\n")
    monkeypatch.setenv("HOOKLINE_KAFKA_BOOTSTRAP", "broker:9092")
    monkeypatch.setenv("HOOKLINE_DATABASE_URL_FILE", str(tmp_path / "url"))
    assert named_elsewhere() == Elsewhere("broker:9092", "postgresql://u:sesame@h/d")


async def test_wrong_settings_are_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of all services at once, without their values."""
    monkeypatch.setenv("HOOKLINE_TOPIC_PARTITIONS", "sesame")
    monkeypatch.setenv("HOOKLINE_INGEST_PROCESSES", "0")
    monkeypatch.setenv("HOOKLINE_KAFKA_SASL_PASSWORD_FILE", str(tmp_path / "sesame"))
    elsewhere = Elsewhere(database_url="mysql://u:sesame@h/d")
    told: list[str] = []
    with pytest.raises(SettingsError) as raised:
        async with open_pipeline(Plan(tmp_path, announce=told.append, elsewhere=elsewhere)):
            pass  # pragma: no cover
    assert [problem.partition(":")[0] for problem in raised.value.problems] == [
        "HOOKLINE_DATABASE_URL",
        "HOOKLINE_INGEST_PROCESSES",
        "HOOKLINE_KAFKA_SASL_PASSWORD_FILE",
        "HOOKLINE_TOPIC_PARTITIONS",
    ]
    assert "sesame" not in str(raised.value)
    assert told == []
