"""What a running `up` tells of the settings that it was given."""

from pathlib import Path

import pytest

from hookline.embedded.given import settings_given


def test_settings_are_told_as_anybody_can_use_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verb may run in another folder, where a file or a path would be another one, or none."""
    (tmp_path / "password").write_text("sesame\n")
    monkeypatch.chdir(tmp_path)
    assert settings_given(
        {
            "HOOKLINE_KAFKA_SASL_PASSWORD_FILE": "password",
            "HOOKLINE_REPLY_RULES": "rules.toml",
            "HOOKLINE_TOPIC_RETENTION_DAYS": "30",
            "HOOKLINE_GRAPH_URL": "",
        }
    ) == {
        "HOOKLINE_KAFKA_SASL_PASSWORD": "sesame",
        "HOOKLINE_REPLY_RULES": str(tmp_path / "rules.toml"),
        "HOOKLINE_TOPIC_RETENTION_DAYS": "30",
    }


def test_what_is_a_process_own_is_not_told() -> None:
    """Nor what is no setting of a service."""
    own = ("DRAIN_TIMEOUT_S", "METRICS_PORT", "LOG_LEVEL", "CRASH_POINT", "POSTGRES_BIN", "X_FILE")
    assert not settings_given({f"HOOKLINE_{name}": "1" for name in own} | {"PATH": "/bin"})
