"""Ports of 127.0.0.1: chosen free once, and kept as long as they stay free."""

import errno
import random
import socket
from typing import Final

HOST: Final = "127.0.0.1"

CHOICES: Final = range(20_000, 32_768)
"""Below the ports that systems lend to outgoing connections: a client that keeps trying to reach
a stopped server would now and then be lent that very port, and the server could not come back.

Source: `net.ipv4.ip_local_port_range`, 32768 to 60999 on Linux; 49152 and up elsewhere.
"""

TRIES: Final = 200


def is_free(port: int) -> bool:
    """Whether nothing listens on the port.

    Raises:
        PermissionError: this user may not listen on it, as on those below 1024.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                raise
            return False
    return True


def port_for(ports: dict[str, int], name: str) -> int:
    """The port of this name: the one kept, if it is still free, else another, which is kept."""
    others = {port for other, port in ports.items() if other != name}
    kept = ports.get(name)
    if kept is None or kept in others or not is_free(kept):
        kept = ports[name] = _choose(others)
    return kept


def _choose(others: set[int]) -> int:
    for port in random.sample(CHOICES, TRIES):
        if port not in others and is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        found: int = probe.getsockname()[1]
    return found
