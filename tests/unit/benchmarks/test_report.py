"""What a run tells, and the machine's own texts."""

import io
import json

import pytest
from rich.console import Console

from benchmarks.machine import cpu_model, peak_in
from benchmarks.measures import Goal, Measure
from benchmarks.report import Report, figure

REPORT = Report(
    [
        Measure("ingest", "ratio", "", (0.5, 0.7, 0.9), Goal("at least", 0.7)),
        Measure("ingest", "p99", "ms", (12.0,), Goal("at most", 10)),
        Measure("memory", "kafka", "MiB", (250.0,)),
    ],
    {"Python": "3.11"},
    {"cores": "2"},
    3,
)


def test_document_is_json_with_spread_and_goals() -> None:
    """Programs get every value, the median, and whether the goal is met."""
    document = json.loads(json.dumps(REPORT.document()))
    ratio, p99, kafka = document["measures"]
    assert (ratio["median"], ratio["min"], ratio["max"], ratio["met"]) == (0.7, 0.5, 0.9, True)
    assert ratio["goal"] == {"sense": "at least", "bound": 0.7}
    assert (p99["met"], kafka["met"], kafka["goal"]) == (False, None, None)


def test_table_marks_goals() -> None:
    """People see met and missed, with the goal."""
    out = io.StringIO()
    REPORT.show(Console(file=out, width=100))
    text = out.getvalue()
    assert "met (≥ 0.7)" in text
    assert "missed (≤ 10)" in text
    assert "Versions: Python 3.11" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.000"), (0.0456, "0.046"), (1.234, "1.23"), (12.34, "12.3"), (12345.6, "12,346")],
)
def test_figures_keep_three_digits(value: float, text: str) -> None:
    """Small numbers keep their fraction, large ones are readable."""
    assert figure(value) == text


def test_facts_are_read_where_they_are_told() -> None:
    """The processor's name and a process' peak; absent where the system does not tell."""
    assert cpu_model("processor\t: 0\nmodel name\t: Fast One\n") == "Fast One"
    assert cpu_model("nothing") == ""
    assert peak_in("Name:\tpython\nVmHWM:\t    2048 kB\n") == 2
    assert peak_in("Name:\tpython\n") is None
