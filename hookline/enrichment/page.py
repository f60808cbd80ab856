"""The state of enrichment for people and for machines. Owns the words."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from hookline.console import page
from hookline.enrichment.standing import Standing, clears_in
from hookline.moments import spoken


def document(found: Sequence[Standing]) -> dict[str, Any]:
    """The JSON document."""
    ages = [one.oldest_age for one in found if one.oldest_age is not None]
    return {
        "waiting": sum(one.waiting for one in found),
        "due": sum(one.due for one in found),
        "parked": sum(one.for_a_person for one in found),
        "oldest_age_s": _seconds(max(ages, default=None)),
        "clears_in_s": _seconds(clears_in(found)),
        "accounts": [
            {
                **{name: value for name, value in one._asdict().items() if name != "at"},
                "oldest_age_s": _seconds(one.oldest_age),
                "clears_in_s": _seconds(one.clears_in),
            }
            for one in found
        ],
    }


def show(found: Sequence[Standing]) -> None:
    """Prints it."""
    console = page()
    if not found:
        console.print("No account is connected, and nothing waits to be read.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for name in ("account", "state"):
        table.add_column(name)
    for name in ("waiting", "due now", "oldest", "budget used", "clears in"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            _name(one),
            _state(one),
            f"{one.waiting:,}",
            f"{one.due:,}",
            spoken(one.oldest_age),
            "–" if one.used_percent is None else f"{one.used_percent:.0f} %",
            spoken(one.clears_in) if one.waiting else "–",
        )
    console.print(table)
    console.print(_verdict(found))


def _name(one: Standing) -> str:
    return f"{one.account_id} @{one.username}" if one.username else one.account_id


def _state(one: Standing) -> Text:
    told = [one.state.replace("_", " ")]
    if one.state == "expiring" and one.ends_at:
        told.append(f"in {spoken(one.ends_at - one.at)}")
    if one.state_reason:
        told.append(f"({one.state_reason})")
    told += [f"no {endpoint}: {reason}" for endpoint, reason in one.parked_endpoints.items()]
    if one.blocked_until:
        told.append(f"blocked for {spoken(one.blocked_until - one.at)}")
    return Text(" ".join(told), style="red" if one.parked or one.parked_endpoints else "")


def _verdict(found: Sequence[Standing]) -> Text:
    parked = sum(one.for_a_person for one in found)
    waiting = sum(one.waiting for one in found) - parked
    done = clears_in(found)
    when = ", nobody knows yet for how long" if done is None else f", done in {spoken(done)}"
    told = [f"{waiting:,} reads wait{when if waiting else ''}."]
    if parked:
        told.append(f"{parked:,} more wait for their accounts: `hookline accounts connect`.")
    return Text(" ".join(told), style="bold")


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else round(time.total_seconds(), 1)
