"""What a run found, for people and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.measures import Measure

TABLE_WIDTH: Final = 118
"""Where there is no terminal."""


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run."""

    measures: Sequence[Measure]
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    rounds: int

    def document(self) -> dict[str, Any]:
        """The report as one JSON document."""
        return {
            "rounds": self.rounds,
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "measures": [
                {
                    "group": one.group,
                    "name": one.name,
                    "unit": one.unit,
                    "median": one.median,
                    "min": min(one.values),
                    "max": max(one.values),
                    "values": one.values,
                    "goal": one.goal and asdict(one.goal),
                    "met": one.met,
                }
                for one in self.measures
            ],
        }

    def show(self, console: Console) -> None:
        """The report as one table."""
        table = Table(title="Hookline on this machine", title_justify="left")
        table.add_column("")
        for name in ("median", "least", "most"):
            table.add_column(name, justify="right")
        table.add_column("")
        table.add_column("goal")
        group = ""
        for one in self.measures:
            if one.group != group:
                table.add_section()
                table.add_row(f"[bold]{one.group}[/bold]")
                group = one.group
            numbers = map(figure, (one.median, min(one.values), max(one.values)))
            table.add_row(f"  {one.name}", *numbers, one.unit, verdict(one))
        console.print(table)
        for title, facts in (("Versions", self.versions), ("Machine", self.machine)):
            told = ", ".join(f"{name} {value}" for name, value in facts.items())
            console.print(f"{title}: {told}", markup=False, highlight=False)
        console.print(f"Rounds: {self.rounds}. Goals are compared with the median.")


def figure(value: float) -> str:
    """A number with three significant digits at least, and thousands set apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def verdict(measure: Measure) -> str:
    """Whether a goal is met, and which; empty without one."""
    goal = measure.goal
    if goal is None:
        return ""
    sign = "≥" if goal.sense == "at least" else "≤"
    colour, word = ("green", "met") if measure.met else ("red", "missed")
    return f"[{colour}]{word}[/{colour}] ({sign} {goal.bound:,g})"
