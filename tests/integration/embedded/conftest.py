"""`hookline up` as a user starts it, on a folder that the tests of a module share."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

DEADLINE_S: Final = 60.0
PROBE_PAUSE_S: Final = 0.05
GIVEN: Final = {"HOOKLINE_TOPIC_RETENTION_DAYS": "30"}


class Up:
    """A running `hookline up`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.output_path = folder.with_name(f"{folder.name}.out")
        with self.output_path.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hookline", "up", "--data", str(folder), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={key: value for key, value in os.environ.items() if "HOOKLINE" not in key}
                | GIVEN,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has told."""
        return self.output_path.read_text()

    @property
    def state(self) -> dict[str, Any]:
        """What `state.json` tells now."""
        state: dict[str, Any] = json.loads((self.folder / "state.json").read_bytes())
        return state

    def ready(self) -> "Up":
        """Returns when it has said so."""
        until(lambda: self.process.poll() is not None or "Ready." in self.output)
        assert self.process.poll() is None, self.output
        return self

    def services_ready(self) -> bool:
        """Whether ingest and every worker answer."""
        try:
            for url in self.state["metrics_urls"].values():
                with urllib.request.urlopen(url.replace("/metrics", "/readyz"), timeout=5):  # noqa: S310
                    pass
        except OSError:
            return False
        return True

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Asks it to stop; gives how many seconds it took."""
        started_s = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(DEADLINE_S)
        return time.monotonic() - started_s


StartUp = Callable[..., Up]


@pytest.fixture
def start_up() -> Iterator[StartUp]:
    """Starts `up` as often as a test likes, and leaves nothing of it behind."""
    started: list[Up] = []

    def start(folder: Path, *arguments: str) -> Up:
        started.append(Up(folder, *arguments))
        return started[-1]

    yield start
    for up in started:
        if up.process.poll() is None:
            up.stop()


def until(condition: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Returns when the condition holds; fails when it does not in time."""
    end_s = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_s, "not in time"
        time.sleep(PROBE_PAUSE_S)


def runs(pid: int) -> bool:
    """Whether the process lives; one that only waits to be collected does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
