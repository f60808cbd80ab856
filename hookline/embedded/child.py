"""A supervised child process: started, probed, restarted when it dies, stopped in time."""

import asyncio
import signal
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from hookline.embedded.reaper import Reaper
from runtime.errors import DependencyError

PROBE_PAUSE_S: Final = 0.1
RESTART_PAUSE_S: Final = 0.3
RESTART_PAUSE_MAX_S: Final = 5.0
MAX_LOG_BYTES: Final = 10 * 1024 * 1024
LOG_TAIL_LINES: Final = 3

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Program:
    """What a child runs. Secrets travel in `env`, never in `argv`, which anybody can read."""

    name: str
    argv: Sequence[str | Path]
    env: Mapping[str, str]
    log_path: Path
    ready: Callable[[], Awaitable[bool]]
    ready_timeout_s: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0
    cwd: Path | None = None


class Child:
    """One running program. `pid` is that of the program itself, and changes with a restart."""

    def __init__(self, program: Program, reaper: Reaper) -> None:
        self.program = program
        self._reaper = reaper
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
        process = await self._spawn()
        ended = asyncio.create_task(self._ended(process))
        try:
            async with asyncio.timeout(self.program.ready_timeout_s):
                while not await self.program.ready():
                    if ended.done():
                        raise DependencyError(self._story("ended at its start"))
                    await asyncio.sleep(PROBE_PAUSE_S)
        except TimeoutError as error:
            raise DependencyError(self._story("was not ready in time")) from error
        self._keeper = asyncio.create_task(self._keep(ended))

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
            log.warning("child_killed", child=self.program.name)
            process.kill()
            await self._ended(process)

    async def _spawn(self) -> Process:
        path = self.program.log_path
        path.parent.mkdir(parents=True, exist_ok=True)
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
        self._reaper.watch(process.pid)
        return process

    async def _ended(self, process: Process) -> None:
        await process.wait()
        self._reaper.forget(process.pid)

    async def _keep(self, ended: asyncio.Task[None]) -> None:
        """Starts the program again whenever it ends."""
        pause_s = RESTART_PAUSE_S
        while True:
            await ended
            log.warning("child_restarted", child=self.program.name)
            await asyncio.sleep(pause_s)
            process = await self._spawn()
            self.on_restart()
            ended = asyncio.create_task(self._ended(process))
            ready = await self._ready_again(ended)
            pause_s = RESTART_PAUSE_S if ready else min(pause_s * 2, RESTART_PAUSE_MAX_S)

    async def _ready_again(self, ended: asyncio.Task[None]) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.program.ready_timeout_s):
                while not ended.done():
                    if await self.program.ready():
                        return True
                    await asyncio.sleep(PROBE_PAUSE_S)
        return False

    def _story(self, what: str) -> str:
        path = self.program.log_path
        lines = path.read_text("utf-8", "replace").splitlines()[-LOG_TAIL_LINES:]
        return f"{self.program.name} {what}. The end of {path}:\n" + "\n".join(lines)
