"""Reply's effect: answers that rules want, planned in the outbox. The sender sends them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from runtime import metrics
from runtime.worker import Outcome, Record, dead_letter
from schemas.canonical import column_text
from schemas.enriched import Enriched, decode_enriched
from schemas.events import MalformedEventError
from schemas.fields import Field
from schemas.topics import enriched_topic
from workers.reply.deciding import NO_RULES, Decision, Rules, RulesSource
from workers.reply.facts import Facts, facts_of, is_lost, kind_of, stands_on
from workers.reply.outbox import Outbox
from workers.reply.reply import NewReply


class ReplyHandler:
    """Plans answers. Whatever comes again has its answer already."""

    name = "reply"
    topics: Sequence[str] = (enriched_topic("comments"), enriched_topic("mentions"))
    publishes_to: Sequence[str] = ()
    gathers_s = 0.1

    def __init__(self, engine: AsyncEngine) -> None:
        self._outbox = Outbox(engine)
        self.rules: RulesSource = NO_RULES
        self.to_replayed = False
        self.some = asyncio.Event()
        """Set when there may be something to be sent."""

    async def handle(self, records: Sequence[Record]) -> Outcome:
        """Plans the answers to these events in one transaction, and counts what was decided."""
        outcome = Outcome()
        read: list[Enriched] = []
        decided: Counter[tuple[Field, str]] = Counter()
        for record in records:
            try:
                enriched = decode_enriched(record.value or b"")
            except MalformedEventError as error:
                outcome.dead.append(dead_letter(self.name, record, "malformed_event", str(error)))
            else:
                if kind_of(enriched) is not None:
                    read.append(enriched)
                elif is_lost(enriched):
                    decided[enriched.event.field, "unreadable"] += 1
        planned = await self._planned(read, decided) if read else []
        count = await self._outbox.put(planned)
        for (field, what), times in decided.items():
            metrics.CHANGES.labels(self.name, field, what).inc(times)
        if count:
            metrics.REPLIES.labels("planned").inc(count)
            self.some.set()
        return outcome

    async def _planned(
        self, read: Sequence[Enriched], decided: Counter[tuple[Field, str]]
    ) -> list[NewReply]:
        now = datetime.now(UTC)
        ours = await self._outbox.ours(
            [one.read.object_id for one in read],
            [media_id for one in read if (media_id := stands_on(one)) is not None],
        )
        found = [facts_of(one, ours, to_replayed=self.to_replayed) for one in read]
        # In a thread: patterns may take their time, while the loop has to answer Kafka.
        decisions = await asyncio.to_thread(_decisions, self.rules.current(), found)
        planned = []
        for enriched, facts, decision in zip(read, found, decisions, strict=True):
            if facts is not None and decision is not None:
                planned.append(new_reply(facts, decision, now))
            fate = "never" if facts is None else "no_answer" if decision is None else "answer"
            decided[enriched.event.field, fate] += 1
        return planned


def _decisions(rules: Rules, found: Sequence[Facts | None]) -> list[Decision | None]:
    return [None if facts is None else rules.decide(facts) for facts in found]


def new_reply(facts: Facts, decision: Decision, now: datetime) -> NewReply:
    """The answer that was decided on. Pure."""
    return NewReply(
        account_id=facts.account_id,
        event_id=facts.event_id,
        rule=decision.rule,
        kind=facts.kind,
        media_id=facts.media_id,
        comment_id=facts.comment_id,
        thread_id=facts.thread_id,
        person=facts.person,
        message=column_text(decision.message),
        dry_run=decision.dry_run,
        due_at=now,
        asked_at=facts.received_at,
    )
