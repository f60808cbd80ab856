"""Rules from a file that may change at any time. What cannot be used changes nothing."""

import asyncio
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from runtime import metrics
from runtime.errors import SettingsError
from runtime.lifecycle import unless_stopped
from schemas.settings import PREFIX
from workers.reply.deciding import Rules
from workers.reply.rules.rule import Rule
from workers.reply.rules.rule_set import RuleSet
from workers.reply.rules.rules_file import Problem, RulesError, read_rules
from workers.reply.rules.slow_patterns import SlowPatterns

LOOK_INTERVAL_S: Final = 1.0
"""A change counts once it is seen twice: nobody then is in the middle of writing it."""

MAX_BYTES: Final = 1024 * 1024

SETTING: Final = f"{PREFIX}REPLY_RULES"

log = structlog.get_logger()


class FileRules:
    """The rules that were last read well (`workers.reply.deciding.RulesSource`).

    The file is read every second, not asked for its time: so it does not matter whether it is
    written, replaced, or a link that leads elsewhere, as those of Kubernetes do.
    """

    def __init__(self, path: Path) -> None:
        """Reads the file.

        Raises:
            SettingsError: it cannot be used; with every problem.
        """
        self._path = path
        self._seen = self._taken = read_file(path)
        self._rules = _loaded(_required(self._taken))

    def current(self) -> Rules:
        """The rules as they are now."""
        return self._rules

    async def watch(self, stop: asyncio.Event) -> None:
        """Follows the file until `stop` is set."""
        while not stop.is_set():
            await unless_stopped(stop, asyncio.sleep(LOOK_INTERVAL_S))
            await unless_stopped(stop, self.look())

    async def look(self) -> None:
        """Reads the file once more. What was found before as well is taken, if it can be used."""
        found = await asyncio.to_thread(read_file, self._path)
        before, self._seen = self._seen, found
        if found == self._taken or found != before:
            return
        self._taken = found
        try:
            self._rules = _loaded(_rules_in(found))
        except RulesError as error:
            metrics.REPLY_RULES_BROKEN.set(1)
            log.error("reply_rules_broken", problems=[str(one) for one in error.problems])


def require_rules(path: Path) -> None:
    """Returns when a file of rules can be used.

    Raises:
        SettingsError: it cannot; with every problem.
    """
    _required(read_file(path))


def read_file(path: Path) -> bytes | Problem:
    """What is in a file, or why it cannot be read."""
    try:
        told = path.stat()
        if not stat.S_ISREG(told.st_mode):
            return _unreadable("is no file")
        if told.st_size > MAX_BYTES:
            return _unreadable(f"is larger than {MAX_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        return _unreadable(f"cannot be read: {error.strerror}")


def _unreadable(message: str) -> Problem:
    return Problem(None, None, None, message)


def _required(found: bytes | Problem) -> list[Rule]:
    try:
        return _rules_in(found)
    except RulesError as error:
        raise SettingsError([f"{SETTING}: {one}" for one in error.problems]) from error


def _rules_in(found: bytes | Problem) -> list[Rule]:
    if isinstance(found, Problem):
        raise RulesError([found])
    return read_rules(found)


def _loaded(read: Sequence[Rule]) -> RuleSet:
    """These rules are in use now."""
    rules = RuleSet(read, SlowPatterns().tell)
    metrics.REPLY_RULES_BROKEN.set(0)
    metrics.REPLY_RULES_LOADED.set(time.time())
    log.info(
        "reply_rules_loaded",
        sending=list(rules.sending),
        dry_run=[rule.name for rule in rules.rules if rule.dry_run],
    )
    return rules
