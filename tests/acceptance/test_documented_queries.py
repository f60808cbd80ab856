"""What the documentation tells analysts to ask can be asked."""

import re
from pathlib import Path

import asyncpg

from hookline.embedded.pipeline import Pipeline

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"


async def test_every_documented_query_runs(pipeline: Pipeline) -> None:
    """No column or view on the page is missing."""
    [block] = re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    queries = [query for query in block.split(";") if query.strip()]
    assert len(queries) >= 6
    connection = await asyncpg.connect(pipeline.state.database_url)
    for query in queries:
        await connection.fetch(query)
    await connection.close()


async def test_every_documented_column_of_a_view_exists(pipeline: Pipeline) -> None:
    """Each view of `analytics` has a section, and each of its columns a name there."""
    page = PAGE.read_text("utf-8")
    connection = await asyncpg.connect(pipeline.state.database_url)
    rows = await connection.fetch(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'analytics'"
    )
    await connection.close()
    assert {row["table_name"] for row in rows} == set(
        re.findall(r"^## analytics\.(\w+)$", page, re.MULTILINE)
    )
    page += "\n## "
    sections = dict(
        re.findall(r"^## analytics\.(\w+)$(.*?)(?=^## )", page, re.MULTILINE | re.DOTALL)
    )
    missing = [
        f"{row['table_name']}.{row['column_name']}"
        for row in rows
        if f"`{row['column_name']}`" not in sections[row["table_name"]]
    ]
    assert missing == []
