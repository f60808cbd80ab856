"""What aiokafka does not expect of uvloop: a closed transport refuses to be written to.

asyncio's own transports raise nothing, uvloop's RuntimeError; aiokafka knows OSError alone. So a
broker that hangs up at the wrong moment ends the task that looks after the metadata, or the one of
the heartbeats, and whoever waits for them waits for ever.
Source: https://github.com/aio-libs/aiokafka/issues/1038
"""

from collections.abc import Awaitable
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_SEND: Final = AIOKafkaConnection.send


def _send(
    connection: AIOKafkaConnection, request: Any, expect_response: bool = True
) -> Awaitable[Any]:
    """As aiokafka's; a connection that cannot be written to is closed, and that is told."""
    try:
        sent: Awaitable[Any] = _SEND(connection, request, expect_response)
    except RuntimeError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"{connection.host}:{connection.port} hung up") from error
    return sent


def expect_closed_transports() -> None:
    """From now on every connection of aiokafka's in this process does. May be called again."""
    AIOKafkaConnection.send = _send
