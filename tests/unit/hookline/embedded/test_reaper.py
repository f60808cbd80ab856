"""What ends children whose parent died."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from hookline.embedded.reaper import Reaper, end, left

Child = subprocess.Popen[str]
StartChild = Callable[[str], Child]


@pytest.fixture
def start_child() -> Iterator[StartChild]:
    """Starts processes that have run some code and told a line, and wait to be ended."""
    with ExitStack() as stack:

        def start(code: str) -> Child:
            lines = ["import signal, subprocess, time", code, "print('ready', flush=True)"]
            child = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", "\n".join([*lines, "time.sleep(600)"])],
                    stdout=subprocess.PIPE,
                    start_new_session=True,
                    text=True,
                )
            )
            stack.callback(child.kill)
            return child

        yield start


def test_what_ended_is_forgotten() -> None:
    """Its pid may be another's by then."""
    lines = ["+10 15\n", "+11 2\n", "-10\n", "+12 15\n", "-99\n"]
    assert left(lines) == {11: 2, 12: 15}


def test_children_are_asked_with_their_own_signal(start_child: StartChild) -> None:
    """A child that ends when asked is not killed."""
    child = start_child("signal.signal(signal.SIGINT, lambda *_: exit(7))")
    _line(child)
    with _awaited(child):
        end({child.pid: signal.SIGINT}, grace_s=20)
    assert child.returncode == 7


def test_a_child_that_does_not_listen_is_killed(start_child: StartChild) -> None:
    """After the grace, and not before."""
    child = start_child("signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    _line(child)
    started_s = time.monotonic()
    end({child.pid: signal.SIGTERM}, grace_s=0.3)
    assert child.wait(20) == -signal.SIGKILL
    assert time.monotonic() - started_s >= 0.3


def test_what_a_child_started_is_killed_with_it(start_child: StartChild) -> None:
    """Ingest may run as several processes."""
    child = start_child("print(subprocess.Popen(['sleep', '600']).pid, flush=True)")
    grandchild = psutil.Process(int(_line(child)))
    end({child.pid: signal.SIGKILL}, grace_s=0)
    child.wait(20)
    grandchild.wait(20)


def test_leaving_in_order_ends_nobody(start_child: StartChild) -> None:
    """Only children that are still named are ended."""
    child = start_child("")
    with Reaper() as reaper:
        reaper.watch(child.pid, signal.SIGTERM)
        reaper.forget(child.pid)
    assert child.poll() is None


def test_leaving_with_a_child_ends_it(start_child: StartChild) -> None:
    """Whatever the reason, nothing is left behind."""
    child = start_child("")
    with _awaited(child), Reaper() as reaper:
        reaper.watch(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL


def test_a_dead_reaper_does_not_hurt() -> None:
    """All goes on without it."""
    with Reaper() as reaper:
        reaper._process.kill()
        reaper._process.wait()
        reaper.watch(1, signal.SIGTERM)
        reaper.forget(1)


@contextmanager
def _awaited(child: Child) -> Iterator[None]:
    """Somebody waits for the child, as init does for those of a dead parent."""
    waiter = threading.Thread(target=child.wait)
    waiter.start()
    yield
    waiter.join(20)


def _line(child: Child) -> str:
    assert child.stdout is not None
    return child.stdout.readline()
