"""The machine and its processes: what they are called, where they run, what they use."""

import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

MIB: Final = 1024 * 1024


def describe() -> dict[str, str]:
    """What a reader has to know of the machine, by name."""
    return {
        "cpu": cpu_model(_text(Path("/proc/cpuinfo"))) or platform.processor(),
        "cores": str(len(cores())),
        "memory": f"{psutil.virtual_memory().total / 1024 / MIB:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def libraries() -> dict[str, str]:
    """Versions of what the speed depends on, by name."""
    names = ("aiohttp", "aiokafka", "asyncpg", "orjson", "sqlalchemy", "uvloop")
    return {"Python": platform.python_version(), **{name: version(name) for name in names}}


def cpu_model(cpuinfo: str) -> str:
    """The processor's name in the text of `/proc/cpuinfo`; empty when there is none."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return ""


def cores() -> list[int]:
    """The cores that we may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def apart(servers: Iterable[int], others: Iterable[int]) -> Iterator[None]:
    """Puts server processes on one core and the others, ourselves included, on the rest.

    Does nothing on one core, or where processes cannot be placed.
    """
    everywhere = cores()
    if len(everywhere) < 2 or not hasattr(os, "sched_setaffinity"):
        yield
        return
    others = [*others, os.getpid()]
    try:
        for pid in servers:
            _place(pid, everywhere[:1])
        for pid in others:
            _place(pid, everywhere[1:])
        yield
    finally:
        for pid in others:
            _place(pid, everywhere)


def _place(pid: int, where: list[int]) -> None:
    """Every thread of the process: placing a process moves one thread alone."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it ended meanwhile
            os.sched_setaffinity(int(thread.name), where)


def cpu_s(pid: int) -> float:
    """Processor seconds that a process used so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def memory_mib(pid: int) -> float:
    """Memory that a process holds now (resident set)."""
    return psutil.Process(pid).memory_info().rss / MIB


def peak_mib(pid: int) -> float | None:
    """The most memory that a process ever held; None where the system does not tell."""
    return peak_in(_text(Path(f"/proc/{pid}/status")))


def peak_in(status: str) -> float | None:
    """`VmHWM` in the text of `/proc/<pid>/status`, in MiB."""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
