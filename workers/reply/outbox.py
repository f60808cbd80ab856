"""The outbox: answers in PostgreSQL, each begun once, whatever happens to whoever sends it.

`sending` is committed before the call. So an answer that nobody settled was perhaps sent, and
becomes `unknown`; from there nothing but a person brings it back to `planned`.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from graph.errors import BLOCKED
from runtime import metrics
from runtime.database import BulkStatement, column_types, transaction
from schemas.tables import SCHEMA
from schemas.tables import replies as table
from workers.reply.deciding import Hold, Rules, Sent
from workers.reply.facts import Ours
from workers.reply.lookup import LOOKS, Candidate, next_look, plain
from workers.reply.outcome import Settlement
from workers.reply.reply import MANUAL, NewReply, Reply

_NEW: Final = (
    *("reply_key", "account_id", "event_id", "rule", "kind", "media_id", "comment_id"),
    *("thread_id", "person", "message", "dry_run", "due_at", "asked_at"),
)

_PUT: Final = BulkStatement(
    column_types(table, _NEW),
    f"INSERT INTO {{schema}}.{table.name} "  # noqa: S608
    f"({', '.join(_NEW)}, state, attempts, created_at) "
    f"SELECT {', '.join(_NEW)}, 'planned', 0, now() FROM {{rows}} ON CONFLICT DO NOTHING",
)

_OURS: Final = text(
    f"SELECT reply_id FROM {SCHEMA}.replies WHERE reply_id = ANY(:ids)"  # noqa: S608
)

_UNSETTLED: Final = text(
    f"SELECT media_id, message FROM {SCHEMA}.replies "  # noqa: S608
    "WHERE state IN ('sending', 'unknown') AND media_id = ANY(:ids)"
)

_ACCOUNTS: Final = text(
    f"SELECT account_id, username FROM {SCHEMA}.accounts WHERE state <> 'removed'"  # noqa: S608
)

_ENDPOINT: Final = "CASE r.kind WHEN 'comment' THEN 'comment_reply' ELSE 'mention_reply' END"

# What Meta refused for abuse holds up all of its account until it is tried again, or would have
# been if a person had not struck it off; and while it is tried again, which tells whether the block
# is over: whoever goes on against it is blocked for longer.
_IS_DUE: Final = f"""
r.state = 'planned' AND NOT r.dry_run AND r.due_at <= clock_timestamp()
AND (r.rule = '{MANUAL}' OR r.rule = ANY(:rules))
AND EXISTS (SELECT FROM {SCHEMA}.accounts AS a WHERE a.account_id = r.account_id
    AND a.state = 'active' AND NOT a.parked_endpoints ? ({_ENDPOINT}))
AND NOT EXISTS (SELECT FROM {SCHEMA}.replies AS b WHERE b.account_id = r.account_id
    AND b.reason = '{BLOCKED}' AND (b.due_at > clock_timestamp() OR b.state = 'sending'))
