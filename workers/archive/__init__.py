"""Archive: every delivery, byte for byte, and every dead letter, into PostgreSQL."""

from workers.archive.handler import ArchiveHandler
from workers.archive.worker import run_beside

__all__ = ["make_handler", "run_beside"]

make_handler = ArchiveHandler
