"""Kafka and PostgreSQL together: private ones, or those that the caller names."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from hookline.embedded.child import Announce, Child, Program, pids_of, stop_all
from hookline.embedded.download import downloaded
from hookline.embedded.elsewhere import PRIVATE, Elsewhere
from hookline.embedded.jars import Progress
from hookline.embedded.java import find_java
from hookline.embedded.kafka import Kafka
from hookline.embedded.ports import port_for
from hookline.embedded.postgres import Postgres, find_binaries
from hookline.embedded.reaper import Reaper
from schemas.settings import KafkaSettings

MAX_BODY_BYTES: Final[int] = KafkaSettings.model_fields["ingest_max_body_bytes"].default
"""As services take it when they are told nothing else."""

__all__ = ["PRIVATE", "Announce", "Elsewhere", "EmbeddedStack", "first_error"]


class EmbeddedStack:
    """A running Kafka and PostgreSQL on a data folder. Use as `async with`.

    Entering starts both at once; from then on they are restarted when they die. Leaving stops
    both. One that runs elsewhere is left alone.

    Args:
        folder: where their data and logs are kept.
        ports: those kept from last time; brought up to date.
        announce: told what happens, in lines for a person.
        progress: told how much of a download has arrived.
        lock: file descriptor that stays open until the last child has ended, even if we die.
        elsewhere: servers to use instead of private ones.
        max_body_bytes: the largest body that a private Kafka is to take.
    """

    def __init__(
        self,
        folder: Path,
        ports: dict[str, int],
        *,
        announce: Announce = lambda _: None,
        progress: Progress | None = None,
        lock: int | None = None,
        elsewhere: Elsewhere = PRIVATE,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._folder = folder.resolve()
        self._ports = ports
        self._announce = announce
        self._progress = progress
        self._max_body_bytes = max_body_bytes
        self._children: list[Child] = []
        self._reaper = Reaper(lock)
        self.kafka_bootstrap = elsewhere.kafka_bootstrap
        self.database_url = elsewhere.database_url
        self.changed: Callable[[], None] = lambda: None

    async def __aenter__(self) -> "EmbeddedStack":
        self._reaper.__enter__()
        try:
            async with asyncio.TaskGroup() as group:
                for name, start in self._private().items():
                    self._announce(f"Starting {name} …")
                    group.create_task(start())
        except BaseExceptionGroup as group_error:
            await self.__aexit__()
            raise first_error(group_error) from None
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await stop_all(self._children)
        finally:
            self._reaper.__exit__(None, None, None)

    @property
    def pids(self) -> dict[str, int]:
        """The processes now running, by name."""
        return pids_of(self._children)

    def child(self, program: Program) -> Child:
        """A child that ends with us. The caller starts and stops it."""
        return Child(program, self._reaper, self._announce)

    def _private(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """What is ours to start, by the name that people know."""
        given = {"Kafka": self.kafka_bootstrap, "PostgreSQL": self.database_url}
        starts = {"Kafka": self._start_kafka, "PostgreSQL": self._start_postgres}
        return {name: start for name, start in starts.items() if not given[name]}

    async def _start_postgres(self) -> None:
        port = port_for(self._ports, "postgres")
        postgres = Postgres(self._folder / "postgres", find_binaries(), port)
        await asyncio.to_thread(postgres.prepare)
        await self._start(postgres.program(self._log("postgres")))
        self.database_url = postgres.url

    async def _start_kafka(self) -> None:
        ports = {name: port_for(self._ports, name) for name in ("kafka", "kafka-controller")}
        java = await asyncio.to_thread(find_java)
        jars = await downloaded(self._announce, self._progress)
        kafka = Kafka(self._folder / "kafka", java, jars, ports, self._max_body_bytes)
        await asyncio.to_thread(kafka.prepare)
        await self._start(kafka.program(self._log("kafka")))
        self.kafka_bootstrap = kafka.bootstrap

    async def _start(self, program: Program) -> None:
        child = self.child(program)
        child.on_restart = self._restarted
        self._children.append(child)
        await child.start()

    def _restarted(self) -> None:
        self.changed()

    def _log(self, name: str) -> Path:
        return self._folder / "logs" / f"{name}.log"


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group: the others followed from it, or tell the same."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
