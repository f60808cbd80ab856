"""What a run ran on."""

from importlib.metadata import version

from benchmarks.machine import describe, libraries
from hookline.embedded.jars import COORDINATES


def versions() -> dict[str, str]:
    """Versions of what the result depends on, by name."""
    kafka = COORDINATES[0].rpartition(":")[2]
    return {"Hookline": version("hookline"), "Apache Kafka": kafka, **libraries()}


def machine() -> dict[str, str]:
    """What a reader has to know of the machine, by name."""
    return describe()
