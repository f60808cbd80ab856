"""Rules follow their file; what cannot be used changes nothing, and is told."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from runtime import metrics
from runtime.errors import SettingsError
from tests.unit.workers.reply.rules.factories import facts, rule
from workers.reply.rules.file_rules import MAX_BYTES, FileRules, require_rules
from workers.reply.rules.slow_patterns import SUSPICIOUS, SlowPatterns

ONE = '[[rule]]\nname = "one"\non = ["comment"]\nanswers = ["1"]\n'
TWO = ONE.replace("one", "two")


class Watched:
    """A file of rules, and what is told about it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_text(ONE)
        self.rules = FileRules(path)

    async def looks(self, count: int = 2) -> list[tuple[str, str]]:
        """What is told in so many looks, and how loudly."""
        with capture_logs() as logs:
            for _ in range(count):
                await self.rules.look()
        return [(one["log_level"], one["event"]) for one in logs]

    @property
    def sending(self) -> list[str]:
        """The rules in use."""
        return list(self.rules.current().sending)

    @property
    def is_broken(self) -> bool:
        """What the metric says."""
        return bool(metrics.REPLY_RULES_BROKEN._value.get())


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A file that has been read."""
    return Watched(tmp_path / "rules.toml")


def _write(path: Path) -> None:
    path.write_text(TWO)


def _replace(path: Path) -> None:
    (path.parent / "new").write_text(TWO)
    (path.parent / "new").replace(path)


def _touch_not(path: Path) -> None:
    before = path.stat()
    path.write_text(TWO)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [_write, _replace, _touch_not])
async def test_a_change_is_taken(watched: Watched, change: Callable[[Path], None]) -> None:
    """However it is made, once it is seen twice."""
    assert await watched.looks() == []
    change(watched.path)
    assert await watched.looks(1) == []
    assert watched.sending == ["one"]
    assert await watched.looks(1) == [("info", "reply_rules_loaded")]
    assert watched.sending == ["two"]
    assert await watched.looks() == []


async def test_links_that_lead_elsewhere(tmp_path: Path) -> None:
    """As Kubernetes changes a ConfigMap: ..data is exchanged for another one."""
    for name, content in (("first", ONE), ("second", TWO)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.toml").write_text(content)
    (tmp_path / "..data").symlink_to("first")
    path = tmp_path / "rules.toml"
    path.symlink_to("..data/rules.toml")
    rules = FileRules(path)
    (tmp_path / "..data_tmp").symlink_to("second")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    await rules.look()
    await rules.look()
    assert list(rules.current().sending) == ["two"]


async def test_half_a_file_is_not_taken(watched: Watched) -> None:
    """Half of two rules would be one."""
    watched.path.write_text(TWO)
    await watched.looks(1)
    watched.path.write_text(TWO + ONE)
    await watched.looks(1)
    assert watched.sending == ["one"]
    await watched.looks(1)
    assert watched.sending == ["two", "one"]


async def test_a_broken_file_changes_nothing(watched: Watched) -> None:
    """It is told once, with every problem, and so is that it is mended."""
    watched.path.write_text(TWO + "dry_run = 1\nmax = 1")
    with capture_logs() as logs:
        await watched.rules.look()
        await watched.rules.look()
    assert logs == [
        {
            "log_level": "error",
            "event": "reply_rules_broken",
            "problems": [
                'line 5, rule "two": dry_run must be true or false',
                'line 6, rule "two": max is no field of a rule',
            ],
        }
    ]
    assert watched.is_broken
    assert await watched.looks(4) == []
    assert watched.sending == ["one"]
    watched.path.write_text(ONE)
    assert await watched.looks() == [("info", "reply_rules_loaded")]
    assert not watched.is_broken


async def test_a_file_that_is_gone_changes_nothing(watched: Watched) -> None:
    """Nor does one that became something else."""
    watched.path.unlink()
    assert await watched.looks(3) == [("error", "reply_rules_broken")]
    assert watched.is_broken
    watched.path.mkdir()
    assert await watched.looks(3) == [("error", "reply_rules_broken")]
    assert watched.sending == ["one"]
    watched.path.rmdir()
    watched.path.write_text(TWO)
    assert await watched.looks() == [("info", "reply_rules_loaded")]
    assert watched.sending == ["two"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "HOOKLINE_REPLY_RULES: cannot be read: No such file or directory"),
        ("", "is empty"),
        ("#" * (MAX_BYTES + 1), "larger than"),
        (ONE + "x = 1\ny = 2", "2 settings"),
    ],
)
def test_nothing_begins_with_a_broken_file(tmp_path: Path, content: str | None, words: str) -> None:
    """Every problem is told as those of settings are."""
    path = tmp_path / "rules.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=words):
        require_rules(path)
    with pytest.raises(SettingsError, match=words):
        FileRules(path)


def test_a_slow_pattern_is_named() -> None:
    """First each time, then as suspicious now and then; never with a text."""
    slow = SlowPatterns()
    counter = metrics.REPLY_PATTERN_TIMEOUTS.labels("slow-one")
    before = counter._value.get()
    with capture_logs() as logs:
        for _ in range(3 * SUSPICIOUS):
            slow.tell(rule("slow-one", pattern="a"), facts("secret words"))
    assert [one["event"] for one in logs] == [
        *["reply_pattern_timeout"] * (SUSPICIOUS - 1),
        *["reply_pattern_suspicious"] * 3,
    ]
    assert all(one["rule"] == "slow-one" for one in logs)
    assert "secret" not in repr(logs)
    assert counter._value.get() == before + 3 * SUSPICIOUS
