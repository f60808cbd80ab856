"""Kafka's jars: resolved once per user, checked against the sums in `kafka.sha256`."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final

from runtime.errors import DependencyError

COORDINATES: Final = (
    "org.apache.kafka:kafka_2.13:4.4.0",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5",
)
"""Kafka, and what lets it write logs. Resolved apart: together, the second one's parent would
choose an older client library for the first.
"""

DOWNLOAD_TIMEOUT_S: Final = 30
SUMS_FILE: Final = Path(__file__).with_name("kafka.sha256")

TOTAL_BYTES: Final = 44_000_000
"""What a first download brings, roughly: for progress bars."""

SCRATCH_PREFIX: Final = "download-"
SCRATCH_KEPT_S: Final = 24 * 60 * 60
"""What a killed download left is removed a day later: no download takes so long."""

Progress = Callable[[int], None]
"""Told each time how many bytes more are there."""

Download = Callable[[Path, Path, Progress | None], None]
"""Brings the jars into its second folder; the first one is for whatever it needs."""


def classpath(announce: Callable[[str], None], progress: Progress | None = None) -> list[Path]:
    """Kafka's jars, from `KAFKA_HOME` when set, else from the user's cache, filled if need be.

    Raises:
        DependencyError: they cannot be downloaded, or are not the ones that are expected.
    """
    home = os.environ.get("KAFKA_HOME")
    if home:
        jars = sorted((Path(home) / "libs").glob("*.jar"))
        if not jars:
            raise DependencyError(f"KAFKA_HOME is {home}, but there is no jar in its libs folder.")
        return jars
    return cached(announce, progress, _download)


def cached(
    announce: Callable[[str], None], progress: Progress | None, download: "Download"
) -> list[Path]:
    """The jars from the user's cache, every one checked; filled by `download` if need be.

    Raises:
        DependencyError: they cannot be downloaded, or are not the ones that are expected.
    """
    sums = read_sums(SUMS_FILE.read_text("utf-8"))
    folder = cache_folder() / f"kafka-{_digest_of(sums)}"
    if folder.is_dir():
        try:
            check(folder, sums)
        except DependencyError as error:
            announce(f"{error} The cached copy is thrown away.")
            _discard(folder)
    if not folder.is_dir():
        announce(f"Downloading Kafka ({len(sums)} files, about 45 MB), once per user …")
        _fill(folder, sums, progress, download)
    return [folder / name for name in sums]


def cache_folder() -> Path:
    """Where this user's downloads are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hookline"


def read_sums(text: str) -> dict[str, str]:
    """File names with their sha256, from the lines that `sha256sum` writes."""
    pairs = (line.split() for line in text.splitlines() if line.strip())
    return {name: digest for digest, name in pairs}


def check(folder: Path, sums: Mapping[str, str]) -> None:
    """Returns when the folder has exactly the files expected.

    Raises:
        DependencyError: names the file that is missing or different.
    """
    for name, expected in sums.items():
        path = folder / name
        if not path.is_file():
            raise DependencyError(f"Kafka's {name} is missing.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise DependencyError(f"Kafka's {name} is not the file that was expected (sha256).")


def _digest_of(sums: Mapping[str, str]) -> str:
    """Another set of files gets another folder, so a cache is never half old."""
    return hashlib.sha256(repr(sorted(sums.items())).encode()).hexdigest()[:12]


def _fill(
    folder: Path, sums: Mapping[str, str], progress: Progress | None, download: Download
) -> None:
    """Downloads beside the folder, checks, then renames: a folder that is there is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)
    with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=folder.parent) as scratch:
        jars = Path(scratch) / "jars"
        jars.mkdir()
        download(Path(scratch), jars, progress)
        check(jars, sums)
        for extra in {path.name for path in jars.iterdir()} - set(sums):
            (jars / extra).unlink()
        try:
            jars.rename(folder)
        except OSError:
            if not folder.is_dir():  # another process was faster, which is as good
                raise


def _discard(folder: Path) -> None:
    """Removes a damaged copy; by a rename first, so that nobody sees half of it."""
    with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=folder.parent) as scratch:
        folder.rename(Path(scratch) / "damaged")


def _sweep(cache: Path) -> None:
    for path in cache.glob(f"{SCRATCH_PREFIX}*"):
        if path.stat().st_mtime < time.time() - SCRATCH_KEPT_S:
            shutil.rmtree(path, ignore_errors=True)


def _download(scratch: Path, jars: Path, progress: Progress | None) -> None:
    # Imported here because it is needed once per user, and slow.
    from jgo.env import EnvironmentBuilder, LinkStrategy  # noqa: PLC0415
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415

    @contextmanager
    def each_file(_name: str, _size_bytes: int) -> Iterator[Progress]:
        yield progress or (lambda _: None)

    try:
        context = MavenContext(
            repo_cache=scratch / "repository",
            resolver=PythonResolver(progress_callback=each_file),
            timeout=DOWNLOAD_TIMEOUT_S,
        )
        builder = EnvironmentBuilder(
            context=context, cache_dir=scratch / "environments", link_strategy=LinkStrategy.COPY
        )
        folders = [Path(builder.from_endpoint(one).path) for one in COORDINATES]
    except Exception as error:
        # The resolver raises whatever its HTTP client and its XML parser do.
        raise DependencyError(
            f"Kafka could not be downloaded ({type(error).__name__}). Is the network reachable? "
            "With a Kafka of your own, set KAFKA_HOME or HOOKLINE_KAFKA_BOOTSTRAP instead."
        ) from error
    for path in chain.from_iterable(folder.rglob("*.jar") for folder in folders):
        shutil.copy2(path, jars / path.name)