"""  # noqa: S608

_DUE: Final = text(
    f"SELECT r.account_id FROM {SCHEMA}.replies AS r WHERE {_IS_DUE} "  # noqa: S608
    "GROUP BY r.account_id ORDER BY min(r.due_at)"
)

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('hookline replies ' || :id, 0))")

_REPLY: Final = (
    *("reply_key", "account_id", "rule", "kind", "media_id", "comment_id", "thread_id"),
    *("message", "attempts", "sending_at"),
)
_RETURNED: Final = ", ".join(f"r.{name}" for name in _REPLY)

_NEXT: Final = text(
    "SELECT r.reply_key, r.rule, r.person, clock_timestamp() AS now, "  # noqa: S608
    "coalesce(r.asked_at, r.created_at) AS asked_at "
    f"FROM {SCHEMA}.replies AS r WHERE r.account_id = :account_id AND {_IS_DUE} "
    f"ORDER BY r.reason IS NOT DISTINCT FROM '{BLOCKED}' DESC, r.due_at, r.created_at, r.reply_key "
    "LIMIT 1 FOR UPDATE OF r SKIP LOCKED"
)

_COUNTED: Final = (
    f"FROM {SCHEMA}.replies WHERE account_id = :account_id AND rule = :rule "
    "AND state IN ('sending', 'sent', 'unknown')"
)

_LAST_HOUR: Final = text(
    f"SELECT sending_at {_COUNTED} AND sending_at > clock_timestamp() - interval '1 hour' "
    "ORDER BY sending_at"
)

_TO_PERSON: Final = text(
    f"SELECT count(*) {_COUNTED} AND person = :person "
    "AND sending_at > clock_timestamp() - interval '1 day'"
)

_BEGIN: Final = text(
    f"UPDATE {SCHEMA}.replies AS r SET state = 'sending', "  # noqa: S608
    f"reason = CASE r.reason WHEN '{BLOCKED}' THEN r.reason END, "
    "attempts = r.attempts + 1, sending_at = :now, "
    "leased_until = CAST(:now AS timestamptz) + CAST(:lease AS interval) "
    f"WHERE r.reply_key = :reply_key RETURNING {_RETURNED}"
)

# All that the rule has due for the account: they would be put off one by one otherwise.
_PUT_OFF: Final = text(
    f"UPDATE {SCHEMA}.replies AS r SET reason = :reason, "  # noqa: S608
    "due_at = greatest(CAST(:until AS timestamptz), clock_timestamp() + interval '1 second') "
    f"WHERE r.account_id = :account_id AND r.rule = :rule AND {_IS_DUE}"
)

_REFUSE: Final = text(
    f"UPDATE {SCHEMA}.replies SET state = 'failed', reason = :reason, "  # noqa: S608
    "settled_at = clock_timestamp() WHERE reply_key = :reply_key"
)

# Whoever settles an answer that was taken for lost may still tell how it ended, but not that it
# was never sent: somebody may have acted on it. That it was sent is true whatever a person said
# meanwhile, as long as it was not begun once more.
_SETTLE: Final = text(
    f"UPDATE {SCHEMA}.replies SET state = CAST(:state AS text), reason = :reason, "  # noqa: S608
    "reply_id = :reply_id, due_at = :due_at, leased_until = NULL, "
    "sending_at = CASE WHEN CAST(:state AS text) <> 'planned' "
    "THEN CAST(:sending_at AS timestamptz) END, "
    "settled_at = CASE WHEN CAST(:state AS text) IN ('sent', 'failed') THEN clock_timestamp() END "
    "WHERE reply_key = :reply_key AND attempts = :attempts AND (state = 'sending' "
    "OR (state = 'unknown' AND CAST(:state AS text) IN ('sent', 'failed')) "
    "OR (state <> 'unknown' AND reply_id IS NULL AND CAST(:state AS text) = 'sent'))"
)

# Also when it was said before, and the answer of PostgreSQL did not come.
_IS_SETTLED: Final = text(
    f"SELECT count(*) FROM {SCHEMA}.replies WHERE reply_key = :reply_key "  # noqa: S608
    "AND attempts = :attempts AND state = :state AND reply_id IS NOT DISTINCT FROM :reply_id"
)

_EXPIRE: Final = text(
    f"UPDATE {SCHEMA}.replies SET state = 'unknown', reason = 'sender_died', "  # noqa: S608
    "leased_until = NULL, "
    "due_at = CASE kind WHEN 'comment' THEN sending_at + CAST(:look AS interval) END "
    "WHERE state = 'sending' AND leased_until < clock_timestamp() RETURNING reply_key"
)

_LOOK: Final = text(f"""
WITH picked AS (
    SELECT r.reply_key, a.username FROM {SCHEMA}.replies AS r
    JOIN {SCHEMA}.accounts AS a ON a.account_id = r.account_id
    WHERE r.state = 'unknown' AND r.kind = 'comment' AND r.due_at <= clock_timestamp()
        AND a.state = 'active' AND NOT a.parked_endpoints ? 'comment_replies'
    ORDER BY r.due_at LIMIT 1 FOR UPDATE OF r SKIP LOCKED
)
UPDATE {SCHEMA}.replies AS r SET due_at = clock_timestamp() + CAST(:lease AS interval)
FROM picked WHERE r.reply_key = picked.reply_key
RETURNING {_RETURNED}, picked.username, clock_timestamp()
""")  # noqa: S608

_ALIKE: Final = text(
    "SELECT count(*) FILTER (WHERE state = 'sending') AS being_sent, "  # noqa: S608
    f"count(*) FILTER (WHERE state = 'unknown') AS unknown FROM {SCHEMA}.replies "
    "WHERE account_id = :account_id AND thread_id = :thread_id AND message = :message "
    "AND state IN ('sending', 'unknown')"
)

_LOOKED: Final = text(
    f"UPDATE {SCHEMA}.replies SET state = CAST(:state AS text), reason = :reason, "  # noqa: S608
    "reply_id = :reply_id, due_at = :due_at, looked_at = clock_timestamp(), "
    "settled_at = CASE WHEN CAST(:state AS text) IN ('sent', 'failed') THEN clock_timestamp() END "
    "WHERE reply_key = :reply_key AND attempts = :attempts AND state = 'unknown'"
)

# The same order again is the same answer: whoever does not know whether it was taken repeats it.
_ORDERED: Final = text(
    "SELECT reply_key, message = :message AS is_same "  # noqa: S608
    f"FROM {SCHEMA}.replies WHERE event_id = :event_id AND rule = '{MANUAL}'"
)


class Look(NamedTuple):
    """An answer to be looked for, the name of its account, and PostgreSQL's time."""

    reply: Reply
    username: str | None
    at: datetime


