"""Prometheus' names (design B7). The metrics themselves are registered in `runtime.metrics`."""

from typing import Final

DELIVERIES_TOTAL: Final = "hookline_deliveries_total"
INGEST_SECONDS: Final = "hookline_ingest_seconds"
CHANGES_TOTAL: Final = "hookline_changes_total"
EVENT_AGE_SECONDS: Final = "hookline_event_age_seconds"
LAG_RECORDS: Final = "hookline_lag_records"
SECONDS_UNTIL_DATA_LOSS: Final = "hookline_seconds_until_data_loss"
DEAD_LETTERS_TOTAL: Final = "hookline_dead_letters_total"
LAST_DELIVERY_TIMESTAMP_SECONDS: Final = "hookline_last_delivery_timestamp_seconds"
BREAKER_OPEN: Final = "hookline_breaker_open"
GAPS_TOTAL: Final = "hookline_gaps_total"
INFLIGHT_BYTES: Final = "hookline_ingest_inflight_bytes"
SPOOL_BYTES: Final = "hookline_ingest_spool_bytes"
SPOOL_KEPT_ASIDE_TOTAL: Final = "hookline_ingest_spool_kept_aside_total"
GRAPH_CALLS_TOTAL: Final = "hookline_graph_calls_total"
