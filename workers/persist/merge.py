"""Contents into rows, in bulk. Owns the races between replicas and what a row remembers.

Nearly every event has one content: its row is inserted, and that is all. A row that is there
already is locked, its contents are read back, and the fold is made anew. A row of one content
is its own memory; only a row of several keeps them, in `contents`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Column, DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from runtime.database import BulkStatement, column_types
from schemas.canonical import column_json
from schemas.events import format_time, parse_time
from schemas.identity import ClaimKey
from schemas.splitting import Position
from workers.persist.fold import Content, Folded, fold, united
from workers.persist.targets import HEAD, Target

RowKey = tuple[str, ...]

CONTENTS: Final = "contents"


async def merge(
    connection: AsyncConnection, target: Target, told: Mapping[RowKey, Iterable[Content]]
) -> None:
    """Merges what is told about rows of one table."""
    statements = _statements(target)
    # In one order everywhere, so that replicas never wait for each other in a circle.
    contents = {key: united(told[key]) for key in sorted(told)}
    fresh = [_row(target, key, fold(contents[key], target.order)) for key in contents]
    if await statements.insert.execute(connection, fresh) == len(fresh):
        return
    changed = []
    for row in await statements.lock.fetch(connection, list(contents)):
        key, stored = _read(target, row)
        both = united(stored.values(), contents[key].values())
        if both != stored:
            changed.append(_row(target, key, fold(both, target.order)))
    if changed:
        await statements.update.execute(connection, changed)


class _Statements(NamedTuple):
    insert: BulkStatement
    lock: BulkStatement
    update: BulkStatement


def columns_of(target: Target) -> list[str]:
    """The columns that persist writes, in the order of `_row`; the others are the Graph's."""
    last = [target.last_received] if target.last_received else []
    derived = list(target.derived or ())
    return [*target.key, *target.folded, *derived, target.received, *last, *HEAD, CONTENTS]


@cache
def _statements(target: Target) -> _Statements:
    table, keys = target.table, ", ".join(target.key)
    columns = columns_of(target)
    types = column_types(table, columns)
    written = [name for name in columns if name not in target.key]
    read = [*target.key, *target.folded, target.received, *HEAD, CONTENTS]
    insert = (
        f"INSERT INTO {{schema}}.{table.name} ({', '.join(columns)}) "  # noqa: S608
        f"SELECT * FROM {{rows}} ON CONFLICT DO NOTHING"
    )
    lock = (
        f"SELECT {', '.join(_readable(target, name) for name in read)} "  # noqa: S608
        f"FROM {{schema}}.{table.name} WHERE ({keys}) IN (SELECT * FROM {{rows}}) "
        f"ORDER BY {keys} FOR UPDATE"
    )
    update = (
        f"UPDATE {{schema}}.{table.name} AS target "  # noqa: S608
        f"SET {', '.join(f'{name} = rows.{name}' for name in written)} FROM {{rows}} "
        f"WHERE {' AND '.join(f'target.{name} = rows.{name}' for name in target.key)}"
    )
    return _Statements(
        BulkStatement(types, insert),
        BulkStatement({name: types[name] for name in target.key}, lock),
        BulkStatement(types, update),
    )


def _readable(target: Target, name: str) -> str:
    return f"{name}::text" if isinstance(target.table.c[name].type, JSONB) else name


def _row(target: Target, key: RowKey, folded: Folded) -> tuple[Any, ...]:
    head = folded.head
    several = _dump(target, folded.contents) if len(folded.contents) > 1 else None
    last = (folded.last.received_at,) if target.last_received else ()
    return (
        *key,
        *folded.values,
        *target.derive(folded.values),
        head.key.received_at,
        *last,
        head.key.delivery_id,
        str(head.key.position),
        head.content_hash,
        several,
    )


def _read(target: Target, row: Sequence[Any]) -> tuple[RowKey, dict[str, Content]]:
    """A stored row's key and contents, as `_Statements.lock` selects them."""
    keys, folded = len(target.key), len(target.folded)
    key, values = tuple(row[:keys]), tuple(row[keys : keys + folded])
    received_at, delivery_id, position, content_hash, several = row[keys + folded :]
    if several is not None:
        return key, united(_load(target, several))
    claim_key = ClaimKey(received_at, str(delivery_id), Position.parse(position))
    return key, {content_hash: Content(content_hash, claim_key, values)}


def _dump(target: Target, contents: Iterable[Content]) -> str:
    """Contents as text for the `contents` column."""
    return orjson.dumps(
        [
            {
                "content_hash": content.content_hash,
                "received_at": format_time(content.key.received_at),
                "delivery_id": content.key.delivery_id,
                "position": str(content.key.position),
                "values": [
                    value if value is None else _plain(value, column.type)
                    for value, column in zip(content.values, _folded(target), strict=True)
                ],
            }
            for content in contents
        ]
    ).decode()


def _load(target: Target, text: str) -> list[Content]:
    """The contents that `_dump` wrote."""
    return [
        Content(
            item["content_hash"],
            ClaimKey(
                parse_time(item["received_at"]),
                item["delivery_id"],
                Position.parse(item["position"]),
            ),
            tuple(
                value if value is None else _restored(value, column.type)
                for value, column in zip(item["values"], _folded(target), strict=True)
            ),
        )
        for item in json.loads(text)
    ]


def _folded(target: Target) -> list[Column[Any]]:
    return [target.table.c[name] for name in target.folded]


def _plain(value: Any, kind: TypeEngine[Any]) -> Any:
    """A column's value as JSON. One that is JSON is nested as it is, so that PostgreSQL gives it
    one form; in a list, so that JSON's null is not the column's.
    """
    if isinstance(kind, JSONB):
        return [orjson.Fragment(value)]
    return format_time(value) if isinstance(kind, DateTime) else value


def _restored(value: Any, kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, JSONB):
        return column_json(value[0])
    return parse_time(value) if isinstance(kind, DateTime) else value
