"""Kafka and PostgreSQL together: private ones, or those that the environment names."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from hookline.embedded.child import Child, Program
from hookline.embedded.jars import Progress, classpath
from hookline.embedded.java import find_java
from hookline.embedded.kafka import Kafka
from hookline.embedded.ports import keep_or_choose
from hookline.embedded.postgres import Postgres, find_binaries
from hookline.embedded.reaper import Reaper

Announce = Callable[[str], None]


class EmbeddedStack:
    """A running Kafka and PostgreSQL on a data folder. Use as `async with`.

    Entering starts both at once; from then on they are restarted when they die. Leaving stops
    Kafka, then PostgreSQL. `ports` holds the ports kept from last time, and is brought up to
    date.
    """

    def __init__(
        self,
        folder: Path,
        ports: dict[str, int],
        *,
        announce: Announce = lambda _: None,
        progress: Progress | None = None,
    ) -> None:
        self._folder = folder.resolve()
        self._ports = ports
        self._announce = announce
        self._progress = progress
        self._children: list[Child] = []
        self._reaper = Reaper()
        self.kafka_bootstrap = os.environ.get("HOOKLINE_KAFKA_BOOTSTRAP", "")
        self.database_url = os.environ.get("HOOKLINE_DATABASE_URL", "")
        self.changed: Callable[[], None] = lambda: None

    async def __aenter__(self) -> "EmbeddedStack":
        self._reaper.__enter__()
        try:
            async with asyncio.TaskGroup() as group:
                if not self.database_url:
                    group.create_task(self._start_postgres())
                if not self.kafka_bootstrap:
                    group.create_task(self._start_kafka())
        except BaseExceptionGroup as group_error:
            await self.__aexit__()
            raise _first(group_error) from None
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        names = ("kafka", "postgres")
        stack = sorted(self._children, key=lambda child: names.index(child.program.name))
        for child in stack:
            await child.stop()
        self._reaper.__exit__(None, None, None)

    @property
    def pids(self) -> dict[str, int]:
        """The processes now running, by name."""
        return pids_of(self._children)

    def child(self, program: Program) -> Child:
        """A child that ends with us. The caller starts and stops it."""
        return Child(program, self._reaper)

    async def _start_postgres(self) -> None:
        self._ports["postgres"] = keep_or_choose(self._ports.get("postgres"))
        postgres = Postgres(self._folder / "postgres", find_binaries(), self._ports["postgres"])
        await asyncio.to_thread(postgres.prepare)
        await self._start(postgres.program(self._log("postgres")))
        self.database_url = postgres.url

    async def _start_kafka(self) -> None:
        for name in ("kafka", "kafka-controller"):
            self._ports[name] = keep_or_choose(self._ports.get(name))
        java = find_java()
        jars = await asyncio.to_thread(classpath, self._announce, self._progress)
        kafka = Kafka(
            self._folder / "kafka",
            java,
            jars,
            self._ports["kafka"],
            self._ports["kafka-controller"],
        )
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


def pids_of(children: list[Child]) -> dict[str, int]:
    """Names and pids of the children that run."""
    return {child.program.name: child.pid for child in children if child.pid is not None}


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group: the others followed from it, or tell the same."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
