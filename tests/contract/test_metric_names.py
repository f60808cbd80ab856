"""Metrics and their labels, as dashboards and alarms query them; each process has its own."""

import re
import subprocess
import sys

import pytest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from ingest import metrics as ingest_metrics
from runtime import metrics
from runtime.exposition import render

METRICS: dict[str, tuple[MetricWrapperBase, type[MetricWrapperBase], tuple[str, ...]]] = {
    "hookline_deliveries_total": (ingest_metrics.DELIVERIES, Counter, ("outcome",)),
    "hookline_refused_requests_total": (ingest_metrics.REFUSED_REQUESTS, Counter, ("reason",)),
    "hookline_ingest_recent_deliveries": (
        ingest_metrics.RECENT_DELIVERIES,
        Gauge,
        ("outcome",),
    ),
    "hookline_ingest_failure_ratio": (ingest_metrics.FAILURE_RATIO, Gauge, ()),
    "hookline_ingest_seconds": (ingest_metrics.INGEST_SECONDS, Histogram, ()),
    "hookline_changes_total": (metrics.CHANGES, Counter, ("stage", "field", "outcome")),
    "hookline_event_age_seconds": (metrics.EVENT_AGE_SECONDS, Histogram, ("stage", "field")),
    "hookline_lag_records": (metrics.LAG_RECORDS, Gauge, ("topic", "partition", "group")),
    "hookline_seconds_until_data_loss": (
        metrics.SECONDS_UNTIL_DATA_LOSS,
        Gauge,
        ("topic", "group"),
    ),
    "hookline_dead_letters_total": (metrics.DEAD_LETTERS, Counter, ("stage", "reason")),
    "hookline_breaker_open": (metrics.BREAKER_OPEN, Gauge, ("stage",)),
    "hookline_gaps_total": (metrics.GAPS, Counter, ("topic", "group")),
    "hookline_replies_total": (metrics.REPLIES, Counter, ("state",)),
    "hookline_reply_rules_broken": (metrics.REPLY_RULES_BROKEN, Gauge, ()),
    "hookline_reply_rules_loaded_timestamp_seconds": (metrics.REPLY_RULES_LOADED, Gauge, ()),
    "hookline_reply_pattern_timeouts_total": (metrics.REPLY_PATTERN_TIMEOUTS, Counter, ("rule",)),
    "hookline_graph_calls_total": (metrics.GRAPH_CALLS, Counter, ("endpoint", "result")),
    "hookline_graph_budget_used_ratio": (metrics.GRAPH_BUDGET_USED, Gauge, ("account",)),
    "hookline_graph_version_differs": (metrics.GRAPH_VERSION_DIFFERS, Gauge, ("version",)),
    "hookline_graph_version_end_timestamp_seconds": (
        metrics.GRAPH_VERSION_END,
        Gauge,
        ("version",),
    ),
    "hookline_account_end_timestamp_seconds": (metrics.ACCOUNT_END, Gauge, ("account",)),
    "hookline_subscribed": (metrics.SUBSCRIBED, Gauge, ("account",)),
    "hookline_app_subscribed": (metrics.APP_SUBSCRIBED, Gauge, ("app",)),
    "hookline_account_quiet": (metrics.ACCOUNT_QUIET, Gauge, ("account",)),
    "hookline_line_silent": (metrics.LINE_SILENT, Gauge, ()),
    "hookline_last_delivery_timestamp_seconds": (metrics.LAST_DELIVERY, Gauge, ("account",)),
}


@pytest.mark.parametrize("name", METRICS)
def test_name_kind_and_labels(name: str) -> None:
    """Literally."""
    metric, kind, labels = METRICS[name]
    (family,) = metric.describe()
    told = f"{family.name}_total" if kind is Counter else family.name
    assert told == name
    assert isinstance(metric, kind)
    assert metric._labelnames == labels


def test_they_are_all_on_the_page() -> None:
    """Under `/metrics`, in Prometheus' text form."""
    page = render().decode()
    for name, (_, kind, _) in METRICS.items():
        family = name.removesuffix("_total") if kind is Counter else name
        assert f"# HELP {name} " in page or f"# HELP {family} " in page


@pytest.mark.parametrize(
    ("service", "told", "not_told"),
    [
        ("ingest.processes", "ingest_seconds", "lag_records"),
        ("hookline.cli.worker", "lag_records", "ingest_seconds"),
    ],
)
def test_a_process_tells_its_own(service: str, told: str, not_told: str) -> None:
    """Ingest's are no worker's, and theirs not its: a sum over all services counts each once."""
    code = f"import {service}; from runtime.exposition import render; print(render().decode())"
    page = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    families = set(re.findall(r"# HELP hookline_(\w+) ", page.stdout))
    assert told in families
    assert not_told not in families
