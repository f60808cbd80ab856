"""The cache of jars: complete and checked, or not there."""

import hashlib
import threading
from pathlib import Path

import pytest

from hookline.embedded import jars
from hookline.embedded.jars import Progress, cached, classpath, read_sums
from runtime.errors import DependencyError

FILES = {"kafka.jar": b"kafka", "log.jar": b"log"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and sums of two small files."""
    sums = tmp_path / "sums"
    sums.write_text(
        "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in FILES.items())
    )
    monkeypatch.setattr(jars, "SUMS_FILE", sums)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KAFKA_HOME", raising=False)
    return tmp_path / "cache" / "hookline"


class Maven:
    """Brings files, and counts how often it was asked."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked = 0
        self.meanwhile: threading.Barrier | None = None

    def __call__(self, _scratch: Path, folder: Path, _progress: Progress | None) -> None:
        """Downloads."""
        self.asked += 1
        if self.meanwhile is not None:
            self.meanwhile.wait(10)
        for name, body in self.files.items():
            (folder / name).write_bytes(body)


def ignore(_: object) -> None:
    """Tells nobody."""


def test_sums_are_read_as_sha256sum_writes_them() -> None:
    """One file a line, empty lines between them or not."""
    assert read_sums("aa  x.jar\n\nbb  y.jar\n") == {"x.jar": "aa", "y.jar": "bb"}


def test_the_shipped_sums_are_whole() -> None:
    """Every line is a jar with a sha256."""
    sums = read_sums(Path(jars.__file__).with_name("kafka.sha256").read_text())
    assert any(name.startswith("kafka-clients-") for name in sums)
    assert all(name.endswith(".jar") and len(bytes.fromhex(sums[name])) == 32 for name in sums)


def test_jars_are_downloaded_once() -> None:
    """The second time they come from the cache; what was not asked for is not kept."""
    maven = Maven({**FILES, "stray.jar": b"stray"})
    first = cached(ignore, None, maven)
    assert first == cached(ignore, None, maven)
    assert maven.asked == 1
    assert {path.name: path.read_bytes() for path in first[0].parent.iterdir()} == FILES


def test_another_file_than_expected_is_refused(cache: Path) -> None:
    """The message names the file, and nothing of the download is kept."""
    with pytest.raises(DependencyError, match=r"log\.jar is not the file that was expected"):
        cached(ignore, None, Maven({**FILES, "log.jar": b"else"}))
    assert list(cache.iterdir()) == []


def test_a_missing_file_is_refused(cache: Path) -> None:
    """Half a download is not taken for a whole one."""
    with pytest.raises(DependencyError, match=r"log\.jar is missing"):
        cached(ignore, None, Maven({"kafka.jar": b"kafka"}))
    assert list(cache.iterdir()) == []


def test_a_damaged_cache_is_filled_again() -> None:
    """A power cut may have left a file that is shorter than it was."""
    maven, told = Maven(FILES), list[str]()
    cached(ignore, None, maven)[0].write_bytes(b"kaf")
    assert cached(told.append, None, maven)[0].read_bytes() == b"kafka"
    assert maven.asked == 2
    assert any("thrown away" in line for line in told)


def test_two_processes_may_fill_the_cache_at_once(cache: Path) -> None:
    """Both get the jars, and one folder is left."""
    maven = Maven(FILES)
    maven.meanwhile = threading.Barrier(2)
    found: list[list[Path]] = []
    threads = [
        threading.Thread(target=lambda: found.append(cached(ignore, None, maven))) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert maven.asked == 2
    assert found[0] == found[1]
    assert [path.name for path in cache.iterdir()] == [found[0][0].parent.name]


def test_kafka_home_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its jars are the user's: no sums, no download."""
    (tmp_path / "kafka" / "libs").mkdir(parents=True)
    (tmp_path / "kafka" / "libs" / "any.jar").touch()
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path / "kafka"))
    assert [path.name for path in classpath(ignore)] == ["any.jar"]


def test_a_wrong_kafka_home_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than downloading in secret."""
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
    with pytest.raises(DependencyError, match="KAFKA_HOME"):
        classpath(ignore)


def test_without_a_network_one_sentence_tells_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's own errors do not reach the user."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with pytest.raises(DependencyError, match=r"could not be downloaded.*KAFKA_HOME"):
        classpath(ignore)
