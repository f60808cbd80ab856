"""One holder a folder."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hookline.embedded import lock
from hookline.embedded.lock import LOCK_FILE, FolderHeldError, folder_lock, holder


def ignore(_: str) -> None:
    """Tells nobody."""


async def test_a_held_folder_is_refused_with_the_pid(tmp_path: Path) -> None:
    """The message has the process to stop."""
    async with folder_lock(tmp_path, ignore):
        assert holder(tmp_path) == os.getpid()
        with pytest.raises(FolderHeldError, match=f"in use by process {os.getpid()}"):
            async with folder_lock(tmp_path, ignore):
                pass  # pragma: no cover


async def test_a_folder_is_free_when_its_holder_is_done(tmp_path: Path) -> None:
    """Whoever comes next gets it."""
    async with folder_lock(tmp_path / "new", ignore):
        pass
    assert holder(tmp_path / "new") is None
    async with folder_lock(tmp_path / "new", ignore):
        pass


async def test_what_a_killed_holder_left_is_waited_for(tmp_path: Path) -> None:
    """Its reaper still has the lock; the next one starts when that has ended."""
    leftover = _dead_holder(tmp_path)
    told: list[str] = []

    def announce(line: str) -> None:
        told.append(line)
        leftover.kill()

    async with folder_lock(tmp_path, announce):
        assert holder(tmp_path) == os.getpid()
    assert len(told) == 1
    leftover.wait()


async def test_the_wait_for_leftovers_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not end must not hold up everything for ever."""
    monkeypatch.setattr(lock, "LEFTOVER_TIMEOUT_S", 0.0)
    leftover = _dead_holder(tmp_path)
    with pytest.raises(FolderHeldError):
        async with folder_lock(tmp_path, ignore):
            pass  # pragma: no cover
    leftover.kill()
    leftover.wait()


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    """Nobody holds it, and nobody can."""
    assert holder(tmp_path / "missing") is None
    (tmp_path / "file").touch()
    assert holder(tmp_path / "file") is None


async def test_a_folder_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    """With a sentence, not a traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(FolderHeldError, match="cannot be a data folder"):
        async with folder_lock(tmp_path / "file", ignore):
            pass  # pragma: no cover


def _dead_holder(folder: Path) -> "subprocess.Popen[bytes]":
    """A process that shares the lock of one that is dead."""
    with (folder / LOCK_FILE).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        waits = [sys.executable, "-c", "import time; time.sleep(600)"]
        leftover = subprocess.Popen(waits, pass_fds=(file.fileno(),))
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        file.write(str(ended.pid))
    return leftover
