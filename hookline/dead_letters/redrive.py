"""Sends the records of dead letters to their topics again.

What travels is the record, not the letter: one that two stages gave up is sent once, and both of
its letters count as redriven. It is acked before its letters change their state: what dies in
between is sent again next time, which does no harm, for every stage does a record once.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeAlias

from sqlalchemy import and_, or_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.dead_letters.letter import Letter, headers_again
from hookline.dead_letters.plan import Order, Report, by_record, chunks, is_full, refusal, within
from hookline.dead_letters.selection import (
    content,
    letters_where,
    pages,
    read_letters,
    record_id,
)
from hookline.operations import Operation
from runtime.database import transaction
from runtime.errors import DependencyError, RejectError
from runtime.publisher import OutRecord, Publisher
from schemas.dead_letters import State
from schemas.tables import dead_letters

ACK_TIMEOUT_S: Final = 30.0

Advance: TypeAlias = Callable[[int], None]


async def plan(engine: AsyncEngine, order: Order, advance: Advance) -> Report:
    """What `redrive` would do, without doing it."""
    report = Report()
    async for page in pages(engine, order.filters):
        for chunk in chunks(within(order, report, page)):
            async with transaction(engine) as connection:
                groups = await _sendable(connection, order, report, chunk)
            report.written += len(groups)
            report.redriven += sum(map(len, groups))
        advance(len(page))
        if is_full(order, report):
            break
    return report


async def redrive(
    engine: AsyncEngine,
    publisher: Publisher,
    order: Order,
    operation: Operation,
    advance: Advance,
) -> Report:
    """Sends the records again, oldest letters first. What is parked meanwhile is left alone.

    Raises:
        DependencyError: Kafka did not take something within 30 s. What it took is kept account
            of; the rest is as it was.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    now = datetime.now(UTC)
    until = min(order.filters.until or now, now)
    order = replace(order, filters=replace(order.filters, until=until))
    report = Report()
    try:
        async for page in pages(engine, order.filters):
            for chunk in chunks(within(order, report, page)):
                await _send(engine, publisher, order, operation, report, chunk)
                operation.counts = report.counts()
                await operation.save()
            advance(len(page))
            if is_full(order, report):
                break
    finally:
        operation.counts = report.counts()
    return report


async def _send(
    engine: AsyncEngine,
    publisher: Publisher,
    order: Order,
    operation: Operation,
    report: Report,
    chunk: Sequence[Letter],
) -> None:
    """Sends a chunk and awaits the acks while its letters are locked; then moves the letters."""
    async with transaction(engine) as connection:
        groups = await _sendable(connection, order, report, chunk, lock=True)
        acks: list[tuple[list[Letter], asyncio.Future[None]]] = []
        for group in groups:
            record = await _record(connection, group)
            try:
                acks.append((group, publisher.publish(record)))
            except RejectError as error:
                report.refused[error.reason] += len(group)
        if acks:
            await asyncio.wait([ack for _, ack in acks], timeout=ACK_TIMEOUT_S)
        sent = [group for group, ack in acks if ack.done() and ack.exception() is None]
        moved = [letter.dead_letter_id for group in sent for letter in group]
        await move(connection, moved, State.REDRIVEN, operation)
    report.written += len(sent)
    report.redriven += len(moved)
    report.failed += len(acks) - len(sent)
    if report.failed:
        raise DependencyError(
            f"Kafka did not take {report.failed} records. {report.redriven} letters are redriven, "
            "the others as they were: run it again when Kafka is back."
        )


async def _record(connection: AsyncConnection, group: Sequence[Letter]) -> OutRecord:
    """The record that letters are about, as it is sent again."""
    letter = group[0]
    found = await content(connection, letter)
    headers = headers_again(
        found.headers,
        attempts=max(one.attempts for one in group),
        first_source=letter.first_source,
    )
    return OutRecord(letter.source_topic, found.key, found.value, headers)


async def _sendable(
    connection: AsyncConnection,
    order: Order,
    report: Report,
    chunk: Sequence[Letter],
    *,
    lock: bool = False,
) -> list[list[Letter]]:
    """The letters of each record that may be sent: those of the chunk, and all others that are
    parked for the same records. Counts what is refused because of these, and what somebody else is
    moving at this moment.
    """
    if not chunk:
        return []
    columns = dead_letters.c
    meant = {letter.dead_letter_id for letter in chunk}
    states = {letter.state for letter in chunk}
    query = letters_where(
        or_(
            and_(columns.dead_letter_id.in_(meant), columns.state.in_(states)),
            and_(
                record_id.in_({letter.record_id for letter in chunk}),
                columns.state == State.PARKED,
            ),
        )
    ).order_by(columns.parked_at, columns.dead_letter_id)
    if lock:
        query = query.with_for_update(of=dead_letters, skip_locked=True)
    found = await read_letters(connection, query)
    report.refused["busy"] += len(meant - {letter.dead_letter_id for letter in found})
    groups: list[list[Letter]] = []
    for group in by_record(found):
        reason = refusal(group, order.max_attempts)
        if reason is None:
            groups.append(group)
        else:
            report.refused[reason] += sum(one.dead_letter_id in meant for one in group)
    return groups


async def move(
    connection: AsyncConnection,
    ids: Sequence[str],
    state: State,
    operation: Operation,
    *,
    was: Sequence[str] = tuple(State),
) -> int:
    """Gives letters a state in the name of an operation, if they are still in one of those."""
    if not ids:
        return 0
    statement = (
        update(dead_letters)
        .where(dead_letters.c.dead_letter_id.in_(ids), dead_letters.c.state.in_(was))
        .values(
            state=state,
            state_changed_at=datetime.now(UTC),
            operation_id=operation.operation_id,
        )
    )
    return (await connection.execute(statement)).rowcount
