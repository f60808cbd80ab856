"""`hookline doctor`: every condition, how it stands, and what to do about it."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

import asyncio
import logging
import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import structlog
import typer

from hookline.cli.options import AsJson, Data, DryRun, Yes, confirm, print_json, require_answer
from hookline.cli.progress import counting_bar, say
from hookline.connection import use
from runtime.lifecycle import EXIT_NO, EXIT_UNREACHABLE

if TYPE_CHECKING:
    from hookline.doctor.facts import Facts
    from hookline.doctor.finding import Finding

PUBLIC_URL: Final = "HOOKLINE_PUBLIC_URL"

LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def doctor(
    *,
    fix: Annotated[
        bool, typer.Option("--fix", help="Repair what can be at once and does no harm; look again.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    account: Annotated[
        list[str] | None,
        typer.Option("--account", metavar="IG_ID", help="Of accounts only this; repeatable."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="CHECK", help="Only this check; repeatable."),
    ] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Look at everything that deliveries and rows depend on, and say what to do.

    Exit code 1 when something is red, or could not be looked at. Reads only, without --fix.
    """
    from hookline.doctor import repair
    from hookline.doctor.catalogue import CHECKS
    from hookline.doctor.page import show_plan

    slugs, accounts = _known(only, CHECKS), account or []
    if fix and not dry_run:
        require_answer(yes=yes)
    use(data)
    _point_to_ingest(data)
    _quieten()
    facts, findings = asyncio.run(_examine(slugs, accounts, data))
    more: dict[str, object] = {}
    if fix:
        fixes = repair.plan(findings)
        more = {"dry_run": dry_run, "fixes": list(fixes)}
        say("\n".join(show_plan(fixes, dry_run=dry_run)))
        if fixes and not dry_run:
            confirm("Go on?", yes=yes)
            for refused in asyncio.run(repair.repair(fixes, accounts)):
                say(refused)
            facts, findings = asyncio.run(_examine(slugs, accounts, data))
    _tell(facts, findings, as_json=as_json, **more)
    _exit(facts, findings)


async def _examine(
    slugs: Collection[str], account_ids: Sequence[str], data: Path | None
) -> "tuple[Facts, list[Finding]]":
    from hookline.doctor.catalogue import examined, parts_of
    from hookline.doctor.look import LOOKS, Wanted, look
    from hookline.doctor.setup import setup

    with counting_bar("looked at", LOOKS) as advance:
        facts = await look(setup(), Wanted(parts_of(slugs), account_ids, data), advance)
    return facts, examined(facts, slugs)


def _known(only: list[str] | None, checks: Collection[str]) -> Collection[str]:
    """The checks that are asked for; all of them when none is named.

    Raises:
        typer.BadParameter: one of them is none.
    """
    unknown = [one for one in only or () if one not in checks]
    if unknown:
        raise typer.BadParameter(
            f"there is no check {', '.join(unknown)}; there are: {', '.join(checks)}",
            param_hint="--only",
        )
    return only or checks


def _point_to_ingest(data: Path | None) -> None:
    """A simulated Graph API on this machine reaches ingest where it listens."""
    host = urlsplit(os.environ.get("HOOKLINE_GRAPH_URL", "")).hostname
    if data is not None and host in LOCAL and not os.environ.get(PUBLIC_URL):
        os.environ[PUBLIC_URL] = os.environ["HOOKLINE_INGEST_URL"]


def _quieten() -> None:
    """What clients log of all that goes wrong is in the findings."""
    wants_all = os.environ.get("HOOKLINE_LOG_LEVEL") == "debug"
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if wants_all else logging.CRITICAL
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _tell(facts: "Facts", findings: "Sequence[Finding]", *, as_json: bool, **more: object) -> None:
    from hookline.doctor import page

    if as_json:
        print_json(page.document(findings, facts.now, **more))
    else:
        page.show(findings)


def _exit(facts: "Facts", findings: "Sequence[Finding]") -> None:
    """Ends with 3 when nothing at all could be looked at, with 1 when not all could, or is red."""
    from hookline.doctor.catalogue import nothing_was_seen

    if nothing_was_seen(facts):
        raise typer.Exit(EXIT_UNREACHABLE)
    if any(one.state in ("red", "unknown") for one in findings):
        raise typer.Exit(EXIT_NO)
