"""A TCP proxy that can misbehave, between a service and Kafka or PostgreSQL.

    async with Proxy("127.0.0.1", 5432) as proxy:
        url = proxy.before(database_url)      # give this to the service instead
        await proxy.refuse()                  # nobody listens; open connections are reset
        await proxy.heal()                    # all is well again, for what is still open too

    async with before_kafka("127.0.0.1:9092,127.0.0.1:9093") as proxies:
        bootstrap = ",".join(proxy.address for proxy in proxies)   # one proxy a broker
        proxies[0].stall()

| fault | new connections | open ones |
|---|---|---|
| `await refuse()` | refused | reset |
| `cut()` | pass | reset; with `after_bytes`, in the middle of an answer |
| `stall()` | accepted, never answered | stay open, silent: like a stopped process |
| `strand()` | pass | stay open, silent for ever: half-open lines |
| `slow(…)` | late | late |
| `await heal()` | pass | go on where they stood; stranded ones do not |

One fault replaces the other, but that `cut` and `strand` happen at a moment and leave the mode as
it is. All of it belongs to one event loop; leaving the context ends every connection.

Kafka tells its clients where each broker is, and they would go there past the proxy: so a proxy
before Kafka rewrites the brokers' ports in what passes (`renames`; not under TLS).
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

HOST: Final = "127.0.0.1"
CHUNK_BYTES: Final = 64 * 1024
CONNECT_TIMEOUT_S: Final = 5.0
RESET: Final = b"\x01\0\0\0\0\0\0\0"
"""SO_LINGER on, for 0 s: a close is a reset."""


class Proxy:
    """Passes connections to one server on to it, and does not when told so."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        renames: Mapping[int, int] | None = None,
        listen_port: int = 0,
    ) -> None:
        """Listens on `listen_port`, a free one when 0.

        `renames` are ports of brokers on 127.0.0.1 and what clients are to be told instead.
        """
        self._target = (host, port)
        self._renames = {_broker(there): _broker(here) for there, here in (renames or {}).items()}
        self._listen_port = listen_port
        self._server: asyncio.Server | None = None
        self._refusing: socket.socket | None = None
        self._lines: set[_Line] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._delay_s = 0.0
        self._bytes_per_s = float("inf")
        self.port = 0

    @property
    def address(self) -> str:
        """`host:port` to connect to."""
        return f"{HOST}:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._lines)

    def before(self, url: str) -> str:
        """The URL with this proxy's address instead of the server's."""
        parts = urlsplit(url)
        credentials = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{credentials}@{self.address}"))

    def rename(self, renames: Mapping[int, int]) -> None:
        """As the argument of that name; for answers that pass from now on."""
        self._renames = {_broker(there): _broker(here) for there, here in renames.items()}

    async def __aenter__(self) -> Self:
        await self._listen(_bound(self._listen_port))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._hang_up()
        lines = list(self._lines)
        for line in lines:
            line.task.cancel()
        await asyncio.gather(*(line.task for line in lines), return_exceptions=True)
        if self._refusing is not None:
            self._refusing.close()

    async def heal(self) -> None:
        """Ends whatever fault there is."""
        self._delay_s, self._bytes_per_s = 0.0, float("inf")
        if self._refusing is not None:
            refusing, self._refusing = self._refusing, None
            await self._listen(refusing)
        self._open.set()

    async def refuse(self) -> None:
        """Nobody listens any more; open connections are reset."""
        await self.heal()
        await self._hang_up()
        # Bound, so that nobody else takes the port, and not listening, so that it refuses.
        self._refusing = _bound(self.port)
        self.cut()

    def cut(self, after_bytes: int = 0) -> None:
        """Resets what is open, at once or once it has had so many more bytes of answers."""
        for line in list(self._lines):
            line.left_bytes = after_bytes
            if not after_bytes:
                line.task.cancel()

    def stall(self) -> None:
        """Nothing passes any more, and nothing is closed."""
        self._open.clear()

    def strand(self) -> None:
        """What is open now stays so and is never answered; what comes later passes."""
        for line in self._lines:
            line.stranded = True

    def slow(self, *, delay_s: float = 0.0, bytes_per_s: float = float("inf")) -> None:
        """Each chunk is late by so much, and each connection has so much in each direction."""
        self._open.set()
        self._delay_s, self._bytes_per_s = delay_s, bytes_per_s

    async def _listen(self, bound: socket.socket) -> None:
        self._server = await asyncio.start_server(self._accept, sock=bound)
        self.port = bound.getsockname()[1]

    async def _hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)  # the socket is closed in the loop's next round

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = _Line()
        line.task = asyncio.create_task(self._serve(line, reader, writer))
        self._lines.add(line)
        line.task.add_done_callback(lambda _: self._lines.discard(line))

    async def _serve(
        self, line: "_Line", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection, from the client's to its end."""
        writers = [writer]
        reset = True
        try:
            await self._open.wait()
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                there_reader, there_writer = await asyncio.open_connection(*self._target)
            writers.append(there_writer)
            pumps = (
                asyncio.create_task(self._requests(line, reader, there_writer)),
                asyncio.create_task(self._answers(line, there_reader, writer)),
            )
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                reset = line.left_bytes is not None
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # the client is told by the reset
        finally:
            for one in writers:
                if reset:
                    _reset(one)
                else:
                    one.close()

    async def _requests(
        self, line: "_Line", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            await self._pass(line, chunk, writer)

    async def _answers(
        self, line: "_Line", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while chunk := await self._answer(reader):
            allowed = chunk[: line.left_bytes]
            await self._pass(line, allowed, writer)
            if line.left_bytes is not None:
                line.left_bytes -= len(allowed)
                if line.left_bytes <= 0:
                    return

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        """What comes next; before Kafka, a whole answer, with the brokers' ports rewritten."""
        if not self._renames:
            return await reader.read(CHUNK_BYTES)
        with suppress(asyncio.IncompleteReadError):
            length = await reader.readexactly(4)
            answer = await reader.readexactly(int.from_bytes(length))
            for there, here in self._renames.items():
                answer = answer.replace(there, here)
            return length + answer
        return b""

    async def _pass(self, line: "_Line", chunk: bytes, writer: asyncio.StreamWriter) -> None:
        if late_s := self._delay_s + len(chunk) / self._bytes_per_s:
            await asyncio.sleep(late_s)
        await self._open.wait()
        if line.stranded:
            await asyncio.Event().wait()  # until the connection is ended
        writer.write(chunk)
        await writer.drain()


class _Line:
    """One connection through the proxy."""

    task: asyncio.Task[None]

    def __init__(self) -> None:
        self.stranded = False
        self.left_bytes: int | None = None


@asynccontextmanager
async def before_kafka(bootstrap: str) -> AsyncIterator[list[Proxy]]:
    """A proxy before each of these brokers, which must be all there are, on 127.0.0.1."""
    ports = [int(server.rpartition(":")[2]) for server in bootstrap.split(",")]
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(Proxy(HOST, port)) for port in ports]
        renames = {there: proxy.port for there, proxy in zip(ports, proxies, strict=True)}
        for proxy in proxies:
            proxy.rename(renames)
        yield proxies


def _broker(port: int) -> bytes:
    """A broker's address as Kafka's answers have it: host, and four bytes of port.

    Source: https://kafka.apache.org/protocol#The_Messages_Metadata
    """
    return HOST.encode() + port.to_bytes(4)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((HOST, port))
    bound.setblocking(False)
    return bound


def _reset(writer: asyncio.StreamWriter) -> None:
    taken: socket.socket | None = writer.get_extra_info("socket")
    with suppress(OSError):
        if taken is not None:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
