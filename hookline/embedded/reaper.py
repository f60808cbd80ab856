"""Ends children whose parent died. A process of its own, that outlives a SIGKILL of the parent.

The parent writes `+pid` for each child it starts and `-pid` for each that ended. When the pipe
closes without a parent, what is left is asked to end, and after a while made to.
"""

import os
import signal
import subprocess
import sys
import time
from types import TracebackType
from typing import Final

GRACE_S: Final = 10.0
POLL_S: Final = 0.1


class Reaper:
    """The parent's end of the pipe. Use as a context; leaving it ends the reaper."""

    def __enter__(self) -> "Reaper":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hookline.embedded.reaper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def watch(self, pid: int) -> None:
        """This child ends with us."""
        self._tell(f"+{pid}")

    def forget(self, pid: int) -> None:
        """This child has ended; its pid may soon be another's."""
        self._tell(f"-{pid}")

    def _tell(self, line: str) -> None:
        if self._process.stdin and self._process.poll() is None:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()


def main() -> None:
    """Follows the parent's lines to their end, then ends what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    pids: list[int] = []
    for line in sys.stdin:
        pid = int(line[1:])
        if line.startswith("+"):
            pids.append(pid)
        elif pid in pids:
            pids.remove(pid)
    end(pids)


def end(pids: list[int]) -> None:
    """Asks these processes to end, the last started first, and after 10 s makes them."""
    for pid in reversed(pids):
        _send(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while pids and time.monotonic() < deadline:
        time.sleep(POLL_S)
        pids = [pid for pid in pids if _send(pid, 0)]
    for pid in pids:
        _send(pid, signal.SIGKILL)


def _send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