class Outbox:
    """The answers of all accounts. Errors are those of `runtime.database.transaction`."""

    def __init__(self, engine: AsyncEngine, lease_s: float = 60.0) -> None:
        """An answer that was begun and not settled within `lease_s` was perhaps sent."""
        self._engine = engine
        self._lease = timedelta(seconds=lease_s)

    async def ours(self, comment_ids: Collection[str], media_ids: Collection[str] = ()) -> Ours:
        """Which of these comments are our answers, which may be on these media, and who we are."""
        async with transaction(self._engine) as connection:
            # First those without an id: one that is settled meanwhile is among those with one.
            unsettled = (await connection.execute(_UNSETTLED, {"ids": list(media_ids)})).all()
            ids = await connection.scalars(_OURS, {"ids": list(comment_ids)})
            accounts = (await connection.execute(_ACCOUNTS)).all()
        return Ours(
            frozenset(ids),
            frozenset(account_id for account_id, _ in accounts),
            frozenset(name.casefold() for _, name in accounts if name),
            frozenset((media_id, plain(message)) for media_id, message in unsettled),
            {account_id: name for account_id, name in accounts if name},
        )

    async def put(self, replies: Collection[NewReply]) -> int:
        """Plans answers, but for events that have one; gives how many are new."""
        rows = sorted(map(_row, replies), key=lambda row: row[0])  # else None meets text
        async with transaction(self._engine) as connection:
            return await _PUT.execute(connection, rows) if rows else 0

    async def order(self, reply: NewReply) -> tuple[str, bool]:
        """Plans an answer that a person ordered; gives its key, and whether it is new.

        The same message for the same event is the same answer.
        """
        where = {"event_id": reply.event_id, "message": reply.message}
        async with transaction(self._engine) as connection:
            await connection.execute(_LOCK, {"id": reply.account_id})
            ordered = (await connection.execute(_ORDERED, where)).all()
            for reply_key, is_same in ordered:
                if is_same:
                    return reply_key, False
            new = replace(reply, number=len(ordered) + 1)
            await _PUT.execute(connection, [_row(new)])
        return new.reply_key, True

    async def due(self, rules: Collection[str]) -> list[str]:
        """The accounts with something to be sent now by these rules, or by a person."""
        async with transaction(self._engine) as connection:
            return list(await connection.scalars(_DUE, {"rules": list(rules)}))

    async def take(self, account_id: str, rules: Rules) -> Reply | None:
        """Begins an answer of an account, which is committed when this returns; None: none is due.

        Those that may not be sent now are put off, or fail.
        """
        where = {"account_id": account_id, "rules": list(rules.sending)}
        while True:
            async with transaction(self._engine) as connection:
                await connection.execute(_LOCK, {"id": account_id})
                found = (await connection.execute(_NEXT, where)).one_or_none()
                if found is None:
                    return None
                hold = await self._hold(connection, account_id, found, rules)
                if hold is None:
                    values = {"now": found.now, "lease": self._lease}
                    begun = await connection.execute(
                        _BEGIN, {"reply_key": found.reply_key, **values}
                    )
                    return Reply(*begun.one())
                reason, until = hold
                if until is None:
                    values = {"reply_key": found.reply_key, "reason": reason}
                    await connection.execute(_REFUSE, values)
                    metrics.REPLIES.labels("failed").inc()
                else:
                    off = {"rule": found.rule, "until": until, "reason": reason}
                    await connection.execute(_PUT_OFF, where | off)

    async def settle(self, reply: Reply, settlement: Settlement) -> bool:
        """Says how an answer that was begun ended. Whether that is how it stands now; else a person
        has said otherwise meanwhile, or it was begun once more.
        """
        async with transaction(self._engine) as connection:
            if await _set(connection, _SETTLE, reply, settlement):
                return True
            told = _values(reply, settlement)
            return bool(await connection.scalar(_IS_SETTLED, told))

    async def expire(self) -> list[str]:
        """Answers whose sender did not live to settle them are unknown now; gives their keys."""
        async with transaction(self._engine) as connection:
            return list(await connection.scalars(_EXPIRE, {"look": LOOKS[0]}))

    async def look(self) -> Look | None:
        """An answer that is to be looked for now; nobody else gets it meanwhile."""
        async with transaction(self._engine) as connection:
            found = (await connection.execute(_LOOK, {"lease": self._lease})).one_or_none()
        return Look(Reply(*found[:-2]), *found[-2:]) if found is not None else None

    async def found(
        self, reply: Reply, candidates: Sequence[Candidate], now: datetime
    ) -> Settlement | None:
        """It was looked for, and these may be it. Those that are known as others are not. None when
        somebody has settled it meanwhile, or when what was found may be another one like it that
        is being sent: then it is looked for again.
        """
        where = {name: getattr(reply, name) for name in ("account_id", "thread_id", "message")}
        ids = [one.reply_id for one in candidates]
        async with transaction(self._engine) as connection:
            await connection.execute(_LOCK, {"id": reply.account_id})
            # First who may have made one: whoever is settled meanwhile is among those known.
            alike = (await connection.execute(_ALIKE, where)).one()
            others = set(await connection.scalars(_OURS, {"ids": ids}))
            free = [one for one in candidates if one.reply_id not in others]
            if free and alike.being_sent:
                return None
            settlement = after_look(reply, free, alike.unknown, now)
            is_set = await _set(connection, _LOOKED, reply, settlement)
        return settlement if is_set else None

    async def not_looked(self, reply: Reply, reason: str, now: datetime) -> None:
        """It could not be looked for; after the last time it waits for a person."""
        settlement = Settlement("unknown", reason, due_at=next_look(reply.sending_at, now))
        async with transaction(self._engine) as connection:
            await _set(connection, _LOOKED, reply, settlement)

    async def _hold(
        self, connection: AsyncConnection, account_id: str, found: Row[Any], rules: Rules
    ) -> Hold | None:
        if found.rule == MANUAL:
            return None
        where = {"account_id": account_id, "rule": found.rule}
        times = list(await connection.scalars(_LAST_HOUR, where))
        count = await connection.scalar(_TO_PERSON, {**where, "person": found.person})
        return rules.hold(Sent(found.rule, found.now, times, count or 0, found.asked_at))


def after_look(reply: Reply, free: Sequence[Candidate], alike: int, now: datetime) -> Settlement:
    """What an answer becomes, when so many that are alike are looked for below a comment, and these
    are there. Pure.

    One that is not there at the last look was not done. Fewer than are looked for are not told
    apart; nor is what nobody is told to have written.
    """
    signed = [one.reply_id for one in free if one.is_signed]
    if signed and len(signed) >= alike:
        return Settlement("sent", reply_id=signed[0])
    again_at = next_look(reply.sending_at, now)
    if free:
        return Settlement("unknown", "not_told_apart", due_at=again_at)
    if again_at is None:
        return Settlement("failed", "not_done")
    return Settlement("unknown", "not_found_yet", due_at=again_at)


def _row(reply: NewReply) -> tuple[Any, ...]:
    return tuple(getattr(reply, name) for name in _NEW)


async def _set(
    connection: AsyncConnection, statement: TextClause, reply: Reply, settlement: Settlement
) -> bool:
    return (await connection.execute(statement, _values(reply, settlement))).rowcount > 0


def _values(reply: Reply, settlement: Settlement) -> dict[str, Any]:
    key = {name: getattr(reply, name) for name in ("reply_key", "attempts", "sending_at")}
    return key | settlement._asdict()
