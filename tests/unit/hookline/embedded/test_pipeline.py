"""What is to run, and that it can."""

from pathlib import Path

import pytest

from hookline.embedded.pipeline import Plan, open_pipeline
from hookline.embedded.stack import Elsewhere
from runtime.errors import SettingsError


def test_every_worker_runs_once() -> None:
    """When nothing else is said."""
    assert Plan(Path()).replicas() == [("archive", 1), ("dedupe", 1), ("persist", 1)]


def test_replicas_are_numbered() -> None:
    """The first keeps the worker's name, later ones get their number."""
    replicas = Plan(Path(), workers={"dedupe": 3}).replicas()
    assert [number for name, number in replicas if name == "dedupe"] == [1, 2, 3]
    assert [number for name, number in replicas if name == "persist"] == [1]


def test_a_plan_shows_no_password() -> None:
    """It may be printed by whatever goes wrong."""
    plan = Plan(Path(), elsewhere=Elsewhere(database_url="postgresql://u:sesame@h/d"))
    assert "sesame" not in repr(plan)


async def test_wrong_settings_are_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of all services at once, without their values."""
    monkeypatch.setenv("HOOKLINE_TOPIC_PARTITIONS", "sesame")
    monkeypatch.setenv("HOOKLINE_INGEST_PROCESSES", "0")
    elsewhere = Elsewhere(database_url="mysql://u:sesame@h/d")
    told: list[str] = []
    with pytest.raises(SettingsError) as raised:
        async with open_pipeline(Plan(tmp_path, announce=told.append, elsewhere=elsewhere)):
            pass  # pragma: no cover
    assert [problem.partition(":")[0] for problem in raised.value.problems] == [
        "HOOKLINE_DATABASE_URL",
        "HOOKLINE_INGEST_PROCESSES",
        "HOOKLINE_TOPIC_PARTITIONS",
    ]
    assert "sesame" not in str(raised.value)
    assert told == []
