"""Dead letters out of the table, page by page, so that any number of them fits."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    RowMapping,
    Select,
    Text,
    and_,
    cast,
    false,
    func,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookline.dead_letters.filters import Filters, is_of_account
from hookline.dead_letters.letter import OF_ONE_EVENT, Letter
from runtime.database import transaction
from schemas.dead_letters import FIRST_SOURCE, ORIGINAL
from schemas.tables import dead_letters

PAGE: Final = 1000

_columns: Final = dead_letters.c


def first_source_of(table: FromClause) -> ColumnElement[str]:
    """Where a letter's record first stood: as its headers tell, else where it stands."""
    here = func.concat(table.c.source_partition, "/", table.c.source_offset)
    return func.coalesce(table.c.headers[ORIGINAL + FIRST_SOURCE].astext, here)


first_source: Final = first_source_of(dead_letters)

record_id: Final = tuple_(
    _columns.source_topic, first_source, func.coalesce(cast(_columns.delivery_id, Text), "")
)
"""As `Letter.record_id`."""


def newest_attempts() -> FromClause:
    """Of each record that was given up more than once, by each stage: how often."""
    return (
        select(
            _columns.stage,
            _columns.source_topic,
            first_source.label("first_source"),
            _columns.delivery_id,
            func.max(_columns.attempts).label("attempts"),
        )
        .where(_columns.attempts > 1)
        .group_by(_columns.stage, _columns.source_topic, first_source, _columns.delivery_id)
        .subquery("newest")
    )


def is_about(newest: FromClause, letters: FromClause) -> ColumnElement[bool]:
    """Whether a row of `newest_attempts` is about a letter's record, and of its stage."""
    return and_(
        newest.c.stage == letters.c.stage,
        newest.c.source_topic == letters.c.source_topic,
        newest.c.first_source == first_source_of(letters),
        newest.c.delivery_id.is_not_distinct_from(letters.c.delivery_id),
    )


def letters_where(*conditions: ColumnElement[bool]) -> Select[Any]:
    """The letters that meet all conditions, as `letter_of` reads them."""
    newest = newest_attempts()
    return (
        select(
            _columns.dead_letter_id,
            _columns.state,
            _columns.stage,
            _columns.reason,
            _columns.detail,
            _columns.fingerprint,
            _columns.attempts,
            _columns.source_topic,
            _columns.source_partition,
            _columns.source_offset,
            first_source.label("first_source"),
            _columns.delivery_id,
            _columns.key,
            func.coalesce(func.octet_length(_columns.value), 0).label("size_bytes"),
            _columns.version,
            _columns.first_failed_at,
            _columns.parked_at,
            _columns.state_changed_at,
            _columns.operation_id,
            func.coalesce(newest.c.attempts > _columns.attempts, false()).label("failed_again"),
        )
        .select_from(dead_letters.outerjoin(newest, is_about(newest, dead_letters)))
        .where(*conditions)
    )


def letter_of(row: RowMapping) -> Letter:
    """A row of `letters_where`."""
    values = dict(row)
    key = values.pop("key")
    is_event = values["source_topic"] in OF_ONE_EVENT
    values["event_id"] = (key or b"").decode("utf-8", "replace") if is_event else None
    return Letter(**values)


async def read_letters(connection: AsyncConnection, query: Select[Any]) -> list[Letter]:
    """The letters of a query that `letters_where` began."""
    return [letter_of(row) for row in (await connection.execute(query)).mappings()]


async def count(engine: AsyncEngine, filters: Filters) -> int:
    """How many letters there are to read; `--account` leaves fewer of them."""
    statement = select(func.count()).select_from(dead_letters).where(*filters.conditions())
    async with transaction(engine) as connection:
        return await connection.scalar(statement) or 0


async def pages(
    engine: AsyncEngine, filters: Filters, *, newest_first: bool = False
) -> AsyncIterator[list[Letter]]:
    """The letters that are meant, in the order in which they were parked.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    place = tuple_(_columns.parked_at, _columns.dead_letter_id)
    order = [column.desc() if newest_first else column for column in place]
    beyond: list[ColumnElement[bool]] = []
    while True:
        query = letters_where(*filters.conditions(), *beyond).order_by(*order).limit(PAGE)
        async with transaction(engine) as connection:
            page = await read_letters(connection, query)
            meant = await _of_account(connection, page, filters.account)
        if not page:
            return
        yield meant
        last = (page[-1].parked_at, page[-1].dead_letter_id)
        beyond = [place < last if newest_first else place > last]


async def _of_account(
    connection: AsyncConnection, letters: Iterable[Letter], account: str | None
) -> list[Letter]:
    if account is None:
        return list(letters)
    found: list[Letter] = []
    for letter in letters:
        # One by one: a body may have 32 MiB.
        value = None if letter.event_id else (await content(connection, letter)).value
        if is_of_account(letter, account, value):
            found.append(letter)
    return found


@dataclass(frozen=True, slots=True)
class Content:
    """The record of a letter, and the letter's own headers as the table keeps them."""

    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str]


async def content(connection: AsyncConnection, letter: Letter) -> Content:
    """What a letter holds."""
    query = select(_columns.key, _columns.value, _columns.headers)
    found = await connection.execute(query.where(_columns.dead_letter_id == letter.dead_letter_id))
    return Content(*found.one())
