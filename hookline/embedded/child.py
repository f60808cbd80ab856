"""A supervised child process: started, probed, restarted when it dies, stopped in time."""

import asyncio
import signal
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hookline.embedded.reaper import Reaper, kill_group
from runtime.errors import DependencyError

PROBE_PAUSE_S: Final = 0.1
RESTART_PAUSE_S: Final = 0.3
RESTART_PAUSE_MAX_S: Final = 5.0
MAX_LOG_BYTES: Final = 10 * 1024 * 1024
LOG_TAIL_LINES: Final = 3

SERVICE_STOP_TIMEOUT_S: Final = 3.5
SERVER_STOP_TIMEOUT_S: Final = 4.0
"""Ingest, then the workers, then the servers: at the worst 11 s, of 15 that a stop may take."""

Announce = Callable[[str], None]
"""Told a line for a person."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a child runs. Secrets travel in `env`, never in `argv`, which anybody can read.

    One that ends before it is ready is tried again for `patience_s`.
    """

    name: str
    argv: Sequence[str | Path]
    env: Mapping[str, str]
    log_path: Path
    ready: Callable[[], Awaitable[bool]]
    stop_timeout_s: float
    ready_timeout_s: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    cwd: Path | None = None
    patience_s: float = 0.0


class Child:
    """One running program. `pid` is that of the program itself, and changes with a restart."""

    def __init__(self, program: Program, reaper: Reaper, announce: Announce) -> None:
        self.program = program
        self._reaper = reaper
        self._announce = announce
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.on_restart: Callable[[], None] = lambda: None

    @property
    def pid(self) -> int | None:
        """The process now running, if any."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Starts the program and returns when it is ready; from then on it is kept running.

        Raises:
            DependencyError: it ended, or was not ready in time; the message has its last lines.
        """
        deadline_s = time.monotonic() + self.program.patience_s
        while not await self._ready(ended := await self._begin()):
            what = await ended if ended.done() else "was not ready in time"
            if not ended.done() or time.monotonic() >= deadline_s:
                raise DependencyError(self._story(what))
            await asyncio.sleep(RESTART_PAUSE_S)
        self._keeper = asyncio.create_task(self._keep(ended))

    async def _begin(self) -> asyncio.Task[str]:
        """Starts the program; gives what tells how it ends."""
        try:
            process = await self._spawn()
        except OSError as error:
            raise DependencyError(
                f"{self.program.name} cannot be started: {error.filename}: {error.strerror}."
            ) from error
        return asyncio.create_task(self._ended(process))

    async def stop(self) -> None:
        """Asks the program to end, and makes it after its deadline."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(self.program.stop_signal)
        try:
            async with asyncio.timeout(self.program.stop_timeout_s):
                await self._ended(process)
        except TimeoutError:
            self._announce(f"{self.program.name} did not stop in time and was killed.")
            process.kill()
            await self._ended(process)

    async def _spawn(self) -> Process:
        path = self.program.log_path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as output:
            # A session of its own: Ctrl-C reaches the parent alone, which stops all in order.
            process = await asyncio.create_subprocess_exec(
                *map(str, self.program.argv),
                env=dict(self.program.env),
                cwd=self.program.cwd,
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                start_new_session=True,
            )
        self._process = process
        self._reaper.watch(process.pid, self.program.stop_signal)
        return process

    async def _ended(self, process: Process) -> str:
        """Returns when the process has ended, and nothing that it had started runs on."""
        code = await process.wait()
        kill_group(process.pid)
        self._reaper.forget(process.pid)
        return f"was killed by {_signal_name(-code)}" if code < 0 else f"ended with code {code}"

    async def _ready(self, ended: asyncio.Task[str]) -> bool:
        """Awaits that the program is ready; false when it ended, or its time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.program.ready_timeout_s):
                while not ended.done():
                    if await self.program.ready():
                        return True
                    await asyncio.sleep(PROBE_PAUSE_S)
        return False

    async def _keep(self, ended: asyncio.Task[str]) -> None:
        """Starts the program again whenever it ends."""
        pause_s = RESTART_PAUSE_S
        while True:
            self._announce(f"{self.program.name} {await ended}. Starting it again …")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RESTART_PAUSE_MAX_S)
            ended = asyncio.create_task(self._ended(await self._spawn_again()))
            with suppress(OSError):  # a full disk: what is written then must not end the keeper
                self.on_restart()
            if await self._ready(ended):
                pause_s = RESTART_PAUSE_S

    async def _spawn_again(self) -> Process:
        while True:
            try:
                return await self._spawn()
            except OSError as error:
                self._announce(f"{self.program.name} cannot be started: {error.strerror}.")
                await asyncio.sleep(RESTART_PAUSE_MAX_S)

    def _story(self, what: str) -> str:
        path = self.program.log_path
        lines = path.read_text("utf-8", "replace").splitlines()[-LOG_TAIL_LINES:]
        return f"{self.program.name} {what}. The end of {path}:\n" + "\n".join(lines)


async def stop_all(children: Sequence[Child]) -> None:
    """Stops these children, all at once."""
    await asyncio.gather(*(child.stop() for child in children))


def pids_of(children: Sequence[Child]) -> dict[str, int]:
    """Names and pids of the children that run."""
    return {child.program.name: child.pid for child in children if child.pid is not None}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
