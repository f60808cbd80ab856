"""One service in the foreground, and the one-shot verbs that prepare Kafka and PostgreSQL.

What a verb needs is imported when it runs: the ingest image has no database driver.
"""

import asyncio
import sys
from typing import Annotated

import typer

from hookline.cli.options import Data
from hookline.connection import use
from runtime.errors import DependencyError

topics = typer.Typer(no_args_is_help=True, help="Kafka's topics.")


def ingest(data: Data = None) -> None:
    """Receive webhooks and publish them to Kafka, until stopped. Settings: environment."""
    use(data)
    from ingest.__main__ import main  # noqa: PLC0415

    raise typer.Exit(main())


def worker(
    name: Annotated[
        str, typer.Argument(help="archive, dedupe, persist, enrich, reply or watchdog.")
    ],
    replica: Annotated[int, typer.Option(min=1, help="Its number, for logs.")] = 1,
    data: Data = None,
) -> None:
    """Run one worker, until stopped. Settings: environment. Start as many as you like."""
    use(data)
    try:
        from hookline.cli.worker import run_worker  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise DependencyError(
            f"Workers need {error.name}, which is not installed here: `pip install "
            "'hookline[workers]'`. In containers, use the image hookline-workers."
        ) from error

    raise typer.Exit(run_worker(name, replica))


def migrate(data: Data = None) -> None:
    """Bring the database to the newest revision. Changes its schema; harmless to repeat."""
    use(data)
    from migrations.apply import migrate as apply_migrations  # noqa: PLC0415
    from runtime.configuration import load  # noqa: PLC0415
    from schemas.settings import MigrateSettings  # noqa: PLC0415

    asyncio.run(apply_migrations(load(MigrateSettings)))
    print("The database is at the newest revision.", file=sys.stderr)


@topics.command("apply")
def apply(data: Data = None) -> None:
    """Make missing topics and adjust the others. Deletes nothing; harmless to repeat."""
    use(data)
    from runtime.configuration import load  # noqa: PLC0415
    from runtime.topics import apply_topics  # noqa: PLC0415
    from schemas.settings import TopicsSettings  # noqa: PLC0415

    changes = asyncio.run(apply_topics(load(TopicsSettings)))
    for change in changes or ["All topics are as they should be."]:
        print(change, file=sys.stderr)
