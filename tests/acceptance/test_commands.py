"""The commands as a newcomer runs them: exit codes and what is told."""

import os
import subprocess
import sys
from pathlib import Path

SECRET = "never-to-be-shown"


def _hookline(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLINE_")}
    return subprocess.run(
        [sys.executable, "-m", "hookline", *arguments],
        env={**clean, **{f"HOOKLINE_{name}": value for name, value in settings.items()}},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_the_demo_shows_its_tables_and_ends_well() -> None:
    """One command, no settings: the tables come out and everything adds up."""
    done = _hookline("demo", "--deliveries", "200", "--seed", "3")
    assert done.returncode == 0, done.stderr
    for title in (
        "What Meta sent",
        "What became of every change",
        "Recognised as duplicates",
        "Comments: ads against organic",
        "What the Graph API told",
        "Mentions: a webhook tells two ids, the rest was read",
        "Comments, with what was read about them",
        "Stories, an hour after they expired",
    ):
        assert title in done.stdout
    assert "Everything adds up" in done.stderr


def test_wrong_settings_are_told_at_once_and_show_no_secret() -> None:
    """Every missing or wrong setting is named; no value of one is repeated."""
    done = _hookline(
        "ingest",
        KAFKA_BOOTSTRAP=SECRET,
        APP_SECRETS=SECRET,
        INGEST_PORT=SECRET,
        INGEST_MAX_BODY_BYTES=SECRET,
    )
    assert done.returncode == 2
    for name in (
        "KAFKA_BOOTSTRAP",
        "APP_SECRETS",
        "INGEST_PORT",
        "INGEST_MAX_BODY_BYTES",
        "VERIFY_TOKEN",
    ):
        assert f"HOOKLINE_{name}: " in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_unreachable_dependencies_end_with_3_and_a_sentence() -> None:
    """A worker without Kafka and PostgreSQL says so, in one line, without the password."""
    url = f"postgresql://hookline:{SECRET}@127.0.0.1:9/hookline"
    settings = {"KAFKA_BOOTSTRAP": "127.0.0.1:9", "DATABASE_URL": url}
    for arguments in (("worker", "dedupe"), ("migrate",), ("topics", "apply")):
        wanted = {**settings, "START_PATIENCE_S": "0"}
        if arguments == ("migrate",):
            wanted = {"DATABASE_URL": url}
        if arguments[0] == "topics":
            wanted = {"KAFKA_BOOTSTRAP": "127.0.0.1:9"}
        done = _hookline(*arguments, **wanted)
        assert done.returncode == 3, (arguments, done.stderr)
        assert SECRET not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert "Does it run?" in done.stderr


def test_an_unknown_worker_is_a_usage_error() -> None:
    """A wrong name is answered with the right ones."""
    done = _hookline("worker", "dedup")
    assert done.returncode == 2
    assert "archive, dedupe, persist" in done.stderr
    assert "Traceback" not in done.stderr


def test_env_without_a_running_line_says_how_to_start_one(tmp_path: Path) -> None:
    """No state, no lines for a shell, exit code 3."""
    done = _hookline("env", "--data", str(tmp_path))
    assert done.returncode == 3
    assert done.stdout == ""
    assert "hookline up" in done.stderr
