"""The disks that `make prove` fills."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.disks import unshared

ROOT = Path(__file__).parents[2]

PROGRAM = """
import errno, sys
from pathlib import Path
from tests.chaos.disks import MIB, mounted

path = Path(sys.argv[1])
with mounted(path, 4 * MIB) as disk:
    (path / "before").write_bytes(b"kept" * 1000)
    disk.fill()
    try:
        (path / "full").write_bytes(bytes(MIB))
    except OSError as error:
        assert error.errno == errno.ENOSPC
    else:
        sys.exit("a full disk took more")
    disk.empty()
    (path / "after").write_bytes(bytes(MIB))
    assert (path / "before").read_bytes() == b"kept" * 1000
assert not list(path.iterdir())
"""


def test_a_disk_is_full_until_it_is_emptied(tmp_path: Path) -> None:
    """Nothing fits meanwhile, nothing is lost, and nothing of it is left on the machine."""
    prefix = unshared()
    if prefix is None:
        pytest.skip("no mounts can be made here")
    command = [*prefix, sys.executable, "-c", PROGRAM, str(tmp_path / "disk")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "disk").iterdir())
