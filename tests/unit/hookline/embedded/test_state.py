"""What is kept, and what is told to other programs."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from hookline.embedded.lock import folder_lock
from hookline.embedded.state import (
    KEPT_FILE,
    STATE_FILE,
    Kept,
    KeptSettingsError,
    State,
    read_state,
    remove_state,
    write_privately,
    write_state,
)
from runtime.errors import DependencyError

STATE = State(
    ingest_url="http://127.0.0.1:1",
    kafka_bootstrap="127.0.0.1:2",
    database_url="postgresql://u:p@127.0.0.1:3/d",
    metrics_urls={},
    pids={"kafka": 1},
    app_id="1",
    app_secret="s",
    verify_token="v",
    vault_keys="k",
    graph_url="https://graph.facebook.com",
)


def ignore(_: str) -> None:
    """Tells nobody."""


@pytest.mark.parametrize(
    ("name", "write"),
    [
        (KEPT_FILE, lambda folder: Kept.load(folder).save(folder)),
        (STATE_FILE, lambda folder: write_state(folder, STATE)),
    ],
)
def test_only_the_owner_may_read(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    """Both hold secrets; also when a write that was cut short left a file for all to read."""
    leftover = tmp_path / f"{name}.new"
    leftover.write_text("half")
    leftover.chmod(0o644)
    write(tmp_path)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """The same over restarts, others in another folder."""
    kept = Kept.load(tmp_path)
    kept.ports["kafka"] = 20_000
    kept.save(tmp_path)
    assert Kept.load(tmp_path) == kept
    assert Kept.load(tmp_path / "other").app_secret != kept.app_secret
    assert kept.app_secrets == f"{kept.app_id}:{kept.app_secret}"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"app_id": 5', "not JSON"),
        ('{"app_id": "1", "app_secret": "sesame", "verify_token": ""}', "verify_token"),
        ('{"app_id": "1", "app_secret": "sesame", "verify_token": "v", "ports": 1}', "ports"),
        ('{"app_secret": "sesame,b"}', "app_id, app_secret, verify_token"),
    ],
)
def test_broken_settings_are_told_without_their_secrets(
    tmp_path: Path, text: str, named: str
) -> None:
    """The message has the file, what is wrong in it, and the way out."""
    (tmp_path / KEPT_FILE).write_text(text)
    with pytest.raises(KeptSettingsError) as raised:
        Kept.load(tmp_path)
    assert f"({named})" in str(raised.value)
    assert str(tmp_path / KEPT_FILE) in str(raised.value)
    assert "sesame" not in str(raised.value)


async def test_the_state_of_a_running_folder_is_read(tmp_path: Path) -> None:
    """As it was written."""
    async with folder_lock(tmp_path, ignore):
        with pytest.raises(DependencyError, match="not ready"):
            read_state(tmp_path)
        write_state(tmp_path, STATE)
        assert read_state(tmp_path) == STATE
        (tmp_path / STATE_FILE).write_text('{"ingest_url": "http://127.0.0.1:1"}')
        with pytest.raises(DependencyError, match="another release"):
            read_state(tmp_path)


def test_a_state_that_was_left_behind_is_not_believed(tmp_path: Path) -> None:
    """Its writer was killed: nothing runs there."""
    write_state(tmp_path, STATE)
    with pytest.raises(DependencyError, match="Nothing runs on"):
        read_state(tmp_path)


def test_a_state_is_removed_once_or_twice(tmp_path: Path) -> None:
    """The second time there is nothing to do."""
    write_state(tmp_path, STATE)
    remove_state(tmp_path)
    remove_state(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk must not cost the secrets."""
    path = tmp_path / KEPT_FILE
    write_privately(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hookline.embedded.state.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_privately(path, "new")
    assert path.read_text() == "old\n"
