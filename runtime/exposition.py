"""The metrics of this process, or of those that share its port, in Prometheus' text form."""

import os
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    generate_latest,
    multiprocess,
)

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


def render() -> bytes:
    """All metrics in Prometheus' text form; of all processes, where several share a port."""
    return generate_latest(_registry())


def value(name: str, **labels: str) -> float:
    """What the page tells of one metric; 0 where it tells nothing."""
    return _registry().get_sample_value(name, labels) or 0.0


def _registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # untyped there
    return registry


def forget_process(pid: int) -> None:
    """A process that shared the port has ended: its gauges count no more."""
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]  # untyped there
