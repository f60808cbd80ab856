"""Small disks of one's own, that can be made full and empty again: Linux' tmpfs, resized.

They need mounts, which root may make, and other users in a namespace of their own. `enter` goes
there: what is mounted inside is gone with the last process, whatever happens to us.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MARK: Final = "HOOKLINE_PROVE_MOUNTS"
TRY_TIMEOUT_S: Final = 10
MIB: Final = 1024 * 1024
PAGE_BYTES: Final = 4096
FILL_ATTEMPTS: Final = 100
MOUNT: Final = shutil.which("mount") or "mount"
UMOUNT: Final = shutil.which("umount") or "umount"


class DiskBusyError(Exception):
    """A disk could not be made full."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted tmpfs."""

    path: Path
    size_bytes: int

    def fill(self) -> None:
        """Nothing more fits from now on.

        Raises:
            DiskBusyError: more was written each time that it was to be made smaller.
        """
        for attempt in range(FILL_ATTEMPTS):
            told = os.statvfs(self.path)
            used = (told.f_blocks - told.f_bfree) * told.f_frsize
            try:
                # A disk cannot be smaller than what is on it, and others write meanwhile.
                self._resize(max(used, PAGE_BYTES) + attempt * PAGE_BYTES)
            except subprocess.CalledProcessError:
                continue
            return
        raise DiskBusyError(f"{self.path.name} cannot be made full")

    def empty(self) -> None:
        """There is room again."""
        self._resize(self.size_bytes)

    def _resize(self, size_bytes: int) -> None:
        _mount("-o", f"remount,size={size_bytes}", str(self.path))


@contextmanager
def mounted(path: Path, size_bytes: int) -> Iterator[Disk]:
    """A disk of this size at the path, for as long as the context lasts."""
    path.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size_bytes},mode=0700", "none", str(path))
    try:
        yield Disk(path, size_bytes)
    finally:
        subprocess.run([UMOUNT, "--lazy", path], check=False, timeout=TRY_TIMEOUT_S)


def can_mount() -> bool:
    """Whether this process is in mounts of its own, where it may make more."""
    return os.environ.get(MARK) == "yes"


def enter(arguments: list[str]) -> None:
    """Goes on in mounts of its own by running the command anew; returns when that cannot be."""
    if MARK in os.environ or sys.platform != "linux":
        return
    prefix = unshared()
    if prefix is not None:
        environment = {**os.environ, MARK: "yes"}
        os.execvpe(prefix[0], [*prefix, sys.executable, *arguments], environment)  # noqa: S606


def unshared() -> list[str] | None:
    """What to begin the command with; none where there is no way."""
    unshare = shutil.which("unshare")
    if unshare is None or not shutil.which("mount"):
        return None
    prefix = [unshare, "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        prefix += ["--user", "--map-current-user", "--keep-caps"]
    trial = [*prefix, "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        done = subprocess.run(trial, capture_output=True, timeout=TRY_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return prefix if done.returncode == 0 else None


def _mount(*arguments: str) -> None:
    subprocess.run([MOUNT, *arguments], check=True, capture_output=True, timeout=TRY_TIMEOUT_S)
