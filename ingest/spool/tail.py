"""The segment that is being written. Blocks; owns the file, its flushes and its end."""

import os
from collections.abc import Iterable
from contextlib import suppress

from ingest.spool.slot import Slot, sync_folder


class Tail:
    """A segment that grows by whole writes."""

    def __init__(self, slot: Slot) -> None:
        """Begins a new one. Raises OSError."""
        self.path = slot.new_segment()
        self.size_bytes = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o600)
        try:
            sync_folder(self.path.parent)
        except OSError:
            self.close()
            raise

    def write(self, chunks: Iterable[bytes]) -> None:
        """Returns when all of it is on the disk. Raises OSError when it may not be."""
        written_bytes = 0
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            written_bytes += len(chunk)
        os.fdatasync(self._file)
        self.size_bytes += written_bytes

    def cut_back(self) -> None:
        """Takes out what a write left that did not succeed, if the disk lets it.

        What stays does no harm: it is read as torn, or as deliveries whose senders were told to
        send them again.
        """
        with suppress(OSError):
            os.ftruncate(self._file, self.size_bytes)

    def close(self) -> None:
        """Nothing is written to it any more."""
        with suppress(OSError):  # all that was promised is on the disk already
            os.close(self._file)
