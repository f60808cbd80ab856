"""Every process has a folder of its own, and none is forgotten."""

from pathlib import Path

import pytest

from ingest.spool.slot import left_behind, take
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
    """Those of a living process are not."""
    first, second = take(tmp_path), take(tmp_path)
    first.new_segment().touch()
    second.new_segment().touch()
    second.release()
    (adopted,) = left_behind(tmp_path)
    assert adopted.path == second.path
    assert left_behind(tmp_path) == []
    adopted.release()
    first.release()


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


def test_a_segment_is_finished_or_kept_aside(tmp_path: Path) -> None:
    """Either way it is out of the line, and its size is told."""
    slot = take(tmp_path)
    for keep in (False, True):
        segment = slot.new_segment()
        segment.write_bytes(b"12345")
        assert slot.finish(segment, keep=keep) == 5
    assert slot.segments() == []
    assert len(list(slot.path.glob("*.corrupt"))) == 1
    slot.release()


def test_a_folder_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    """With its name, for whoever has to repair it."""
    (tmp_path / "file").touch()
    with pytest.raises(DependencyError, match="file"):
        take(tmp_path / "file")
