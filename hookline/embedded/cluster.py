"""A private cluster of real Kafka brokers on 127.0.0.1, each of them a controller too.

Owns who is in it. Each record is on three brokers and acknowledged when two have it, so that one
of three may go at any time. For tests of faults: on one machine it makes nothing safer.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from hookline.embedded.child import Child, Program, stop_all
from hookline.embedded.kafka import Kafka, Membership, new_cluster_id
from hookline.embedded.ports import port_for
from hookline.embedded.stack import first_error

BROKERS: Final = 3

CLUSTER_ID_FILE: Final = "cluster-id"


class Cluster:
    """Kafka brokers that belong together.

    Args:
        folder: where each has a folder of its own.
        java: the `java` to run.
        jars: Kafka's.
        ports: those kept from last time; brought up to date.
        max_body_bytes: the largest record that they are to take.
        brokers: how many.
    """

    def __init__(
        self,
        folder: Path,
        java: Path,
        jars: Sequence[Path],
        ports: dict[str, int],
        max_body_bytes: int,
        brokers: int = BROKERS,
    ) -> None:
        names = {node: f"kafka-{node}" for node in range(1, brokers + 1)}
        controllers = {node: port_for(ports, f"{name}-controller") for node, name in names.items()}
        cluster_id = _cluster_id(folder)
        self._brokers = {
            name: Kafka(
                folder / name,
                java,
                jars,
                {"kafka": port_for(ports, name), "kafka-controller": controllers[node]},
                max_body_bytes,
                Membership(name, node, controllers, cluster_id),
            )
            for node, name in names.items()
        }

    @property
    def bootstrap(self) -> str:
        """Where clients connect: every broker, in the order of their numbers."""
        return ",".join(broker.bootstrap for broker in self._brokers.values())

    def prepare(self) -> None:
        """Writes the configurations, and formats the storages the first time.

        Raises:
            DependencyError: Java cannot do it.
        """
        for broker in self._brokers.values():
            broker.prepare()

    def programs(self, logs: Path) -> list[Program]:
        """The brokers, as children to run: start them all at once, a majority makes a quorum."""
        return [broker.program(logs / f"{name}.log") for name, broker in self._brokers.items()]


@asynccontextmanager
async def running(brokers: Sequence[Child]) -> AsyncIterator[None]:
    """All of them, kept running meanwhile and stopped at the end; each step for all at once.

    Raises:
        DependencyError: one cannot be started, or is not ready in time.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for broker in brokers:
                group.create_task(broker.start())
    except BaseExceptionGroup as group_error:
        await stop_all(brokers)
        raise first_error(group_error) from None
    except BaseException:
        await stop_all(brokers)
        raise
    try:
        yield
    finally:
        await stop_all(brokers)


def _cluster_id(folder: Path) -> str:
    """The same for as long as the folder is there."""
    path = folder / CLUSTER_ID_FILE
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(new_cluster_id())
    return path.read_text().strip()
