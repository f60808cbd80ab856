"""`hookline subscriptions`: whether Meta sends us what it should, and seeing to it."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hookline.cli.database import run_with
from hookline.cli.options import AsJson, Data, DryRun, Yes, confirm, print_json, require_answer
from hookline.cli.progress import counting_bar
from runtime.lifecycle import EXIT_NO, EXIT_UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncEngine

    from graph.subscribing import Check
    from schemas.settings import SubscriptionsSettings

VERB: Final = "subscriptions"

app = typer.Typer(
    no_args_is_help=True, help="Subscriptions at Meta: the app's own, and those of Pages."
)

Wanted = Annotated[
    list[str] | None,
    typer.Option(
        "--account", metavar="IG_ID", help="Only this account's Page, and its app; repeatable."
    ),
]


@app.command("status")
def status(*, account: Wanted = None, as_json: AsJson = False, data: Data = None) -> None:
    """Show how apps and Pages are subscribed. Ends with 1 if something does not come."""
    from schemas.settings import SubscriptionsSettings

    async def main(
        engine: "AsyncEngine", settings: "SubscriptionsSettings"
    ) -> "tuple[list[Check], str | None]":
        from hookline.subscriptions.survey import subjects, subscribing, survey

        wanted = await subjects(engine, settings, account or [])
        async with subscribing(settings) as meta:
            with counting_bar("subscriptions", len(wanted)) as advance:
                return await survey(meta, wanted, advance), settings.callback_url

    checks, callback_url = run_with(SubscriptionsSettings, VERB, data, main)
    _tell(checks, callback_url, as_json=as_json)
    _exit(checks)


@app.command("apply")
def apply(
    *,
    account: Wanted = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Subscribe apps and Pages to what is missing. Takes no field away; an app's callback moves
    to HOOKLINE_PUBLIC_URL."""
    if not dry_run:
        require_answer(yes=yes)
    from schemas.settings import SubscriptionsSettings

    async def main(
        engine: "AsyncEngine", settings: "SubscriptionsSettings"
    ) -> "tuple[list[Check], str | None, int]":
        from hookline.subscriptions import survey as at_meta

        wanted = await at_meta.subjects(engine, settings, account or [])
        async with at_meta.subscribing(settings) as meta:
            with counting_bar("subscriptions", len(wanted)) as advance:
                before = await at_meta.survey(meta, wanted, advance)
            to_do = at_meta.sendable(meta, before)
            if dry_run or not to_do:
                return before, settings.callback_url, 0
            confirm(_question(to_do, settings.callback_url), yes=yes)
            with counting_bar("sent", len(to_do)) as advance:
                after = await at_meta.apply(engine, meta, before, advance)
            left = at_meta.sendable(meta, after)
        return after, settings.callback_url, len(to_do) - len(left)

    checks, callback_url, written = run_with(SubscriptionsSettings, VERB, data, main)
    _tell(checks, callback_url, as_json=as_json, dry_run=dry_run, written=written)
    if not as_json:
        told = "Nothing was changed." if dry_run or not written else f"{written} subscribed."
        print(told, file=sys.stderr)
    _exit([] if dry_run else checks)


def _question(checks: "Sequence[Check]", callback_url: str | None) -> str:
    from hookline.subscriptions.survey import name_of

    told = []
    for check in checks:
        moved = f", and move its callback to {callback_url}" if check.moves else ""
        told.append(f"  {name_of(check)}: {', '.join(check.to_send)}{moved}")
    return "\n".join(["Subscribe at Meta?", *told, "Go on?"])


def _tell(
    checks: "list[Check]", callback_url: str | None, *, as_json: bool, **more: object
) -> None:
    from hookline.subscriptions import page

    if as_json:
        print_json(page.document(checks, callback_url, **more))
    else:
        page.show(checks, callback_url)


def _exit(checks: "Sequence[Check]") -> None:
    """Ends with 3 when Meta did not answer, with 1 when something does not come."""
    if any(check.refusal and check.refusal.passes for check in checks):
        raise typer.Exit(EXIT_UNREACHABLE)
    if any(check.state != "subscribed" for check in checks):
        raise typer.Exit(EXIT_NO)
