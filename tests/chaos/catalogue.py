"""What may be done to a line. Owns durations, and how much time a recovery is given."""

from collections.abc import Sequence
from typing import Final

from tests.chaos.schedule import Kind, Possible

POSTGRES: Final = "postgres"
BACKEND: Final = "postgres-backend"
"""One server process of PostgreSQL's that serves a worker."""
KAFKA: Final = "kafka"
"""All brokers, or the way to all."""
LEADER: Final = "kafka-leader"
"""The broker that leads most partitions at that time, or the way to it."""
GRAPH: Final = "graph"
"""The way to the Graph API, or that itself."""
SPOOL: Final = "spool"
ARCHIVE_DISK: Final = "postgres-disk"
BODIES: Final = "unreadable bodies"
RAW_RECORD: Final = "raw record without headers"

INSTANT: Final = (0.0,)
PAUSES_S: Final = (1.5, 4.0, 8.0, 12.0)
"""Shorter and longer than a broker's session (2.5 s), an answer (4 s), a replica's session (6 s)
and a request (10 s).
"""
OUTAGES_S: Final = (2.0, 5.0, 8.0)
CHURN_S: Final = (8.0,)


def catalogue(
    services: Sequence[str], *, cluster: bool, disks: Sequence[str] = ()
) -> list[Possible]:
    """Every fault that such a line can be given.

    Args:
        services: ingest and the replicas of workers, by name.
        cluster: whether Kafka has several brokers, of which one leads most partitions.
        disks: those that can be made full here: `postgres-disk`, `spool`.
    """
    kafka = LEADER if cluster else KAFKA
    found: list[Possible] = []
    for service in services:
        found += [
            Possible(Kind.KILL, service, INSTANT, 6, dependency=False),
            Possible(Kind.PAUSE, service, PAUSES_S, 3, dependency=False),
        ]
    for server in (kafka, POSTGRES, BACKEND):
        found += [
            Possible(Kind.KILL, server, INSTANT, 8, dependency=True),
            Possible(Kind.PAUSE, server, PAUSES_S, 4, dependency=True),
        ]
    for way in (KAFKA, POSTGRES, GRAPH, *((LEADER,) if cluster else ())):
        found += [
            Possible(Kind.CUT, way, INSTANT, 3, dependency=True),
            Possible(Kind.STRAND, way, INSTANT, 12, dependency=True),
            Possible(Kind.REFUSE, way, OUTAGES_S, 4, dependency=True),
            Possible(Kind.STALL, way, OUTAGES_S, 4, dependency=True),
            Possible(Kind.SLOW, way, OUTAGES_S, 3, dependency=True),
        ]
    found.append(Possible(Kind.ERRORS, GRAPH, OUTAGES_S, 3, dependency=True))
    for worker in sorted({service.partition("-")[0] for service in services} - {"ingest"}):
        found.append(Possible(Kind.CHURN, worker, CHURN_S, 8, dependency=False))
    for disk in disks:
        found.append(Possible(Kind.DISK_FULL, disk, OUTAGES_S, 6, dependency=True))
    for poison in (BODIES, RAW_RECORD):
        found.append(Possible(Kind.POISON, poison, INSTANT, 2, dependency=False))
    return found
