"""Ingest while Kafka stands still: answers, their times, memory, and the way back.

    python -m benchmarks.away [--spool]

Bodies of 1000 changes, as many a second as the machine makes, at a real ingest process whose Kafka
is stopped (SIGSTOP) and then goes on. Nothing is asserted.
"""

import asyncio
import logging
import os
import signal
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Final

import psutil
from uvloop import new_event_loop

from benchmarks.bench import Bench, forget_settings, open_bench
from benchmarks.load import Load, closed_loop
from benchmarks.machine import MIB
from benchmarks.measures import percentile
from benchmarks.requests import bodies, built

CONNECTIONS: Final = 256
AWAY_S: Final = 20.0
CHANGES: Final = 1000


async def main(*, spool: bool) -> None:
    """One outage."""
    forget_settings()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        if spool:
            os.environ["HOOKLINE_INGEST_SPOOL_DIR"] = f"{folder}/spool"
        async with open_bench(Path(folder), _say) as bench, bench.ingest() as ingest:
            requests = cycle(built(bodies(24, changes=CHANGES, seed=1), bench.app))
            process = psutil.Process(ingest.pid)
            before = process.memory_info().rss
            peak: list[int] = []
            looking = asyncio.create_task(_look(process, peak))
            os.kill(bench.stack.pids["kafka"], signal.SIGSTOP)
            try:
                load = await closed_loop(
                    ingest.port, requests, connections=CONNECTIONS, duration_s=AWAY_S
                )
            finally:
                os.kill(bench.stack.pids["kafka"], signal.SIGCONT)
            back_s = await _back(bench, ingest.port)
            looking.cancel()
            _tell(load, back_s)
            print(f"memory: {before // MIB} MiB before, at most {max(peak) // MIB} MiB")


async def _look(process: psutil.Process, seen: list[int]) -> None:
    while True:
        seen.append(process.memory_info().rss)
        await asyncio.sleep(0.1)


async def _back(bench: Bench, port: int) -> float:
    """Seconds until a small delivery is answered 200."""
    requests = cycle(built(bodies(1, changes=1, seed=2), bench.app))
    started_s = time.monotonic()
    while True:
        load = await closed_loop(port, requests, connections=1, duration_s=0)
        if set(load.statuses) == {200}:
            return time.monotonic() - started_s


def _tell(load: Load, back_s: float) -> None:
    print(f"answers {dict(load.statuses)} in {load.elapsed_s:.0f} s, {load.rate:.0f} a second")
    print(
        f"time to answer: p50 {percentile(load.latencies_s, 50):.2f} s, "
        f"most {max(load.latencies_s):.2f} s"
    )
    print(f"200 again {back_s:.1f} s after Kafka went on")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main(spool="--spool" in sys.argv[1:]))
