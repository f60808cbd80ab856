"""Every process has a folder of its own, and none is forgotten."""

import errno
import fcntl
import os
from pathlib import Path

import psutil
import pytest

from ingest.spool.slot import Aside, hold, left_behind, take
from runtime.errors import DependencyError


def test_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    """Each takes the lowest one that is free, so a restarted one finds its own again."""
    first, second = take(tmp_path), take(tmp_path)
    assert (first.path.name, second.path.name) == ("1", "2")
    first.release()
    again = take(tmp_path)
    assert again.path == first.path
    again.release()
    second.release()


def test_segments_of_nobody_are_adopted_once(tmp_path: Path) -> None:
    """Those of a living process are not, and one is held only while it is looked at."""
    slots = [take(tmp_path) for _ in range(3)]
    for slot in slots:
        slot.new_segment().touch()
    for slot in slots[1:]:
        slot.release()
    assert left_behind(tmp_path) == [slot.path for slot in slots]
    assert hold(slots[0].path) is None
    adopted = hold(slots[1].path)
    assert adopted is not None
    assert hold(slots[1].path) is None
    other = hold(slots[2].path)
    assert other is not None
    for slot in (slots[0], adopted, other):
        slot.release()


def test_a_lock_that_fails_leaves_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems have no locks."""

    def fail(*_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    before = psutil.Process().num_fds()
    with pytest.raises(DependencyError, match="No locks"):
        take(tmp_path)
    assert psutil.Process().num_fds() == before


def test_folders_are_there_after_a_power_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that was made is flushed in the one that it stands in."""
    flushed: list[int] = []
    fsync = os.fsync

    def note(file: int) -> None:
        flushed.append(os.fstat(file).st_ino)
        fsync(file)

    monkeypatch.setattr(os, "fsync", note)
    take(tmp_path / "a" / "b").release()
    folders = (tmp_path, tmp_path / "a", tmp_path / "a" / "b")
    assert flushed == [folder.stat().st_ino for folder in folders]


def test_segments_are_in_the_order_of_their_making(tmp_path: Path) -> None:
    """Also when the clock stands still or goes back."""
    slot = take(tmp_path)
    (slot.path / f"{2**63:020d}.segment").touch()
    made = [slot.new_segment() for _ in range(1)]
    for _ in range(3):
        made[-1].touch()
        made.append(slot.new_segment())
    assert made == sorted(made)
    assert slot.segments()[0].stem == f"{2**63:020d}"
    slot.release()


def test_a_segment_is_finished_or_put_aside(tmp_path: Path) -> None:
    """Either way it is out of the line. What is there counts; what Kafka refused is tried again
    by the next start."""
    slot = take(tmp_path)
    for aside in (None, Aside.CORRUPT, Aside.REFUSED):
        segment = slot.new_segment()
        segment.write_bytes(b"12345")
        slot.finish(segment, aside)
    assert slot.segments() == []
    assert slot.size_bytes() == 10
    assert left_behind(tmp_path) == []
    slot.release()
    again = take(tmp_path)
    assert again.segments() == [segment]
    assert len(list(again.path.glob("*.corrupt"))) == 1
    again.release()


def test_a_folder_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    """With its name, for whoever has to repair it."""
    (tmp_path / "file").touch()
    with pytest.raises(DependencyError, match="file"):
        take(tmp_path / "file")
