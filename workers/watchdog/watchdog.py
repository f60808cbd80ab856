"""The rounds of the watchdog: who is to be looked at, what is mended, what is told."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from math import nan
from typing import Final, NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.pages import App, Page, apps, pages
from graph.subscribing import Check, Subscribing
from runtime import metrics
from runtime.lifecycle import unless_stopped
from runtime.retry import Retry
from runtime.vault import Vault
from workers.watchdog import store
from workers.watchdog.history import History
from workers.watchdog.silence import silence
from workers.watchdog.standing import (
    Activity,
    Standing,
    account_activity,
    cause,
    falls_quiet,
    goes_on,
    is_due,
    line_activity,
    pause_between,
    unseen,
)

MIN_PAUSE_S: Final = 0.5
"""Other replicas get their turn."""

NO_ANSWER: Final = frozenset({"graph_unreachable", "graph_timeout", "graph_disconnected"})
"""Who asks on meets the same."""

REPAIR: Final = "hookline subscriptions apply"

log = structlog.get_logger()


def _now() -> datetime:
    return datetime.now(UTC)


class Line(NamedTuple):
    """How the whole line stands, and whether it has just fallen silent."""

    activity: Activity
    falls_silent: bool


class Watchdog:
    """Looks at subscriptions each interval, at what comes more often, and mends."""

    def __init__(
        self,
        engine: AsyncEngine,
        subscribing: Subscribing,
        vault: Vault,
        secrets_by_app: list[tuple[str, bytes]],
        interval: timedelta,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._engine = engine
        self._subscribing = subscribing
        self._vault = vault
        self._secrets_by_app = secrets_by_app
        self._interval = interval
        self._clock = clock
        self._history = History(engine)

    async def run(self, retry: Retry, stop: asyncio.Event) -> None:
        """Looks until `stop` is set, each time as long after the last as the pause says, however
        long a look takes.
        """
        loop, pause_s = asyncio.get_running_loop(), pause_between(self._interval).total_seconds()
        while not stop.is_set():
            next_s = loop.time() + pause_s
            await unless_stopped(stop, retry.until_done(self.look))
            left_s = max(next_s - loop.time(), MIN_PAUSE_S)
            await unless_stopped(stop, asyncio.sleep(left_s))

    async def look(self) -> None:
        """One round, unless another replica makes it.

        Raises:
            RetryError: PostgreSQL is away.
        """
        async with store.alone(self._engine) as alone:
            if alone is not None:
                await self._round(alone)
        _tell_metrics((await store.standings(self._engine)).values())

    async def _round(self, alone: store.Alone) -> None:
        found = await pages(self._engine, self._vault, self._secrets_by_app)
        before = await store.standings(self._engine)
        app_ids = [page.app_id for page in found]
        subjects: dict[store.Key, App | Page] = {
            **{(app.app_id, ""): app for app in apps(app_ids, self._secrets_by_app)},
            **{(page.app_id, page.account_id): page for page in found},
        }
        if before.keys() - subjects.keys():
            await store.keep_only(self._engine, subjects)
        if not subjects:
            return
        await self._history.refresh(self._clock())
        line = await self._line(before)
        # Whoever was not looked at for longest first: a round may end early. Of those, apps first.
        order = sorted(subjects, key=lambda key: (_checked_at(before.get(key)), bool(key[1])))
        for key in order:
            await alone.hold()
            if not await self._look_at(key, subjects[key], before.get(key), line):
                return

    async def _line(self, before: dict[store.Key, Standing]) -> Line:
        """How the whole line stands. Tells when that has changed."""
        apps_before = [standing for (_, account), standing in before.items() if not account]
        was = {standing.activity for standing in apps_before}
        last_at = self._history.all_last_at()
        found = silence(self._history.all_counts(), last_at, self._clock())
        line = line_activity(found)
        if found is None and any(goes_on(one, last_at) for one in apps_before):
            line = "silent"
        falls = line == "silent" and line not in was
        if falls:
            why = cause(*await store.latest(self._engine))
            log.error("line_silent", cause=why, last_received_at=last_at and last_at.isoformat())
        elif line == "usual" and "silent" in was:
            log.info("line_heard_again")
        return Line(line, falls)

    async def _look_at(
        self, key: store.Key, subject: App | Page, was: Standing | None, line: Line
    ) -> bool:
        """Looks at what came, and at Meta's side if that is due. False when nobody answers."""
        now = self._clock()
        before = was or unseen(*key, now)
        standing = self._heard(before, line.activity, now)
        begins = line.falls_silent or falls_quiet(before, standing)
        if not begins and not is_due(was, self._interval, now):
            if standing != before:
                await store.put(self._engine, standing)
            _tell_activity(before, standing)
            return True
        check = await self._subscribing.check(subject, now.date())
        standing = standing.checked(check.state, check.reason, check.names, now)
        await store.put(self._engine, standing)
        _tell_state(before, standing, check)
        _tell_activity(before, standing)
        if check.state == "missing" and not check.moves and self._subscribing.can_send(check):
            await self._repair(standing, check)
        return not (check.refusal and check.refusal.reason in NO_ANSWER)

    def _heard(self, before: Standing, line: Activity, now: datetime) -> Standing:
        account_id = before.account_id
        if not account_id:
            return before.heard(line, self._history.all_last_at(), now)
        last_at = self._history.last_at(account_id)
        found = silence(self._history.counts(account_id), last_at, now)
        if found is None and line != "silent" and goes_on(before, last_at):
            return before.heard(before.activity, last_at, now)
        return before.heard(account_activity(found, line), last_at, now)

    async def _repair(self, standing: Standing, check: Check) -> None:
        """Subscribes, once an hour at most, with an audit row that is there before."""
        now = self._clock()
        operation_id = await store.begin_repair(self._engine, standing, check.to_send, now)
        if operation_id is None:
            return
        try:
            after = await self._subscribing.subscribe(check, now.date())
        except BaseException:
            await store.end_repair(self._engine, operation_id, standing, "stopped", self._clock())
            raise
        now = self._clock()
        done = after.state == "subscribed"
        await store.put(self._engine, standing.checked(after.state, after.reason, after.names, now))
        await store.end_repair(
            self._engine, operation_id, standing, "done" if done else "failed", now
        )
        if done:
            log.warning("subscription_repaired", **standing.subject, fields=after.names)
        else:
            _tell_failure("subscription_not_repaired", standing, after)


