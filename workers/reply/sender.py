"""The answers themselves, beside the loop that plans them: begun, sent once, settled.

Nothing here sleeps for an account, a limit or a budget: whatever may not be sent stays planned.
"""

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from graph.answers import Answer
from graph.budget.ledger import Grant, Ledger
from graph.budget.outcomes import outcomes_of, outcomes_without_answer
from graph.client import Client, Credentials
from graph.errors import BLOCKED, Action, GraphUnavailableError
from graph.requests import GraphWrite, comment_replies
from graph.tokens import Token, Tokens
from runtime import metrics
from runtime.crash_points import reached
from runtime.lifecycle import unless_stopped
from runtime.retry import Retry
from schemas.crash_points import CrashPoint
from schemas.settings import ReplySettings
from workers.reply.deciding import Rules, RulesSource
from workers.reply.lookup import Candidate, candidates, replies_in
from workers.reply.outbox import Look, Outbox
from workers.reply.outcome import Settlement, after_answer, after_silence
from workers.reply.pause import pause_s
from workers.reply.reply import Reply, write_of

LOOK_INTERVAL_S: Final = 0.5
"""How soon a replica notices what another one, or a person, planned, or what has become due."""

TIDY_INTERVAL_S: Final = 2.0

SETTLE_S: Final = 1.0
"""What an answer that was given gets to be recorded, when the worker is made to end."""

HESITATION_S: Final = 10.0
"""What passes between beginning an answer and sending it, at most. Whoever was stopped for longer,
as a machine that slept, does not send it: others may have taken it for lost, and acted on that.
It is less than what a lease has beyond the call itself.
"""

MAX_PAGES: Final = 20
"""Of replies below one comment. Below a comment with more, nothing is looked for."""

log = structlog.get_logger()


