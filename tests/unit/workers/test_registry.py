"""Workers by name."""

from pathlib import Path

import pytest

from runtime.errors import SettingsError
from runtime.vault import new_key
from schemas.settings import ReplySettings, WorkerSettings
from workers.registry import WORKERS, handler_of, require_settings

LINE = {"kafka_bootstrap": "127.0.0.1:1", "database_url": "postgresql://u:p@127.0.0.1:1/d"}


@pytest.mark.parametrize("name", WORKERS)
def test_every_worker_can_be_made(name: str) -> None:
    """Under the name that its consumer group and its dead letters carry."""
    assert getattr(handler_of(name), "name", None) == name


def test_there_is_no_other_worker() -> None:
    """A wrong name loads nothing."""
    with pytest.raises(KeyError):
        handler_of("os")


def test_what_settings_name_is_looked_at_before_a_worker_begins(tmp_path: Path) -> None:
    """A file of rules, of which every problem is told."""
    require_settings("persist", WorkerSettings.model_validate(LINE))
    given = LINE | {"app_secrets": "1:secret", "vault_keys": new_key()}
    require_settings("reply", ReplySettings.model_validate(given))
    path = tmp_path / "rules.toml"
    path.write_text("[[rule]]\nname = 'a'\nwords = ['b']")
    settings = ReplySettings.model_validate(given | {"reply_rules": path})
    with pytest.raises(SettingsError) as raised:
        require_settings("reply", settings)
    assert raised.value.problems == [
        'HOOKLINE_REPLY_RULES: line 1, rule "a": on is missing',
        'HOOKLINE_REPLY_RULES: line 1, rule "a": answers is missing',
    ]
