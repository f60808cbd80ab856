"""Archive: every delivery, byte for byte, and every dead letter, into PostgreSQL."""

from workers.archive.handler import ArchiveHandler

make_handler = ArchiveHandler