class Sender:
    """Sends what is due, several answers at a time, and looks for those that may have been sent."""

    def __init__(
        self,
        outbox: Outbox,
        client: Client,
        tokens: Tokens,
        ledger: Ledger,
        rules: RulesSource,
        retry: Retry,
        settings: ReplySettings,
    ) -> None:
        self._outbox = outbox
        self._client = client
        self._tokens = tokens
        self._ledger = ledger
        self._rules = rules
        self._retry = retry
        self._concurrency = settings.graph_concurrency
        self._pause_max_s = settings.reply_pause_max_s
        self._unknown_in_a_row = 0
        self._resume_s = 0.0
        self._closed: dict[str, datetime] = {}

    async def run(self, some: asyncio.Event, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then ends the calls in flight. `some` says: look now."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._slot(some, stop))
            group.create_task(self._tidy(stop))

    async def _slot(self, some: asyncio.Event, stop: asyncio.Event) -> None:
        while not stop.is_set():
            some.clear()
            if not await self._retry.until_done(self._turn):
                await unless_stopped(stop, _set_within(some, LOOK_INTERVAL_S))

    async def _tidy(self, stop: asyncio.Event) -> None:
        """Looks after answers whose senders did not live, and those that may have been sent."""
        while not stop.is_set():
            await self._retry.until_done(self._expire)
            if not await self._retry.until_done(self._look):
                await unless_stopped(stop, asyncio.sleep(TIDY_INTERVAL_S))

    async def _turn(self) -> bool:
        """One answer, if there is one to be sent now."""
        if time.monotonic() < self._resume_s:
            return False
        rules = self._rules.current()
        for account_id in await self._outbox.due(rules.sending):
            if self._closed.get(account_id, _NEVER) > datetime.now(UTC):
                continue
            token = await self._tokens.of(account_id)
            if token is not None and await self._send_next(token, rules):
                return True
        return False

    async def _send_next(self, token: Token, rules: Rules) -> bool:
        """The next answer of an account. Whether there was one."""
        grant = await self._reserved(token)
        if grant is None:
            return False
        begun_s = time.time()
        reply = await self._outbox.take(token.account_id, rules)
        if reply is None:
            await self._ledger.settle(grant, outcomes_of([]))
            return False
        reached(CrashPoint.REPLY_BEGUN)
        try:
            write = write_of(reply)
        except ValueError:  # ordered by a person, for ids that are none
            await self._unsent(reply, grant, Settlement("failed", "wrong_ids"))
            return True
        if time.time() - begun_s > HESITATION_S:
            again = Settlement("planned", "sender_slept", due_at=reply.sending_at)
            await self._unsent(reply, grant, again)
            return True
        await self._send(reply, write, token, grant)
        return True

    async def _unsent(self, reply: Reply, grant: Grant, settlement: Settlement) -> None:
        await self._to_the_end(self._settled(reply, settlement))
        await self._ledger.settle(grant, outcomes_of([]))

    async def _send(self, reply: Reply, write: GraphWrite, token: Token, grant: Grant) -> None:
        begun_s = time.monotonic()
        try:
            answer = await self._client.write(write, Credentials(token.value, token.app_secret))
        except GraphUnavailableError as error:
            now = _now(reply, begun_s)
            await self._to_the_end(self._unanswered(reply, grant, error, now))
            if not error.was_sent:
                raise  # the slot waits: others would not get through either
        else:
            reached(CrashPoint.REPLY_ANSWERED)
            now = _now(reply, begun_s)
            await self._to_the_end(self._answered(reply, write, token, grant, answer, now))
        reached(CrashPoint.REPLY_SETTLED)

    async def _answered(
        self,
        reply: Reply,
        write: GraphWrite,
        token: Token,
        grant: Grant,
        answer: Answer,
        now: datetime,
    ) -> None:
        # Closed first what is to be closed: what goes back to the plan is due at once.
        outcomes = outcomes_of([answer])
        await self._retry.until_done(lambda: self._ledger.settle(grant, outcomes))
        await self._retry.until_done(lambda: self._park(token, write.endpoint, answer))
        await self._settled(reply, after_answer(reply, answer, now))

    async def _unanswered(
        self, reply: Reply, grant: Grant, error: GraphUnavailableError, now: datetime
    ) -> None:
        outcomes = outcomes_without_answer(1, error)
        await self._retry.until_done(lambda: self._ledger.settle(grant, outcomes))
        await self._settled(reply, after_silence(reply, error, now))

    async def _settled(self, reply: Reply, settlement: Settlement) -> None:
        """It is in the outbox how an answer ended, and told."""
        if await self._retry.until_done(lambda: self._outbox.settle(reply, settlement)):
            _tell(reply, settlement)
        else:
            _tell_otherwise(reply, settlement)
        if settlement.state == "unknown":
            self._unknown_in_a_row += 1
            pause = pause_s(self._unknown_in_a_row, self._pause_max_s)
            self._resume_s = time.monotonic() + pause
            if pause:
                log.error("replies_pause", seconds=pause, in_a_row=self._unknown_in_a_row)
        elif settlement.state != "planned":
            self._unknown_in_a_row = 0

    async def _to_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Does it, also when the worker is made to end meanwhile, unless that takes long."""
        task = asyncio.create_task(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait((task,), timeout=SETTLE_S)
            task.cancel()
            raise

    async def _park(self, token: Token, endpoint: str, answer: Answer) -> None:
        """What a person has to repair is not called again before."""
        verdict = answer.verdict
        if verdict is not None and verdict.action is Action.PARK_ACCOUNT:
            await self._tokens.park(token, verdict.reason)
        elif verdict is not None and verdict.action is Action.PARK_FIELD:
            await self._tokens.park_endpoint(token, endpoint, verdict.reason)

    async def _reserved(self, token: Token) -> Grant | None:
        """One call for the account; None when its budget has none now."""
        grant = await self._ledger.reserve(token.app_id, token.account_id, 1)
        if grant.calls:
            return grant
        wait = grant.not_before - grant.at
        self._closed[token.account_id] = datetime.now(UTC) + wait
        return None

    async def _expire(self) -> None:
        for reply_key in await self._outbox.expire():
            metrics.REPLIES.labels("unknown").inc()
            log.warning("reply_unknown", reply=reply_key, reason="sender_died")

    async def _look(self) -> bool:
        """Looks for one answer that may have been sent. Whether there was one to be looked for.

        One that could not be looked for now comes again when its lease has run out.
        """
        look = await self._outbox.look()
        if look is None:
            return False
        reply = look.reply
        token = await self._tokens.of(reply.account_id)
        if token is None:
            return True
        found = await self._found(look, token)
        if found is None:
            return True
        if isinstance(found, str):
            await self._outbox.not_looked(reply, found, look.at)
            return True
        settlement = await self._outbox.found(reply, found, look.at)
        if settlement is not None and settlement.state != "unknown":
            _tell(reply, settlement)
        return True

    async def _found(self, look: Look, token: Token) -> list[Candidate] | str | None:
        """The replies that may be it; why it cannot be looked for; None: not now."""
        credentials = Credentials(token.value, token.app_secret)
        found: list[Candidate] = []
        after: str | None = None
        for _ in range(MAX_PAGES):
            grant = await self._reserved(token)
            if grant is None:
                return None
            request = comment_replies(look.reply.thread_id or "", after)
            try:
                answer = await self._client.read(request, credentials)
            except GraphUnavailableError as error:
                await self._ledger.settle(grant, outcomes_without_answer(1, error))
                raise
            await self._ledger.settle(grant, outcomes_of([answer]))
            if answer.object is None:
                await self._park(token, request.endpoint, answer)
                verdict = answer.verdict
                is_told = verdict is not None and verdict.action in _TOLD
                return verdict.reason if verdict is not None and is_told else None
            found += candidates(replies_in(answer.object), look.reply, look.username)
            after = answer.after
            if after is None:
                return found
        return "too_many_replies"


_NEVER: Final = datetime.min.replace(tzinfo=UTC)

_TOLD: Final = (Action.AMBIGUOUS, Action.FINAL, Action.BUG)
"""What looking again would not change."""


def _now(reply: Reply, begun_s: float) -> datetime:
    """PostgreSQL's time, by which answers are due: a replica's own may be another one."""
    return reply.sending_at + timedelta(seconds=time.monotonic() - begun_s)


def _tell(reply: Reply, settlement: Settlement) -> None:
    metrics.REPLIES.labels(settlement.state).inc()
    told = {"reply": reply.reply_key, "account": reply.account_id, "reason": settlement.reason}
    if settlement.state == "unknown":
        log.warning("reply_unknown", **told)
    elif settlement.reason == BLOCKED and settlement.due_at is not None:
        log.error("replies_blocked", **told, until=settlement.due_at.isoformat())
    else:
        log.info("reply_settled", **told, state=settlement.state)


def _tell_otherwise(reply: Reply, settlement: Settlement) -> None:
    """A person has settled it before, otherwise, or had it begun once more."""
    log.warning(
        "reply_settled_otherwise",
        reply=reply.reply_key,
        account=reply.account_id,
        state=settlement.state,
        reason=settlement.reason,
        reply_id=settlement.reply_id,
    )


async def _set_within(event: asyncio.Event, timeout_s: float) -> None:
    """Returns when the event is set, or after a while."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        pass
