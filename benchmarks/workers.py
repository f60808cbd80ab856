"""Dedupe and persist: what one process does with a backlog that lies ready."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from benchmarks.bench import Bench
from benchmarks.machine import cpu_s
from benchmarks.measures import Book, Goal
from benchmarks.requests import App, bodies
from ingest.delivery_id import uuid7
from runtime.publisher import OutRecord, Publisher
from schemas.deliveries import Delivery, body_key, delivery_headers
from schemas.settings import KafkaSettings
from schemas.topics import raw_topic
from simulator.signing import signature

POLL_S: Final = 0.02
TIMEOUT_S: Final = 180.0
CHUNK: Final = 2000

GOALS: Final = {"dedupe": Goal("at least", 8_000), "persist": Goal("at least", 15_000)}


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a worker was, and what it had used of the processor."""

    at_s: float
    done: int
    cpu_s: float


async def measure(bench: Bench, book: Book, *, changes: int, per_delivery: int, seed: int) -> None:
    """Fills the raw topic, runs dedupe alone, then persist alone on what dedupe passed on."""
    await bench.groups.skip_backlog("dedupe")
    await bench.groups.skip_backlog("persist")
    made = bodies(changes // per_delivery, changes=per_delivery, seed=seed)
    await fill(bench.kafka_bootstrap, bench.app, made)
    group = "one change a delivery" if per_delivery == 1 else f"{per_delivery} changes a delivery"
    for worker, records in (("dedupe", len(made)), ("persist", len(made) * per_delivery)):
        first, last = await drain(bench, worker, records)
        done = (last.done - first.done) * changes / records
        rate = done / (last.at_s - first.at_s)
        used_s = last.cpu_s - first.cpu_s
        book.note(f"{worker}, {group}", "changes", "/s", rate, GOALS[worker])
        book.note(f"{worker}, {group}", "processor for 1000 changes", "ms", used_s / done * 1e6)
        share = used_s / (last.at_s - first.at_s)
        book.note(f"{worker}, {group}", "share of a core", "", share)


async def fill(kafka_bootstrap: str, app: App, made: Sequence[bytes]) -> None:
    """Publishes bodies of comments as ingest would."""
    topic = raw_topic("comments")
    async with Publisher(KafkaSettings(kafka_bootstrap=kafka_bootstrap)) as publisher:
        await publisher.learn([topic])
        for start in range(0, len(made), CHUNK):
            records = [_record(topic, app, body) for body in made[start : start + CHUNK]]
            await asyncio.gather(*map(publisher.publish, records))


def _record(topic: str, app: App, body: bytes) -> OutRecord:
    now_us = time.time_ns() // 1000
    delivery = Delivery(
        uuid7(now_us // 1000, os.urandom(10)),
        datetime.fromtimestamp(now_us / 1e6, UTC),
        app.app_id,
        signature(body, app.secret),
        "webhook",
        body,
    )
    return OutRecord(topic, body_key(body), body, delivery_headers(delivery))


async def drain(bench: Bench, worker: str, records: int) -> tuple[Mark, Mark]:
    """Runs one worker until it committed so many records; its first and its last commit.

    The first batch is not counted: with it a process opens connections and prepares statements.

    Raises:
        TimeoutError: it took longer than three minutes.
    """
    before = await bench.groups.committed(worker)
    first: Mark | None = None
    async with asyncio.timeout(TIMEOUT_S), bench.worker(worker) as service:
        while True:
            done = await bench.groups.committed(worker) - before
            mark = Mark(time.perf_counter(), done, cpu_s(service.pid))
            if first is None and done:
                first = mark
            if first is not None and done >= records:
                return first, mark
            await asyncio.sleep(POLL_S)
