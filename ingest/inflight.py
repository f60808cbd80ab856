"""How many body bytes a process holds. Owns the limit that keeps its memory bounded."""


class InflightBytes:
    """Bytes of bodies that are read but that Kafka does not have yet, up to a limit."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self.held_bytes = 0

    def hold(self, size_bytes: int) -> bool:
        """Counts these bytes, unless they would pass the limit."""
        if self.held_bytes + size_bytes > self._limit_bytes:
            return False
        self.held_bytes += size_bytes
        return True

    def hold_anyway(self, size_bytes: int) -> None:
        """Counts bytes that are here already, whatever the limit says."""
        self.held_bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        """These bytes are held no longer."""
        self.held_bytes -= size_bytes
