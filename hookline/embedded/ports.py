"""Ports of 127.0.0.1: chosen free once, and kept as long as they stay free."""

import socket
from typing import Final

HOST: Final = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether nothing listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def keep_or_choose(kept: int | None) -> int:
    """The port kept from last time if it is still free, else another."""
    return kept if kept is not None and is_free(kept) else free_port()
