"""An audit for people: the sum, then what is wrong with it. Owns the words."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hookline.audit.faults import MEANINGS, Fault
from hookline.audit.ledger import COUNTS, Entry, total
from hookline.audit.run import Audit
from hookline.console import page
from schemas.fields import FIELDS

HOURS_SHOWN: Final = 24
"""The last hours in which something was received; the sum is of all, and `--json` has them all."""


def show(audit: Audit) -> None:
    """Prints an audit."""
    console = page()
    console.print("received = stored + repeats + dead + parked + in flight", style="dim")
    console.print(_table(audit))
    for fault in audit.faults:
        _fault(console, fault)
    if audit.raw_records is not None:
        console.print(f"Compared with {audit.raw_records:,} raw records in Kafka.")
    console.print(_verdict(audit))


def _table(audit: Audit) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for name in ("hour (UTC)", "field"):
        table.add_column(name)
    for name in COUNTS:
        table.add_column(name.replace("_", " "), justify="right")
    hours = sorted({entry.hour for entry in audit.entries})[-HOURS_SHOWN:]
    for entry in audit.entries:
        if entry.hour in hours or not entry.adds_up:
            hour = f"{entry.hour.astimezone(UTC):%Y-%m-%d %H}:00"
            counts = {name: getattr(entry, name) for name in COUNTS}
            _row(table, hour, entry.field, counts, fine=entry.adds_up)
    table.add_section()
    for field in FIELDS:
        entries = [entry for entry in audit.entries if entry.field == field]
        if entries:
            _row(table, "all", field, total(entries), fine=_all_fine(entries))
    _row(table, "all", "all", total(audit.entries), fine=_all_fine(audit.entries))
    return table


def _all_fine(entries: Iterable[Entry]) -> bool:
    return all(entry.adds_up for entry in entries)


def _row(table: Table, hour: str, field: str, counts: Mapping[str, int], *, fine: bool) -> None:
    table.add_row(
        hour, field, *(f"{counts[name]:,}" for name in COUNTS), style="" if fine else "red"
    )


def _fault(console: Console, fault: Fault) -> None:
    console.print()
    console.print(Text(f"{fault.count:,} {MEANINGS[fault.name]} ({fault.name})", style="bold red"))
    for example in fault.examples:
        told = ", ".join(f"{name} {_plain(value)}" for name, value in example.items())
        console.print(Text(f"  {told}"), soft_wrap=True)
    if len(fault.examples) < fault.count:
        console.print("  … more with --max", style="dim")


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    if isinstance(value, list):
        return " and ".join(map(str, value))
    return "–" if value is None else str(value)


def _verdict(audit: Audit) -> Text:
    if not audit.adds_up:
        return Text("\nIt does not add up.", style="bold red")
    in_flight = total(audit.entries)["in_flight"]
    waiting = f"; {in_flight:,} changes are on their way" if in_flight else ""
    return Text(f"\nEverything adds up{waiting}.", style="bold green")
