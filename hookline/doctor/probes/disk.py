"""Looks at the disks under folders of this machine."""

import shutil
from pathlib import Path

from hookline.doctor.checks.disk import SLUG
from hookline.doctor.facts import Disk
from hookline.doctor.finding import Unseen


def look(what: str, folder: Path, needs_bytes: int = 0) -> Disk | Unseen:
    """The room under a folder. It blocks, shortly."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        return Unseen(
            f"{what} {folder} cannot be looked at ({error.strerror})",
            SLUG,
            "Run the doctor on ingest's machine as its user, or without that setting.",
        )
    return Disk(f"{what} {folder}", usage.free, usage.total, needs_bytes)