def _checked_at(standing: Standing | None) -> float:
    return standing.checked_at.timestamp() if standing else 0.0


def _tell_state(before: Standing, now: Standing, check: Check) -> None:
    """Tells what has changed at Meta's side."""
    if now.state == "missing" and before.state != "missing":
        _tell_failure("subscription_missing", now, check)
    elif now.state == "unknown" and (before.state, before.reason) != (now.state, now.reason):
        _tell_failure("subscription_unknown", now, check)
    elif now.state == "subscribed" and before.state == "missing":
        log.info("subscription_back", **now.subject)


def _tell_failure(event: str, standing: Standing, check: Check) -> None:
    refusal = check.refusal
    (log.warning if refusal and refusal.passes else log.error)(
        event,
        **standing.subject,
        reason=check.reason,
        code=refusal and refusal.code,
        repair=REPAIR,
    )


def _tell_activity(before: Standing, now: Standing) -> None:
    """Tells when an account falls quiet while others do not. Not subscribed, it is no wonder."""
    if falls_quiet(before, now):
        last_at = now.last_received_at
        log.warning(
            "account_quiet",
            **now.subject,
            state=now.state,
            last_received_at=last_at and last_at.isoformat(),
        )
    elif before.activity == "quiet" and now.activity == "usual":
        log.info("account_heard_again", **now.subject)


_VALUES: Final = {"subscribed": 1.0, "missing": 0.0, "unknown": nan}


def _tell_metrics(standings: Iterable[Standing]) -> None:
    """As everything stands, whichever replica has looked."""
    for metric in (
        metrics.SUBSCRIBED,
        metrics.APP_SUBSCRIBED,
        metrics.ACCOUNT_QUIET,
        metrics.LAST_DELIVERY,
    ):
        metric.clear()
    is_silent = False
    for standing in standings:
        value, account_id = _VALUES[standing.state], standing.account_id
        if not account_id:
            metrics.APP_SUBSCRIBED.labels(standing.app_id).set(value)
            is_silent |= standing.activity == "silent"
            continue
        metrics.SUBSCRIBED.labels(account_id).set(value)
        metrics.ACCOUNT_QUIET.labels(account_id).set(standing.activity == "quiet")
        if standing.last_received_at is not None:
            last_s = standing.last_received_at.timestamp()
            metrics.LAST_DELIVERY.labels(account_id).set(last_s)
    metrics.LINE_SILENT.set(is_silent)
