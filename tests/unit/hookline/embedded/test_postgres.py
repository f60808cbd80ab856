"""What a killed PostgreSQL leaves behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hookline.embedded.postgres import find_binaries, forget_dead_server
from runtime.errors import DependencyError


def test_the_pid_of_another_program_is_forgotten(tmp_path: Path) -> None:
    """Pids come again, in containers at once: PostgreSQL would take it for itself."""
    path = tmp_path / "postmaster.pid"
    path.write_text(f"{os.getpid()}\n{tmp_path}\n")
    forget_dead_server(tmp_path)
    assert not path.exists()


def test_the_pid_of_no_program_is_left_to_postgres(tmp_path: Path) -> None:
    """It knows what to do, and looks for shared memory first."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    path = tmp_path / "postmaster.pid"
    path.write_text(f"{ended.pid}\n{tmp_path}\n")
    forget_dead_server(tmp_path)
    assert path.exists()
    path.unlink()
    forget_dead_server(tmp_path)


def test_a_folder_without_programs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by the user, it is not passed over in silence."""
    monkeypatch.setenv("HOOKLINE_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(DependencyError, match="no initdb"):
        find_binaries()
    (tmp_path / "initdb").touch()
    assert find_binaries() == tmp_path
