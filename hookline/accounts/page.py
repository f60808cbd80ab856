"""Accounts for people and for machines. Owns the words; no token comes here."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from hookline.accounts.account import Account
from hookline.console import page
from schemas.events import format_time


def document(account: Account) -> dict[str, Any]:
    """An account as JSON."""
    told = {
        name: format_time(value) if isinstance(value, datetime) else value
        for name, value in account._asdict().items()
    }
    return told | {
        "ends_at": account.ends_at and format_time(account.ends_at),
        "missing_scopes": account.missing_scopes,
    }


def show_all(accounts: Sequence[Account], now: datetime) -> None:
    """Prints a line for each account."""
    console = page()
    if not accounts:
        console.print("No account is connected. Connect some: hookline accounts connect")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for name in ("account", "name", "Page", "state", "to be connected again", "lacks"):
        table.add_column(name)
    for account in accounts:
        table.add_row(
            account.account_id,
            Text(account.username or "–"),
            Text(account.page_name or account.page_id or "–"),
            _state(account),
            _left(account.ends_at, now),
            Text(", ".join(account.missing_scopes), style="yellow"),
        )
    console.print(table)


def show(account: Account, now: datetime) -> None:
    """Prints all that is known of an account."""
    console = page()
    for name, value in (
        ("account", account.account_id),
        ("name", account.username),
        ("Page", " ".join(filter(None, (account.page_id, account.page_name)))),
        ("tasks on the Page", ", ".join(account.tasks)),
        ("app", account.app_id),
        ("user, as the app knows it", account.user_id),
        ("state", _state(account).plain),
        ("since", _time(account.state_changed_at)),
        ("connected", _time(account.connected_at)),
        ("token ends", _left(account.expires_at, now)),
        ("access to data ends", _left(account.data_access_expires_at, now)),
        ("granted", ", ".join(account.scopes)),
        ("lacks", ", ".join(account.missing_scopes) or "nothing"),
    ):
        console.print(Text.assemble((f"{name:26}", "dim"), value or "–"), soft_wrap=True)


def _state(account: Account) -> Text:
    styles = {"active": "green", "expiring": "yellow"}
    told = [account.state]
    if account.state_reason:
        told.append(f"({account.state_reason})")
    told += [f"no {endpoint}: {why}" for endpoint, why in account.parked_endpoints.items()]
    return Text(" ".join(told), style=styles.get(account.state, "red"))


def _left(end: datetime | None, now: datetime) -> str:
    """Until when, and how long that is."""
    if end is None:
        return "–"
    days = (end - now).days
    left = f"in {days} days" if days >= 0 else "over"
    return f"{end.astimezone(UTC):%Y-%m-%d} ({left})"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
