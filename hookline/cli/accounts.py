"""`hookline accounts`: Instagram accounts, connected with a user's token."""

# ruff: noqa: PLC0415 - imports wait for the command: help must come at once

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hookline.cli.database import run_with
from hookline.cli.options import AsJson, Data, DryRun, Yes, confirm, print_json

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hookline.accounts.account import Account
    from schemas.settings import AccountsSettings, DatabaseSettings

MAX_TOKEN_CHARACTERS = 4096

Result = TypeVar("Result")

app = typer.Typer(no_args_is_help=True, help="Instagram accounts and their tokens.")

TokenFile = Annotated[
    str | None,
    typer.Option(
        "--token-file",
        metavar="FILE|-",
        help="Holds a Facebook user token; - is standard input. Asked for when not given.",
    ),
]
Wanted = Annotated[
    list[str] | None,
    typer.Option("--account", metavar="IG_ID", help="Only this account; repeatable."),
]
AccountId = Annotated[str, typer.Argument(metavar="IG_ID", help="The Instagram account's id.")]


@app.command("connect")
def connect(
    *,
    token_file: TokenFile = None,
    account: Wanted = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Connect the accounts that a user's token reaches, and keep it, encrypted."""
    token = _token(token_file)
    from hookline.accounts.connecting import connect as connect_accounts
    from schemas.settings import AccountsSettings

    async def main(engine: "AsyncEngine", settings: "AccountsSettings") -> "list[Account]":
        return await connect_accounts(engine, settings, token, account or [], dry_run=dry_run)

    found = run_with(AccountsSettings, "accounts", data, main)
    _tell(found, as_json=as_json)
    if not as_json:
        told = "would be connected" if dry_run else "connected"
        print(f"{len(found)} {told}.", file=sys.stderr)


@app.command("list")
def list_(*, as_json: AsJson = False, data: Data = None) -> None:
    """Show every account with its state, and when its token ends."""
    _tell(_all(data), as_json=as_json)


@app.command("show")
def show(account_id: AccountId, *, as_json: AsJson = False, data: Data = None) -> None:
    """Show all that is known of an account, but for its tokens."""
    from hookline.accounts import page

    found = _one(account_id, _all(data))
    if as_json:
        print_json(page.document(found))
    else:
        page.show(found, datetime.now(UTC))


@app.command("remove")
def remove(
    account_id: AccountId,
    *,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Forget an account's tokens: nothing is read or answered for it any more. What is
    stored stays."""
    found = _one(account_id, _all(data))
    if not dry_run:
        confirm(f"Forget the tokens of {found.account_id} ({found.username})?", yes=yes)
        _run(data, lambda engine, _: _remove(engine, account_id))
    if as_json:
        print_json({"account_id": account_id, "dry_run": dry_run})
    else:
        told = "would be forgotten" if dry_run else "are forgotten"
        print(f"The tokens of {account_id} {told}.", file=sys.stderr)


@app.command("rotate-key")
def rotate_key(*, dry_run: DryRun = False, as_json: AsJson = False, data: Data = None) -> None:
    """Encrypt all tokens with the first of HOOKLINE_VAULT_KEYS; then the others can go."""
    from schemas.settings import AccountsSettings

    async def main(engine: "AsyncEngine", settings: "AccountsSettings") -> int:
        return await _reseal(engine, settings, dry_run=dry_run)

    written = run_with(AccountsSettings, "accounts", data, main)
    if as_json:
        print_json({"written": 0 if dry_run else written, "selected": written})
    else:
        told = "would be" if dry_run else "are"
        print(f"The tokens of {written} accounts {told} encrypted anew.", file=sys.stderr)


@app.command("new-key")
def new_key() -> None:
    """Print a key for HOOKLINE_VAULT_KEYS."""
    from runtime.vault import new_key as make

    print(make())


def _token(file: str | None) -> str:
    """The token, from a file, standard input or a prompt; never from the command line."""
    if file is None:
        if not sys.stdin.isatty():
            raise typer.BadParameter("needs --token-file FILE, or - for standard input")
        token = str(typer.prompt("User token", hide_input=True, err=True))
    elif file == "-":
        token = sys.stdin.read(MAX_TOKEN_CHARACTERS + 1)
    else:
        with open(file, encoding="utf-8", errors="replace") as opened:  # noqa: PTH123
            token = opened.read(MAX_TOKEN_CHARACTERS + 1)
    token = token.strip()
    if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii() or len(token.split()) != 1:
        raise typer.BadParameter("holds no token: one word of letters, digits and signs")
    return token


def _all(data: "Data") -> "list[Account]":
    return _run(data, _read)


def _run(
    data: "Data", main: "Callable[[AsyncEngine, DatabaseSettings], Awaitable[Result]]"
) -> "Result":
    """What `main` gives; it needs no Graph API and no key."""
    from schemas.settings import DatabaseSettings

    return run_with(DatabaseSettings, "accounts", data, main)


async def _read(engine: "AsyncEngine", _: "DatabaseSettings") -> "list[Account]":
    from hookline.accounts.store import all_accounts

    now = datetime.now(UTC)
    return [account.at(now) for account in await all_accounts(engine)]


async def _remove(engine: "AsyncEngine", account_id: str) -> None:
    from hookline.accounts.store import remove as remove_account
    from hookline.operations import recorded

    async with recorded(engine, "accounts remove", {"account": account_id}) as operation:
        removed = await remove_account(engine, account_id, datetime.now(UTC))
        operation.count("written", int(removed))


async def _reseal(engine: "AsyncEngine", settings: "AccountsSettings", *, dry_run: bool) -> int:
    from hookline.accounts.store import all_accounts, reseal
    from hookline.operations import recorded
    from runtime.vault import Vault

    vault = Vault(settings)
    if dry_run:
        return sum(one.state != "removed" for one in await all_accounts(engine))
    async with recorded(engine, "accounts rotate-key", {}) as operation:
        written = await reseal(engine, vault)
        operation.count("written", written)
    return written


def _one(account_id: str, accounts: "list[Account]") -> "Account":
    for account in accounts:
        if account.account_id == account_id:
            return account
    print(f"There is no account {account_id}. Known: hookline accounts list", file=sys.stderr)
    raise typer.Exit(1)


def _tell(accounts: "list[Account]", *, as_json: bool) -> None:
    from hookline.accounts import page

    if as_json:
        print_json({"accounts": [page.document(account) for account in accounts]})
    else:
        page.show_all(accounts, datetime.now(UTC))
