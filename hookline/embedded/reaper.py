"""Ends children whose parent died. A process of its own, that outlives a SIGKILL of the parent.

The parent writes `+pid signal` for each child it starts and `-pid` for each that ended. When the
pipe closes without a parent, what is left is asked to end, and after a while made to.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final

GRACE_S: Final = 6.0
"""Kafka and PostgreSQL need a second or two; what they cannot finish, they recover."""

POLL_S: Final = 0.05


class Reaper:
    """The parent's end of the pipe. Use as a context; leaving it ends the reaper.

    `lock`, a file descriptor, stays open in the reaper until all children have ended.
    """

    def __init__(self, lock: int | None = None) -> None:
        self._lock = lock

    def __enter__(self) -> "Reaper":
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hookline.embedded.reaper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=() if self._lock is None else (self._lock,),
            text=True,
        )
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        with suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.close()
        self._process.wait()

    def watch(self, pid: int, stop_signal: signal.Signals) -> None:
        """This child ends with us; the signal asks it to."""
        self._tell(f"+{pid} {stop_signal:d}")

    def forget(self, pid: int) -> None:
        """This child has ended; its pid may soon be another's."""
        self._tell(f"-{pid}")

    def _tell(self, line: str) -> None:
        # Without a reaper all goes on; only a SIGKILL of ours would then leave children behind.
        with suppress(BrokenPipeError):
            if self._process.stdin and not self._process.stdin.closed:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()


def main() -> None:
    """Follows the parent's lines to their end, then ends what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end(left(sys.stdin), GRACE_S)


def left(lines: Iterable[str]) -> dict[int, int]:
    """Processes that were started and have not ended, with the signal that asks each to end."""
    pids: dict[int, int] = {}
    for line in lines:
        pid, _, number = line[1:].partition(" ")
        if line.startswith("+"):
            pids[int(pid)] = int(number)
        else:
            pids.pop(int(pid), None)
    return pids


def end(pids: Mapping[int, int], grace_s: float) -> None:
    """Asks these processes to end, the last started first, and after the grace makes them."""
    for pid, number in reversed(list(pids.items())):
        _send(pid, number)
    deadline_s = time.monotonic() + grace_s
    living = list(pids)
    while living and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
        living = [pid for pid in living if _send(pid, 0)]
    for pid in living:
        _send(pid, signal.SIGKILL)
    for pid in pids:
        kill_group(pid)


def kill_group(pid: int) -> None:
    """Kills what a child that leads a session has left behind: processes that it had started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
